// SPDX-License-Identifier: GPL-2.0-or-later
//
// Migration with TLS, credential by credential. A good one puts nothing in the clear. A refused one fails with the
// reason on the side that has it, and harms neither the source nor a target that is still waiting; who says what, and
// when, is told in creds_object.h.
#include <fmt/format.h>

#include "credentials.h"
#include "multifd.h"
#include "precopy.h"
#include "wire.h"

namespace precopy
{

namespace
{

constexpr unsigned channels = 4;

enum class End {
    completes,
    completes_live,
    refused_by_source, // before it sends anything
    refused_by_target,
};

struct Row {
    const char* name; // below …/tls/
    const char* summary;
    Credentials credentials;
    End end = End::completes;
    const char* reason = ""; // in the words of who refuses
    Tag tag = Tag::full;
};

/// What a row's migration goes over.
struct Carrier {
    bool unix_socket = false;
    bool multifd = false;
    const char* compression = nullptr;
};

MigrationPair::Options options_of(Case& test, const Row& row, const Carrier& carrier)
{
    MigrationPair::Options options = carrier.multifd ? multifd(channels) : MigrationPair::Options{};
    if (carrier.compression)
        options.parameters.set("multifd-compression", carrier.compression);
    options.before = give(test, row.credentials);
    return options;
}

void encrypted(Case& test, const Row& row, const Carrier& carrier)
{
    Wire wire(test);
    const Transport transport = [&](Case&, MigrationPair& pair) {
        return carrier.unix_socket ? wire.unix_socket(pair) : wire.tcp(pair);
    };
    if (row.end == End::completes_live)
        live(test, transport, options_of(test, row, carrier));
    else
        non_live(test, transport, options_of(test, row, carrier));
    wire.expect_encrypted(1 + (carrier.multifd ? channels : 0));
}

/// The target waits as if nobody had come, having said why it refused who came.
void expect_target_waits(Case& test, MigrationPair& pair, const MigrationPair::Marks& since, const std::string& reason)
{
    test.phase("the target waits on");
    migration::Vm& target = pair.target();
    target.machine().await_words(reason, migration::Deadline::in(migration::usual_timeout));
    target.expect_run_state("inmigrate");
    // QEMU 7.2 says nothing of a target that waits.
    const Json status = target.qmp().execute("query-migrate").find("status").value_or("setup");
    test.check(status == Json("setup"), "target: query-migrate says " + status.dump() + " of a target that waits");
    pair.expect_statuses(target, since.target, {});
}

void refused(Case& test, const Row& row, const Carrier& carrier)
{
    const bool by_source = row.end == End::refused_by_source;
    MigrationPair::Options options = options_of(test, row, carrier);
    // With more connections to come, it does not read from the first.
    options.target_fails = by_source && !carrier.multifd;
    MigrationPair pair(test, options);
    test.phase("migrate, to be refused");
    const auto marks = pair.start((carrier.unix_socket ? unix_socket : tcp)(test, pair));
    if (by_source) {
        pair.expect_source_failed(marks, {row.reason});
        pair.expect_statuses(pair.source(), marks.source, {"setup", "failed"});
    } else {
        // It has found the target gone, by whatever it did next.
        pair.expect_source_failed(marks, {"TLS", "Unable to write to socket"});
    }
    if (options.target_fails)
        // All it has read is an end of file.
        pair.expect_target_failed(marks, {"load of migration failed: Invalid argument"});
    else
        expect_target_waits(test, pair, marks, by_source ? "" : row.reason);
    pair.expect_good_migration_follows();
}

std::vector<Row> rows()
{
    const std::string ip = "127.0.0.1";
    const std::string acme = "ACME QEMU Client";
    const X509::Issue expired{.window = tls::Window::expired};
    const X509::Issue early{.window = tls::Window::not_yet_valid};
    const X509::Issue foreign{.by_stranger = true};
    const char* const not_trusted = "The certificate is not trusted";
    const char* const no_issuer = "The certificate hasn't got a known issuer";
    return {
        {"psk/match", "one key on both sides", Psk{}, End::completes, "", Tag::smoke},
        {"psk/live", "one key on both sides, live", Psk{}, End::completes_live},
        {"psk/mismatch", "keys that differ: the target refuses", Psk{.same_key = false}, End::refused_by_target,
         "TLS handshake failed: An illegal parameter has been received."},
        {"x509/default-host", "a certificate for the target's address", X509{.ip = ip}},
        {"x509/live", "a certificate for the target's address, live", X509{.ip = ip}, End::completes_live},
        {"x509/override-host", "a certificate for the host name that is asked for", X509{.hostname = "qemu.org"}},
        {"x509/mismatch-host", "a certificate for another address: the source refuses", X509{.ip = "10.0.0.1"},
         End::refused_by_source, "Certificate does not match the hostname 127.0.0.1"},
        {"x509/friendly-client", "a client that is authorized", X509{.ip = ip, .lets_in = acme}},
        {"x509/hostile-client", "a client that is not authorized: the target refuses",
         X509{.ip = ip, .client = "ACME Hostile Client", .lets_in = acme}, End::refused_by_target,
         "TLS x509 authz check for CN=ACME Hostile Client is denied"},
        {"x509/allow-anon-client", "no certificate of the client, and none wanted",
         X509{.ip = ip, .client = {}, .verify_peer = false}},
        {"x509/reject-anon-client", "no certificate of the client: the target refuses", X509{.ip = ip, .client = {}},
         End::refused_by_target, "Verify failed: No certificate was found."},
        {"x509/expired/server", "the target's certificate has expired: the source refuses",
         X509{.ip = ip, .servers = expired}, End::refused_by_source, not_trusted},
        {"x509/expired/client", "the source's certificate has expired: the target refuses",
         X509{.ip = ip, .clients = expired}, End::refused_by_target, not_trusted},
        {"x509/not-yet-valid/server", "the target's certificate is not yet valid: the source refuses",
         X509{.ip = ip, .servers = early}, End::refused_by_source, not_trusted},
        {"x509/not-yet-valid/client", "the source's certificate is not yet valid: the target refuses",
         X509{.ip = ip, .clients = early}, End::refused_by_target, not_trusted},
        {"x509/wrong-ca/server", "the target's certificate is a stranger's: the source refuses",
         X509{.ip = ip, .servers = foreign}, End::refused_by_source, no_issuer},
        {"x509/wrong-ca/client", "the source's certificate is a stranger's: the target refuses",
         X509{.ip = ip, .clients = foreign}, End::refused_by_target, no_issuer},
    };
}

void add(Registry& registry, const Row& row, const Carrier& carrier)
{
    auto needs = needs_of(row.credentials);
    if (carrier.multifd)
        needs.push_back(Need::capability("multifd"));
    if (carrier.compression)
        needs.push_back(Need::parameter_value("multifd-compression", carrier.compression));
    const bool good = row.end == End::completes || row.end == End::completes_live;
    registry.add({.path = fmt::format("/migration/{}/{}/tls/{}", carrier.multifd ? "multifd" : "precopy",
                                      carrier.unix_socket ? "unix" : "tcp", row.name),
                  .summary = row.summary,
                  .run = [=](Case& test) { (good ? encrypted : refused)(test, row, carrier); },
                  .needs = std::move(needs),
                  .tag = row.tag,
                  .labels = {"tls"}});
}

} // namespace

void register_tls(Registry& registry)
{
    for (const Row& row : rows()) {
        add(registry, row, {});
        add(registry, row, {.multifd = true});
    }
    add(registry,
        {"no-hostname", "a certificate that names no host: the source refuses", X509{.lets_in = "ACME QEMU Client"},
         End::refused_by_source, "Certificate does not match the hostname 127.0.0.1"},
        {});
    add(registry, {"psk/zlib/live", "one key on both sides, compressed, live", Psk{}, End::completes_live},
        {.multifd = true, .compression = "zlib"});
    const Carrier unix_socket{.unix_socket = true};
    add(registry, {"psk", "one key on both sides", Psk{}}, unix_socket);
    add(registry, {"psk/live", "one key on both sides, live", Psk{}, End::completes_live}, unix_socket);
    add(registry,
        {"x509/default-host", "a UNIX socket has no name for a certificate: the source refuses",
         X509{.ip = "127.0.0.1"}, End::refused_by_source, "No hostname for certificate validation"},
        unix_socket);
    add(registry,
        {"x509/override-host", "a certificate for the host name that is asked for", X509{.hostname = "qemu.org"}},
        unix_socket);
}

} // namespace precopy

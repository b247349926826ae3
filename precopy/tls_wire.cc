// SPDX-License-Identifier: GPL-2.0-or-later
//
// TLS seen from between the two sides: when it is not there, when it is damaged, when a stranger came first.
#include "credentials.h"
#include "creds_object.h"
#include "precopy.h"
#include "wire.h"

namespace precopy
{

namespace
{

/// Credentials that were set, and taken back.
void no_tls(Case& test)
{
    Wire wire(test);
    MigrationPair::Options options;
    options.before = [set = give(test, Psk{})](MigrationPair& pair) {
        set(pair);
        for (migration::Vm* vm : {&pair.source(), &pair.target()})
            pair.set_parameters(*vm, {{"tls-creds", nullptr}});
    };
    non_live(
        test, [&](Case&, MigrationPair& pair) { return wire.tcp(pair); }, options);
    wire.expect_clear();
}

/// In the clear, a bit flipped here would be one of the guest's RAM.
constexpr relay::StreamByte far_behind_handshake{3'000'000};

void damaged(Case& test)
{
    Wire wire(test);
    MigrationPair pair(test, {.target_fails = true, .before = give(test, Psk{})});
    const Json to = wire.tcp(pair);
    wire.relay().damage({.kind = relay::Damage::Kind::flip_bit, .place = far_behind_handshake});
    test.phase("migrate, to be damaged");
    const auto marks = pair.migrate_with(to);
    // It has found the target gone, by whatever it did next. The target tells no more than this.
    pair.expect_source_failed(marks, {"TLS", "Unable to write to socket"});
    test.check(wire.relay().damage_done() == 1, wire.relay().damage_text());
    pair.expect_target_failed(marks, {"load of migration failed: Input/output error"});
    pair.expect_good_migration_follows();
}

/// A target that has refused somebody still takes who is right.
void stranger_first(Case& test)
{
    MigrationPair pair(test, {.before = give(test, Psk{.same_key = false})});
    const Json to = tcp(test, pair);
    test.phase("migrate, to be refused");
    pair.expect_source_failed(pair.start(to), {"TLS"});
    pair.source().qmp().execute("object-add", tls::psk_object({.id = "right",
                                                               .endpoint = tls::Endpoint::client,
                                                               .directory = test.directory() / "target.tls"}));
    pair.set_parameters(pair.source(), {{"tls-creds", "right"}});
    pair.converge();
    test.phase("migrate with the right key");
    const auto marks = pair.migrate_with(to);
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

} // namespace

void register_tls_wire(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, void (*run)(Case&)) {
        registry.add({.path = std::string("/migration/precopy/tcp/") + path,
                      .summary = summary,
                      .run = run,
                      .needs = needs_of(Psk{}),
                      .tag = Tag::full,
                      .labels = {"tls"}});
    };
    add("no-tls", "credentials taken back: everything goes in the clear", no_tls);
    add("tls/psk/damaged", "a bit flipped on the way fails the migration", damaged);
    add("tls/psk/stranger-first", "the target refuses a wrong key, then takes the right one", stranger_first);
}

} // namespace precopy

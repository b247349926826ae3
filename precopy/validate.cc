// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where to migrate, and to whom: destinations that are none, and guests that are another's.
#include <fmt/format.h>

#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

/// A source that was refused its destination told nothing, or (7.2) that the migration had failed; a target told
/// nothing, or (7.2) that it waited for one.
void expect_nothing_begun(MigrationPair& pair, const MigrationPair::Marks& since)
{
    if (!migration::statuses(pair.source(), since.source).empty())
        pair.expect_statuses(pair.source(), since.source, {"setup", "failed"});
    if (!migration::statuses(pair.target(), since.target).empty())
        pair.expect_statuses(pair.target(), since.target, {"setup"});
    pair.source().expect_run_state("running");
    pair.source().expect_progress();
}

/// Both commands are refused these arguments, saying these texts.
void refused_both(Case& test, const Json& arguments, const std::string& source_text, const std::string& target_text)
{
    MigrationPair pair(test, {});
    test.phase("migrate and migrate-incoming");
    const auto since = pair.mark();
    pair.source().expect_refused("migrate", arguments, {source_text});
    pair.target().expect_refused("migrate-incoming", arguments, {target_text});
    expect_nothing_begun(pair, since);
    expect_good_migration(test, pair);
}

/// The source accepts it, finds out, and fails.
void fails(Case& test, const std::string& uri, const std::string& text)
{
    MigrationPair pair(test, {});
    test.phase("migrate to " + uri);
    const auto marks = pair.start({{"uri", uri}});
    pair.expect_source_failed(marks, {text});
    pair.expect_statuses(pair.source(), marks.source, {"setup", "failed"});
    pair.expect_statuses(pair.target(), marks.target, {});
    expect_good_migration(test, pair);
}

/// The target cannot listen there; then it is told where it can.
void incoming_refused(Case& test, const std::string& uri, const std::string& text)
{
    MigrationPair pair(test, {});
    test.phase("migrate-incoming");
    pair.target().expect_refused("migrate-incoming", {{"uri", uri}}, {text});
    expect_good_migration(test, pair);
}

const char* const one_uuid = "11111111-1111-1111-1111-111111111111";
const char* const other_uuid = "22222222-2222-2222-2222-222222222222";

MigrationPair::Options with_uuids(const char* source, const char* target)
{
    const auto side = [](const char* uuid) {
        return MigrationPair::Side{.arguments =
                                       uuid ? std::vector<std::string>{"-uuid", uuid} : std::vector<std::string>{}};
    };
    return {.capabilities = {"validate-uuid"}, .only_source = side(source), .only_target = side(target)};
}

/// Held back, so that the source cannot have sent everything before the target has looked at the UUID.
void other_guest(Case& test, bool target_stays)
{
    MigrationPair::Options options = with_uuids(one_uuid, other_uuid);
    options.target_fails = target_stays;
    MigrationPair pair(test, options);
    if (!target_stays)
        pair.target().machine().expect_exit(qtest::ExitStatus::exited(1));
    pair.hold_back();
    const Json uri = tcp(test, pair);
    test.phase("migrate to a VM with another UUID");
    const auto marks = pair.start(uri);
    if (target_stays)
        pair.expect_target_failed(marks, {"load of migration failed", "UUID"});
    else
        pair.target().machine().wait_exit(qtest::Deadline::in(migration::usual_timeout));
    const std::string words = pair.target().machine().last_words();
    const std::string expected = fmt::format("UUID received is {} and local is {}", one_uuid, other_uuid);
    test.check(words.find(expected) != std::string::npos,
               fmt::format("target: expected '{}' on stderr, seen '{}'", expected, words));
    pair.expect_source_failed(marks, {"Unable to write to socket: "});
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "failed"});
    pair.expect_good_migration_follows();
}

} // namespace

void register_validate(Registry& registry)
{
    const auto add = [&](const std::string& path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}) {
        registry.add({.path = "/migration/" + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    add("bad_dest", "nobody listens there: the source fails, the target is not concerned",
        [](Case& test) { fails(test, "tcp:127.0.0.1:0", "Failed to connect to '127.0.0.1:0': Connection refused"); });

    const auto uuids = [&](const std::string& name, const char* summary, const char* source, const char* target) {
        add("validate_uuid" + name, summary,
            [source, target](Case& test) { live(test, tcp, with_uuids(source, target)); },
            {Need::capability("validate-uuid")});
    };
    uuids("", "both have the same UUID", one_uuid, one_uuid);
    uuids("_src_not_set", "the target alone has a UUID", nullptr, one_uuid);
    uuids("_dst_not_set", "the source alone has a UUID", one_uuid, nullptr);
    add("validate_uuid_error", "another UUID: the target says so and exits, the source goes on",
        [](Case& test) { other_guest(test, false); }, {Need::capability("validate-uuid")});
    add("validate_uuid_error/target-stays", "the same, the target told not to exit",
        [](Case& test) { other_guest(test, true); },
        {Need::capability("validate-uuid"), Need::argument("migrate-incoming", "exit-on-error")});

    const std::vector<Need> channels{Need::argument("migrate", "channels"),
                                     Need::argument("migrate-incoming", "channels")};
    const Json channel{{"channel-type", "main"},
                       {"addr", {{"transport", "socket"}, {"type", "inet"}, {"host", "127.0.0.1"}, {"port", "0"}}}};
    const auto both = [&](const std::string& name, const char* summary, const Json& arguments, std::string source_text,
                          std::vector<Need> needs = {}, std::string target_text = {}) {
        if (target_text.empty())
            target_text = source_text;
        add(
            "validate_uri/" + name, summary,
            [=](Case& test) { refused_both(test, arguments, source_text, target_text); }, std::move(needs));
    };
    const std::string either = "need either 'uri' or 'channels' argument";
    both("channels/both_set", "a URI and channels", {{"uri", "tcp:127.0.0.1:0"}, {"channels", Json::array({channel})}},
         either, channels);
    both("channels/none_set", "neither URI nor channels", Json::object(), either, channels);
    both("channels/empty", "a list of no channels", {{"channels", Json::array()}}, either, channels);
    const auto uri = [&](const std::string& name, const char* summary, const char* text, std::string source_says,
                         std::string target_says = {}) {
        both(name, summary, {{"uri", text}}, std::move(source_says), {}, std::move(target_says));
    };
    // 7.2's source has words of its own.
    uri("empty", "a URI of nothing", "", "migration protocol", "unknown migration protocol: ");
    uri("unknown-protocol", "a protocol that there is not", "ftp:127.0.0.1:21", "migration protocol",
        "unknown migration protocol: ftp:127.0.0.1:21");
    uri("tcp/no-address", "no host and no port", "tcp:", "error parsing address ''");
    uri("tcp/no-port", "a host alone", "tcp:127.0.0.1", "error parsing address '127.0.0.1'");
    uri("tcp/empty-port", "a port of nothing", "tcp:127.0.0.1:", "error parsing address '127.0.0.1:'");
    uri("tcp/bad-ipv6", "a bracket that is not closed", "tcp:[::1", "error parsing IPv6 address '[::1'");
    uri("unix/no-path", "a UNIX socket without a path", "unix:", "invalid Unix socket address");
    both("fd/no-name", "a descriptor without a name", {{"uri", "fd:"}}, "invalid file descriptor address", channels);
    both("rdma/no-address", "RDMA to nowhere", {{"uri", "rdma:"}}, "address", {Need::transport("rdma")});

    const std::string long_path = "/" + std::string(200, 'x');
    add("validate_uri/tcp/bad-port", "a port that is no number: the source fails",
        [](Case& test) { fails(test, "tcp:127.0.0.1:x", "address resolution failed for 127.0.0.1:x: "); });
    add("validate_uri/unix/no-such-path", "a UNIX socket that is not there: the source fails", [](Case& test) {
        fails(test, "unix:/no-such/socket", "Failed to connect to '/no-such/socket': No such file or directory");
    });
    add("validate_uri/unix/long-path", "a path that is too long: the source fails", [long_path](Case& test) {
        fails(test, "unix:" + long_path, "UNIX socket path '" + long_path + "' is too long");
    });
    add("validate_uri/incoming/bad-port", "the target refuses a port that is no number, and takes another after it",
        [](Case& test) { incoming_refused(test, "tcp:127.0.0.1:x", "address resolution failed for 127.0.0.1:x: "); });
    add("validate_uri/incoming/unix/no-such-path", "the target refuses a path that is not there, and takes another",
        [](Case& test) {
            incoming_refused(test, "unix:/no-such/socket", "Failed to bind socket to /no-such/socket: ");
        });
}

} // namespace precopy

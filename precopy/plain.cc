// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pre-copy over one stream: the transports, and what may be agreed on for its end.
#include <sys/socket.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

/// QEMU gets one end of a socket under a name, and migrates to or from that.
Json file_descriptor(Case& test, MigrationPair& pair)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw qtest::EnvironmentError("no socket pair");
    qtest::UniqueFd sources(ends[0]);
    hand_over(test, pair.target(), qtest::UniqueFd(ends[1]));
    hand_over(test, pair.source(), std::move(sources));
    return pair.listen_with({{"uri", "fd:migration"}});
}

/// Both must have used the descriptor up.
void expect_descriptors_taken(MigrationPair& pair)
{
    for (migration::Vm* vm : {&pair.source(), &pair.target()})
        vm->expect_refused("closefd", {{"fdname", "migration"}}, {"File descriptor named 'migration' not found"});
}

/// Two processes in between, each at the end of a pipe of its own.
Json exec(Case& test, MigrationPair& pair)
{
    const std::string pipe = test.directory() / "migration.fifo";
    if (mkfifo(pipe.c_str(), 0600) != 0)
        throw qtest::EnvironmentError("cannot make " + pipe);
    pair.listen_with({{"uri", "exec:cat < " + pipe}});
    return {{"uri", "exec:cat > " + pipe}};
}

/// The target must say that it is ready before the source stops.
void switchover_ack(Case& test) { live(test, tcp, {.capabilities = {"return-path", "switchover-ack"}}); }

/// The source stops and waits before device state; then it is told to go on.
void pause_before_switchover(Case& test)
{
    MigrationPair pair(test, {.capabilities = {"pause-before-switchover"}});
    const auto marks = migrate_held_back(test, pair, tcp);
    pair.converge();
    test.phase("pre-switchover");
    pair.wait_status(pair.source(), "pre-switchover", marks.source);
    pair.source().expect_run_state("finish-migrate");
    const std::uint32_t stopped_in = pair.source().pass();
    test.check(pair.target().qmp().events().find("MIGRATION", Json{{"status", "completed"}}, marks.target) == nullptr,
               "target: it completed before the source was told to go on");
    pair.source().expect_refused("migrate-continue", {{"state", "setup"}}, {"not in expected state"});
    pair.source().qmp().execute("migrate-continue", {{"state", "pre-switchover"}});
    pair.expect_completed(marks);
    test.check(pair.source().pass() == stopped_in, "source: its guest ran on after pre-switchover");
    pair.expect_target_continues();
}

/// As users migrate: the target runs by itself as soon as it has everything.
void target_resumes(Case& test) { live(test, tcp, {.target_starts_stopped = false}); }

} // namespace

void register_plain(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}, Tag tag = Tag::smoke) {
        registry.add({.path = std::string("/migration/precopy/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = tag});
    };
    add("unix/plain", "live migration over a UNIX socket", [](Case& test) { live(test, unix_socket); });
    add("tcp/plain", "live migration over TCP", [](Case& test) { live(test, tcp); });
    add("tcp/non-live", "migration of a stopped guest over TCP", [](Case& test) { non_live(test, tcp); });
    add("tcp/resume", "live migration after which the target runs by itself", target_resumes);
    add("tcp/channels", "live migration over TCP, told as a list of channels",
        [](Case& test) { live(test, tcp_channels); },
        {Need::argument("migrate", "channels").on_source(),
         Need::argument("migrate-incoming", "channels").on_target()});
    add("tcp/plain/switchover-ack", "the switchover waits for the target's consent", switchover_ack,
        {Need::capability("switchover-ack"), Need::capability("return-path")}, Tag::full);
    add("tcp/pause-before-switchover", "the source stops before device state, until told to go on",
        pause_before_switchover, {Need::capability("pause-before-switchover")}, Tag::full);
    add(
        "tcp/return-path", "live migration with a return path",
        [](Case& test) { live(test, tcp, {.capabilities = {"return-path"}}); }, {Need::capability("return-path")},
        Tag::full);
    add(
        "fd/tcp", "migration of a stopped guest over a descriptor, which both sides use up",
        [](Case& test) { non_live(test, file_descriptor, {.after = expect_descriptors_taken}); },
        {Need::command("getfd")}, Tag::full);
    add(
        "fd/live", "live migration over a descriptor", [](Case& test) { live(test, file_descriptor); },
        {Need::command("getfd")}, Tag::full);
    add(
        "exec/plain", "live migration through a command on each side", [](Case& test) { live(test, exec); }, {},
        Tag::full);
}

} // namespace precopy

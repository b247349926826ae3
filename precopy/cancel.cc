// SPDX-License-Identifier: GPL-2.0-or-later
//
// migrate_cancel in every status of a migration that a source can tell before postcopy: each case has the source surely
// in that status when the cancel comes.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "full_listener.h"
#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

using migration::Vm;

constexpr unsigned channels = 2;
/// Nobody listens there.
const Json nowhere{{"uri", "tcp:127.0.0.1:0"}};

MigrationPair::Options pausing_multifd()
{
    MigrationPair::Options options = multifd(channels);
    options.capabilities.push_back("pause-before-switchover");
    options.target_fails = true;
    return options;
}

/// Cancels a migration that is over, or never was, on this side.
void expect_cancel_changes_nothing(Case& test, Vm& vm)
{
    const Json before = vm.qmp().execute("query-migrate");
    vm.qmp().execute("migrate_cancel");
    const Json after = vm.qmp().execute("query-migrate");
    test.check(before == after, fmt::format("{}: query-migrate says {} before migrate_cancel and {} after it",
                                            vm.name(), before.dump(), after.dump()));
}

void expect_cancelled(Case& test, MigrationPair& pair, const MigrationPair::Marks& marks,
                      std::vector<std::string> statuses)
{
    const Json status = pair.source().qmp().execute("query-migrate").at("status");
    test.check(status == Json("cancelled"), "source: query-migrate says " + status.dump() + " after it was cancelled");
    pair.expect_source_unharmed();
    statuses.insert(statuses.end(), {"cancelling", "cancelled"});
    pair.expect_statuses(pair.source(), marks.source, statuses);
}

void expect_target_lost_it(MigrationPair& pair, const MigrationPair::Marks& marks)
{
    pair.expect_target_failed(marks, {"load of migration failed"});
    pair.expect_statuses(pair.target(), marks.target, {"active", "failed"});
}

/// The rest of a cancel that ended a stream to the target.
void expect_both_cancelled(Case& test, MigrationPair& pair, const MigrationPair::Marks& marks,
                           const std::vector<std::string>& statuses)
{
    expect_target_lost_it(pair, marks);
    expect_cancelled(test, pair, marks, statuses);
    pair.expect_good_migration_follows();
}

void after_none(Case& test)
{
    MigrationPair pair(test, {});
    test.phase("cancel");
    const auto since = pair.mark();
    expect_cancel_changes_nothing(test, pair.target());
    expect_cancel_changes_nothing(test, pair.source());
    pair.expect_statuses(pair.source(), since.source, {});
    pair.expect_statuses(pair.target(), since.target, {});
    pair.converge();
    const Json uri = tcp(test, pair);
    expect_cancel_changes_nothing(test, pair.target());
    test.phase("migrate");
    const auto marks = pair.migrate_with(uri);
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

void after_failed(Case& test)
{
    MigrationPair pair(test, {});
    test.phase("migrate to where nobody listens");
    const auto marks = pair.start(nowhere);
    pair.expect_source_failed(marks, {"Failed to connect to '127.0.0.1:0': Connection refused"});
    test.phase("cancel");
    expect_cancel_changes_nothing(test, pair.source());
    pair.expect_source_unharmed();
    pair.expect_statuses(pair.source(), marks.source, {"setup", "failed"});
    expect_good_migration(test, pair);
}

void after_completed(Case& test)
{
    MigrationPair pair(test, {});
    pair.converge();
    test.phase("migrate");
    const auto marks = pair.migrate_with(tcp(test, pair));
    pair.expect_completed(marks);
    test.phase("cancel");
    expect_cancel_changes_nothing(test, pair.target());
    expect_cancel_changes_nothing(test, pair.source());
    pair.expect_target_continues();
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "completed"});
    pair.expect_statuses(pair.target(), marks.target, {"active", "completed"});
}

/// Cancels while the source waits in `setup` for what only the listener's end ends.
void cancel_setup(Case& test, MigrationPair& pair, const MigrationPair::Marks& marks, FullListener& listener)
{
    test.phase("cancel");
    pair.wait_status(pair.source(), "setup", marks.source);
    pair.source().qmp().execute("migrate_cancel");
    pair.source().wait_event("MIGRATION", {{"status", "cancelling"}}, marks.source);
    test.phase("the listener goes");
    listener.close();
    pair.source().wait_event("MIGRATION", {{"status", "cancelled"}}, marks.source);
    // Until the connection that was asked for has come to nothing the source cannot migrate again; no event tells it.
    const auto deadline = qtest::Deadline::in(migration::usual_timeout);
    const auto connecting = [&] {
        const auto all = pair.source().qmp().execute("query-yank").elements();
        return std::find(all.begin(), all.end(), Json{{"type", "migration"}}) != all.end();
    };
    while (connecting())
        test.check(!deadline.passed(), "source: query-yank still knows a migration after it was cancelled");
    expect_cancelled(test, pair, marks, {"setup"});
    pair.expect_statuses(pair.target(), marks.target, {});
    pair.expect_good_migration_follows();
}

/// The connection is asked for and not made.
void after_setup(Case& test)
{
    MigrationPair pair(test, pausing_multifd());
    FullListener listener(test.directory() / "full.sock", false);
    test.phase("migrate to a listener that has no room");
    const auto marks = pair.start({{"uri", listener.uri()}});
    cancel_setup(test, pair, marks, listener);
}

/// The stream's own connection is made, one of multifd's is not.
void after_setup_channels(Case& test)
{
    MigrationPair pair(test, pausing_multifd());
    FullListener listener(test.directory() / "full.sock", true);
    test.phase("migrate to a listener that has room for one");
    const auto marks = pair.start({{"uri", listener.uri()}});
    listener.await_connection(test.loop());
    cancel_setup(test, pair, marks, listener);
}

/// The connection is made, and its TLS handshake begun.
void after_setup_tls(Case& test)
{
    MigrationPair pair(test, {.only_source = {.parameters = {{"tls-creds", "tls"}},
                                              .arguments = {"-object", "tls-creds-anon,id=tls,endpoint=client"}}});
    FullListener listener(test.directory() / "full.sock", true);
    test.phase("migrate to a listener that does not answer");
    const auto marks = pair.start({{"uri", listener.uri()}});
    listener.await_connection(test.loop());
    listener.await_bytes(test.loop());
    cancel_setup(test, pair, marks, listener);
}

void after_active(Case& test)
{
    MigrationPair pair(test, pausing_multifd());
    const auto marks = migrate_held_back(test, pair, tcp);
    expect_connections(test, pair, channels);
    pair.cancel(marks);
    expect_both_cancelled(test, pair, marks, {"setup", "active"});
}

void after_pre_switchover(Case& test)
{
    MigrationPair pair(test, pausing_multifd());
    pair.converge();
    test.phase("migrate up to pre-switchover");
    const auto marks = pair.migrate_with(tcp(test, pair));
    pair.wait_status(pair.source(), "pre-switchover", marks.source);
    pair.source().expect_run_state("finish-migrate");
    pair.cancel(marks);
    pair.source().wait_event("RESUME", {}, marks.source);
    expect_both_cancelled(test, pair, marks, {"setup", "active", "pre-switchover"});
}

void after_cancelled(Case& test)
{
    MigrationPair pair(test, {.target_fails = true});
    const auto marks = migrate_held_back(test, pair, tcp);
    pair.cancel(marks);
    expect_target_lost_it(pair, marks);
    test.phase("cancel again");
    expect_cancel_changes_nothing(test, pair.source());
    expect_cancelled(test, pair, marks, {"setup", "active"});
    pair.expect_good_migration_follows();
}

/// A pipe cannot be shut down: while its reader does not read, the source that waits to write more stays `cancelling`.
void after_cancelling(Case& test)
{
    MigrationPair pair(test, {.target_fails = true});
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw qtest::EnvironmentError("no pipe");
    qtest::UniqueFd writes(ends[1]);
    hand_over(test, pair.target(), qtest::UniqueFd(ends[0]));
    hand_over(test, pair.source(), qtest::UniqueFd(fcntl(writes.get(), F_DUPFD_CLOEXEC, 0)));
    pair.listen_with({{"uri", "fd:migration"}});
    test.phase("migrate to a target that is stopped by SIGSTOP");
    kill(pair.target().machine().pid(), SIGSTOP);
    pair.converge();
    const auto marks = pair.migrate("fd:migration");
    pollfd writable{writes.get(), POLLOUT, 0};
    while (poll(&writable, 1, 0) != 0)
        pair.source().expect_progress();
    writes.reset();
    test.phase("cancel, twice");
    pair.source().qmp().execute("migrate_cancel");
    pair.source().wait_event("MIGRATION", {{"status", "cancelling"}}, marks.source);
    const auto second = pair.source().mark();
    pair.source().qmp().execute("migrate_cancel");
    const Json status = pair.source().qmp().execute("query-migrate").at("status");
    test.check(status == Json("cancelling"), "source: query-migrate says " + status.dump() + " while it cannot write");
    // Every version seen tells the status once more.
    std::vector<std::string> statuses{"setup", "active"};
    if (pair.source().qmp().events().find("MIGRATION", Json{{"status", "cancelling"}}, second))
        statuses.push_back("cancelling");
    test.phase("the target goes on");
    kill(pair.target().machine().pid(), SIGCONT);
    pair.source().wait_event("MIGRATION", {{"status", "cancelled"}}, marks.source);
    expect_both_cancelled(test, pair, marks, statuses);
}

} // namespace

void register_cancel(Registry& registry)
{
    const auto add = [&](const char* status, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}) {
        registry.add({.path = std::string("/migration/cancel/src/after/") + status,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    const std::vector<Need> multifd{Need::capability("multifd"), Need::capability("pause-before-switchover")};
    add("none", "cancel before any migration, on both sides, changes nothing", after_none);
    add("failed", "cancel after a failed migration changes nothing", after_failed);
    add("completed", "cancel after a migration, on both sides, changes nothing", after_completed);
    add("cancelled", "a second cancel changes nothing", after_cancelled);
    add("cancelling", "a second cancel changes nothing while the first is being carried out", after_cancelling);
    add("setup", "cancel while the connection is still being made", after_setup, multifd);
    add("setup/channels", "cancel while multifd's connections are still being made", after_setup_channels, multifd);
    add("setup/tls", "cancel while nobody answers the TLS handshake", after_setup_tls,
        {Need::object("tls-creds-anon")});
    add("active", "cancel in the middle of RAM", after_active, multifd);
    add("pre-switchover", "cancel when the guest is stopped already: it goes on", after_pre_switchover, multifd);
}

} // namespace precopy

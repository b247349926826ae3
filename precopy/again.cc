// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sources that migrate again, after attempts that failed or were cancelled, and ones whose migration does not end by
// itself.
#include <fmt/format.h>

#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

constexpr std::int64_t mib = 1024 * 1024;

void migrate_live(Case& test, MigrationPair& pair)
{
    const auto marks = migrate_held_back(test, pair, tcp, "migrate again, held back");
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

/// First the connection fails, then the target dies in the middle of RAM.
void after_failed(Case& test)
{
    MigrationPair pair(test, {});
    test.phase("migrate to where nobody listens");
    const auto first = pair.start({{"uri", "tcp:127.0.0.1:0"}});
    pair.expect_source_failed(first, {"Failed to connect to '127.0.0.1:0': Connection refused"});
    const auto second = migrate_held_back(test, pair, tcp);
    pair.target().machine().kill();
    pair.expect_source_failed(second, {"Unable to write to socket: "});
    pair.expect_statuses(pair.source(), second.source, {"setup", "active", "failed"});
    pair.replace_target("target-2");
    migrate_live(test, pair);
}

void cancel_and_replace(Case& test, MigrationPair& pair, const std::string& next_target)
{
    const auto marks = migrate_held_back(test, pair, tcp);
    pair.cancel(marks);
    pair.target().machine().wait_exit(qtest::Deadline::in(migration::usual_timeout));
    pair.expect_source_unharmed();
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "cancelling", "cancelled"});
    pair.replace_target(next_target);
}

void after_cancelled(Case& test)
{
    MigrationPair pair(test, {});
    pair.target().machine().expect_exit(qtest::ExitStatus::exited(1));
    cancel_and_replace(test, pair, "target-2");
    pair.target().machine().expect_exit(qtest::ExitStatus::exited(1));
    cancel_and_replace(test, pair, "target-3");
    migrate_live(test, pair);
}

/// What the guest writes again in each pass takes long to send, and next to nothing may be left for the switchover.
void never_converges(Case& test)
{
    constexpr std::int64_t passes = 4;
    MigrationPair pair(test, {.target_fails = true});
    pair.set_parameters(pair.source(), {{"max-bandwidth", 60 * mib}, {"downtime-limit", 1}});
    test.phase("migrate");
    const auto marks = pair.migrate_with(tcp(test, pair));
    for (std::int64_t pass = 2; pass <= passes; pass++)
        pair.source().wait_event("MIGRATION_PASS", {{"pass", pass}}, marks.source);
    const Json told = pair.source().qmp().execute("query-migrate");
    test.check(told.at("status") == Json("active") && told.at("ram/dirty-sync-count").as_int() >= passes,
               "source: in pass 4 of a migration that cannot converge, query-migrate says " + told.dump());
    const auto pages = told.at("ram/total").as_int() / told.at("ram/page-size").as_int();
    test.check(told.at("ram/normal").as_int() + told.at("ram/duplicate").as_int() > pages,
               "source: after 3 passes it has not sent more pages than there are: " + told.dump());
    pair.source().expect_run_state("running");
    pair.source().expect_progress();
    pair.cancel(marks);
    pair.expect_target_failed(marks, {"load of migration failed"});
    pair.expect_source_unharmed();
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "cancelling", "cancelled"});
    pair.expect_good_migration_follows();
}

/// Bytes of RAM sent, and the milliseconds it took so far.
std::pair<std::int64_t, std::int64_t> sent(MigrationPair& pair)
{
    const Json told = pair.source().qmp().execute("query-migrate");
    return {told.at("ram/transferred").as_int(), told.at("total-time").as_int()};
}

void parameters_changed(Case& test)
{
    constexpr std::int64_t slow = 1 * mib;
    constexpr std::int64_t fast = 40 * mib;
    MigrationPair pair(test, {});
    pair.set_parameters(pair.source(), {{"max-bandwidth", slow}, {"downtime-limit", 1}});
    test.phase("migrate, slowly");
    const auto marks = pair.migrate_with(tcp(test, pair));
    pair.await_resend(marks);
    const auto [slowly, slow_ms] = sent(pair);
    // QEMU meters in slices of 100 ms; headers and the page under way come on top.
    const std::int64_t most = slow * (slow_ms + 200) / 1000 + mib / 4;
    test.check(slowly <= most, fmt::format("source: with max-bandwidth {} it sent {} bytes in {} ms, more than {}",
                                           slow, slowly, slow_ms, most));
    test.phase("faster");
    pair.set_parameters(pair.source(), {{"max-bandwidth", fast}});
    const auto deadline = qtest::Deadline::in(migration::usual_timeout);
    auto now = sent(pair);
    while (now.first < slowly + 8 * mib) {
        test.check(!deadline.passed(), "source: it sent less than 8 MiB more after max-bandwidth was raised");
        pair.source().expect_progress();
        now = sent(pair);
    }
    test.check((now.second - slow_ms) * slow / 1000 < 6 * mib,
               fmt::format("source: max-bandwidth {} had no effect: {} bytes in {} ms", fast, now.first - slowly,
                           now.second - slow_ms));
    const bool ended = pair.source().qmp().events().find("STOP", {}, marks.source) != nullptr;
    test.check(!ended, "source: the switchover came although downtime-limit is 1 ms");
    test.phase("any downtime");
    pair.set_parameters(pair.source(), {{"downtime-limit", 30'000}});
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

/// They are as many as there were when the migration began.
void channels_changed(Case& test)
{
    constexpr unsigned channels = 2;
    MigrationPair pair(test, multifd(channels));
    const auto marks = migrate_held_back(test, pair, tcp);
    test.phase("change multifd-channels");
    pair.source().qmp().raw({{"execute", "migrate-set-parameters"}, {"arguments", {{"multifd-channels", 8}}}});
    pair.source().expect_progress();
    expect_connections(test, pair, channels);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

} // namespace

void register_again(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}) {
        registry.add({.path = std::string("/migration/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    add("precopy/tcp/again/after-failed", "live, after two attempts that failed", after_failed);
    add("precopy/tcp/again/after-cancelled", "live, after two attempts that were cancelled", after_cancelled);
    add("precopy/tcp/never-converges", "pass follows upon pass until it is cancelled", never_converges);
    add("precopy/tcp/parameters-changed", "bandwidth and downtime changed while it runs take effect",
        parameters_changed);
    add("multifd/tcp/channels-changed", "multifd-channels changed while it runs has no effect", channels_changed,
        {Need::capability("multifd")});
}

} // namespace precopy

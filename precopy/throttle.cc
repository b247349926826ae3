// SPDX-License-Identifier: GPL-2.0-or-later
//
// What makes a migration converge although the guest writes faster than it is sent: the guest is slowed down, or less
// is sent of each page; and what is known of how fast it writes.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "launch.h"
#include "log_file.h"
#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

using migration::Vm;

/// Held back, 16 MiB of it being written take 1.6 s a pass: QEMU looks at a second's writing at least.
constexpr unsigned small_ram_mib = 24;

constexpr std::int64_t initial = 5;
constexpr std::int64_t increment = 50;
constexpr std::int64_t most = 95;

std::int64_t throttle_of(Vm& vm)
{
    return vm.qmp().execute("query-migrate").find("cpu-throttle-percentage").value_or(0).as_int();
}

MigrationPair::Options throttled()
{
    return {.only_source = {.capabilities = {"auto-converge", "pause-before-switchover"},
                            .parameters = {{"cpu-throttle-initial", initial},
                                           {"cpu-throttle-increment", increment},
                                           {"max-cpu-throttle", most}}},
            .launch = {.ram_mib = small_ram_mib}};
}

/// Seconds that the guest's CPU has run so far: the first number of Linux's schedstat, in nanoseconds.
double seconds_run(Vm& vm)
{
    const auto thread = vm.qmp().execute("query-cpus-fast").elements().at(0).at("thread-id").as_int();
    return std::stod(qtest::read_file(fmt::format("/proc/{}/task/{}/schedstat", vm.machine().pid(), thread))) / 1e9;
}

/// Whatever else the machine has to do, a throttled CPU does not run more than it may.
void expect_slow(Case& test, Vm& source, qtest::EventLog::Mark since)
{
    const double begin = qtest::epoch_seconds();
    const double before = seconds_run(source);
    source.wait_event("MIGRATION_PASS", {}, since);
    const double share = (seconds_run(source) - before) / (qtest::epoch_seconds() - begin);
    test.mark(fmt::format("the guest's CPU runs {:.0f} % of the time", share * 100));
    test.check(share > 0 && share < 0.5, fmt::format("source: the guest's CPU runs {:.0f} % of the time, throttled by "
                                                     "{} %",
                                                     share * 100, most));
}

/// Follows the percentage, pass by pass, until it is at its maximum.
void await_full_throttle(Case& test, Vm& source, qtest::EventLog::Mark since)
{
    std::vector<std::int64_t> seen{0};
    while (seen.back() != most) {
        const auto pass = source.wait_event("MIGRATION_PASS", {}, since);
        since = pass.number + 1;
        seen.push_back(throttle_of(source));
        const std::int64_t before = seen[seen.size() - 2];
        const std::int64_t risen = before == 0 ? initial : std::min(before + increment, most);
        test.check(seen.back() == before || seen.back() == risen,
                   fmt::format("source: expected cpu-throttle-percentage to rise from {} by {} to {} at most; seen {}",
                               initial, increment, most, fmt::join(seen, ", ")));
        if (seen.back() != before)
            test.mark(fmt::format("throttled by {} %", seen.back()));
        // Each rise follows a pass in which too much was written, all of them long, so that none is missed.
        test.check(seen.size() < 20,
                   fmt::format("source: after 19 passes cpu-throttle-percentage was {}", fmt::join(seen, ", ")));
    }
}

/// Returns with the guest at its slowest.
MigrationPair::Marks migrate_throttled(Case& test, MigrationPair& pair)
{
    pair.hold_back();
    test.phase("migrate, held back");
    const auto marks = pair.migrate_with(unix_socket(test, pair));
    test.phase("the guest is throttled");
    await_full_throttle(test, pair.source(), marks.source);
    expect_slow(test, pair.source(), pair.source().mark());
    pair.source().expect_progress();
    return marks;
}

void auto_converge(Case& test)
{
    MigrationPair pair(test, throttled());
    const auto marks = migrate_throttled(test, pair);
    pair.converge();
    test.phase("pre-switchover");
    pair.wait_status(pair.source(), "pre-switchover", marks.source);
    const std::int64_t last = throttle_of(pair.source());
    test.check(last <= most, fmt::format("source: cpu-throttle-percentage {} at the switchover", last));
    pair.source().qmp().execute("migrate-continue", {{"state", "pre-switchover"}});
    pair.expect_completed(marks);
    test.check(throttle_of(pair.source()) == 0, "source: throttled still, after the migration's end");
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

void auto_converge_cancelled(Case& test)
{
    auto options = throttled();
    options.target_fails = true;
    MigrationPair pair(test, options);
    const auto marks = migrate_throttled(test, pair);
    pair.cancel(marks);
    pair.expect_target_failed(marks, {"load of migration failed"});
    pair.expect_source_unharmed();
    pair.expect_good_migration_follows();
}

constexpr std::int64_t cache_size = 32 * 1024 * 1024;

void expect_xbzrle_used(Case& test, MigrationPair& pair)
{
    const Json cache = pair.source().qmp().execute("query-migrate").at("xbzrle-cache");
    const auto of = [&](const char* name) { return cache.at(name).as_int(); };
    const bool right = of("cache-size") == cache_size && of("pages") > 0 && of("bytes") > 0 &&
                       of("bytes") < of("pages") * GUEST_PAGE && of("cache-miss") > 0 && of("overflow") >= 0;
    test.check(right, "source: xbzrle-cache tells of no pages that took fewer bytes: " + cache.dump());
}

/// A page must have been sent as a whole after the first pass before what changes in it is sent alone.
void xbzrle(Case& test)
{
    MigrationPair pair(test, {.capabilities = {"xbzrle"},
                              .only_source = {.parameters = {{"xbzrle-cache-size", cache_size}}},
                              .launch = {.ram_mib = small_ram_mib},
                              .after = [&test](MigrationPair& late) { expect_xbzrle_used(test, late); }});
    const auto marks = migrate_held_back(test, pair, unix_socket);
    pair.source().wait_event("MIGRATION_PASS", {{"pass", 3}}, marks.source);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

/// With what QEMU does unless told otherwise; bandwidth is the only bound, and there is none.
void default_downtime(Case& test)
{
    constexpr std::int64_t limit_ms = 300;
    // What QEMU does not foresee: device state, and what the guest writes until it stands still. Seen: below 0.1 s.
    const auto most_ms = static_cast<std::int64_t>((limit_ms + 300) * migration::Deadline::scale());
    MigrationPair pair(test, {.launch = {.ram_mib = small_ram_mib}});
    const Json limit = pair.source().qmp().execute("query-migrate-parameters").at("downtime-limit");
    test.check(limit == Json(limit_ms), "source: downtime-limit is " + limit.dump() + " by default");
    const auto marks = migrate_held_back(test, pair, tcp);
    pair.set_parameters(pair.source(), {{"max-bandwidth", 0}});
    pair.expect_completed(marks);
    const Json told = pair.source().qmp().execute("query-migrate").at("downtime");
    test.check(told.as_int() <= most_ms, fmt::format("source: downtime {} ms with a downtime-limit of {} ms; {} ms are "
                                                     "allowed for",
                                                     told.dump(), limit_ms, most_ms));
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

/// One VM. No event tells the end of a measurement: the guest's signs of life are the occasions to ask.
void dirty_rate(Case& test)
{
    const migration::Launch launch{.ram_mib = 64};
    auto& machine = test.start_machine("source", test.setting().source.binary, arguments_of(test, "source", launch));
    Vm vm(test, machine, std::size_t{launch.ram_mib} << 20);
    machine.await_ready(qtest::Deadline::in(migration::usual_timeout));
    vm.await_guest();
    const auto status = [&] { return vm.qmp().execute("query-dirty-rate").at("status").as_string(); };
    test.check(status() == "unstarted", "query-dirty-rate says " + status() + " before anything was measured");
    test.phase("measure");
    vm.qmp().execute("calc-dirty-rate", {{"calc-time", 1}});
    const auto deadline = qtest::Deadline::in(migration::usual_timeout);
    // A thread of QEMU's own begins, a moment after the command was answered.
    const auto await = [&](const std::string& expected) {
        while (status() != expected) {
            test.check(!deadline.passed(), "query-dirty-rate says " + status() + "; expected " + expected);
            vm.expect_progress();
        }
    };
    await("measuring");
    vm.expect_refused("calc-dirty-rate", {{"calc-time", 1}}, {"already being measured"});
    await("measured");
    const Json told = vm.qmp().execute("query-dirty-rate");
    // 3 of 4 pages of 60 MiB are written in each pass of some milliseconds; sampled in a second, that is its rate.
    test.check(told.at("status") == Json("measured") && told.at("calc-time") == Json(1) &&
                   told.at("dirty-rate").as_int() >= 20 && told.at("dirty-rate").as_int() <= 64,
               "expected a measured rate of 20 to 64 MB/s; seen " + told.dump());
    vm.expect_run_state("running");
    vm.stop();
    vm.check_ram();
}

} // namespace

void register_throttle(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run, std::vector<Need> needs,
                         Tag tag) {
        registry.add({.path = std::string("/migration/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = tag});
    };
    const std::vector<Need> throttling{Need::capability("auto-converge"), Need::capability("pause-before-switchover"),
                                       Need::parameter("max-cpu-throttle")};
    add("auto_converge", "the guest is slowed down step by step, and is itself again at the target", auto_converge,
        throttling, Tag::slow);
    add("precopy/unix/auto_converge/cancel",
        "a guest that was slowed down is itself again when the migration is cancelled", auto_converge_cancelled,
        throttling, Tag::slow);
    add("precopy/unix/xbzrle", "live; of a page sent before only what changed is sent", xbzrle,
        {Need::capability("xbzrle")}, Tag::slow);
    add("precopy/tcp/downtime", "live, within the downtime that QEMU allows by default", default_downtime, {},
        Tag::full);
    add("dirty_rate/page_sampling", "how fast a guest writes, by sampling its pages", dirty_rate,
        {Need::command("calc-dirty-rate")}, Tag::full);
}

} // namespace precopy

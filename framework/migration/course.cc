// SPDX-License-Identifier: GPL-2.0-or-later
#include "course.h"

#include <algorithm>

#include <fmt/format.h>

namespace migration
{

using qtest::Event;
using qtest::Json;

namespace
{

/// How far a duration in query-migrate may be from the events', in milliseconds on a machine of ordinary speed: a
/// thread may lose its CPU between the clock's reading and the event. Seen: below 1 ms, and 52 ms where other work made
/// the machine four times slower.
constexpr double allowance_ms = 100;

const Event* status(const Told& told, const char* name)
{
    return told.events.find("MIGRATION", Json{{"status", name}}, told.since);
}

double ms_between(const Event& from, const Event& to)
{
    return static_cast<double>(to.timestamp_us - from.timestamp_us) / 1000;
}

Complaint wrong_times(const Json& query_migrate, const Told& source, const Expectation& expected)
{
    const double allowance = allowance_ms * expected.slowness;
    const Event* setup = status(source, "setup");
    const Event* active = status(source, "active");
    const Event* completed = status(source, "completed");
    const Event* stop = last_stop(source);
    if (!setup || !active || !completed || !stop)
        return "source: it did not tell setup, active, STOP and completed";
    struct Duration {
        const char* name;
        double least;
        double most;
        const char* of;
    };
    const double total = ms_between(*setup, *completed);
    const double setting_up = ms_between(*setup, *active);
    std::vector<Duration> durations{
        {"total-time", total - allowance, total + allowance, "setup to completed"},
        {"setup-time", 0, setting_up + allowance, "setup to active"},
    };
    // After a switchover to post-copy the target runs long before the source completes.
    const Event* switched = status(source, "postcopy-active");
    const double stopped = ms_between(*stop, switched ? *switched : *completed);
    if (expected.guest_ran)
        durations.push_back({"downtime", switched ? 0 : std::max(stopped - allowance, stopped >= 20 ? 1. : 0.),
                             stopped + allowance, "STOP to completed"});
    else
        durations.push_back({"downtime", 0, total + allowance, "setup to completed"});
    for (const Duration& one : durations) {
        const auto told = query_migrate.find(one.name);
        const bool right = told && told->is_integer() && static_cast<double>(told->as_int()) >= one.least &&
                           static_cast<double>(told->as_int()) <= one.most;
        if (!right)
            return fmt::format(
                "source: query-migrate says {} is {} ms; by the events, from {}, it is within {:.0f} and "
                "{:.0f} ms",
                one.name, told.value_or("absent").dump(), one.of, one.least, one.most);
    }
    return std::nullopt;
}

Complaint wrong_counters(const Json& query_migrate, const Expectation& expected)
{
    const Json ram = query_migrate.at("ram");
    const auto of = [&](const char* name) { return ram.at(name).as_int(); };
    const auto complain = [&](const std::string& what) -> Complaint {
        return fmt::format("source: query-migrate says of RAM what cannot be, {}: {}", what, ram.dump());
    };
    if (of("remaining") != 0)
        return complain("that some remains to be sent after the end");
    if (of("total") < static_cast<std::int64_t>(expected.ram_size) || of("total") % of("page-size") != 0)
        return complain(fmt::format("a total that is not the guest's {} bytes and some", expected.ram_size));
    if (of("normal-bytes") != of("normal") * of("page-size"))
        return complain("normal-bytes that are not normal pages");
    if (!expected.compressed && of("transferred") < of("normal-bytes"))
        return complain("more pages than bytes transferred");
    const std::int64_t parts = of("precopy-bytes") + of("downtime-bytes") + of("postcopy-bytes") + of("multifd-bytes");
    if (of("transferred") <= 0 || of("transferred") < parts)
        return complain("less transferred than its parts");
    if (of("dirty-sync-count") < 1)
        return complain("that it was never looked for dirty pages");
    if (ram.at("mbps").as_double() <= 0 || of("pages-per-second") < 0)
        return complain("no throughput");
    return std::nullopt;
}

} // namespace

const Event* last_stop(const Told& told)
{
    // A guest may have been stopped before the migration began.
    const auto& all = told.events.all();
    const auto found = std::find_if(all.rbegin(), all.rend(), [](const Event& event) { return event.name == "STOP"; });
    return found == all.rend() ? nullptr : &*found;
}

Complaint wrong_switchover(const Told& source, const Told& target, bool target_may_run)
{
    const Event* stop = last_stop(source);
    for (const Told* side : {&source, &target}) {
        const Event* completed = status(*side, "completed");
        if (!stop || !completed || completed->timestamp_us < stop->timestamp_us)
            return fmt::format("source: no STOP event before the {} had completed",
                               side == &source ? "source" : "target");
    }
    if (source.events.count("RESUME", {}, stop->number) > 0)
        return "source: it went on after the switchover";
    if (!target_may_run) {
        if (target.events.count("RESUME", {}, 0) > 0)
            return "target: it ran, although it was started to stay stopped";
        return std::nullopt;
    }
    const std::size_t resumes = target.events.count("RESUME", {}, target.since);
    if (resumes != 1)
        return fmt::format("target: expected one RESUME, seen {}", resumes);
    if (target.events.find("RESUME", {}, target.since)->timestamp_us < stop->timestamp_us)
        return "target: it ran before the source had stopped";
    return std::nullopt;
}

Complaint wrong_passes(const Told& source, std::int64_t dirty_sync_count)
{
    // Whether the first pass is told differs between versions; the last is told by all.
    std::int64_t told = 0;
    for (std::size_t i = source.since; i < source.events.mark(); i++) {
        const Event& event = source.events.all()[i];
        if (event.name != "MIGRATION_PASS")
            continue;
        const std::int64_t pass = event.data.at("pass").as_int();
        if (pass != told + 1 && !(told == 0 && pass == 2))
            return fmt::format("source: MIGRATION_PASS {} follows MIGRATION_PASS {}", pass, told);
        told = pass;
    }
    if (told != dirty_sync_count)
        return fmt::format("source: the last MIGRATION_PASS is {}, but dirty-sync-count is {}", told, dirty_sync_count);
    return std::nullopt;
}

Complaint wrong_figures(const Json& query_migrate, const Told& source, const Expectation& expected)
{
    const Complaint complaint = wrong_times(query_migrate, source, expected);
    return complaint ? complaint : wrong_counters(query_migrate, expected);
}

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
//
// What no QEMU at hand tells of a migration is made up here: each untruth must be named, and the truth pass.
#include "course.h"

#include <gtest/gtest.h>

namespace
{

using namespace migration;
using qtest::EventLog;
using qtest::Json;

/// Events of one side, told at so many milliseconds.
class Made
{
  public:
    Made& event(int at_ms, const char* name, const Json& data = Json::object())
    {
        log_.add({{"event", name},
                  {"data", data},
                  {"timestamp", Json{{"seconds", at_ms / 1000}, {"microseconds", at_ms % 1000 * 1000}}}});
        return *this;
    }
    Made& status(int at_ms, const char* name) { return event(at_ms, "MIGRATION", {{"status", name}}); }
    Made& pass(int number) { return event(1500, "MIGRATION_PASS", {{"pass", number}}); }
    operator Told() const { return {log_, 0}; }

  private:
    EventLog log_;
};

Made good_source()
{
    Made made;
    made.status(1000, "setup").status(1010, "active").event(3000, "STOP").status(3500, "completed");
    return made;
}

Made good_target()
{
    Made made;
    made.status(900, "setup").status(1010, "active").status(3510, "completed");
    return made;
}

constexpr Expectation expectation{.ram_size = 64 << 20, .guest_ran = true};

Json good_figures()
{
    return {{"status", "completed"},
            {"total-time", 2495},
            {"setup-time", 8},
            {"downtime", 495},
            {"ram", Json{{"remaining", 0},
                         {"total", (64 << 20) + 4096},
                         {"page-size", 4096},
                         {"normal", 1000},
                         {"normal-bytes", 4096000},
                         {"transferred", 4100000},
                         {"precopy-bytes", 100},
                         {"downtime-bytes", 4000000},
                         {"postcopy-bytes", 0},
                         {"multifd-bytes", 0},
                         {"dirty-sync-count", 2},
                         {"mbps", 100.5},
                         {"pages-per-second", 10}}}};
}

/// The complaint about these figures has this text.
void expect_wrong(const Json& figures, const std::string& part, const Expectation& expected = expectation)
{
    const Complaint complaint = wrong_figures(figures, good_source(), expected);
    ASSERT_TRUE(complaint) << "expected: " << part;
    EXPECT_NE(complaint->find(part), std::string::npos) << *complaint;
}

Json with_ram(const char* name, const Json& value)
{
    Json figures = good_figures();
    Json ram = figures.at("ram");
    return figures.set("ram", ram.set(name, value));
}

TEST(Course, TrueOneHasNoComplaint)
{
    EXPECT_EQ(wrong_figures(good_figures(), good_source(), expectation), std::nullopt);
    EXPECT_EQ(wrong_switchover(good_source(), good_target(), false), std::nullopt);
    EXPECT_EQ(wrong_switchover(good_source(), good_target().event(3505, "RESUME"), true), std::nullopt);
    EXPECT_EQ(wrong_passes(good_source().pass(2).pass(3), 3), std::nullopt);
    EXPECT_EQ(wrong_passes(good_source().pass(1).pass(2), 2), std::nullopt);
}

TEST(Course, TimesThatDisagreeWithEventsAreNamed)
{
    expect_wrong(good_figures().set("downtime", 0), "downtime is 0 ms");
    expect_wrong(good_figures().set("downtime", 350), "downtime is 350 ms");
    expect_wrong(good_figures().set("downtime", 650), "downtime is 650 ms");
    expect_wrong(good_figures().set("downtime", nullptr), "downtime is null ms");
    expect_wrong(good_figures().set("total-time", 2300), "total-time is 2300 ms");
    expect_wrong(good_figures().set("total-time", 2700), "total-time is 2700 ms");
    expect_wrong(good_figures().set("setup-time", -1), "setup-time is -1 ms");
    expect_wrong(good_figures().set("setup-time", 200), "setup-time is 200 ms");
    Json without = Json{{"ram", good_figures().at("ram")}};
    expect_wrong(without, "total-time is \"absent\" ms");
    // A slow machine is given more, and a stopped guest has no downtime to speak of.
    EXPECT_EQ(wrong_figures(good_figures().set("downtime", 650), good_source(),
                            {.ram_size = 64 << 20, .guest_ran = true, .slowness = 4}),
              std::nullopt);
    EXPECT_EQ(
        wrong_figures(good_figures().set("downtime", 0), good_source(), {.ram_size = 64 << 20, .guest_ran = false}),
        std::nullopt);
}

TEST(Course, ADowntimeOfNothingIsNamedOnASlowMachineToo)
{
    expect_wrong(good_figures().set("downtime", 0), "downtime is 0 ms",
                 {.ram_size = 64 << 20, .guest_ran = true, .slowness = 10});
}

TEST(Course, CountersThatDisagreeAreNamed)
{
    expect_wrong(with_ram("remaining", 4096), "that some remains");
    expect_wrong(with_ram("total", 4096), "a total that is not the guest's");
    expect_wrong(with_ram("total", (64 << 20) + 1), "a total that is not the guest's");
    expect_wrong(with_ram("normal", 999), "normal-bytes that are not normal pages");
    expect_wrong(with_ram("transferred", 4090000), "more pages than bytes transferred");
    expect_wrong(with_ram("downtime-bytes", 4100000), "less transferred than its parts");
    expect_wrong(with_ram("dirty-sync-count", 0), "never looked for dirty pages");
    expect_wrong(with_ram("mbps", 0), "no throughput");
    EXPECT_EQ(wrong_figures(with_ram("transferred", 4090000), good_source(),
                            {.ram_size = 64 << 20, .guest_ran = true, .compressed = true}),
              std::nullopt);
}

TEST(Course, ASwitchoverInTheWrongOrderIsNamed)
{
    const auto text = [](const Made& source, const Made& target, bool may_run) {
        return wrong_switchover(source, target, may_run).value_or("nothing");
    };
    Made without_stop;
    without_stop.status(1000, "setup").status(3500, "completed");
    EXPECT_EQ(text(without_stop, good_target(), false), "source: no STOP event before the source had completed");
    EXPECT_EQ(text(good_source().event(4000, "STOP"), good_target(), false),
              "source: no STOP event before the source had completed");
    Made early;
    early.status(2900, "completed");
    EXPECT_EQ(text(good_source(), early, false), "source: no STOP event before the target had completed");
    EXPECT_EQ(text(good_source().event(3600, "RESUME"), good_target(), false),
              "source: it went on after the switchover");
    EXPECT_EQ(text(good_source(), good_target().event(3600, "RESUME"), false),
              "target: it ran, although it was started to stay stopped");
    EXPECT_EQ(text(good_source(), good_target(), true), "target: expected one RESUME, seen 0");
    EXPECT_EQ(text(good_source(), good_target().event(3600, "RESUME").event(3700, "RESUME"), true),
              "target: expected one RESUME, seen 2");
    EXPECT_EQ(text(good_source(), good_target().event(2000, "RESUME"), true),
              "target: it ran before the source had stopped");
}

TEST(Course, PassesOutOfOrderAreNamed)
{
    const auto text = [](const Made& source, int syncs) { return wrong_passes(source, syncs).value_or("nothing"); };
    EXPECT_EQ(text(good_source().pass(1).pass(3), 3), "source: MIGRATION_PASS 3 follows MIGRATION_PASS 1");
    EXPECT_EQ(text(good_source().pass(3), 3), "source: MIGRATION_PASS 3 follows MIGRATION_PASS 0");
    EXPECT_EQ(text(good_source().pass(2).pass(2), 2), "source: MIGRATION_PASS 2 follows MIGRATION_PASS 2");
    EXPECT_EQ(text(good_source().pass(2), 3), "source: the last MIGRATION_PASS is 2, but dirty-sync-count is 3");
    EXPECT_EQ(text(good_source(), 1), "source: the last MIGRATION_PASS is 0, but dirty-sync-count is 1");
}

} // namespace

// SPDX-License-Identifier: GPL-2.0-or-later
//
// A guest of several CPUs: each goes on at the target where it was.
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

using migration::Deadline;
using migration::usual_timeout;
using migration::Vm;

constexpr unsigned cpus = 4;
/// What each CPU but the first has counted.
using Counters = std::array<std::uint32_t, cpus - 1>;

Counters counters(Vm& vm)
{
    Counters now;
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        now[cpu - 1] = vm.machine().qtest().readl(guest::counter_address(cpu));
    return now;
}

/// Returns when each has counted on from `last`, never below it.
void await_counting(Case& test, Vm& vm, Counters last)
{
    const Counters since = last;
    const auto deadline = Deadline::in(usual_timeout);
    const auto text = [&] {
        return fmt::format("{}: CPUs 1 to {} counted {} before, {} now", vm.name(), cpus - 1, fmt::join(since, ", "),
                           fmt::join(last, ", "));
    };
    const auto all_moved = [&] {
        const Counters now = counters(vm);
        const Counters before = std::exchange(last, now);
        bool moved = true;
        for (std::size_t i = 0; i < now.size(); i++) {
            test.check(now[i] >= before[i], text() + ", which is back from " + std::to_string(before[i]));
            moved = moved && now[i] > since[i];
        }
        return moved;
    };
    try {
        // No event tells of counting: the boot CPU's signs of life are the occasions to ask.
        for (auto printed = vm.machine().console().mark(); !all_moved();) {
            vm.machine().console().wait("B", printed, deadline);
            printed = vm.machine().console().mark();
        }
    } catch (const qtest::Timeout& timed_out) {
        throw qtest::Timeout(text() + "; " + timed_out.what());
    }
}

void several(Case& test, MigrationPair::Options options)
{
    Counters held_back{}, arrived{};
    options.launch.cpus = cpus;
    options.after = [&](MigrationPair& pair) {
        arrived = counters(pair.target());
        const Counters left = counters(pair.source());
        test.check(arrived == left, fmt::format("CPUs 1 to {} had counted {} at the source, {} at the target", cpus - 1,
                                                fmt::join(left, ", "), fmt::join(arrived, ", ")));
        for (std::size_t i = 0; i < left.size(); i++)
            test.check(left[i] > held_back[i],
                       fmt::format("source: CPU {} did not count on: {} while held back, {} at the end", i + 1,
                                   held_back[i], left[i]));
    };
    MigrationPair pair(test, std::move(options));
    await_counting(test, pair.source(), {});
    held_back = counters(pair.source());
    const auto marks = migrate_held_back(test, pair, tcp);
    await_counting(test, pair.source(), held_back);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    test.phase("every CPU continues");
    pair.target().cont();
    await_counting(test, pair.target(), arrived);
    pair.target().stop();
    pair.target().check_ram();
}

} // namespace

void register_cpus(Registry& registry)
{
    registry.add({.path = "/migration/precopy/cpus/4",
                  .summary = "live, 4 CPUs, each of which goes on at the target",
                  .run = [](Case& test) { several(test, {}); },
                  .tag = Tag::full});
    registry.add({.path = "/migration/multifd/tcp/cpus/4",
                  .summary = "live with multifd, 4 CPUs, each of which goes on at the target",
                  .run = [](Case& test) { several(test, multifd(2)); },
                  .needs = {Need::capability("multifd")},
                  .tag = Tag::full});
}

} // namespace precopy

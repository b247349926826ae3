// SPDX-License-Identifier: GPL-2.0-or-later
//
// A guest that is suspended to RAM stays so at the target, until it is woken there.
#include <fmt/format.h>

#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

using migration::Deadline;
using migration::usual_timeout;
using migration::Vm;

void suspend(Vm& vm)
{
    const auto since = vm.mark();
    vm.machine().qtest().writel(GUEST_INFO_SUSPEND_REQUEST, 1);
    vm.wait_event("SUSPEND", {}, since);
    vm.machine().console().wait("S", 0, Deadline::in(usual_timeout));
    vm.expect_run_state("suspended");
}

void expect_asleep(Case& test, Vm& vm)
{
    test.check(vm.qmp().events().count("WAKEUP", {}, 0) == 0 &&
                   vm.machine().console().since(0).find('W') == std::string::npos,
               vm.name() + ": its guest woke, which nobody asked for");
}

/// Of source and target, both stopped. Leaves the target stopped.
void expect_target_wakes(Case& test, MigrationPair& pair)
{
    test.phase("the target sleeps on");
    Vm& target = pair.target();
    expect_asleep(test, target);
    if (target.run_state() != "suspended") {
        const auto since = target.mark();
        target.qmp().execute("cont");
        target.wait_event("RESUME", {}, since);
        target.expect_run_state("suspended");
    }
    test.phase("the target wakes");
    expect_asleep(test, target);
    const auto before = target.progress();
    const auto since = target.mark();
    target.qmp().execute("system_wakeup");
    target.wait_event("WAKEUP", {}, since);
    target.machine().console().wait("W", before.console, Deadline::in(usual_timeout));
    target.expect_progress(before);
    target.expect_run_state("running");
    target.stop();
    target.check_ram();
    expect_asleep(test, pair.source());
    pair.source().expect_run_state("postmigrate");
    const std::uint32_t slept_after = pair.source().machine().qtest().readl(GUEST_INFO_SUSPENDED);
    test.check(pair.source().pass() == slept_after && before.pass == slept_after,
               fmt::format("the guest suspended after pass {}; its notes say {} at the source and said {} at the "
                           "target before it was woken",
                           slept_after, pair.source().pass(), before.pass));
}

void suspended(Case& test, bool stopped)
{
    MigrationPair pair(test, {});
    suspend(pair.source());
    if (stopped)
        pair.source().stop();
    pair.converge();
    test.phase("migrate, suspended");
    const auto marks = pair.migrate_with(unix_socket(test, pair));
    pair.expect_completed(marks);
    expect_target_wakes(test, pair);
}

/// Pages that had been sent are written again; then the guest falls asleep.
void suspends_meanwhile(Case& test)
{
    MigrationPair pair(test, {});
    const auto marks = migrate_held_back(test, pair, unix_socket);
    test.phase("the guest suspends");
    suspend(pair.source());
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    expect_target_wakes(test, pair);
}

} // namespace

void register_suspend(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run, Tag tag = Tag::full) {
        registry.add({.path = std::string("/migration/precopy/unix/suspend/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .tag = tag});
    };
    add(
        "live", "a suspended guest is suspended at the target, and wakes there",
        [](Case& test) { suspended(test, false); }, Tag::smoke);
    add("notlive", "the same, the VM stopped as well", [](Case& test) { suspended(test, true); });
    add("meanwhile", "the guest suspends during its live migration", suspends_meanwhile);
}

} // namespace precopy

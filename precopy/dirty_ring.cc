// SPDX-License-Identifier: GPL-2.0-or-later
//
// KVM's dirty ring: what it tells of the pages that each CPU writes, and how a CPU that writes too many is held up.
#include <fmt/format.h>

#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

constexpr unsigned ring = 4096;

void dirty_ring(Case& test) { live(test, unix_socket, {.launch = {.dirty_ring_size = ring}}); }

/// MB/s, at the end of a measurement. No event tells that: the guest's signs of life are the occasions to ask.
std::int64_t measured_rate(Case& test, migration::Vm& vm)
{
    test.phase("measure");
    vm.qmp().execute("calc-dirty-rate", {{"calc-time", 1}, {"mode", "dirty-ring"}});
    const auto deadline = qtest::Deadline::in(migration::usual_timeout);
    for (bool begun = false;;) {
        const Json told = vm.qmp().execute("query-dirty-rate");
        begun = begun || told.at("status") == Json("measuring");
        if (begun && told.at("status") == Json("measured"))
            return told.at("dirty-rate").as_int();
        test.check(!deadline.passed(), "query-dirty-rate says " + told.dump() + "; a second was to be measured");
        vm.expect_progress();
    }
}

/// One VM, whose CPU is held to half of what it writes, and then let go.
void vcpu_dirty_limit(Case& test)
{
    const migration::Launch launch{.ram_mib = 64, .dirty_ring_size = ring};
    auto& machine = test.start_machine("source", test.setting().source.binary, arguments_of(test, "source", launch));
    migration::Vm vm(test, machine, std::size_t{launch.ram_mib} << 20);
    machine.await_ready(qtest::Deadline::in(migration::usual_timeout));
    vm.await_guest();
    const std::int64_t free = measured_rate(test, vm);
    test.check(free > 1, fmt::format("a guest that rewrites its RAM is measured to write {} MB/s", free));
    const std::int64_t quota = free / 2;
    vm.qmp().execute("set-vcpu-dirty-limit", {{"dirty-rate", quota}});
    const Json limits = vm.qmp().execute("query-vcpu-dirty-limit");
    test.check(limits.size() == 1 && limits.at("[0].limit-rate") == Json(quota),
               fmt::format("query-vcpu-dirty-limit says {} after a limit of {} MB/s was set", limits.dump(), quota));
    // QEMU holds the CPU up by more and more, a second at a time, within 25 MB/s of what it may write.
    constexpr std::int64_t tolerance = 25;
    const auto await_rate = [&](bool below) {
        std::int64_t rate = 0;
        for (int i = 0; i < 20; i++) {
            rate = measured_rate(test, vm);
            if ((rate < quota + tolerance) == below)
                return;
        }
        test.check(false, fmt::format("measured {} MB/s at last, with a limit of {} MB/s {}", rate, quota,
                                      below ? "in force" : "lifted"));
    };
    await_rate(true);
    vm.qmp().execute("cancel-vcpu-dirty-limit");
    test.check(vm.qmp().execute("query-vcpu-dirty-limit").size() == 0, "a limit stays after cancel-vcpu-dirty-limit");
    if (quota > tolerance)
        await_rate(false);
    vm.stop();
    vm.check_ram();
}

std::int64_t throttled_us(migration::Vm& vm)
{
    return vm.qmp().execute("query-migrate").find("dirty-limit-throttle-time-per-round").value_or(0).as_int();
}

void await_throttled(Case& test, migration::Vm& vm)
{
    test.phase("the guest is held up");
    const auto deadline = qtest::Deadline::in(migration::usual_timeout);
    while (throttled_us(vm) == 0) {
        test.check(!deadline.passed(), "source: dirty-limit-throttle-time-per-round stays 0");
        vm.expect_progress();
    }
}

/// As libvirt's users do: cancelled first, then with less in the way.
void dirty_limit(Case& test)
{
    constexpr std::int64_t limit = 1; // MB/s: below what any guest here writes
    MigrationPair pair(
        test, {.only_source = {.capabilities = {"dirty-limit"},
                               .parameters = {{"x-vcpu-dirty-limit-period", 1000}, {"vcpu-dirty-limit", limit}}},
               .target_fails = true,
               .launch = {.dirty_ring_size = ring}});
    pair.hold_back();
    test.phase("migrate, held back");
    const auto first = pair.migrate_with(unix_socket(test, pair));
    await_throttled(test, pair.source());
    pair.cancel(first);
    pair.expect_target_failed(first, {"load of migration failed"});
    pair.expect_source_unharmed();
    test.check(throttled_us(pair.source()) == 0, "source: held up still, after the migration was cancelled");
    pair.replace_target("target-2");
    const auto second = pair.migrate_with(pair.listen_with({{"uri", "tcp:127.0.0.1:0"}}));
    await_throttled(test, pair.source());
    const Json limits = pair.source().qmp().execute("query-vcpu-dirty-limit");
    test.check(limits.at("[0].limit-rate") == Json(limit), "source: query-vcpu-dirty-limit says " + limits.dump());
    pair.converge();
    pair.expect_completed(second);
    pair.expect_target_continues();
}

} // namespace

void register_dirty_ring(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, void (*run)(Case&), Tag tag,
                         std::vector<Need> needs = {}) {
        needs.insert(needs.end(), {Need::accelerator("kvm"), migration::dirty_ring(ring)});
        registry.add({.path = path, .summary = summary, .run = run, .needs = std::move(needs), .tag = tag});
    };
    add("/migration/dirty_ring", "live, with KVM's dirty ring in place of its bitmap", dirty_ring, Tag::full);
    add("/migration/vcpu_dirty_limit", "a CPU is held to half of what it writes, and let go again", vcpu_dirty_limit,
        Tag::slow, {Need::command("set-vcpu-dirty-limit")});
    add("/dirty_limit", "the guest is held up while it writes too much; cancelled, and migrated after that",
        dirty_limit, Tag::slow, {Need::capability("dirty-limit")});
}

} // namespace precopy

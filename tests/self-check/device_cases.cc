// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_cases.h"

#include <algorithm>

#include <fmt/format.h>

#include "device_registers.h"
#include "device_state.h"
#include "migration_pair.h"
#include "noticed.h"

namespace self_check
{

namespace
{

using harness::Case;
using migration::MigrationPair;

void migrate(MigrationPair& pair)
{
    pair.source().stop();
    pair.expect_completed(pair.migrate(pair.listen("tcp:127.0.0.1:0")));
}

/// One after the other, so that each must be noticed beside those before it.
void changed_registers(Case& test)
{
    MigrationPair pair(test, {});
    migrate(pair);
    const auto devices = migration::device_states(pair.target());
    unsigned changed = 0;
    for (const auto& one : migration::device_registers()) {
        const bool there = std::any_of(devices.begin(), devices.end(), [&](const migration::DeviceState& device) {
            return device.name == one.device && device.instance == one.instance;
        });
        if (!there)
            continue;
        one.write(pair.target(), one.other);
        expect_noticed(test, {fmt::format("device {}/{} differs at byte", one.device, one.instance)},
                       [&] { migration::expect_same_devices(pair.source(), pair.target(), true); });
        changed++;
    }
    test.check(changed >= 15, fmt::format("only {} registers were changed", changed));
}

/// HMP `info registers`, which is compared too, tells of the first CPU only.
void changed_second_cpu(Case& test)
{
    MigrationPair pair(test, {.launch = {.cpus = 2}});
    migrate(pair);
    pair.target().cont();
    pair.target().expect_progress();
    pair.target().stop();
    expect_noticed(test, {"device apic/1 differs at byte", "device timer/0 differs at byte"},
                   [&] { migration::expect_same_devices(pair.source(), pair.target(), true); });
}

/// Nothing of the stopped VMs changes by being looked at.
void looked_at(Case& test)
{
    MigrationPair pair(test, {});
    migrate(pair);
    const auto marks = pair.mark();
    migration::expect_same_devices(pair.source(), pair.target(), true);
    migration::expect_same_devices(pair.source(), pair.target(), false);
    pair.source().expect_run_state("postmigrate");
    pair.target().expect_run_state("paused");
    test.check(pair.source().mark() == marks.source && pair.target().mark() == marks.target,
               "saving the devices' state tells events");
}

/// What only one side has, or in another size, is a difference unless the QEMUs are two.
void other_devices(Case& test)
{
    MigrationPair pair(test, {});
    migrate(pair);
    auto& other = test.start_machine("other", test.setting().target.binary,
                                     {"-machine", test.setting().machine, "-smp", "2", "-S"});
    migration::Vm stranger(test, other, 0);
    other.await_ready(qtest::Deadline::in(migration::usual_timeout));
    expect_noticed(test, {"device cpu/1 is at the target only"},
                   [&] { migration::expect_same_devices(pair.source(), stranger, true); });
    expect_noticed(test, {"device cpu/1 is at the source only"},
                   [&] { migration::expect_same_devices(stranger, pair.source(), true); });
}

} // namespace

void register_device_cases(harness::Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run,
                         std::vector<harness::Need> needs = {}) {
        registry.add({.path = std::string("/self-check/device/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs)});
    };
    // KVM's own interrupt controllers and timer are out of qtest's reach.
    add("changed_registers", "a register of each device of the target changed", changed_registers,
        {harness::Need::accelerator("tcg")});
    add("changed_second_cpu", "the target's second CPU elsewhere", changed_second_cpu);
    add("looked_at", "devices that are only compared", looked_at);
    add("other_devices", "a device on one side only", other_devices);
}

} // namespace self_check

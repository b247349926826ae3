// SPDX-License-Identifier: GPL-2.0-or-later
//
// DeviceRegister: a register of a device that the guest leaves alone. A device that is as it was after reset would hide
// that its state did not travel; so every source is given values of its own in these, from outside, over qtest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vm.h"

namespace migration
{

struct DeviceRegister {
    /// At I/O ports up to 0xffff, above that in memory.
    struct Write {
        std::uint64_t address;
        std::uint32_t value;
        unsigned size = 1;
    };
    /// As its section is called, and its instance; not every machine type has it.
    const char* device;
    unsigned instance;
    /// What selects the register; `at` (with `value`) follows.
    std::vector<Write> select;
    Write at;
    /// Another value of it, for a test that changes it.
    std::uint32_t other;

    void write(Vm& vm, std::uint32_t value) const;
};

std::span<const DeviceRegister> device_registers();

/// Gives each its value. The guest may run.
void set_device_registers(Vm& vm);

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
//
// DeviceState: what a stopped VM would send of its devices: every section but RAM, as QEMU itself saves it
// (xen-save-devices-state, which is in every build). Two VMs that are the same guest save the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vm.h"

namespace migration
{

struct DeviceState {
    std::string name; // "i8259", "0000:00:01.3/piix4_pm", "cpu"
    std::uint32_t instance;
    std::uint32_t version;
    std::string bytes;
};

/// In the order QEMU sends them. The VM must be stopped. Throws stream::Malformed when what QEMU saved is no such
/// stream.
std::vector<DeviceState> device_states(Vm& vm);

/// Throws qtest::TestFailure naming each device that differs and its first byte that does. Between two QEMUs
/// (`same_qemu` false) a device may be there on one side only, or differ in version and size; then it is left out.
void expect_same_devices(Vm& source, Vm& target, bool same_qemu);

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
//
// MemoryOracle: whether two stopped VMs are the same guest: every register of the CPU, every device, every byte
// of RAM.
#pragma once

#include "vm.h"

namespace migration
{

/// Throws qtest::TestFailure naming the first register, device or byte that differs, what each side has there, and how
/// many pages of RAM differ besides.
void expect_same_guest(Vm& source, Vm& target);

} // namespace migration

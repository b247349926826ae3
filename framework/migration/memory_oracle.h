// SPDX-License-Identifier: GPL-2.0-or-later
//
// MemoryOracle: whether two stopped VMs are the same guest: every byte of RAM, every register of the CPU.
#pragma once

#include "vm.h"

namespace migration
{

/// Throws qtest::TestFailure naming the first byte or register that differs, what each side has there, and how many
/// pages differ besides.
void expect_same_guest(Vm& source, Vm& target);

} // namespace migration

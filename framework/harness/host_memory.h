// SPDX-License-Identifier: GPL-2.0-or-later
//
// Host memory: how much of it a run may take.
#pragma once

namespace harness
{

/// MiB that can be had without swapping: what the kernel calls available, or less where a control group of this
/// process has a limit (a container's).
unsigned available_memory_mib();

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// userfaultfd: what QEMU lets the kernel tell of a guest's accesses to its RAM (Linux's Documentation/admin-guide/mm).
#pragma once

#include "registry.h"

namespace migration
{

/// That this user may ask for write accesses to protected pages, as background snapshots do.
harness::Need write_protection();

} // namespace migration

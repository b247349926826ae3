// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "registry.h"

namespace colo
{

/// /migration/colo: coarse-grained lock-stepping, where either of two VMs takes over when the other dies.
void register_cases(harness::Registry& registry);

} // namespace colo

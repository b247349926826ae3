// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cases in which a relay damages what the source sends: each must be reported as what it is.
#pragma once

#include "registry.h"

namespace self_check
{

void register_damage_cases(harness::Registry& registry);

} // namespace self_check

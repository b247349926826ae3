// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cases in which the state of one device of the target is changed: each must be named.
#pragma once

#include "registry.h"

namespace self_check
{

void register_device_cases(harness::Registry& registry);

} // namespace self_check

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "registry.h"

namespace precopy
{

/// /migration/precopy: migration that moves RAM while the source still owns it.
void register_cases(harness::Registry& registry);

} // namespace precopy

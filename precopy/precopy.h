// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "registry.h"

namespace precopy
{

/// Migration that moves RAM while the source still owns it.
void register_cases(harness::Registry& registry);

// The themes, each in a file of its own.
void register_compression(harness::Registry& registry);
void register_file(harness::Registry& registry);
void register_multifd(harness::Registry& registry);
void register_plain(harness::Registry& registry);
void register_throttle(harness::Registry& registry);

} // namespace precopy

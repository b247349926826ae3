// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "registry.h"

namespace precopy
{

/// Migration that moves RAM while the source still owns it.
void register_cases(harness::Registry& registry);

// The themes, each in a file of its own.
void register_again(harness::Registry& registry);
void register_analyze(harness::Registry& registry);
void register_cancel(harness::Registry& registry);
void register_caps(harness::Registry& registry);
void register_chain(harness::Registry& registry);
void register_compression(harness::Registry& registry);
void register_cpus(harness::Registry& registry);
void register_dirty_ring(harness::Registry& registry);
void register_file(harness::Registry& registry);
void register_host_transports(harness::Registry& registry);
void register_memory(harness::Registry& registry);
void register_multifd(harness::Registry& registry);
void register_multifd_postcopy(harness::Registry& registry);
void register_pause(harness::Registry& registry);
void register_plain(harness::Registry& registry);
void register_refused(harness::Registry& registry);
void register_snapshot(harness::Registry& registry);
void register_suspend(harness::Registry& registry);
void register_throttle(harness::Registry& registry);
void register_tls(harness::Registry& registry);
void register_tls_wire(harness::Registry& registry);
void register_validate(harness::Registry& registry);

} // namespace precopy

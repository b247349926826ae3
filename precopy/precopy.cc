// SPDX-License-Identifier: GPL-2.0-or-later
#include "precopy.h"

namespace precopy
{

void register_cases(harness::Registry& registry)
{
    for (const auto register_theme : {register_again,
                                      register_analyze,
                                      register_cancel,
                                      register_caps,
                                      register_chain,
                                      register_compression,
                                      register_cpus,
                                      register_dirty_ring,
                                      register_file,
                                      register_host_transports,
                                      register_memory,
                                      register_multifd,
                                      register_multifd_postcopy,
                                      register_pause,
                                      register_plain,
                                      register_refused,
                                      register_snapshot,
                                      register_suspend,
                                      register_throttle,
                                      register_tls,
                                      register_tls_wire,
                                      register_validate})
        register_theme(registry);
}

} // namespace precopy

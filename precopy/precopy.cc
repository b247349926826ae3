// SPDX-License-Identifier: GPL-2.0-or-later
#include "precopy.h"

namespace precopy
{

void register_cases(harness::Registry& registry)
{
    for (const auto register_theme :
         {register_compression, register_file, register_multifd, register_plain, register_throttle})
        register_theme(registry);
}

} // namespace precopy

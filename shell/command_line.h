// SPDX-License-Identifier: GPL-2.0-or-later
//
// What one types to qmp-shell, and the QMP message it stands for.
//
//   migrate uri=tcp:127.0.0.1:4444              {"execute": "migrate", "arguments": {"uri": "tcp:127.0.0.1:4444"}}
//   migrate-set-parameters max-bandwidth=1000   numbers, true, false, null and JSON of any kind are taken as such
//   blockdev-add driver=raw file.driver=null-co a dot leads into an object
//   device_add driver=e1000 id="a b"            quoted as in a shell
//   exec-oob query-yank                         out of band
//   hmp info status                             the human monitor's
//   {"execute": "query-status"}                 a message as it is
#pragma once

#include <string>
#include <vector>

#include "json.h"

namespace shell
{

/// Throws qtest::UsageError when it cannot be understood.
qtest::Json message_of(const std::string& line);

} // namespace shell

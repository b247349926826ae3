// SPDX-License-Identifier: GPL-2.0-or-later
//
// The inside of a case's process: the runner starts this program again with the case's path, and gets lines of JSON
// back.
#pragma once

#include <filesystem>
#include <string>

#include "registry.h"
#include "setting.h"

namespace harness
{

/// The descriptor on which a case's process reports: {"phase": NAME, "time": …} as each begins, {"mark": NAME, "time":
/// …},
/// {"notice": TEXT} and {"paused": TEXT} (pause.h), and its Outcome; once more when it knows more, the last one stands.
constexpr int report_fd = 3;

/// Runs one case in this process and reports. `deadline` replaces the case's own. Returns the process's exit status: 0
/// whatever became of the case.
int run_case_process(const Registry& registry, const std::string& path, const Setting& setting,
                     const std::filesystem::path& directory, std::optional<std::chrono::seconds> deadline);

} // namespace harness

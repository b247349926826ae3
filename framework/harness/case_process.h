// SPDX-License-Identifier: GPL-2.0-or-later
//
// The inside of a case's process, from the moment the nursery has made it: the runner gets lines of JSON back.
#pragma once

#include <filesystem>

#include "registry.h"
#include "setting.h"

namespace harness
{

/// The descriptor on which a case's process reports: {"phase": NAME, "time": …} as each begins, {"mark": NAME, "time":
/// …}, {"notice": TEXT} and {"paused": TEXT} (pause.h), and its Outcome; once more when it knows more, the last one
/// stands.
constexpr int report_fd = 3;

/// Runs one case in this process and reports. Returns the process's exit status: 0 whatever became of the case.
int run_case_process(const CaseInfo& info, const Setting& setting, const std::filesystem::path& directory);

} // namespace harness

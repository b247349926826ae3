// SPDX-License-Identifier: GPL-2.0-or-later
//
// ResultsFile: the results of one run, read back from the JSON lines that docs/results.md describes. What is read is
// checked: every member that page promises is there and of its type, every time and duration is a finite number, so
// that readers need not ask again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "json.h"

namespace harness
{

struct ResultsFile {
    std::string path;
    /// The members of `run`.
    qtest::Json run;
    /// One record a case run, as they ended.
    std::vector<qtest::Json> cases;
    /// The members of `end`; nothing when the run was killed before it could write them.
    std::optional<qtest::Json> end;

    /// Throws qtest::EnvironmentError, "FILE:LINE: what is wrong", or why FILE cannot be read.
    static ResultsFile read(const std::string& path);
};

} // namespace harness

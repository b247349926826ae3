// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace harness
{

/// Something a program of cases can do besides running them: `migration-test NAME ARGUMENTS`.
struct Verb {
    std::string name;
    std::string arguments; // as --help shows them
    std::string summary;
    /// Takes what follows the name and returns the exit status. What it throws is told in one line, exit status 2.
    int (*main)(const std::vector<std::string>& arguments);
};

} // namespace harness

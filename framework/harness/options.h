// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner.h"
#include "selection.h"

namespace harness
{

struct Options {
    enum class Report { automatic, tap, text };

    bool list = false;
    Selection selection;
    Shard shard;
    Report report = Report::automatic;
    double timeout_multiplier = 1;
    std::string accelerator = "tcg";
    std::string machine;
    std::string known_trouble; // a file instead of the catalogue built in
    Debugging debugging;
    RunOptions run;

    // For the runner's own use: be the process of one case.
    std::string case_path;
    std::string case_directory;
    std::string setting_file;
    std::optional<std::chrono::seconds> case_deadline;

    /// Throws qtest::EnvironmentError naming what it does not understand. `--help` prints and exits.
    static Options parse(int argc, char** argv);
};

} // namespace harness

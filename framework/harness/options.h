// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner.h"
#include "selection.h"
#include "verb.h"

namespace harness
{

struct Options {
    enum class Listing { none, paths, table, json, ctest, markdown };
    enum class Report { automatic, tap, text };

    std::vector<std::string> command_line;
    Listing listing = Listing::none;
    Selection selection;
    /// Whether any of the options that select was given.
    bool selects = false;
    /// None: the environment's.
    std::optional<Shard> shard;
    Report report = Report::automatic;
    std::string junit; // a file
    std::string json;  // a file
    bool require_no_skip = false;
    bool shuffle = false;
    std::uint32_t seed = 0; // 0: to be drawn
    unsigned stress = 0;
    double timeout_multiplier = 1;
    Setting::Asked asked;
    std::string known_trouble; // a file instead of the catalogue built in
    Debugging debugging;
    RunOptions run;

    /// For the runner's own use: be its nursery, with the setting in this file.
    std::string nursery;

    /// Throws qtest::EnvironmentError naming what it does not understand. `--help` prints and exits.
    static Options parse(int argc, char** argv, const std::vector<Verb>& verbs = {});
};

} // namespace harness

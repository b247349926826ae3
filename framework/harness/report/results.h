// SPDX-License-Identifier: GPL-2.0-or-later
//
// Results: the case runs of several result files together, each with what tells it from the others: a repetition, a
// QEMU, an accelerator, a run.
#pragma once

#include <string>
#include <vector>

#include "results_file.h"

namespace report
{

enum class Verdict { passed, skipped, failed, error, known_trouble, unexpected_pass };

struct Entry {
    qtest::Json record;
    Verdict verdict;
    std::string path;
    /// What distinguishes it: "run 2", "QEMU 10.0.2 → 11.1.3"; often nothing.
    std::vector<std::string> tags;
    /// Its id in the page.
    std::string anchor;

    double seconds() const { return record.at("seconds").as_double(); }
    std::string reason() const { return record.at("reason").as_string(); }
};

struct Results {
    std::vector<harness::ResultsFile> files; // by start; their cases have moved to `entries`
    std::vector<Entry> entries;              // by path, then as they were run

    /// Throws qtest::EnvironmentError for files that cannot be read and for the same run given twice.
    static Results read(const std::vector<std::string>& paths);

    std::vector<const Entry*> of(const std::vector<Verdict>& verdicts) const;
    /// Paths that a run was to run and no file has a result of.
    std::vector<std::string> missing() const;
};

/// "QEMU 11.1.3", "QEMU 10.0.2 → 11.1.3"
std::string qemu_text(const qtest::Json& record_or_run);

} // namespace report

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reporter: stands between the runner and whoever reads. The runner calls it in this order: begin; per case started,
// any number of phase, finished; end. With several jobs, the cases interleave.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "outcome.h"
#include "registry.h"
#include "run_facts.h"

namespace harness
{

/// One of the runs of a case: with --repeat there are several.
struct CaseRun {
    const CaseInfo& info;
    unsigned repetition; // from 1
};

struct Summary {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::size_t known_trouble = 0; // failures that are known, and counted nowhere else
    double seconds = 0;
    /// Why not all of it was run; empty: it was.
    std::string cut_short = {};
};

class Reporter
{
  public:
    virtual ~Reporter() = default;
    virtual void begin(const RunFacts& facts) = 0;
    virtual void started(const CaseRun&) {}
    virtual void phase(const CaseRun&, const std::string& /*name*/) {}
    /// About once a second while cases run.
    virtual void tick() {}
    /// Something worth a line of its own that is no case's.
    virtual void notice(const std::string& /*text*/) {}
    virtual void finished(const CaseRun& run, const Outcome& outcome) = 0;
    virtual void end(const Summary& summary) = 0;
};

/// Tells every one of several.
std::unique_ptr<Reporter> make_broadcast(std::vector<std::unique_ptr<Reporter>> reporters);
/// TAP version 14 on stdout, with a YAML block for each failure.
std::unique_ptr<Reporter> make_tap_reporter();
/// For people: a line a case, failures in full, and on a terminal a last line that says what is under way.
std::unique_ptr<Reporter> make_text_reporter();
/// JUnit XML into a file. Throws qtest::EnvironmentError when it cannot be written.
std::unique_ptr<Reporter> make_junit_reporter(const std::filesystem::path& file);
/// JSON lines into a file (record.h). Throws qtest::EnvironmentError when it cannot be written.
std::unique_ptr<Reporter> make_json_reporter(const std::filesystem::path& file);

} // namespace harness

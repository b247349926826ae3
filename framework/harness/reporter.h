// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reporter: stands between the runner and whoever reads. The runner calls it in this order: begin; per case started,
// any number of phase, finished; end. With several jobs, the cases interleave.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "outcome.h"
#include "registry.h"

namespace harness
{

struct Summary {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::size_t known_trouble = 0; // failures that are known, and counted nowhere else
    double seconds = 0;
};

class Reporter
{
  public:
    virtual ~Reporter() = default;
    /// `title`: one line on what is run and on what. `cases`: how many will finish.
    virtual void begin(const std::string& title, std::size_t cases) = 0;
    virtual void started(const CaseInfo&) {}
    virtual void phase(const CaseInfo&, const std::string& /*name*/) {}
    virtual void finished(const CaseInfo& info, const Outcome& outcome) = 0;
    virtual void end(const Summary& summary) = 0;
};

/// TAP version 14 on stdout, with a YAML block for each failure.
std::unique_ptr<Reporter> make_tap_reporter();
/// For people: a line a case, failures in full, the running cases' phases on the last line when stdout is a terminal.
std::unique_ptr<Reporter> make_text_reporter();

} // namespace harness

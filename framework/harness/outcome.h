// SPDX-License-Identifier: GPL-2.0-or-later
//
// Outcome: what became of one case: what its process reports to the runner, and the runner to the reporters.
#pragma once

#include <optional>
#include <string>

#include "json.h"

namespace harness
{

enum class Result {
    passed,
    failed,
    skipped,
    error, // the machine is unfit: neither the QEMU's fault nor the case's
};

struct Outcome {
    Result result = Result::passed;
    /// Why it failed or was skipped; one paragraph.
    std::string reason = {};
    /// What to look at, for a failure: phase, time in it, both sides' state (an object, shown as it is).
    qtest::Json details = qtest::Json::object();
    /// What each VM went through, for the picture (timeline.h).
    qtest::Json vms = qtest::Json::array();
    /// {"name", "time"} of each phase, and of each moment that the case marked; seconds since the epoch.
    qtest::Json phases = qtest::Json::array();
    qtest::Json marks = qtest::Json::array();
    /// When it began, in seconds since the epoch; how long it took.
    double started = 0;
    double seconds = 0;
    /// Where its evidence is kept; empty: nowhere.
    std::string evidence = {};
    /// The known trouble that a failure is, or that a success no longer is.
    std::optional<std::string> known_trouble = {};

    /// What the case's process knows of it; phases, marks and times are the runner's.
    qtest::Json save() const;
    /// Throws qtest::JsonError.
    static Outcome load(const qtest::Json& saved);

    bool failed() const { return result == Result::failed || result == Result::error; }
    bool unexpected_failure() const { return result == Result::failed && !known_trouble; }
};

/// "passed", "failed", "skipped", "error"
const char* name_of(Result result);

} // namespace harness

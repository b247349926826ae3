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
    /// What to look at, for a failure: phase, time, both sides' state (an object, shown as it is).
    qtest::Json details = qtest::Json::object();
    double seconds = 0;
    /// Where its evidence is kept; empty: nowhere.
    std::string evidence = {};
    /// The known trouble that a failure is, or that a success no longer is.
    std::optional<std::string> known_trouble = {};

    qtest::Json save() const;
    static Outcome load(const qtest::Json& saved);

    bool unexpected_failure() const { return result == Result::failed && !known_trouble; }
};

} // namespace harness

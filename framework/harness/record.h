// SPDX-License-Identifier: GPL-2.0-or-later
//
// Record: one run of a case as an object of JSON, the form in which results are kept, joined and drawn. docs/results.md
// says what its members mean. It speaks for itself: what it ran on stands in it.
#pragma once

#include "reporter.h"

namespace harness
{

/// Times in it count from the case's start; `started` is in seconds since the epoch.
qtest::Json record_of(const RunFacts& facts, const CaseRun& run, const Outcome& outcome);

} // namespace harness

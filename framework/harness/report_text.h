// SPDX-License-Identifier: GPL-2.0-or-later
//
// What several reports say in the same words.
#pragma once

#include <string>
#include <vector>

#include "reporter.h"

namespace harness
{

/// What the run is, in short lines: "QEMU 11.1.3 (tcg, pc): 24 cases, 2 at once", then what is out of the ordinary.
std::vector<std::string> about(const RunFacts& facts);
/// The path, and from the second run on " (run 2)".
std::string name_of(const CaseRun& run);
/// A failure's details, a line each: "phase: migrate", and what objects have, indented below their name.
std::string details_text(const Outcome& outcome);

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// The parts of the page that speak of all cases together.
#pragma once

#include <string>

#include "results.h"

namespace report
{

/// The verdict in one line, the counts and their bar.
std::string summary_of(const Results& results);
/// What was run and on what; what was not run although it was selected.
std::string runs_of(const Results& results);
/// Skipped cases by reason.
std::string skips_of(const Results& results);
/// The ten that took longest.
std::string slowest_of(const Results& results);

/// The path of a case with its tags, as a link to where its picture is.
std::string link_to(const Entry& entry);
std::string tags_of(const Entry& entry);

} // namespace report

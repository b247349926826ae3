// SPDX-License-Identifier: GPL-2.0-or-later
//
// Listing: what -l prints.
#pragma once

#include <string>
#include <vector>

#include "recorded_times.h"
#include "registry.h"
#include "setting.h"

namespace harness
{

/// One path a line.
std::string list_paths(const std::vector<const CaseInfo*>& cases);
/// docs/cases.md: a table for each family.
std::string list_markdown(const std::vector<const CaseInfo*>& cases);
/// A table for people: what a case needs, and whether it has that here.
std::string list_table(const std::vector<const CaseInfo*>& cases, const Setting& setting, const RecordedTimes& times);
/// An array of objects: path, summary, needs, tags, deadline_s, ram_mib, last_s (null: never passed here), would_skip
/// (null: it would run).
std::string list_json(const std::vector<const CaseInfo*>& cases, const Setting& setting, const RecordedTimes& times);

} // namespace harness

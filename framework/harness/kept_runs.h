// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kept runs: a directory of evidence holds one directory for each of the last runs that had something to keep.
#pragma once

#include <filesystem>

namespace harness
{

/// Makes the run's directory (with its parents), unless it is there, marks it as ours, and removes the oldest of its
/// neighbours so that no more than `keep` runs remain, this one included. Only what an earlier call made is ever
/// removed: a directory with a run's name and the mark; and not while the process in its name lives. Throws
/// qtest::EnvironmentError.
void add_kept_run(const std::filesystem::path& run_directory, unsigned keep);

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// `migration-test merge`: the results of a run's shards (JSON lines, docs/results.md) joined into those of one run, and
// the proof that every case ran exactly once.
#pragma once

#include <string>
#include <vector>

namespace harness
{

/// The arguments are those after "merge". Returns 0; or 1 when a case failed, is missing or doubled, when a shard was
/// cut short, or when the files do not belong together (and then nothing is written): each told in a line on stderr.
/// Throws qtest::EnvironmentError on wrong usage, on a file that is malformed, and when the result cannot be written.
int merge_main(const std::vector<std::string>& arguments);

} // namespace harness

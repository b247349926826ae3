// SPDX-License-Identifier: GPL-2.0-or-later
//
// Selection: which cases run: by path, by glob, by tag, by set, and, when a run is shared between machines, by shard.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "registry.h"

namespace harness
{

/// One part of a run that is shared between `count` machines. The split depends on nothing but the selection, so every
/// machine makes the same one.
struct Shard {
    std::size_t index = 0; // from 0
    std::size_t count = 1;

    /// "2/5", counted from 1. Throws qtest::EnvironmentError.
    static Shard parse(const std::string& text);
    /// From TEST_SHARD_INDEX and TEST_TOTAL_SHARDS, GTEST_SHARD_INDEX and GTEST_TOTAL_SHARDS (both from 0),
    /// CI_NODE_INDEX and CI_NODE_TOTAL (GitLab, from 1), SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT (from
    /// SLURM_ARRAY_TASK_MIN); the first pair that is set. Throws qtest::EnvironmentError when it makes no sense.
    static Shard from_environment();

    std::vector<const CaseInfo*> part_of(const std::vector<const CaseInfo*>& cases) const;
};

/// Whether the path is selected: it is the one asked for or lies below it; with *, ? or [ in it, what is asked for is a
/// glob that must match the whole path or one above it.
bool matches(const std::string& asked, const std::string& path);

struct Selection {
    /// See matches(). None: every case.
    std::vector<std::string> paths = {};
    std::vector<std::string> skips = {};
    /// Only cases with one of these tags; none: whatever tag.
    std::vector<std::string> tags = {};
    bool full = false; // beyond the smoke set
    bool slow = false; // and beyond the full set

    /// In the registry's order. Throws qtest::EnvironmentError, naming the nearest paths, when a path or tag selects
    /// none.
    std::vector<const CaseInfo*> of(const Registry& registry) const;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// RunFacts: what is true of a run as a whole: what was asked, on what it runs. Reports begin with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "selection.h"
#include "setting.h"

namespace harness
{

struct RunFacts {
    /// "20261122-153338-22724": when it began, and the runner's process.
    std::string id;
    double started; // seconds since the epoch
    std::vector<std::string> command_line;
    Setting setting;
    qtest::Json host; // describe_host()
    /// Everything selected, in the registry's order, before this shard's part was taken.
    std::vector<std::string> selected;
    Shard shard;
    /// Rounds of all cases; 0: until one fails.
    unsigned repeat;
    /// How many case runs are to finish here; 0 also when that is not known.
    std::size_t planned;
    unsigned jobs;
    unsigned stress;
    std::uint32_t seed; // of --shuffle; 0: not shuffled
    /// What every deadline is multiplied with, and why.
    double deadline_scale;
    std::string deadline_scale_reason;

    /// "QEMU 11.1.3 (tcg, pc-i440fx-11.1)"
    std::string title() const { return setting.text(); }
    /// As it stands in the JSON lines (docs/results.md).
    qtest::Json save() const;
};

/// {"binary", "version", "package"}
qtest::Json describe(const Qemu& qemu);
/// {"os", "kernel", "cpu", "cores", "memory_mib"} of this machine.
qtest::Json describe_host();

} // namespace harness

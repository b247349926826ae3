// SPDX-License-Identifier: GPL-2.0-or-later
//
// The timeline of a case's VMs: when each ran, its run states and its events, for the picture that reports draw.
#pragma once

#include "case.h"

namespace harness
{

/// For each VM of the case the object that docs/results.md describes as a member of `vms`, but with absolute times
/// (`started`, `ended`, and `time` for `at`: seconds since the epoch). Of a VM that told much, the first and the last
/// of its states and events; nothing here grows with a case's length.
qtest::Json vm_timelines(Case& test);

/// The same from the transcripts in a case's directory, for a case whose process ended without telling: a VM begins
/// with its first message. Lines that cannot be read are passed over.
qtest::Json vm_timelines_from(const std::filesystem::path& directory);

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evidence: what a failed case leaves for whoever was not there. The VMs' own files (command line, QMP transcript,
// console, stderr) are in the case's directory already; this adds what only a living QEMU can tell, and what the runner
// knows.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "case.h"
#include "reporter.h"

namespace harness
{

/// How QEMUs ended that were not to end, those killed by a signal first: when one dies, its peer often ends too, and
/// may be noticed sooner. Waits half a second at most for those whose monitor is gone. To be called before
/// gather_evidence().
std::vector<std::string> unannounced_ends(Case& test);

/// Asks each VM that still answers for its state, writes it to NAME.state.json, and returns for each VM by name what a
/// failure text shows: exit status or run state, migration status, last event. Then has gdb write NAME.backtrace: of
/// each VM that does not answer or has crashed, and of every VM when it was a wait that failed, for its threads show
/// what they wait for. Takes a second when no VM answers and 20 s with gdb, but lasts no longer than 1.4 s beyond the
/// case's deadline. Throws nothing of its own.
qtest::Json gather_evidence(Case& test, bool wait_failed);

/// Copies what `scratch` holds, within bounds (kept_files.h), to `place` (made, with its parents), makes its command
/// lines name `place`, and adds case.json and reproduce.sh, which gets `options` besides what the facts say. Throws
/// qtest::EnvironmentError when it cannot be written.
void keep_evidence(const std::filesystem::path& scratch, const std::filesystem::path& place, const RunFacts& facts,
                   const CaseRun& run, const Outcome& outcome, const std::vector<std::string>& options = {});

} // namespace harness

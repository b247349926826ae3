// SPDX-License-Identifier: GPL-2.0-or-later
//
// What must be true of a file that a VM was saved into.
#pragma once

#include <filesystem>

#include "analysis.h"
#include "case.h"
#include "vm.h"

namespace precopy
{

/// After the source's status `completed`: until what it wrote through `exec:` is in the file.
void await_written(migration::Vm& source);

/// Of a source that has stopped: the file is well formed (see Analysis), is of this machine, and has every byte of its
/// RAM and its CPU's registers. `offset`: where in the file the stream begins.
stream::Analysis expect_saved(harness::Case& test, migration::Vm& source, const std::filesystem::path& file,
                              std::uint64_t offset = 0);

} // namespace precopy

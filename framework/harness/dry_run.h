// SPDX-License-Identifier: GPL-2.0-or-later
//
// Dry run: shows the command lines that cases start their VMs with, and starts none.
#pragma once

#include <filesystem>
#include <vector>

#include "registry.h"

namespace harness
{

/// Prints, for each case, the command lines of the VMs that it starts before it first waits for one, ready to paste
/// into a shell. The files that they name are made in a directory for each case below `place`. What a case does after
/// that first wait, further VMs included, cannot be known without QEMU.
void dry_run(const std::vector<const CaseInfo*>& cases, Setting setting, const std::filesystem::path& place);

} // namespace harness

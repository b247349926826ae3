// SPDX-License-Identifier: GPL-2.0-or-later
//
// The cases as CTest knows tests: `ctest --test-dir build -R colo` runs single cases, `ctest -L smoke` those of a tag.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "registry.h"

namespace harness
{

/// A CTestTestfile.cmake with a test for each case, named by its path, labelled with its tags. `program` runs them.
std::string ctest_file(const std::vector<const CaseInfo*>& cases, const std::filesystem::path& program);

} // namespace harness

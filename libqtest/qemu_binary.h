// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which QEMU is tested.
#pragma once

#include <string>
#include <vector>

namespace qtest
{

/// The architecture this suite has a guest program for.
constexpr const char* architecture = "x86_64";

/// The program named by the environment variable `side` (QTEST_QEMU_BINARY_SRC, say; none if null), else by
/// QTEST_QEMU_BINARY; else the newest that scripts/get-qemu brought into a .qemu directory beside or above this
/// program; else qemu-system-x86_64 from PATH. Throws EnvironmentError when there is none, or it is no program.
std::string qemu_binary(const char* side = nullptr);

/// The absolute path of this program, looked for in PATH unless it is a path. Throws EnvironmentError, telling who
/// named it
/// ("from --source"), when it is none.
std::string find_program(const std::string& name, const std::string& origin);

/// Every QEMU that qemu_binary() could mean: the one named by QTEST_QEMU_BINARY and no other, or all that
/// scripts/get-qemu brought, oldest first, and PATH's before them. Throws EnvironmentError when there is none.
std::vector<std::string> qemus_at_hand();

} // namespace qtest

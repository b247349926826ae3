// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files with a secret in them.
#pragma once

#include <filesystem>
#include <string_view>

namespace tls
{

/// Makes the directory and those above it where missing, the directory for its owner only. Throws
/// qtest::EnvironmentError in one line when it cannot be made.
void make_private_directory(const std::filesystem::path& directory);

/// Writes the file, in place of one that is there; nobody but its owner can ever read it. Throws
/// qtest::EnvironmentError in one line.
void write_private_file(const std::filesystem::path& file, std::string_view content);

} // namespace tls

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kept files: what is taken from a case's scratch directory into its evidence, within bounds that a runaway file
// cannot break. What is cut says so where it is cut; what is left out is named in the file `left-out`.
#pragma once

#include <cstdint>
#include <filesystem>

namespace harness
{

struct KeptBounds {
    /// A file that is larger is kept as its head and its tail.
    std::uintmax_t file = 2 * 1024 * 1024;
    /// All files of a case. The smaller ones are kept first: they tell most a byte.
    std::uintmax_t total = 32 * 1024 * 1024;
    std::size_t files = 40;
};

/// Moves, or where that is not possible copies, the regular files right in `scratch` to `place`, which exists, and
/// makes the command lines in them name `place`. A file that cannot be read is left out. Throws qtest::EnvironmentError
/// or std::filesystem::filesystem_error when `place` cannot be written.
void keep_files(const std::filesystem::path& scratch, const std::filesystem::path& place,
                const KeptBounds& bounds = {});

} // namespace harness

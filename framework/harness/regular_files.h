// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <vector>

namespace harness
{

constexpr std::size_t most_regular_files = 60;

/// The regular files directly in a directory; not more than that many of them, where a case has made files without
/// end. Throws std::filesystem::filesystem_error.
inline std::vector<std::filesystem::path> regular_files(const std::filesystem::path& directory)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (files.size() == most_regular_files)
            break;
        // As the directory itself tells, without a look at the file.
        if (entry.is_regular_file() && !entry.is_symlink())
            files.push_back(entry.path());
    }
    return files;
}

} // namespace harness

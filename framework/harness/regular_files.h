// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <vector>

namespace harness
{

/// The regular files directly in a directory; not more than 60 of them, where a case has made files without
/// end. Throws std::filesystem::filesystem_error.
inline std::vector<std::filesystem::path> regular_files(const std::filesystem::path& directory)
{
    constexpr std::size_t most = 60;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (files.size() == most)
            break;
        // As the directory itself tells, without a look at the file.
        if (entry.is_regular_file() && !entry.is_symlink())
            files.push_back(entry.path());
    }
    return files;
}

} // namespace harness

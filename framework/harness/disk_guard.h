// SPDX-License-Identifier: GPL-2.0-or-later
//
// DiskGuard: keeps one case from filling the disk that all of them write to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace harness
{

class DiskGuard
{
  public:
    /// `directory`: where the cases' scratch directories are.
    explicit DiskGuard(std::filesystem::path directory);

    struct Culprit {
        std::filesystem::path directory;
        /// "its scratch directory holds 900 MiB, and 40 MiB are left on the disk"
        std::string text;
    };
    /// One question to the file system. When little is left there: which of these directories holds most, if it holds
    /// more than what is left. Nothing otherwise, above all when somebody else fills the disk.
    std::optional<Culprit> look(const std::vector<std::filesystem::path>& directories) const;

  private:
    std::filesystem::path directory_;
};

} // namespace harness

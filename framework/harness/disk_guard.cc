// SPDX-License-Identifier: GPL-2.0-or-later
#include "disk_guard.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace harness
{

namespace
{

constexpr std::uintmax_t mib = 1024 * 1024;
/// What is to be left: this, or a tenth of a smaller disk.
constexpr std::uintmax_t enough = 512 * mib;
/// Files looked at in one directory: one that makes files without end is known for it by then.
constexpr int most_files = 100'000;

std::uintmax_t bytes_below(const fs::path& directory)
{
    std::uintmax_t bytes = 0;
    int files = 0;
    std::error_code error;
    fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied, error);
    for (; !error && entry != fs::recursive_directory_iterator() && files < most_files; entry.increment(error)) {
        struct stat status {
        };
        if (lstat(entry->path().c_str(), &status) == 0)
            bytes += static_cast<std::uintmax_t>(status.st_blocks) * 512;
        files++;
    }
    return bytes;
}

} // namespace

DiskGuard::DiskGuard(fs::path directory) : directory_(std::move(directory)) {}

std::optional<DiskGuard::Culprit> DiskGuard::look(const std::vector<fs::path>& directories) const
{
    std::error_code error;
    const fs::space_info space = fs::space(directory_, error);
    if (error || space.available >= std::min(enough, space.capacity / 10))
        return std::nullopt;
    std::optional<Culprit> culprit;
    std::uintmax_t most = space.available;
    for (const fs::path& one : directories) {
        if (const std::uintmax_t bytes = bytes_below(one); bytes > most) {
            most = bytes;
            culprit = {one, fmt::format("its scratch directory holds {} MiB, and {} MiB are left on the disk",
                                        bytes / mib, space.available / mib)};
        }
    }
    return culprit;
}

} // namespace harness

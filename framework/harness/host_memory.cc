// SPDX-License-Identifier: GPL-2.0-or-later
#include "host_memory.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace fs = std::filesystem;

namespace harness
{

namespace
{

constexpr std::uint64_t mib = 1024 * 1024;

/// A file that holds one number; nothing for "max", or when there is no such file.
std::optional<std::uint64_t> number_in(const fs::path& file)
{
    std::ifstream stream(file);
    std::uint64_t number = 0;
    return stream >> number ? std::optional(number) : std::nullopt;
}

std::uint64_t available_in_kernel()
{
    std::ifstream info("/proc/meminfo");
    for (std::string key; info >> key;) {
        if (std::uint64_t kib = 0; key == "MemAvailable:" && info >> kib)
            return kib * 1024;
        info.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return std::numeric_limits<std::uint64_t>::max();
}

/// What control groups leave (cgroup v2): each from our own up to the root may have a limit.
std::uint64_t left_by_control_groups()
{
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (!line.starts_with("0::/"))
            continue;
        const fs::path root = "/sys/fs/cgroup";
        for (fs::path group = root / line.substr(4);; group = group.parent_path()) {
            const auto limit = number_in(group / "memory.max");
            const auto used = number_in(group / "memory.current");
            if (limit && used)
                least = std::min(least, *limit > *used ? *limit - *used : 0);
            if (group == root || group.empty() || group == group.root_path())
                break;
        }
    }
    return least;
}

} // namespace

unsigned available_memory_mib()
{
    const std::uint64_t bytes = std::min(available_in_kernel(), left_by_control_groups());
    return static_cast<unsigned>(std::min<std::uint64_t>(bytes / mib, std::numeric_limits<unsigned>::max()));
}

} // namespace harness

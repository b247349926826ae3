// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu_binary.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "errors.h"
#include "glib_ptr.h"

namespace fs = std::filesystem;

namespace qtest
{

namespace
{

std::string variable(const char* name)
{
    const char* value = g_getenv(name);
    return value ? value : "";
}

/// Two numbers of a version directory's name, for "newest"; {0, 0} when it is none.
std::array<int, 2> version_of(const fs::path& directory)
{
    std::array<int, 2> version{};
    if (std::sscanf(directory.filename().c_str(), "%d.%d", &version[0], &version[1]) != 2)
        return {};
    return version;
}

/// Whether scripts/get-qemu left this tree whole, and here: its mark holds its path, which its programs are bound to.
bool is_whole(const fs::path& tree)
{
    std::ifstream mark(tree / ".whole");
    std::string place;
    std::error_code error;
    return std::getline(mark, place) && place == fs::canonical(tree, error);
}

const std::string program = std::string("qemu-system-") + architecture;

/// What scripts/get-qemu brought, oldest first.
std::vector<std::string> brought()
{
    std::error_code error;
    std::vector<fs::path> trees;
    for (fs::path above = fs::read_symlink("/proc/self/exe", error).parent_path(); !above.empty() && trees.empty();
         above = above == above.root_path() ? fs::path() : above.parent_path()) {
        for (const auto& entry : fs::directory_iterator(above / ".qemu", error)) {
            if (is_whole(entry.path()))
                trees.push_back(entry.path());
        }
    }
    std::sort(trees.begin(), trees.end(), [](const auto& a, const auto& b) { return version_of(a) < version_of(b); });
    std::vector<std::string> programs;
    for (const fs::path& tree : trees)
        programs.push_back(tree / "usr/bin" / program);
    return programs;
}

} // namespace

std::string find_program(const std::string& name, const std::string& origin)
{
    const CharPtr found(g_find_program_in_path(name.c_str()));
    if (found)
        return fs::absolute(found.get()).string();
    std::error_code error;
    const bool there = fs::exists(name, error);
    throw EnvironmentError(fmt::format("{}: {} ({})", name,
                                       !there                          ? "no such program"
                                       : fs::is_directory(name, error) ? "is a directory, not a QEMU"
                                                                       : "is not an executable program",
                                       origin));
}

std::string qemu_binary(const char* side)
{
    for (const char* name : {side, "QTEST_QEMU_BINARY"}) {
        if (const std::string given = name ? variable(name) : ""; !given.empty())
            return find_program(given, std::string("from ") + name);
    }
    if (const auto programs = brought(); !programs.empty())
        return programs.back();
    return find_program(
        program, "from PATH; name one in QTEST_QEMU_BINARY, install qemu-system-x86, or run scripts/get-qemu 11.1");
}

std::vector<std::string> qemus_at_hand()
{
    if (!variable("QTEST_QEMU_BINARY").empty())
        return {qemu_binary()};
    auto programs = brought();
    if (const CharPtr installed(g_find_program_in_path(program.c_str())); installed)
        programs.insert(programs.begin(), installed.get());
    return programs.empty() ? std::vector<std::string>{qemu_binary()} : programs;
}

} // namespace qtest

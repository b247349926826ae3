// SPDX-License-Identifier: GPL-2.0-or-later
#include "kept_files.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <glib.h>

#include "glib_ptr.h"
#include "log_file.h"
#include "process.h"
#include "regular_files.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

struct File {
    fs::path path;
    std::uintmax_t size;
};

std::vector<File> files_in(const fs::path& directory)
{
    std::vector<File> files;
    for (const fs::path& file : regular_files(directory))
        files.push_back({file, fs::file_size(file)});
    std::sort(files.begin(), files.end(),
              [](const File& a, const File& b) { return std::tie(a.size, a.path) < std::tie(b.size, b.path); });
    return files;
}

std::string part(std::ifstream& file, std::uintmax_t begin, std::uintmax_t size)
{
    std::string bytes(size, '\0');
    file.seekg(static_cast<std::streamoff>(begin));
    file.read(bytes.data(), static_cast<std::streamsize>(size));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
}

/// The file, or at most `most` bytes of it and a line about the rest. Whether it could be read.
bool keep(const File& file, const fs::path& copy, std::uintmax_t most)
{
    std::error_code other_disk;
    if (file.size <= most && (fs::rename(file.path, copy, other_disk), !other_disk))
        return true;
    std::ifstream from(file.path, std::ios::binary);
    if (!from)
        return false;
    if (file.size <= most) {
        qtest::write_file(copy, part(from, 0, file.size));
        return true;
    }
    const std::string head = part(from, 0, most / 2);
    const std::string tail = part(from, file.size - most / 2, most / 2);
    qtest::write_file(copy, fmt::format("{}\n[… {} bytes of {} are left out here …]\n{}", head,
                                        file.size - most / 2 * 2, file.size, tail));
    return true;
}

/// A command line that is still good when the scratch directory is gone.
void move_command_line(const fs::path& file, const fs::path& scratch, const fs::path& place)
{
    int count = 0;
    char** parsed = nullptr;
    if (!g_shell_parse_argv(qtest::read_tail(file, 1 << 20).c_str(), &count, &parsed, nullptr))
        return;
    std::vector<std::string> words(parsed, parsed + count);
    g_strfreev(parsed);
    const std::string old = scratch.string() + "/";
    for (std::string& word : words) {
        for (auto at = word.find(old); at != std::string::npos; at = word.find(old, at + place.string().size()))
            word.replace(at, old.size(), place.string() + "/");
    }
    qtest::write_file(file, qtest::shell_line(words) + "\n");
}

} // namespace

void keep_files(const fs::path& scratch, const fs::path& place, const KeptBounds& bounds)
{
    constexpr std::uintmax_t worth_keeping = 4096;
    constexpr std::size_t most_names = 16 * 1024;
    std::string left_out;
    std::size_t left_out_count = 0;
    std::uintmax_t room = bounds.total;
    std::size_t count = 0;
    const auto files = files_in(scratch);
    for (const File& file : files) {
        const fs::path copy = place / file.path.filename();
        const std::uintmax_t most = std::min(bounds.file, room);
        const bool fits = count < bounds.files && (file.size <= most || most >= worth_keeping);
        if (!fits || !keep(file, copy, most)) {
            if (left_out.size() < most_names)
                left_out += fmt::format("{}: {} bytes, {}\n", file.path.filename().string(), file.size,
                                        fits ? "which cannot be read" : "beyond what is kept of a case");
            left_out_count++;
            continue;
        }
        count++;
        room -= std::min(file.size, most);
        if (copy.extension() == ".command-line")
            move_command_line(copy, scratch, place);
    }
    if (files.size() >= most_regular_files)
        left_out += "and files beyond these, which were not counted\n";
    if (left_out_count > 0 || files.size() >= most_regular_files)
        qtest::write_file(place / "left-out", fmt::format("{}{} files in all\n", left_out, left_out_count));
}

} // namespace harness

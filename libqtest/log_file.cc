// SPDX-License-Identifier: GPL-2.0-or-later
#include "log_file.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>

#include "errors.h"

namespace qtest
{

namespace
{

UniqueFd open_for(const std::filesystem::path& path, int flags)
{
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
    if (!fd)
        throw EnvironmentError(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
    return fd;
}

} // namespace

LogFile::LogFile(std::filesystem::path path, std::size_t limit)
    : path_(std::move(path)), limit_(limit), fd_(open_for(path_, O_APPEND)), size_(std::filesystem::file_size(path_)),
      newest_path_(path_.string() + ".newest")
{
}

double epoch_seconds()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string LogFile::time() { return fmt::format("{:.6f}", epoch_seconds()); }

void LogFile::line(std::string_view text)
{
    const std::size_t longest = limit_ / 16;
    const std::string cut =
        text.size() > longest ? fmt::format(" [{} bytes of this line are left out]", text.size() - longest) : "";
    write(fmt::format("{} {}{}\n", time(), text.substr(0, longest), cut));
}

void LogFile::write(std::string_view line)
{
    if (!newest_ && size_ + line.size() > limit_) {
        newest_ = open_for(newest_path_, O_TRUNC | O_APPEND);
        write_all(fd_.get(),
                  fmt::format("{} [the rest is left out; the newest lines of it are in {}]\n", time(),
                              newest_path_.filename().string()),
                  path_);
    }
    if (newest_) {
        write_newest(line);
    } else {
        write_all(fd_.get(), line, path_);
        size_ += line.size();
    }
}

void LogFile::write_newest(std::string_view line)
{
    const std::size_t limit = limit_ / 16;
    if (newest_size_ > 0 && newest_size_ + line.size() > limit) {
        std::string kept = read_tail(newest_path_, limit / 2);
        kept.erase(0, kept.find('\n') + 1);
        newest_ = open_for(newest_path_, O_TRUNC | O_APPEND);
        write_all(newest_.get(), kept, newest_path_);
        newest_size_ = kept.size();
    }
    write_all(newest_.get(), line, newest_path_);
    newest_size_ += line.size();
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path)
{
    while (!bytes.empty()) {
        const ssize_t size = ::write(fd, bytes.data(), bytes.size());
        if (size < 0 && errno != EINTR)
            throw EnvironmentError(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
        bytes.remove_prefix(size < 0 ? 0 : static_cast<std::size_t>(size));
    }
}

void write_file(const std::filesystem::path& path, std::string_view bytes)
{
    write_all(open_for(path, O_TRUNC).get(), bytes, path);
}

std::string read_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad())
        throw EnvironmentError(fmt::format("cannot read {}", path.string()));
    return content;
}

std::string read_tail(const std::filesystem::path& path, std::size_t most)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file)
        return {};
    const auto size = static_cast<std::size_t>(file.tellg());
    file.seekg(static_cast<std::streamoff>(size > most ? size - most : 0));
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace qtest

// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"

namespace harness
{

ReportFile::ReportFile(std::filesystem::path path)
    // Non-blocking: a named pipe without a reader is refused instead of waited for.
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644))
{
    if (!fd_)
        throw qtest::EnvironmentError(
            fmt::format("cannot write the report {}: {}", path_.string(), std::strerror(errno)));
    struct stat status {
    };
    if (fstat(fd_.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw qtest::EnvironmentError(fmt::format("cannot write the report {}: no regular file", path_.string()));
}

void ReportFile::append(std::string_view bytes, std::string_view tail)
{
    // In one write, so that whoever looks meanwhile finds the tail in its place.
    write_at(size_, std::string(bytes) + std::string(tail));
    size_ += static_cast<off_t>(bytes.size());
    if (!error_ && ftruncate(fd_.get(), size_ + static_cast<off_t>(tail.size())) != 0)
        error_ = errno;
}

void ReportFile::write_at(off_t offset, std::string_view bytes)
{
    while (!bytes.empty() && !error_) {
        const ssize_t size = pwrite(fd_.get(), bytes.data(), bytes.size(), offset);
        if (size < 0 && errno != EINTR)
            error_ = errno;
        if (size > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(size));
            offset += size;
        }
    }
}

void ReportFile::require_written() const
{
    if (error_)
        throw qtest::EnvironmentError(
            fmt::format("the report {} is incomplete: {}", path_.string(), std::strerror(error_)));
}

} // namespace harness

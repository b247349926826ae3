// SPDX-License-Identifier: GPL-2.0-or-later
//
// LogFile: a file of evidence, written line by line and at once, so that it is complete up to the moment this process
// is killed. Every line starts with the time in seconds since the epoch, to the microsecond, as QMP events have it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "unique_fd.h"

namespace qtest
{

class LogFile
{
  public:
    /// Creates or continues the file. Throws EnvironmentError when it cannot.
    explicit LogFile(std::filesystem::path path);

    /// Appends "TIME TEXT". Throws EnvironmentError, for example on a full disk.
    void line(std::string_view text);

    const std::filesystem::path& path() const noexcept { return path_; }

    /// Now, as every line starts with it.
    static std::string time();

  private:
    std::filesystem::path path_;
    UniqueFd fd_;
};

/// Now, in seconds since the epoch, as QMP events and log lines have it.
double epoch_seconds();

/// Appends to a file as a whole. Throws EnvironmentError.
void write_all(int fd, std::string_view bytes, const std::filesystem::path& path);
/// Replaces a file's content. Throws EnvironmentError.
void write_file(const std::filesystem::path& path, std::string_view bytes);
/// A file's content. Throws EnvironmentError.
std::string read_file(const std::filesystem::path& path);
/// A file's content, or no more than its last `most` bytes; empty when there is no such file.
std::string read_tail(const std::filesystem::path& path, std::size_t most);

} // namespace qtest

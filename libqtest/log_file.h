// SPDX-License-Identifier: GPL-2.0-or-later
//
// LogFile: a file of evidence, written line by line and at once, so that it is complete up to the moment this process
// is killed. Every line starts with the time in seconds since the epoch, to the microsecond, as QMP events have it.
//
// It is bounded, so that nothing that is logged can fill a disk: what no longer fits goes to a second file,
// PATH.newest, which holds only the newest lines.
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
    /// What a case of days says in a few minutes; a transcript of an ordinary case has some 100 KiB.
    static constexpr std::size_t usual_limit = 16 * 1024 * 1024;

    /// Creates or continues the file, which gets `limit` bytes and a line about the rest; PATH.newest gets a tenth of
    /// that at most, and a line is cut at a sixteenth. Throws EnvironmentError when it cannot.
    explicit LogFile(std::filesystem::path path, std::size_t limit = usual_limit);

    /// Appends "TIME TEXT". Throws EnvironmentError, for example on a full disk.
    void line(std::string_view text);

    const std::filesystem::path& path() const noexcept { return path_; }

    /// Now, as every line starts with it.
    static std::string time();

  private:
    void write(std::string_view line);
    void write_newest(std::string_view line);

    std::filesystem::path path_;
    std::size_t limit_;
    UniqueFd fd_;
    std::size_t size_;
    std::filesystem::path newest_path_;
    UniqueFd newest_; // since the limit was reached
    std::size_t newest_size_ = 0;
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

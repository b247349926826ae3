// SPDX-License-Identifier: GPL-2.0-or-later
//
// ReportFile: a file a report goes into while cases run. The first write that fails is remembered and told at the end,
// so that a full disk costs neither the run nor the other reports.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "unique_fd.h"

namespace harness
{

class ReportFile
{
  public:
    /// Makes it, or empties it. Throws qtest::EnvironmentError when it cannot be written or is no regular file (writing
    /// to a pipe could wait for ever).
    explicit ReportFile(std::filesystem::path path);

    // Neither throws; a failure is remembered.

    /// `tail` stands behind the bytes until the next append, which writes over it.
    void append(std::string_view bytes, std::string_view tail = {});
    /// Writes over the file's first bytes.
    void rewrite_start(std::string_view bytes) { write_at(0, bytes); }
    /// Throws qtest::EnvironmentError when any write failed.
    void require_written() const;

  private:
    void write_at(off_t offset, std::string_view bytes);

    std::filesystem::path path_;
    qtest::UniqueFd fd_;
    off_t size_ = 0; // without the tail
    int error_ = 0;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// RunDirectory: the directory a run works in, and the promise that nothing of the run outlives it: neither files nor
// processes, even when the runner is killed by SIGKILL. A janitor process sees to that: it waits for the runner's end,
// whatever way it comes, then ends what still runs and removes the directory.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "unique_fd.h"

namespace harness
{

class RunDirectory
{
  public:
    /// Makes a directory below TMPDIR (or /tmp) and starts the janitor. To be made while this process has one thread,
    /// before GLib starts its own. Throws qtest::EnvironmentError.
    RunDirectory();
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;
    ~RunDirectory();

    const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
    qtest::UniqueFd alive_; // closed by our end
    pid_t janitor_ = -1;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Process: a child started by argument vector, never through a shell. It is in a process group of its own and dies with
// this process (PDEATHSIG), whatever ends this process; ~Process kills and reaps it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deadline.h"
#include "loop.h"
#include "unique_fd.h"

namespace qtest
{

struct ExitStatus {
    static ExitStatus exited(int status) { return {false, status}; }
    static ExitStatus signalled(int signal) { return {true, signal}; }

    bool by_signal;
    int number;

    bool operator==(const ExitStatus&) const = default;
    /// "exited with status 1", "was killed by signal 9 (Killed)".
    std::string text() const;
};

/// The words as they are typed into a shell, quoted where they must be.
std::string shell_line(const std::vector<std::string>& words);

class Process
{
  public:
    struct Spec {
        std::vector<std::string> arguments;             // arguments[0] is looked up in PATH unless it has a slash
        std::filesystem::path output;                   // stdout and stderr are appended to it; empty: our stderr
        std::vector<std::pair<UniqueFd, int>> fds = {}; // what the child gets, and under which number (3 or more)
        std::vector<std::pair<std::string, std::string>> environment = {}; // besides what it inherits
        std::filesystem::path directory = {};                              // to run in; empty: ours
        UniqueFd input = {};                                               // stdin; none: /dev/null
        std::vector<std::pair<int, rlim_t>> limits = {}; // RLIMIT_…, or as much of it as the system lets us set
    };

    /// Throws EnvironmentError when the program cannot be started.
    Process(Loop& loop, Spec spec);
    /// Takes over a child of this process that was made otherwise, and has called settle().
    Process(Loop& loop, pid_t child);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    /// Makes the calling process what the child of every Process is before its program begins: see above, and `limits`
    /// as in Spec. Ends it at once when its parent is not, or no longer, `parent`. Only async-signal-safe calls.
    static void settle(pid_t parent, const std::vector<std::pair<int, rlim_t>>& limits) noexcept;

    pid_t pid() const noexcept { return pid_; }
    bool running() const noexcept { return !status_; }
    /// Known from the moment it was reaped.
    const std::optional<ExitStatus>& exit_status() const noexcept { return status_; }

    /// Called from the loop when it ends.
    void on_exit(std::function<void(const ExitStatus&)> callback) { on_exit_ = std::move(callback); }

    void send_signal(int signal) noexcept;
    /// Waits for its end. Throws Timeout.
    ExitStatus wait(Deadline deadline, const std::string& what);

  private:
    void ended(int wait_status);

    Loop& loop_;
    std::optional<ExitStatus> status_;
    std::function<void(const ExitStatus&)> on_exit_;
    pid_t pid_ = 0; // ours to reap, so it names this child for as long as it runs
    Watch watch_;
};

} // namespace qtest

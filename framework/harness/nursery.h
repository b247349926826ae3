// SPDX-License-Identifier: GPL-2.0-or-later
//
// Nursery: makes the cases' processes. To start this program takes some 20 ms, most of them to load its libraries; the
// nursery is this program, started once in a run, and a case's process is forked from it, in a millisecond, and made
// the runner's own child. The nursery does nothing else, so that all cases' processes begin alike.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "process.h"
#include "registry.h"

namespace harness
{

class Nursery
{
  public:
    /// What the process of a case is to know.
    struct Order {
        std::string path;                // of the case
        std::filesystem::path directory; // its scratch directory
        std::chrono::seconds deadline;   // before stretching
    };

    /// Starts it; this process must be a subreaper (PR_SET_CHILD_SUBREAPER). `setting`: the file that holds the run's
    /// setting. `notice` is told when a nursery is lost: a case may do anything. Throws qtest::EnvironmentError when it
    /// cannot be started.
    Nursery(qtest::Loop& loop, std::filesystem::path setting, std::function<void(const std::string&)> notice);

    pid_t pid() const noexcept { return process_->pid(); }

    /// Makes the process of a case, a child of this one for a qtest::Process to take over. It reports on `reports`,
    /// prints to `output` (both borrowed), and its environment names the case as strays.h says. Starts another nursery
    /// should this one be gone or silent; throws qtest::EnvironmentError when that makes no process either.
    pid_t make_process(const Order& order, int reports, int output);

  private:
    void start();
    std::optional<pid_t> ask(const Order& order, int reports, int output);

    qtest::Loop& loop_;
    std::filesystem::path setting_;
    std::function<void(const std::string&)> notice_;
    qtest::UniqueFd line_;
    std::optional<qtest::Process> process_;
};

/// The inside of the nursery, until the runner closes its end of the line. Returns there, and in each case's process
/// when the case is over: the exit status. Deadlines are stretched by `scale`. To be called while this process has one
/// thread.
int be_nursery(const Registry& registry, const std::filesystem::path& setting, double scale);

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// RunningCase: one case under way: its process (a child that the nursery made), what that has reported so far, and the
// alarm that kills it when it overstays its deadline.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "channel.h"
#include "line_splitter.h"
#include "nursery.h"
#include "process.h"
#include "reporter.h"

namespace harness
{

class RunningCase
{
  public:
    struct Terms {
        std::filesystem::path directory; // its scratch directory, empty
        std::chrono::seconds deadline;   // before stretching
    };

    /// Throws qtest::EnvironmentError when the process cannot be started. Phases are told to the reporter as they come.
    RunningCase(qtest::Loop& loop, Reporter& reporter, Nursery& nursery, const CaseRun& run, Terms terms);
    RunningCase(const RunningCase&) = delete;
    RunningCase& operator=(const RunningCase&) = delete;
    ~RunningCase() = default;

    const CaseRun& run() const noexcept { return run_; }
    const std::filesystem::path& directory() const noexcept { return terms_.directory; }
    pid_t pid() const noexcept { return process_.pid(); }

    /// Ends it now, because of `reason`, which its outcome will tell.
    void kill(const std::string& reason);
    /// Whether it waits for somebody who looks at its VMs (--pause-on-failure).
    bool paused() const noexcept { return paused_; }
    /// Ends that wait.
    void resume();

    /// Its process has ended. What it reported last may be still to be read.
    bool ended() const { return !process_.running(); }
    /// What became of it, by its process' report and end; to be asked when it has ended.
    Outcome outcome() const;

  private:
    RunningCase(qtest::Loop& loop, Reporter& reporter, Nursery& nursery, const CaseRun& run, Terms terms,
                qtest::SocketPair line);

    pid_t make_process(Nursery& nursery, int reports) const;
    void set_alarm(std::chrono::milliseconds until);
    void receive(std::string_view bytes);
    void report(const qtest::Json& message);

    qtest::Loop& loop_;
    Reporter& reporter_;
    const CaseRun run_;
    const Terms terms_;
    const double started_; // seconds since the epoch
    const qtest::Deadline::Clock::time_point begin_;
    qtest::Deadline::Clock::time_point end_; // its process' end
    qtest::Json phases_ = qtest::Json::array();
    qtest::Json marks_ = qtest::Json::array();
    std::optional<Outcome> reported_;
    std::optional<std::string> killed_for_;
    bool paused_ = false;
    qtest::LineSplitter splitter_;
    qtest::Channel reports_;
    qtest::Process process_;
    qtest::Watch alarm_;
};

} // namespace harness

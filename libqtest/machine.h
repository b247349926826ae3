// SPDX-License-Identifier: GPL-2.0-or-later
//
// Machine: one QEMU process with its monitor (QMP), its qtest server and its first serial line, each handed over as one
// end of a socket pair, so that there is no path, no port and no accept. Everything it says is kept in files of the
// directory given: NAME.command-line, NAME.qmp.jsonl, NAME.qtest.log, NAME.console.log, NAME.stderr.
//
// A QEMU may end only as announced (quit(), kill(), expect_exit()). Any other end fails every wait of the Loop at once,
// and so the case, naming the exit status or signal and QEMU's last words.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "console.h"
#include "log_file.h"
#include "process.h"
#include "qmp_client.h"
#include "qtest_client.h"
#include "run_states.h"

namespace qtest
{

/// A program that QEMU runs under: gdbserver, valgrind.
struct Wrapper {
    std::vector<std::string> command = {}; // QEMU's command line follows; empty: none
    bool forks = false;                    // QEMU is a child of it
    std::filesystem::path log = {};        // where it tells what it finds; empty: nowhere
};

class Machine
{
  public:
    struct Config {
        std::string name; // "source", "target": how failure texts call it
        std::string binary;
        std::vector<std::string> arguments; // without monitor, qtest and serial line, which are added
        std::filesystem::path directory;    // must exist
        Wrapper wrapper = {};
        rlim_t file_limit = RLIM_INFINITY; // bytes that any file it writes may have
    };

    /// Starts QEMU and returns at once. Throws EnvironmentError when it cannot be started.
    Machine(Loop& loop, Config config);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    /// Kills what still runs.
    ~Machine() = default;

    /// Waits for the monitor's greeting.
    void await_ready(Deadline deadline) { ready_->get(deadline); }

    const std::string& name() const noexcept { return config_.name; }
    const Config& config() const noexcept { return config_; }
    QmpClient& qmp() noexcept { return qmp_; }
    QtestClient& qtest() noexcept { return qtest_; }
    Console& console() noexcept { return console_; }
    Process& process() noexcept { return process_; }
    /// QEMU's own process, whatever it runs under.
    pid_t pid() const;
    /// Where it runs, with nothing else in it: where a core lands when /proc/sys/kernel/core_pattern is a plain name.
    std::filesystem::path core_directory() const { return config_.directory / (config_.name + ".core"); }

    /// When its process was started, and when it was found to have ended: seconds since the epoch.
    double started() const noexcept { return started_; }
    const std::optional<double>& ended() const noexcept { return ended_; }
    const RunStates& run_states() const noexcept { return run_states_; }

    /// Announces how it will end; nothing more happens here.
    void expect_exit(ExitStatus status) { expected_ = status; }
    /// From here on any end will do: the case has failed already, and another QEMU's end must not hide why.
    void accept_any_exit() { any_exit_will_do_ = true; }
    /// Says how it ended, when that was not as announced; nothing while it runs.
    std::optional<std::string> unannounced_end() const;
    /// Waits for the announced end. Throws TestFailure when it is another one, Timeout when there is none.
    void wait_exit(Deadline deadline);
    /// Tells it by QMP to end, with exit status 0 unless another was announced; wait_exit() is to follow.
    void quit();
    /// Ends it by SIGKILL and waits.
    void kill();

    /// The command line as one can paste it into a shell: the socket pairs replaced by sockets below /tmp.
    std::string command_line() const;
    /// The last lines it wrote to stderr.
    std::string last_words() const;
    /// Waits until these are among them. Throws Timeout.
    void await_words(const std::string& words, Deadline deadline);

  private:
    /// The child's ends, which must stay open until it is started.
    struct Lines;
    Machine(Loop& loop, Config config, Lines lines);

    void exited(const ExitStatus& status);
    void explain_loss(const std::string& cause, std::function<void(std::string)> explained);
    void explain();
    std::string verdict(const ExitStatus& status) const;

    Loop& loop_;
    Config config_;
    const double started_ = epoch_seconds();
    std::optional<double> ended_;
    RunStates run_states_;
    QmpClient qmp_;
    QtestClient qtest_;
    Console console_;
    LogFile qmp_log_;
    LogFile qtest_log_;
    std::optional<ExitStatus> expected_;
    bool any_exit_will_do_ = false;
    std::optional<Op<void>> ready_;
    /// Connections that were lost and wait for how the process ended, each with its cause.
    std::vector<std::pair<std::string, std::function<void(std::string)>>> losses_;
    Watch patience_;
    Watch burial_;
    Process process_;
};

} // namespace qtest

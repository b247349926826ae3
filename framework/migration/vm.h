// SPDX-License-Identifier: GPL-2.0-or-later
//
// Vm: a Machine that runs the guest program, and what can be asked of the two together: is the guest making progress,
// where is it, is every byte of its RAM what it must be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "guest.h"

namespace migration
{

using qtest::Deadline;
using qtest::EventLog;
using qtest::Json;

/// How long an event of QEMU or the guest may take unless told otherwise; seen: well below 1 s under TCG.
constexpr std::chrono::seconds usual_timeout{20};

/// Reads guest RAM at a guest-physical address into all of the buffer, directly from QEMU's memory.
guest::ReadRam ram_reader(qtest::Machine& machine);

class Vm
{
  public:
    Vm(harness::Case& test, qtest::Machine& machine, std::size_t ram_size)
        : test_(test), machine_(machine), ram_size_(ram_size)
    {
    }

    const std::string& name() const noexcept { return machine_.name(); }
    qtest::Machine& machine() noexcept { return machine_; }
    qtest::QmpClient& qmp() noexcept { return machine_.qmp(); }
    EventLog::Mark mark() noexcept { return qmp().mark(); }

    /// Waits for an event since the mark (null matches any data).
    qtest::Event wait_event(const std::string& event, const Json& match, EventLog::Mark since,
                            Deadline deadline = Deadline::in(usual_timeout));
    /// The command must be answered with a GenericError whose text has every one of `parts`.
    void expect_refused(const std::string& command, const Json& arguments, const std::vector<std::string>& parts);
    /// The run state, as query-status says it: "running", "postmigrate".
    std::string run_state();
    void expect_run_state(const std::string& expected);
    /// For the one that no event announces: `postmigrate` follows the status `completed` a moment later. Asks again
    /// with each answer.
    void await_run_state(const std::string& expected);
    /// QMP `stop` and its STOP event, QMP `cont` and its RESUME event.
    void stop();
    void cont();

    /// Waits until the guest is in its passes: RAM is filled, and its serial line prints 'B'.
    void await_guest();

    /// What the guest had done at some moment.
    struct Progress {
        qtest::Console::Mark console;
        std::uint32_t pass;
    };
    /// Takes everything into account that the guest printed until now.
    Progress progress();
    /// Waits until the guest has printed and counted passes beyond `since`: old output does not count. Throws
    /// qtest::Timeout saying what there was instead.
    void expect_progress(const Progress& since, std::chrono::milliseconds timeout = usual_timeout);
    void expect_progress() { expect_progress(progress()); }
    /// The pass the guest has noted in its RAM; can be asked while it runs.
    std::uint32_t pass();

    // The rest needs the VM stopped.

    std::size_t ram_size() const noexcept { return ram_size_; }
    guest::ReadRam ram_reader() { return migration::ram_reader(machine_); }
    /// The registers of all CPUs, the boot CPU first, as HMP `info registers -a` prints them.
    std::string registers() { return qmp().hmp("info registers -a"); }
    /// Holds every byte of RAM against what the guest must have written by now. Throws qtest::TestFailure naming the
    /// first wrong byte, its page, what was expected and seen.
    void check_ram();

  private:
    harness::Case& test_;
    qtest::Machine& machine_;
    std::size_t ram_size_;
};

} // namespace migration

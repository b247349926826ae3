// SPDX-License-Identifier: GPL-2.0-or-later
//
// Case: what a case function works with, alive in the case's own process from start to end. It owns the case's VMs, its
// event loop and its scratch directory, and keeps the log of phases that a failure is explained with.
//
// A case fails by an exception (check() throws one), is skipped by qtest::Skip, and passes by returning: then finish()
// ends the VMs that still run and judges how they ended.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "backtrace.h"
#include "loop.h"
#include "machine.h"
#include "registry.h"
#include "setting.h"

namespace harness
{

class Case
{
  public:
    struct Phase {
        std::string name;
        qtest::Deadline::Clock::time_point begin;
    };
    /// Ends a dry run at the first wait for a VM.
    struct DryRun {
    };
    /// Told of each "phase" as it begins and of each "mark".
    using OnMoment = std::function<void(const char* kind, const std::string& name)>;

    Case(const CaseInfo& info, const Setting& setting, std::filesystem::path directory, OnMoment on_moment);

    const CaseInfo& info() const noexcept { return info_; }
    const Setting& setting() const noexcept { return setting_; }
    /// Empty at the start, gone after the case; of a failed one it becomes the evidence. Its path is short enough for
    /// sockets.
    const std::filesystem::path& directory() const noexcept { return directory_; }
    qtest::Loop& loop() noexcept { return loop_; }
    /// The end of everything it waits for. Evidence may take a little longer.
    const qtest::Deadline& deadline() const noexcept { return deadline_; }

    /// Begins a phase; the previous one ends. Failure texts name the phase they happened in.
    void phase(const std::string& name);
    const std::vector<Phase>& phases() const noexcept { return phases_; }
    /// Notes that something is reached, such as a checkpoint: reports show it in the case's timeline.
    void mark(const std::string& name) { on_moment_("mark", name); }

    /// Throws qtest::TestFailure with the text unless `holds`. The text says what was expected and what was seen.
    void check(bool holds, const std::string& text) const;
    [[noreturn]] void skip(const std::string& reason) const;

    /// Starts a QEMU that lives until the end of the case, with what Debugging adds. `name` is unique in the case.
    qtest::Machine& start_machine(const std::string& name, const std::string& binary,
                                  std::vector<std::string> arguments);
    const std::vector<std::unique_ptr<qtest::Machine>>& machines() const noexcept { return machines_; }

    /// A gdb for each VM, if the deadline came near: started in time, so that it is ready when the case fails there.
    std::list<Backtrace>& gdbs() noexcept { return gdbs_; }

    /// Ends every VM that runs; throws when one ends, or has ended, other than announced.
    void finish();

  private:
    using Deadline = qtest::Deadline;

    const CaseInfo& info_;
    const Setting& setting_;
    std::filesystem::path directory_;
    OnMoment on_moment_;
    Deadline deadline_;
    qtest::Loop loop_;
    std::vector<Phase> phases_;
    std::vector<std::unique_ptr<qtest::Machine>> machines_;
    std::list<Backtrace> gdbs_;
    qtest::Watch deadline_is_near_;
};

/// "/migration/colo/plain/x" → "migration.colo.plain.x", as its directory of evidence is called.
std::string evidence_name(const CaseInfo& info);

/// Bytes that any one file of a case may have, so that what runs away (a QEMU's stderr above all) does not fill the
/// disk: the RAM of its VMs, which a migration may write to a file, and 1.5 GiB, for a core has a hole of 1 GiB where
/// TCG's code would be, and a core that is cut shows nothing.
rlim_t file_limit(const CaseInfo& info);

} // namespace harness

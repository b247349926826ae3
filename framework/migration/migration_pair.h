// SPDX-License-Identifier: GPL-2.0-or-later
//
// MigrationPair: a source and a target VM, started together, and the verbs of migration between them. Migration states
// are followed by QEMU's MIGRATION events (capability `events`, always set), never by polling; capabilities and
// parameters are read back after they are set, so that a command that does nothing is noticed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vm.h"

namespace migration
{

class MigrationPair
{
  public:
    struct Options {
        /// Set on both sides, besides `events`.
        std::vector<std::string> capabilities = {};
        /// Set on both sides (null: none).
        Json parameters = {};
        /// Whether the target waits for `cont` after migration (QEMU's -S), so that both sides can be compared while
        /// stopped.
        bool target_starts_stopped = true;
        unsigned ram_mib = 64;
        /// Called once both sides are up and set, before the guest is waited for.
        std::function<void(MigrationPair&)> before = {};
        /// Called once the migration has completed and source and target were found to be the same guest, both still
        /// stopped.
        std::function<void(MigrationPair&)> after = {};
    };

    /// Starts both sides, the target with its incoming migration deferred, and sets them up.
    MigrationPair(harness::Case& test, Options options);

    Vm& source() noexcept { return source_; }
    Vm& target() noexcept { return target_; }

    void set_parameters(Vm& vm, const Json& parameters);

    /// The target listens at `uri` ("unix:PATH", "tcp:127.0.0.1:0"); returns the URI that leads there.
    std::string listen(const std::string& uri);
    /// The source begins to migrate to `uri`; returns the marks from which on this migration's events count.
    struct Marks {
        EventLog::Mark source;
        EventLog::Mark target;
    };
    Marks migrate(const std::string& uri);

    /// Waits until the side has told this status; returns that event. Fails at once when it tells `failed` or
    /// `cancelled` instead.
    qtest::Event wait_status(Vm& vm, const std::string& status, EventLog::Mark since);
    /// Holds the migration statuses that a side has told since the mark to this list; a side may tell `device` as well,
    /// before the status `completed` or `colo`, and `failing` before `failed`.
    void expect_statuses(Vm& vm, EventLog::Mark since, std::vector<std::string> expected);
    /// How many connections the target has accepted at the TCP port it listens on.
    std::size_t count_connections();

    /// Bounds the bandwidth so that the migration cannot converge while the guest runs: what it rewrites in one pass
    /// takes seconds to send.
    void hold_back();
    /// Returns when pages that had been sent are certain to have been written again: some pages were sent, and after
    /// that the guest went through a whole pass, all the while held back. Throws when the migration ended meanwhile.
    void await_resend(const Marks& since);
    /// Lifts every bound, so that the migration converges whatever the guest does and however slow the machine is.
    void converge();

    /// Waits until both sides have completed and the source is stopped; checks the states each side went through, what
    /// query-migrate says of it, that the source stopped before the target had completed and the target did not run,
    /// and that source and target are the same guest.
    void expect_completed(const Marks& since);
    /// After a live migration: the source went over RAM in passes, told each, and sent more pages than the guest has,
    /// so some were sent more than once.
    void expect_pages_resent(const Marks& since);
    /// Lets the stopped target run, and holds that it continues where the source stopped, and that the source does not.
    void expect_target_continues();

  private:
    void set_capabilities(Vm& vm);
    std::vector<std::string> arguments(const std::string& name, bool target) const;

    harness::Case& test_;
    Options options_;
    int port_ = 0; // the target's, when it listens on TCP
    std::string rom_;
    Vm source_;
    Vm target_;
};

} // namespace migration

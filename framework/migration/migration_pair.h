// SPDX-License-Identifier: GPL-2.0-or-later
//
// MigrationPair: a source and a target VM, started together, and the verbs of migration between them. Migration states
// are followed by QEMU's MIGRATION events (capability `events`, always set), never by polling; capabilities and
// parameters are read back after they are set, so that a command that does nothing is noticed. What must be true at the
// end of a migration, good or not, are the expect_… verbs; they throw qtest::TestFailure.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "course.h"
#include "launch.h"
#include "vm.h"

namespace migration
{

class MigrationPair
{
  public:
    /// What one side alone has.
    struct Side {
        std::vector<std::string> capabilities = {};
        Json parameters = {};
        std::vector<std::string> arguments = {};
    };
    struct Options {
        /// Set on both sides, besides `events`.
        std::vector<std::string> capabilities = {};
        /// Set on both sides (null: none).
        Json parameters = {};
        Side only_source = {};
        Side only_target = {};
        /// Whether the target waits for `cont` after migration (QEMU's -S), so that both sides can be compared while
        /// stopped.
        bool target_starts_stopped = true;
        /// The incoming migration is to fail: where the target's QEMU can outlive that (argument exit-on-error of
        /// migrate-incoming) it must, else it must exit with status 1. See expect_target_failed().
        bool target_fails = false;
        /// Not with release-ram: then there is nothing to compare the target's RAM with but the guest's own pattern.
        bool source_keeps_ram = true;
        Launch launch = {};
        /// Called once both sides are up and set, before the guest is waited for.
        std::function<void(MigrationPair&)> before = {};
        /// Called once the migration has completed and source and target were found to be the same guest, both still
        /// stopped.
        std::function<void(MigrationPair&)> after = {};
    };

    /// Starts both sides, the target with its incoming migration deferred, and sets them up.
    MigrationPair(harness::Case& test, Options options);

    Vm& source() noexcept { return *source_; }
    Vm& target() noexcept { return *target_; }
    const Options& options() const noexcept { return options_; }

    /// Sets them (each with its `state`, default true) and reads them back.
    void set_capabilities(Vm& vm, const std::vector<std::string>& names, bool state = true);
    void set_parameters(Vm& vm, const Json& parameters);

    /// Starts another target, set up as the first, in the place of one that has failed or is to be ended here; what a
    /// Side of the options added is left out unless `like_first`. `name` is unique in the case. This one is
    /// to succeed, whatever Options::target_fails was.
    void replace_target(const std::string& name, bool like_first = true);
    /// What was the target, stopped, becomes the source and runs, with a new target called `name`; the old source ends.
    /// The capabilities and parameters of the options are set on both anew.
    void move_on(const std::string& name, const harness::Qemu& qemu);

    /// The target listens at `uri` ("unix:PATH", "tcp:127.0.0.1:0"), and tells the status `setup`; returns the URI that
    /// leads there.
    std::string listen(const std::string& uri);
    /// The same for whatever arguments migrate-incoming takes ({"channels": …}); returns them with the port filled in,
    /// as `migrate` takes them.
    Json listen_with(const Json& arguments);
    /// Returns the marks from which on this migration's events count.
    struct Marks {
        EventLog::Mark source;
        EventLog::Mark target;
    };
    Marks mark() { return {source_->mark(), target_->mark()}; }
    /// The source begins to migrate there and is in status `active`.
    Marks migrate(const std::string& uri) { return migrate_with({{"uri", uri}}); }
    Marks migrate_with(const Json& arguments);
    /// The same, but without waiting for the status: for a migration that is to fail, or to be cancelled early.
    Marks start(const Json& arguments);

    /// Waits until the side has told this status; returns that event. Fails at once when it tells `failed` or
    /// `cancelled` instead, and when query-migrate says neither this status nor one that the side tells later.
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
    /// Returns when as many pages were sent as the guest has twice over, at full speed, or when the source has stopped.
    /// Before that QEMU misses what a guest under TCG writes to a page that it was writing as the migration began: a
    /// synchronization of the dirty bitmap that finds nothing new (migration/ram.c) leaves the TLB as it is. Seen once
    /// in ten post-copy migrations that began earlier.
    void await_second_pass();
    /// Lifts every bound, so that the migration converges whatever the guest does and however slow the machine is.
    void converge();
    /// Switches to post-copy (capability postcopy-ram): the source stops, and what it has not sent yet is the target's
    /// to ask for.
    void start_postcopy(const Marks& since);
    /// Cancels on the source and waits for the status `cancelled`.
    void cancel(const Marks& since);

    /// Waits until both sides have completed and the source is stopped; checks the states each side went through, what
    /// query-migrate says of it (course.h), that the source stopped before the target had completed and the target did
    /// not run unless it may, and, when it did not, that source and target are the same guest. A guest that ran until
    /// the switchover must not have stood still for long, by QEMU's events and, if the target runs, by its own signs
    /// of life; how long is noted in the case's timeline.
    void expect_completed(const Marks& since);
    /// After a live migration: the source went over RAM in passes, told each, and sent more pages than the guest has,
    /// so some were sent more than once.
    void expect_pages_resent(const Marks& since);
    /// Lets the target run, unless it runs by itself, and holds that it continues where the source stopped, that the
    /// source does not, and that never both ran. Leaves the target stopped.
    void expect_target_continues();

    /// The source tells `failed` with an error-desc that has one of these texts, and is unharmed.
    void expect_source_failed(const Marks& since, const std::vector<std::string>& one_of);
    /// The target has failed, saying one of these texts: in query-migrate's error-desc, or as last words before it
    /// exited (see Options::target_fails).
    void expect_target_failed(const Marks& since, const std::vector<std::string>& one_of);
    /// The source runs as if there had been no migration: its guest makes new progress, unthrottled, and all its RAM is
    /// right.
    void expect_source_unharmed();
    /// After a refused, failed or cancelled migration a plain one, live over TCP, to a new target called `name`,
    /// succeeds: every capability is switched off first, and the TLS credentials.
    void expect_good_migration_follows(const std::string& name = "target-2");

  private:
    Vm& start_vm(const std::string& name, const harness::Qemu& qemu, bool target, const Side& side);
    void set_up(Vm& vm, const Side& side);
    bool target_survives() const;
    std::vector<std::string> expected_of_source() const;
    void expect_query_agrees(Vm& vm, const qtest::Event& told);
    void expect_no(const Complaint& complaint);
    void expect_true_course(const Marks& since, bool target_runs);
    void expect_short_switchover(const Marks& since, bool target_runs);

    harness::Case& test_;
    Options options_;
    int port_ = 0;            // the target's, when it listens on TCP
    bool source_ran_ = false;  // when the migration began
    bool by_postcopy_ = false; // the migration was switched over
    bool pauses_ = false;      // the source, before switchover
    std::vector<std::unique_ptr<Vm>> vms_;
    Vm* source_ = nullptr;
    Vm* target_ = nullptr;
};

/// The migration statuses a side has told since the mark.
std::vector<std::string> statuses(Vm& vm, EventLog::Mark since);

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
//
// ColoPair: a primary and a secondary VM in lock-step, and the verbs of COLO. The protocol is QEMU's migration/colo.c:
// the secondary runs beside the primary and is overwritten by the primary's state at each checkpoint. A checkpoint
// shows on the secondary as STOP, then RESUME.
#pragma once

#include <optional>

#include "migration_pair.h"

namespace colo
{

enum class Channels { plain, multifd };
enum class Side { primary, secondary };
constexpr Side other(Side side) { return side == Side::primary ? Side::secondary : Side::primary; }

class ColoPair
{
  public:
    /// Starts both sides with the capabilities and parameters of COLO and out-of-band QMP.
    ColoPair(harness::Case& test, Channels channels);

    migration::Vm& vm(Side side) { return side == Side::primary ? pair_.source() : pair_.target(); }

    /// Migrates until the primary is in state `colo` and the secondary runs.
    void reach_colo();
    /// Goes through whole checkpoints. At each one the secondary must take over what changed in the primary's RAM, lose
    /// what changed in its own, and afterwards both guests must make new progress.
    void expect_checkpoints(int count);
    /// Returns inside a checkpoint: after the secondary's STOP, with its RESUME yet to come.
    void enter_checkpoint();

    /// Cuts the survivor's migration connection, out of band, as a failover manager does when the peer is dead.
    void yank(Side survivor);
    /// Waits until this side, not told what to do, tells that it lost its peer; it stays in COLO for the command.
    void expect_loss_noticed(Side side);
    /// Tells the survivor that its peer is dead.
    void lose_heartbeat(Side survivor);
    /// Holds that the survivor has left COLO for good, runs, and is whole: its guest goes on and every byte of its RAM
    /// is right; and that the other side has noticed the loss and waits, still in COLO.
    void expect_takeover(Side survivor);

  private:
    void expect_checkpoint(int number);
    void expect_colo_status(Side side, const migration::Json& expected);
    void expect_out_of_colo(migration::Vm& vm);
    void expect_failed_over_inside_checkpoint();
    void expect_orderly_events(Side survivor);

    harness::Case& test_;
    Channels channels_;
    migration::MigrationPair pair_;
    migration::MigrationPair::Marks begin_{};
    migration::MigrationPair::Marks failover_{};
    std::optional<std::size_t> checkpoint_entered_; // the number of the secondary's STOP
};

} // namespace colo

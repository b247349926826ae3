// SPDX-License-Identifier: GPL-2.0-or-later
//
// The course of one completed migration, judged by what QEMU told: events of both sides, and the source's query-migrate
// afterwards. Pure functions, so that tests can hand them what no QEMU at hand tells. Each returns what is wrong;
// nothing when all is well.
#pragma once

#include <optional>
#include <string>

#include "event_log.h"

namespace migration
{

using Complaint = std::optional<std::string>;

/// One side's events, and from where on they are of this migration.
struct Told {
    const qtest::EventLog& events;
    qtest::EventLog::Mark since;
};

/// The STOP of the switchover, or of a guest that was stopped before; null: there was none.
const qtest::Event* last_stop(const Told& source);

/// The source stopped before either side had completed, and did not go on; the target ran after that, and once, if it
/// may, and else never.
Complaint wrong_switchover(const Told& source, const Told& target, bool target_may_run);

/// The source told its passes over RAM one by one, up to the last, which ram/dirty-sync-count names.
Complaint wrong_passes(const Told& source, std::int64_t dirty_sync_count);

struct Expectation {
    std::uint64_t ram_size;  // bytes that are to travel
    bool guest_ran;          // until the switchover
    bool compressed = false; // pages may take less than their size
    double slowness = 1;     // of this machine, as Deadline::scale() has it
};

/// query-migrate's times agree with the events' time stamps, its counters with each other, and nothing remains to be
/// sent.
Complaint wrong_figures(const qtest::Json& query_migrate, const Told& source, const Expectation& expected);

} // namespace migration

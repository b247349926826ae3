// SPDX-License-Identifier: GPL-2.0-or-later
//
// The user stops the guest while it is being migrated.
#include <fmt/format.h>

#include "memory_oracle.h"
#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

MigrationPair::Marks begin(Case& test, MigrationPair& pair)
{
    const auto marks = migrate_held_back(test, pair, tcp);
    test.phase("the guest is stopped meanwhile");
    pair.source().stop();
    pair.source().expect_run_state("paused");
    test.check(pair.source().qmp().execute("query-migrate").at("status") == Json("active"),
               "source: its migration is not active any more, because the guest was stopped");
    return marks;
}

void goes_on(Case& test)
{
    MigrationPair pair(test, {});
    const auto marks = begin(test, pair);
    const std::uint32_t stopped_in = pair.source().pass();
    pair.source().check_ram();
    test.check(pair.source().pass() == stopped_in, "source: its guest ran on although it was stopped");
    test.phase("it goes on");
    pair.source().cont();
    pair.source().expect_progress();
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

/// The target would run by itself, had the guest not been stopped.
void stays_stopped(Case& test)
{
    MigrationPair pair(test, {.target_starts_stopped = false});
    const auto marks = begin(test, pair);
    pair.converge();
    pair.wait_status(pair.source(), "completed", marks.source);
    pair.wait_status(pair.target(), "completed", marks.target);
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "completed"});
    pair.source().await_run_state("postmigrate");
    pair.target().expect_run_state("paused");
    for (migration::Vm* vm : {&pair.source(), &pair.target()})
        test.check(vm->qmp().events().count("RESUME", {}, 0) == 0, vm->name() + ": the guest went on by itself");
    migration::expect_same_guest(pair.source(), pair.target());
    pair.target().check_ram();
    pair.expect_pages_resent(marks);
    const auto before = pair.target().progress();
    pair.target().cont();
    pair.target().expect_progress(before);
    pair.target().stop();
    pair.target().check_ram();
    pair.source().expect_run_state("postmigrate");
}

} // namespace

void register_pause(Registry& registry)
{
    registry.add({.path = "/migration/precopy/tcp/pause-during",
                  .summary = "the guest is stopped and goes on in mid-migration",
                  .run = goes_on,
                  .tag = Tag::full});
    registry.add({.path = "/migration/precopy/tcp/stop-during",
                  .summary = "the guest is stopped in mid-migration, and then is stopped at the target",
                  .run = stays_stopped,
                  .tag = Tag::full});
}

} // namespace precopy

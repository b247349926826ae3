// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pre-copy over a stream without any capability: the plainest migration there is, live and not.
#include "migration_pair.h"
#include "precopy.h"

namespace precopy
{

namespace
{

using harness::Case;
using migration::MigrationPair;

/// The guest runs and rewrites its RAM all the while: pages already sent are certain to be written and sent again.
void live(Case& test, const std::string& uri)
{
    MigrationPair pair(test, {});
    pair.hold_back();
    test.phase("migrate, held back");
    const auto marks = pair.migrate(pair.listen(uri));
    pair.await_resend(marks);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

void non_live(Case& test, const std::string& uri)
{
    MigrationPair pair(test, {});
    pair.source().stop();
    test.phase("migrate, stopped");
    const auto marks = pair.migrate(pair.listen(uri));
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

} // namespace

void register_cases(harness::Registry& registry)
{
    registry.add({"/migration/precopy/unix/plain", "live migration over a UNIX socket",
                  [](Case& test) { live(test, "unix:" + (test.directory() / "migration.sock").string()); }});
    registry.add(
        {"/migration/precopy/tcp/plain", "live migration over TCP", [](Case& test) { live(test, "tcp:127.0.0.1:0"); }});
    registry.add({"/migration/precopy/tcp/non-live", "migration of a stopped guest over TCP",
                  [](Case& test) { non_live(test, "tcp:127.0.0.1:0"); }});
}

} // namespace precopy

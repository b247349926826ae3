// SPDX-License-Identifier: GPL-2.0-or-later
//
// The procedures of pre-copy cases: what a case adds is the transport, the capabilities and parameters, and hooks.
#pragma once

#include <functional>
#include <string>

#include "migration_pair.h"

namespace precopy
{

using harness::Case;
using harness::Need;
using harness::Registry;
using harness::Tag;
using migration::MigrationPair;
using qtest::Json;

/// Makes the target listen, and returns the arguments with which `migrate` reaches it.
using Transport = std::function<Json(Case& test, MigrationPair& pair)>;

Json tcp(Case& test, MigrationPair& pair);
Json unix_socket(Case& test, MigrationPair& pair);
/// The same as a list of channels (QEMU 8.2 and later), with the port 0 that the target replaces by a real one.
Json tcp_channels(Case& test, MigrationPair& pair);

/// Gives QEMU a descriptor under the name `migration`, for "fd:migration".
void hand_over(Case& test, migration::Vm& vm, qtest::UniqueFd fd);

/// Begins a migration that cannot converge; returns when pages that had been sent are certain to have been written
/// again.
MigrationPair::Marks migrate_held_back(Case& test, MigrationPair& pair, const Transport& transport,
                                       const char* phase = "migrate, held back");

/// What else is to be held, or done, at a moment of the procedure.
using Hook = std::function<void(MigrationPair&)>;

/// The guest runs and rewrites its RAM all the while: pages already sent are certain to be written and sent again.
/// `held_back` is called after that, while the migration is still kept from converging.
void live(Case& test, const Transport& transport, MigrationPair::Options options = {}, const Hook& held_back = {});
/// The guest is stopped first.
void non_live(Case& test, const Transport& transport, MigrationPair::Options options = {});
/// To the target as it is, so nothing that was refused or failed before has done it any harm.
void expect_good_migration(Case& test, MigrationPair& pair);

} // namespace precopy

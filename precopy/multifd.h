// SPDX-License-Identifier: GPL-2.0-or-later
//
// What cases over several connections share.
#pragma once

#include "procedures.h"

namespace precopy
{

/// Capability and number of channels, on both sides.
MigrationPair::Options multifd(unsigned channels);
/// While the migration is under way: the main connection and those of multifd, and no other.
void expect_connections(Case& test, MigrationPair& pair, unsigned channels);
/// At the end of a migration without compression: every page that was sent went over multifd's connections.
void expect_multifd_bytes(Case& test, MigrationPair& pair);

/// Ends the migration in its own way, up to expect_completed().
using Finish = std::function<void(MigrationPair&, const MigrationPair::Marks&)>;
/// Cancelled with 16 channels; then the same source migrates to another target.
void cancelled_and_again(Case& test, MigrationPair::Options options, const Finish& finish);

} // namespace precopy

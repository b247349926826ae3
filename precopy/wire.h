// SPDX-License-Identifier: GPL-2.0-or-later
//
// Wire: what went between source and target, seen from a relay between them: every byte of every connection, both ways.
// It must outlive the migration.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "procedures.h"
#include "record_checker.h"
#include "relay.h"

namespace precopy
{

class Wire
{
  public:
    explicit Wire(Case& test) : test_(test) {}

    /// Steps between: makes the target listen, and returns where the source is to connect.
    Json tcp(MigrationPair& pair);
    Json unix_socket(MigrationPair& pair);
    relay::Relay& relay() { return *relay_; }

    // Both wait for the end of every connection first.

    /// There were so many connections, and nothing but TLS in either direction of each.
    void expect_encrypted(std::size_t connections);
    /// There was one connection, with no TLS.
    void expect_clear();

  private:
    Json between(const std::string& listen_uri, const std::string& target_uri);
    void await_end(std::size_t connections);

    using Checkers = std::array<tls::RecordChecker, 2>; // by direction

    Case& test_;
    std::optional<relay::Relay> relay_;
    std::vector<Checkers> checkers_; // by connection
};

} // namespace precopy

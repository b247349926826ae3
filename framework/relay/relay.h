// SPDX-License-Identifier: GPL-2.0-or-later
//
// Relay: stands between a migration's source and target, inside the case's loop. For every connection that it accepts
// it connects on to the target, and passes bytes both ways, end of stream and loss included. It counts them, shows them
// to who wants to see them, and does damage to them when told to.
//
//     Relay relay(test.loop(), "tcp:127.0.0.1:0", pair.listen("tcp:127.0.0.1:0"));
//     relay.damage({.kind = Damage::Kind::flip_bit, .place = Page{.offset = 0x123000}});
//     const auto marks = pair.migrate(relay.uri());
//
// When it goes, so do its connections: a QEMU that still listens to one notices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection.h"

namespace relay
{

class Relay
{
  public:
    /// URIs are QEMU's: "tcp:HOST:PORT", HOST in numbers and port 0 for any, or "unix:PATH". Listens at once. Throws
    /// qtest::OsError, or qtest::UsageError for another kind of URI.
    Relay(qtest::Loop& loop, const std::string& listen_uri, const std::string& target_uri);
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;
    ~Relay() = default;

    /// Where the source is to connect.
    std::string uri() const;

    /// Both before the first connection. Throws qtest::StateError after it.
    void damage(Damage damage);
    /// The callback must not wait; what it throws ends the case's wait.
    void on_bytes(Connection::OnBytes callback);

    /// All that were made, by number, whether or not they are still open.
    const std::vector<std::unique_ptr<Connection>>& connections() const noexcept { return connections_; }
    /// Of all of them together.
    std::uint64_t bytes(Direction direction) const noexcept;

    /// Waits until the place of the damage is reached: for repeat_old, the first copy of the page. Throws
    /// qtest::Timeout.
    void await_place(qtest::Deadline deadline);
    /// How often the damage was done; it was reached, and not done, when a page came as a zero page.
    std::size_t damage_done() const noexcept { return damager_ ? damager_->done() : 0; }
    /// What was to be done, and what was done: for a failure text.
    std::string damage_text() const { return damager_ ? damager_->text() : "no damage was asked for"; }

  private:
    void require_unused(const std::string& what) const;

    qtest::Loop& loop_;
    qtest::Address target_;
    std::optional<Damager> damager_;
    Connection::OnBytes on_bytes_;
    std::vector<std::unique_ptr<Connection>> connections_;
    Listener listener_;
};

} // namespace relay

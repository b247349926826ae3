// SPDX-License-Identifier: GPL-2.0-or-later
//
// Connection: one that was accepted from the source, the one made on to the target for it, and what passes between.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "damage.h"
#include "listener.h"
#include "pump.h"

namespace relay
{

enum class Direction { to_target, to_source };

class Connection
{
  public:
    /// Called with each chunk as it came, before any damage.
    using OnBytes = std::function<void(const Connection& connection, Direction direction, Bytes bytes)>;

    /// Connects on at once and reads from the source when that has succeeded. `on_bytes` and `damager` (either may be
    /// null) must outlive it.
    Connection(qtest::Loop& loop, std::size_t number, qtest::UniqueFd source, const qtest::Address& target,
               const OnBytes& on_bytes, Damager* damager);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    /// In the order in which they were made, from 0.
    std::size_t number() const noexcept { return number_; }
    /// What came from the other end, whether or not it was sent on.
    std::uint64_t bytes(Direction direction) const noexcept;
    /// "open"; how it ended: "closed by both ends", "truncated", "lost: to source: reading: Connection reset by peer".
    const std::string& state() const noexcept { return state_; }

  private:
    void connect(const qtest::Address& target);
    void forward();
    void ended(Direction direction, Pump::End end, const std::string& error);
    void do_damage();
    void reset(const std::string& state);
    void halt();

    qtest::Loop& loop_;
    std::size_t number_;
    const OnBytes& on_bytes_;
    Damager* damager_;
    std::string state_ = "open";
    qtest::UniqueFd source_;
    qtest::ObjectPtr<GSocket> target_;
    int eofs_ = 0;
    qtest::Watch connecting_;
    std::unique_ptr<Pump> pumps_[2]; // by direction
};

} // namespace relay

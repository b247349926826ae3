// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay.h"

#include "errors.h"

namespace relay
{

namespace
{

qtest::Address address_of(const std::string& uri)
{
    if (uri.starts_with("unix:"))
        return qtest::Address::unix_path(uri.substr(5));
    if (uri.starts_with("tcp:"))
        return qtest::Address::parse(uri.substr(4));
    throw qtest::UsageError("a relay works over tcp: and unix:, not " + uri);
}

} // namespace

Relay::Relay(qtest::Loop& loop, const std::string& listen_uri, const std::string& target_uri)
    : loop_(loop), target_(address_of(target_uri)), listener_(loop, address_of(listen_uri), [this](qtest::UniqueFd fd) {
          const std::size_t number = connections_.size();
          Damager* damager = damager_ && damager_->damage().connection == number ? &*damager_ : nullptr;
          connections_.push_back(
              std::make_unique<Connection>(loop_, number, std::move(fd), target_, on_bytes_, damager));
      })
{
}

std::string Relay::uri() const
{
    const qtest::Address& address = listener_.address();
    return (address.is_unix() ? "unix:" : "tcp:") + address.text();
}

void Relay::damage(Damage damage)
{
    require_unused("damage()");
    damager_.emplace(std::move(damage));
}

void Relay::on_bytes(Connection::OnBytes callback)
{
    require_unused("on_bytes()");
    on_bytes_ = std::move(callback);
}

void Relay::require_unused(const std::string& what) const
{
    if (!connections_.empty())
        throw qtest::StateError("relay: " + what + " after a connection was made");
}

std::uint64_t Relay::bytes(Direction direction) const noexcept
{
    std::uint64_t sum = 0;
    for (const auto& connection : connections_)
        sum += connection->bytes(direction);
    return sum;
}

void Relay::await_place(qtest::Deadline deadline)
{
    loop_.until([this] { return damager_ && damager_->reached(); }, deadline, "the place of the relay's damage",
                [this] { return damage_text(); });
}

} // namespace relay

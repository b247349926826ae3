// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire.h"

#include <algorithm>

#include <fmt/format.h>

namespace precopy
{

namespace
{

constexpr const char* direction_names[] = {"to the target", "to the source"};

} // namespace

Json Wire::tcp(MigrationPair& pair) { return between("tcp:127.0.0.1:0", pair.listen("tcp:127.0.0.1:0")); }

Json Wire::unix_socket(MigrationPair& pair)
{
    const auto uri = [&](const char* name) { return "unix:" + (test_.directory() / name).string(); };
    return between(uri("relay.sock"), pair.listen(uri("migration.sock")));
}

Json Wire::between(const std::string& listen_uri, const std::string& target_uri)
{
    relay_.emplace(test_.loop(), listen_uri, target_uri);
    relay_->on_bytes([this](const relay::Connection& connection, relay::Direction direction, relay::Bytes bytes) {
        if (checkers_.size() <= connection.number())
            checkers_.resize(connection.number() + 1);
        checkers_[connection.number()][static_cast<std::size_t>(direction)].feed(
            {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    });
    return {{"uri", relay_->uri()}};
}

void Wire::await_end(std::size_t count)
{
    const auto& connections = relay_->connections();
    test_.check(connections.size() == count,
                fmt::format("expected {} connections to the target, seen {}", count, connections.size()));
    const auto open = [](const auto& connection) { return connection->state() == "open"; };
    test_.loop().until([&] { return std::none_of(connections.begin(), connections.end(), open); },
                       migration::Deadline::in(migration::usual_timeout),
                       "the end of every connection between source and target");
    checkers_.resize(count);
}

void Wire::expect_encrypted(std::size_t count)
{
    await_end(count);
    for (std::size_t number = 0; number < count; number++) {
        for (std::size_t direction = 0; direction < 2; direction++) {
            const auto objection = checkers_[number][direction].objection();
            test_.check(!objection, fmt::format("connection {} ({}), {}: not TLS: {}", number,
                                                relay_->connections()[number]->state(), direction_names[direction],
                                                objection.value_or("")));
        }
    }
}

void Wire::expect_clear()
{
    await_end(1);
    const auto& flaw = checkers_[0][0].flaw();
    test_.check(flaw && flaw->offset == 0,
                "what went to the target began like TLS, although it was to go in the clear");
}

} // namespace precopy

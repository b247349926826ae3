// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "errors.h"

namespace relay
{

using qtest::ErrorSlot;

namespace
{

std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

/// What is closed with this set is reset, as far as it is TCP.
void reset_on_close(int fd)
{
    const linger at_once{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// Small messages of a return path must not wait for more; no more than a request, and of TCP only.
void send_at_once(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace

Connection::Connection(qtest::Loop& loop, std::size_t number, qtest::UniqueFd source, const qtest::Address& target,
                       const OnBytes& on_bytes, Damager* damager)
    : loop_(loop), number_(number), on_bytes_(on_bytes), damager_(damager), source_(std::move(source))
{
    try {
        connect(target);
    } catch (const qtest::OsError& error) {
        reset(std::string("not connected: ") + error.what());
    }
}

void Connection::connect(const qtest::Address& target)
{
    const auto address = socket_address(target);
    target_ = stream_socket(address.get());
    ErrorSlot error;
    if (g_socket_connect(target_.get(), address.get(), nullptr, error.out())) {
        forward();
        return;
    }
    if (!error.is(G_IO_ERROR, G_IO_ERROR_PENDING))
        throw qtest::OsError(error.text());
    connecting_ = loop_.watch(g_socket_get_fd(target_.get()), G_IO_OUT, [this] {
        connecting_ = qtest::Watch();
        ErrorSlot failure;
        if (g_socket_check_connect_result(target_.get(), failure.out()))
            forward();
        else
            reset("not connected: " + failure.text());
    });
}

void Connection::forward()
{
    const int source = source_.get();
    const int target = g_socket_get_fd(target_.get());
    for (const Direction direction : {Direction::to_target, Direction::to_source}) {
        const bool onward = direction == Direction::to_target;
        send_at_once(onward ? target : source);
        Pump::Handlers handlers{
            [this, direction](Bytes bytes) {
                if (on_bytes_)
                    on_bytes_(*this, direction, bytes);
            },
            [this, direction](Pump::End end, const std::string& error) { ended(direction, end, error); }};
        pumps_[index(direction)] = std::make_unique<Pump>(loop_, onward ? source : target, onward ? target : source,
                                                          onward ? damager_ : nullptr, std::move(handlers));
    }
}

std::uint64_t Connection::bytes(Direction direction) const noexcept
{
    const auto& pump = pumps_[index(direction)];
    return pump ? pump->bytes() : 0;
}

void Connection::ended(Direction direction, Pump::End end, const std::string& error)
{
    const bool onward = direction == Direction::to_target;
    switch (end) {
    case Pump::End::place:
        do_damage();
        break;
    case Pump::End::error:
        // Whoever lost its peer must learn it as if the two were one connection.
        reset(std::string("lost: ") + (onward ? "to target: " : "to source: ") + error);
        break;
    case Pump::End::eof:
        shutdown(onward ? g_socket_get_fd(target_.get()) : source_.get(), SHUT_WR);
        if (++eofs_ < 2)
            break;
        state_ = "closed by both ends";
        source_.reset();
        target_.reset();
    }
}

void Connection::do_damage()
{
    switch (damager_->damage().kind) {
    case Damage::Kind::truncate:
        halt();
        state_ = "truncated";
        // The target's side stays half open: closed with something unread, it would be reset, and what it had been sent
        // be lost.
        shutdown(g_socket_get_fd(target_.get()), SHUT_WR);
        reset_on_close(source_.get());
        source_.reset();
        break;
    case Damage::Kind::stall:
        halt();
        state_ = "stalled";
        break;
    default:
        reset("reset");
    }
}

void Connection::reset(const std::string& state)
{
    halt();
    state_ = state;
    reset_on_close(source_.get());
    source_.reset();
    if (target_) {
        reset_on_close(g_socket_get_fd(target_.get()));
        target_.reset();
    }
}

void Connection::halt()
{
    for (const auto& pump : pumps_) {
        if (pump)
            pump->halt();
    }
}

} // namespace relay

// SPDX-License-Identifier: GPL-2.0-or-later
#include "full_listener.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "errors.h"
#include "vm.h"

namespace precopy
{

namespace
{

void await_readable(qtest::Loop& loop, int fd, const std::string& what)
{
    bool readable = false;
    const auto watch = loop.watch(fd, G_IO_IN, [&] { readable = true; });
    loop.until([&] { return readable; }, qtest::Deadline::in(migration::usual_timeout), what);
}

} // namespace

FullListener::FullListener(std::string path, bool room_for_one)
    : path_(std::move(path)), socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    sockaddr_un address{AF_UNIX, {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (bind(socket_.get(), where, sizeof address) != 0 || listen(socket_.get(), 0) != 0)
        throw qtest::EnvironmentError(fmt::format("cannot listen at {}: {}", path_, std::strerror(errno)));
    do
        queue_.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    while (connect(queue_.back().get(), where, sizeof address) == 0);
    if (errno != EAGAIN)
        throw qtest::EnvironmentError(fmt::format("cannot connect to {}: {}", path_, std::strerror(errno)));
    // The queue of a backlog of 0 holds one.
    if (room_for_one)
        qtest::UniqueFd accepted(accept(socket_.get(), nullptr, nullptr));
}

void FullListener::await_connection(qtest::Loop& loop)
{
    await_readable(loop, socket_.get(), "a connection to " + path_);
    connection_.reset(accept(socket_.get(), nullptr, nullptr));
}

void FullListener::await_bytes(qtest::Loop& loop)
{
    await_readable(loop, connection_.get(), "the first bytes sent to " + path_);
}

void FullListener::close()
{
    connection_.reset();
    socket_.reset();
}

} // namespace precopy

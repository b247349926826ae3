// SPDX-License-Identifier: GPL-2.0-or-later
#include "full_listener.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "errors.h"

namespace precopy
{

FullListener::FullListener(std::string path, unsigned room)
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
    while (room-- > 0)
        qtest::UniqueFd accepted(accept(socket_.get(), nullptr, nullptr));
}

void FullListener::close() { socket_.reset(); }

} // namespace precopy

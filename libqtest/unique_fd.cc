// SPDX-License-Identifier: GPL-2.0-or-later
#include "unique_fd.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "errors.h"

namespace qtest
{

SocketPair::SocketPair()
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        throw EnvironmentError(std::string("no socket pair: ") + std::strerror(errno));
    ours.reset(fds[0]);
    theirs.reset(fds[1]);
}

} // namespace qtest

// SPDX-License-Identifier: GPL-2.0-or-later
#include "channel.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "errors.h"

namespace qtest
{

namespace
{

/// sendmsg() with the descriptors, if any, on its first byte.
ssize_t send_some(int socket, std::string_view bytes, const std::vector<UniqueFd>& fds)
{
    iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    std::vector<char> rights(fds.empty() ? 0 : CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
        message.msg_control = rights.data();
        message.msg_controllen = rights.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::transform(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(header)),
                       [](const UniqueFd& fd) { return fd.get(); });
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

} // namespace

Channel::Channel(Loop& loop, UniqueFd socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers))
{
    int family = 0;
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(socket_.get(), SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
        getsockopt(socket_.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
        throw EnvironmentError("not a stream socket");
    passes_fds_ = family == AF_UNIX;
    readable_ = loop_.watch(socket_.get(), G_IO_IN, [this] { receive(); });
}

void Channel::receive()
{
    // Large enough for query-qmp-schema's reply in a few reads.
    std::array<char, 65536> buffer;
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) {
        const auto data = handlers_.data;
        data({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0) {
        end({});
    } else if (errno != EAGAIN && errno != EINTR) {
        end(g_strerror(errno));
    }
}

void Channel::send(std::string bytes, std::vector<UniqueFd> fds)
{
    if (!socket_ || bytes.empty())
        return;
    queue_.push_back({std::move(bytes), 0, std::move(fds)});
    if (queue_.size() == 1)
        flush();
}

std::size_t Channel::queued() const noexcept
{
    std::size_t sum = 0;
    for (const Outgoing& next : queue_)
        sum += next.bytes.size() - next.sent;
    return sum;
}

bool Channel::flush()
{
    while (!queue_.empty()) {
        Outgoing& next = queue_.front();
        const ssize_t size = send_some(socket_.get(), std::string_view(next.bytes).substr(next.sent), next.fds);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN) {
            writable_ = loop_.watch(socket_.get(), G_IO_OUT, [this] {
                if (flush() && handlers_.flushed) {
                    const auto flushed = handlers_.flushed;
                    flushed();
                }
            });
            return false;
        }
        if (size < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            // What the peer said before it went is still to be read: its end comes through receive(). What is queued
            // stays so.
            writable_ = Watch();
            return false;
        }
        if (size < 0) {
            // Nothing more can be sent in order; told from the loop, as every end is.
            const std::string error = g_strerror(errno);
            writable_ = loop_.after(std::chrono::milliseconds(0), [this, error] { end(error); });
            return false;
        }
        next.fds.clear();
        next.sent += static_cast<std::size_t>(size);
        if (next.sent == next.bytes.size())
            queue_.pop_front();
    }
    writable_ = Watch();
    return true;
}

void Channel::end(std::string error)
{
    const auto closed = std::move(handlers_.closed);
    close();
    if (closed)
        closed(std::move(error));
}

void Channel::close() noexcept
{
    readable_ = Watch();
    writable_ = Watch();
    queue_.clear();
    socket_.reset();
}

} // namespace qtest

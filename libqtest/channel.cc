// SPDX-License-Identifier: GPL-2.0-or-later
#include "channel.h"

#include <array>

#include <gio/gunixfdmessage.h>

#include "errors.h"

namespace qtest
{

Channel::Channel(Loop& loop, UniqueFd socket, Handlers handlers) : loop_(loop), handlers_(std::move(handlers))
{
    ErrorSlot error;
    socket_.reset(g_socket_new_from_fd(socket.get(), error.out()));
    if (!socket_)
        throw EnvironmentError("not a usable socket: " + error.text());
    static_cast<void>(socket.release()); // the GSocket closes it
    g_socket_set_blocking(socket_.get(), FALSE);
    passes_fds_ = g_socket_get_family(socket_.get()) == G_SOCKET_FAMILY_UNIX;
    readable_ = loop_.watch(g_socket_get_fd(socket_.get()), G_IO_IN, [this] { receive(); });
}

void Channel::receive()
{
    // Large enough for query-qmp-schema's reply in a few reads.
    std::array<char, 65536> buffer;
    ErrorSlot error;
    const gssize size = g_socket_receive(socket_.get(), buffer.data(), buffer.size(), nullptr, error.out());
    if (size > 0) {
        const auto data = handlers_.data;
        data({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0)
        end({});
    else if (!error.is(G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        end(error.text());
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
        ObjectPtr<GSocketControlMessage> rights;
        if (!next.fds.empty()) {
            rights.reset(g_unix_fd_message_new());
            for (const UniqueFd& fd : next.fds) // duplicates it
                g_unix_fd_message_append_fd(G_UNIX_FD_MESSAGE(rights.get()), fd.get(), nullptr);
        }
        GOutputVector vector{next.bytes.data() + next.sent, next.bytes.size() - next.sent};
        GSocketControlMessage* message = rights.get();
        ErrorSlot error;
        const gssize size = g_socket_send_message(socket_.get(), nullptr, &vector, 1, rights ? &message : nullptr,
                                                  rights ? 1 : 0, G_SOCKET_MSG_NONE, nullptr, error.out());
        if (size < 0 && error.is(G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            writable_ = loop_.watch(g_socket_get_fd(socket_.get()), G_IO_OUT, [this] {
                if (flush() && handlers_.flushed) {
                    const auto flushed = handlers_.flushed;
                    flushed();
                }
            });
            return false;
        }
        if (size < 0) {
            // What the peer said before it went is still to be read: its end comes through receive(). What is queued
            // stays so.
            writable_ = Watch();
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
    if (socket_)
        g_socket_close(socket_.get(), nullptr);
    socket_.reset();
}

} // namespace qtest

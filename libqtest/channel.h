// SPDX-License-Identifier: GPL-2.0-or-later
//
// Channel: one connected stream socket, full duplex, never blocking. Bytes go out in the order of send(), each send()'s
// file descriptors with its first byte (SCM_RIGHTS); bytes come in through `data` as they arrive. How a stream ends is
// told once: `closed` with no text when the peer hung up, with a text when the socket failed. No callback comes after
// close(), and a callback may destroy the Channel.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loop.h"
#include "unique_fd.h"

namespace qtest
{

class Channel
{
  public:
    struct Handlers {
        std::function<void(std::string_view)> data;
        /// Empty: end of file. Else the operating system's word for what went wrong.
        std::function<void(std::string error)> closed;
        /// What had to wait for the peer to read has been handed over.
        std::function<void()> flushed = {};
    };

    /// Takes over a connected stream socket. Handlers are called from the loop only, never from within a verb.
    Channel(Loop& loop, UniqueFd socket, Handlers handlers);

    /// Queues the bytes and sends what the socket takes now. Descriptors need an AF_UNIX socket and at least one byte.
    void send(std::string bytes, std::vector<UniqueFd> fds = {});
    /// Whether everything has been handed to the operating system.
    bool flushed() const noexcept { return queue_.empty(); }
    /// How many bytes have not.
    std::size_t queued() const noexcept;
    /// Only an AF_UNIX socket can.
    bool passes_fds() const noexcept { return passes_fds_; }
    void close() noexcept;

  private:
    struct Outgoing {
        std::string bytes;
        std::size_t sent = 0;
        std::vector<UniqueFd> fds;
    };

    void receive();
    /// False: the peer must read first.
    bool flush();
    void end(std::string error);

    Loop& loop_;
    UniqueFd socket_;
    Handlers handlers_;
    std::deque<Outgoing> queue_;
    bool passes_fds_ = false;
    Watch readable_;
    Watch writable_;
};

} // namespace qtest

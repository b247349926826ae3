// SPDX-License-Identifier: GPL-2.0-or-later
//
// Acceptor: a listening stream socket for exactly one client. Its UNIX socket file is there from `listening` until it
// goes, whatever happened in between; a file that was there before is never touched.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "address.h"
#include "loop.h"
#include "unique_fd.h"

namespace qtest
{

class Acceptor
{
  public:
    struct Handlers {
        std::function<void()> listening;
        std::function<void(std::exception_ptr)> failed; // an OsError; instead of either of the others
    };

    /// Resolves, binds and listens; calls back from the loop.
    Acceptor(Loop& loop, const Address& address, Handlers handlers);
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    ~Acceptor();

    /// Where it listens, with the port the system chose when 0 was asked for; nothing before it does.
    const std::optional<Address>& address() const noexcept { return bound_; }
    /// Calls back from the loop with the first client. Only while listening.
    void accept(std::function<void(UniqueFd)> accepted);

  private:
    struct Resolution;
    void listen(GSocketAddress* address);

    Loop& loop_;
    Address wanted_;
    Handlers handlers_;
    std::shared_ptr<Resolution> resolution_;
    ObjectPtr<GSocket> socket_;
    std::optional<Address> bound_;
    Watch watch_;
};

} // namespace qtest

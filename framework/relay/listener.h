// SPDX-License-Identifier: GPL-2.0-or-later
//
// Listener: a listening stream socket for any number of clients. Its UNIX socket file goes with it.
#pragma once

#include <functional>

#include "address.h"
#include "loop.h"
#include "unique_fd.h"

namespace relay
{

/// A host must be a literal: nothing is looked up. Throws qtest::OsError.
qtest::ObjectPtr<GSocketAddress> socket_address(const qtest::Address& address);
/// A stream socket for that address, not blocking. Throws qtest::OsError.
qtest::ObjectPtr<GSocket> stream_socket(GSocketAddress* address);

class Listener
{
  public:
    /// Listens at once. Throws qtest::OsError.
    Listener(qtest::Loop& loop, const qtest::Address& address, std::function<void(qtest::UniqueFd)> accepted);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    /// With the port that the system chose when 0 was asked for.
    const qtest::Address& address() const noexcept { return address_; }

  private:
    void accept();

    qtest::Address address_;
    std::function<void(qtest::UniqueFd)> accepted_;
    qtest::ObjectPtr<GSocket> socket_;
    qtest::Watch watch_;
};

} // namespace relay

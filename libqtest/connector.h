// SPDX-License-Identifier: GPL-2.0-or-later
//
// Connector: one attempt to connect a stream socket, by GIO, host names resolved. Ends in one callback from the loop.
#pragma once

#include <exception>
#include <functional>
#include <memory>

#include "address.h"
#include "loop.h"
#include "unique_fd.h"

namespace qtest
{

class Connector
{
  public:
    struct Handlers {
        std::function<void(UniqueFd)> connected;
        std::function<void(std::exception_ptr)> failed; // an OsError
    };

    Connector(Loop& loop, const Address& address, Handlers handlers);
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;
    /// Gives the attempt up: no callback any more, and what connects late is closed.
    ~Connector();

  private:
    struct Attempt;
    std::shared_ptr<Attempt> attempt_;
};

} // namespace qtest

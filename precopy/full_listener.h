// SPDX-License-Identifier: GPL-2.0-or-later
//
// FullListener: a listening UNIX socket that has room for one connection, or none. Whoever connects beyond that waits
// until it is closed, and is refused then. Nobody is ever answered.
#pragma once

#include <string>
#include <vector>

#include "loop.h"
#include "unique_fd.h"

namespace precopy
{

class FullListener
{
  public:
    /// Throws qtest::EnvironmentError.
    FullListener(std::string path, bool room_for_one);

    std::string uri() const { return "unix:" + path_; }
    /// Waits for the one connection, and for what is sent there first.
    void await_connection(qtest::Loop& loop);
    void await_bytes(qtest::Loop& loop);
    void close();

  private:
    std::string path_;
    qtest::UniqueFd socket_;
    std::vector<qtest::UniqueFd> queue_;
    qtest::UniqueFd connection_;
};

} // namespace precopy

// SPDX-License-Identifier: GPL-2.0-or-later
//
// FullListener: a listening UNIX socket whose queue is full, and where nobody accepts: who connects waits until it is
// closed, and is refused then.
#pragma once

#include <string>
#include <vector>

#include "unique_fd.h"

namespace precopy
{

class FullListener
{
  public:
    /// `room`: so many connections are made all the same. Throws qtest::EnvironmentError.
    FullListener(std::string path, unsigned room);

    std::string uri() const { return "unix:" + path_; }
    void close();

  private:
    std::string path_;
    qtest::UniqueFd socket_;
    std::vector<qtest::UniqueFd> queue_;
};

} // namespace precopy

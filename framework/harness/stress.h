// SPDX-License-Identifier: GPL-2.0-or-later
//
// Stress: busy processes beside a run (--stress N), to show what only a loaded machine shows.
#pragma once

#include <sys/types.h>

#include <vector>

namespace harness
{

class Stress
{
  public:
    /// Starts them. They end with this object, and with this process however it ends. To be made while this process
    /// has one thread. Throws qtest::EnvironmentError.
    explicit Stress(unsigned processes);
    Stress(const Stress&) = delete;
    Stress& operator=(const Stress&) = delete;
    ~Stress();

  private:
    std::vector<pid_t> processes_;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// LiveLine: the one line that says where a run is: counts, time, and the running cases with their phases. What matters
// most stays when there is little room.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "deadline.h"

namespace harness
{

struct LiveLine {
    using Clock = qtest::Deadline::Clock;
    struct Running {
        std::string path;
        unsigned repetition;
        std::string phase;
        Clock::time_point begin;
    };

    std::size_t planned = 0; // 0: until one fails
    std::size_t finished = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    Clock::time_point begin;
    Clock::time_point last_finish;
    std::vector<Running> running = {}; // the longest first

    /// No wider than `width` columns.
    std::string text(std::size_t width, Clock::time_point now = Clock::now()) const;

  private:
    std::vector<std::string> heads(Clock::time_point now) const;
    std::string cases(std::size_t width, Clock::time_point now) const;
};

} // namespace harness

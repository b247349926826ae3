// SPDX-License-Identifier: GPL-2.0-or-later
//
// Queue: in which order the cases of a run are started. Several at once: those that take longest first, so that the
// last one ends soon after the others; what memory does not allow yet waits.
#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <optional>
#include <vector>

#include "recorded_times.h"
#include "reporter.h"

namespace harness
{

class Queue
{
  public:
    enum class Order { registered, longest_first, shuffled };
    static constexpr unsigned no_end = std::numeric_limits<unsigned>::max();

    Queue(std::vector<const CaseInfo*> cases, unsigned rounds, Order order, const RecordedTimes& times,
          std::uint32_t seed);

    /// Whether there is one to start, now or later.
    bool empty() const noexcept { return waiting_.empty() && (round_ == rounds_ || cases_.empty()); }
    /// The next that needs no more memory than this; nothing when each of this round needs more.
    std::optional<CaseRun> take(unsigned ram_mib);
    /// The next, whatever it needs.
    std::optional<CaseRun> take() { return take(std::numeric_limits<unsigned>::max()); }

  private:
    void begin_round();

    std::vector<const CaseInfo*> cases_; // in the order of a round, but for shuffling
    unsigned rounds_;
    Order order_;
    std::uint32_t random_;
    unsigned round_ = 0; // the one under way, from 1
    std::list<CaseRun> waiting_;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue.h"

#include <algorithm>
#include <random>

namespace harness
{

namespace
{

/// One that was never run may take as long as it is allowed to.
double expected_seconds(const CaseInfo& info, const RecordedTimes& times)
{
    return times.find(info.path).value_or(std::chrono::duration<double>(info.deadline).count());
}

} // namespace

Queue::Queue(std::vector<const CaseInfo*> cases, unsigned rounds, Order order, const RecordedTimes& times,
             std::uint32_t seed)
    : cases_(std::move(cases)), rounds_(rounds), order_(order), random_(seed)
{
    if (order_ == Order::longest_first)
        std::stable_sort(cases_.begin(), cases_.end(), [&](const CaseInfo* a, const CaseInfo* b) {
            return expected_seconds(*a, times) > expected_seconds(*b, times);
        });
}

void Queue::begin_round()
{
    round_++;
    if (order_ == Order::shuffled) {
        // Not std::shuffle: the same seed is to mean the same order whatever library it was built with.
        std::mt19937 engine(random_);
        for (std::size_t left = cases_.size(); left > 1; left--)
            std::swap(cases_[left - 1], cases_[engine() % left]);
        random_ = static_cast<std::uint32_t>(engine());
    }
    for (const CaseInfo* info : cases_)
        waiting_.push_back({*info, round_});
}

std::optional<CaseRun> Queue::take(unsigned ram_mib)
{
    if (empty())
        return std::nullopt;
    if (waiting_.empty())
        begin_round();
    const auto fits =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const CaseRun& run) { return run.info.ram_mib <= ram_mib; });
    if (fits == waiting_.end())
        return std::nullopt;
    const CaseRun run = *fits;
    waiting_.erase(fits);
    return run;
}

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Deadline: a point on the monotonic clock by which something must have happened. It is total: however many waits share
// one, together they end at it.
#pragma once

#include <algorithm>
#include <chrono>

namespace qtest
{

class Deadline
{
  public:
    using Clock = std::chrono::steady_clock;
    using Duration = std::chrono::milliseconds;

    /// `duration` from now, stretched by the factor for slow machines.
    static Deadline in(Duration duration) { return Deadline(std::chrono::duration_cast<Duration>(duration * scale_)); }
    /// The same, whatever the factor.
    static Deadline unscaled(Duration duration) { return Deadline(duration); }
    /// One factor for every deadline of this process, set before the first is made. 1 unless told.
    static void set_scale(double factor) { scale_ = factor; }
    static double scale() noexcept { return scale_; }

    bool passed() const { return Clock::now() >= end_; }
    Clock::time_point end() const noexcept { return end_; }
    /// What it was made with, after stretching.
    Duration total() const noexcept { return total_; }
    /// Never negative, and rounded up: sleeping for it does not wake early.
    Duration left() const { return std::max(Duration(0), std::chrono::ceil<Duration>(end_ - Clock::now())); }

  private:
    explicit Deadline(Duration total) : end_(Clock::now() + total), total_(total) {}

    inline static double scale_ = 1;
    Clock::time_point end_;
    Duration total_;
};

} // namespace qtest

// SPDX-License-Identifier: GPL-2.0-or-later
//
// TimeAxis: where on a picture's width a moment of a case stands. A case that hung for 20 s after half a second of
// migration would show nothing of that half second: so long gaps in which nothing happened are drawn shorter, together
// half of the width at most, and the picture says where.
#pragma once

#include <string>
#include <vector>

namespace report
{

class TimeAxis
{
  public:
    /// From the first to the last of these moments (in seconds, in any order, one at least).
    explicit TimeAxis(std::vector<double> moments);

    double begin() const noexcept { return stretches_.front().from; }
    double end() const noexcept { return stretches_.back().to; }

    /// In per cent of the width; moments outside stand at its edges.
    double at(double time) const;

    struct Tick {
        double at; // per cent
        std::string label;
    };
    /// Round times, where the time runs evenly.
    std::vector<Tick> ticks() const;

    /// A stretch of time and of width.
    struct Stretch {
        double from, to;           // seconds
        double begin = 0, end = 0; // per cent
        bool shortened = false;
    };
    const std::vector<Stretch>& stretches() const noexcept { return stretches_; }

  private:
    std::vector<Stretch> stretches_; // one after the other
};

} // namespace report

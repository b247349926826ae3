// SPDX-License-Identifier: GPL-2.0-or-later
#include "time_axis.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace report
{

namespace
{

/// The gaps between moments that are over a quarter of all the time.
std::vector<TimeAxis::Stretch> long_gaps(const std::vector<double>& sorted)
{
    std::vector<TimeAxis::Stretch> gaps;
    const double all = sorted.back() - sorted.front();
    for (std::size_t i = 1; i < sorted.size(); i++) {
        if (sorted[i] - sorted[i - 1] > all / 4)
            gaps.push_back({.from = sorted[i - 1], .to = sorted[i], .shortened = true});
    }
    return gaps;
}

double length(const std::vector<TimeAxis::Stretch>& stretches)
{
    double sum = 0;
    for (const auto& stretch : stretches)
        sum += stretch.to - stretch.from;
    return sum;
}

/// 1, 2 or 5 times a power of ten, at least this.
double round_step(double least)
{
    const double power = std::pow(10, std::floor(std::log10(least)));
    for (const double times : {1, 2, 5}) {
        if (times * power >= least)
            return times * power;
    }
    return 10 * power;
}

} // namespace

TimeAxis::TimeAxis(std::vector<double> moments)
{
    std::sort(moments.begin(), moments.end());
    if (moments.back() < moments.front() + 0.001) // it must have a length
        moments.push_back(moments.front() + 0.001);
    const double all = moments.back() - moments.front();
    auto gaps = long_gaps(moments);
    const double rest = all - length(gaps);
    if (rest >= all / 2 || rest < all / 1e6) // nothing to gain, or nothing but gaps
        gaps.clear();
    double time = moments.front();
    for (const Stretch& gap : gaps) {
        if (gap.from > time)
            stretches_.push_back({.from = time, .to = gap.from});
        stretches_.push_back(gap);
        time = gap.to;
    }
    if (moments.back() > time)
        stretches_.push_back({.from = time, .to = moments.back()});

    const double even = all - length(gaps);
    double place = 0;
    for (Stretch& stretch : stretches_) {
        stretch.begin = place;
        place += stretch.shortened ? 50 / static_cast<double>(gaps.size())
                                   : (gaps.empty() ? 100 : 50) * (stretch.to - stretch.from) / even;
        stretch.end = place;
    }
}

double TimeAxis::at(double time) const
{
    for (const Stretch& stretch : stretches_) {
        if (time <= stretch.to) {
            const double part = std::max(0.0, time - stretch.from) / (stretch.to - stretch.from);
            return stretch.begin + part * (stretch.end - stretch.begin);
        }
    }
    return 100;
}

std::vector<TimeAxis::Tick> TimeAxis::ticks() const
{
    constexpr double apart = 9; // per cent: room for a label
    std::vector<Tick> ticks;
    for (const Stretch& stretch : stretches_) {
        const double seconds_per_percent = (stretch.to - stretch.from) / (stretch.end - stretch.begin);
        if (stretch.shortened || stretch.end - stretch.begin < apart)
            continue;
        const double step = round_step(apart * seconds_per_percent);
        const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
        const double first = std::ceil(stretch.from / step - 1e-9) + 0.0; // + 0: never -0
        for (double i = first; i * step <= stretch.to; i++)
            ticks.push_back({at(i * step), fmt::format("{:.{}f} s", i * step, digits)});
    }
    return ticks;
}

} // namespace report

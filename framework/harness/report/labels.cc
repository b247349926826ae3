// SPDX-License-Identifier: GPL-2.0-or-later
#include "labels.h"

#include <algorithm>

namespace report
{

namespace
{

// Pixels: the picture's width on the two kinds of screen that style.css tells apart, and of a letter.
constexpr double wide_width = 900;
constexpr double narrow_width = 320;
constexpr double letter = 5.9;
constexpr double space = 6;

double width_of(const std::string& word)
{
    const auto letters = std::count_if(word.begin(), word.end(), [](char c) { return (c & 0xc0) != 0x80; });
    return static_cast<double>(letters) * letter + space;
}

using Taken = std::vector<std::pair<double, double>>;

bool is_free(const Taken& taken, const std::pair<double, double>& place)
{
    return std::none_of(taken.begin(), taken.end(),
                        [&](const auto& other) { return place.first < other.second && other.first < place.second; });
}

std::pair<double, double> span(const std::string& word, double percent, bool ends_here, double screen)
{
    const double at = percent * screen / 100;
    return ends_here ? std::pair(at - width_of(word), at) : std::pair(at, at + width_of(word));
}

} // namespace

Fit fit_within(const std::string& word, double percent)
{
    const double width = width_of(word) + space;
    return width <= percent * narrow_width / 100 ? Fit::always
           : width <= percent * wide_width / 100 ? Fit::wide
                                                 : Fit::never;
}

LabelRows::Place LabelRows::add(const std::string& word, double percent)
{
    const bool ends_here = percent > 50;
    const auto wide = span(word, percent, ends_here, wide_width);
    const auto narrow = span(word, percent, ends_here, narrow_width);
    const auto inside = [](const auto& place, double screen) { return place.first >= 0 && place.second <= screen; };
    for (std::size_t i = 0; i < most; i++) {
        Row& row = rows_[i];
        if (!is_free(row.wide, wide) || !inside(wide, wide_width))
            continue;
        row.wide.push_back(wide);
        if (!is_free(row.narrow, narrow) || !inside(narrow, narrow_width))
            return {i, Fit::wide, ends_here};
        row.narrow.push_back(narrow);
        return {i, Fit::always, ends_here};
    }
    return {0, Fit::never, ends_here};
}

std::size_t LabelRows::used() const
{
    std::size_t count = 0;
    for (std::size_t i = 0; i < most; i++)
        count = rows_[i].wide.empty() ? count : i + 1;
    return count;
}

} // namespace report

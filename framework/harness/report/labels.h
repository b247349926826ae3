// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where words fit in a picture whose width is not known: on a wide screen, on a narrow one too, or not at all.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace report
{

enum class Fit { always, wide, never };

/// Whether a word fits into so many per cent of the width.
Fit fit_within(const std::string& word, double percent);

/// Rows of words that must not touch each other. Words begin at their place, or end there in the right half.
class LabelRows
{
  public:
    static constexpr std::size_t most = 3;

    struct Place {
        std::size_t row;
        Fit fit;
        bool ends_here;
    };
    /// Finds room for one more.
    Place add(const std::string& word, double percent);
    /// How many rows are in use.
    std::size_t used() const;

  private:
    struct Row {
        std::vector<std::pair<double, double>> wide, narrow; // taken, in pixels
    };
    std::array<Row, most> rows_;
};

} // namespace report

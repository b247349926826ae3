// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the self-check cases have in common: something was broken, and a check of the suite must say so.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "case.h"

namespace self_check
{

/// Passes when `check` throws and its text has every one of `parts`.
void expect_noticed(harness::Case& test, const std::vector<std::string>& parts, const std::function<void()>& check);

/// While it lives; for checks that can only fail by running out of time.
class ShortDeadlines
{
  public:
    ShortDeadlines() { qtest::Deadline::set_scale(before_ * 0.1); }
    ShortDeadlines(const ShortDeadlines&) = delete;
    ShortDeadlines& operator=(const ShortDeadlines&) = delete;
    ~ShortDeadlines() { qtest::Deadline::set_scale(before_); }

  private:
    double before_ = qtest::Deadline::scale();
};

} // namespace self_check

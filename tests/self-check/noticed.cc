// SPDX-License-Identifier: GPL-2.0-or-later
#include "noticed.h"

#include <fmt/format.h>

#include "errors.h"

namespace self_check
{

void expect_noticed(harness::Case& test, const std::vector<std::string>& parts, const std::function<void()>& check)
{
    try {
        check();
    } catch (const qtest::Error& error) {
        const std::string text = error.what();
        for (const std::string& part : parts)
            test.check(text.find(part) != std::string::npos,
                       fmt::format("the failure does not say '{}': {}", part, text));
        return;
    }
    throw qtest::TestFailure("what was broken was not noticed");
}

} // namespace self_check

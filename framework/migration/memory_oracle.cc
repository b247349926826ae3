// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory_oracle.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "errors.h"

namespace migration
{

namespace
{

void compare_ram(Vm& source, Vm& target)
{
    const auto expected = source.read_ram();
    const auto seen = target.read_ram();
    std::size_t differing = 0;
    std::string text;
    for (std::size_t page = 0; page < expected.size(); page += GUEST_PAGE) {
        if (std::memcmp(&expected[page], &seen[page], GUEST_PAGE) == 0)
            continue;
        if (differing++ > 0)
            continue;
        const auto first = std::mismatch(&expected[page], &expected[page] + GUEST_PAGE, &seen[page]).first - expected.data();
        const auto at = static_cast<std::size_t>(first);
        const std::size_t shown = std::min<std::size_t>(8, page + GUEST_PAGE - at);
        text = fmt::format("guest RAM differs at 0x{:x}, byte {} of {}: {} has {:02x}, {} has {:02x}", at, at - page,
                           guest::describe_page(page), source.name(), fmt::join(&expected[at], &expected[at] + shown, ""),
                           target.name(), fmt::join(&seen[at], &seen[at] + shown, ""));
    }
    if (differing > 0)
        throw qtest::TestFailure(fmt::format("{}; {} page{} in all", text, differing, differing == 1 ? "" : "s"));
}

void compare_registers(Vm& source, Vm& target)
{
    const std::string expected = source.registers();
    const std::string seen = target.registers();
    if (expected == seen)
        return;
    const auto start = std::mismatch(expected.begin(), expected.end(), seen.begin(), seen.end()).first - expected.begin();
    const auto line = [&](const std::string& text) {
        const std::size_t begin = start ? text.rfind('\n', static_cast<std::size_t>(start) - 1) + 1 : 0;
        return text.substr(begin, text.find_first_of("\r\n", begin) - begin);
    };
    throw qtest::TestFailure(fmt::format("CPU registers differ: {} has '{}', {} has '{}'", source.name(), line(expected),
                                         target.name(), line(seen)));
}

} // namespace

void expect_same_guest(Vm& source, Vm& target)
{
    compare_registers(source, target);
    compare_ram(source, target);
}

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory_oracle.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "device_state.h"
#include "errors.h"

namespace migration
{

namespace
{

void compare_ram(Vm& source, Vm& target)
{
    const auto read_source = source.ram_reader();
    const auto read_target = target.ram_reader();
    // Small enough to stay in the cache.
    std::vector<std::uint8_t> expected(256 * GUEST_PAGE);
    std::vector<std::uint8_t> seen(expected.size());
    std::size_t differing = 0;
    std::string text;
    for (std::uint64_t address = 0; address < source.ram_size(); address += GUEST_PAGE) {
        const std::size_t at = address % expected.size();
        if (at == 0) {
            const auto size = std::min<std::uint64_t>(expected.size(), source.ram_size() - address);
            read_source(address, std::span(expected).first(size));
            read_target(address, std::span(seen).first(size));
        }
        if (std::memcmp(&expected[at], &seen[at], GUEST_PAGE) == 0 || differing++ > 0)
            continue;
        const auto offset = static_cast<std::size_t>(
            std::mismatch(&expected[at], &expected[at] + GUEST_PAGE, &seen[at]).first - &expected[at]);
        const std::size_t from = at + offset;
        const std::size_t to = std::min<std::size_t>(from + 8, at + GUEST_PAGE);
        text = fmt::format("guest RAM differs at 0x{:x}, byte {} of {}: {} has {:02x}, {} has {:02x}", address + offset,
                           offset, guest::describe_page(address), source.name(),
                           fmt::join(expected.begin() + static_cast<std::ptrdiff_t>(from),
                                     expected.begin() + static_cast<std::ptrdiff_t>(to), ""),
                           target.name(),
                           fmt::join(seen.begin() + static_cast<std::ptrdiff_t>(from),
                                     seen.begin() + static_cast<std::ptrdiff_t>(to), ""));
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
    const auto start =
        std::mismatch(expected.begin(), expected.end(), seen.begin(), seen.end()).first - expected.begin();
    const auto line = [&](const std::string& text) {
        const std::size_t begin = start ? text.rfind('\n', static_cast<std::size_t>(start) - 1) + 1 : 0;
        return text.substr(begin, text.find_first_of("\r\n", begin) - begin);
    };
    throw qtest::TestFailure(fmt::format("CPU registers differ: {} has '{}', {} has '{}'", source.name(),
                                         line(expected), target.name(), line(seen)));
}

} // namespace

void expect_same_guest(Vm& source, Vm& target)
{
    // First, for its failure is the plainest; the section of a CPU has the same and more.
    compare_registers(source, target);
    expect_same_devices(source, target, source.machine().config().binary == target.machine().config().binary);
    compare_ram(source, target);
}

} // namespace migration

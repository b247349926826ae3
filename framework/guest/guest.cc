// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <regex>

#include <fmt/format.h>

#include "errors.h"

namespace guest
{

namespace
{

constexpr std::uint8_t x86_rom[] = {
#include "x86_rom.inc"
};
static_assert(sizeof x86_rom == GUEST_ROM_SIZE);

constexpr std::size_t words = GUEST_PAGE / 4;
constexpr std::size_t slice_words = GUEST_SLICE / 4;
using Page = std::array<std::uint32_t, words>;

enum class Kind { rewritten, alternating, zero };

Kind kind_of(std::uint64_t page)
{
    switch (page % 8) {
    case GUEST_CLASS_ALTERNATING:
        return Kind::alternating;
    case GUEST_CLASS_ZERO:
        return Kind::zero;
    default:
        return Kind::rewritten;
    }
}

std::uint32_t word_of(std::uint64_t page, std::uint32_t pass)
{
    return static_cast<std::uint32_t>(page) * GUEST_PAGE_FACTOR + pass * GUEST_PASS_FACTOR;
}

/// A page of the test range after `pass` passes.
Page after_pass(std::uint64_t page, std::uint32_t pass)
{
    Page content{};
    const auto fill = [&](std::uint32_t written_in) {
        const auto slice = content.begin() + (written_in % GUEST_SLICES) * slice_words;
        std::fill(slice, slice + slice_words, word_of(page, written_in));
    };
    if (kind_of(page) == Kind::rewritten) {
        for (std::uint32_t n = pass; n > 0 && n + GUEST_SLICES > pass; n--)
            fill(n);
    } else if (kind_of(page) == Kind::alternating && pass % 2 == 1) {
        fill(pass);
    }
    return content;
}

/// A page behind the test range.
Page filled_once(std::uint64_t page)
{
    Page content{};
    for (std::size_t i = 0; kind_of(page) == Kind::rewritten && i < words; i++)
        content[i] = word_of(page, 0) + static_cast<std::uint32_t>(i / (GUEST_QUARTER / 4)) * GUEST_QUARTER_STEP;
    return content;
}

/// Where the guest was when it stopped: a prefix of the slice's words is of the new pass already.
Page in_pass(std::uint64_t page, std::uint32_t pass, const std::uint8_t* seen)
{
    const Page before = after_pass(page, pass - 1);
    const Page after = after_pass(page, pass);
    Page content = before;
    for (std::size_t i = 0; i < words; i++) {
        if (before[i] == after[i])
            continue;
        std::uint32_t word;
        std::memcpy(&word, seen + 4 * i, sizeof word);
        if (word != after[i])
            break;
        content[i] = after[i];
    }
    return content;
}

std::uint32_t note(std::span<const std::uint8_t> ram, std::size_t address)
{
    std::uint32_t value;
    std::memcpy(&value, ram.data() + address, sizeof value);
    return value;
}

std::string hex(const std::uint8_t* bytes, std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; i++)
        text += fmt::format("{:02x}", bytes[i]);
    return text;
}

/// For the reader of a failure: of which pass, or of which page, what is seen there looks like.
std::string origin(const std::uint8_t* seen, std::uint64_t page, const Position& position)
{
    Page content;
    std::memcpy(content.data(), seen, sizeof content);
    for (std::uint32_t back = 1; back <= GUEST_SLICES && back < position.pass; back++) {
        if (content == after_pass(page, position.pass - back))
            return fmt::format("it is this page as of pass {}", position.pass - back);
    }
    for (std::uint64_t other = page > 8 ? page - 8 : 0; other <= page + 8; other++) {
        const bool known = content == after_pass(other, position.pass) || content == after_pass(other, position.pass - 1);
        if (other != page && kind_of(other) == Kind::rewritten && known)
            return fmt::format("it is page {} (0x{:x})", other, other * GUEST_PAGE);
    }
    if (content == Page{})
        return "the whole page is zero";
    return "it is no page of this guest";
}

} // namespace

std::span<const std::uint8_t> x86_image() { return x86_rom; }

Position parse_position(const std::string& info_registers)
{
    static const std::regex in_32_bit_mode("EBX=([0-9a-f]{8})[^]*ESI=([0-9a-f]{8})");
    std::smatch match;
    if (!std::regex_search(info_registers, match, in_32_bit_mode))
        throw qtest::TestFailure("the guest's CPU is not in 32-bit mode: " + info_registers.substr(0, 200));
    const auto pass = static_cast<std::uint32_t>(std::stoul(match[1], nullptr, 16));
    const std::uint64_t page = std::stoul(match[2], nullptr, 16);
    if (page >= GUEST_RAM_START) {
        if (pass == 0 || page % GUEST_PAGE != 0)
            throw qtest::TestFailure(fmt::format("the guest is not in its passes: EBX={:08x} ESI={:08x}", pass, page));
        return {pass, page};
    }
    // Between two passes: ESI has the parity of the one completed, EBX that one or already the next.
    const std::uint32_t completed = pass % 2 == page ? pass : pass - 1;
    if (page > 1 || completed == 0)
        throw qtest::TestFailure(fmt::format("the guest is not in its passes: EBX={:08x} ESI={:08x}", pass, page));
    return {completed, UINT64_MAX};
}

std::optional<Damage> find_damage(std::span<const std::uint8_t> ram, const Position& position)
{
    const std::uint64_t test_end = note(ram, GUEST_INFO_TEST_END);
    const std::uint32_t noted = note(ram, GUEST_INFO_PASS);
    const bool between_passes = position.page == UINT64_MAX; // the next pass may be noted already
    const bool pass_noted = noted == position.pass || (between_passes && noted == position.pass + 1);
    if (note(ram, GUEST_INFO_MAGIC) != GUEST_MAGIC || note(ram, GUEST_INFO_RAM_END) != ram.size() ||
        test_end % GUEST_PAGE != 0 || test_end > ram.size() || !pass_noted)
        return Damage{GUEST_INFO_MAGIC,
                      fmt::format("the guest's notes at 0x{:x}: expected magic {:08x}, pass {}, RAM end 0x{:x}; seen {:08x}, {}, 0x{:x}",
                                  GUEST_INFO, GUEST_MAGIC, position.pass, ram.size(), note(ram, GUEST_INFO_MAGIC), noted,
                                  note(ram, GUEST_INFO_RAM_END))};
    std::optional<Damage> damage;
    std::size_t more = 0;
    for (std::uint64_t address = GUEST_RAM_START; address + GUEST_PAGE <= ram.size(); address += GUEST_PAGE) {
        const std::uint64_t page = address / GUEST_PAGE;
        const std::uint8_t* seen = ram.data() + address;
        const Page expected = address >= test_end         ? filled_once(page)
                              : address < position.page   ? after_pass(page, position.pass)
                              : address == position.page  ? in_pass(page, position.pass, seen)
                                                          : after_pass(page, position.pass - 1);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(expected.data());
        if (std::memcmp(bytes, seen, GUEST_PAGE) == 0)
            continue;
        if (damage) {
            more++;
            continue;
        }
        const auto offset = static_cast<std::size_t>(std::mismatch(bytes, bytes + GUEST_PAGE, seen).first - bytes);
        const std::size_t shown = std::min<std::size_t>(8, GUEST_PAGE - offset);
        damage = Damage{address + offset,
                        fmt::format("guest RAM at 0x{:x}, byte {} of {}: expected {}, seen {} in pass {} ({})", address + offset,
                                    offset, describe_page(address), hex(bytes + offset, shown), hex(seen + offset, shown),
                                    position.pass, origin(seen, page, position))};
    }
    if (damage && more > 0)
        damage->text += fmt::format("; {} more page{} wrong", more, more == 1 ? " is" : "s are");
    return damage;
}

std::string describe_page(std::uint64_t address)
{
    static constexpr const char* kinds[] = {"rewritten in each pass", "alternating between zero and not", "always zero"};
    const std::uint64_t page = address / GUEST_PAGE;
    const char* kind = address < GUEST_RAM_START ? "low memory" : kinds[static_cast<int>(kind_of(page))];
    return fmt::format("page {} (0x{:x}, {})", page, page * GUEST_PAGE, kind);
}

} // namespace guest

// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <vector>

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

/// What `pass` passes have made of RAM that had been filled. Pages of one kind differ only by their own part of the
/// word.
class Passes
{
  public:
    explicit Passes(std::uint32_t pass) : pass_(pass)
    {
        for (std::size_t i = 0; i < words; i++)
            pass_part_[i] = static_cast<std::uint32_t>(i / (GUEST_QUARTER / 4)) * GUEST_QUARTER_STEP;
        for (std::uint32_t n = pass; n > 0 && n + GUEST_SLICES > pass; n--)
            std::fill_n(pass_part_.begin() + (n % GUEST_SLICES) * slice_words, slice_words, n * GUEST_PASS_FACTOR);
    }

    Page page(std::uint64_t number) const
    {
        Page content{};
        const std::uint32_t page_part = static_cast<std::uint32_t>(number) * GUEST_PAGE_FACTOR;
        if (kind_of(number) == Kind::rewritten) {
            for (std::size_t i = 0; i < words; i++)
                content[i] = page_part + pass_part_[i];
        } else if (kind_of(number) == Kind::alternating && pass_ % 2 == 1) {
            std::fill_n(content.begin() + (pass_ % GUEST_SLICES) * slice_words, slice_words,
                        page_part + pass_ * GUEST_PASS_FACTOR);
        }
        return content;
    }

  private:
    std::uint32_t pass_;
    Page pass_part_{};
};

/// Where the guest was when it stopped: a prefix of the slice's words is of the new pass already.
Page half_written(const Page& before, const Page& after, const std::uint8_t* seen)
{
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
        if (content == Passes(position.pass - back).page(page))
            return fmt::format("it is this page as of pass {}", position.pass - back);
    }
    const Passes now(position.pass);
    const Passes before(position.pass - 1);
    for (std::uint64_t other = page - std::min<std::uint64_t>(page, 8); other <= page + 8; other++) {
        if (other != page && kind_of(other) == Kind::rewritten &&
            (content == now.page(other) || content == before.page(other)))
            return fmt::format("it is page {} (0x{:x})", other, other * GUEST_PAGE);
    }
    if (content == Page{})
        return "the whole page is zero";
    return "it is no page of this guest";
}

} // namespace

std::vector<std::uint8_t> x86_image(const Options& options)
{
    std::vector<std::uint8_t> image(std::begin(x86_rom), std::end(x86_rom));
    for (std::size_t byte = 0; byte < 4; byte++)
        image[GUEST_ROM_SUSPEND_AFTER + byte] = static_cast<std::uint8_t>(options.suspend_after_pass >> 8 * byte);
    return image;
}

namespace
{

/// The value of a 32-bit register, "EBX=0000001f"; nothing when it is not shown so.
std::optional<std::uint32_t> value_of(const std::string& info_registers, const std::string& name)
{
    const std::size_t at = info_registers.find(name + "=");
    std::uint32_t value = 0;
    if (at == std::string::npos)
        return std::nullopt;
    const char* begin = info_registers.data() + at + name.size() + 1;
    const char* end = info_registers.data() + info_registers.size();
    return std::from_chars(begin, end, value, 16).ptr == begin + 8 ? std::optional(value) : std::nullopt;
}

} // namespace

Position parse_position(const std::string& info_registers)
{
    const auto ebx = value_of(info_registers, "EBX");
    const auto esi = value_of(info_registers, "ESI");
    if (!ebx || !esi)
        throw qtest::TestFailure("the guest's CPU is not in 32-bit mode: " + info_registers.substr(0, 200));
    const std::uint32_t pass = *ebx;
    const std::uint64_t page = *esi;
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

namespace
{

/// The lowest RAM whose content is not the guest's own: behind it a PC has its video memory and ROMs.
constexpr std::uint64_t low_ram_end = 0xa0000;

/// What the guest notes in low RAM.
struct Notes {
    std::uint32_t magic;
    std::uint32_t pass;
    std::uint32_t ram_end;
    std::uint32_t test_end;
    std::uint32_t suspended;
    std::uint32_t woken;
    std::uint32_t suspend_request;
};
static_assert(GUEST_INFO_PASS == GUEST_INFO + offsetof(Notes, pass));
static_assert(GUEST_INFO_RAM_END == GUEST_INFO + offsetof(Notes, ram_end));
static_assert(GUEST_INFO_TEST_END == GUEST_INFO + offsetof(Notes, test_end));
static_assert(GUEST_INFO_SUSPENDED == GUEST_INFO + offsetof(Notes, suspended));
static_assert(GUEST_INFO_WOKEN == GUEST_INFO + offsetof(Notes, woken));
static_assert(GUEST_INFO_SUSPEND_REQUEST == GUEST_INFO + offsetof(Notes, suspend_request));

Notes read_notes(const ReadRam& read_ram)
{
    Notes notes;
    read_ram(GUEST_INFO, {reinterpret_cast<std::uint8_t*>(&notes), sizeof notes});
    return notes;
}

/// Whether what is noted of a suspension is possible there: it comes between two passes, and no pass follows unless the
/// guest has woken.
bool suspension_is_right(const Notes& notes, const Position& position)
{
    if (notes.suspended == 0)
        return notes.woken == 0;
    const bool there = position.pass == notes.suspended && position.page >= notes.test_end;
    const bool woken = notes.woken == notes.suspended;
    return there ? woken || notes.woken == 0 : woken && position.pass > notes.suspended;
}

std::optional<Damage> find_damage_in_notes(const Notes& notes, std::uint64_t ram_size, const Position& position)
{
    const bool between_passes = position.page == UINT64_MAX; // the next pass may be noted already
    const bool pass_noted = notes.pass == position.pass || (between_passes && notes.pass == position.pass + 1);
    const bool test_range =
        notes.test_end % GUEST_PAGE == 0 && notes.test_end > ram_size / 2 && notes.test_end < ram_size;
    const bool suspension = suspension_is_right(notes, position);
    if (notes.magic == GUEST_MAGIC && pass_noted && notes.ram_end == ram_size && test_range && suspension)
        return std::nullopt;
    return Damage{
        GUEST_INFO,
        fmt::format("the guest's notes at 0x{:x}: expected magic {:08x}, pass {}, RAM end 0x{:x}; seen {:08x}, {}, "
                    "0x{:x}, test range to 0x{:x}, suspended after pass {}, woken after {}{}",
                    GUEST_INFO, GUEST_MAGIC, position.pass, ram_size, notes.magic, notes.pass, notes.ram_end,
                    notes.test_end, notes.suspended, notes.woken, suspension ? "" : ", which cannot be")};
}

/// The page in which CPUs count: theirs is the first word of a slot and the last three, where an interrupt pushes. The
/// boot CPU's slot is zero.
Page counters(const std::uint8_t* seen)
{
    constexpr std::size_t slot_words = GUEST_COUNTER_SIZE / 4;
    Page content{};
    for (std::size_t word = slot_words; word < words; word++) {
        if (word % slot_words == 0 || word % slot_words >= slot_words - 3)
            std::memcpy(&content[word], seen + 4 * word, sizeof content[word]);
    }
    return content;
}

Damage describe(std::uint64_t page, const std::uint8_t* expected, const std::uint8_t* seen, const Position& position)
{
    const auto offset = static_cast<std::size_t>(std::mismatch(expected, expected + GUEST_PAGE, seen).first - expected);
    const std::size_t shown = std::min<std::size_t>(8, GUEST_PAGE - offset);
    const std::uint64_t address = page * GUEST_PAGE + offset;
    return {address, fmt::format("guest RAM at 0x{:x}, byte {} of {}: expected {}, seen {} in pass {} ({})", address,
                                 offset, describe_page(address), hex(expected + offset, shown),
                                 hex(seen + offset, shown), position.pass, origin(seen, page, position))};
}

} // namespace

Position find_position(const std::string& info_registers, const ReadRam& read_ram)
{
    const Notes notes = read_notes(read_ram);
    const bool waking = notes.magic == GUEST_MAGIC && notes.suspended != 0 && notes.woken == 0;
    if (waking && value_of(info_registers, "EBX") == 0U)
        return {notes.suspended, notes.test_end};
    return parse_position(info_registers);
}

std::optional<Damage> find_damage(const ReadRam& read_ram, std::uint64_t ram_size, const Position& position)
{
    const Notes notes = read_notes(read_ram);
    std::optional<Damage> damage = find_damage_in_notes(notes, ram_size, position);
    if (damage)
        return damage;

    const Passes filled(0);
    const Passes now(position.pass);
    const Passes before(position.pass - 1);
    Page page_of_notes{};
    std::memcpy(page_of_notes.data(), &notes, sizeof notes);
    std::size_t more = 0;
    // A buffer that stays in the cache.
    std::vector<std::uint8_t> buffer(256 * GUEST_PAGE);
    for (std::uint64_t address = 0; address < ram_size; address += GUEST_PAGE) {
        const std::size_t in_buffer = address % buffer.size();
        if (in_buffer == 0)
            read_ram(address, std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), ram_size - address)));
        const bool spare = address >= GUEST_SPARE && address < GUEST_SPARE_END;
        if (spare || (address >= low_ram_end && address < GUEST_RAM_START))
            continue;
        const std::uint64_t page = address / GUEST_PAGE;
        const std::uint8_t* seen = buffer.data() + in_buffer;
        const Page expected = address == GUEST_INFO       ? page_of_notes
                              : address == GUEST_COUNTERS ? counters(seen)
                              : address < low_ram_end     ? Page{}
                              : address >= notes.test_end ? filled.page(page)
                              : address < position.page   ? now.page(page)
                              : address == position.page  ? half_written(before.page(page), now.page(page), seen)
                                                          : before.page(page);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(expected.data());
        if (std::memcmp(bytes, seen, GUEST_PAGE) == 0)
            continue;
        if (damage)
            more++;
        else
            damage = describe(page, bytes, seen, position);
    }
    if (more > 0)
        damage->text += fmt::format("; {} more page{} wrong", more, more == 1 ? " is" : "s are");
    return damage;
}

std::vector<std::uint8_t> page_after(std::uint64_t page, std::uint32_t pass)
{
    const Page content = Passes(pass).page(page);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(content.data());
    return {bytes, bytes + GUEST_PAGE};
}

std::string describe_page(std::uint64_t address)
{
    static constexpr const char* kinds[] = {"rewritten in each pass", "alternating between zero and not",
                                            "always zero"};
    const std::uint64_t page = address / GUEST_PAGE;
    const char* kind = address < GUEST_RAM_START ? "below 1 MiB" : kinds[static_cast<int>(kind_of(page))];
    return fmt::format("page {} (0x{:x}, {})", page, page * GUEST_PAGE, kind);
}

} // namespace guest

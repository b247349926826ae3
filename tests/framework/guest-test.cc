// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest's pattern, without a guest: RAM is made here by a second, plainer telling of what the program writes.
#include <cstring>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "errors.h"
#include "guest.h"

namespace
{

constexpr std::uint64_t ram_size = 20 << 20;
constexpr std::uint64_t test_end = ram_size - ram_size / 16;

class Ram
{
  public:
    /// As the guest leaves it when it has just written the page before `stopped_at` in pass `pass`.
    Ram(std::uint32_t pass, std::uint64_t stopped_at) : bytes_(ram_size)
    {
        const std::uint32_t notes[] = {GUEST_MAGIC, pass, ram_size, test_end};
        std::memcpy(&bytes_[GUEST_INFO], notes, sizeof notes);
        for (std::uint64_t address = GUEST_RAM_START; address < ram_size; address += 4) {
            const std::uint64_t number = address / GUEST_PAGE;
            if (number % 8 != GUEST_CLASS_ZERO && number % 8 != GUEST_CLASS_ALTERNATING)
                word(address) = static_cast<std::uint32_t>(number * GUEST_PAGE_FACTOR +
                                                           address % GUEST_PAGE / 1024 * GUEST_QUARTER_STEP);
        }
        for (std::uint32_t n = 1; n <= pass; n++)
            for (std::uint64_t page = GUEST_RAM_START; page < (n < pass ? test_end : stopped_at); page += GUEST_PAGE)
                write_slice(page, n);
    }

    void write_slice(std::uint64_t page, std::uint32_t pass)
    {
        const std::uint64_t number = page / GUEST_PAGE;
        const bool clear = number % 8 == GUEST_CLASS_ALTERNATING && pass % 2 == 0;
        const std::uint64_t slice = page + (clear ? pass - 1 : pass) % GUEST_SLICES * GUEST_SLICE;
        for (std::uint64_t at = slice; number % 8 != GUEST_CLASS_ZERO && at < slice + GUEST_SLICE; at += 4)
            word(at) = clear ? 0 : static_cast<std::uint32_t>(number * GUEST_PAGE_FACTOR + pass * GUEST_PASS_FACTOR);
    }

    std::uint32_t& word(std::uint64_t address) { return *reinterpret_cast<std::uint32_t*>(&bytes_[address]); }
    std::uint8_t& operator[](std::uint64_t address) { return bytes_[address]; }

    guest::ReadRam reader()
    {
        return [this](std::uint64_t address, std::span<std::uint8_t> buffer) {
            std::memcpy(buffer.data(), &bytes_.at(address), buffer.size());
        };
    }
    std::string damage(const guest::Position& position)
    {
        const auto found = guest::find_damage(reader(), ram_size, position);
        return found ? found->text : "none";
    }

  private:
    std::vector<std::uint8_t> bytes_;
};

TEST(GuestPattern, EveryStopBetweenTwoPagesIsRight)
{
    for (const std::uint32_t pass : {1U, 2U, 3U, 127U, 128U, 129U, 300U})
        for (const std::uint64_t page : {std::uint64_t{GUEST_RAM_START}, std::uint64_t{0x345000}, test_end})
            EXPECT_EQ(Ram(pass, page).damage({pass, page}), "none") << "pass " << pass << " page " << page;
}

TEST(GuestPattern, AStopInsideASliceIsRight)
{
    Ram ram(200, 0x300000);
    ram.word(0x300000 + 200 % GUEST_SLICES * GUEST_SLICE) = 0x300 * GUEST_PAGE_FACTOR + 200 * GUEST_PASS_FACTOR;
    EXPECT_EQ(ram.damage({200, 0x300000}), "none");
    EXPECT_NE(ram.damage({200, 0x2ff000}), "none");
}

TEST(GuestPattern, AWordWrittenOutOfOrderIsWrong)
{
    Ram ram(200, 0x300000);
    ram.word(0x300004 + 200 % GUEST_SLICES * GUEST_SLICE) = 0x300 * GUEST_PAGE_FACTOR + 200 * GUEST_PASS_FACTOR;
    EXPECT_NE(ram.damage({200, 0x300000}), "none");
}

TEST(GuestPattern, EveryByteOfEveryKindOfPageCounts)
{
    Ram ram(300, 0x400000);
    for (const std::uint64_t page :
         {0x0, 0x1000, 0x9f000, 0x300000, 0x303000, 0x305000, 0x500000, 0x503000, 0x1300000, 0x1303000, 0x13ff000})
        for (std::uint64_t byte = 0; byte < GUEST_PAGE; byte += 131) {
            ram[page + byte] ^= 1;
            const std::string text = ram.damage({300, 0x400000});
            ram[page + byte] ^= 1;
            std::ostringstream place;
            place << "guest RAM at 0x" << std::hex << page + byte << ", byte " << std::dec << byte << " of page "
                  << page / GUEST_PAGE;
            const bool note = page == GUEST_INFO && byte < 24;
            ASSERT_TRUE(text.starts_with(note ? "the guest's notes" : place.str())) << place.str() << "\n" << text;
        }
    EXPECT_EQ(ram.damage({300, 0x400000}), "none");
}

TEST(GuestPattern, ATailOfStalePagesIsNotTakenForTheLegalEdge)
{
    // The guest had come to 0x800000, but its last pages are as before.
    EXPECT_NE(Ram(200, 0x7f0000).damage({200, 0x800000}), "none");
    EXPECT_NE(Ram(200, 0x810000).damage({200, 0x800000}), "none");
}

TEST(GuestPattern, PagesForCasesToChangeAreNotLookedAt)
{
    Ram ram(200, 0x300000);
    ram[GUEST_SPARE] = ram[GUEST_SPARE_END - 1] = 1;
    EXPECT_EQ(ram.damage({200, 0x300000}), "none");
    ram[GUEST_SPARE_END] = 1;
    EXPECT_NE(ram.damage({200, 0x300000}), "none");
}

TEST(GuestPattern, CountersAndTheWordsAnInterruptPushesAreFreeForOtherCpusOnly)
{
    static_assert(guest::counter_address(GUEST_CPUS) == GUEST_COUNTERS + GUEST_PAGE);
    Ram ram(200, 0x300000);
    for (const unsigned cpu : {0U, 1U, GUEST_CPUS - 1U})
        for (unsigned word = 0; word < 16; word++) {
            auto& written = ram.word(guest::counter_address(cpu) + 4 * word);
            written = 1;
            EXPECT_EQ(ram.damage({200, 0x300000}) == "none", cpu > 0 && (word == 0 || word > 12)) << cpu << " " << word;
            written = 0;
        }
}

TEST(GuestPattern, APageIsKnownByItself)
{
    Ram ram(200, 0x300000);
    for (const std::uint64_t number : {0x200, 0x203, 0x205, 0x207})
        EXPECT_EQ(std::memcmp(&ram[number * GUEST_PAGE], guest::page_after(number, 200).data(), GUEST_PAGE), 0)
            << number;
}

TEST(GuestPattern, AWrongNoteIsToldWithWhatItSays)
{
    Ram ram(200, 0x300000);
    ram.word(GUEST_INFO_PASS) = 199;
    EXPECT_NE(ram.damage({200, 0x300000}).find("the guest's notes at 0x1000"), std::string::npos);
    ram.word(GUEST_INFO_PASS) = 201;
    EXPECT_NE(ram.damage({200, 0x300000}), "none");
}

TEST(GuestPattern, ASuspensionComesBetweenTwoPassesAndNoPassComesBeforeWaking)
{
    const auto damage = [](std::uint32_t suspended, std::uint32_t woken, std::uint32_t pass, std::uint64_t page) {
        Ram ram(pass, page);
        ram.word(GUEST_INFO_SUSPENDED) = suspended;
        ram.word(GUEST_INFO_WOKEN) = woken;
        return ram.damage({pass, page});
    };
    EXPECT_EQ(damage(7, 0, 7, test_end), "none");
    EXPECT_EQ(damage(7, 7, 7, test_end), "none");
    EXPECT_EQ(damage(7, 7, 8, 0x300000), "none");
    EXPECT_EQ(damage(7, 7, 300, test_end), "none");
    EXPECT_NE(damage(7, 0, 8, 0x300000).find("suspended after pass 7, woken after 0, which cannot be"),
              std::string::npos);
    EXPECT_NE(damage(7, 0, 7, 0x300000), "none");
    EXPECT_NE(damage(7, 7, 7, 0x300000), "none");
    EXPECT_NE(damage(7, 0, 6, test_end), "none");
    EXPECT_NE(damage(7, 7, 6, test_end), "none");
    EXPECT_NE(damage(7, 6, 8, 0x300000), "none");
    EXPECT_NE(damage(0, 7, 8, 0x300000), "none");
}

TEST(GuestPosition, OfAGuestThatWakesIsInItsNotes)
{
    Ram ram(7, test_end);
    ram.word(GUEST_INFO_SUSPENDED) = 7;
    const auto find = [&](const std::string& registers) { return guest::find_position(registers, ram.reader()); };
    const std::string reset = "EAX=00000000 EBX=00000000\r\nESI=00000000";
    EXPECT_EQ(find(reset).pass, 7U);
    EXPECT_EQ(find(reset).page, test_end);
    EXPECT_EQ(find("EBX=00000007\r\nESI=012c0000").pass, 7U);
    ram.word(GUEST_INFO_WOKEN) = 7;
    EXPECT_THROW(find(reset), qtest::TestFailure); // a reset that no waking explains
    ram.word(GUEST_INFO_SUSPENDED) = ram.word(GUEST_INFO_WOKEN) = 0;
    EXPECT_THROW(find(reset), qtest::TestFailure);
}

TEST(GuestImage, TellsTheGuestWhatItIsAskedFor)
{
    const auto plain = guest::x86_image();
    auto asked = guest::x86_image({.suspend_after_pass = 0x01020304});
    for (std::uint8_t byte = 0; byte < 4; byte++)
        EXPECT_EQ(std::exchange(asked[GUEST_ROM_SUSPEND_AFTER + byte], 0), 4 - byte);
    EXPECT_EQ(asked, plain);
}

TEST(GuestPosition, IsReadFromTheRegisters)
{
    const auto parse = [](const char* ebx, const char* esi) {
        return guest::parse_position(std::string("\r\nCPU#0\r\nEAX=00000000 EBX=") + ebx +
                                     " ECX=00000000 EDX=00000000\r\nESI=" + esi + " EDI=0\r\n");
    };
    EXPECT_EQ(parse("0000000a", "00123000").pass, 10U);
    EXPECT_EQ(parse("0000000a", "00123000").page, 0x123000U);
    // Between two passes: the parity tells which of the two is complete.
    EXPECT_EQ(parse("0000000a", "00000000").pass, 10U);
    EXPECT_EQ(parse("0000000b", "00000000").pass, 10U);
    EXPECT_EQ(parse("0000000b", "00000001").pass, 11U);
    EXPECT_THROW(parse("00000000", "00123000"), qtest::TestFailure); // still filling
    EXPECT_THROW(parse("00000001", "00000000"), qtest::TestFailure); // about to begin
    EXPECT_THROW(parse("00000001", "00123004"), qtest::TestFailure);
    EXPECT_THROW(guest::parse_position("RAX=0 RBX=0"), qtest::TestFailure);
}

} // namespace

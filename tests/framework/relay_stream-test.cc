// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finding and damaging pages in a stream made up here by a second telling of its format, split at every byte.
#include <functional>

#include <gtest/gtest.h>

#include "damage.h"
#include "errors.h"

namespace
{

using relay::Bytes;
using relay::Damage;
using relay::Damager;
using relay::Page;
using relay::PageRecord;
using relay::RamStream;
using relay::StreamByte;
using Kind = relay::Damage::Kind;
using Text = std::string;

constexpr std::size_t page_size = RamStream::page_size;

Text big_endian(std::uint64_t value, int size)
{
    Text text;
    while (size-- > 0)
        text += static_cast<char>(value >> (8 * size));
    return text;
}

Text name(const Text& text) { return big_endian(text.size(), 1) + text; }

Text page(char fill) { return Text(4096, fill); }

Text named(std::uint64_t offset, const Text& block, char fill)
{
    return big_endian(offset | 0x08, 8) + name(block) + page(fill);
}

Text same(std::uint64_t offset, char fill) { return big_endian(offset | 0x28, 8) + page(fill); }

Text file_header() { return big_endian(0x5145564d, 4) + big_endian(3, 4); }

/// Up to the end of the first RAM section, which lists the blocks.
Text beginning()
{
    return file_header() + Text("\x07", 1) + big_endian(6, 4) + "pc-7.2" + Text("\x08", 1) + big_endian(1, 2) +
           big_endian(3, 2) + "abc" + Text("\x01", 1) + big_endian(2, 4) + name("ram") + big_endian(0, 4) +
           big_endian(4, 4) + big_endian(0x5000 | 0x04, 8) + name("pc.ram") + big_endian(0x4000, 8) + name("rom") +
           big_endian(0x1000, 8) + big_endian(0x10, 8) + Text("\x7e", 1) + big_endian(2, 4);
}

Text part(const Text& records)
{
    return Text("\x02", 1) + big_endian(2, 4) + records + big_endian(0x10, 8) + Text("\x7e", 1) + big_endian(2, 4);
}

Text zero_page(std::uint64_t offset) { return big_endian(offset | 0x22, 8) + Text(1, '\0'); }

/// Then comes a device, in whose data RAM must not be seen.
Text devices()
{
    return Text("\x04", 1) + big_endian(7, 4) + name("timer") + big_endian(0, 4) + big_endian(2, 4) +
           named(0x2000, "pc.ram", 'd');
}

Text whole()
{
    return beginning() + part(named(0x1000, "pc.ram", 'a') + same(0x2000, 'b') + zero_page(0x3000)) +
           part(named(0, "rom", 'r') + named(0x2000, "pc.ram", 'c')) + devices();
}

Bytes bytes(const Text& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

/// What is left of it when it comes in two chunks.
Text damaged(const Damage& damage, const Text& stream, std::size_t split)
{
    Damager damager(damage);
    std::vector<std::uint8_t> out;
    if (damager.pass(bytes(stream).first(split), out) && damager.pass(bytes(stream).subspan(split), out))
        damager.end(out);
    return {out.begin(), out.end()};
}

/// At every byte, but for a page's content, where one place is as good as the next.
void expect_damaged(const Damage& damage, const Text& expected)
{
    const Text stream = whole();
    for (std::size_t split = 0; split <= stream.size();) {
        ASSERT_TRUE(damaged(damage, stream, split) == expected) << "split at " << split;
        split += stream.compare(split, 64, Text(64, stream[split])) == 0 ? 50 : 1;
    }
}

/// All records found, and that every byte came out again.
Text found(const Text& stream, std::size_t chunk)
{
    RamStream parser;
    Text out;
    Text records;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
        Bytes rest = bytes(stream).subspan(at, std::min(chunk, stream.size() - at));
        while (const auto piece = parser.next(rest)) {
            out.append(piece->bytes.begin(), piece->bytes.end());
            if (piece->kind == RamStream::Piece::Kind::header)
                records += parser.record().block + "@" + std::to_string(parser.record().offset >> 12) +
                           (parser.record().zero ? "z " : " ");
        }
    }
    out.append(parser.kept().begin(), parser.kept().end());
    EXPECT_TRUE(out == stream) << "the bytes that came out are not those that went in, chunk " << chunk;
    return records + parser.end();
}

TEST(RamStream, RecordsAreFoundInChunksOfAnySize)
{
    for (std::size_t chunk = 1; chunk <= whole().size(); chunk += chunk < 300 ? 1 : 511)
        ASSERT_EQ(found(whole(), chunk), "pc.ram@1 pc.ram@2 pc.ram@3z rom@0 pc.ram@2 a section of type 4 begins");
}

TEST(RamStream, AStreamMayEndAnywhere)
{
    for (std::size_t size = 0; size < whole().size(); size += size < 200 ? 1 : 97)
        found(whole().substr(0, size), 1000);
}

TEST(RamStream, WhatItDoesNotKnowIsForwarded)
{
    EXPECT_EQ(found("\x16\x03\x01\x02" + page('t'), 7),
              "it begins with 1603010274747474, which no migration stream does");
    EXPECT_EQ(found(beginning() + part(big_endian(0x1040, 8) + page('x')), 100), "a RAM record has flags 0x40");
    EXPECT_EQ(found(beginning() + Text("\x02", 1) + big_endian(9, 4) + page('x'), 100),
              "section 9, which is not RAM's, goes on");
    EXPECT_EQ(found(file_header() + "\x07\xff\xff\xff\xff" + page('x'), 100),
              "it has something 4294967299 bytes long outside RAM");
}

TEST(Damage, ABitIsFlippedInEachCopyOfThePage)
{
    Text expected = whole();
    for (const Text& copy : {same(0x2000, 'b'), named(0x2000, "pc.ram", 'c')}) {
        char& byte = expected[expected.find(copy) + copy.size() - page_size + 4095];
        byte = static_cast<char>(byte ^ 0x10);
    }
    expect_damaged({.kind = Kind::flip_bit, .place = Page{.offset = 0x2000}, .byte = 4095, .bit = 4}, expected);
}

TEST(Damage, ABitIsFlippedInOneRecord)
{
    Text expected = whole();
    expected[expected.find(page('r'))] = 'r' ^ 1;
    expect_damaged({.kind = Kind::flip_bit, .place = PageRecord{4}}, expected);
}

TEST(Damage, ABitIsFlippedInOneByte)
{
    Text expected = whole();
    expected[100] = static_cast<char>(expected[100] ^ 0x80);
    expect_damaged({.kind = Kind::flip_bit, .place = StreamByte{100}, .bit = 7}, expected);
}

TEST(Damage, AfterADroppedPageTheNextOneNamesTheBlock)
{
    expect_damaged({.kind = Kind::drop, .place = Page{.offset = 0x1000}},
                   beginning() + part(named(0x2000, "pc.ram", 'b') + zero_page(0x3000)) +
                       part(named(0, "rom", 'r') + named(0x2000, "pc.ram", 'c')) + devices());
    expect_damaged({.kind = Kind::drop, .place = Page{.offset = 0x2000}},
                   beginning() + part(named(0x1000, "pc.ram", 'a') + zero_page(0x3000)) + part(named(0, "rom", 'r')) +
                       devices());
    expect_damaged({.kind = Kind::drop, .place = PageRecord{3}},
                   beginning() + part(named(0x1000, "pc.ram", 'a') + same(0x2000, 'b')) +
                       part(named(0, "rom", 'r') + named(0x2000, "pc.ram", 'c')) + devices());
}

TEST(Damage, TheFirstCopyIsSentAgain)
{
    Text expected = whole();
    expected.replace(expected.find(page('c')), page_size, page('b'));
    expect_damaged({.kind = Kind::repeat_old, .place = Page{.offset = 0x2000}}, expected);
}

TEST(Damage, TheStreamEndsBeforeThePagesContent)
{
    for (const Kind kind : {Kind::truncate, Kind::stall, Kind::reset}) {
        expect_damaged({.kind = kind, .place = Page{.offset = 0x2000}}, whole().substr(0, whole().find(page('b'))));
        expect_damaged({.kind = kind, .place = PageRecord{4}}, whole().substr(0, whole().find(page('r'))));
        expect_damaged({.kind = kind, .place = StreamByte{5000}}, whole().substr(0, 5000));
    }
}

TEST(Damage, WhatWasDoneIsTold)
{
    const auto told = [](const Damage& damage) {
        Damager damager(damage);
        std::vector<std::uint8_t> out;
        damager.pass(bytes(whole()), out);
        return std::to_string(damager.done()) + (damager.reached() ? " reached: " : ": ") + damager.text();
    };
    EXPECT_EQ(told({.kind = Kind::flip_bit, .place = Page{.offset = 0x2000}}),
              "2 reached: flip a bit at page 0x2000 of pc.ram: reached, done 2 times; 5 page records came, the last "
              "before a section of type 4 begins");
    EXPECT_EQ(told({.kind = Kind::flip_bit, .place = Page{.offset = 0x3000}}).substr(0, 10), "0 reached:"); // zero
    EXPECT_EQ(told({.kind = Kind::drop, .place = Page{.block = "rom", .offset = 0x1000}}).substr(0, 3), "0: ");
    EXPECT_EQ(told({.kind = Kind::repeat_old, .place = Page{.offset = 0x1000}}).substr(0, 10), "0 reached:");
    EXPECT_EQ(told({.kind = Kind::repeat_old, .place = Page{.offset = 0x2000}}).substr(0, 10), "1 reached:");
    EXPECT_EQ(told({.kind = Kind::stall, .place = StreamByte{1 << 20}}),
              "0: stall at byte 1048576: not reached, done 0 times; " + std::to_string(whole().size()) + " bytes came");
}

TEST(Damage, WhatCannotBeDoneIsRefused)
{
    for (const Damage& damage :
         {Damage{.kind = Kind::drop, .place = StreamByte{1}}, Damage{.kind = Kind::repeat_old, .place = StreamByte{1}},
          Damage{.kind = Kind::repeat_old, .place = PageRecord{1}},
          Damage{.kind = Kind::flip_bit, .place = PageRecord{1}, .byte = 4096},
          Damage{.kind = Kind::flip_bit, .place = PageRecord{1}, .bit = 8},
          Damage{.kind = Kind::flip_bit, .place = StreamByte{1}, .byte = 1}})
        EXPECT_THROW(Damager{damage}, qtest::UsageError);
}

} // namespace

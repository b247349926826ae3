// SPDX-License-Identifier: GPL-2.0-or-later
//
// The reader of migration streams: small ones made here, each rule of their framing broken once.
#include <array>
#include <filesystem>

#include <gtest/gtest.h>

#include "analyze_main.h"
#include "small_stream.h"
#include "tree.h"

namespace
{

using qtest::Json;
using small_stream::Builder;
using small_stream::page_size;
using stream::Analysis;
using stream::Malformed;

Analysis analyze(const std::string& bytes) { return stream::analyze(stream::Input(bytes)); }

/// Refused at that place for a reason that has this text in it.
void expect_malformed(const std::string& bytes, std::size_t position, const std::string& reason)
{
    try {
        analyze(bytes);
    } catch (const Malformed& error) {
        EXPECT_EQ(error.position(), position) << error.what();
        EXPECT_NE(error.reason().find(reason), std::string::npos) << error.what() << "\nexpected: " << reason;
        return;
    }
    ADD_FAILURE() << "well formed, but expected: " << reason;
}

std::string be(unsigned size, std::uint64_t value) { return Builder().be(size, value).bytes; }

/// The description with one text replaced by another, and the right length.
std::string redescribed(const Builder& from, const std::string& old_text, const std::string& new_text)
{
    std::string json = from.bytes.substr(from.at.at("description") + 5);
    json.replace(json.find(old_text), old_text.size(), new_text);
    Builder stream;
    stream.bytes = from.bytes.substr(0, from.at.at("description"));
    return stream.json(json).bytes;
}

TEST(Stream, TellsSectionsInOrder)
{
    const Builder stream = small_stream::plain();
    const Analysis analysis = analyze(stream.bytes);
    EXPECT_EQ(analysis.configuration.machine, "pc-9.9");
    std::vector<std::string> kinds;
    std::uint64_t next = 8;
    for (const Json& section : stream::to_json(analysis).at("sections").elements()) {
        kinds.push_back(section.at("kind").as_string());
        EXPECT_EQ(section.at("offset").as_uint(), kinds.back() == "description" ? next + 1 : next);
        next = section.at("offset").as_uint() + section.at("size").as_uint();
    }
    EXPECT_EQ(kinds,
              (std::vector<std::string>{"configuration", "start", "part", "end", "command", "full", "description"}));
    EXPECT_EQ(next, stream.bytes.size());
}

TEST(Stream, ReadsRamWithTheNewestPageAndZerosForTheRest)
{
    const Analysis analysis = analyze(small_stream::plain().bytes);
    const stream::RamBlock& ram = analysis.block("ram");
    EXPECT_EQ(ram.data_pages, 1U);
    EXPECT_EQ(ram.zero_pages, 2U);
    EXPECT_EQ(ram.unsent_pages(), 1U);
    EXPECT_EQ(ram.repeats, 1U);
    std::vector<std::uint8_t> bytes(2 * page_size, 1), expected(2 * page_size);
    std::fill(expected.begin(), expected.begin() + page_size - 10, 'x');
    expected[490] = '!';
    analysis.read_ram(ram, 10, bytes);
    EXPECT_EQ(bytes, expected);
    analysis.read_ram(analysis.block("rom"), 0, {bytes.data(), 1});
    EXPECT_EQ(bytes[0], 0xcc);
    EXPECT_THROW(analysis.read_ram(ram, 2 * page_size + 1, bytes), qtest::UsageError);
    EXPECT_THROW(analysis.block("no such"), qtest::UsageError);
    // What sha256sum says of 1024 times 'x', but for that '!', and 3072 zeros.
    std::uint64_t zeros = 4096;
    EXPECT_EQ(ram.sha256(*analysis.input, zeros).value(),
              "34d5a39087f76c77c612db3bf028ba4284e21aee8808c3d3c49712c6416e81a4");
    EXPECT_EQ(zeros, 1024U);
    EXPECT_FALSE(ram.sha256(*analysis.input, zeros));
}

TEST(Stream, OfAPageSentAgainTheNewestCounts)
{
    using stream::PageIndex;
    PageIndex index;
    constexpr std::uint64_t pages = 100'000, passes = 3; // enough for the index to be tidied up on the way
    for (std::uint64_t pass = 1; pass <= passes; pass++) {
        for (std::uint64_t page = pages; page-- > 0;)
            index.add((page + pass) % 2 ? PageIndex::Entry::filled(page, 7) : PageIndex::Entry::of(page, pass));
    }
    index.finish();
    ASSERT_EQ(index.entries().size(), pages);
    for (std::uint64_t page = 0; page < pages; page++) {
        const PageIndex::Entry entry = index.from(page)[0];
        ASSERT_EQ(entry.page, page);
        ASSERT_EQ(entry.is_fill(), page % 2 == 0);
        ASSERT_EQ(entry.is_fill() ? entry.fill_byte() : entry.file_offset(), entry.is_fill() ? 7 : passes);
    }
    EXPECT_TRUE(index.from(pages).empty());
}

TEST(Stream, ReadsMappedRamByItsBitmap)
{
    const Analysis plain = analyze(small_stream::plain().bytes), mapped = analyze(small_stream::mapped().bytes);
    EXPECT_TRUE(mapped.has_capability("mapped-ram"));
    EXPECT_EQ(mapped.block("ram").data_pages, 1U);
    EXPECT_EQ(mapped.block("ram").zero_pages, 2U);
    std::vector<std::uint8_t> bytes(3 * page_size - 1, 1), expected(3 * page_size - 1, 2);
    mapped.read_ram(mapped.block("ram"), 1, bytes);
    plain.read_ram(plain.block("ram"), 1, expected);
    EXPECT_EQ(bytes, expected);
}

TEST(Stream, SharedMemoryMayBeLeftOut)
{
    const Analysis mapped = analyze(small_stream::mapped(true).bytes);
    EXPECT_FALSE(mapped.block("ram").in_stream);
    EXPECT_EQ(mapped.block("ram").guest_address, 0x100000U);
    EXPECT_TRUE(stream::to_json(mapped).at("ram[0]/sha256").is_null());
    const Analysis plain = analyze(small_stream::plain({"x-ignore-shared"}).bytes);
    EXPECT_TRUE(plain.block("ram").in_stream);
    EXPECT_EQ(plain.block("rom").guest_address, 0xfff00000U);
}

TEST(Stream, DecodesFieldsByTheirTypes)
{
    const Analysis analysis = analyze(small_stream::plain().bytes);
    EXPECT_EQ(analysis.device("dev/nic").state, (Json{{"a", 200},
                                                      {"b", -2},
                                                      {"c", Json::array({1, 65535})},
                                                      {"t", 5},
                                                      {"d", "616263"},
                                                      {"s", Json{{"on", true}, {"p", nullptr}}},
                                                      {"dev/more", Json{{"e", std::uint64_t{0xffffffffffffffff}}}}}));
    EXPECT_EQ(stream::to_json(analysis).at("devices[0]/version"), Json(3));
    EXPECT_NE(stream::to_text(analysis).find("    c = [1, 65535 (0xffff)]\n"), std::string::npos);
    EXPECT_THROW(analysis.device("dev/nic", 1), qtest::UsageError);
}

TEST(Stream, AnOffsetSaysWhereItBegins)
{
    const std::string bytes = std::string(100, '\xff') + small_stream::plain().bytes;
    EXPECT_EQ(stream::analyze(stream::Input(bytes), {.offset = 100}).sections[0].offset, 108U);
    expect_malformed(bytes, 0, "no migration stream");
    EXPECT_THROW(stream::analyze(stream::Input(bytes), {.offset = bytes.size()}), Malformed);
    EXPECT_THROW(stream::analyze(stream::Input(bytes), {.offset = bytes.size() + 1}), Malformed);
}

TEST(Stream, CutShortAnywhereItIsMalformed)
{
    for (const Builder& stream : {small_stream::plain(), small_stream::plain({"x-ignore-shared"}),
                                  small_stream::mapped(), small_stream::mapped(true)}) {
        analyze(stream.bytes);
        for (std::size_t size = 0; size < stream.bytes.size(); size++) {
            try {
                analyze(stream.bytes.substr(0, size));
                ADD_FAILURE() << "well formed with " << size << " of " << stream.bytes.size() << " bytes";
            } catch (const Malformed& error) {
                EXPECT_LE(error.position(), size) << error.what();
                // Up to the first device nothing but the end can be wrong.
                if (size < stream.at.at("ram")) {
                    EXPECT_EQ(error.position(), size) << error.what();
                }
            }
        }
    }
}

TEST(StreamFraming, HeaderAndConfiguration)
{
    const Builder stream = small_stream::plain({"x-ignore-shared"});
    const std::size_t at = stream.at.at("configuration");
    expect_malformed("", 0, "the file is empty");
    expect_malformed("QEVN" + stream.bytes.substr(4), 0, "begins with 0x5145564e");
    expect_malformed("QEVM" + be(4, 2), 4, "stream version 2");
    expect_malformed(stream.with("configuration", 1, be(4, 0xffffffff)), at + 1, "a machine type of 4294967295");
    expect_malformed(stream.with("configuration", 5, "\x1b"), at + 5, "the byte 0x1b");
    expect_malformed(stream.with("page bits", 2, "X"), at + 12, "subsection 'Xonfiguration/target-page-bits'");
    const std::size_t bits = stream.at.at("page bits") + 36;
    expect_malformed(stream.with("page bits", 36, be(4, 12)), bits, "pages of 4096 bytes, by the description of 1024");
    expect_malformed(stream.with("page bits", 36, be(4, 64)), bits, "target_page_bits is 64");
    expect_malformed(stream.with("ram", 0, "\x07"), stream.at.at("ram"), "not the first section");
    expect_malformed(stream.with("ram", 0, "\x09"), stream.at.at("ram"), "unknown section type 0x09");
}

TEST(StreamFraming, SectionsAndFooters)
{
    const Builder stream = small_stream::plain();
    const auto& at = stream.at;
    expect_malformed(stream.with("footer", 0, "\x01"), at.at("footer"), "footer (0x7e); there is 0x01");
    expect_malformed(stream.with("footer", 1, be(4, 3)), at.at("footer") + 1, "section 2 names section 3");
    expect_malformed(stream.with("part footer", 1, be(4, 7)), at.at("part footer") + 1, "names section 7");
    expect_malformed(stream.with("device footer", 1, be(4, 2)), at.at("device footer") + 1, "names section 2");
    expect_malformed(stream.with("part", 1, be(4, 5)), at.at("part") + 1, "section 5, which was not started");
    expect_malformed(stream.with("part", 0, "\x03"), at.at("last") + 1, "section 2 (ram), which has ended");
    expect_malformed(stream.with("last", 0, "\x02"), at.at("end"), "section 2 (ram) has not ended");
    expect_malformed(stream.with("device", 1, be(4, 2)), at.at("device") + 1, "section id 2 is there twice");
    expect_malformed(stream.with("ram", 6, "rum"), at.at("ram") + 5, "'rum' (instance 0) is sent in parts");
    expect_malformed(stream.with("ram", 13, be(4, 3)), at.at("ram") + 13, "RAM of version 3");
    expect_malformed(stream.with("command", 1, be(2, 4)), at.at("command") + 1, "command 4");
    expect_malformed(stream.with("command", 3, be(2, 9)), at.at("command") + 3, "switchover-start has 9 bytes");
    expect_malformed(stream.bytes + "xy", stream.bytes.size(), "2 bytes after the end");
    std::string without = stream.bytes;
    without.erase(at.at("device"), at.at("end") - at.at("device"));
    expect_malformed(without, at.at("device") + 1, "device dev/nic (instance 0) is described, and is not");
    Builder again = stream;
    again.bytes.insert(at.at("end"), stream.bytes.substr(at.at("device"), at.at("end") - at.at("device")));
    expect_malformed(again.with("end", 1, be(4, 8)), at.at("end"), "dev/nic (instance 0) is there twice");
}

TEST(StreamFraming, Ram)
{
    const Builder stream = small_stream::plain();
    const auto& at = stream.at;
    const auto flags = [&](std::uint64_t word, const std::string& reason) {
        expect_malformed(stream.with("first page", 0, be(8, word)), at.at("first page"), reason);
    };
    flags(0x40, "xbzrle");
    flags(0x80, "hook");
    flags(0x100, "a compressed page");
    flags(0x01, "unknown RAM flags 0x1");
    flags(0x18, "unknown RAM flags 0x18");
    flags(page_size | 0x10, "has the address 0x400");
    flags(0x28, "there is none before");
    flags(0x04, "a second list of RAM blocks");
    flags(4 * page_size | 0x08, "page 0x1000 of RAM block ram, which has 0x1000 bytes");
    expect_malformed(stream.with("first page", 9, "rim"), at.at("first page") + 8, "RAM block 'rim'");
    const std::size_t size_at = at.at("block size");
    expect_malformed(stream.with("block size", 0, be(8, 100)), size_at, "RAM block 'ram' has a size of 0x64");
    expect_malformed(stream.with("block size", 0, be(8, 6 * page_size)), size_at, "only 0x1400 are left");
    expect_malformed(stream.with("blocks", 0, be(8, 6 * page_size | 4)), at.at("eos") + 1, "RAM block '' has a size");
    expect_malformed(stream.with("blocks", 0, be(8, 4 * page_size | 4)), at.at("second block"), "unknown RAM flags");
    expect_malformed(stream.with("second block", 1, "ram"), at.at("second block"), "RAM block 'ram' is there twice");
}

TEST(StreamFraming, MappedRam)
{
    const Builder stream = small_stream::mapped();
    const std::size_t at = stream.at.at("header");
    expect_malformed(stream.with("header", 0, be(4, 2)), at, "version 2; this reader knows 1");
    expect_malformed(stream.with("header", 4, be(8, 4096)), at + 4, "pages of 4096 bytes, the stream of 1024");
    expect_malformed(stream.with("header", 12, be(8, at)), at + 12, "the bitmap of RAM block ram");
    expect_malformed(stream.with("header", 12, be(8, ~0ULL)), at + 12, "the bitmap of RAM block ram");
    expect_malformed(stream.with("header", 20, be(8, at + 28)), at + 20, "the pages of RAM block ram");
    expect_malformed(stream.with("header", 20, be(8, ~0ULL - 4096)), at + 20, "the pages of RAM block ram");
    expect_malformed(stream.with("header", 12, be(8, 0) + be(8, 0)), at + 12, "the bitmap of RAM block ram");
    expect_malformed(stream.with("eos", 0, be(8, 8)), stream.at.at("eos"), "although capability mapped-ram is set");
}

TEST(StreamFraming, DeviceAndDescription)
{
    const Builder stream = small_stream::plain();
    const auto& at = stream.at;
    const std::size_t device = at.at("device"), fields = at.at("fields");
    expect_malformed(stream.with("device", 6, "X"), device, "Xev/nic (instance 0) is not in the description");
    expect_malformed(stream.with("device", 13, be(4, 1)), device, "dev/nic (instance 1) is not in the description");
    expect_malformed(stream.with("device", 17, be(4, 4)), fields - 4, "has version 4, by its description 3");
    expect_malformed(stream.with("struct", 1, "1"), at.at("struct") + 1, "dev/nic/s/p is a null pointer");
    expect_malformed(stream.with("subsection", 0, "\x04"), at.at("subsection"), "expected a subsection (0x05)");
    expect_malformed(stream.with("subsection", 2, "X"), at.at("subsection") + 1, "saw 'Xev/more'");
    expect_malformed(stream.with("subsection", 10, be(4, 9)), at.at("subsection") + 10, "has version 9");
    expect_malformed(redescribed(stream, R"("size": 3)", R"("size": 4)"), at.at("struct") + 2, "0x30, not 0x05");
    expect_malformed(redescribed(stream, R"(]}, "size": 2)", R"(]}, "size": 9)"), at.at("struct"),
                     "dev/nic/s has 2 bytes by its fields, 9 by its own description");
    const std::size_t json = at.at("description") + 5;
    expect_malformed(redescribed(stream, R"("uint8", "size": 1)", R"("uint8", "size": 2)"), json, "uint8 of 2 bytes");
    expect_malformed(redescribed(stream, R"("devices")", R"("devizes")"), json, "devices");
    expect_malformed(redescribed(stream, "1024", "1000"), json, "pages of 1000 bytes");
    expect_malformed(redescribed(stream, "\"a\"", "\"\\u001b\""), json, "no printable text");
    expect_malformed(redescribed(stream, "[", "[["), json, "no JSON");
    std::string none = stream.bytes.substr(0, at.at("description"));
    expect_malformed(none, fields, "does not end in a description");
    none.erase(device, at.at("end") - device);
    expect_malformed(none, device + 1, "the stream ends without a description");
    Builder late = stream;
    late.bytes.insert(at.at("description"), "xy\0", 3);
    expect_malformed(late.bytes, at.at("description"), "the description of its devices is at");
}

TEST(StreamBounds, WhatIsDeclaredIsNotAllocated)
{
    const Builder stream = small_stream::plain();
    // A TiB of RAM of which two pages are sent: told, not hashed.
    const std::uint64_t tib = std::uint64_t{1} << 40;
    std::string huge = stream.with("block size", 0, be(8, tib));
    huge.replace(stream.at.at("blocks"), 8, be(8, (tib + page_size) | 4));
    const Analysis analysis = analyze(huge);
    EXPECT_EQ(analysis.block("ram").size, tib);
    EXPECT_TRUE(stream::to_json(analysis).at("ram[0]/sha256").is_null());
    EXPECT_NE(stream::to_text(analysis).find("not computed"), std::string::npos);
    std::array<std::uint8_t, 4> end{1, 1, 1, 1};
    analysis.read_ram(analysis.block("ram"), tib - 4, end);
    EXPECT_EQ(end, (std::array<std::uint8_t, 4>{}));
    // Values of no size, in any number.
    const std::string many =
        redescribed(stream, R"({"name": "a", "type": "uint8", "size": 1})",
                    R"({"name": "a", "type": "uint8", "size": 1}, {"name": "z", "type": "buffer", )"
                    R"("size": 0, "array_len": 1000000000000})");
    expect_malformed(many, stream.at.at("fields") + 1, "more than 1000000 values");
    // A field larger than the file.
    expect_malformed(redescribed(stream, R"("size": 3)", R"("size": 60000000)"), stream.bytes.size() + 7,
                     "the file ends in dev/nic/d");
}

TEST(StreamVerb, RefusesWrongUsage)
{
    const auto refusal = [](const std::vector<std::string>& words) {
        try {
            stream::analyze_main(words);
        } catch (const qtest::EnvironmentError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_EQ(refusal({}), "analyze: no file is named (analyze --help)");
    EXPECT_EQ(refusal({"--jsn", "x"}), "analyze: unknown option --jsn");
    EXPECT_EQ(refusal({"a", "b"}), "analyze: one file at a time, not also b");
    EXPECT_EQ(refusal({"a", "--offset"}), "analyze: --offset names no number");
    EXPECT_EQ(refusal({"a", "--offset", "1x"}), "analyze: --offset 1x: a number of bytes");
    EXPECT_EQ(refusal({"/no/such"}), "cannot open /no/such: No such file or directory");
    EXPECT_EQ(refusal({"/"}), "/ is not a regular file");
    EXPECT_EQ(refusal({"/dev/zero"}), "/dev/zero is not a regular file");
}

} // namespace

// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "errors.h"
#include "line_splitter.h"

namespace
{

using qtest::LineSplitter;
using Lines = std::vector<std::string>;

/// Feeds `text` in pieces of `size` bytes, then ends it.
Lines split(const std::string& text, std::size_t size, std::size_t limit = 100)
{
    LineSplitter splitter(limit);
    Lines lines;
    const auto sink = [&](std::string_view line) { lines.emplace_back(line); };
    for (std::size_t i = 0; i < text.size(); i += size)
        splitter.feed(std::string_view(text).substr(i, size), sink);
    splitter.finish(sink);
    return lines;
}

TEST(LineSplitter, LinesAreTheSameHoweverTheStreamWasCut)
{
    const std::string text = "one\r\ntwo\n\nthree\rstill\nlast";
    const Lines expected{"one", "two", "", "three\rstill", "last"};
    for (std::size_t size = 1; size <= text.size(); size++)
        EXPECT_EQ(split(text, size), expected) << "in pieces of " << size;
}

TEST(LineSplitter, AnEmptyLastLineIsNone)
{
    EXPECT_EQ(split("one\n", 2), Lines{"one"});
    EXPECT_EQ(split("", 1), Lines{});
}

TEST(LineSplitter, ALineBeyondTheLimitThrowsBeforeItEnds)
{
    EXPECT_EQ(split(std::string(10, 'x') + "\n", 3, 10), Lines{std::string(10, 'x')});
    EXPECT_THROW(split(std::string(11, 'x') + "\n", 3, 10), qtest::ProtocolError);
    EXPECT_THROW(split(std::string(11, 'x') + "\n", 100, 10), qtest::ProtocolError);
    EXPECT_THROW(split(std::string(11, 'x'), 1, 10), qtest::ProtocolError);
}

} // namespace

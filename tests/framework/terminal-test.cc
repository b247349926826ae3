// SPDX-License-Identifier: GPL-2.0-or-later
//
// The report for people, on a pseudo terminal of a chosen width, in a pipe, and to a reader that does not read.
#include <sys/ioctl.h>

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>

#include "display_text.h"
#include "errors.h"
#include "live_line.h"
#include "made_up_run.h"
#include "output.h"
#include "unique_fd.h"

namespace
{

using harness::LiveLine;
using made_up::colo;
using made_up::failed;
using made_up::known;
using made_up::passed;
using made_up::skipped;
using made_up::tcp;
using namespace std::chrono_literals;

/// What has been written so far; waits for the first of it.
std::string read_from(int fd)
{
    std::string text;
    char bytes[4096];
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, text.empty() ? 20'000 : 0) > 0) {
        const ssize_t size = ::read(fd, bytes, sizeof bytes);
        if (size <= 0)
            break;
        text.append(bytes, static_cast<std::size_t>(size));
    }
    return text;
}

class TerminalTest : public testing::Test
{
  protected:
    explicit TerminalTest(unsigned short width = 80)
    {
        int ours, theirs;
        if (openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0)
            throw qtest::EnvironmentError("no pseudo terminal");
        terminal_.reset(ours);
        program_.reset(theirs);
        resize(width);
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
    }

    void resize(unsigned short width)
    {
        const winsize size{.ws_row = 24, .ws_col = width, .ws_xpixel = 0, .ws_ypixel = 0};
        ioctl(program_.get(), TIOCSWINSZ, &size);
    }

    /// What the reporter writes because of `drive`.
    template <class Drive>
    std::string report(Drive drive)
    {
        harness::Output output(program_.get());
        const auto reporter = harness::make_text_reporter(output);
        drive(*reporter);
        output.finish();
        return read_from(terminal_.get());
    }
    std::string report_of(const harness::Outcome& outcome, const harness::CaseInfo& info = colo)
    {
        return report([&](harness::Reporter& reporter) {
            reporter.begin(made_up::facts(1));
            reporter.started({info, 1});
            reporter.finished({info, 1}, outcome);
            reporter.end({});
        });
    }

    qtest::UniqueFd terminal_;
    qtest::UniqueFd program_;
};

TEST_F(TerminalTest, ACaseIsALineAndAFailureIsToldInFull)
{
    harness::Outcome bad = failed("expected a\nsaw b");
    bad.details = {{"phase", "migrate"}, {"source", {{"run state", "paused"}}}};
    bad.evidence = "/evidence/here";
    const std::string text = report_of(bad);
    EXPECT_NE(text.find("[1/1] \x1b[31mFAILED \x1b[m   1.50 s  /migration/colo/plain\r\n    expected a\r\n    saw b\r\n"
                        "    phase: migrate\r\n    source:\r\n      run state: paused\r\n"
                        "    evidence: /evidence/here\r\n"),
              std::string::npos)
        << text;
}

TEST_F(TerminalTest, TheLiveLineSaysWhatRuns)
{
    const std::string text = report([](harness::Reporter& reporter) {
        reporter.begin(made_up::facts(2));
        reporter.finished({colo, 1}, skipped("no"));
        reporter.finished({tcp, 1}, passed());
        // The same case twice at once.
        reporter.started({colo, 2});
        reporter.started({colo, 3});
        reporter.phase({colo, 3}, "checkpoint");
        reporter.finished({colo, 2}, passed());
    });
    EXPECT_NE(text.find("\r\x1b[J"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("[3/2] 1 skipped 0:00 /migration/colo/plain#3: checkpoint")) << text;
}

TEST_F(TerminalTest, TimePassesOnTheLiveLineWithoutAnEvent)
{
    harness::Output output(program_.get());
    const auto reporter = harness::make_text_reporter(output);
    reporter->begin(made_up::facts(2));
    reporter->started({colo, 1});
    std::string text;
    while (!text.ends_with("/migration/colo/plain: start")) // in how many pieces it comes, nobody knows
        text += read_from(terminal_.get());
    reporter->tick();
    EXPECT_TRUE(read_from(terminal_.get()).starts_with("\r\x1b[J[0/2] 0:0"));
}

TEST_F(TerminalTest, NoColourWhereItIsNotWanted)
{
    EXPECT_NE(report_of(passed()).find("\x1b[32mok"), std::string::npos);
    setenv("NO_COLOR", "1", 1);
    const std::string plain = report_of(passed());
    EXPECT_EQ(plain.find("\x1b[3"), std::string::npos) << plain;
    EXPECT_NE(plain.find("\r\x1b[J"), std::string::npos) << plain; // the live line all the same
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    const std::string dumb = report_of(passed());
    EXPECT_EQ(dumb.find('\x1b'), std::string::npos) << dumb;
    EXPECT_NE(dumb.find("ok        1.50 s  /migration/colo/plain"), std::string::npos) << dumb;
}

TEST_F(TerminalTest, InAPipeThereIsNothingForATerminal)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    terminal_.reset(ends[0]);
    program_.reset(ends[1]);
    const std::string reason(300, 'r');
    const std::string text = report_of(skipped(reason));
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_NE(text.find("/migration/colo/plain: " + reason + "\n"), std::string::npos) << text;
}

TEST_F(TerminalTest, NoLineIsWiderThanTheTerminal)
{
    const harness::CaseInfo deep{
        .path = "/migration/a/very/long/path/that/fits/into/no/narrow/terminal/at/all/plain", .summary = "", .run = {}};
    for (const unsigned short width : {100, 60, 59, 40, 25, 20}) {
        resize(width);
        const std::string text = report([&](harness::Reporter& reporter) {
            reporter.begin(made_up::facts(1000));
            for (unsigned i = 1; i < 4; i++)
                reporter.started({deep, i});
            reporter.phase({deep, 1}, "a phase with \xe6\xbc\xa2\xe5\xad\x97 and more words than fit into it");
            reporter.finished({deep, 2}, skipped("words of many kinds that say why it was left out on this machine"));
            reporter.finished({deep, 3}, failed("words of many kinds that say what was seen, and \x1b[2J what not"));
            reporter.end({});
        });
        std::string line;
        const auto look = [&] {
            // A path stays whole where it is told in full.
            const bool is_one_word = line.find(' ', line.find_first_not_of(' ')) == std::string::npos;
            EXPECT_TRUE(is_one_word || harness::columns(line) <= width) << line << "\nin:\n" << text;
            line.clear();
        };
        for (std::size_t i = 0; i < text.size(); i++) {
            if (text[i] == '\r') {
                look();
            } else if (text[i] == '\x1b') {
                i = text.find_first_of("mJA", i);
                ASSERT_NE(i, std::string::npos);
            } else if (text[i] != '\n') {
                line += text[i];
            }
        }
        look();
        EXPECT_NE(text.find("plain"), std::string::npos);
        EXPECT_EQ(text.find("\x1b[2J"), std::string::npos);
    }
}

TEST_F(TerminalTest, ALineThatAResizeHasWrappedIsErasedWhole)
{
    const std::string text = report([&](harness::Reporter& reporter) {
        reporter.begin(made_up::facts(1));
        reporter.started({colo, 1});
        reporter.phase({colo, 1}, std::string(100, 'p'));
        resize(30);
        reporter.finished({colo, 1}, passed());
    });
    // At most 79 columns were drawn; they stand on three rows of 30 now.
    EXPECT_NE(text.find("\x1b[2A\r\x1b[J"), std::string::npos) << text;
}

TEST_F(TerminalTest, TheEndNamesTheFailedOnesAgain)
{
    const std::string text = report([](harness::Reporter& reporter) {
        reporter.begin(made_up::facts(0));
        reporter.finished({colo, 1}, failed("no"));
        reporter.finished({tcp, 1}, known(failed("no"), "bug"));
        reporter.end({.passed = 0, .failed = 1, .known_trouble = 1, .seconds = 2, .cut_short = "a case failed"});
    });
    EXPECT_NE(text.find("failed:\r\n  /migration/colo/plain\r\n1 failed as known trouble of this QEMU\r\n"
                        "not every case was run: a case failed\r\ntook 2.0 s\r\n0 passed, 1 failed, 0 skipped\r\n"),
              std::string::npos)
        << text;
}

LiveLine line_at(LiveLine::Clock::time_point begin)
{
    LiveLine line{.planned = 24, .finished = 6, .failed = 1, .skipped = 2, .begin = begin, .last_finish = begin + 60s};
    line.running = {{"/migration/precopy/tcp/plain", 1, "migrate", begin + 60s},
                    {"/migration/colo/multifd", 1, "checkpoint", begin + 100s}};
    return line;
}

TEST(LiveLineTest, WhatMattersMostStays)
{
    const LiveLine::Clock::time_point begin{1000s};
    const auto text = [&](std::size_t width) { return line_at(begin).text(width, begin + 102s); };
    EXPECT_EQ(text(120), "[6/24] 1 failed 2 skipped 1:42, ~2:18 left …/precopy/tcp/plain: migrate 0:42  "
                         "/migration/colo/multifd: checkpoint");
    EXPECT_EQ(text(79), "[6/24] 1 failed 2 skipped 1:42, ~2:18 left …/plain: migrat…  …/multifd: checkp…");
    EXPECT_EQ(text(70), "[6/24] 1 failed 2 skipped 1:42 …/plain: migrat…  …/multifd: checkpo…");
    EXPECT_EQ(text(39), "[6/24] 1 failed 1:42 …/plain: migr… +1");
    EXPECT_EQ(text(23), "6/24 1F 1:42 …/plain +1");
    EXPECT_EQ(text(9), "6/24 1F");
    EXPECT_EQ(text(3), "6/…");
    EXPECT_EQ(text(0), "");
}

TEST(LiveLineTest, WithoutATotalThereIsNoEstimate)
{
    const LiveLine::Clock::time_point begin{1000s};
    LiveLine line = line_at(begin);
    line.planned = 0;
    line.running.clear();
    EXPECT_EQ(line.text(79, begin + 3700s), "[6] 1 failed 2 skipped 1:01:40");
}

TEST(DisplayTextTest, NoByteIsObeyed)
{
    EXPECT_EQ(harness::printable("a\x1b[31m\x07\x7f\tb\xff\xc2\x9b\n\xe2\x80\xae"),
              "a\\x1b[31m\\x07\\x7f b\xef\xbf\xbd\\x9b\n\\u202e");
    EXPECT_EQ(harness::one_line("a\nb\r\n"), "a b\\x0d");
    EXPECT_EQ(harness::columns("\xe6\xbc\xa2 e\xcc\x81"), 4U); // a wide one, a space, one with an accent on it
    EXPECT_EQ(harness::clip_end("\xe6\xbc\xa2\xe6\xbc\xa2", 3), "\xe6\xbc\xa2…");
    EXPECT_EQ(harness::clip_start("/a/bc/def", 6), "…/def");
    EXPECT_EQ(harness::indented("  one two three", 2, 10), "    one\n    two\n    three\n");
}

TEST(OutputTest, AReaderThatDoesNotReadHoldsNobodyUpAndLosesNothing)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const qtest::UniqueFd ours(ends[0]);
    qtest::UniqueFd theirs(ends[1]);
    const std::string line = std::string(1023, 'x') + "\n";
    constexpr std::size_t lines = 1000; // more than any pipe holds
    std::string all;
    {
        harness::Output output(theirs.get());
        for (std::size_t i = 0; i < lines; i++)
            output.write(line); // would never return without a queue
        EXPECT_TRUE(output.is_behind());
        while (all.size() < lines * line.size()) {
            const std::string more = read_from(ours.get());
            ASSERT_FALSE(more.empty());
            all += more;
        }
        output.finish();
    }
    EXPECT_EQ(all.size(), lines * line.size());
}

TEST(OutputTest, WhatCouldNotBeWrittenIsToldAtTheEnd)
{
    const qtest::UniqueFd full(::open("/dev/full", O_WRONLY));
    harness::Output output(full.get());
    output.write("x");
    try {
        output.finish();
        FAIL() << "no error";
    } catch (const qtest::EnvironmentError& error) {
        EXPECT_STREQ(error.what(), "the report could not be written to stdout: No space left on device");
    }
}

TEST(OutputTest, AReaderThatIsGoneEndsNobody)
{
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const qtest::UniqueFd theirs(ends[1]);
    close(ends[0]);
    harness::Output output(theirs.get());
    output.write("x");
    EXPECT_THROW(output.finish(), qtest::EnvironmentError);
}

} // namespace

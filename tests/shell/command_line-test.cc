// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_line.h"

#include <gtest/gtest.h>

#include "errors.h"

namespace
{

using qtest::Json;

std::string message(const std::string& line) { return shell::message_of(line).dump(); }

TEST(CommandLine, ACommandAndItsArguments)
{
    EXPECT_EQ(message("query-status"), R"({"execute": "query-status"})");
    EXPECT_EQ(message("  stop  "), R"({"execute": "stop"})");
    EXPECT_EQ(message("migrate uri=tcp:127.0.0.1:4444"),
              R"({"arguments": {"uri": "tcp:127.0.0.1:4444"}, "execute": "migrate"})");
}

TEST(CommandLine, ValuesAreJsonWhereTheyCanBe)
{
    EXPECT_EQ(
        shell::message_of(R"(x a=1 b=true c=null d=18446744073709551615 e=[1,2] f='{"k": "v"}' g=1.5 h=1x i= j='"1"')")
            .at("arguments")
            .dump(),
        R"({"a": 1, "b": true, "c": null, "d": 18446744073709551615, "e": [1, 2], "f": {"k": "v"}, )"
        R"("g": 1.5, "h": "1x", "i": "", "j": "1"})");
}

TEST(CommandLine, DotsLeadIntoObjects)
{
    EXPECT_EQ(shell::message_of("blockdev-add driver=raw file.driver=null-co file.size=1").at("arguments").dump(),
              R"({"driver": "raw", "file": {"driver": "null-co", "size": 1}})");
    EXPECT_THROW(message("x a=1 a.b=2"), qtest::UsageError);
}

TEST(CommandLine, QuotesAreTheShells)
{
    EXPECT_EQ(message(R"(x id="a b=c")"), R"({"arguments": {"id": "a b=c"}, "execute": "x"})");
    EXPECT_THROW(message("x id=\"a"), qtest::UsageError);
}

TEST(CommandLine, OutOfBandAndTheHumanMonitor)
{
    EXPECT_EQ(message("exec-oob query-yank"), R"({"exec-oob": "query-yank"})");
    EXPECT_EQ(message("exec-oob yank instances='[]'"), R"({"arguments": {"instances": []}, "exec-oob": "yank"})");
    EXPECT_EQ(message("hmp  info  \"status\" a=b"),
              R"({"arguments": {"command-line": "info  \"status\" a=b"}, "execute": "human-monitor-command"})");
}

TEST(CommandLine, AWholeMessageIsTakenAsItIs)
{
    EXPECT_EQ(message(R"( {"execute": "x", "id": "mine"})"), R"({"execute": "x", "id": "mine"})");
    EXPECT_THROW(message("{\"executive\": 1}"), qtest::UsageError);
    EXPECT_THROW(message("{\"execute\": "), qtest::JsonError);
}

TEST(CommandLine, WhatIsNoArgumentIsRefused)
{
    EXPECT_THROW(message("x y"), qtest::UsageError);
    EXPECT_THROW(message("x =y"), qtest::UsageError);
    EXPECT_THROW(message("x a..b=1"), qtest::UsageError);
}

} // namespace

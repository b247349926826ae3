// SPDX-License-Identifier: GPL-2.0-or-later
//
// QmpClient against a peer made of a socket's other end, for what no real QEMU does on demand. What QEMU does is in
// machine-test.cc.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "failure_of.h"
#include "line_splitter.h"
#include "qmp_client.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Json;
using qtest::QmpClient;

constexpr const char* greeting = R"({"QMP": {"version": {"qemu": {}}, "capabilities": ["oob"]}})";
constexpr const char* stop_event = R"({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}})";

class QmpClientTest : public testing::Test
{
  protected:
    /// Begins a session; the peer has said `lines` before anything was read.
    void begin(const std::vector<std::string>& lines)
    {
        qtest::SocketPair pair;
        peer_ = std::move(pair.theirs);
        for (const std::string& line : lines)
            say(line);
        client_.start(std::move(pair.ours));
    }

    void say(const std::string& line) { say_raw(line + "\r\n"); }
    void say_raw(const std::string& bytes)
    {
        ASSERT_EQ(send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    }

    /// What the client has sent and the peer not yet read, as JSON.
    std::vector<Json> heard()
    {
        loop_.turn();
        std::string bytes(1 << 16, '\0');
        const ssize_t size = recv(peer_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        std::vector<Json> messages;
        qtest::LineSplitter(bytes.size())
            .feed(std::string_view(bytes).substr(0, size > 0 ? static_cast<std::size_t>(size) : 0),
                  [&](std::string_view line) { messages.push_back(Json::parse(line)); });
        return messages;
    }

    /// A session past its handshake.
    void run()
    {
        begin({greeting});
        const auto sent = heard();
        ASSERT_EQ(sent.size(), 1U);
        answer(sent[0], Json::object());
        client_.await_running(Deadline::in(5s));
    }

    void answer(const Json& command, const Json& value)
    {
        say(Json{{"return", value}, {"id", command.at("id")}}.dump());
    }

    qtest::Loop loop_;
    qtest::UniqueFd peer_;
    QmpClient client_{loop_, "the peer"};
};

TEST_F(QmpClientTest, NegotiatesOutOfBandWhenItIsOffered)
{
    begin({greeting});
    EXPECT_TRUE(
        heard().at(0).matches({{"execute", "qmp_capabilities"}, {"arguments", {{"enable", Json::array({"oob"})}}}}));
    EXPECT_TRUE(client_.out_of_band());
}

TEST_F(QmpClientTest, EventsAroundTheGreetingAreKeptAndTakenForNothingElse)
{
    begin({stop_event, greeting, stop_event});
    const auto sent = heard();
    ASSERT_EQ(sent.size(), 1U);
    say(stop_event);
    answer(sent[0], Json::object());
    client_.await_running(Deadline::in(5s));
    EXPECT_EQ(client_.events().count("STOP", {}, 0), 3U);
}

TEST_F(QmpClientTest, AHandshakeThatFailsIsReportedWithItsCause)
{
    begin({"{\"hello\": 1}"});
    EXPECT_EQ(failure_of([&] { client_.await_running(Deadline::in(5s)); }),
              R"(the peer: not a QMP greeting: {"hello": 1} while waiting for the greeting of the peer)");
    EXPECT_EQ(client_.runstate(), qtest::Runstate::disconnecting);
    client_.disconnect(Deadline::in(1s));
    EXPECT_EQ(client_.runstate(), qtest::Runstate::idle);
}

TEST_F(QmpClientTest, APeerWithoutGreetingTimesOut)
{
    begin({});
    EXPECT_EQ(failure_of([&] { client_.await_running(Deadline::in(100ms)); }),
              "awaited the greeting of the peer for 0.1 s");
}

TEST_F(QmpClientTest, RepliesAreFoundByIdNotByOrder)
{
    run();
    const auto slow = client_.send("slow");
    const auto fast = client_.send("fast", {}, {.out_of_band = true});
    const auto sent = heard();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].at("execute"), Json("slow"));
    EXPECT_EQ(sent[1].at("exec-oob"), Json("fast"));
    answer(sent[1], "fast's");
    answer(sent[0], "slow's");
    EXPECT_EQ(client_.result(slow, Deadline::in(5s)), Json("slow's"));
    EXPECT_EQ(client_.result(fast, Deadline::in(5s)), Json("fast's"));
}

TEST_F(QmpClientTest, AnErrorReplyKeepsClassAndDescription)
{
    run();
    const auto call = client_.send("x");
    const auto sent = heard();
    say(Json{{"error", {{"class", "CommandNotFound"}, {"desc", "no such thing"}}}, {"id", sent.at(0).at("id")}}.dump());
    try {
        client_.result(call, Deadline::in(5s));
        FAIL() << "an error reply passed for a result";
    } catch (const qtest::CommandError& error) {
        EXPECT_EQ(error.error_class(), "CommandNotFound");
        EXPECT_EQ(error.description(), "no such thing");
        EXPECT_STREQ(error.what(), "the peer refused x: CommandNotFound: no such thing");
    }
}

TEST_F(QmpClientTest, ALateReplyIsNotTakenForTheNextOne)
{
    run();
    const auto late = client_.send("late");
    const auto first = heard();
    EXPECT_EQ(failure_of([&] { client_.result(late, Deadline::in(50ms)); }),
              "awaited the peer's reply to late for 0.1 s");
    const auto next = client_.send("next");
    answer(first.at(0), "late's");
    answer(heard().at(0), "next's");
    EXPECT_EQ(client_.result(next, Deadline::in(5s)), Json("next's"));
}

TEST_F(QmpClientTest, AHangUpFailsEveryWaitAtOnce)
{
    run();
    const auto call = client_.send("x");
    ASSERT_EQ(heard().size(), 1U); // what is not read would make it a reset
    peer_.reset();
    EXPECT_EQ(failure_of([&] { client_.result(call, Deadline::in(1h)); }),
              "the peer: the peer hung up while waiting for the peer's reply to x");
    EXPECT_EQ(failure_of([&] { client_.wait_event("STOP", {}, 0, Deadline::in(1h)); }),
              "the peer: the peer hung up while waiting for event STOP of the peer");
    EXPECT_EQ(failure_of([&] { client_.send("y"); }), "the peer: the peer hung up");
}

TEST_F(QmpClientTest, ALastReplyWithoutLineEndIsDelivered)
{
    run();
    const auto call = client_.send("x");
    say_raw(Json{{"return", 1}, {"id", heard().at(0).at("id")}}.dump());
    peer_.reset();
    EXPECT_EQ(client_.result(call, Deadline::in(5s)), Json(1));
}

TEST_F(QmpClientTest, WhatIsNoMessageEndsTheSession)
{
    for (const char* line :
         {"garbage", "[]", "{\"return\": {}}", "{\"error\": {\"class\": \"x\", \"desc\": \"parse error\"}}"}) {
        run();
        const auto call = client_.send("x");
        say(line);
        EXPECT_THROW(client_.result(call, Deadline::in(5s)), qtest::ConnectionLost) << line;
        client_.disconnect(Deadline::in(1s));
    }
}

TEST_F(QmpClientTest, VerbsOutsideTheirStateAreRefused)
{
    EXPECT_EQ(failure_of([&] { client_.send("x"); }), "cannot execute x: the peer is idle");
    run();
    EXPECT_EQ(failure_of([&] { client_.start(qtest::SocketPair().ours); }),
              "cannot start a session: the peer is running");
}

TEST_F(QmpClientTest, AnEventWaitThatRunsOutShowsWhatCameInstead)
{
    run();
    const auto mark = client_.mark();
    say(stop_event);
    EXPECT_EQ(failure_of([&] { client_.wait_event("RESUME", {}, mark, Deadline::in(50ms)); }),
              "awaited event RESUME of the peer for 0.1 s; last seen: STOP");
}

TEST_F(QmpClientTest, AnOverlongLineEndsTheSession)
{
    qtest::SocketPair pair;
    begin({});
    const std::string chunk(1 << 16, 'x');
    const auto flood = loop_.watch(peer_.get(), G_IO_OUT, [&] {
        static_cast<void>(send(peer_.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    });
    const std::string text = failure_of([&] { client_.await_running(Deadline::in(60s)); });
    EXPECT_NE(text.find("a line of more than 10485760 bytes"), std::string::npos) << text;
}

} // namespace

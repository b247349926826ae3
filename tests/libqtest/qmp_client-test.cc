// SPDX-License-Identifier: GPL-2.0-or-later
//
// QmpClient against a fake server, for what no real QEMU does on demand. What QEMUs do is in qmp_qemu-test.cc.
#include <gtest/gtest.h>

#include "failure_of.h"
#include "fake_server.h"
#include "qmp_client.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Json;
using qtest::QmpClient;
using qtest::Runstate;

class QmpClientTest : public testing::Test
{
  protected:
    /// A session past its handshake.
    void run()
    {
        const auto connected = client_.connect_async(server_.client());
        server_.negotiate();
        connected.get(Deadline::in(10s));
    }

    /// Connects to a server that says these lines and, when told so, hangs up; expects that to fail.
    void connect_fails(const std::vector<std::string>& lines, bool hang_up, const std::string& text)
    {
        auto socket = server_.client();
        for (const std::string& line : lines)
            server_.say(line);
        if (hang_up)
            server_.hang_up();
        EXPECT_EQ(failure_of([&] { client_.connect(std::move(socket), Deadline::in(10s)); }), text);
        EXPECT_EQ(client_.runstate(), Runstate::idle);
    }

    /// Expects the operation to end in E now, and returns it.
    template <class E>
    E ends_in(const qtest::Op<Json>& op)
    {
        try {
            op.get(Deadline::in(10s));
        } catch (const E& error) {
            return error;
        } catch (const std::exception& error) {
            throw std::runtime_error(std::string("not the error expected: ") + error.what());
        }
        throw std::runtime_error("no error");
    }

    Json error_reply(const Json& command, const Json& error)
    {
        return Json{{"error", error}, {"id", command.at("id")}};
    }

    qtest::Loop loop_;
    FakeServer server_{loop_};
    QmpClient client_{loop_, "vm"};
};

// The handshake

using Negotiation = QmpClientTest;

TEST_F(Negotiation, EnablesOutOfBandWhenItIsOffered)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting);
    const Json command = server_.hear();
    EXPECT_TRUE(command.matches({{"execute", "qmp_capabilities"}, {"arguments", {{"enable", Json::array({"oob"})}}}}))
        << command.dump();
    EXPECT_EQ(client_.runstate(), Runstate::connecting);
    server_.answer(command, Json::object());
    connected.get(Deadline::in(10s));
    EXPECT_EQ(client_.runstate(), Runstate::running);
    EXPECT_TRUE(client_.out_of_band());
    EXPECT_EQ(client_.greeting(), Json::parse(server_.greeting));
}

TEST_F(Negotiation, DoesNotEnableWhatIsNotOffered)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting_without_oob);
    const Json command = server_.hear();
    EXPECT_EQ(command.at("arguments"), Json::object());
    server_.answer(command, Json::object());
    connected.get(Deadline::in(10s));
    EXPECT_FALSE(client_.out_of_band());
    EXPECT_EQ(failure_of([&] { client_.execute_oob("yank"); }), "vm did not negotiate out-of-band execution");
}

TEST_F(Negotiation, DoesNotEnableWhatIsNotWanted)
{
    QmpClient client(loop_, "vm", {.out_of_band = false});
    const auto connected = client.connect_async(server_.client());
    server_.say(server_.greeting);
    const Json command = server_.hear();
    EXPECT_EQ(command.at("arguments"), Json::object());
    server_.answer(command, Json::object());
    connected.get(Deadline::in(10s));
    EXPECT_FALSE(client.out_of_band());
}

TEST_F(Negotiation, IsLeftOutWhenNotWanted)
{
    QmpClient client(loop_, "vm", {.negotiate = false});
    const auto connected = client.connect_async(server_.client());
    EXPECT_FALSE(connected.done());
    server_.say(server_.greeting);
    connected.get(Deadline::in(10s));
    EXPECT_EQ(client.greeting(), Json::parse(server_.greeting));
    EXPECT_TRUE(server_.heard().empty());
}

TEST_F(Negotiation, NoGreetingIsAwaitedWhenNeitherIsWanted)
{
    QmpClient client(loop_, "vm", {.await_greeting = false, .negotiate = false});
    client.connect(server_.client(), Deadline::in(10s));
    EXPECT_EQ(client.runstate(), Runstate::running);
    EXPECT_TRUE(client.greeting().is_null());
    EXPECT_TRUE(server_.heard().empty());
}

TEST_F(Negotiation, EventsBeforeTheGreetingAndBeforeTheReplyAreKept)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.stop_event);
    server_.say(server_.greeting);
    server_.say(server_.stop_event);
    const Json command = server_.hear();
    server_.say(server_.stop_event);
    server_.answer(command, Json::object());
    connected.get(Deadline::in(10s));
    EXPECT_EQ(client_.events().count("STOP", {}, 0), 3U);
}

TEST_F(Negotiation, AGreetingThatIsNoneFails)
{
    const std::string phase = "Failed to establish session: ";
    connect_fails({}, true, phase + "the peer hung up");
    connect_fails({"garbage"}, false,
                  phase + "Failed to deserialize QMP message: no JSON: unexpected character at byte 0; raw bytes were: "
                          "'garbage'");
    connect_fails({"[1]"}, false, phase + "QMP message is not a JSON object: [1]");
    connect_fails({"{}"}, false, phase + "Did not understand Greeting: 'Greeting' object requires 'QMP' member: {}");
    connect_fails({R"({"QMP": 1})"}, false,
                  phase + R"(Did not understand Greeting: 'Greeting' member 'QMP' must be a JSON object: {"QMP": 1})");
    connect_fails({R"({"QMP": {"capabilities": []}})"}, false,
                  phase + "Did not understand Greeting: 'QMPGreeting' object requires 'version' member: "
                          R"({"QMP": {"capabilities": []}})");
    connect_fails({R"({"QMP": {"capabilities": {}, "version": {}}})"}, false,
                  phase + "Did not understand Greeting: 'QMPGreeting' member 'capabilities' must be a JSON array: "
                          R"({"QMP": {"capabilities": {}, "version": {}}})");
}

TEST_F(Negotiation, TheErrorKeepsItsRoot)
{
    auto socket = server_.client();
    server_.say("{}");
    try {
        client_.connect(std::move(socket), Deadline::in(10s));
        FAIL() << "no greeting, and no error";
    } catch (const qtest::ConnectError& error) {
        EXPECT_EQ(error.phase(), "Failed to establish session");
        EXPECT_THROW(std::rethrow_exception(error.root()), qtest::GreetingError);
    }
    const std::vector<Runstate> bad{Runstate::connecting, Runstate::disconnecting, Runstate::idle};
    EXPECT_EQ(client_.transitions(), bad);
}

TEST_F(Negotiation, ARefusedNegotiationFailsWithTheServersWords)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting);
    const Json reply = error_reply(server_.hear(), {{"class", "GenericError"}, {"desc", "not today"}});
    server_.say(reply);
    EXPECT_EQ(failure_of([&] { connected.get(Deadline::in(10s)); }),
              "Failed to establish session: Negotiation failed: " + reply.dump());
}

TEST_F(Negotiation, AHangUpAfterTheGreetingFails)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting);
    server_.hear();
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { connected.get(Deadline::in(10s)); }), "Failed to establish session: the peer hung up");
    EXPECT_EQ(client_.runstate(), Runstate::idle);
}

TEST_F(Negotiation, AFirstMessageThatEndsTheSessionFailsTheConnect)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting);
    const Json command = server_.hear();
    server_.say_raw(Json{{"return", Json::object()}, {"id", command.at("id")}}.dump() + "\r\ngarbage\r\n");
    EXPECT_THROW(connected.get(Deadline::in(10s)), qtest::ConnectError);
    const std::vector<Runstate> states{Runstate::connecting, Runstate::running, Runstate::disconnecting,
                                       Runstate::idle};
    EXPECT_EQ(client_.transitions(), states);
}

TEST_F(Negotiation, ADisconnectWhileTheGreetingIsAwaitedEndsTheConnect)
{
    const auto connected = client_.connect_async(server_.client());
    client_.disconnect();
    EXPECT_EQ(failure_of([&] { connected.get(Deadline::in(10s)); }),
              "Failed to establish session: disconnect() was called");
    EXPECT_EQ(client_.runstate(), Runstate::idle);
}

TEST_F(Negotiation, AServerThatDoesNotGreetTimesOut)
{
    EXPECT_EQ(failure_of([&] { client_.connect(server_.client(), Deadline::in(50ms)); }),
              "awaited the greeting of vm for 0.1 s");
    EXPECT_EQ(client_.runstate(), Runstate::idle);
    run(); // and nothing of it is left
}

// Routing

using Routing = QmpClientTest;

TEST_F(Routing, RepliesAreFoundByIdNotByOrder)
{
    run();
    const auto slow = client_.execute_async("slow");
    const auto fast = client_.execute_async("fast", {{"x", 1}}, {.out_of_band = true});
    const Json first = server_.hear();
    const Json second = server_.hear();
    EXPECT_EQ(first.at("execute"), Json("slow"));
    EXPECT_FALSE(first.has("arguments"));
    EXPECT_EQ(second.at("exec-oob"), Json("fast"));
    EXPECT_EQ(second.at("arguments"), (Json{{"x", 1}}));
    server_.answer(second, "fast's");
    server_.answer(first, "slow's");
    EXPECT_EQ(slow.get(Deadline::in(10s)), Json("slow's"));
    EXPECT_EQ(fast.get(Deadline::in(10s)), Json("fast's"));
}

TEST_F(Routing, AnErrorReplyKeepsBothMessages)
{
    run();
    const auto op = client_.execute_async("x");
    const Json command = server_.hear();
    const Json reply = error_reply(command, {{"class", "CommandNotFound"}, {"desc", "no such thing"}});
    server_.say(reply);
    const auto error = ends_in<qtest::ExecuteError>(op);
    EXPECT_EQ(error.error_class(), "CommandNotFound");
    EXPECT_EQ(error.description(), "no such thing");
    EXPECT_EQ(error.sent(), command);
    EXPECT_EQ(error.received(), reply);
    EXPECT_STREQ(error.what(), "vm refused x: CommandNotFound: no such thing");
}

TEST_F(Routing, AReplyThatIsNoneFailsItsCommandOnly)
{
    run();
    const std::vector<std::pair<Json, std::string>> replies{
        {Json::object(), "QMP reply is missing a 'error' or 'return' member: "},
        {Json{{"error", 1}}, "QMP error reply is malformed: 'ErrorResponse' member 'error' must be a JSON object: "},
        {Json{{"error", {{"desc", "d"}}}},
         "QMP error reply is malformed: 'ErrorInfo' object requires 'class' member: "},
        {Json{{"error", {{"class", "c"}, {"desc", 1}}}},
         "QMP error reply is malformed: 'ErrorInfo' member 'desc' must be a string: "}};
    for (auto [reply, text] : replies) {
        const auto op = client_.execute_async("x");
        const Json command = server_.hear();
        reply.set("id", command.at("id"));
        server_.say(reply);
        const auto error = ends_in<qtest::BadReplyError>(op);
        EXPECT_EQ(error.what(), text + reply.dump());
        EXPECT_EQ(error.sent(), command);
        EXPECT_EQ(error.received(), reply);
    }
    EXPECT_EQ(client_.runstate(), Runstate::running);
}

TEST_F(Routing, ALateReplyIsNotTakenForTheNextOne)
{
    run();
    std::vector<std::string> warnings;
    client_.logger().set_sink([&](const qtest::LogRecord& record) {
        if (record.level != qtest::LogLevel::debug)
            warnings.push_back(record.text);
    });
    const auto late = client_.execute_async("late");
    const Json first = server_.hear();
    EXPECT_EQ(failure_of([&] { late.get(Deadline::in(50ms)); }), "awaited vm's reply to late for 0.1 s");
    const auto next = client_.execute_async("next");
    server_.answer(first, "late's");
    server_.answer(server_.hear(), "next's");
    EXPECT_EQ(next.get(Deadline::in(10s)), Json("next's"));
    EXPECT_EQ(warnings, std::vector<std::string>{});
}

TEST_F(Routing, AReplyToNoCommandIsDroppedWithAWarning)
{
    run();
    std::vector<std::string> warnings;
    client_.logger().set_sink([&](const qtest::LogRecord& record) {
        if (record.level == qtest::LogLevel::warning || record.level == qtest::LogLevel::error)
            warnings.push_back(record.text);
    });
    const auto op = client_.execute_async("x");
    server_.say(R"({"return": 1, "id": "nobody's"})");
    server_.say(R"({"return": 2})");
    server_.say(R"({"return": 3, "id": 7})");
    server_.say(R"({"error": {"class": "c", "desc": "d"}, "id": "nobody's"})");
    server_.answer(server_.hear(), "x's");
    EXPECT_EQ(op.get(Deadline::in(10s)), Json("x's"));
    ASSERT_EQ(warnings.size(), 4U);
    EXPECT_EQ(warnings[0], R"(Unknown ID '"nobody's"', message dropped: {"id": "nobody's", "return": 1})");
    EXPECT_EQ(warnings[1], R"(Unknown ID 'None', message dropped: {"return": 2})");
}

TEST_F(Routing, AReplyBeforeItsCommandWasSentIsToNoCommand)
{
    run();
    for (int i = 0; i < 7; i++)
        client_.execute_async("x");
    const auto op = client_.raw_async({{"execute", "y"}, {"id", "mine"}});
    const auto heard = server_.heard();
    client_.logger().set_sink([](const qtest::LogRecord&) {});
    server_.say(R"({"return": "prophecy", "id": "mine"})");
    loop_.turn();
    EXPECT_FALSE(op.done());
    server_.answer(heard.at(0), 1);
    server_.answer(server_.hear(), "true");
    EXPECT_EQ(op.get(Deadline::in(10s)).at("return"), Json("true"));
}

TEST_F(Routing, AnErrorWithoutIdEndsTheSession)
{
    run();
    const auto op = client_.execute_async("x");
    server_.hear();
    server_.say(R"({"error": {"class": "GenericError", "desc": "JSON parse error"}})");
    const auto error = ends_in<qtest::ConnectionLost>(op);
    EXPECT_THROW(std::rethrow_exception(error.root()), qtest::ServerParseError);
    EXPECT_EQ(client_.runstate(), Runstate::disconnecting);
    EXPECT_THROW(client_.disconnect(), qtest::ConnectionLost);
}

TEST_F(Routing, AWholeMessageIsSentAsItIsButForTheId)
{
    run();
    const Json message{{"execute", "x"}, {"arguments", {{"a", 1}}}};
    const auto op = client_.execute_msg_async(message);
    const Json heard = server_.hear();
    EXPECT_TRUE(heard.matches(message));
    EXPECT_FALSE(message.has("id"));
    server_.answer(heard, 1);
    EXPECT_EQ(op.get(Deadline::in(10s)), Json(1));
    EXPECT_EQ(failure_of([&] {
                  client_.execute_msg_async({{"executive", "x"}});
              }),
              "Requires 'execute' or 'exec-oob' message");
}

TEST_F(Routing, ARawMessageGetsTheWholeReply)
{
    run();
    const auto op = client_.raw_async({{"execute", "x"}, {"id", "mine"}});
    const Json command = server_.hear();
    EXPECT_EQ(command.at("id"), Json("mine"));
    const Json reply = error_reply(command, {{"class", "c"}, {"desc", "d"}});
    server_.say(reply);
    EXPECT_EQ(op.get(Deadline::in(10s)), reply);
}

TEST_F(Routing, AnIdThatCannotBeIsRefused)
{
    run();
    client_.raw_async({{"execute", "x"}, {"id", "mine"}});
    EXPECT_EQ(failure_of([&] {
                  client_.raw_async({{"execute", "y"}, {"id", "mine"}});
              }),
              "ID 'mine' is in-use and cannot be used.");
    EXPECT_EQ(failure_of([&] { client_.raw_async({{"execute", "y"}, {"id", 5}}); }), "ID ('5') must be a string.");
    EXPECT_EQ(failure_of([&] {
                  client_.raw_async({{"execute", "y"}, {"id", "libqtest-1"}});
              }),
              "ID ('libqtest-1') must not start with 'libqtest-'.");
    server_.answer(server_.hear(), 1);
    loop_.turn();
    client_.raw_async({{"execute", "y"}, {"id", "mine"}}); // free again
    EXPECT_EQ(server_.hear().at("execute"), Json("y"));
}

TEST_F(Routing, IdsAreNotUsedAgainInTheNextSession)
{
    run();
    client_.execute_async("x");
    const Json first = server_.hear().at("id");
    client_.disconnect();
    run();
    client_.execute_async("x");
    EXPECT_NE(server_.hear().at("id"), first);
}

TEST_F(Routing, AtMostSevenInBandCommandsAreInFlight)
{
    run();
    std::vector<qtest::Op<Json>> ops;
    for (int i = 0; i < 20; i++)
        ops.push_back(client_.execute_async("c" + std::to_string(i)));
    std::vector<Json> heard = server_.heard();
    ASSERT_EQ(heard.size(), 7U);
    client_.execute_async("yank", {}, {.out_of_band = true});
    ASSERT_EQ(server_.heard().at(0).at("exec-oob"), Json("yank")); // overtakes them
    ops[15].cancel();                                              // never sent then
    for (int i = 0; i < 20; i++) {
        if (i == 15)
            continue;
        ASSERT_FALSE(heard.empty());
        EXPECT_EQ(heard[0].at("execute"), Json("c" + std::to_string(i)));
        server_.answer(heard[0], i);
        heard.erase(heard.begin());
        EXPECT_EQ(ops[static_cast<std::size_t>(i)].get(Deadline::in(10s)), Json(i));
        for (const Json& more : server_.heard())
            heard.push_back(more);
        EXPECT_LE(heard.size(), 7U);
    }
}

TEST_F(Routing, AnAbandonedCommandIsInFlightUntilItsReply)
{
    run();
    std::vector<qtest::Op<Json>> ops;
    for (int i = 0; i < 8; i++)
        ops.push_back(client_.execute_async("c" + std::to_string(i)));
    const auto heard = server_.heard();
    ops[0].cancel();
    EXPECT_TRUE(server_.heard().empty());
    server_.answer(heard[0], "late");
    EXPECT_EQ(server_.hear().at("execute"), Json("c7"));
}

TEST_F(Routing, CommandsWithDescriptorsGoOneAtATimeAndKeepTheirOrder)
{
    run();
    const auto descriptor = [] {
        std::vector<qtest::UniqueFd> fds;
        fds.push_back(qtest::SocketPair().ours);
        return fds;
    };
    client_.execute_async("a", {}, {.fds = descriptor()});
    client_.execute_async("b");
    const auto cancelled = client_.execute_async("c", {}, {.fds = descriptor()});
    client_.execute_async("d", {}, {.fds = descriptor()});
    client_.execute_async("e");
    client_.execute_async("yank", {}, {.out_of_band = true});
    const auto heard = server_.heard();
    ASSERT_EQ(heard.size(), 3U);
    EXPECT_EQ(heard[0].at("execute"), Json("a"));
    EXPECT_EQ(heard[1].at("execute"), Json("b"));
    EXPECT_EQ(heard[2].at("exec-oob"), Json("yank"));
    cancelled.cancel();
    server_.answer(heard[0], 1);
    EXPECT_EQ(server_.hear().at("execute"), Json("d"));
    EXPECT_EQ(server_.hear().at("execute"), Json("e"));
}

TEST_F(Routing, DescriptorsThatCannotTravelAreRefused)
{
    run();
    const auto send = [&](std::vector<qtest::UniqueFd> fds) {
        return failure_of([&] { client_.execute_async("getfd", {}, {.fds = std::move(fds)}); });
    };
    std::vector<qtest::UniqueFd> none;
    none.emplace_back();
    EXPECT_EQ(send(std::move(none)), "a descriptor to send is not open");
    std::vector<qtest::UniqueFd> many;
    for (int i = 0; i < 254; i++)
        many.emplace_back(dup(server_.fd()));
    EXPECT_EQ(send(std::move(many)), "254 descriptors are more than the 253 a message can carry");
    EXPECT_TRUE(server_.heard().empty());
}

TEST_F(Routing, HooksMayChangeWhatPasses)
{
    run();
    client_.on_outbound([](Json message) { return message.set("execute", "renamed"); });
    client_.on_inbound([](Json message) { return message.has("event") ? message : message.set("return", "changed"); });
    const auto op = client_.execute_async("x");
    const Json command = server_.hear();
    EXPECT_EQ(command.at("execute"), Json("renamed"));
    server_.answer(command, "original");
    EXPECT_EQ(op.get(Deadline::in(10s)), Json("changed"));
}

TEST_F(Routing, DescriptorsNeedAUnixSocket)
{
    client_.listen(qtest::Address::tcp("127.0.0.1", 0), Deadline::in(10s));
    server_.connect_tcp(client_.listening_at().port());
    const auto accepted = client_.accept_async();
    server_.negotiate();
    accepted.get(Deadline::in(10s));
    std::vector<qtest::UniqueFd> fds;
    fds.push_back(qtest::SocketPair().ours);
    EXPECT_EQ(failure_of([&] { client_.execute_async("getfd", {}, {.fds = std::move(fds)}); }),
              "Sending file descriptors requires a UNIX socket.");
}

TEST_F(Routing, VerbsOutsideTheirStateAreRefused)
{
    EXPECT_EQ(failure_of([&] { client_.execute_async("x"); }), "QmpClient is disconnected and idle.");
    const auto connected = client_.connect_async(server_.client());
    EXPECT_EQ(failure_of([&] { client_.execute_async("x"); }), "QmpClient is currently connecting.");
    connected.cancel();
    run();
    EXPECT_EQ(failure_of([&] { client_.connect_async(qtest::SocketPair().ours); }),
              "QmpClient is already connected and running.");
}

TEST_F(Routing, MessagesAreLogged)
{
    run();
    std::vector<std::string> texts;
    client_.logger().set_sink([&](const qtest::LogRecord& record) { texts.push_back(record.text); });
    const auto op = client_.execute_msg_async({{"execute", "x"}, {"id", "mine"}});
    server_.answer(server_.hear(), 1);
    op.get(Deadline::in(10s));
    EXPECT_EQ(texts, (std::vector<std::string>{"--> {\n  \"execute\": \"x\",\n  \"id\": \"mine\"\n}",
                                               "<-- {\n  \"id\": \"mine\",\n  \"return\": 1\n}"}));
}

// The stream

using Stream = QmpClientTest;

TEST_F(Stream, HoweverItIsCutItSaysTheSame)
{
    run();
    const auto first = client_.execute_async("x");
    const auto second = client_.execute_async("y");
    const Json x = server_.hear();
    const Json y = server_.hear();
    const std::string reply_to_x = Json{{"return", "x's"}, {"id", x.at("id")}}.dump() + "\r\n";
    const std::string reply_to_y = Json{{"return", "y's"}, {"id", y.at("id")}}.dump() + "\r\n";
    server_.say_raw(reply_to_x.substr(0, 10));
    loop_.turn();
    EXPECT_FALSE(first.done());
    server_.say_raw(reply_to_x.substr(10) + server_.stop_event + "\n" + reply_to_y);
    EXPECT_EQ(first.get(Deadline::in(10s)), Json("x's"));
    EXPECT_EQ(second.get(Deadline::in(10s)), Json("y's"));
    EXPECT_EQ(client_.events().all().size(), 1U);

    const auto third = client_.execute_async("z");
    server_.say_bytewise(Json{{"return", "z's"}, {"id", server_.hear().at("id")}}.dump() + "\r\n");
    EXPECT_EQ(third.get(Deadline::in(10s)), Json("z's"));
}

TEST_F(Stream, AHangUpAtAnyByteOfAReplyLosesItOrDeliversIt)
{
    for (std::size_t length = 0;; length++) {
        run();
        const auto op = client_.execute_async("x");
        const std::string reply = Json{{"return", "x's"}, {"id", server_.hear().at("id")}}.dump() + "\r\n";
        server_.say_raw(std::string_view(reply).substr(0, length));
        server_.hang_up();
        if (length + 2 >= reply.size()) { // the JSON is whole: the line's end may be missing
            EXPECT_EQ(op.get(Deadline::in(10s)), Json("x's"));
        } else {
            const auto error = ends_in<qtest::ConnectionLost>(op);
            const std::string text = error.what();
            EXPECT_TRUE(text.ends_with(" while waiting for vm's reply to x")) << text;
            EXPECT_TRUE(text.starts_with(length == 0 ? "vm: the peer hung up" : "vm: Failed to deserialize")) << text;
        }
        client_.close();
        if (length == reply.size())
            break;
    }
}

TEST_F(Stream, WhatIsNoMessageEndsTheSession)
{
    const std::vector<std::pair<std::string, std::string>> lines{
        {"garbage", "unexpected character at byte 0; raw bytes were: 'garbage'"},
        {"", "raw bytes were: ''"},
        {"[]", "vm: QMP message is not a JSON object: []"},
        {"{\"return\": \"\xff\"}", R"(raw bytes were: '{\"return\": \"\377\"}')"},
        {"{} {}", "unexpected character at byte 3"},
        {R"({"event": "STOP"})", "timestamp"}};
    for (const auto& [line, text] : lines) {
        run();
        const auto op = client_.execute_async("x");
        server_.hear();
        server_.say(line);
        const std::string failure = ends_in<qtest::ConnectionLost>(op).what();
        EXPECT_NE(failure.find(text), std::string::npos) << failure;
        EXPECT_THROW(client_.disconnect(), qtest::ConnectionLost);
    }
}

TEST_F(Stream, DeepNestingIsRead)
{
    run();
    const auto op = client_.execute_async("x");
    const std::string id = server_.hear().at("id").as_string();
    server_.say("{\"id\": \"" + id + "\", \"return\": " + std::string(1000, '[') + std::string(1000, ']') + "}");
    Json value = op.get(Deadline::in(10s));
    int depth = 1;
    for (; value.size() == 1; depth++)
        value = value.at("[0]");
    EXPECT_EQ(depth, 1000);
}

TEST_F(Stream, ALineOf11MBEndsTheSessionAndOneOf9IsRead)
{
    run();
    const auto fits = client_.execute_async("x");
    server_.answer(server_.hear(), std::string(9'000'000, 'x'));
    EXPECT_EQ(fits.get(Deadline::in(20s)).as_string().size(), 9'000'000U);
    const auto op = client_.execute_async("x");
    server_.answer(server_.hear(), std::string(11'000'000, 'x'));
    EXPECT_STREQ(ends_in<qtest::ConnectionLost>(op).what(),
                 "vm: a line of more than 10485760 bytes while waiting for vm's reply to x");
}

TEST_F(Stream, AResetFailsEveryWait)
{
    client_.listen(qtest::Address::tcp("127.0.0.1", 0), Deadline::in(10s));
    server_.connect_tcp(client_.listening_at().port());
    const auto accepted = client_.accept_async();
    server_.negotiate();
    accepted.get(Deadline::in(10s));
    const auto op = client_.execute_async("x");
    server_.hear();
    server_.reset();
    const auto error = ends_in<qtest::ConnectionLost>(op);
    EXPECT_THROW(std::rethrow_exception(error.root()), qtest::OsError) << error.what();
}

TEST_F(Stream, AServerThatStopsReadingHoldsNobodyUp)
{
    run();
    const Json much = std::string(4 << 20, 'x');
    const auto op = client_.execute_async("x", {{"much", much}});
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(50ms)); }), "awaited vm's reply to x for 0.1 s");
    EXPECT_THROW(client_.disconnect(Deadline::in(50ms)), qtest::NotFlushed);
    EXPECT_EQ(client_.runstate(), Runstate::idle);
}

// Loss

using Loss = QmpClientTest;

TEST_F(Loss, FailsEveryWaitAtOnceAndEveryLaterVerbTheSameWay)
{
    run();
    const auto op = client_.execute_async("x");
    const auto event = client_.wait_event_async("STOP", {}, 0);
    server_.hear();
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(1h)); }), "vm: the peer hung up while waiting for vm's reply to x");
    EXPECT_EQ(failure_of([&] { event.get(Deadline::in(1h)); }),
              "vm: the peer hung up while waiting for event STOP of vm");
    EXPECT_EQ(failure_of([&] { client_.execute("y", {}, 1h); }),
              "vm: the peer hung up while waiting for vm's reply to y");
    EXPECT_EQ(failure_of([&] { client_.wait_event("STOP", {}, 0, Deadline::in(1h)); }),
              "vm: the peer hung up while waiting for event STOP of vm");
    EXPECT_EQ(failure_of([&] { client_.disconnect(); }), "vm: the peer hung up");
    EXPECT_EQ(failure_of([&] { client_.execute("y"); }), "QmpClient is disconnected and idle.");
}

TEST_F(Loss, DisconnectingFailsWhatIsPending)
{
    run();
    const auto op = client_.execute_async("x");
    const auto event = client_.wait_event_async("STOP", {}, 0);
    client_.disconnect();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(1h)); }),
              "vm: disconnect() was called while waiting for vm's reply to x");
    EXPECT_THROW(event.get(Deadline::in(1h)), qtest::ConnectionLost);
}

TEST_F(Loss, AnAttemptThatFailsEndsTheWaitsMadeMeanwhile)
{
    const std::string waiting = " while waiting for event STOP of vm";
    auto connected = client_.connect_async(server_.client());
    auto event = client_.wait_event_async("STOP", {}, 0);
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { event.get(Deadline::in(10s)); }),
              "vm: Failed to establish session: the peer hung up" + waiting);
    EXPECT_THROW(connected.get(Deadline::in(10s)), qtest::ConnectError);

    connected = client_.connect_async(server_.client());
    event = client_.wait_event_async("STOP", {}, 0);
    connected.cancel();
    EXPECT_EQ(failure_of([&] { event.get(Deadline::in(10s)); }), "vm: the attempt was cancelled" + waiting);

    client_.listen(qtest::Address::tcp("127.0.0.1", 0), Deadline::in(10s));
    event = client_.wait_event_async("STOP", {}, 0);
    client_.disconnect();
    EXPECT_EQ(failure_of([&] { event.get(Deadline::in(10s)); }), "vm: disconnect() was called" + waiting);
}

TEST_F(Loss, DisconnectWaitsForTheCommandsHeldBack)
{
    run();
    for (int i = 0; i < 20; i++)
        client_.execute_async("c" + std::to_string(i));
    const auto ending = client_.disconnect_async(Deadline::in(10s));
    for (int i = 0; i < 20; i++) {
        EXPECT_FALSE(i < 7 && ending.done());
        const Json command = server_.hear();
        EXPECT_EQ(command.at("execute"), Json("c" + std::to_string(i)));
        server_.answer(command, i);
    }
    ending.get(Deadline::in(10s));

    run();
    for (int i = 0; i < 20; i++)
        client_.execute_async("x");
    EXPECT_EQ(failure_of([&] { client_.disconnect(Deadline::in(50ms)); }),
              "vm: not flushed: 13 messages were still waiting for their turn after 0.1 s");
}

TEST_F(Loss, TheLastReplyOfTheHandshakeWithoutLineEndBeforeTheHangUpIsNoSession)
{
    const auto connected = client_.connect_async(server_.client());
    server_.say(server_.greeting);
    server_.say_raw(Json{{"return", Json::object()}, {"id", server_.hear().at("id")}}.dump());
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { connected.get(Deadline::in(10s)); }), "Failed to establish session: the peer hung up");
    EXPECT_EQ(client_.runstate(), Runstate::idle);
}

TEST_F(Loss, AnExplanationThatDoesNotComeInTimeLeavesTheCauseInTheTimeout)
{
    client_.on_loss([](const std::string&, std::function<void(std::string)>) {});
    const auto connected = client_.connect_async(server_.client());
    server_.hang_up();
    EXPECT_EQ(failure_of([&] { connected.get(Deadline::in(50ms)); }),
              "awaited the greeting of vm for 0.1 s; last seen: the peer hung up");
}

TEST_F(Loss, AProcessKnownToHaveEndedEndsTheSession)
{
    run();
    const auto op = client_.execute_async("x");
    client_.peer_ended("its process ended");
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(1h)); }), "vm: its process ended while waiting for vm's reply to x");
}

TEST_F(Loss, AnExplanationReplacesTheCause)
{
    std::function<void(std::string)> explain;
    client_.on_loss([&](const std::string& cause, std::function<void(std::string)> explained) {
        EXPECT_EQ(cause, "the peer hung up");
        explain = std::move(explained);
    });
    run();
    const auto pending = client_.execute_async("x");
    server_.hear();
    server_.hang_up();
    loop_.until([&] { return explain != nullptr; }, Deadline::in(10s), "the loss");
    EXPECT_FALSE(pending.done());
    const auto late = client_.execute_async("y"); // lost already, and not yet explained
    const auto ending = client_.disconnect_async();
    EXPECT_FALSE(ending.done());
    explain("QEMU fell off the table");
    EXPECT_EQ(failure_of([&] { pending.get(Deadline::in(10s)); }),
              "QEMU fell off the table while waiting for vm's reply to x");
    EXPECT_EQ(failure_of([&] { late.get(Deadline::in(10s)); }),
              "QEMU fell off the table while waiting for vm's reply to y");
    EXPECT_EQ(failure_of([&] { ending.get(Deadline::in(10s)); }), "QEMU fell off the table");
    run();
    explain("too late to matter");
    EXPECT_EQ(client_.runstate(), Runstate::running);
}

TEST_F(Loss, NoExplanationIsNotAwaitedForEver)
{
    client_.on_loss([](const std::string&, std::function<void(std::string)>) {});
    run();
    const auto pending = client_.execute_async("x");
    server_.hear();
    server_.hang_up();
    loop_.until([&] { return client_.runstate() == Runstate::disconnecting; }, Deadline::in(10s), "the loss");
    EXPECT_EQ(failure_of([&] { client_.disconnect(Deadline::in(50ms)); }), "vm: the peer hung up");
    EXPECT_THROW(pending.get(Deadline::in(10s)), qtest::ConnectionLost);
}

TEST_F(Loss, AClientThatGoesFailsWhatIsPending)
{
    auto client = std::make_unique<QmpClient>(loop_, "doomed");
    const auto connected = client->connect_async(server_.client());
    server_.negotiate();
    connected.get(Deadline::in(10s));
    const auto op = client->execute_async("x");
    client.reset();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }), "doomed's reply to x was given up: its client is gone");
}

} // namespace

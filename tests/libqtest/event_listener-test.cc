// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "event_listener.h"
#include "failure_of.h"
#include "fake_server.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Event;
using qtest::EventListener;
using qtest::Json;

class EventListenerTest : public testing::Test
{
  protected:
    EventListenerTest()
    {
        const auto connected = client_.connect_async(server_.client());
        server_.negotiate();
        connected.get(Deadline::in(10s));
    }

    void tell(const std::string& name, const Json& data = {})
    {
        Json event{{"event", name}, {"timestamp", {{"seconds", 1}, {"microseconds", 0}}}};
        if (!data.is_null())
            event.set("data", data);
        server_.say(event);
    }
    void tell_all(const std::vector<std::string>& names)
    {
        for (const std::string& name : names)
            tell(name);
        loop_.turn();
    }
    static std::string names(const std::vector<Event>& events)
    {
        std::string text;
        for (const Event& event : events)
            text += event.name + " ";
        return text;
    }

    qtest::Loop loop_;
    FakeServer server_{loop_};
    qtest::QmpClient client_{loop_, "vm"};
};

TEST_F(EventListenerTest, GivesEveryEventOnceAndInOrder)
{
    EventListener all(client_);
    EventListener other(client_);
    tell_all({"A", "B", "A"});
    EXPECT_EQ(all.next(Deadline::in(10s)).name, "A");
    EXPECT_EQ(all.next(Deadline::in(10s)).name, "B");
    EXPECT_EQ(names(other.clear()), "A B A ");
    EXPECT_FALSE(all.empty());
    EXPECT_EQ(all.next(Deadline::in(10s)).name, "A");
    EXPECT_TRUE(all.empty());
}

TEST_F(EventListenerTest, WaitsForWhatHasNotCome)
{
    EventListener listener(client_, {"B"});
    const auto first = listener.next_async();
    const auto second = listener.next_async();
    tell_all({"A"});
    EXPECT_FALSE(first.done());
    tell("B", {{"n", 1}});
    tell("B", {{"n", 2}});
    EXPECT_EQ(second.get(Deadline::in(10s)).data.at("n"), Json(2));
    EXPECT_EQ(first.get(Deadline::in(10s)).data.at("n"), Json(1));
}

TEST_F(EventListenerTest, ACancelledWaitTakesNoEvent)
{
    EventListener listener(client_);
    listener.next_async().cancel();
    EXPECT_EQ(failure_of([&] { listener.next(Deadline::in(50ms)); }),
              "awaited an event for 0.1 s; last seen: no event since");
    tell_all({"A"});
    EXPECT_EQ(listener.next(Deadline::in(10s)).name, "A");
}

TEST_F(EventListenerTest, AcceptsByNameAndFilter)
{
    EventListener listener(client_, {"A", "B"}, [](const Event& event) { return event.data.has("good"); });
    tell("A");
    tell("A", {{"good", 1}});
    tell("C", {{"good", 2}});
    tell("B", {{"good", 3}});
    loop_.turn();
    EXPECT_EQ(names(listener.clear()), "A B ");
}

TEST_F(EventListenerTest, HearsOnlyWhatComesWhileItLives)
{
    tell_all({"BEFORE"});
    std::string heard;
    const auto hear = [&](const Event& event) {
        heard += event.name + " ";
        return true;
    };
    {
        EventListener listener(client_, {}, hear);
        tell_all({"DURING"});
        EXPECT_EQ(names(listener.history()), "DURING ");
    }
    tell_all({"AFTER"});
    EXPECT_EQ(heard, "DURING ");
    EXPECT_EQ(names(client_.events().all()), "BEFORE DURING AFTER ");
}

TEST_F(EventListenerTest, AWaitOutlivesItsListener)
{
    auto listener = std::make_unique<EventListener>(client_);
    const auto op = listener->next_async();
    listener.reset();
    tell_all({"A"});
    EXPECT_EQ(op.get(Deadline::in(10s)).name, "A");
}

TEST_F(EventListenerTest, HistoryStaysWhenCleared)
{
    EventListener listener(client_);
    tell_all({"A", "B"});
    listener.clear();
    EXPECT_TRUE(listener.empty());
    tell_all({"C"});
    EXPECT_EQ(names(listener.history()), "A B C ");
    EXPECT_EQ(names(listener.clear()), "C ");
}

TEST_F(EventListenerTest, IsWokenByTheLossOfTheConnectionAndTold)
{
    EventListener listener(client_, {"A", "B"});
    tell("A");
    loop_.turn();
    server_.hang_up();
    EXPECT_EQ(listener.next(Deadline::in(1h)).name, "A"); // came before the end
    EXPECT_EQ(failure_of([&] { listener.next(Deadline::in(1h)); }),
              "vm: the peer hung up while waiting for an event of A, B");
}

TEST_F(EventListenerTest, AFilterThatThrowsFailsItsCallerOnly)
{
    EventListener innocent(client_);
    EventListener listener(client_, {}, [](const Event& event) {
        if (event.name == "BAD")
            throw qtest::TestFailure("the filter's word");
        return true;
    });
    const auto op = listener.next_async();
    tell_all({"BAD", "GOOD"});
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(10s)); }), "the filter's word");
    EXPECT_EQ(listener.next(Deadline::in(10s)).name, "GOOD");
    EXPECT_EQ(names(innocent.clear()), "BAD GOOD ");
    EXPECT_EQ(client_.runstate(), qtest::Runstate::running);
}

TEST_F(EventListenerTest, AFilterMayEndTheSession)
{
    EventListener listener(client_, {}, [this](const Event&) {
        client_.close();
        return false;
    });
    const auto first = listener.next_async();
    const auto second = client_.wait_event_async("B", {}, client_.mark());
    tell_all({"A", "B"});
    EXPECT_THROW(first.get(Deadline::in(10s)), qtest::ConnectionLost);
    EXPECT_THROW(second.get(Deadline::in(10s)), qtest::ConnectionLost);
    EXPECT_EQ(client_.runstate(), qtest::Runstate::idle);
}

TEST_F(EventListenerTest, MarksTellOldFromNew)
{
    tell_all({"A", "B"});
    const auto mark = client_.mark();
    EXPECT_EQ(failure_of([&] { client_.wait_event("A", {}, mark, Deadline::in(50ms)); }),
              "awaited event A of vm for 0.1 s; last seen: no event since");
    tell("A", {{"n", 1}});
    EXPECT_EQ(failure_of([&] {
                  client_.wait_event("A", {{"n", 2}}, mark, Deadline::in(50ms));
              }),
              "awaited event A {\"n\": 2} of vm for 0.1 s; last seen: A {\"n\": 1}");
    EXPECT_EQ(client_.wait_event("A", {{"n", 1}}, mark, Deadline::in(10s)).number, 2U);
    EXPECT_EQ(client_.wait_event("B", {}, 0, Deadline::in(10s)).number, 1U); // consumed by nobody
}

TEST_F(EventListenerTest, OneEventEndsEveryWaitForIt)
{
    const auto first = client_.wait_event_async("A", {}, client_.mark());
    const auto second = client_.wait_event_async("A", {}, client_.mark());
    tell_all({"A"});
    EXPECT_EQ(first.get(Deadline::in(10s)).number, 0U);
    EXPECT_EQ(second.get(Deadline::in(10s)).number, 0U);
}

} // namespace

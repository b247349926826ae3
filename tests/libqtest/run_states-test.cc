// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_states.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace
{

using qtest::Json;

Json event(const char* name, int second, Json data = Json::object())
{
    return {{"event", name}, {"data", std::move(data)}, {"timestamp", {{"seconds", second}, {"microseconds", 500000}}}};
}

/// "running@2.5 …"
std::string text(const qtest::RunStates& states)
{
    std::string all;
    for (const auto& entry : states.all())
        all += fmt::format("{}{}@{}", all.empty() ? "" : " ", entry.state, entry.time);
    return all;
}

TEST(RunStates, ComeFromEvents)
{
    qtest::RunStates states(false, 1);
    states.received(event("RESUME", 2), 9);
    states.received(event("RESUME", 3), 9);
    states.received(event("STOP", 4), 9);
    states.received(event("RESUME", 5), 9);
    states.received(event("GUEST_PANICKED", 6, {{"action", "pause"}}), 9);
    states.received(event("STOP", 6), 9); // does not say less
    states.received(event("RESUME", 7), 9);
    states.received(event("GUEST_PANICKED", 8, {{"action", "run"}}), 9);
    states.received(event("SHUTDOWN", 8), 9);
    EXPECT_EQ(text(states),
              "prelaunch@1 running@2.5 stopped@4.5 running@5.5 guest-panicked@6.5 running@7.5 shutdown@8.5");
}

TEST(RunStates, ComeFromAnswersToQueryStatusAndNoOthers)
{
    qtest::RunStates states(true, 1);
    states.sent({{"execute", "query-status"}, {"id", "1"}});
    states.sent({{"execute", "query-migrate"}, {"id", "2"}});
    states.received({{"return", {{"status", "completed"}}}, {"id", "2"}}, 2);
    states.received({{"return", {{"status", "paused"}}}, {"id", "1"}}, 3);
    states.received({{"return", {{"status", "colo"}}}, {"id", "1"}}, 4); // nobody asked
    EXPECT_EQ(text(states), "inmigrate@1 paused@3");
}

TEST(RunStates, AnAnswerReadLateIsNoLaterThanTheEventBehindIt)
{
    qtest::RunStates states(false, 1);
    states.sent({{"execute", "query-status"}, {"id", "1"}});
    states.received({{"return", {{"status", "running"}}}, {"id", "1"}}, 9);
    states.received(event("STOP", 2), 9);
    EXPECT_EQ(text(states), "prelaunch@1 running@2.5 stopped@2.5");
}

} // namespace

// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "event_log.h"

namespace
{

using qtest::EventLog;
using qtest::Json;

Json event(const char* name, const Json& data = {})
{
    Json message{{"event", name}, {"timestamp", {{"seconds", 10}, {"microseconds", 500}}}};
    return data.is_null() ? message : message.set("data", data);
}

TEST(EventLog, AnEventBeforeTheMarkIsNotFound)
{
    EventLog log;
    log.add(event("STOP"));
    const auto mark = log.mark();
    EXPECT_EQ(log.find("STOP", {}, mark), nullptr);
    log.add(event("RESUME"));
    log.add(event("STOP"));
    ASSERT_NE(log.find("STOP", {}, mark), nullptr);
    EXPECT_EQ(log.find("STOP", {}, mark)->number, 2U);
    EXPECT_EQ(log.find("STOP", {}, 0)->number, 0U);
}

TEST(EventLog, FindingConsumesNothing)
{
    EventLog log;
    log.add(event("MIGRATION", {{"status", "setup"}}));
    log.add(event("MIGRATION", {{"status", "active"}}));
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(log.find("MIGRATION", {{"status", "active"}}, 0)->number, 1U);
    EXPECT_EQ(log.count("MIGRATION", {}, 0), 2U);
    EXPECT_EQ(log.count("MIGRATION", {}, 5), 0U);
}

TEST(EventLog, DataMayBeAbsentAndTheTimeMayNot)
{
    EventLog log;
    log.add(event("STOP"));
    EXPECT_EQ(log.all()[0].data, Json::object());
    EXPECT_EQ(log.all()[0].timestamp_us, 10'000'500);
    EXPECT_THROW(log.add({{"event", "STOP"}}), qtest::JsonError);
}

} // namespace

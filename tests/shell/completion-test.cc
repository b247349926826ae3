// SPDX-License-Identifier: GPL-2.0-or-later
#include "completion.h"

#include <gtest/gtest.h>

namespace
{

using Words = std::vector<std::string>;

const shell::Completion& completion()
{
    static const shell::Completion made(qtest::Json::parse(R"([
        {"name": "set-action", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
        {"name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "STOP", "meta-type": "event", "arg-type": "0"},
        {"name": "0", "meta-type": "object", "members": []},
        {"name": "1", "meta-type": "object", "members": [
            {"name": "reboot", "type": "2"}, {"name": "force", "type": "bool"}, {"name": "report", "type": "str"}]},
        {"name": "2", "meta-type": "enum", "values": ["none", "reset", "shutdown"]}
    ])"));
    return made;
}

TEST(Completion, CommandsFirst)
{
    EXPECT_EQ(completion().candidates("", "s"), (Words{"set-action", "stop"}));
    EXPECT_EQ(completion().candidates("exec-oob ", "q"), Words{"query-status"});
    EXPECT_EQ(completion().candidates("", "S"), Words{});
    EXPECT_EQ(completion().candidates("", "h"), Words{"hmp"});
}

TEST(Completion, ThenArgumentsThenTheirValues)
{
    EXPECT_EQ(completion().candidates("set-action ", ""), (Words{"force=", "reboot=", "report="}));
    EXPECT_EQ(completion().candidates("set-action force=true ", "re"), (Words{"reboot=", "report="}));
    EXPECT_EQ(completion().candidates("set-action ", "reboot="),
              (Words{"reboot=", "reboot=none", "reboot=reset", "reboot=shutdown"}));
    EXPECT_EQ(completion().candidates("set-action ", "force=t"), Words{"force=true"});
    EXPECT_EQ(completion().candidates("stop ", ""), Words{});
    EXPECT_EQ(completion().candidates("nonsense ", "x"), Words{});
}

TEST(Completion, ASchemaThatIsNoneIsRefused)
{
    EXPECT_THROW(shell::Completion(qtest::Json::parse(R"({"a": 1})")), qtest::JsonError);
    EXPECT_THROW(shell::Completion(qtest::Json::parse(R"([{"name": "a"}])")), qtest::JsonError);
}

} // namespace

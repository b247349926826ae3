// SPDX-License-Identifier: GPL-2.0-or-later
//
// The timeline of a real migration, as the VMs told it and as their transcripts have it.
#include <filesystem>

#include <gtest/gtest.h>

#include "errors.h"
#include "migration_pair.h"
#include "timeline.h"

namespace
{

namespace fs = std::filesystem;
using qtest::Json;

std::vector<std::string> states_of(const Json& vm)
{
    std::vector<std::string> states;
    for (const Json& state : vm.at("states").elements())
        states.push_back(state.at("state").as_string());
    return states;
}

std::vector<std::string> statuses_of(const Json& vm)
{
    std::vector<std::string> statuses;
    for (const Json& one : vm.at("events").elements()) {
        if (one.at("name") == Json("MIGRATION") && !(one.at("data/status") == Json("device")))
            statuses.push_back(one.at("data/status").as_string());
    }
    return statuses;
}

/// Times never go back, and none is before the VM was started.
void expect_in_order(const Json& vm)
{
    for (const char* list : {"states", "events"}) {
        double last = vm.at("started").as_double() - (std::string(list) == "events" ? 0.001 : 0);
        for (const Json& one : vm.at(list).elements()) {
            EXPECT_GE(one.at("time").as_double(), last) << one.dump();
            last = one.at("time").as_double();
        }
    }
}

TEST(Timeline, TellsWhereBothSidesOfAMigrationWere)
{
    std::string path = fs::temp_directory_path() / "timeline-test-XXXXXX";
    const fs::path directory = g_mkdtemp(path.data());
    {
        std::optional<harness::Setting> setting;
        try {
            setting = harness::Setting::from_environment({.machine = "pc"}, directory);
        } catch (const qtest::EnvironmentError& error) {
            fs::remove_all(directory);
            GTEST_SKIP() << error.what();
        }
        const harness::CaseInfo info{.path = "/timeline", .summary = "", .run = {}};
        std::vector<std::string> told;
        harness::Case test(info, *setting, directory, [&told](const char* kind, const std::string& name) {
            told.push_back(std::string(kind) + " " + name);
        });
        migration::MigrationPair pair(test, {});
        pair.converge();
        const auto marks = pair.migrate(pair.listen("tcp:127.0.0.1:0"));
        pair.expect_completed(marks);
        pair.expect_target_continues();
        test.mark("over");
        EXPECT_EQ(told.back(), "mark over");
        test.finish();

        const auto vms = harness::vm_timelines(test).elements();
        ASSERT_EQ(vms.size(), 2U);
        EXPECT_EQ(vms[0].at("name"), Json("source"));
        EXPECT_EQ(states_of(vms[0]),
                  (std::vector<std::string>{"prelaunch", "running", "stopped", "postmigrate", "shutdown"}));
        EXPECT_EQ(statuses_of(vms[0]), (std::vector<std::string>{"setup", "active", "completed"}));
        EXPECT_EQ(vms[1].at("name"), Json("target"));
        EXPECT_EQ(states_of(vms[1]),
                  (std::vector<std::string>{"inmigrate", "paused", "running", "stopped", "shutdown"}));
        EXPECT_EQ(statuses_of(vms[1]), (std::vector<std::string>{"setup", "active", "completed"}));
        const auto transcribed = harness::vm_timelines_from(directory).elements();
        ASSERT_EQ(transcribed.size(), 2U);
        for (std::size_t i = 0; i < 2; i++) {
            EXPECT_EQ(vms[i].at("exit"), Json("exited with status 0"));
            EXPECT_GT(vms[i].at("ended").as_double(), vms[i].at("started").as_double());
            expect_in_order(vms[i]);
            EXPECT_EQ(transcribed[i].at("name"), vms[i].at("name"));
            EXPECT_EQ(states_of(transcribed[i]), states_of(vms[i]));
            EXPECT_EQ(transcribed[i].at("events"), vms[i].at("events"));
        }
    }
    fs::remove_all(directory);
}

} // namespace

// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a run goes from its first case to its last, from outside: order, rounds, stops, signals, limits, listings.
#include <csignal>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "program_test.h"

namespace
{

class SchedulingTest : public ProgramTest
{
  protected:
    /// The paths of a TAP report's lines, in order, without "/broken/".
    static std::string order(const std::string& tap)
    {
        std::vector<std::string> names;
        for (std::size_t at = tap.find("ok "); at != std::string::npos; at = tap.find("ok ", at + 1)) {
            const std::size_t path = tap.find("/broken/", at);
            names.push_back(tap.substr(path + 8, tap.find_first_of(" \n", path) - path - 8));
        }
        return fmt::format("{}", fmt::join(names, " "));
    }

    /// A run of these, of which the first is known to run when this returns.
    std::unique_ptr<qtest::Process> start_and_await(const std::string& first, std::vector<std::string> arguments)
    {
        auto runner = start(program_of_cases, std::move(arguments));
        const auto look = loop_.after(5ms, [] {});
        loop_.until([&] { return !harness::find_processes(std::string("MIGRATION_TEST_PATH=") + first).empty(); },
                    Deadline::in(20s), "the process of " + first);
        return runner;
    }
    Run end(qtest::Process& runner)
    {
        const ExitStatus status = runner.wait(Deadline::in(60s), "the end of the program of cases");
        return {status, content_of(directory_ / "output")};
    }
};

TEST_F(SchedulingTest, OneAfterTheOtherAsRegisteredOrLongestFirstSeveralAtOnce)
{
    const std::vector<std::string> both{"-p", "/broken/nap", "-p", "/broken/pass"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.end(), both.begin(), both.end());
        return run(std::move(more));
    };
    EXPECT_EQ(order(with({"--tap", "-j1"}).output), "nap pass");
    // Times are known now; what takes longest is started first and ends last.
    EXPECT_EQ(order(with({"--tap", "-j2"}).output), "pass nap");
    const Json listed = Json::parse(with({"-l", "--json"}).output);
    EXPECT_GE(listed.at("[0]/last_s").as_double(), 0.5);
    EXPECT_LT(listed.at("[1]/last_s").as_double(), 0.5);
}

TEST_F(SchedulingTest, AfterAFailureFailFastStartsNothingMore)
{
    const Run failed = run({"--tap", "-j1", "--fail-fast", "-p", "/broken/fail", "-p", "/broken/pass"});
    EXPECT_EQ(failed.status, ExitStatus::exited(1));
    EXPECT_NE(failed.output.find("ok 2 - /broken/pass # SKIP not run: /broken/fail failed\n"), std::string::npos)
        << failed.output;
    expect_nothing_left();
}

TEST_F(SchedulingTest, UntilFailRepeatsUntilACaseFails)
{
    // It passes twice, then fails.
    const Run failed =
        run({"--tap", "-j1", "--until-fail", "-p", "/broken/third_time"}, {{"THIRD_TIME", directory_ / "times"}});
    EXPECT_EQ(failed.status, ExitStatus::exited(1)) << failed.output;
    EXPECT_EQ(order(failed.output), "third_time third_time third_time");
    EXPECT_NE(failed.output.find("\nnot ok 3 - "), std::string::npos) << failed.output;
    EXPECT_NE(failed.output.find("\n1..3\n"), std::string::npos) << failed.output;
    // What never runs never fails.
    for (const char* skipped : {"/broken/skip", "/broken/huge"})
        EXPECT_EQ(run({"--tap", "--until-fail", "-p", skipped}).status, ExitStatus::exited(77)) << skipped;
    EXPECT_EQ(run({"--tap", "--until-fail", "--shard", "2/2", "-p", "/broken/pass"}).status, ExitStatus::exited(0));
}

TEST_F(SchedulingTest, AShardHasItsPart)
{
    const std::vector<std::string> three{"--tap", "-p", "/broken/pass", "-p", "/broken/print", "-p", "/broken/nap"};
    const auto shard = [&](const char* option) {
        auto arguments = three;
        arguments.insert(arguments.end(), {"--shard", option});
        return order(run(std::move(arguments)).output);
    };
    EXPECT_EQ(shard("1/2"), "nap print");
    EXPECT_EQ(shard("2/2"), "pass");
    EXPECT_EQ(order(run(three, {{"CI_NODE_INDEX", "2"}, {"CI_NODE_TOTAL", "2"}}).output), "pass");
    const Run none = run({"--tap", "-p", "/broken/pass", "--shard", "2/2"});
    EXPECT_EQ(none.status, ExitStatus::exited(0)) << none.output;
    EXPECT_NE(none.output.find("\n1..0 # SKIP no case of this selection is in this shard\n"), std::string::npos)
        << none.output;
    expect_refused(run({"-p", "/broken/pass"}, {{"CI_NODE_INDEX", "3"}, {"CI_NODE_TOTAL", "2"}}), "CI_NODE_INDEX");
}

TEST_F(SchedulingTest, AShuffledOrderIsTheSeeds)
{
    const auto shuffled = [&](const char* seed) {
        return order(run({"--tap", "-j1", "--shuffle", "--seed", seed, "--repeat", "6", "-p", "/broken/pass", "-p",
                          "/broken/print"})
                         .output);
    };
    EXPECT_EQ(shuffled("1"), shuffled("1"));
    EXPECT_NE(shuffled("1"), shuffled("2"));
    EXPECT_TRUE(matches(run({"--tap", "--shuffle", "-p", "/broken/pass"}).output, "# .*--shuffle --seed [0-9]+"));
}

TEST_F(SchedulingTest, AnInterruptFinishesWhatRunsAndReportsTheRest)
{
    const auto runner = start_and_await("/broken/nap", {"--tap", "-j1", "-p", "/broken/nap", "-p", "/broken/pass"});
    runner->send_signal(SIGINT);
    const Run interrupted = end(*runner);
    EXPECT_EQ(interrupted.status, ExitStatus::exited(130)) << interrupted.output;
    EXPECT_NE(interrupted.output.find("\nok 1 - /broken/nap\n"), std::string::npos) << interrupted.output;
    EXPECT_NE(interrupted.output.find("\nok 2 - /broken/pass # SKIP not run: the run was interrupted\n"),
              std::string::npos)
        << interrupted.output;
    expect_nothing_left();
}

TEST_F(SchedulingTest, ASecondInterruptKillsAndReportsAllTheSame)
{
    const auto runner = start_and_await(
        "/broken/wait", {"--tap", "-j1", "--timeout-multiplier", "100", "-p", "/broken/pass", "-p", "/broken/wait"});
    runner->send_signal(SIGINT);
    const auto look = loop_.after(5ms, [] {});
    loop_.until([&] { return content_of(directory_ / "output").find("once more kills") != std::string::npos; },
                Deadline::in(20s), "the notice of the first interrupt");
    runner->send_signal(SIGINT);
    const Run killed = end(*runner);
    EXPECT_EQ(killed.status, ExitStatus::exited(130)) << killed.output;
    EXPECT_NE(killed.output.find("ok 2 - /broken/wait # SKIP the run was interrupted"), std::string::npos)
        << killed.output;
    expect_nothing_left();
}

TEST_F(SchedulingTest, ATerminatedRunKillsAndReports)
{
    const auto runner =
        start_and_await("/broken/wait", {"--tap", "-j1", "--timeout-multiplier", "100", "-p", "/broken/wait"});
    runner->send_signal(SIGTERM);
    const Run killed = end(*runner);
    EXPECT_EQ(killed.status, ExitStatus::exited(143)) << killed.output;
    EXPECT_NE(killed.output.find("ok 1 - /broken/wait # SKIP the run was interrupted"), std::string::npos)
        << killed.output;
    expect_nothing_left();
}

TEST_F(SchedulingTest, ACaseThatEndedInTimeIsNotBlamedForALateRunner)
{
    // Its deadline passes while the runner is stopped; so does its end.
    const auto runner = start_and_await("/broken/nap", {"--tap", "-p", "/broken/nap", "--timeout-multiplier", "0.05"});
    runner->send_signal(SIGSTOP);
    const auto look = loop_.after(5ms, [] {});
    loop_.until(
        [&] {
            // A zombie has no environment any more.
            return harness::find_processes("MIGRATION_TEST_PATH=/broken/nap").empty();
        },
        Deadline::in(20s), "the end of the case's process");
    const auto late = Deadline::in(4s);
    loop_.until([&] { return late.passed(); }, Deadline::in(20s), "the case's deadline");
    runner->send_signal(SIGCONT);
    const Run passed = end(*runner);
    EXPECT_EQ(passed.status, ExitStatus::exited(0)) << passed.output;
    EXPECT_NE(passed.output.find("\nok 1 - /broken/nap\n"), std::string::npos) << passed.output;
}

TEST_F(SchedulingTest, WhatNeedsMoreMemoryThanThereIsIsSkipped)
{
    const Run skipped = run_case("huge");
    EXPECT_EQ(skipped.status, ExitStatus::exited(77));
    EXPECT_TRUE(matches(skipped.output, "ok 1 - /broken/huge # SKIP needs 2000000000 MiB of memory; this machine has "
                                        "[0-9]+ MiB to give\n"))
        << skipped.output;
}

TEST_F(SchedulingTest, StressIsBesideTheRunAndEndsWithIt)
{
    const Run stressed = run({"--tap", "--stress", "2", "-p", "/broken/look_for_stress"});
    EXPECT_EQ(stressed.status, ExitStatus::exited(0)) << stressed.output;
    EXPECT_TRUE(matches(stressed.output, "# .*deadlines times [0-9.]+: calibration .* busy processes on "))
        << stressed.output;
    expect_nothing_left();
    EXPECT_EQ(run({"--tap", "-p", "/broken/look_for_stress"}).status, ExitStatus::exited(1));
}

TEST_F(SchedulingTest, ACaseThatFillsTheDiskIsEndedAndLeavesRoomForTheOthers)
{
    // A small disk of its own, which needs a mount; only a user who may not have one skips this.
    fs::create_directory(directory_ / "disk");
    const std::string script = "mount -t tmpfs -o size=64m none disk && TMPDIR=$PWD/disk " + program_of_cases +
                               " --tap -j2 -p /broken/fill_disk -p /broken/write_a_little --repeat 2";
    const auto runner = start("/usr/bin/unshare", {"--user", "--map-root-user", "--mount", "sh", "-c", script});
    const Run filled = end(*runner);
    if (filled.output.find("unshare:") != std::string::npos || filled.output.find("mount:") != std::string::npos)
        GTEST_SKIP() << filled.output;
    EXPECT_EQ(filled.status, ExitStatus::exited(1)) << filled.output;
    EXPECT_EQ(count(filled.output, "message: \"the case fills the disk and was killed: its scratch directory holds"),
              2U)
        << filled.output;
    EXPECT_EQ(count(filled.output, "\nok "), 2U) << filled.output;
}

TEST_F(SchedulingTest, AListingSaysWhatWouldBeSkippedAndWhy)
{
    const Json listed = Json::parse(run({"-l", "--json", "-p", "/broken/needs", "-p", "/broken/slow"}).output);
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed.at("[0]/path"), Json("/broken/needs"));
    EXPECT_EQ(listed.at("[0]/needs[0]"), Json("capability x-warp"));
    EXPECT_NE(listed.at("[0]/would_skip").as_string().find("has no capability x-warp"), std::string::npos);
    EXPECT_EQ(listed.at("[1]/tags[0]"), Json("slow"));
    EXPECT_TRUE(listed.at("[1]/would_skip").is_null());
    EXPECT_TRUE(listed.at("[1]/last_s").is_null());
    const std::string table = run({"-l", "--long", "-p", "/broken/needs"}).output;
    EXPECT_TRUE(matches(table, "\n/broken/needs +60 s +- +256 MiB  smoke needs; needs capability x-warp; SKIP: QEMU .* "
                               "has no capability x-warp\n"))
        << table;
    EXPECT_EQ(run({"-l", "-p", "/broken/slow"}).output, "/broken/slow\n");
    expect_refused(run({"--long"}), "--long, --ctest and --markdown: only with -l");
}

TEST_F(SchedulingTest, TimesThatCannotBeReadAreNotThrownAway)
{
    fs::create_directories(directory_ / "cache/migration-test");
    const fs::path file = directory_ / "cache/migration-test/times.json";
    for (const char* text : {"{", "[]", R"({"tcg": 3})", R"({"tcg": {"/x": "long"}})"}) {
        std::ofstream(file) << text;
        expect_refused(run({"-p", "/broken/pass"}), "times.json");
        EXPECT_EQ(content_of(file), text);
    }
}

TEST_F(SchedulingTest, TimesThatCannotBeKeptFailNothing)
{
    std::ofstream(directory_ / "cache") << "a file";
    const Run passed = run({"--tap", "-p", "/broken/pass"});
    EXPECT_EQ(passed.status, ExitStatus::exited(0));
    EXPECT_NE(passed.output.find("times are not recorded: "), std::string::npos) << passed.output;
}

TEST_F(SchedulingTest, ASkipFailsARunThatAllowsNone)
{
    EXPECT_EQ(run({"--tap", "--require-no-skip", "-p", "/broken/skip", "-p", "/broken/pass"}).status,
              ExitStatus::exited(1));
    EXPECT_EQ(run({"--tap", "--require-no-skip", "-p", "/broken/pass"}).status, ExitStatus::exited(0));
}

} // namespace

int main(int argc, char** argv) { return run_program_tests(argc, argv); }

// SPDX-License-Identifier: GPL-2.0-or-later
//
// The runner from outside: the program broken-cases is run as a user would run it.
#include <csignal>

#include "program_test.h"

namespace
{

using RunnerTest = ProgramTest;

TEST_F(RunnerTest, APassedCaseIsOkAndLeavesNothing)
{
    const Run passed = run_case("pass");
    EXPECT_EQ(passed.status, ExitStatus::exited(0));
    EXPECT_TRUE(matches(passed.output,
                        "^TAP version 14\n# QEMU .*\n1\\.\\.1\nok 1 - /broken/pass\n# 1 passed, 0 failed, 0 skipped, "
                        "0 known trouble, .* s\n$"))
        << passed.output;
    EXPECT_FALSE(fs::exists(directory_ / "evidence"));
    expect_nothing_left();
}

TEST_F(RunnerTest, KeepKeepsTheEvidenceOfAPassedCase)
{
    EXPECT_EQ(run({"--keep", "-p", "/broken/pass"}).status, ExitStatus::exited(0));
    EXPECT_FALSE(fs::is_empty(directory_ / "evidence"));
}

TEST_F(RunnerTest, AFailureSaysWhatWhereAndWhereToLook)
{
    const Run failed = run_case("fail");
    const Json report = failed_case(failed);
    EXPECT_NE(failed.output.find("not ok 1 - /broken/fail\n  ---\n"
                                 "  message: \"expected 'a' # not \\\"b\\\"\\nbut saw b\"\n"
                                 "  phase: \"look\"\n"),
              std::string::npos)
        << failed.output;
    EXPECT_EQ(report.at("case"), Json("/broken/fail"));
    EXPECT_EQ(report.at("details/phase"), Json("look"));
    EXPECT_TRUE(fs::exists(evidence_ / "reproduce.sh"));
    expect_nothing_left();
}

TEST_F(RunnerTest, AFailureReproducesWithTheScriptInItsEvidence)
{
    failed_case(run_case("fail"));
    // Wherever it runs, also where a CI shares the run between machines.
    const auto script = start(evidence_ / "reproduce.sh", {"--tap"}, {{"CI_NODE_INDEX", "2"}, {"CI_NODE_TOTAL", "2"}});
    EXPECT_EQ(script->wait(Deadline::in(60s), "the end of reproduce.sh"), ExitStatus::exited(1));
    EXPECT_NE(content_of(directory_ / "output").find("not ok 1 - /broken/fail"), std::string::npos);
}

TEST_F(RunnerTest, ASkippedCaseAloneExits77)
{
    const Run skipped = run_case("skip");
    EXPECT_EQ(skipped.status, ExitStatus::exited(77));
    EXPECT_NE(skipped.output.find("ok 1 - /broken/skip # SKIP needs a   moon\n"), std::string::npos) << skipped.output;
    EXPECT_EQ(run({"-p", "/broken/skip", "-p", "/broken/pass"}).status, ExitStatus::exited(0));
}

TEST_F(RunnerTest, AMissingNeedIsASkipThatNamesIt)
{
    const Run skipped = run_case("needs");
    EXPECT_EQ(skipped.status, ExitStatus::exited(77));
    EXPECT_TRUE(matches(skipped.output, "ok 1 - /broken/needs # SKIP QEMU [0-9.]+ has no capability x-warp\n"))
        << skipped.output;
}

TEST_F(RunnerTest, ACaseThatEndsItsProcessFailsAlone)
{
    const Run all =
        run({"--tap", "-p", "/broken/exit", "-p", "/broken/abort", "-p", "/broken/segv", "-p", "/broken/pass"});
    EXPECT_EQ(all.status, ExitStatus::exited(1));
    for (const char* part :
         {"the case's process exited with status 0 without reporting a result",
          "the case's process was killed by signal 6 (Aborted) without reporting a result",
          "the case's process was killed by signal 11 (Segmentation fault) without reporting a result",
          "ok 3 - /broken/pass"})
        EXPECT_NE(all.output.find(part), std::string::npos) << part << "\n" << all.output;
    expect_nothing_left();
}

TEST_F(RunnerTest, WhatACasePrintsIsNotTakenForTheReport)
{
    const Run printed = run_case("print");
    EXPECT_EQ(printed.status, ExitStatus::exited(0));
    EXPECT_EQ(printed.output.find("/broken/fail"), std::string::npos) << printed.output;
}

TEST_F(RunnerTest, AProcessLeftBehindIsEndedAndFailsTheCase)
{
    const Json report = failed_case(run_case("daemon"));
    EXPECT_TRUE(matches(report.at("reason").as_string(), "^the case left (a process|2 processes) behind"))
        << report.dump();
    expect_nothing_left();
}

TEST_F(RunnerTest, ACaseThatWaitsTooLongSaysWhatForAndKeepsTheVmsStates)
{
    const Json report = failed_case(run_case("wait"));
    EXPECT_TRUE(matches(report.at("reason").as_string(),
                        "^awaited what never comes when the case's deadline of [0-9.]+ s passed$"))
        << report.at("reason").dump();
    EXPECT_EQ(report.at("details/phase"), Json("hang"));
    EXPECT_EQ(report.at("details/source/run state"), Json("running"));
    EXPECT_EQ(report.at("details/target/run state"), Json("inmigrate"));
    expect_nothing_left();
}

TEST_F(RunnerTest, WhatNoVmAnswersIsToldAllTheSame)
{
    const Json report = failed_case(run_case("frozen"));
    EXPECT_TRUE(
        matches(report.at("reason").as_string(),
                "^awaited source's monitor's reply to query-status when the case's deadline of [0-9.]+ s passed$"))
        << report.at("reason").dump();
    EXPECT_EQ(report.at("details/phase"), Json("freeze"));
    for (const char* name : {"source", "target"})
        EXPECT_NE(report.at(std::string("details/") + name + "/run state").as_string().find("no answer"),
                  std::string::npos)
            << report.dump();
    expect_nothing_left();
}

TEST_F(RunnerTest, AReasonOfAnyBytesIsReported)
{
    const Run failed = run({"--tap", "-p", "/broken/bytes", "-p", "/broken/pass"});
    EXPECT_EQ(failed.status, ExitStatus::exited(1));
    EXPECT_NE(failed.output.find("message: \"seen \xef\xbf\xbd\xef\xbf\xbd and xxx"), std::string::npos);
    EXPECT_NE(failed.output.find("ok 2 - /broken/pass"), std::string::npos);
}

TEST_F(RunnerTest, AReportThatMakesNoSenseFailsItsCaseAlone)
{
    const Run failed = run({"--tap", "-p", "/broken/garbage", "-p", "/broken/pass"});
    EXPECT_EQ(failed.status, ExitStatus::exited(1)) << failed.output;
    EXPECT_NE(failed.output.find("the case's report cannot be read: no JSON"), std::string::npos) << failed.output;
    EXPECT_NE(failed.output.find("ok 2 - /broken/pass"), std::string::npos) << failed.output;
}

TEST_F(RunnerTest, ACaseThatEndsItsProcessIsQuoted)
{
    const Json report = failed_case(run_case("complaint"));
    EXPECT_EQ(
        report.at("reason"),
        Json("the case's process exited with status 3 without reporting a result; its last words: no more of this"));
}

TEST_F(RunnerTest, AReportThatCannotBeWrittenIsNoSuccess)
{
    const auto to_full_disk = start("/bin/sh", {"-c", program_of_cases + " --tap -p /broken/pass >/dev/full"});
    EXPECT_EQ(to_full_disk->wait(Deadline::in(60s), "the end of broken-cases"), ExitStatus::exited(2));
    EXPECT_EQ(count(content_of(directory_ / "output"), "\n"), 1U) << content_of(directory_ / "output");
}

TEST_F(RunnerTest, ACaseThatHearsNoSignalIsKilledAtItsDeadlineWithItsVms)
{
    const Json report = failed_case(run_case("busy"));
    EXPECT_TRUE(matches(report.at("reason").as_string(),
                        "^the case's process did not end by itself at its deadline of [0-9.]+ s and was killed$"))
        << report.at("reason").dump();
    expect_nothing_left();
}

TEST_F(RunnerTest, AQemuKilledInMidMigrationFailsTheCaseAtOnceWithEvidence)
{
    const Run failed = run_case("source_killed");
    const Json report = failed_case(failed);
    const std::string reason = report.at("reason").as_string();
    EXPECT_TRUE(reason.starts_with("source: QEMU was killed by signal 9 (Killed), which the case did not announce"))
        << reason;
    EXPECT_EQ(report.at("details/phase"), Json("migrate, held back"));
    EXPECT_EQ(report.at("details/source/exit"), Json("was killed by signal 9 (Killed)"));
    // The target may have noticed the loss of its stream by now, or not; either is told, and hides nothing.
    EXPECT_TRUE(report.find("details/target/exit") || report.find("details/target/migration")) << report.dump();
    // At once, not when the wait for the target ran out.
    const double begun = report.at("phases").elements().back().at("at").as_double();
    EXPECT_LT(report.at("seconds").as_double() - begun, 5);
    for (const char* name : {"source", "target"})
        for (const char* file : {".command-line", ".qmp.jsonl", ".console.log", ".stderr"})
            EXPECT_TRUE(fs::exists(evidence_ / (std::string(name) + file))) << name << file;
    EXPECT_NE(content_of(evidence_ / "source.qmp.jsonl").find("\"status\": \"active\""), std::string::npos);
    expect_nothing_left();
}

TEST_F(RunnerTest, AKilledRunnerLeavesNothing)
{
    const auto runner = start(program_of_cases, {"--tap", "-p", "/broken/wait"});
    // Until both VMs run: their consoles' logs are there.
    const auto running = [&] {
        std::size_t logs = 0;
        for (const auto& entry :
             fs::recursive_directory_iterator(directory_ / "tmp", fs::directory_options::skip_permission_denied))
            logs += entry.path().extension() == ".stderr" ? 1 : 0;
        return logs == 2;
    };
    const auto look = loop_.after(5ms, [] {});
    loop_.until(running, Deadline::in(20s), "two VMs");
    runner->send_signal(SIGKILL);
    EXPECT_EQ(runner->wait(Deadline::in(5s), "the end of the runner"), ExitStatus::signalled(SIGKILL));
    loop_.until([&] { return fs::is_empty(directory_ / "tmp"); }, Deadline::in(10s), "an empty directory");
    expect_nothing_left();
}

TEST_F(RunnerTest, TheProcessOfACaseIsAsItMayCountOn)
{
    const Run passed = run_case("look_at_own_process");
    EXPECT_EQ(passed.status, ExitStatus::exited(0)) << passed.output;
}

TEST_F(RunnerTest, WhatMakesTheCasesProcessesIsStartedAgainWhenACaseKillsOrStopsIt)
{
    for (const char* harm : {"/broken/kill_nursery", "/broken/stop_nursery"}) {
        const Run passed = run({"--tap", "-j1", "--timeout-multiplier", "0.2", "--repeat", "2", "-p", harm});
        EXPECT_EQ(passed.status, ExitStatus::exited(0)) << passed.output;
        EXPECT_NE(passed.output.find("the process that makes the cases' processes is gone or silent"),
                  std::string::npos)
            << passed.output;
        expect_nothing_left();
    }
}

TEST_F(RunnerTest, UnfitArgumentsAreRefusedInOneLine)
{
    expect_refused(run({"-p", "/broken/pas"}),
                   "no case at or below '/broken/pas'; did you mean /broken/pass, /broken/nap? (-l lists the cases)");
    expect_refused(run({"--no-such-option"}), "--no-such-option");
    expect_refused(run({"/broken/pass"}), "what is '/broken/pass'?");
    expect_refused(run({"-j", "0"}), "-j");
    expect_refused(run({"-m", "medium"}), "-m medium: quick or slow");
    expect_refused(run({"--accel", "abacus"}), "unknown accelerator 'abacus'");
    expect_refused(run({"--machine", "zx81"}), "has no machine type 'zx81'");
    expect_refused(run({"--machine", "none"}), "'none' cannot run a guest");
    expect_refused(run({"--tap", "--progress"}), "exclude each other");
    expect_refused(run({"--timeout-multiplier", "inf"}), "--timeout-multiplier");
    expect_refused(run({"--evidence", ""}), "--evidence");
    expect_refused(run({"-p", ""}), "-p and -s");
    expect_refused(run({"--junit", ""}), "--junit");
    expect_refused(run({"--junit", "x", "--json", "./x"}), "both name");
    expect_refused(run({"-l", "--json=x"}), "takes no file");
}

TEST_F(RunnerTest, ClosedStandardDescriptorsHurtNothing)
{
    const auto with = [&](const std::string& closed) {
        const auto runner = start("/bin/sh", {"-c", program_of_cases + " --tap -p /broken/pass " + closed});
        const ExitStatus status = runner->wait(Deadline::in(60s), "the end of broken-cases");
        return Run{status, content_of(directory_ / "output")};
    };
    for (const char* closed : {"<&-", "2>&-", "<&- 2>&-"}) {
        const Run passed = with(closed);
        EXPECT_EQ(passed.status, ExitStatus::exited(0)) << closed << passed.output;
        EXPECT_NE(passed.output.find("\nok 1 - /broken/pass\n"), std::string::npos) << closed << passed.output;
    }
    expect_refused(with(">&-"), "stdout is closed");
    expect_nothing_left();
}

TEST_F(RunnerTest, AnUnfitQemuIsRefusedInOneLine)
{
    const auto with = [&](const std::string& binary) {
        return run({"-p", "/broken/pass"}, {{"QTEST_QEMU_BINARY", binary}});
    };
    expect_refused(with("/no/such/qemu"), "/no/such/qemu: no such program (from QTEST_QEMU_BINARY)");
    expect_refused(with("/etc/passwd"), "/etc/passwd: is not an executable program");
    expect_refused(with("/usr"), "/usr: is a directory, not a QEMU");
    expect_refused(with("/bin/true"), "/bin/true is not usable as a QEMU");
    expect_refused(with("/bin/cat"), "/bin/cat is not usable as a QEMU");
}

TEST_F(RunnerTest, UnfitPlacesAndFilesAreRefusedInOneLine)
{
    expect_refused(run({"--evidence", "/proc/evidence"}), "/proc");
    expect_refused(run({"--evidence", "/etc/passwd"}), "/etc/passwd");
    expect_refused(run({"-p", "/broken/pass"}, {{"TMPDIR", "/no/such/directory"}}), "/no/such/directory");
    const fs::path deep = directory_ / std::string(90, 'd');
    fs::create_directory(deep);
    expect_refused(run({"-p", "/broken/pass"}, {{"TMPDIR", deep}}), "too long a path");
    expect_refused(run({"--known-trouble", "/no/such/file"}), "cannot read /no/such/file");
    const auto catalogue = [&](const char* text) {
        std::ofstream(directory_ / "trouble.json") << text;
        return run({"--known-trouble", "trouble.json"});
    };
    expect_refused(catalogue("{"), "trouble.json: no JSON");
    expect_refused(catalogue(R"({"entries": [{"cases": "/x", "what": "y"}]})"),
                   "trouble.json, entry 1: path 'reference'");
    expect_refused(catalogue(R"({"entries": [{"cases": "/x", "what": "y", "reference": "z", "since": "1"}]})"),
                   "unknown member 'since'");
    expect_refused(
        catalogue(R"({"entries": [{"cases": "/x", "what": "y", "reference": "z", "qemu": {"from": "ten"}}]})"),
        "'ten' is no version");
}

TEST_F(RunnerTest, KnownTroubleIsToDoWhenItFailsAndANoticeWhenItDoesNot)
{
    std::ofstream(directory_ / "trouble.json") << R"({"entries": [
        {"cases": "/broken/fail", "what": "cannot see", "reference": "here"},
        {"cases": "/broken/pass", "what": "cannot see", "reference": "here"},
        {"cases": "/broken/abort", "what": "another QEMU's", "reference": "there", "qemu": {"before": "2.0"}}]})";
    const Run known = run({"--tap", "--known-trouble", "trouble.json", "-p", "/broken/fail", "-p", "/broken/pass"});
    EXPECT_EQ(known.status, ExitStatus::exited(0)) << known.output;
    EXPECT_NE(known.output.find("not ok 1 - /broken/fail # TODO cannot see (here)\n"), std::string::npos)
        << known.output;
    EXPECT_NE(known.output.find("# /broken/pass passed although it is known to fail: cannot see (here)\n"),
              std::string::npos)
        << known.output;
    EXPECT_EQ(run({"--known-trouble", "trouble.json", "-p", "/broken/abort"}).status, ExitStatus::exited(1));
}

TEST_F(RunnerTest, SelectionFollowsPathsAndTags)
{
    const Run some = run({"--tap", "-p", "/x86_64/broken/pass", "-p=/broken/print", "-s", "/broken/print", "-j2"});
    EXPECT_NE(some.output.find("\n1..1\nok 1 - /broken/pass\n"), std::string::npos) << some.output;
    const Run listed = run({"-l"});
    EXPECT_EQ(listed.status, ExitStatus::exited(0));
    for (const char* path : {"/broken/abort\n", "/broken/pass\n", "/broken/slow\n"})
        EXPECT_NE(listed.output.find(path), std::string::npos) << listed.output;
    expect_refused(run({"-p", "/broken/slow/"}), "select no case"); // below it, not it
    EXPECT_EQ(run({"-p", "/broken/slow"}).status, ExitStatus::exited(0));
}

TEST_F(RunnerTest, JobsAndRepeatsRunEveryCaseEachTime)
{
    const Run all = run({"--tap", "-j", "4", "--repeat", "5", "-p", "/broken/pass", "-p", "/broken/fail"});
    EXPECT_EQ(all.status, ExitStatus::exited(1));
    EXPECT_EQ(count(all.output, "\nok "), 5U) << all.output;
    EXPECT_EQ(count(all.output, "\nnot ok "), 5U) << all.output;
    EXPECT_NE(all.output.find("broken.fail.5\""), std::string::npos) << all.output;
    expect_nothing_left();
}

} // namespace

int main(int argc, char** argv) { return run_program_tests(argc, argv); }

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evidence: what is kept of a failed case, that it helps, and that nothing of it is without bounds.
#include <set>

#include <fmt/format.h>

#include "console.h"
#include "glib_ptr.h"
#include "kept_files.h"
#include "kept_runs.h"
#include "log_file.h"
#include "program_test.h"

namespace
{

class EvidenceTest : public ProgramTest
{
  protected:
    std::string evidence_of(const std::string& name)
    {
        failed_case(run_case(name));
        return evidence_;
    }
    static bool has_gdb() { return qtest::CharPtr(g_find_program_in_path("gdb")) != nullptr; }
};

TEST_F(EvidenceTest, AVmThatDoesNotAnswerHasABacktrace)
{
    if (!has_gdb())
        GTEST_SKIP() << "gdb is not installed";
    const fs::path evidence = evidence_of("mute");
    const std::string backtrace = content_of(evidence / "source.backtrace");
    EXPECT_TRUE(matches(backtrace, "Thread 1 .*\n#0 ")) << backtrace;
    // QEMU's own functions have their names. main() is not among them while a coroutine answers the monitor.
    EXPECT_TRUE(matches(backtrace, " in qemu_event_wait \\(\\)")) << backtrace;
    expect_nothing_left();
}

TEST_F(EvidenceTest, AWaitThatFailedAtTheDeadlineHasBacktracesOfAllVmsAndIsReportedInTime)
{
    const Json report = failed_case(run_case("wait"));
    EXPECT_EQ(report.at("reason").as_string().find("was killed"), std::string::npos) << report.dump();
    // How far gdb came in the time left is the machine's matter; that it was there, or why not, is told.
    for (const char* file : {"source.backtrace", "target.backtrace"})
        EXPECT_FALSE(content_of(evidence_ / file).empty()) << file;
    expect_nothing_left();
}

TEST_F(EvidenceTest, WithoutGdbTheBacktraceSaysSoAndTheCaseIsJudgedAllTheSame)
{
    const Run failed = run({"--tap", "-p", "/broken/mute"}, {{"PATH", "/nowhere"}});
    if (failed.status == ExitStatus::exited(2))
        GTEST_SKIP() << "no QEMU is found without PATH";
    const Json report = failed_case(failed);
    EXPECT_EQ(report.at("reason"), Json("it failed long before its deadline"));
    EXPECT_NE(content_of(evidence_ / "source.backtrace").find("gdb is not installed: no backtrace.\n"),
              std::string::npos);
}

TEST_F(EvidenceTest, ACrashHasTheBacktraceOfItsCoreOrSaysWhyNot)
{
    if (!has_gdb())
        GTEST_SKIP() << "gdb is not installed";
    const fs::path evidence = evidence_of("crash");
    const std::string backtrace = content_of(evidence / "source.backtrace");
    if (backtrace.find("It left no core where it ran: ") == std::string::npos) {
        EXPECT_TRUE(matches(backtrace, "Thread 1 .*\n#0 ")) << backtrace;
        // Each thread with more than the frame that its registers name.
        EXPECT_GE(count(backtrace, "\nThread "), 2U) << backtrace;
        EXPECT_GE(count(backtrace, "\n#1  "), 2U) << backtrace;
    }
    for (const auto& entry : fs::directory_iterator(evidence))
        EXPECT_LT(entry.file_size(), 1U << 20) << entry.path() << ": a core is not kept";
    expect_nothing_left();
}

TEST_F(EvidenceTest, AVmThatEndsByItselfHasNoBacktrace)
{
    EXPECT_FALSE(fs::exists(evidence_of("source_killed") + "/source.backtrace"));
}

TEST_F(EvidenceTest, TheCommandLineOfAVmThatIsGoneStartsItAgain)
{
    const fs::path evidence = evidence_of("source_killed");
    const std::string line = content_of(evidence / "source.command-line");
    EXPECT_EQ(line.find(directory_ / "tmp"), std::string::npos) << line;
    const auto syntax = start("/bin/sh", {"-n", evidence / "source.command-line"});
    EXPECT_EQ(syntax->wait(Deadline::in(20s), "the end of sh"), ExitStatus::exited(0));
    // Its sockets are below /tmp by name; QMP over stdio tells that it came up.
    const auto again = start("/bin/sh", {"-c", "echo '{\"execute\": \"qmp_capabilities\"} {\"execute\": \"quit\"}' | " +
                                                   line.substr(0, line.size() - 1) + " -S -qmp stdio"});
    EXPECT_EQ(again->wait(Deadline::in(30s), "the end of QEMU"), ExitStatus::exited(0))
        << content_of(directory_ / "output");
    EXPECT_NE(content_of(directory_ / "output").find("\"SHUTDOWN\""), std::string::npos)
        << content_of(directory_ / "output");
}

TEST_F(EvidenceTest, ReproduceRunsTheCaseFromAnywhereAsItRan)
{
    std::ofstream(directory_ / "trouble.json") << R"({"entries": []})";
    failed_case(run({"--tap", "--machine", "q35", "--timeout-multiplier", "3", "--known-trouble", "trouble.json",
                     "--trace", "qmp_*", "-p", "/broken/mute"}));
    const std::string script = content_of(evidence_ / "reproduce.sh");
    EXPECT_TRUE(matches(script, " --machine pc-q35-[0-9.]+ ")) << script;
    for (const std::string& part :
         {std::string("--accel tcg"), std::string("--timeout-multiplier 3"),
          "--known-trouble " + (directory_ / "trouble.json").string(), std::string("--trace 'qmp_*'")})
        EXPECT_NE(script.find(part), std::string::npos) << part << "\n" << script;
    const auto again = start("/bin/sh", {"-c", "cd / && exec " + (evidence_ / "reproduce.sh").string() + " --tap"});
    EXPECT_EQ(again->wait(Deadline::in(60s), "the end of reproduce.sh"), ExitStatus::exited(1));
    EXPECT_NE(content_of(directory_ / "output").find("not ok 1 - /broken/mute"), std::string::npos);
    EXPECT_TRUE(fs::exists(evidence_ / "again"));
}

TEST_F(EvidenceTest, WhatACasePrintsWithoutEndIsKeptAsHeadAndTailAndSaysSo)
{
    const fs::path evidence = evidence_of("verbose");
    const std::string output = content_of(evidence / "case.output");
    EXPECT_LT(output.size(), 3U << 20);
    EXPECT_NE(output.find("\n[… 102760448 bytes of 104857600 are left out here …]\n"), std::string::npos);
}

TEST_F(EvidenceTest, KeptFilesStayWithinTheirBoundsAndNameWhatIsLeftOut)
{
    const fs::path from = directory_ / "from";
    const fs::path to = directory_ / "to";
    fs::create_directory(from);
    fs::create_directory(to);
    std::ofstream(from / "small") << "all of it";
    for (const char* name : {"a", "b", "c"})
        std::ofstream(from / name) << std::string(20'000, *name);
    fs::create_symlink("/etc/passwd", from / "link");
    harness::keep_files(from, to, {.file = 10'000, .total = 22'000, .files = 10});
    EXPECT_EQ(content_of(to / "small"), "all of it");
    EXPECT_EQ(content_of(to / "a"),
              std::string(5'000, 'a') + "\n[… 10000 bytes of 20000 are left out here …]\n" + std::string(5'000, 'a'));
    EXPECT_TRUE(fs::exists(to / "b"));
    EXPECT_FALSE(fs::exists(to / "c"));
    EXPECT_FALSE(fs::exists(to / "link"));
    EXPECT_EQ(content_of(to / "left-out"), "c: 20000 bytes, beyond what is kept of a case\n1 files in all\n");
}

TEST_F(EvidenceTest, ALogStopsAtItsLimitAndTheNewestLinesAreBesideIt)
{
    const fs::path path = directory_ / "log";
    qtest::LogFile log(path, 64 * 1024);
    for (int i = 0; i < 20'000; i++)
        log.line("line " + std::to_string(i));
    const std::string head = content_of(path);
    const std::string newest = content_of(path.string() + ".newest");
    EXPECT_LT(head.size(), 65U * 1024);
    EXPECT_TRUE(matches(head, " line 0\n"));
    EXPECT_TRUE(head.ends_with("[the rest is left out; the newest lines of it are in log.newest]\n"));
    EXPECT_LE(newest.size(), 4U * 1024);
    EXPECT_TRUE(newest.ends_with(" line 19999\n")) << newest;
    log.line(std::string(100'000, 'x'));
    EXPECT_LE(fs::file_size(path.string() + ".newest"), 7U * 1024);
}

TEST_F(EvidenceTest, AConsoleWithoutEndNeitherFillsMemoryNorLosesWhatIsAwaited)
{
    qtest::SocketPair line;
    qtest::Console console(loop_, std::move(line.ours), "vm", directory_ / "console");
    qtest::Process::Spec spec{.arguments = {"sh", "-c", "(head -c 30000000 /dev/zero | tr '\\0' z; echo end) >&5"},
                              .output = {}};
    spec.fds.emplace_back(std::move(line.theirs), 5);
    qtest::Process printer(loop_, std::move(spec));
    console.wait("end\n", 0, Deadline::in(60s));
    EXPECT_EQ(console.mark(), 30'000'004U);
    EXPECT_LE(console.since(0).size(), 2U << 20);
    EXPECT_TRUE(console.since(0).ends_with("zzend\n"));
    EXPECT_EQ(console.since(30'000'000), "end\n");
    EXPECT_LT(fs::file_size(directory_ / "console"), 17U << 20);
}

TEST_F(EvidenceTest, AFileOfAProcessHasALimitThatDoesNotKillIt)
{
    qtest::Process process(loop_, {.arguments = {"sh", "-c", "head -c 100000 /dev/zero; exit 5"},
                                   .output = directory_ / "full",
                                   .limits = {{RLIMIT_FSIZE, 50'000}}});
    EXPECT_EQ(process.wait(Deadline::in(20s), "the end of sh"), ExitStatus::exited(5));
    EXPECT_EQ(fs::file_size(directory_ / "full"), 50'000U);
}

TEST_F(EvidenceTest, OldRunsAreRemovedAndNothingElse)
{
    const fs::path place = directory_ / "evidence";
    const auto id = [](int second) { return fmt::format("20261122-1533{:02}-999999999", second); };
    for (int second = 0; second < 5; second++)
        harness::add_kept_run(place / id(second), 10);
    fs::create_directory(place / "20201122-153338-999999999"); // a run's name, but not ours
    fs::create_directory(place / "mine");
    fs::copy(place / id(0), place / "20200101-000000-1", fs::copy_options::recursive); // of a process that lives
    fs::create_directory_symlink(place / "mine", place / "20190101-000000-999999999");
    std::ofstream(place / "mine" / ".migration-test-run") << content_of(place / id(0) / ".migration-test-run");
    harness::add_kept_run(place / id(9), 3);
    std::set<std::string> left;
    for (const auto& entry : fs::directory_iterator(place))
        left.insert(entry.path().filename());
    EXPECT_EQ(left, (std::set<std::string>{id(9), id(4), id(3), "20201122-153338-999999999", "mine",
                                           "20200101-000000-1", "20190101-000000-999999999"}));
    harness::add_kept_run(place / id(9), 1); // the same run again: nothing happens
    EXPECT_TRUE(fs::exists(place / id(4)));
}

} // namespace

int main(int argc, char** argv) { return run_program_tests(argc, argv); }

// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a developer debugs with: the options that look into a case's VMs, tried as they are typed.
#include <csignal>

#include <fmt/format.h>

#include "debugging.h"
#include "glib_ptr.h"
#include "program_test.h"

namespace
{

bool installed(const char* program) { return qtest::CharPtr(g_find_program_in_path(program)) != nullptr; }

class DebuggingTest : public ProgramTest
{
  protected:
    /// The line of the output that contains `part`, once it is there.
    std::string await_line(const std::string& part)
    {
        const auto look = loop_.after(20ms, [] {});
        std::string output;
        std::size_t at = 0;
        const auto there = [&] {
            output = content_of(directory_ / "output");
            at = output.find(part);
            return at != std::string::npos && output.find('\n', at) != std::string::npos;
        };
        loop_.until(there, Deadline::in(60s), "'" + part + "' in the output", [&] { return output; });
        return output.substr(at, output.find('\n', at) - at);
    }
};

TEST_F(DebuggingTest, ADryRunPrintsCommandLinesThatStartAndStartsNothing)
{
    const Run dry = run({"--dry-run", "-p", "/broken/wait", "-p", "/broken/needs"});
    EXPECT_EQ(dry.status, ExitStatus::exited(0)) << dry.output;
    EXPECT_NE(dry.output.find("# /broken/needs: skipped: QEMU"), std::string::npos) << dry.output;
    for (const char* side : {"source", "target"}) {
        const std::string title = fmt::format("# /broken/wait: {}\n", side);
        ASSERT_NE(dry.output.find(title), std::string::npos) << dry.output;
        const std::size_t at = dry.output.find(title) + title.size();
        const std::string line = dry.output.substr(at, dry.output.find('\n', at) - at);
        const auto pasted =
            start("/bin/sh", {"-c", "echo '{\"execute\": \"qmp_capabilities\"} {\"execute\": \"quit\"}' | " + line +
                                        " -S -qmp stdio"});
        EXPECT_EQ(pasted->wait(Deadline::in(30s), "the end of QEMU"), ExitStatus::exited(0))
            << content_of(directory_ / "output");
    }
    expect_nothing_left();
}

TEST_F(DebuggingTest, ATraceIsKeptAsEvidence)
{
    for (const auto& [options, environment] :
         std::vector<std::pair<std::vector<std::string>, std::vector<std::pair<std::string, std::string>>>>{
             {{"--trace", "qmp_enter_*", "--trace", "qmp_exit_*"}, {}}, {{}, {{"QTEST_TRACE", "qmp_*"}}}}) {
        fs::remove_all(directory_ / "evidence");
        std::vector<std::string> all{"--keep", "-p", "/broken/vm"};
        all.insert(all.end(), options.begin(), options.end());
        const Run traced = run(all, environment);
        EXPECT_EQ(traced.status, ExitStatus::exited(0)) << traced.output;
        std::string trace;
        for (const auto& entry : fs::recursive_directory_iterator(directory_ / "evidence"))
            trace += entry.path().filename() == "source.trace" ? content_of(entry.path()) : "";
        EXPECT_NE(trace.find("qmp_enter_qmp_capabilities"), std::string::npos) << trace;
        EXPECT_NE(trace.find("qmp_exit_qmp_capabilities"), std::string::npos) << trace;
    }
}

TEST_F(DebuggingTest, APauseKeepsTheVmsWithASecondMonitorUntilItIsEnded)
{
    const auto program = start(program_of_cases, {"--tap", "--pause-on-failure", "-p", "/broken/wait"});
    const std::string monitor = await_line("source: qmp-shell ").substr(std::string("source: qmp-shell ").size());
    const std::string end = await_line("to end that:");
    await_line("target: gdb -p ");
    await_line("target: qmp-shell ");
    EXPECT_TRUE(fs::is_socket(monitor)) << monitor;
    // Its deadline of 2 s stands still: it is over before this is.
    qtest::Process still(loop_, {.arguments = {"sleep", "5"}, .output = {}});
    still.wait(Deadline::in(60s), "5 s");
    EXPECT_TRUE(program->running());
    EXPECT_TRUE(fs::is_socket(monitor)) << monitor;
    ::kill(static_cast<pid_t>(std::stol(end.substr(end.rfind(' ') + 1))), SIGTERM);
    EXPECT_EQ(program->wait(Deadline::in(60s), "the end of the run"), ExitStatus::exited(1));
    EXPECT_NE(content_of(directory_ / "output").find("awaited what never comes"), std::string::npos);
    expect_nothing_left();
}

TEST_F(DebuggingTest, WhatIsNotInstalledIsNamedWithItsPackage)
{
    const std::vector<std::pair<std::string, std::string>> nowhere{{"PATH", "/nowhere"}};
    expect_refused(run({"--gdb", "source"}, nowhere), "--gdb: gdbserver is not installed (Debian: package gdbserver)");
    expect_refused(run({}, {{"PATH", "/nowhere"}, {"GDB_OPTIONS", "localhost:1"}}), "gdbserver is not installed");
    expect_refused(run({}, {{"PATH", "/nowhere"}, {"VALGRIND_QEMU", "y"}}), "--valgrind: valgrind is not installed");
}

TEST_F(DebuggingTest, ADebuggerAttachesToAQemuUnderGdbserver)
{
    if (!installed("gdbserver") || !installed("gdb"))
        GTEST_SKIP() << "gdbserver or gdb is not installed";
    const std::string port = std::to_string(20000 + getpid() % 20000);
    const auto program = start(program_of_cases, {"--tap", "-p", "/broken/vm"}, {{"GDB_OPTIONS", "localhost:" + port}});
    const std::string line = await_line("gdb -ex 'target remote localhost:" + port);
    qtest::Process gdb(loop_, {.arguments = {"sh", "-c",
                                             line + " -nx -batch -iex 'set debuginfod enabled off' "
                                                    "-iex 'set auto-solib-add off' -ex continue"},
                               .output = directory_ / "gdb"});
    EXPECT_EQ(program->wait(Deadline::in(120s), "the end of the run"), ExitStatus::exited(0))
        << content_of(directory_ / "output");
    gdb.wait(Deadline::in(60s), "the end of gdb");
    EXPECT_NE(content_of(directory_ / "gdb").find("exited normally"), std::string::npos)
        << content_of(directory_ / "gdb");
}

TEST_F(DebuggingTest, AQemuUnderValgrindHasItsLogAndTheFailureQuotesIt)
{
    // valgrind in name only: it finds errors.
    fs::create_directory(directory_ / "bin");
    std::ofstream(directory_ / "bin/valgrind")
        << "#!/bin/sh\n"
           "log=${2#--log-file=} status=${1#--error-exitcode=}\n"
           "shift 2\n\"$@\"\necho 'ERROR SUMMARY: 7 errors' >\"$log\"\nexit $status\n";
    fs::permissions(directory_ / "bin/valgrind", fs::perms::owner_all);
    const Json report = failed_case(run({"--tap", "--valgrind", "source", "-p", "/broken/vm"},
                                        {{"PATH", (directory_ / "bin").string() + ":" + g_getenv("PATH")}}));
    const std::string reason = report.at("reason").as_string();
    EXPECT_NE(reason.find("source: QEMU exited with status 99"), std::string::npos) << reason;
    EXPECT_NE(reason.find("valgrind said last: ERROR SUMMARY: 7 errors"), std::string::npos) << reason;
    EXPECT_EQ(content_of(evidence_ / "source.valgrind"), "ERROR SUMMARY: 7 errors\n");
}

TEST_F(DebuggingTest, ASideThatNoVmHasIsAnError)
{
    fs::create_directory(directory_ / "bin");
    fs::create_symlink("/bin/true", directory_ / "bin/valgrind");
    const Run run_ = run({"--tap", "--valgrind", "sauce", "-p", "/broken/vm"},
                         {{"PATH", (directory_ / "bin").string() + ":" + g_getenv("PATH")}});
    EXPECT_EQ(run_.status, ExitStatus::exited(2)) << run_.output;
    EXPECT_NE(run_.output.find("no VM of this case is called 'sauce'"), std::string::npos) << run_.output;
}

TEST_F(DebuggingTest, EachGdbserverOfACaseHasItsOwnPort)
{
    harness::Debugging debugging;
    debugging.gdb = "all";
    debugging.gdb_options = "--once localhost:12345";
    EXPECT_EQ(debugging.wrapper("b", 1, "/x").command,
              (std::vector<std::string>{"gdbserver", "--once", "localhost:12346"}));
    debugging.gdb = "b";
    EXPECT_EQ(debugging.wrapper("b", 1, "/x").command.back(), "localhost:12345");
    EXPECT_TRUE(debugging.wrapper("a", 0, "/x").command.empty());
}

TEST_F(DebuggingTest, WithQtestLogWhatACasePrintsIsShown)
{
    EXPECT_EQ(run({"--tap", "-p", "/broken/complaint"}).output.find("\nno more of this\n"), std::string::npos);
    const Run loud = run({"--tap", "-p", "/broken/complaint"}, {{"QTEST_LOG", "1"}});
    EXPECT_NE(loud.output.find("no more of this\n"), std::string::npos) << loud.output;
    EXPECT_EQ(loud.output.find("its last words: no more"), std::string::npos) << loud.output;
}

} // namespace

int main(int argc, char** argv) { return run_program_tests(argc, argv); }

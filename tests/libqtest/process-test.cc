// SPDX-License-Identifier: GPL-2.0-or-later
#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "errors.h"
#include "log_file.h"
#include "process.h"

namespace
{

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using qtest::Deadline;
using qtest::ExitStatus;
using qtest::Process;

class ProcessTest : public testing::Test
{
  protected:
    ~ProcessTest() override { fs::remove(output_); }

    Process start(std::vector<std::string> arguments)
    {
        return Process(loop_, {.arguments = std::move(arguments), .output = output_});
    }

    qtest::Loop loop_;
    const fs::path output_ = fs::temp_directory_path() / ("process-test-" + std::to_string(getpid()));
};

TEST_F(ProcessTest, OneThatEndsAtOnceIsKnownAllTheSame)
{
    for (int i = 0; i < 200; i++) {
        Process process = start({"true"});
        EXPECT_GT(process.pid(), 0);
        EXPECT_EQ(process.wait(Deadline::in(10s), "the end of true"), ExitStatus::exited(0));
    }
}

TEST_F(ProcessTest, ItsEndIsToldAsStatusOrSignal)
{
    EXPECT_EQ(start({"sh", "-c", "exit 7"}).wait(Deadline::in(10s), "the end").text(), "exited with status 7");
    Process sleeper = start({"sleep", "1000"});
    sleeper.send_signal(SIGTERM);
    EXPECT_EQ(sleeper.wait(Deadline::in(10s), "the end").text(), "was killed by signal 15 (Terminated)");
}

TEST_F(ProcessTest, AChildMadeOtherwiseIsTakenOver)
{
    const auto take_over = [&](pid_t parent) {
        const pid_t child = fork();
        if (child == 0) {
            Process::settle(parent, {{RLIMIT_NOFILE, 50}});
            int death_signal = 0;
            prctl(PR_GET_PDEATHSIG, &death_signal);
            _exit(getpgrp() == getpid() && death_signal == SIGKILL && sysconf(_SC_OPEN_MAX) == 50 ? 42 : 1);
        }
        return Process(loop_, child);
    };
    EXPECT_EQ(take_over(getpid()).wait(Deadline::in(10s), "the end"), ExitStatus::exited(42));
    // It must not live on when its parent has died before it settled.
    EXPECT_EQ(take_over(getppid()).wait(Deadline::in(10s), "the end"), ExitStatus::exited(127));
}

TEST_F(ProcessTest, ItGetsItsDescriptorsDirectoryAndEnvironmentAndNothingElse)
{
    qtest::SocketPair pair;
    Process::Spec spec{.arguments = {"sh", "-c", "pwd; echo $ANSWER; ls /proc/self/fd | wc -l; echo to-us >&5"},
                       .output = output_,
                       .environment = {{"ANSWER", "42"}},
                       .directory = "/usr"};
    spec.fds.emplace_back(std::move(pair.theirs), 5);
    Process process(loop_, std::move(spec));
    EXPECT_EQ(process.wait(Deadline::in(10s), "the end"), ExitStatus::exited(0));
    // 0, 1, 2, 5, and the directory that ls has open.
    EXPECT_EQ(qtest::read_tail(output_, 1000), "/usr\n42\n5\n");
    char text[16];
    EXPECT_EQ(read(pair.ours.get(), text, sizeof text), 6);
}

TEST_F(ProcessTest, OneThatStillRunsEndsWithItsOwner)
{
    pid_t pid;
    {
        const Process sleeper = start({"sleep", "1000"});
        pid = sleeper.pid();
        EXPECT_EQ(kill(pid, 0), 0);
    }
    EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(ProcessTest, AProgramThatIsNotThereIsAnEnvironmentError)
{
    EXPECT_THROW(start({"/no/such/program"}), qtest::EnvironmentError);
}

} // namespace

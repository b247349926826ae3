// SPDX-License-Identifier: GPL-2.0-or-later
//
// qmp-shell as a user has it: as a script's tool, and typed at on a terminal. Its path is the argument of this program.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>

#include "errors.h"
#include "process.h"
#include "qemu_binary.h"

namespace
{

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::ExitStatus;

std::string qmp_shell;

class QmpShell : public testing::Test
{
  protected:
    QmpShell()
    {
        std::string path = fs::temp_directory_path() / "qmp-shell-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
    }
    ~QmpShell() override { fs::remove_all(directory_); }

    struct Run {
        int status;
        std::string out;
        std::string err;
    };

    /// Through a shell, for its redirections.
    Run run(const std::string& arguments, const std::string& input = {}, const std::string& output = "out")
    {
        std::ofstream(directory_ / "in") << input;
        qtest::Process process(loop_,
                               {.arguments = {"sh", "-c", qmp_shell + " " + arguments + " <in >" + output + " 2>err"},
                                .output = {},
                                .directory = directory_});
        const ExitStatus status = process.wait(Deadline::in(60s), "the end of qmp-shell");
        EXPECT_FALSE(status.by_signal);
        return {status.number, content("out"), content("err")};
    }
    std::string content(const char* name)
    {
        std::ifstream file(directory_ / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void expect_refused(const Run& run, const std::string& text)
    {
        EXPECT_EQ(run.status, 2);
        EXPECT_EQ(run.out, "");
        EXPECT_TRUE(run.err.starts_with("qmp-shell: " + text)) << run.err;
        EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    }

    const std::string qemu_ = " -- " + qtest::qemu_binary() + " -nodefaults -machine none -display none";
    qtest::Loop loop_;
    fs::path directory_;
};

TEST_F(QmpShell, PrintsWhatACommandReturns)
{
    const Run one = run("-c query-name" + qemu_ + " -name Steve");
    EXPECT_EQ(one.status, 0) << one.err;
    EXPECT_EQ(one.out, "{\n  \"name\": \"Steve\"\n}\n");
    EXPECT_EQ(one.err, "");
    const Run several = run("--compact -c stop -c query-name -c 'hmp info name'" + qemu_ + " -name Steve");
    EXPECT_EQ(several.status, 0) << several.err;
    EXPECT_EQ(several.out, "{}\n{\"name\": \"Steve\"}\nSteve\r\n\n");
}

TEST_F(QmpShell, TakesItsCommandsFromAPipeToo)
{
    const Run piped = run("--compact" + qemu_, "stop\n\n  \ncont\nexec-oob query-yank\n");
    EXPECT_EQ(piped.status, 0) << piped.err;
    EXPECT_TRUE(piped.out.starts_with("{}\n{}\n[")) << piped.out;
}

TEST_F(QmpShell, StopsAtTheFirstRefusedCommandWithStatus1)
{
    const Run refused = run("--compact -c stop -c nonsense -c query-name" + qemu_);
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.out, "{}\n");
    EXPECT_EQ(refused.err, "qmp-shell: CommandNotFound: The command nonsense has not been found\n");
}

TEST_F(QmpShell, ShowsEventsWhenAsked)
{
    const Run events = run("--compact -e -c stop -c cont" + qemu_);
    EXPECT_EQ(events.status, 0);
    EXPECT_EQ(events.out, "{}\n{}\n");
    EXPECT_NE(events.err.find("] STOP\n["), std::string::npos) << events.err;
    EXPECT_TRUE(events.err.ends_with("] RESUME\n")) << events.err;
}

TEST_F(QmpShell, ConnectsToARunningQemu)
{
    const fs::path socket = directory_ / "qmp.sock";
    qtest::Process qemu(loop_, {.arguments = {qtest::qemu_binary(), "-nodefaults", "-machine", "none", "-display",
                                              "none", "-qmp", "unix:" + socket.string() + ",server=on,wait=off",
                                              "-daemonize", "-pidfile", directory_ / "pid"},
                                .output = directory_ / "qemu"});
    ASSERT_EQ(qemu.wait(Deadline::in(20s), "QEMU to go to the background"), ExitStatus::exited(0));
    EXPECT_EQ(run("--compact -c stop " + socket.string()).out, "{}\n");
    EXPECT_NE(run("--compact -c query-status " + socket.string()).out.find("paused"), std::string::npos);
    const Run quit = run("--compact -c quit " + socket.string());
    EXPECT_EQ(quit.status, 0) << quit.err;
    EXPECT_EQ(quit.out, "{}\n");
}

TEST_F(QmpShell, WrongUseIsOneLineAndStatus2)
{
    expect_refused(run(""), "give one SOCKET, or --");
    expect_refused(run("a b"), "give one SOCKET, or --");
    expect_refused(run("--"), "nothing to start after --");
    expect_refused(run("--nonsense x"), "Unknown option --nonsense");
    expect_refused(run("-t 0 x"), "--timeout needs");
    expect_refused(run("no-such-socket"), "Failed to establish connection: ");
    expect_refused(run("host:x"), "Bad port: 'x' in 'host:x'.");
    expect_refused(run("-c 'stop x'" + qemu_), "'x' is no argument: write NAME=VALUE");
    expect_refused(run("-- /no/such/qemu"), "cannot run /no/such/qemu");
    expect_refused(run("-c stop -- true"), "Failed to establish session: the peer hung up: QEMU exited with status 0");
    expect_refused(run("-t 1 -c query-status -- sh -c 'exec sleep 100'"), "awaited the greeting of QEMU");
    expect_refused(run("-t 10 -c stop -- sh -c 'echo garbage >&3; exec sleep 100'"),
                   "Failed to establish session: Failed to deserialize QMP message");
    expect_refused(run("-c query-name" + qemu_, "", "/dev/full"), "cannot write the output: ");
}

TEST_F(QmpShell, HelpSaysHowACommandIsTyped)
{
    const Run help = run("--help");
    EXPECT_EQ(help.status, 0);
    for (const char* part : {"SOCKET | -- QEMU-COMMAND", "--command=COMMAND", "exec-oob query-yank", "Exit status: 0"})
        EXPECT_NE(help.out.find(part), std::string::npos) << part;
}

/// Somebody typing.
class QmpShellTerminal : public QmpShell
{
  protected:
    void start(const std::string& arguments)
    {
        int fd = -1;
        child_ = forkpty(&fd, nullptr, nullptr, nullptr);
        if (child_ == 0) {
            setenv("HOME", directory_.c_str(), 1);
            setenv("TERM", "dumb", 1);
            execl("/bin/sh", "sh", "-c", ("exec " + qmp_shell + arguments).c_str(), nullptr);
            _exit(127);
        }
        terminal_.reset(fd);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        reader_ = loop_.watch(fd, G_IO_IN, [this] {
            char bytes[4096];
            const ssize_t size = read(terminal_.get(), bytes, sizeof bytes);
            if (size > 0)
                screen_.append(bytes, static_cast<std::size_t>(size));
            else
                reader_ = qtest::Watch();
        });
    }
    void type(const std::string& keys)
    {
        ASSERT_EQ(write(terminal_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    }
    /// Waits for text after what was seen before.
    void see(const std::string& text)
    {
        std::size_t at = std::string::npos;
        loop_.until([&] { return (at = screen_.find(text, seen_)) != std::string::npos; }, Deadline::in(20s),
                    "'" + text + "' on the terminal", [this] { return screen_.substr(seen_); });
        seen_ = at + text.size();
    }
    int ended()
    {
        loop_.until([this] { return !reader_; }, Deadline::in(20s), "the end of qmp-shell");
        int status = -1;
        waitpid(child_, &status, 0);
        return status;
    }

    pid_t child_ = -1;
    qtest::UniqueFd terminal_;
    qtest::Watch reader_;
    std::string screen_;
    std::size_t seen_ = 0;
};

TEST_F(QmpShellTerminal, CompletesShowsRepliesAndEventsAndRemembers)
{
    start(qemu_);
    see("Connected to QEMU ");
    see("(QMP) ");
    type("query-statu\t\n");
    see("\"running\": true");
    see("(QMP) ");
    type("sto\t\n");
    see("] STOP");
    see("{}");
    see("(QMP) ");
    type("set-action reb\tsh\t\n");
    see("reboot=shutdown");
    see("{}");
    see("(QMP) ");
    type("nonsense\n");
    see("CommandNotFound: ");
    see("(QMP) ");
    type("stop x\n");
    see("'x' is no argument");
    see("(QMP) ");
    type("\x04"); // Ctrl-D
    EXPECT_EQ(ended(), 0);
    EXPECT_EQ(content(".qmp-shell_history"), "query-status \nstop \nset-action reboot=shutdown \nnonsense\nstop x\n");

    start(qemu_);
    see("(QMP) ");
    type("\x10\x10\x10\x10\n"); // Ctrl-P: back to "stop"
    see("] STOP");
    see("(QMP) ");
    type("quit\n");
    EXPECT_EQ(ended(), 0);
}

TEST_F(QmpShellTerminal, AQemuThatGoesIsToldWithStatus2)
{
    start(" --" + qemu_.substr(3) + " -pidfile " + (directory_ / "pid").string());
    see("(QMP) ");
    type("stop\n");
    see("] STOP");
    see("(QMP) ");
    pid_t qemu = 0;
    std::ifstream(directory_ / "pid") >> qemu;
    ASSERT_GT(qemu, 0);
    kill(qemu, SIGKILL);
    see("the peer hung up");
    see("QEMU was killed by signal 9");
    EXPECT_EQ(WEXITSTATUS(ended()), 2);
    EXPECT_EQ(content(".qmp-shell_history"), "stop\n");
}

} // namespace

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    if (argc != 2)
        return 2;
    qmp_shell = fs::absolute(argv[1]);
    return RUN_ALL_TESTS();
}

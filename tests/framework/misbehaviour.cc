// SPDX-License-Identifier: GPL-2.0-or-later
#include "misbehaviour.h"

#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "case_process.h"
#include "errors.h"
#include "log_file.h"

namespace
{

using harness::Case;
using namespace std::chrono_literals;

/// Whatever a program that fails may say: ends of CDATA, markup, control characters, TAP, and what is no UTF-8.
constexpr std::string_view strange = "]]> <a href='x'>&amp; \x01\x1b[31m\x7f \xff\xc3(\r\n\n1..0 # SKIP # TODO none\n"
                                     "not ok 1 - /broken/pass\n  ...\nok 2\nBail out! \"quoted\" \\ \xef\xbf\xbe";

void print(int fd, std::string_view text)
{
    while (!text.empty()) {
        const ssize_t written = write(fd, text.data(), text.size());
        if (written < 0)
            throw qtest::EnvironmentError("a case cannot print");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

[[noreturn]] void hang()
{
    for (;;)
        pause();
}

struct HangsWhenDestroyed {
    ~HangsWhenDestroyed() { hang(); }
};

void spin()
{
    for (volatile bool forever = true; forever;) {
    }
}

void spin_masked(Case&)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    spin();
}

/// Nothing in it says whose it is, but its name, for whoever looks for what was left.
[[noreturn]] void become_unmarked(const Case& test)
{
    setsid();
    if (fork() != 0)
        _exit(0);
    char* const nothing[] = {nullptr};
    execle("/bin/sleep", test.directory().c_str(), "86400", nullptr, nothing);
    _exit(127);
}

void print_100_mb()
{
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 100; i++)
        print(i % 2 ? STDOUT_FILENO : STDERR_FILENO, block);
}

/// Each block goes to the disk, so that this is as fast as the disk and leaves the memory alone.
void write_without_end(Case& test)
{
    const int file = open((test.directory() / "endless").c_str(), O_WRONLY | O_CREAT | O_DSYNC, 0600);
    const std::string block(1 << 20, 'x');
    for (;;)
        print(file, block);
}

void make_files_without_end(Case& test)
{
    for (int i = 0;; i++)
        close(open((test.directory() / std::to_string(i)).c_str(), O_WRONLY | O_CREAT, 0600));
}

void fork_200()
{
    for (int i = 0; i < 200; i++) {
        if (fork() == 0)
            hang();
    }
}

/// Sends the signal to what makes the cases' processes: the runner's other child that was started as this one was.
void signal_nursery(int signal)
{
    const auto command_line = [](const std::string& pid) { return qtest::read_file("/proc/" + pid + "/cmdline"); };
    const std::string runner = std::to_string(getppid());
    std::istringstream children(qtest::read_file("/proc/" + runner + "/task/" + runner + "/children"));
    int found = 0;
    for (std::string pid; children >> pid;) {
        if (std::stol(pid) != getpid() && command_line(pid) == command_line("self")) {
            kill(static_cast<pid_t>(std::stol(pid)), signal);
            found++;
        }
    }
    if (found != 1)
        throw qtest::TestFailure(fmt::format("expected one nursery, saw {}", found));
}

void add(harness::Registry& registry, const char* name, std::function<void(Case&)> run,
         std::chrono::seconds deadline = 20s)
{
    registry.add(
        {.path = std::string("/broken/") + name, .summary = name, .run = std::move(run), .deadline = deadline});
}

void add_ends(harness::Registry& registry)
{
    add(registry, "exit_without_report_line", [](Case&) {
        close(harness::report_fd);
        _exit(0);
    });
    add(registry, "close_fds", [](Case&) {
        for (int fd = 0; fd < 10; fd++)
            close(fd);
    });
    add(registry, "exec", [](Case&) { execl("/bin/true", "true", nullptr); });
    add(registry, "exit_7_after_pass", [](Case&) { std::atexit([] { _exit(7); }); });
    add(registry, "crash_after_pass", [](Case&) { std::atexit(std::abort); });
}

void add_hangs(harness::Registry& registry)
{
    add(
        registry, "hang", [](Case&) { hang(); }, 1s);
    add(
        registry, "hang_busy", [](Case&) { spin(); }, 1s);
    add(registry, "hang_masked", spin_masked, 1s);
    add(
        registry, "hang_in_destructor",
        [](Case& test) {
            const HangsWhenDestroyed object;
            test.check(false, "never told");
        },
        1s);
    add(
        registry, "hang_after_pass", [](Case&) { static const HangsWhenDestroyed object; }, 1s);
    add(
        registry, "hang_after_failure",
        [](Case& test) {
            std::atexit(hang);
            test.check(false, "told before it hangs");
        },
        1s);
    add(
        registry, "hang_ignoring_signals",
        [](Case&) {
            for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT})
                ::signal(signal, SIG_IGN);
            hang();
        },
        1s);
    add(
        registry, "stop_itself", [](Case&) { raise(SIGSTOP); }, 1s);
}

void add_leaks(harness::Registry& registry)
{
    add(registry, "leak_child", [](Case&) {
        if (fork() == 0)
            hang();
    });
    add(registry, "leak_unmarked", [](Case& test) {
        if (fork() == 0)
            become_unmarked(test);
    });
    add(registry, "kill_nursery", [](Case&) { signal_nursery(SIGKILL); });
    add(registry, "stop_nursery", [](Case&) { signal_nursery(SIGSTOP); });
    add(registry, "fork_200", [](Case&) { fork_200(); });
}

void add_printing(harness::Registry& registry)
{
    add(registry, "print_tap", [](Case&) {
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
            print(fd, "\nTAP version 14\n1..1\nnot ok 1 - /broken/pass\nBail out!\n");
    });
    add(registry, "print_strange_and_exit", [](Case&) {
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
            print(fd, strange);
        _exit(3);
    });
    add(registry, "print_100_mb", [](Case&) { print_100_mb(); });
    add(registry, "print_100_mb_and_exit", [](Case&) {
        print_100_mb();
        _exit(3);
    });
    add(registry, "strange_failure", [](Case& test) { test.check(false, std::string(strange)); });
    add(registry, "strange_skip", [](Case& test) { test.skip(std::string(strange)); });
    add(registry, "strange_phase", [](Case& test) {
        test.phase(std::string(strange));
        test.check(false, "in a phase of a strange name");
    });
}

} // namespace

void add_misbehaviour(harness::Registry& registry)
{
    add_ends(registry);
    add_hangs(registry);
    add_leaks(registry);
    add_printing(registry);
    add(registry, "file_without_end", write_without_end, 1s);
    add(registry, "files_without_end", make_files_without_end, 1s);
    add(registry, "lock_scratch_directory", [](Case& test) { chmod(test.directory().c_str(), 0); });
    add(registry, "known_failing", [](Case& test) { test.check(false, "as ever # SKIP"); });
    add(registry, "known_passing", [](Case&) {});
}

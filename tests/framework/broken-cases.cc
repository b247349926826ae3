// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cases that go wrong in every way a case can: what runner-test.cc holds the runner to.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "errors.h"
#include "log_file.h"
#include "main.h"
#include "migration_pair.h"
#include "misbehaviour.h"

namespace
{

namespace fs = std::filesystem;
using harness::Case;
using namespace std::chrono_literals;

/// QEMU dies where no case expects it, while a wait for something else is under way.
void source_killed(Case& test)
{
    migration::MigrationPair pair(test, {});
    pair.hold_back();
    test.phase("migrate, held back");
    const auto marks = pair.migrate(pair.listen("tcp:127.0.0.1:0"));
    pair.source().machine().process().send_signal(SIGKILL);
    pair.wait_status(pair.target(), "completed", marks.target);
}

void with_vms_running(Case& test)
{
    migration::MigrationPair pair(test, {});
    test.phase("hang");
    test.loop().until([] { return false; }, qtest::Deadline::in(1h), "what never comes");
}

void hang_with_vms(Case& test)
{
    migration::MigrationPair pair(test, {});
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    for (volatile bool forever = true; forever;) {
    }
}

/// Both QEMUs hang: neither answers while evidence is gathered.
void frozen_vms(Case& test)
{
    migration::MigrationPair pair(test, {});
    test.phase("freeze");
    pair.source().machine().process().send_signal(SIGSTOP);
    pair.target().machine().process().send_signal(SIGSTOP);
    pair.source().run_state();
}

/// One QEMU without a guest: enough to look into.
qtest::Machine& start_bare(Case& test)
{
    test.phase("start");
    auto& machine = test.start_machine("source", test.setting().source.binary, {"-machine", "none"});
    machine.await_ready(qtest::Deadline::in(10s));
    return machine;
}

/// QEMU crashes, and dumps core where it may.
void crash(Case& test)
{
    auto& machine = start_bare(test);
    machine.process().send_signal(SIGSEGV);
    machine.wait_exit(qtest::Deadline::in(10s));
}

/// A process that leaves the case's session and process group, and whose parent is gone.
void daemonize(Case&)
{
    if (fork() != 0)
        return;
    setsid();
    prctl(PR_SET_NAME, "daemon-of-case");
    if (fork() != 0)
        _exit(0);
    for (;;)
        pause();
}

void add(harness::Registry& registry, const char* name, std::function<void(Case&)> run,
         std::chrono::seconds deadline = 20s)
{
    registry.add(
        {.path = std::string("/broken/") + name, .summary = name, .run = std::move(run), .deadline = deadline});
}

/// Takes more than half a second and then passes.
void nap(Case& test)
{
    const auto begin = std::chrono::steady_clock::now();
    const auto alarm = test.loop().after(50ms, [] {});
    test.loop().until([&] { return std::chrono::steady_clock::now() - begin > 600ms; }, qtest::Deadline::in(1h),
                      "time");
}

/// Fails at its third run; it counts in the file that THIRD_TIME names.
void third_time(Case& test)
{
    const fs::path file = std::getenv("THIRD_TIME");
    std::ofstream(file, std::ios::app) << 'x';
    test.check(fs::file_size(file) < 3, "the third time");
}

void look_for_stress(Case& test)
{
    const std::string runner = std::to_string(getppid());
    std::ifstream children("/proc/" + runner + "/task/" + runner + "/children");
    int found = 0;
    for (std::string pid, name; children >> pid;) {
        std::ifstream("/proc/" + pid + "/comm") >> name;
        found += name == "stress" ? 1 : 0;
    }
    test.check(found == 2, "expected 2 processes named stress, seen " + std::to_string(found));
}

/// What a case may count on in its process.
void look_at_own_process(Case& test)
{
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    test.check(death_signal == SIGKILL, "expected to die with the runner");
    test.check(getpgrp() == getpid(), "expected a process group of its own");
    const int priority = getpriority(PRIO_PROCESS, 0);
    test.check(priority >= 0 && getpriority(PRIO_PROCESS, static_cast<id_t>(getppid())) <= priority,
               "expected no better priority than the usual, and the runner's not behind it");
    const std::string path = "MIGRATION_TEST_PATH=" + test.info().path;
    test.check(std::getenv("MIGRATION_TEST_PATH") == test.info().path, "expected " + path + " in the environment");
    const std::string shown = qtest::read_file("/proc/self/environ");
    test.check(shown.find('\0' + path + '\0') != std::string::npos, "expected " + path + " in the process list");
    const auto opened = [](int fd) {
        std::error_code closed;
        return fs::read_symlink("/proc/self/fd/" + std::to_string(fd), closed).string();
    };
    test.check(opened(STDIN_FILENO) == "/dev/null", "expected nothing to read, saw " + opened(STDIN_FILENO));
    const std::string output = test.directory() / "case.output";
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
        test.check(opened(fd) == output, "expected to print to " + output + ", saw " + opened(fd));
    for (int fd = 4; fd < 1000; fd++)
        test.check(opened(fd).empty() || opened(fd) == "anon_inode:[eventfd]", // the loop's
                   "expected no descriptor " + std::to_string(fd) + ", saw " + opened(fd));
    rlimit files{};
    getrlimit(RLIMIT_FSIZE, &files);
    test.check(files.rlim_cur <= harness::file_limit(test.info()), "expected a limit to what a file may have");
}

/// One MiB a file, 125 MiB a second.
void fill_disk(Case& test)
{
    const std::string mib(1 << 20, 'x');
    for (int i = 0;; i++) {
        std::ofstream(test.directory() / std::to_string(i)) << mib;
        std::this_thread::sleep_for(8ms);
    }
}

void write_a_little(Case& test)
{
    for (int i = 0; i < 100; i++) {
        qtest::write_file(test.directory() / "little", std::string(1 << 16, 'x'));
        std::this_thread::sleep_for(8ms);
    }
}

} // namespace

int main(int argc, char** argv)
{
    harness::Registry registry;
    add(registry, "pass", [](Case&) {});
    add(registry, "fail", [](Case& test) {
        test.phase("look");
        test.check(false, "expected 'a' # not \"b\"\nbut saw b");
    });
    add(registry, "skip", [](Case& test) { test.skip("needs a # moon"); });
    add(registry, "exit", [](Case&) { _exit(0); });
    add(registry, "abort", [](Case&) { std::abort(); });
    add(registry, "segv", [](Case&) {
        signal(SIGSEGV, SIG_DFL); // a sanitizer would exit instead
        raise(SIGSEGV);
    });
    add(registry, "print", [](Case&) { static_cast<void>(!write(STDOUT_FILENO, "ok 1 - /broken/fail\n1..0\n", 24)); });
    add(registry, "daemon", daemonize);
    add(registry, "bytes", [](Case& test) { test.check(false, "seen \xff\xfe and " + std::string(1 << 20, 'x')); });
    add(
        registry, "garbage",
        [](Case&) {
            static_cast<void>(!write(3, "{\n", 2));
            pause();
        },
        1s);
    add(registry, "complaint", [](Case&) {
        static_cast<void>(!write(STDERR_FILENO, "no more of this\n", 16));
        _exit(3);
    });
    add(registry, "frozen", frozen_vms, 2s);
    add(registry, "busy", hang_with_vms, 2s);
    add(registry, "wait", with_vms_running, 2s);
    add(registry, "source_killed", source_killed);
    add(registry, "vm", [](Case& test) { start_bare(test); });
    add(registry, "crash", crash);
    add(registry, "mute", [](Case& test) {
        start_bare(test).process().send_signal(SIGSTOP);
        test.check(false, "it failed long before its deadline");
    });
    add(registry, "verbose", [](Case&) {
        const std::string line(1 << 20, 'x');
        for (int i = 0; i < 100; i++)
            static_cast<void>(!write(STDOUT_FILENO, line.data(), line.size()));
        throw qtest::TestFailure("enough");
    });
    add(registry, "nap", nap);
    add(registry, "third_time", third_time);
    add(registry, "look_for_stress", look_for_stress);
    add(registry, "look_at_own_process", look_at_own_process);
    add(registry, "fill_disk", fill_disk);
    add(registry, "write_a_little", write_a_little);
    registry.add({.path = "/broken/huge", .summary = "huge", .run = [](Case&) {}, .ram_mib = 2'000'000'000});
    registry.add({.path = "/broken/slow", .summary = "slow", .run = [](Case&) {}, .tag = harness::Tag::slow});
    registry.add({.path = "/broken/needs",
                  .summary = "needs",
                  .run = [](Case&) { std::abort(); },
                  .needs = {harness::Need::capability("x-warp")}});
    add_misbehaviour(registry);
    return harness::main(argc, argv, registry, R"({"entries": []})");
}

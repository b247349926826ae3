// SPDX-License-Identifier: GPL-2.0-or-later
//
// Cases that go wrong in every way a case can: what runner-test.cc holds the runner to.
#include <csignal>
#include <cstdlib>
#include <thread>

#include <sys/prctl.h>
#include <unistd.h>

#include "errors.h"
#include "main.h"
#include "migration_pair.h"

namespace
{

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
    registry.add({.path = "/broken/slow", .summary = "slow", .run = [](Case&) {}, .tag = harness::Tag::slow});
    registry.add({.path = "/broken/needs",
                  .summary = "needs",
                  .run = [](Case&) { std::abort(); },
                  .needs = {harness::Need::capability("x-warp")}});
    return harness::main(argc, argv, registry, R"({"entries": []})");
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "pause.h"

#include <csignal>

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "case_process.h"
#include "errors.h"
#include "log_file.h"

namespace harness
{

namespace
{

void tell(const char* how, const std::string& text)
{
    qtest::write_all(report_fd, qtest::Json{{how, text}}.dump() + "\n", "the report to the runner");
}

} // namespace

void notice(const std::string& text) { tell("notice", text); }

void pause(Case& test)
{
    // A notice each: a reporter may show a notice on one line.
    bool any = false;
    for (const auto& machine : test.machines()) {
        if (!machine->process().running())
            continue;
        any = true;
        notice(fmt::format("{}: qmp-shell {}", machine->name(),
                           second_monitor(machine->name(), test.directory()).string()));
        notice(fmt::format("{}: gdb -p {}", machine->name(), machine->pid()));
    }
    if (!any)
        return;
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&ends, signal);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    const qtest::UniqueFd signals(signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    bool ended = false;
    const auto watch = test.loop().watch(signals.get(), G_IO_IN, [&] { ended = true; });
    tell("paused",
         fmt::format("it failed, and its VMs are kept; to end that: Enter or Ctrl-C here, or kill {}", getpid()));
    test.loop().until([&] { return ended; }, qtest::Deadline::unscaled(std::chrono::hours(24 * 7)),
                      "somebody who ends the pause");
}

} // namespace harness

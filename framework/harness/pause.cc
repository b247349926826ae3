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
    std::string text;
    for (const auto& machine : test.machines()) {
        if (machine->process().running())
            text += fmt::format("\n  {}: qmp-shell {}\n  {}: gdb -p {}", machine->name(),
                                second_monitor(machine->name(), test.directory()).string(), machine->name(),
                                machine->pid());
    }
    if (text.empty())
        return;
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&ends, signal);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    const qtest::UniqueFd signals(signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    bool ended = false;
    const auto watch = test.loop().watch(signals.get(), G_IO_IN, [&] { ended = true; });
    tell("paused", fmt::format("failed, and its VMs are kept for you:{}\n  to end it: Enter or Ctrl-C here, or kill {}",
                               text, getpid()));
    test.loop().until([&] { return ended; }, qtest::Deadline::unscaled(std::chrono::hours(24 * 7)),
                      "somebody who ends the pause");
}

} // namespace harness

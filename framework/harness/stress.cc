// SPDX-License-Identifier: GPL-2.0-or-later
#include "stress.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "errors.h"

namespace harness
{

namespace
{

[[noreturn]] void be_busy(pid_t parent)
{
    setpgid(0, 0); // a terminal's Ctrl-C is the runner's to hear
    prctl(PR_SET_NAME, "stress");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    for (volatile unsigned counter = 0;;)
        counter = counter + 1;
}

} // namespace

Stress::Stress(unsigned processes)
{
    const pid_t self = getpid();
    for (unsigned i = 0; i < processes; i++) {
        const pid_t child = fork();
        if (child < 0)
            throw qtest::EnvironmentError(fmt::format("--stress: no process: {}", std::strerror(errno)));
        if (child == 0)
            be_busy(self);
        processes_.push_back(child);
    }
}

Stress::~Stress()
{
    for (const pid_t process : processes_) {
        ::kill(process, SIGKILL);
        waitpid(process, nullptr, 0);
    }
}

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "glib_ptr.h"

namespace qtest
{

namespace
{

struct ChildSetup {
    pid_t parent;
    const std::vector<std::pair<int, rlim_t>>& limits;
};

void limit(int resource, rlim_t most) noexcept
{
    const auto which = static_cast<__rlimit_resource_t>(resource);
    rlimit limits{most, most};
    if (setrlimit(which, &limits) == 0)
        return;
    getrlimit(which, &limits);
    limits.rlim_cur = std::min(most, limits.rlim_max);
    setrlimit(which, &limits);
}

/// Runs in the child between fork and exec.
void in_child(gpointer data)
{
    const ChildSetup& setup = *static_cast<const ChildSetup*>(data);
    Process::settle(setup.parent, setup.limits);
}

struct FreeStrings {
    void operator()(char** strings) const noexcept { g_strfreev(strings); }
};
using Environment = std::unique_ptr<char*, FreeStrings>;

Environment environment_with(const std::vector<std::pair<std::string, std::string>>& additions)
{
    Environment environment(g_get_environ());
    for (const auto& [name, value] : additions)
        environment.reset(g_environ_setenv(environment.release(), name.c_str(), value.c_str(), TRUE));
    return environment;
}

} // namespace

std::string ExitStatus::text() const
{
    if (by_signal)
        return fmt::format("was killed by signal {} ({})", number, strsignal(number));
    return fmt::format("exited with status {}", number);
}

std::string shell_line(const std::vector<std::string>& words)
{
    std::string text;
    for (const std::string& word : words) {
        const bool plain = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                  "-_=+:,./@%") == std::string::npos;
        text += text.empty() ? "" : " ";
        text += plain && !word.empty() ? word : CharPtr(g_shell_quote(word.c_str())).get();
    }
    return text;
}

void Process::settle(pid_t parent, const std::vector<std::pair<int, rlim_t>>& limits) noexcept
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // it died before the line above
        _exit(127);
    // A gdb that is no ancestor of it may look at it, even where Yama asks for leave.
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    for (const auto& [resource, most] : limits) {
        limit(resource, most);
        // A file that is full is an error of that write, and no reason to die.
        if (resource == RLIMIT_FSIZE)
            signal(SIGXFSZ, SIG_IGN);
    }
}

Process::Process(Loop& loop, pid_t child) : loop_(loop), pid_(child)
{
    watch_ = loop_.watch_child(pid_, [this](int wait_status) { ended(wait_status); });
}

Process::Process(Loop& loop, Spec spec) : loop_(loop)
{
    const UniqueFd output(spec.output.empty()
                              ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                              : ::open(spec.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!output)
        throw EnvironmentError(fmt::format("cannot write {}: {}", spec.output.string(), std::strerror(errno)));
    std::vector<char*> argv;
    for (std::string& argument : spec.arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<int> source_fds;
    std::vector<int> target_fds;
    for (const auto& [fd, number] : spec.fds) {
        source_fds.push_back(fd.get());
        target_fds.push_back(number);
    }
    ErrorSlot error;
    ChildSetup setup{getpid(), spec.limits};
    // What is not listed is closed.
    const bool started = g_spawn_async_with_pipes_and_fds(
        spec.directory.empty() ? nullptr : spec.directory.c_str(), argv.data(),
        environment_with(spec.environment).get(),
        static_cast<GSpawnFlags>(G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH), in_child, &setup, spec.input.get(),
        output.get(), output.get(), source_fds.data(), target_fds.data(), source_fds.size(), &pid_, nullptr, nullptr,
        nullptr, error.out());
    if (!started)
        throw EnvironmentError("cannot run " + spec.arguments.at(0) + ": " + error.text());
    watch_ = loop_.watch_child(pid_, [this](int wait_status) { ended(wait_status); });
}

Process::~Process()
{
    if (!running())
        return;
    watch_ = Watch();
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void Process::ended(int wait_status)
{
    status_ = WIFSIGNALED(wait_status) ? ExitStatus::signalled(WTERMSIG(wait_status))
                                       : ExitStatus::exited(WEXITSTATUS(wait_status));
    if (on_exit_)
        on_exit_(*status_);
}

void Process::send_signal(int signal) noexcept
{
    if (running())
        ::kill(pid_, signal);
}

ExitStatus Process::wait(Deadline deadline, const std::string& what)
{
    loop_.until([this] { return !running(); }, deadline, what);
    return *exit_status();
}

} // namespace qtest

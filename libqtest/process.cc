// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "errors.h"
#include "glib_ptr.h"

namespace qtest
{

struct Process::Child {
    ObjectPtr<GSubprocess> subprocess;
};

namespace
{

/// Runs in the child between fork and exec: only async-signal-safe calls.
void in_child(gpointer parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != GPOINTER_TO_INT(parent)) // it died before the line above
        _exit(127);
}

ExitStatus status_of(GSubprocess* subprocess)
{
    if (g_subprocess_get_if_signaled(subprocess))
        return ExitStatus::signalled(g_subprocess_get_term_sig(subprocess));
    return ExitStatus::exited(g_subprocess_get_exit_status(subprocess));
}

} // namespace

std::string ExitStatus::text() const
{
    if (by_signal)
        return fmt::format("was killed by signal {} ({})", number, strsignal(number));
    return fmt::format("exited with status {}", number);
}

Process::Process(Loop& loop, Spec spec)
    : loop_(loop), state_(std::make_shared<State>()), child_(std::make_unique<Child>())
{
    UniqueFd output(::open(spec.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    UniqueFd output_too(::fcntl(output.get(), F_DUPFD_CLOEXEC, 0));
    if (!output || !output_too)
        throw EnvironmentError(fmt::format("cannot write {}: {}", spec.output.string(), std::strerror(errno)));

    const ObjectPtr<GSubprocessLauncher> launcher(g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE));
    g_subprocess_launcher_take_stdout_fd(launcher.get(), output.release());
    g_subprocess_launcher_take_stderr_fd(launcher.get(), output_too.release());
    for (auto& [fd, number] : spec.fds)
        g_subprocess_launcher_take_fd(launcher.get(), fd.release(), number);
    for (const auto& [name, value] : spec.environment)
        g_subprocess_launcher_setenv(launcher.get(), name.c_str(), value.c_str(), TRUE);
    if (!spec.directory.empty())
        g_subprocess_launcher_set_cwd(launcher.get(), spec.directory.c_str());
    g_subprocess_launcher_set_child_setup(launcher.get(), in_child, GINT_TO_POINTER(getpid()), nullptr);

    std::vector<const char*> argv;
    for (const std::string& argument : spec.arguments)
        argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    ErrorSlot error;
    child_->subprocess.reset(g_subprocess_launcher_spawnv(launcher.get(), argv.data(), error.out()));
    if (!child_->subprocess)
        throw EnvironmentError("cannot run " + spec.arguments.at(0) + ": " + error.text());
    pid_ = static_cast<pid_t>(std::stol(g_subprocess_get_identifier(child_->subprocess.get())));

    g_subprocess_wait_async(
        child_->subprocess.get(), nullptr,
        [](GObject* subprocess, GAsyncResult*, gpointer data) {
            const std::unique_ptr<std::shared_ptr<State>> state(static_cast<std::shared_ptr<State>*>(data));
            (*state)->status = status_of(G_SUBPROCESS(subprocess));
            if ((*state)->on_exit)
                (*state)->on_exit(*(*state)->status);
        },
        new std::shared_ptr<State>(state_));
}

Process::~Process()
{
    state_->on_exit = nullptr;
    g_subprocess_force_exit(child_->subprocess.get());
    g_subprocess_wait(child_->subprocess.get(), nullptr, nullptr);
}

void Process::send_signal(int signal) noexcept { g_subprocess_send_signal(child_->subprocess.get(), signal); }

ExitStatus Process::wait(Deadline deadline, const std::string& what)
{
    loop_.until([this] { return !running(); }, deadline, what);
    return *exit_status();
}

} // namespace qtest

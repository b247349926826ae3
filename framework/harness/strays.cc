// SPDX-License-Identifier: GPL-2.0-or-later
#include "strays.h"

#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unique_fd.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

std::string content_of(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Stray> find(const std::string& assignment)
{
    std::vector<Stray> found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos)
            continue;
        const auto pid = static_cast<pid_t>(std::stol(name));
        if (pid == getpid())
            continue;
        // Unreadable for other users' processes, empty for dead ones.
        const std::string environment = '\0' + content_of(entry.path() / "environ");
        if (environment.find('\0' + assignment + '\0') == std::string::npos)
            continue;
        std::string command = content_of(entry.path() / "comm");
        if (command.ends_with('\n'))
            command.pop_back();
        found.push_back({pid, command});
    }
    return found;
}

/// Waits until the process is dead, and reaps it if it is a child; two seconds, for one stuck inside the kernel.
void await_end(pid_t pid)
{
    const qtest::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd poll_fd{process.get(), POLLIN, 0};
    if (process)
        poll(&poll_fd, 1, 2000);
    waitpid(pid, nullptr, WNOHANG);
}

} // namespace

std::vector<Stray> end_strays(const std::string& variable, const std::string& value)
{
    std::vector<Stray> all;
    // Again, as long as there are any: one may have started another. The bound is against one that forks faster.
    for (int round = 0; round < 100; round++) {
        const auto found = find(variable + "=" + value);
        if (found.empty())
            break;
        for (const Stray& stray : found)
            ::kill(stray.pid, SIGKILL);
        for (const Stray& stray : found)
            await_end(stray.pid);
        all.insert(all.end(), found.begin(), found.end());
    }
    return all;
}

void reap_adopted(const std::set<pid_t>& own_children)
{
    const std::string self = std::to_string(getpid());
    std::ifstream children("/proc/self/task/" + self + "/children");
    for (pid_t pid; children >> pid;) {
        if (!own_children.contains(pid))
            waitpid(pid, nullptr, WNOHANG);
    }
}

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include "strays.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
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

/// Whether the process was started with this; false for other users' processes and for dead ones, which are unreadable.
bool has(const fs::path& process, const std::string& assignment)
{
    const std::string environment = '\0' + content_of(process / "environ");
    return environment.find('\0' + assignment + '\0') != std::string::npos;
}

Stray describe(pid_t pid)
{
    std::string command = content_of(fmt::format("/proc/{}/comm", pid));
    if (command.ends_with('\n'))
        command.pop_back();
    return {pid, command};
}

/// One that has ended and was not reaped.
bool is_zombie(pid_t pid)
{
    // The state follows the command's name, which may hold anything, in parentheses.
    const std::string stat = content_of(fmt::format("/proc/{}/stat", pid));
    const std::size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.substr(name_end + 2, 1) == "Z";
}

/// Waits until the process is dead, and reaps it if it is a child.
void await_end(pid_t pid, qtest::Deadline deadline)
{
    const qtest::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd poll_fd{process.get(), POLLIN, 0};
    if (process)
        poll(&poll_fd, 1, static_cast<int>(deadline.left().count()));
    waitpid(pid, nullptr, WNOHANG);
}

/// Kills what `find_them` finds, and what that has started meanwhile, until nothing is found.
std::vector<Stray> end_all(const std::function<std::vector<Stray>()>& find_them)
{
    std::map<pid_t, Stray> all;
    // The bounds are against one that forks faster, and one that is stuck inside the kernel.
    const auto deadline = qtest::Deadline::unscaled(std::chrono::seconds(2));
    for (int round = 0; round < 100 && !deadline.passed(); round++) {
        const auto found = find_them();
        if (found.empty())
            break;
        for (const Stray& stray : found)
            ::kill(stray.pid, SIGKILL);
        for (const Stray& stray : found) {
            await_end(stray.pid, deadline);
            all.emplace(stray.pid, stray);
        }
    }
    std::vector<Stray> ended;
    for (const auto& [pid, stray] : all)
        ended.push_back(stray);
    return ended;
}

} // namespace

std::string left_behind(const std::vector<Stray>& strays)
{
    if (strays.size() == 1)
        return fmt::format("the case left a process behind: {} (pid {})", strays[0].command, strays[0].pid);
    return fmt::format("the case left {} processes behind, one of them {} (pid {})", strays.size(), strays[0].command,
                       strays[0].pid);
}

std::vector<Stray> find_processes(const std::string& assignment)
{
    std::vector<Stray> found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos)
            continue;
        const auto pid = static_cast<pid_t>(std::stol(name));
        if (pid != getpid() && has(entry.path(), assignment))
            found.push_back(describe(pid));
    }
    return found;
}

std::vector<Stray> end_strays(const std::string& variable, const std::string& value)
{
    return end_all([&] { return find_processes(variable + "=" + value); });
}

std::set<pid_t> children()
{
    const std::string self = std::to_string(getpid());
    const auto read = [&] {
        std::set<pid_t> result;
        std::ifstream list("/proc/self/task/" + self + "/children");
        for (pid_t pid; list >> pid;)
            result.insert(pid);
        return result;
    };
    // The kernel leaves some out when others of them end meanwhile (proc(5)).
    std::set<pid_t> now = read();
    for (int attempt = 0; attempt < 10; attempt++) {
        if (const auto before = std::exchange(now, read()); before == now)
            break;
    }
    return now;
}

std::vector<Stray> end_adopted(const std::set<pid_t>& own, const std::vector<std::string>& others)
{
    const auto is_anothers = [&](pid_t pid) {
        return std::any_of(others.begin(), others.end(), [&](const std::string& other) {
            return has(fmt::format("/proc/{}", pid), fmt::format("{}={}", case_variable, other));
        });
    };
    return end_all([&] {
        std::vector<Stray> found;
        for (bool again = true; again && found.empty();) {
            again = false;
            for (const pid_t pid : children()) {
                if (own.contains(pid))
                    continue;
                // Its own children have come to this process meanwhile.
                if (is_zombie(pid))
                    again = waitpid(pid, nullptr, WNOHANG) == pid || again;
                else if (!is_anothers(pid))
                    found.push_back(describe(pid));
            }
        }
        return found;
    });
}

} // namespace harness

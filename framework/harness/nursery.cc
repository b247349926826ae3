// SPDX-License-Identifier: GPL-2.0-or-later
#include "nursery.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "case.h"
#include "case_process.h"
#include "errors.h"
#include "log_file.h"
#include "strays.h"

namespace fs = std::filesystem;
using qtest::Deadline;
using qtest::EnvironmentError;
using qtest::Json;
using qtest::UniqueFd;

namespace harness
{

namespace
{

/// The nursery's end of the line to the runner, which carries a message at a time: orders with two descriptors one way,
/// {"pid": N} or {"error": TEXT} the other.
constexpr int line_fd = 3;
using Text = std::array<char, 4096>;
/// What a case's directory and its path may have at most to be shown in the process list.
constexpr std::size_t room = 500;

/// Room for a message's two descriptors.
using Control = std::array<char, CMSG_SPACE(2 * sizeof(int))>;

msghdr message(iovec& bytes, Control& control)
{
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    return header;
}

bool send_order(int line, std::string text, const std::array<int, 2>& fds)
{
    alignas(cmsghdr) Control control{};
    iovec bytes{text.data(), text.size()};
    msghdr header = message(bytes, control);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
    return sendmsg(line, &header, MSG_NOSIGNAL) >= 0;
}

struct Received {
    Nursery::Order order;
    UniqueFd reports;
    UniqueFd output;
};

/// The next order; nothing when there is none any more.
std::optional<Received> await_order()
{
    Text text;
    alignas(cmsghdr) Control control{};
    iovec bytes{text.data(), text.size()};
    msghdr header = message(bytes, control);
    ssize_t size;
    do
        size = recvmsg(line_fd, &header, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size <= 0)
        return std::nullopt;
    const cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    std::array<int, 2> fds;
    if (!rights || rights->cmsg_len != CMSG_LEN(sizeof fds))
        throw EnvironmentError("an order without its descriptors");
    std::memcpy(fds.data(), CMSG_DATA(rights), sizeof fds);
    UniqueFd reports(fds[0]);
    UniqueFd output(fds[1]);
    const Json order = Json::parse(std::string_view(text.data(), static_cast<std::size_t>(size)));
    return Received{{order.at("path").as_string(), order.at("directory").as_string(),
                     std::chrono::seconds(order.at("deadline").as_int())},
                    std::move(reports),
                    std::move(output)};
}

void answer(const Json& message)
{
    const std::string text = message.dump();
    static_cast<void>(!send(line_fd, text.data(), text.size(), MSG_NOSIGNAL));
}

/// Forks, and returns true in a process that is the runner's child: what loses its parent becomes its subreaper's.
bool fork_for_runner()
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        answer({{"error", fmt::format("no pipe: {}", std::strerror(errno))}});
        return false;
    }
    const UniqueFd handed_over(ends[0]);
    UniqueFd hand_over(ends[1]);
    const pid_t between = fork();
    if (between == 0) {
        hand_over.reset();
        if (const pid_t child = fork(); child != 0)
            _exit(child > 0 ? 0 : errno);
        // Only once the process between has been reaped is this surely the runner's child.
        char byte;
        while (read(handed_over.get(), &byte, 1) < 0 && errno == EINTR) {
        }
        return true;
    }
    int status = 0;
    const int error = between < 0 ? errno : 0;
    while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) {
    }
    // Whether it had forked is not known. If so that process answers; if not, the end of this one does.
    if (WIFSIGNALED(status))
        throw EnvironmentError("what was to hand a case's process over to the runner was killed");
    if (error != 0 || status != 0)
        answer({{"error", fmt::format("no process: {}", std::strerror(error != 0 ? error : WEXITSTATUS(status)))}});
    return false;
}

/// Sets the variable where others see it, in /proc/PID/environ: there the nursery has kept room.
void set_visibly(const char* name, const std::string& value)
{
    char* const place = std::getenv(name);
    if (!place || std::strlen(place) < value.size()) {
        setenv(name, value.c_str(), 1);
        return;
    }
    std::memset(place, 0, std::strlen(place));
    std::memcpy(place, value.data(), value.size());
}

/// Where that is allowed: the runner waits for each process that is made, and keeps deadlines. Whether it was.
bool put_before_cases() { return getpriority(PRIO_PROCESS, 0) == 0 && setpriority(PRIO_PROCESS, 0, -10) == 0; }

struct Origin {
    pid_t runner;
    bool before_cases;
};

[[noreturn]] void be_case(const Registry& registry, const Setting& setting, const Origin& origin, Received received)
{
    const Nursery::Order& order = received.order;
    const CaseInfo* registered = registry.find(order.path);
    if (!registered)
        throw EnvironmentError("no case " + order.path);
    CaseInfo info = *registered;
    info.deadline = order.deadline;
    qtest::Process::settle(origin.runner, {{RLIMIT_FSIZE, file_limit(info)}});
    set_visibly(case_variable, order.directory);
    set_visibly(path_variable, order.path);
    answer({{"pid", getpid()}});
    if (origin.before_cases)
        setpriority(PRIO_PROCESS, 0, 0);
    dup2(received.output.get(), STDOUT_FILENO);
    dup2(received.output.get(), STDERR_FILENO);
    static_assert(line_fd == report_fd, "the one takes the other's place");
    dup2(received.reports.get(), report_fd);
    received.output.reset();
    received.reports.reset();
    // What the nursery has is left as it is, for each page that is written to is to be copied first.
    std::exit(run_case_process(info, setting, order.directory));
}

} // namespace

Nursery::Nursery(qtest::Loop& loop, fs::path setting, std::function<void(const std::string&)> notice)
    : loop_(loop), setting_(std::move(setting)), notice_(std::move(notice))
{
    start();
}

void Nursery::start()
{
    process_.reset();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw EnvironmentError(fmt::format("no socket pair: {}", std::strerror(errno)));
    line_.reset(ends[0]);
    UniqueFd theirs(ends[1]);
    qtest::Process::Spec spec{
        .arguments = {fs::read_symlink("/proc/self/exe"), "--nursery", setting_, "--timeout-multiplier",
                      fmt::format("{}", Deadline::scale())},
        .output = {},
        .environment = {{case_variable, std::string(room, '-')}, {path_variable, std::string(room, '-')}}};
    spec.fds.emplace_back(std::move(theirs), line_fd);
    process_.emplace(loop_, std::move(spec));
}

pid_t Nursery::make_process(const Order& order, int reports, int output)
{
    if (const auto pid = ask(order, reports, output))
        return *pid;
    notice_("the process that makes the cases' processes is gone or silent: another one is started");
    start();
    if (const auto pid = ask(order, reports, output))
        return *pid;
    throw EnvironmentError(fmt::format("no process for {}: what was to make it is gone or silent", order.path));
}

/// The process it has made; nothing when the nursery is no more.
std::optional<pid_t> Nursery::ask(const Order& order, int reports, int output)
{
    const Json message{
        {"path", order.path}, {"directory", order.directory.string()}, {"deadline", order.deadline.count()}};
    if (!send_order(line_.get(), message.dump(), {reports, output}))
        return std::nullopt;
    const auto deadline = Deadline::in(std::chrono::seconds(5));
    pollfd poll_fd{line_.get(), POLLIN, 0};
    int ready;
    do
        ready = poll(&poll_fd, 1, static_cast<int>(deadline.left().count()));
    while (ready < 0 && errno == EINTR);
    Text text;
    const ssize_t size = ready > 0 ? recv(line_.get(), text.data(), text.size(), 0) : 0;
    if (size <= 0)
        return std::nullopt;
    const Json said = Json::parse(std::string_view(text.data(), static_cast<std::size_t>(size)));
    if (const auto error = said.find("error"))
        throw EnvironmentError(fmt::format("no process for {}: {}", order.path, error->as_string()));
    return static_cast<pid_t>(said.at("pid").as_int());
}

int be_nursery(const Registry& registry, const fs::path& setting_file, double scale)
{
    const Origin origin{getppid(), put_before_cases()};
    Deadline::set_scale(scale);
    const Setting setting = Setting::load(Json::parse(qtest::read_file(setting_file)));
    while (auto order = await_order()) {
        if (fork_for_runner())
            be_case(registry, setting, origin, std::move(*order));
    }
    return 0;
}

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "errors.h"

namespace qtest
{

namespace
{

constexpr int qmp_fd = 3;
constexpr int qtest_fd = 4;
constexpr int console_fd = 5;

/// Names the three lines; `socket(id, fd)` says how the character device is reached.
std::vector<std::string> line_arguments(const std::function<std::string(const char* id, int fd)>& socket)
{
    return {"-chardev",   socket("qmp", qmp_fd),
            "-qmp",       "chardev:qmp",
            "-chardev",   socket("qtest", qtest_fd),
            "-qtest",     "chardev:qtest",
            "-qtest-log", g_getenv("QTEST_LOG") ? "/dev/fd/2" : "/dev/null",
            "-chardev",   socket("serial0", console_fd),
            "-serial",    "chardev:serial0"};
}

std::vector<std::string> arguments_of(const Machine::Config& config, std::vector<std::string> lines)
{
    std::vector<std::string> all{config.binary, "-nodefaults", "-no-user-config", "-display", "none",
                                 // a core is for its threads
                                 "-machine", "dump-guest-core=off"};
    all.insert(all.end(), lines.begin(), lines.end());
    all.insert(all.end(), config.arguments.begin(), config.arguments.end());
    return all;
}

bool is_incoming(const std::vector<std::string>& arguments)
{
    return std::find(arguments.begin(), arguments.end(), "-incoming") != arguments.end();
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

std::filesystem::path made(std::filesystem::path directory)
{
    std::error_code error;
    std::filesystem::create_directory(directory, error);
    if (error)
        throw EnvironmentError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
    return directory;
}

/// A QEMU without its guest's RAM takes 12 to 16 MiB.
constexpr rlim_t core_limit = 512 * 1024 * 1024;

/// A hook that writes down what passes.
template <class M>
std::function<M(M)> noting(std::function<void(const M&)> note)
{
    return [note = std::move(note)](M message) {
        note(message);
        return message;
    };
}

} // namespace

struct Machine::Lines {
    SocketPair qmp;
    SocketPair qtest;
    SocketPair console;

    std::vector<std::pair<UniqueFd, int>> childs_ends()
    {
        std::vector<std::pair<UniqueFd, int>> ends;
        ends.emplace_back(std::move(qmp.theirs), qmp_fd);
        ends.emplace_back(std::move(qtest.theirs), qtest_fd);
        ends.emplace_back(std::move(console.theirs), console_fd);
        return ends;
    }
};

Machine::Machine(Loop& loop, Config config) : Machine(loop, std::move(config), Lines()) {}

Machine::Machine(Loop& loop, Config config, Lines lines)
    : loop_(loop), config_(std::move(config)), run_states_(is_incoming(config_.arguments), started_),
      qmp_(loop, config_.name + "'s monitor"), qtest_(loop, config_.name + "'s qtest server"),
      console_(loop, std::move(lines.console.ours), config_.name, config_.directory / (config_.name + ".console.log")),
      qmp_log_(config_.directory / (config_.name + ".qmp.jsonl")),
      qtest_log_(config_.directory / (config_.name + ".qtest.log")),
      process_(loop, {.arguments = joined(config_.wrapper.command,
                                          arguments_of(config_, line_arguments([](const char* id, int fd) {
                                                           return fmt::format("socket,id={},fd={}", id, fd);
                                                       }))),
                      .output = config_.directory / (config_.name + ".stderr"),
                      .fds = lines.childs_ends(),
                      .directory = made(core_directory()),
                      .limits = {{RLIMIT_CORE, core_limit}, {RLIMIT_FSIZE, config_.file_limit}}})
{
    write_file(config_.directory / (config_.name + ".command-line"), command_line() + "\n");
    process_.on_exit([this](const ExitStatus& status) { exited(status); });
    qmp_.on_outbound(noting<Json>([this](const Json& message) {
        run_states_.sent(message);
        qmp_log_.line(Json{{"sent", message}}.dump());
    }));
    qmp_.on_inbound(noting<Json>([this](const Json& message) {
        run_states_.received(message, epoch_seconds());
        qmp_log_.line(Json{{"received", message}}.dump());
    }));
    // A dump of guest memory is no evidence anybody reads.
    qtest_.on_outbound(noting<std::string>([this](const auto& line) { qtest_log_.line("> " + line.substr(0, 200)); }));
    qtest_.on_inbound(noting<std::string>([this](const auto& line) { qtest_log_.line("< " + line.substr(0, 200)); }));
    const auto explainer = [this](const std::string& cause, std::function<void(std::string)> explained) {
        explain_loss(cause, std::move(explained));
    };
    qmp_.on_loss(explainer);
    qtest_.on_loss(explainer);
    ready_ = qmp_.connect_async(std::move(lines.qmp.ours));
    qtest_.connect_async(std::move(lines.qtest.ours));
}

std::string Machine::verdict(const ExitStatus& status) const
{
    std::string text = fmt::format("{}: QEMU {}, which the case did not announce", name(), status.text());
    if (expected_)
        text = fmt::format("{}: QEMU {}, but the case announced: {}", name(), status.text(), expected_->text());
    const Wrapper& wrapper = config_.wrapper;
    if (!wrapper.log.empty())
        text += fmt::format("; {} said last: {}", wrapper.command.at(0), read_tail(wrapper.log, 2000));
    const std::string words = last_words();
    return text + (words.empty() ? "; it wrote nothing to stderr" : "; its last words: " + words);
}

pid_t Machine::pid() const
{
    pid_t pid = process_.pid();
    if (config_.wrapper.forks)
        std::ifstream(fmt::format("/proc/{}/task/{}/children", pid, pid)) >> pid;
    return pid;
}

std::optional<std::string> Machine::unannounced_end() const
{
    const auto& status = process_.exit_status();
    return status && status != expected_ ? std::optional(verdict(*status)) : std::nullopt;
}

void Machine::exited(const ExitStatus& status)
{
    ended_ = epoch_seconds();
    if (status != expected_ && !any_exit_will_do_)
        loop_.fail(std::make_exception_ptr(TestFailure(verdict(status))));
    explain();
    // What it said last is still to be read, and its sockets end then; unless a child of it holds them open.
    burial_ = loop_.after(std::chrono::milliseconds(500), [this] {
        burial_ = Watch();
        qmp_.peer_ended("its process ended");
        qtest_.peer_ended("its process ended");
    });
}

/// A lost connection mostly means that the process ended: its status is known a moment later, and says more.
void Machine::explain_loss(const std::string& cause, std::function<void(std::string)> explained)
{
    losses_.emplace_back(cause, std::move(explained));
    if (process_.exit_status())
        explain();
    else
        patience_ = loop_.after(std::chrono::seconds(1), [this] { explain(); });
}

void Machine::explain()
{
    patience_ = Watch();
    const auto& status = process_.exit_status();
    const std::string what = status ? "QEMU " + status->text() : "the connection is lost, but QEMU did not exit";
    const std::string words = last_words();
    for (const auto& [cause, explained] : std::exchange(losses_, {}))
        explained(fmt::format("{}: {} ({}){}", name(), what, cause, words.empty() ? "" : "; its last words: " + words));
}

void Machine::wait_exit(Deadline deadline)
{
    const ExitStatus status = process_.wait(
        deadline, fmt::format("the end of {} ({})", name(), expected_ ? expected_->text() : "not announced"));
    if (status != expected_)
        throw TestFailure(verdict(status));
}

void Machine::quit()
{
    if (!expected_)
        expected_ = ExitStatus::exited(0);
    // The reply may be lost with QEMU's end: the exit status is the verdict.
    qmp_.execute_async("quit");
}

void Machine::kill()
{
    expected_ = ExitStatus::signalled(SIGKILL);
    process_.send_signal(SIGKILL);
    wait_exit(Deadline::in(std::chrono::seconds(10)));
}

std::string Machine::command_line() const
{
    const auto lines = line_arguments([this](const char* id, int) {
        return fmt::format("socket,id={},path=/tmp/{}-{}.sock,server=on,wait=off", id, name(), id);
    });
    return shell_line(arguments_of(config_, lines));
}

std::string Machine::last_words() const
{
    std::string text = read_tail(config_.directory / (name() + ".stderr"), 1000);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

void Machine::await_words(const std::string& words, Deadline deadline)
{
    const UniqueFd changes(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const std::string file = config_.directory / (name() + ".stderr");
    if (!changes || inotify_add_watch(changes.get(), file.c_str(), IN_MODIFY) < 0)
        throw EnvironmentError(fmt::format("cannot watch {}: {}", file, std::strerror(errno)));
    const Watch watch = loop_.watch(changes.get(), G_IO_IN, [&] {
        std::array<char, 4096> which;
        while (read(changes.get(), which.data(), which.size()) > 0)
            ;
    });
    loop_.until([&] { return last_words().find(words) != std::string::npos; }, deadline,
                fmt::format("'{}' on stderr of {}", words, name()), [this] { return "'" + last_words() + "'"; });
}

} // namespace qtest

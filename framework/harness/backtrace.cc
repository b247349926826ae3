// SPDX-License-Identifier: GPL-2.0-or-later
#include "backtrace.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include "errors.h"
#include "glib_ptr.h"
#include "log_file.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

/// The libraries that QEMU's threads wait in. Reading those alone instead of all 200 makes attaching ten times as fast.
constexpr const char* libraries = R"(lib\(c\|glib-2.0\|gio-2.0\|gnutls\|uring\|aio\|pthread\)[-.])";

std::vector<std::string> gdb_command(const std::string& binary)
{
    std::vector<std::string> command{"gdb", "-nx", "-q"};
    // Nothing asks the network, and nobody is there to answer a question.
    for (const char* setting : {"set debuginfod enabled off", "set auto-load off", "set auto-solib-add off",
                                "set prompt", "set confirm off", "set pagination off", "set width 0"})
        command.insert(command.end(), {"-iex", setting});
    command.push_back(binary);
    return command;
}

bool is_core(const fs::path& path)
{
    Elf64_Ehdr header{};
    std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof header);
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_type == ET_CORE;
}

std::optional<fs::path> core_in(const fs::path& directory)
{
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator(directory, gone)) {
        if (is_core(entry.path()))
            return entry.path();
    }
    return {};
}

std::string no_core()
{
    std::string pattern;
    std::getline(std::ifstream("/proc/sys/kernel/core_pattern"), pattern);
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    return fmt::format("It left no core where it ran: /proc/sys/kernel/core_pattern is '{}', `ulimit -H -c` {}.",
                       pattern, limit.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_max));
}

std::pair<qtest::UniqueFd, qtest::UniqueFd> make_pipe()
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw qtest::EnvironmentError(fmt::format("no pipe for gdb: {}", g_strerror(errno)));
    return {qtest::UniqueFd(ends[0]), qtest::UniqueFd(ends[1])};
}

} // namespace

bool Backtrace::is_crash(const qtest::ExitStatus& status)
{
    // signal(7): those whose action is to dump core, except those of limits and terminals.
    constexpr std::array signals{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSYS, SIGTRAP};
    return status.by_signal && std::find(signals.begin(), signals.end(), status.number) != signals.end();
}

Backtrace::Backtrace(qtest::Loop& loop, qtest::Machine& machine)
    : machine_(machine), file_(machine.config().directory / (machine.name() + ".backtrace"))
{
    if (!qtest::CharPtr(g_find_program_in_path("gdb"))) {
        obstacle_ = "gdb is not installed: no backtrace.";
        return;
    }
    try {
        auto [gdbs_end, ours] = make_pipe();
        commands_ = std::move(ours);
        gdb_.emplace(loop, qtest::Process::Spec{.arguments = gdb_command(machine.config().binary),
                                                .output = file_,
                                                .input = std::move(gdbs_end),
                                                .limits = {{RLIMIT_FSIZE, 16 * 1024 * 1024}}});
    } catch (const qtest::Error& error) {
        obstacle_ = error.what();
    }
}

Backtrace::~Backtrace()
{
    give_up();
    std::error_code ignored; // the scratch directory goes as a whole soon
    if (!looked_)
        fs::remove(file_, ignored);
    if (const auto core = core_in(machine_.core_directory()))
        fs::remove(*core, ignored);
}

void Backtrace::look()
{
    looked_ = true;
    std::string target = fmt::format("attach {}", machine_.pid());
    if (machine_.config().wrapper.forks) {
        obstacle_ = "QEMU runs under a debugger already.";
    } else if (machine_.process().running()) {
        attached_ = true;
    } else if (const auto core = core_in(machine_.core_directory())) {
        target = "core-file " + core->string();
    } else {
        obstacle_ = no_core();
    }
    if (!obstacle_.empty()) {
        gdb_.reset();
        say(obstacle_);
        return;
    }
    // Fits into the pipe; should gdb have ended already, its words say why.
    const std::string commands = fmt::format("{}\nsharedlibrary {}\nthread apply all backtrace\n", target, libraries);
    auto* const before = signal(SIGPIPE, SIG_IGN);
    static_cast<void>(!write(commands_.get(), commands.data(), commands.size()));
    signal(SIGPIPE, before);
    commands_.reset(); // its end makes gdb detach and quit
}

void Backtrace::say(const std::string& text) const { qtest::LogFile(file_).line(text); }

void Backtrace::give_up() noexcept
{
    if (done())
        return;
    gdb_.reset();
    // gdb stops what it looks at by SIGSTOP, which may be still on its way.
    if (attached_)
        machine_.process().send_signal(SIGCONT);
    try {
        if (looked_)
            say("gdb was ended: there was no time left. What stands above is as far as it came.");
    } catch (const qtest::Error&) {
        // The disk is full: then the end of the file is missing, and nothing else.
    }
}

} // namespace harness

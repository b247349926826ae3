// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_directory.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <glib.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "strays.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

[[noreturn]] void be_janitor(const fs::path& directory, int runners_end)
{
    // Out of reach of a terminal's signals and of whoever waits for our output to end.
    setsid();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        ::signal(signal, SIG_IGN);
    const qtest::UniqueFd null(::open("/dev/null", O_RDWR));
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        dup2(null.get(), standard);
    char byte;
    while (read(runners_end, &byte, 1) < 0 && errno == EINTR) {
    }
    end_strays(run_variable, directory.string());
    std::error_code ignored; // there is nobody left to tell
    fs::remove_all(directory, ignored);
    _exit(0);
}

} // namespace

RunDirectory::RunDirectory()
{
    std::string path = fmt::format("{}/migration-test-XXXXXX", g_get_tmp_dir());
    constexpr std::size_t room = 30; // for a case's number and a socket's name
    if (path.size() + room > sizeof sockaddr_un::sun_path)
        throw qtest::EnvironmentError(
            fmt::format("TMPDIR is too long a path for UNIX sockets below it: {}", g_get_tmp_dir()));
    if (!g_mkdtemp(path.data()))
        throw qtest::EnvironmentError(
            fmt::format("cannot make a directory below {}: {}", g_get_tmp_dir(), std::strerror(errno)));
    path_ = path;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        throw qtest::EnvironmentError(fmt::format("no pipe: {}", std::strerror(errno)));
    qtest::UniqueFd runners_end(ends[0]);
    alive_.reset(ends[1]);
    janitor_ = fork();
    if (janitor_ < 0)
        throw qtest::EnvironmentError(fmt::format("no process: {}", std::strerror(errno)));
    if (janitor_ == 0) {
        alive_.reset();
        be_janitor(path_, runners_end.get());
    }
    // Whatever is started from here on can be found by it.
    setenv(run_variable, path_.c_str(), 1);
}

RunDirectory::~RunDirectory()
{
    alive_.reset();
    waitpid(janitor_, nullptr, 0);
}

} // namespace harness

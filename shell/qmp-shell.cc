// SPDX-License-Identifier: GPL-2.0-or-later
//
// qmp-shell: talks QMP to a running QEMU, or to one it starts. Typed at, it completes, remembers, and shows events as
// they come; with -c, or with its input not a terminal, it is a script's tool.
#include <csignal>
#include <cstdio>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "command_line.h"
#include "completion.h"
#include "event_listener.h"
#include "process.h"
#include "terminal.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Json;

constexpr const char* summary = "Talks QMP to QEMU.";
constexpr const char* description = "SOCKET is the path, or HOST:PORT, of a monitor made with\n"
                                    "  -qmp unix:PATH,server=on,wait=off\n"
                                    "With -- a QEMU is started with a monitor of its own, and ends with the shell.\n"
                                    "\n"
                                    "A command is typed as NAME ARGUMENT=VALUE..., or as a QMP message in JSON:\n"
                                    "  migrate uri=tcp:127.0.0.1:4444\n"
                                    "  blockdev-add driver=raw node-name=disk file.driver=null-co\n"
                                    "  exec-oob query-yank\n"
                                    "  hmp info status\n"
                                    "  {\"execute\": \"query-status\"}\n"
                                    "\n"
                                    "Exit status: 0 all was done, 1 QEMU refused a command (what follows it is not\n"
                                    "done), 2 wrong usage, no connection, a lost connection, or no reply in time.\n";

/// For interactive waiting: as long as one likes.
const Deadline never = Deadline::unscaled(std::chrono::hours(24 * 365));

struct Options {
    std::vector<std::string> commands;
    std::chrono::seconds timeout{20};
    bool compact = false;
    bool events = false;
    std::optional<std::string> socket;
    std::vector<std::string> qemu; // to be started
};

Options parse(int argc, char** argv)
{
    Options options;
    // GOption would drop the "--" that tells a QEMU from a socket.
    int own = argc;
    for (int i = 1; i < argc; i++) {
        if (std::string_view(argv[i]) == "--") {
            options.qemu.assign(argv + i + 1, argv + argc);
            if (options.qemu.empty())
                throw qtest::UsageError("nothing to start after --");
            own = i;
            break;
        }
    }
    std::vector<char*> arguments(argv, argv + own);
    arguments.push_back(nullptr);

    gchar** commands = nullptr;
    gchar** rest = nullptr;
    gint seconds = 20;
    gboolean compact = FALSE;
    gboolean events = FALSE;
    const GOptionEntry entries[] = {
        {"command", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &commands,
         "Do this, print what it returns as JSON, and end; may be repeated", "COMMAND"},
        {"compact", 0, 0, G_OPTION_ARG_NONE, &compact, "Print JSON in one line", nullptr},
        {"events", 'e', 0, G_OPTION_ARG_NONE, &events, "With -c: print events too, on stderr", nullptr},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &seconds, "Wait so long for a connection or a reply (20)", "SECONDS"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &rest, nullptr, nullptr},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
        g_option_context_new("SOCKET | -- QEMU-COMMAND…"), g_option_context_free);
    g_option_context_set_summary(context.get(), summary);
    g_option_context_set_description(context.get(), description);
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    qtest::ErrorSlot error;
    int count = own;
    char** pointer = arguments.data();
    const bool understood = g_option_context_parse(context.get(), &count, &pointer, error.out()) != FALSE;
    const std::unique_ptr<gchar*, decltype(&g_strfreev)> keep_commands(commands, g_strfreev);
    const std::unique_ptr<gchar*, decltype(&g_strfreev)> keep_rest(rest, g_strfreev);
    if (!understood)
        throw qtest::UsageError(error.text());
    for (gchar** one = commands; one && *one; one++)
        options.commands.emplace_back(*one);
    const std::size_t sockets = rest ? g_strv_length(rest) : 0;
    if (sockets + (options.qemu.empty() ? 0 : 1) != 1)
        throw qtest::UsageError("give one SOCKET, or -- and the command that starts a QEMU; see --help");
    if (sockets)
        options.socket = rest[0];
    if (seconds <= 0)
        throw qtest::UsageError("--timeout needs a number of seconds above 0");
    options.timeout = std::chrono::seconds(seconds);
    options.compact = compact;
    options.events = events;
    return options;
}

std::string shown(const Json& value, const Options& options) { return options.compact ? value.dump() : value.pretty(); }

std::string shown(const qtest::Event& event)
{
    const std::unique_ptr<GDateTime, decltype(&g_date_time_unref)> when(
        g_date_time_new_from_unix_local(event.timestamp_us / 1'000'000), g_date_time_unref);
    const qtest::CharPtr clock(g_date_time_format(when.get(), "%H:%M:%S"));
    return fmt::format("[{}.{:06}] {}{}", clock.get(), event.timestamp_us % 1'000'000, event.name,
                       event.data.size() ? " " + event.data.dump() : "");
}

/// The QEMU started for this shell.
class OwnQemu
{
  public:
    OwnQemu(qtest::Loop& loop, const std::vector<std::string>& command) : OwnQemu(loop, command, qtest::SocketPair()) {}

    qtest::UniqueFd take_monitor() { return std::move(monitor_); }
    qtest::Process& process() { return process_; }

  private:
    OwnQemu(qtest::Loop& loop, const std::vector<std::string>& command, qtest::SocketPair pair)
        : monitor_(std::move(pair.ours)), process_(loop, spec(command, std::move(pair.theirs)))
    {
    }
    static qtest::Process::Spec spec(std::vector<std::string> command, qtest::UniqueFd socket)
    {
        command.insert(command.end(), {"-chardev", "socket,id=qmp-shell,fd=3", "-qmp", "chardev:qmp-shell"});
        qtest::Process::Spec spec{.arguments = std::move(command), .output = {}};
        spec.fds.emplace_back(std::move(socket), 3);
        return spec;
    }

    qtest::UniqueFd monitor_;
    qtest::Process process_;
};

void run_script(qtest::QmpClient& qmp, const Options& options, const std::vector<std::string>& commands)
{
    qtest::EventListener events(qmp);
    const auto show_events = [&] {
        for (const qtest::Event& event : events.clear()) {
            if (options.events)
                fmt::print(stderr, "{}\n", shown(event));
        }
    };
    for (const std::string& command : commands) {
        if (command.find_first_not_of(" \t") == std::string::npos)
            continue;
        const Json value = qmp.execute_msg(shell::message_of(command), options.timeout);
        show_events();
        const std::string text =
            value.is_string() && command.starts_with("hmp ") ? value.as_string() : shown(value, options);
        if (std::puts(text.c_str()) < 0 || std::fflush(stdout) != 0)
            throw qtest::EnvironmentError(fmt::format("cannot write the output: {}", g_strerror(errno)));
    }
    show_events();
}

void run_terminal(qtest::Loop& loop, qtest::QmpClient& qmp, const Options& options)
{
    bool finished = false;
    bool told_to_quit = false;
    std::optional<std::string> loss;
    std::optional<shell::Terminal> terminal;
    // What an operation has to say when this has returned is for nobody.
    const auto here = std::make_shared<int>();
    const std::weak_ptr<int> still = here;
    const auto submit = [&](const std::string& line) {
        try {
            const Json message = shell::message_of(line);
            told_to_quit = message.matches({{"execute", "quit"}});
            const auto op = qmp.execute_msg_async(message);
            op.on_done([&, op, still] {
                if (still.expired())
                    return;
                try {
                    const Json value = op.get(Deadline::in(0s));
                    terminal->print(value.is_string() ? value.as_string() : shown(value, options));
                } catch (const qtest::CommandError& error) {
                    terminal->print(error.error_class() + ": " + error.description());
                } catch (const qtest::Error& error) {
                    terminal->print(error.what());
                }
                terminal->prompt();
            });
        } catch (const qtest::Error& error) {
            terminal->print(error.what());
            terminal->prompt();
        }
    };
    const std::string history = std::string(g_get_home_dir()) + "/.qmp-shell_history";
    terminal.emplace(loop, shell::Completion(qmp.execute("query-qmp-schema")), history, submit,
                     [&] { finished = true; });
    const Json version = qmp.execute("query-version").at("qemu");
    terminal->print(fmt::format("Connected to QEMU {}.{}.{}. Tab completes, Ctrl-D ends.", version.at("major").as_int(),
                                version.at("minor").as_int(), version.at("micro").as_int()));
    qtest::EventListener events(qmp);
    std::function<void()> await_event = [&] {
        const auto op = events.next_async();
        op.on_done([&, op, still] {
            if (still.expired())
                return;
            try {
                terminal->print(shown(op.get(Deadline::in(0s))));
                await_event();
            } catch (const qtest::Error& error) {
                loss = error.what();
                finished = true;
            }
        });
    };
    await_event();
    terminal->prompt();
    loop.until([&] { return finished; }, never, "the end of input");
    if (loss && !told_to_quit)
        throw qtest::ConnectionLost(*loss);
}

void run_session(qtest::Loop& loop, qtest::QmpClient& qmp, const Options& options)
{
    if (!options.commands.empty()) {
        run_script(qmp, options, options.commands);
    } else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        run_terminal(loop, qmp, options);
    } else {
        for (std::string line; std::getline(std::cin, line);)
            run_script(qmp, options, {line});
    }
}

/// With a QEMU that runs already.
void run_connected(const Options& options)
{
    qtest::Loop loop;
    qtest::QmpClient qmp(loop, "QEMU");
    qmp.connect(qtest::Address::parse(*options.socket), Deadline::in(options.timeout));
    run_session(loop, qmp, options);
    // A command may have been what made it end: every one was answered.
    const bool there = qmp.runstate() == qtest::Runstate::running;
    qmp.disconnect(Deadline::in(options.timeout), there ? qtest::Peer::stays : qtest::Peer::hangs_up);
}

/// ": QEMU exited with status 1", when it does so at once; nothing else is known otherwise.
std::string how_it_ended(qtest::Process& process)
{
    try {
        return ": QEMU " + process.wait(Deadline::in(1s), "the end of QEMU").text();
    } catch (const qtest::Timeout&) {
        return "";
    }
}

/// With one that lives as long as the shell.
void run_own(const Options& options)
{
    qtest::Loop loop;
    OwnQemu own(loop, options.qemu);
    qtest::QmpClient qmp(loop, "QEMU");
    const auto end = [&] { return own.process().wait(Deadline::in(options.timeout), "the end of QEMU"); };
    try {
        qmp.connect(own.take_monitor(), Deadline::in(options.timeout));
        run_session(loop, qmp, options);
    } catch (const qtest::ConnectError& error) {
        throw qtest::ConnectionLost(error.what() + how_it_ended(own.process()));
    } catch (const qtest::ConnectionLost& error) {
        throw qtest::ConnectionLost(error.what() + how_it_ended(own.process()));
    }
    if (qmp.runstate() == qtest::Runstate::running)
        qmp.execute_async("quit");
    qmp.disconnect(Deadline::in(options.timeout), qtest::Peer::hangs_up);
    if (const auto status = end(); status != qtest::ExitStatus::exited(0))
        throw qtest::ConnectionLost("QEMU " + status.text());
}

} // namespace

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const Options options = parse(argc, argv);
        options.socket ? run_connected(options) : run_own(options);
        return 0;
    } catch (const qtest::ExecuteError& error) {
        fmt::print(stderr, "qmp-shell: {}: {}\n", error.error_class(), error.description());
        return 1;
    } catch (const qtest::Error& error) {
        fmt::print(stderr, "qmp-shell: {}\n", error.what());
        return 2;
    }
}

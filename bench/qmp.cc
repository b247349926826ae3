// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the QMP client costs. own_cpu_us is CPU time of this process, the kernel's on its behalf included. What of that
// is the client's shows against "bare": the same exchange by write() and read() alone, which pays for the system calls
// and for waking QEMU, and nothing else; "client_adds_us" is the difference.
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "process.h"
#include "qemu_binary.h"
#include "qmp_client.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Json;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

/// CPU time of this process from its making on.
class Cpu
{
  public:
    Cpu() { getrusage(RUSAGE_SELF, &start_); }

    /// Adds to the figures what one of `count` rounds cost: all, and the part outside the kernel.
    Json& add_to(Json& figures, std::size_t count) const
    {
        rusage now{};
        getrusage(RUSAGE_SELF, &now);
        const double user = of(now.ru_utime) - of(start_.ru_utime);
        const double kernel = of(now.ru_stime) - of(start_.ru_stime);
        figures.set("own_cpu_us", (user + kernel) / static_cast<double>(count));
        return figures.set("own_user_cpu_us", user / static_cast<double>(count));
    }

  private:
    static double of(const timeval& time)
    {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    }
    rusage start_{};
};

std::int64_t resident_kib()
{
    std::int64_t total = 0;
    std::int64_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/// Of the sorted samples, the one that `part` of them do not exceed.
double quantile(std::vector<double> samples, double part)
{
    std::sort(samples.begin(), samples.end());
    return samples[std::min(samples.size() - 1, static_cast<std::size_t>(part * static_cast<double>(samples.size())))];
}

/// A QEMU without a machine, and a client of it.
class Qemu
{
  public:
    explicit Qemu(qtest::Loop& loop) : Qemu(loop, qtest::SocketPair()) {}

    /// Another handle of the client's socket, for one who does without the client from now on.
    qtest::UniqueFd take_socket()
    {
        client.close();
        return std::move(copy_);
    }

  private:
    Qemu(qtest::Loop& loop, qtest::SocketPair pair)
        : copy_(fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, 3)), client(loop, "QEMU"),
          process_(loop, spec(std::move(pair.theirs)))
    {
        client.connect(std::move(pair.ours), Deadline::in(20s));
    }

    static qtest::Process::Spec spec(qtest::UniqueFd socket)
    {
        qtest::Process::Spec spec{.arguments = {qtest::qemu_binary(), "-nodefaults", "-display", "none", "-machine",
                                                "none", "-chardev", "socket,id=qmp,fd=3", "-qmp", "chardev:qmp"},
                                  .output = "/dev/null"};
        spec.fds.emplace_back(std::move(socket), 3);
        return spec;
    }

    qtest::UniqueFd copy_;

  public:
    qtest::QmpClient client;

  private:
    qtest::Process process_;
};

Json round_trips(std::size_t count, std::size_t in_flight)
{
    qtest::Loop loop;
    Qemu qemu(loop);
    std::vector<double> times;
    std::deque<std::pair<Clock::time_point, qtest::Op<Json>>> under_way;
    const auto finish_one = [&] {
        under_way.front().second.get(Deadline::in(20s));
        times.push_back(microseconds(Clock::now() - under_way.front().first));
        under_way.pop_front();
    };
    const auto start = Clock::now();
    const Cpu cpu;
    for (std::size_t i = 0; i < count; i++) {
        const auto sent = Clock::now();
        under_way.emplace_back(sent, qemu.client.execute_async("query-version"));
        if (under_way.size() == in_flight)
            finish_one();
    }
    while (!under_way.empty())
        finish_one();
    const double n = static_cast<double>(count);
    Json figures{{"per_second", n / (microseconds(Clock::now() - start) / 1e6)},
                 {"median_us", quantile(times, 0.5)},
                 {"p99_us", quantile(times, 0.99)}};
    return cpu.add_to(figures, count);
}

Json bare_round_trips(std::size_t count)
{
    qtest::Loop loop;
    Qemu qemu(loop);
    const qtest::UniqueFd socket = qemu.take_socket();
    const std::string command = "{\"execute\": \"query-version\", \"id\": \"libqtest-12345\"}\n";
    std::vector<double> times;
    std::array<char, 4096> reply;
    const Cpu cpu;
    for (std::size_t i = 0; i < count; i++) {
        const auto sent = Clock::now();
        bool well = write(socket.get(), command.data(), command.size()) == static_cast<ssize_t>(command.size());
        ssize_t size = 0;
        do {
            pollfd ready{socket.get(), POLLIN, 0};
            poll(&ready, 1, -1);
            size = well ? read(socket.get(), reply.data(), reply.size()) : 0;
        } while (size > 0 && reply[static_cast<std::size_t>(size) - 1] != '\n');
        if (size <= 0)
            throw qtest::ConnectionLost("QEMU went away");
        times.push_back(microseconds(Clock::now() - sent));
    }
    Json figures{{"median_us", quantile(times, 0.5)}, {"p99_us", quantile(times, 0.99)}};
    return cpu.add_to(figures, count);
}

Json first_reply(std::size_t count)
{
    std::vector<double> times;
    for (std::size_t i = 0; i < count; i++) {
        qtest::Loop loop;
        const auto start = Clock::now();
        Qemu qemu(loop);
        qemu.client.execute("query-version");
        times.push_back(microseconds(Clock::now() - start));
    }
    return Json{{"median_us", quantile(times, 0.5)}, {"p99_us", quantile(times, 0.99)}};
}

/// Written by a child of this process, so that only reading them counts.
Json events(std::size_t count)
{
    qtest::Loop loop;
    qtest::SocketPair pair;
    const pid_t writer = fork();
    if (writer == 0) {
        const std::string event = "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 123456}, \"event\": "
                                  "\"MIGRATION\", \"data\": {\"status\": \"active\"}}\r\n";
        for (std::size_t i = 0; i < count; i++) {
            for (std::size_t sent = 0; sent < event.size();) {
                const ssize_t size = write(pair.theirs.get(), event.data() + sent, event.size() - sent);
                if (size < 0)
                    _exit(1);
                sent += static_cast<std::size_t>(size);
            }
        }
        _exit(0);
    }
    pair.theirs.reset();
    constexpr std::size_t batch = 1000;
    std::vector<double> times; // of one event, over each batch
    auto batch_start = Clock::now();
    qtest::QmpClient client(loop, "writer", {.await_greeting = false, .negotiate = false});
    client.on_inbound([&, seen = std::size_t{0}](Json message) mutable {
        if (++seen % batch == 0) {
            const auto now = Clock::now();
            times.push_back(microseconds(now - std::exchange(batch_start, now)) / batch);
        }
        return message;
    });
    const auto start = Clock::now();
    const Cpu cpu;
    client.connect(std::move(pair.ours), Deadline::in(20s));
    loop.until([&] { return client.events().mark() == count; }, Deadline::in(60s), "the events");
    Json figures{{"events", static_cast<std::int64_t>(count)},
                 {"total_us", microseconds(Clock::now() - start)},
                 {"median_us", quantile(times, 0.5)},
                 {"p99_us", quantile(times, 0.99)}};
    cpu.add_to(figures, count);
    client.close();
    waitpid(writer, nullptr, 0);
    return figures;
}

Json memory(std::size_t count)
{
    qtest::Loop loop;
    Qemu qemu(loop);
    const auto run = [&](std::size_t rounds) {
        for (std::size_t i = 0; i < rounds; i++)
            qemu.client.execute("query-version");
        return resident_kib();
    };
    // The first tenth fills what is filled once: the allocator's and the kernel's.
    const std::int64_t before = run(count / 10);
    const std::int64_t half = run(count * 4 / 10);
    const std::int64_t after = run(count / 2);
    constexpr std::int64_t allowance = 256; // KiB, for the allocator's own moods
    if (after > before + allowance)
        throw qtest::TestFailure(
            fmt::format("memory grew from {} to {} KiB over {} round trips", before, after, count));
    return Json{{"round_trips", static_cast<std::int64_t>(count)},
                {"resident_kib_after_tenth", before},
                {"resident_kib_after_half", half},
                {"resident_kib_at_end", after}};
}

} // namespace

int main(int argc, char** argv)
{
    gboolean json = FALSE;
    gint soak = 0;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print one JSON object", nullptr},
        {"soak", 0, 0, G_OPTION_ARG_INT, &soak, "Watch the memory over N round trips, too", "N"},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
        g_option_context_new("- what the QMP client costs"), g_option_context_free);
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    qtest::ErrorSlot error;
    if (!g_option_context_parse(context.get(), &argc, &argv, error.out()) || argc > 1) {
        fmt::print(stderr, "qmp: {}\n", argc > 1 ? std::string("unexpected argument ") + argv[1] : error.text());
        return 2;
    }
    try {
        std::vector<std::pair<const char*, std::function<Json()>>> parts{
            {"serial", [] { return round_trips(20'000, 1); }},
            {"bare", [] { return bare_round_trips(20'000); }},
            {"8 in flight", [] { return round_trips(20'000, qtest::QmpClient::in_flight_limit); }},
            {"first reply", [] { return first_reply(21); }},
            {"events", [] { return events(100'000); }}};
        if (soak > 0)
            parts.emplace_back("memory", [&] { return memory(static_cast<std::size_t>(soak)); });
        Json all{{"qemu", qtest::qemu_binary()}};
        for (const auto& [name, measure] : parts) {
            Json figures = measure();
            if (name == std::string_view("bare"))
                figures.set("client_adds_us",
                            all.at("serial/own_cpu_us").as_double() - figures.at("own_cpu_us").as_double());
            all.set(name, figures);
            if (json)
                continue;
            fmt::print("{:12}", name);
            for (const auto& [figure, value] : figures.members())
                fmt::print("  {} {:.{}f}", figure, value.as_double(), value.is_integer() ? 0 : 1);
            fmt::print("\n");
            std::fflush(stdout);
        }
        if (json)
            fmt::print("{}\n", all.dump());
    } catch (const qtest::TestFailure& failure) {
        fmt::print(stderr, "qmp: {}\n", failure.what());
        return 1;
    } catch (const qtest::Error& failure) {
        fmt::print(stderr, "qmp: {}\n", failure.what());
        return 2;
    }
    return 0;
}

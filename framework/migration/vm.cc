// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <regex>

#include <fmt/format.h>

#include "errors.h"

namespace migration
{

qtest::Event Vm::wait_event(const std::string& event, const Json& match, EventLog::Mark since, Deadline deadline)
{
    return qmp().wait_event(event, match, since, deadline);
}

std::string Vm::run_state()
{
    return qmp().execute("query-status").at("status").as_string();
}

void Vm::expect_run_state(const std::string& expected)
{
    const std::string seen = run_state();
    test_.check(seen == expected, fmt::format("{}: expected run state '{}', seen '{}'", name(), expected, seen));
}

void Vm::stop()
{
    const auto since = mark();
    qmp().execute("stop");
    wait_event("STOP", {}, since);
}

void Vm::cont()
{
    const auto since = mark();
    qmp().execute("cont");
    wait_event("RESUME", {}, since);
    expect_run_state("running");
}

void Vm::await_guest()
{
    machine_.console().wait("B", 0, Deadline::in(usual_timeout));
}

std::uint32_t Vm::pass()
{
    return machine_.qtest().readl(GUEST_INFO_PASS);
}

Vm::Progress Vm::progress()
{
    const std::uint32_t now = pass();
    test_.loop().turn();
    return {machine_.console().mark(), now};
}

void Vm::expect_progress(const Progress& since, std::chrono::milliseconds timeout)
{
    const auto deadline = Deadline::in(timeout);
    std::uint32_t now = since.pass;
    auto printed = since.console;
    try {
        // Each 'B' is the occasion to ask for the pass: one of them alone may have been on its way at the mark.
        while (now <= since.pass) {
            machine_.console().wait("B", printed, deadline);
            printed = machine_.console().mark();
            now = pass();
        }
    } catch (const qtest::Timeout& timed_out) {
        throw qtest::Timeout(fmt::format("{}: the guest makes no progress: pass {} before and {} now; {}", name(), since.pass,
                                         now, timed_out.what()));
    }
}

std::vector<std::uint8_t> Vm::read_ram()
{
    const std::string answer = qmp().hmp("gpa2hva 0");
    static const std::regex form("is (0x[0-9a-f]+)");
    std::smatch match;
    if (!std::regex_search(answer, match, form))
        throw qtest::TestFailure(fmt::format("{}: HMP gpa2hva 0 says no host address: {}", name(), answer));
    const auto host_address = std::stoull(match[1], nullptr, 16);

    std::vector<std::uint8_t> ram(ram_size_);
    for (std::size_t done = 0; done < ram.size();) {
        const iovec here{ram.data() + done, ram.size() - done};
        const iovec there{reinterpret_cast<void*>(host_address + done), ram.size() - done};
        const ssize_t size = process_vm_readv(machine_.process().pid(), &here, 1, &there, 1, 0);
        if (size <= 0)
            throw qtest::EnvironmentError(fmt::format("{}: cannot read QEMU's memory: {}", name(), std::strerror(errno)));
        done += static_cast<std::size_t>(size);
    }
    return ram;
}

void Vm::check_ram()
{
    const auto position = guest::parse_position(registers());
    const auto damage = guest::find_damage(read_ram(), position);
    test_.check(!damage, fmt::format("{}: {}", name(), damage ? damage->text : ""));
}

} // namespace migration

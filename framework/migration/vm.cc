// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "errors.h"
#include "ram_mapping.h"

namespace migration
{

guest::ReadRam ram_reader(qtest::Machine& machine)
{
    return [&machine, host_address = ram_address(machine)](std::uint64_t address, std::span<std::uint8_t> buffer) {
        const iovec here{buffer.data(), buffer.size()};
        const iovec there{reinterpret_cast<void*>(host_address + address), buffer.size()};
        if (process_vm_readv(machine.pid(), &here, 1, &there, 1, 0) != static_cast<ssize_t>(buffer.size()))
            throw qtest::EnvironmentError(
                fmt::format("{}: cannot read QEMU's memory: {}", machine.name(), std::strerror(errno)));
    };
}

qtest::Event Vm::wait_event(const std::string& event, const Json& match, EventLog::Mark since, Deadline deadline)
{
    return qmp().wait_event(event, match, since, deadline);
}

void Vm::expect_refused(const std::string& command, const Json& arguments, const std::vector<std::string>& parts)
{
    try {
        qmp().execute(command, arguments);
    } catch (const qtest::ExecuteError& error) {
        bool has_all = error.error_class() == "GenericError";
        for (const std::string& part : parts)
            has_all = has_all && error.description().find(part) != std::string::npos;
        test_.check(has_all,
                    fmt::format("{}: expected {} to be refused with GenericError and '{}'; seen {} '{}'", name(),
                                command, fmt::join(parts, "', '"), error.error_class(), error.description()));
        return;
    }
    throw qtest::TestFailure(fmt::format("{}: expected {} {} to be refused with '{}'; it was accepted", name(), command,
                                         arguments.dump(), fmt::join(parts, "', '")));
}

std::string Vm::run_state()
{
    const Json told = qmp().execute("query-status");
    const std::string state = told.at("status").as_string();
    test_.check(told.at("running") == Json(state == "running"),
                name() + ": query-status contradicts itself: " + told.dump());
    return state;
}

void Vm::expect_run_state(const std::string& expected)
{
    const std::string seen = run_state();
    test_.check(seen == expected, fmt::format("{}: expected run state '{}', seen '{}'", name(), expected, seen));
}

void Vm::await_run_state(const std::string& expected)
{
    const auto deadline = Deadline::in(usual_timeout);
    while (run_state() != expected) {
        if (deadline.passed())
            expect_run_state(expected);
    }
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

void Vm::await_guest() { machine_.console().wait("B", 0, Deadline::in(usual_timeout)); }

std::uint32_t Vm::pass() { return machine_.qtest().readl(GUEST_INFO_PASS); }

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
        throw qtest::Timeout(fmt::format("{}: the guest makes no progress: pass {} before and {} now; {}", name(),
                                         since.pass, now, timed_out.what()));
    }
}

void Vm::check_ram()
{
    const auto read_ram = ram_reader();
    const auto position = guest::find_position(registers(), read_ram);
    const auto damage = guest::find_damage(read_ram, ram_size_, position);
    test_.check(!damage, fmt::format("{}: {}", name(), damage ? damage->text : ""));
}

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
#include "migration_pair.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "errors.h"
#include "log_file.h"
#include "memory_oracle.h"

namespace migration
{

namespace
{

/// Bytes per second. QEMU meters in slices of 100 ms: 1 MiB is sent, then nothing for the rest of each. The 50 MiB that
/// the guest fills take 5 s, a pass of the guest 5 ms (TCG) to 300 ms (KVM where it emulates).
constexpr std::int64_t held_back_bandwidth = 10 * 1024 * 1024;
/// 0 is no limit at all.
constexpr std::int64_t full_bandwidth = 0;
/// Milliseconds: longer than any switchover seen, on the slowest machine.
constexpr std::int64_t any_downtime = 30'000;

/// The migration statuses a side has told.
std::vector<std::string> statuses(Vm& vm, EventLog::Mark since)
{
    std::vector<std::string> result;
    const auto& events = vm.qmp().events().all();
    for (std::size_t i = since; i < events.size(); i++) {
        if (events[i].name == "MIGRATION")
            result.push_back(events[i].data.at("status").as_string());
    }
    return result;
}

std::string write_rom(const harness::Case& test)
{
    const auto image = guest::x86_image();
    const std::string path = test.directory() / "guest.rom";
    qtest::write_file(path, {reinterpret_cast<const char*>(image.data()), image.size()});
    return path;
}

} // namespace

MigrationPair::MigrationPair(harness::Case& test, Options options)
    : test_(test), options_(std::move(options)), rom_((test.phase("start source and target"), write_rom(test))),
      source_(test, test.start_machine("source", test.setting().source.binary, arguments("source", false)),
              std::size_t(options_.ram_mib) << 20),
      target_(test, test.start_machine("target", test.setting().target.binary, arguments("target", true)),
              std::size_t(options_.ram_mib) << 20)
{
    const auto deadline = Deadline::in(usual_timeout);
    for (Vm* vm : {&source_, &target_}) {
        vm->machine().await_ready(deadline);
        // Nobody waits for the answer: the timeline learns by it what no event told before the monitor was negotiated.
        vm->qmp().execute_async("query-status");
        set_capabilities(*vm);
        if (!options_.parameters.is_null())
            set_parameters(*vm, options_.parameters);
    }
    if (options_.before)
        options_.before(*this);
    test_.phase("guest starts");
    source_.await_guest();
}

std::vector<std::string> MigrationPair::arguments(const std::string& name, bool target) const
{
    const harness::Setting& setting = test_.setting();
    std::vector<std::string> all{"-name",    name + ",debug-threads=on",
                                 "-machine", setting.machine,
                                 "-accel",   setting.accelerator,
                                 "-m",       fmt::format("{}M", options_.ram_mib),
                                 "-bios",    rom_};
    if (target) {
        all.insert(all.end(), {"-incoming", "defer"});
        if (options_.target_starts_stopped)
            all.push_back("-S");
    }
    return all;
}

void MigrationPair::set_capabilities(Vm& vm)
{
    std::vector<std::string> names = options_.capabilities;
    names.push_back("events");
    Json wanted = Json::array();
    for (const std::string& name : names)
        wanted.append(Json{{"capability", name}, {"state", true}});
    vm.qmp().execute("migrate-set-capabilities", {{"capabilities", wanted}});
    const auto set = vm.qmp().execute("query-migrate-capabilities").elements();
    for (const Json& one : wanted.elements())
        test_.check(std::find(set.begin(), set.end(), one) != set.end(),
                    fmt::format("{}: capability {} is not set after migrate-set-capabilities", vm.name(),
                                one.at("capability").dump()));
}

void MigrationPair::set_parameters(Vm& vm, const Json& parameters)
{
    vm.qmp().execute("migrate-set-parameters", parameters);
    const Json set = vm.qmp().execute("query-migrate-parameters");
    for (const auto& [name, value] : parameters.members())
        test_.check(set.find(name) == value, fmt::format("{}: parameter {} is {} after it was set to {}", vm.name(),
                                                         name, set.find(name).value_or("absent").dump(), value.dump()));
}

std::string MigrationPair::listen(const std::string& uri)
{
    const auto since = target_.mark();
    target_.qmp().execute("migrate-incoming", {{"uri", uri}});
    wait_status(target_, "setup", since);
    if (!uri.starts_with("tcp:"))
        return uri;
    const Json address = target_.qmp().execute("query-migrate").at("socket-address[0]");
    port_ = std::stoi(address.at("port").as_string());
    return fmt::format("tcp:{}:{}", address.at("host").as_string(), address.at("port").as_string());
}

MigrationPair::Marks MigrationPair::migrate(const std::string& uri)
{
    const Marks marks{source_.mark(), target_.mark()};
    source_.qmp().execute("migrate", {{"uri", uri}});
    wait_status(source_, "active", marks.source);
    return marks;
}

qtest::Event MigrationPair::wait_status(Vm& vm, const std::string& status, EventLog::Mark since)
{
    const EventLog& events = vm.qmp().events();
    const auto told = [&](const std::string& name) { return events.find("MIGRATION", Json{{"status", name}}, since); };
    const auto spoilt = [&] { return status != "failed" && (told("failed") || told("cancelled")); };
    test_.loop().until([&] { return told(status) || spoilt() || vm.qmp().runstate() != qtest::Runstate::running; },
                       Deadline::in(usual_timeout), fmt::format("migration status '{}' of {}", status, vm.name()),
                       [&] {
                           const auto seen = statuses(vm, since);
                           return seen.empty() ? std::string("no status since") : "'" + seen.back() + "'";
                       });
    if (const qtest::Event* event = told(status))
        return *event;
    const Json state = vm.qmp().execute("query-migrate");
    const auto description = state.find("error-desc");
    throw qtest::TestFailure(fmt::format("{}: expected migration status '{}', seen '{}'{}", vm.name(), status,
                                         state.at("status").as_string(),
                                         description ? ": " + description->as_string() : ", with no error-desc"));
}

std::size_t MigrationPair::count_connections()
{
    // Linux's Documentation/networking/proc_net_tcp: "  1: 0100007F:C001 0100007F:9C40 01 …", 01 being established.
    std::ifstream table("/proc/net/tcp");
    const std::string listening = fmt::format("0100007F:{:04X}", port_);
    std::size_t count = 0;
    for (std::string number, local, remote, state, rest;
         table >> number >> local >> remote >> state && std::getline(table, rest);)
        count += local == listening && state == "01" ? 1 : 0;
    return count;
}

void MigrationPair::hold_back() { set_parameters(source_, {{"max-bandwidth", held_back_bandwidth}}); }

void MigrationPair::converge()
{
    set_parameters(source_, {{"max-bandwidth", full_bandwidth}, {"downtime-limit", any_downtime}});
}

void MigrationPair::await_resend(const Marks& since)
{
    const auto deadline = Deadline::in(usual_timeout);
    const auto next_b = [&](qtest::Console::Mark& printed) {
        source_.machine().console().wait("B", printed, deadline);
        printed = source_.machine().console().mark();
    };
    auto printed = source_.progress().console;
    // There is no event for "a page was sent": the guest's own signs of life are the occasions to ask.
    while (source_.qmp().execute("query-migrate").at("ram/normal").as_int() == 0)
        next_b(printed);
    // The pass under way may have been past the pages sent; the one after it goes through all of them.
    const std::uint32_t first = source_.pass();
    while (source_.pass() < first + 2)
        next_b(printed);
    const bool ended = source_.qmp().events().find("STOP", {}, since.source) != nullptr;
    test_.check(!ended, "source: the migration reached its switchover although its bandwidth was held back");
}

void MigrationPair::expect_statuses(Vm& vm, EventLog::Mark since, std::vector<std::string> expected)
{
    const auto seen = statuses(vm, since);
    // What later versions tell (`device` from 10.0 on, `failing` by 11.1), and no schema says which do.
    const auto allow = [&](const char* extra, std::initializer_list<const char*> before) {
        if (std::find(seen.begin(), seen.end(), extra) != seen.end())
            expected.insert(std::find_first_of(expected.begin(), expected.end(), before.begin(), before.end()), extra);
    };
    allow("device", {"completed", "colo"});
    allow("failing", {"failed"});
    test_.check(seen == expected, fmt::format("{}: expected migration statuses {}; seen {}", vm.name(),
                                              fmt::join(expected, ", "), fmt::join(seen, ", ")));
}

void MigrationPair::expect_completed(const Marks& since)
{
    test_.phase("switchover");
    wait_status(source_, "completed", since.source);
    const auto completed = wait_status(target_, "completed", since.target);
    test_.phase("compare source and target");
    expect_statuses(source_, since.source, {"setup", "active", "completed"});
    expect_statuses(target_, since.target, {"active", "completed"});
    source_.await_run_state("postmigrate");
    target_.expect_run_state("paused");
    for (Vm* vm : {&source_, &target_}) {
        const Json status = vm->qmp().execute("query-migrate").at("status");
        test_.check(status == Json("completed"),
                    fmt::format("{}: query-migrate says {} after the event said completed", vm->name(), status.dump()));
    }
    const qtest::Event* stop = source_.qmp().events().find("STOP", {}, 0);
    test_.check(stop && stop->timestamp_us <= completed.timestamp_us,
                "source: no STOP event before the target had completed");
    test_.check(target_.qmp().events().count("RESUME", {}, 0) == 0,
                "target: it ran, although it was started to stay stopped");
    expect_same_guest(source_, target_);
    target_.check_ram();
    if (options_.after)
        options_.after(*this);
}

void MigrationPair::expect_pages_resent(const Marks& since)
{
    const Json ram = source_.qmp().execute("query-migrate").at("ram");
    const std::int64_t sent = ram.at("normal").as_int() + ram.at("duplicate").as_int();
    const std::int64_t pages = ram.at("total").as_int() / ram.at("page-size").as_int();
    const std::int64_t syncs = ram.at("dirty-sync-count").as_int();
    test_.check(
        sent > pages && syncs >= 2,
        fmt::format("source: expected pages to be sent again: {} sent of {}, dirty-sync-count {}", sent, pages, syncs));
    // Whether the first pass is told differs between versions; the last is told by all.
    std::int64_t told = 0;
    for (std::size_t i = since.source; i < source_.mark(); i++) {
        const qtest::Event& event = source_.qmp().events().all()[i];
        if (event.name != "MIGRATION_PASS")
            continue;
        const std::int64_t pass = event.data.at("pass").as_int();
        test_.check(pass == told + 1 || (told == 0 && pass == 2),
                    fmt::format("source: MIGRATION_PASS {} follows MIGRATION_PASS {}", pass, told));
        told = pass;
    }
    test_.check(told == syncs,
                fmt::format("source: the last MIGRATION_PASS is {}, but dirty-sync-count is {}", told, syncs));
}

void MigrationPair::expect_target_continues()
{
    test_.phase("target continues");
    const auto before = target_.progress();
    const std::uint32_t source_pass = source_.pass();
    test_.check(
        before.pass == source_pass,
        fmt::format("target: starts from pass {}, but the source stopped in pass {}", before.pass, source_pass));
    target_.cont();
    target_.expect_progress(before);
    source_.expect_run_state("postmigrate");
    test_.check(source_.pass() == source_pass, "source: its guest went on after the migration had completed");
    target_.stop();
    target_.check_ram();
}

} // namespace migration

// SPDX-License-Identifier: GPL-2.0-or-later
#include "migration_pair.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "device_registers.h"
#include "errors.h"

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

} // namespace

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

MigrationPair::MigrationPair(harness::Case& test, Options options) : test_(test), options_(std::move(options))
{
    test_.phase("start source and target");
    source_ = &start_vm("source", test.setting().source, false, options_.only_source);
    target_ = &start_vm("target", test.setting().target, true, options_.only_target);
    set_up(*source_, options_.only_source);
    set_up(*target_, options_.only_target);
    if (options_.before)
        options_.before(*this);
    test_.phase("guest starts");
    source_->await_guest();
    // Not beside a guest that programs devices itself: it would be between two writes of its own.
    if (options_.launch.guest.suspend_after_pass == 0)
        set_device_registers(*source_);
}

Vm& MigrationPair::start_vm(const std::string& name, const harness::Qemu& qemu, bool target, const Side& side)
{
    std::vector<std::string> arguments = arguments_of(test_, name, options_.launch);
    arguments.insert(arguments.end(), side.arguments.begin(), side.arguments.end());
    if (target) {
        arguments.insert(arguments.end(), {"-incoming", "defer"});
        if (options_.target_starts_stopped)
            arguments.push_back("-S");
    }
    qtest::Machine& machine = test_.start_machine(name, qemu.binary, std::move(arguments));
    return *vms_.emplace_back(std::make_unique<Vm>(test_, machine, std::size_t(options_.launch.ram_mib) << 20));
}

void MigrationPair::set_up(Vm& vm, const Side& side)
{
    vm.machine().await_ready(Deadline::in(usual_timeout));
    // Nobody waits for the answer: the timeline learns by it what no event told before the monitor was negotiated.
    vm.qmp().execute_async("query-status");
    std::vector<std::string> capabilities = options_.capabilities;
    capabilities.push_back("events");
    capabilities.insert(capabilities.end(), side.capabilities.begin(), side.capabilities.end());
    set_capabilities(vm, capabilities);
    for (const Json& parameters : {options_.parameters, side.parameters}) {
        if (!parameters.is_null())
            set_parameters(vm, parameters);
    }
}

void MigrationPair::set_capabilities(Vm& vm, const std::vector<std::string>& names, bool state)
{
    Json wanted = Json::array();
    for (const std::string& name : names)
        wanted.append(Json{{"capability", name}, {"state", state}});
    vm.qmp().execute("migrate-set-capabilities", {{"capabilities", wanted}});
    const auto set = vm.qmp().execute("query-migrate-capabilities").elements();
    for (const Json& one : wanted.elements())
        test_.check(std::find(set.begin(), set.end(), one) != set.end(),
                    fmt::format("{}: capability {} is not {} after migrate-set-capabilities", vm.name(),
                                one.at("capability").dump(), state ? "on" : "off"));
    if (&vm == source_ && std::find(names.begin(), names.end(), "pause-before-switchover") != names.end())
        pauses_ = state;
}

void MigrationPair::set_parameters(Vm& vm, const Json& parameters)
{
    vm.qmp().execute("migrate-set-parameters", parameters);
    const Json set = vm.qmp().execute("query-migrate-parameters");
    for (const auto& [name, value] : parameters.members()) {
        // A null for tls-creds and the like reads back as what it means: none.
        const Json expected = value.is_null() ? Json("") : value;
        test_.check(set.find(name) == expected,
                    fmt::format("{}: parameter {} is {} after it was set to {}", vm.name(), name,
                                set.find(name).value_or("absent").dump(), value.dump()));
    }
}

void MigrationPair::replace_target(const std::string& name, bool like_first)
{
    test_.phase("start " + name);
    if (target_->machine().process().running())
        target_->machine().quit();
    target_->machine().wait_exit(Deadline::in(usual_timeout));
    const Side plain;
    const Side& side = like_first ? options_.only_target : plain;
    options_.target_fails = false;
    target_ = &start_vm(name, test_.setting().target, true, side);
    set_up(*target_, side);
}

void MigrationPair::move_on(const std::string& name, const harness::Qemu& qemu)
{
    test_.phase(fmt::format("{} becomes the source, start {}", target_->name(), name));
    source_->machine().quit();
    source_->machine().wait_exit(Deadline::in(usual_timeout));
    source_ = target_;
    target_ = &start_vm(name, qemu, true, options_.only_target);
    set_up(*source_, options_.only_source);
    set_up(*target_, options_.only_target);
    source_->cont();
}

bool MigrationPair::target_survives() const
{
    return test_.setting().target.schema.has_argument("migrate-incoming", "exit-on-error");
}

std::string MigrationPair::listen(const std::string& uri) { return listen_with({{"uri", uri}}).at("uri").as_string(); }

Json MigrationPair::listen_with(const Json& arguments)
{
    Json incoming = arguments;
    if (options_.target_fails && target_survives())
        incoming.set("exit-on-error", false);
    else if (options_.target_fails)
        target_->machine().expect_exit(qtest::ExitStatus::exited(1));
    const auto since = target_->mark();
    target_->qmp().execute("migrate-incoming", incoming);
    wait_status(*target_, "setup", since);
    const auto address = target_->qmp().execute("query-migrate").find("socket-address[0]");
    if (!address || address->find("type") != Json("inet"))
        return arguments;
    const std::string port = address->at("port").as_string();
    port_ = std::stoi(port);
    if (arguments.has("uri"))
        return Json{{"uri", fmt::format("tcp:{}:{}", address->at("host").as_string(), port)}};
    Json channels = Json::array();
    for (Json channel : arguments.at("channels").elements()) {
        Json to = channel.at("addr");
        if (to.find("port") == Json("0"))
            channel.set("addr", to.set("port", port));
        channels.append(channel);
    }
    return Json{{"channels", channels}};
}

MigrationPair::Marks MigrationPair::start(const Json& arguments)
{
    source_ran_ = source_->run_state() == "running";
    by_postcopy_ = false;
    const Marks marks = mark();
    source_->qmp().execute("migrate", arguments);
    return marks;
}

MigrationPair::Marks MigrationPair::migrate_with(const Json& arguments)
{
    const Marks marks = start(arguments);
    wait_status(*source_, "active", marks.source);
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
    if (const qtest::Event* found = told(status)) {
        const qtest::Event event = *found; // the log may move
        expect_query_agrees(vm, event);
        return event;
    }
    const Json state = vm.qmp().execute("query-migrate");
    const auto description = state.find("error-desc");
    throw qtest::TestFailure(fmt::format("{}: expected migration status '{}', seen '{}'{}", vm.name(), status,
                                         state.at("status").as_string(),
                                         description ? ": " + description->as_string() : ", with no error-desc"));
}

void MigrationPair::expect_query_agrees(Vm& vm, const qtest::Event& told)
{
    const Json said = vm.qmp().execute("query-migrate");
    // A target that waits for its source says none in QEMU 7.2.
    const Json status = said.find("status").value_or("setup");
    if (status == told.data.at("status"))
        return;
    // Else it is a status that followed, whose event may still be on its way.
    try {
        vm.wait_event("MIGRATION", {{"status", status}}, told.number + 1);
    } catch (const qtest::Timeout&) {
        throw qtest::TestFailure(fmt::format("{}: query-migrate says {} after the event said {}", vm.name(),
                                             status.dump(), told.data.at("status").dump()));
    }
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

void MigrationPair::hold_back() { set_parameters(*source_, {{"max-bandwidth", held_back_bandwidth}}); }

void MigrationPair::await_second_pass()
{
    const auto since = source_->mark();
    const EventLog& events = source_->qmp().events();
    set_parameters(*source_, {{"max-bandwidth", full_bandwidth}, {"downtime-limit", 1}});
    const auto sent_twice = [this] {
        const Json ram = source_->qmp().execute("query-migrate").at("ram");
        const std::int64_t sent = ram.at("normal").as_int() + ram.at("duplicate").as_int();
        return sent * ram.at("page-size").as_int() >= 2 * ram.at("total").as_int();
    };
    for (auto seen = since; !events.find("STOP", {}, since) && !sent_twice();) {
        test_.loop().until([&] { return events.find("MIGRATION_PASS", {}, seen) || events.find("STOP", {}, since); },
                           Deadline::in(usual_timeout), "the next pass over RAM, or the switchover");
        seen = source_->mark();
    }
}

void MigrationPair::converge()
{
    set_parameters(*source_, {{"max-bandwidth", full_bandwidth}, {"downtime-limit", any_downtime}});
}

void MigrationPair::await_resend(const Marks& since)
{
    const auto deadline = Deadline::in(usual_timeout);
    const auto next_b = [&](qtest::Console::Mark& printed) {
        source_->machine().console().wait("B", printed, deadline);
        printed = source_->machine().console().mark();
    };
    auto printed = source_->progress().console;
    // There is no event for "a page was sent": the guest's own signs of life are the occasions to ask.
    while (source_->qmp().execute("query-migrate").at("ram/normal").as_int() == 0)
        next_b(printed);
    // The pass under way may have been past the pages sent; the one after it goes through all of them.
    const std::uint32_t first = source_->pass();
    while (source_->pass() < first + 2)
        next_b(printed);
    const bool ended = source_->qmp().events().find("STOP", {}, since.source) != nullptr;
    test_.check(!ended, "source: the migration reached its switchover although its bandwidth was held back");
}

void MigrationPair::start_postcopy(const Marks& since)
{
    test_.phase("post-copy");
    by_postcopy_ = true;
    source_->qmp().execute("migrate-start-postcopy");
    source_->wait_event("STOP", {}, since.source);
    for (Vm* vm : {source_, target_})
        wait_status(*vm, "postcopy-active", vm == source_ ? since.source : since.target);
}

void MigrationPair::cancel(const Marks& since)
{
    test_.phase("cancel");
    source_->qmp().execute("migrate_cancel");
    source_->wait_event("MIGRATION", {{"status", "cancelled"}}, since.source);
}

} // namespace migration

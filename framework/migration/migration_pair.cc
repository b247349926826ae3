// SPDX-License-Identifier: GPL-2.0-or-later
#include "migration_pair.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "errors.h"
#include "log_file.h"
#include "memory_oracle.h"

namespace migration
{

namespace
{

/// Bytes per second. QEMU meters in slices of 100 ms: 1 MiB is sent, then nothing for the rest of each. The 50 MiB that the
/// guest fills take 5 s, a pass of the guest 5 ms (TCG) to 300 ms (KVM where it emulates).
constexpr std::int64_t held_back_bandwidth = 10 * 1024 * 1024;
/// 0 is no limit at all.
constexpr std::int64_t full_bandwidth = 0;
/// Milliseconds: longer than any switchover seen, on the slowest machine.
constexpr std::int64_t any_downtime = 30'000;

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
    std::vector<std::string> all{"-name",    name + ",debug-threads=on", "-machine", setting.machine,
                                 "-accel",   setting.accelerator,        "-m",       fmt::format("{}M", options_.ram_mib),
                                 "-bios",    rom_};
    if (target) {
        all.insert(all.end(), {"-incoming", "defer"});
        if (options_.target_starts_stopped)
            all.push_back("-S");
    }
    if (const char* trace = g_getenv("QTEST_TRACE"))
        all.insert(all.end(), {"-trace", trace});
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
                    fmt::format("{}: capability {} is not set after migrate-set-capabilities", vm.name(), one.at("capability").dump()));
}

void MigrationPair::set_parameters(Vm& vm, const Json& parameters)
{
    vm.qmp().execute("migrate-set-parameters", parameters);
    const Json set = vm.qmp().execute("query-migrate-parameters");
    for (const auto& [name, value] : parameters.members())
        test_.check(set.find(name) == value, fmt::format("{}: parameter {} is {} after it was set to {}", vm.name(), name,
                                                         set.find(name).value_or("absent").dump(), value.dump()));
}

std::string MigrationPair::listen(const std::string& uri)
{
    const auto since = target_.mark();
    target_.qmp().execute("migrate-incoming", {{"uri", uri}});
    wait_status(target_, "setup", since);
    if (!uri.starts_with("tcp:"))
        return uri;
    const Json address = target_.qmp().execute("query-migrate").at("socket-address[0]");
    return fmt::format("tcp:{}:{}", address.at("host").as_string(), address.at("port").as_string());
}

MigrationPair::Marks MigrationPair::migrate(const std::string& uri)
{
    const Marks marks{source_.mark(), target_.mark()};
    source_.qmp().execute("migrate", {{"uri", uri}});
    wait_status(source_, "active", marks.source);
    return marks;
}

void MigrationPair::wait_status(Vm& vm, const std::string& status, EventLog::Mark since)
{
    const EventLog& events = vm.qmp().events();
    const auto told = [&](const char* name) { return events.find("MIGRATION", Json{{"status", name}}, since) != nullptr; };
    const auto spoilt = [&] { return status != "failed" && (told("failed") || told("cancelled")); };
    test_.loop().until([&] { return told(status.c_str()) || spoilt() || vm.qmp().runstate() != qtest::Runstate::running; },
                       Deadline::in(usual_timeout), fmt::format("migration status '{}' of {}", status, vm.name()), [&] {
                           std::string seen;
                           for (std::size_t i = since; i < events.mark(); i++)
                               if (events.all()[i].name == "MIGRATION")
                                   seen = events.all()[i].data.at("status").as_string();
                           return seen.empty() ? std::string("no status since") : "'" + seen + "'";
                       });
    if (told(status.c_str()))
        return;
    const Json state = vm.qmp().execute("query-migrate");
    const auto description = state.find("error-desc");
    throw qtest::TestFailure(fmt::format("{}: expected migration status '{}', seen '{}'{}", vm.name(), status,
                                         state.at("status").as_string(),
                                         description ? ": " + description->as_string() : ", with no error-desc"));
}

void MigrationPair::hold_back()
{
    set_parameters(source_, {{"max-bandwidth", held_back_bandwidth}});
}

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

namespace
{

std::string last_status_text(const std::vector<std::string>& statuses)
{
    return fmt::format("{}", fmt::join(statuses, ", "));
}

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

} // namespace

void MigrationPair::expect_completed(const Marks& since)
{
    test_.phase("switchover");
    wait_status(source_, "completed", since.source);
    wait_status(target_, "completed", since.target);
    test_.phase("compare source and target");
    // 10.0 and later tell `device` between; it is this pair's own schema that knows, so both are right.
    const auto on_source = statuses(source_, since.source);
    auto shortened = on_source;
    std::erase(shortened, "device");
    test_.check(shortened == std::vector<std::string>{"setup", "active", "completed"},
                "source: expected migration statuses setup, active, (device,) completed; seen " + last_status_text(on_source));
    const auto on_target = statuses(target_, since.target);
    test_.check(on_target == std::vector<std::string>{"active", "completed"},
                "target: expected migration statuses active, completed; seen " + last_status_text(on_target));
    source_.await_run_state("postmigrate");
    expect_same_guest(source_, target_);
    target_.check_ram();
}

void MigrationPair::expect_pages_resent()
{
    const Json ram = source_.qmp().execute("query-migrate").at("ram");
    const std::int64_t sent = ram.at("normal").as_int() + ram.at("duplicate").as_int();
    const std::int64_t pages = ram.at("total").as_int() / ram.at("page-size").as_int();
    test_.check(sent > pages && ram.at("dirty-sync-count").as_int() >= 2,
                fmt::format("source: expected pages to be sent again: {} sent of {}, dirty-sync-count {}", sent, pages,
                            ram.at("dirty-sync-count").as_int()));
}

void MigrationPair::expect_target_continues()
{
    test_.phase("target continues");
    target_.expect_run_state("paused");
    const auto before = target_.progress();
    const std::uint32_t source_pass = source_.pass();
    test_.check(before.pass == source_pass,
                fmt::format("target: starts from pass {}, but the source stopped in pass {}", before.pass, source_pass));
    target_.cont();
    target_.expect_progress(before);
    source_.expect_run_state("postmigrate");
    test_.check(source_.pass() == source_pass, "source: its guest went on after the migration had completed");
    target_.stop();
    target_.check_ram();
}

} // namespace migration

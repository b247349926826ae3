// SPDX-License-Identifier: GPL-2.0-or-later
//
// What must be true at the end of a migration: the expect_… verbs of MigrationPair.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "errors.h"
#include "memory_oracle.h"
#include "migration_pair.h"

namespace migration
{

namespace
{

/// What a switchover may take although nothing but itself delays it, on a machine of ordinary speed, besides sending
/// RAM that is still dirty: all of it at most. Seen under TCG: below 0.2 s for 64 MiB, 2.3 s for 1 GiB, 6 s
/// on a busy machine.
constexpr std::chrono::milliseconds switchover_allowance{2000};
constexpr std::chrono::milliseconds switchover_allowance_per_mib{8};

bool says_one_of(const std::string& text, const std::vector<std::string>& parts)
{
    return std::any_of(parts.begin(), parts.end(),
                       [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

const qtest::Event* last_event(Vm& vm, const std::string& name)
{
    const auto& all = vm.qmp().events().all();
    const auto found = std::find_if(all.rbegin(), all.rend(), [&](const auto& event) { return event.name == name; });
    return found == all.rend() ? nullptr : &*found;
}

/// From when to when, in seconds since the epoch, the VM is known to have run.
std::vector<std::pair<double, double>> times_running(Vm& vm)
{
    std::vector<std::pair<double, double>> result;
    const auto& states = vm.machine().run_states().all();
    for (std::size_t i = 0; i < states.size(); i++) {
        if (states[i].state == "running")
            result.emplace_back(states[i].time, i + 1 < states.size() ? states[i + 1].time : HUGE_VAL);
    }
    return result;
}

void expect_never_both_ran(harness::Case& test, Vm& source, Vm& target)
{
    for (const auto& [begin, end] : times_running(source)) {
        for (const auto& [other_begin, other_end] : times_running(target))
            test.check(end <= other_begin || other_end <= begin,
                       fmt::format("{} and {} ran at the same time for {:.3f} ms", source.name(), target.name(),
                                   (std::min(end, other_end) - std::max(begin, other_begin)) * 1000));
    }
}

} // namespace

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

std::vector<std::string> MigrationPair::expected_of_source() const
{
    std::vector<std::string> expected{"setup", "active", "completed"};
    for (const auto* names : {&options_.capabilities, &options_.only_source.capabilities}) {
        if (std::find(names->begin(), names->end(), "pause-before-switchover") != names->end())
            expected.insert(expected.begin() + 2, "pre-switchover");
    }
    return expected;
}

void MigrationPair::expect_short_switchover(const qtest::Event& stop, const qtest::Event& completed)
{
    const std::chrono::microseconds took(completed.timestamp_us - stop.timestamp_us);
    test_.mark(fmt::format("guest stopped for {} ms", took.count() / 1000));
    const auto most =
        std::chrono::duration<double>(switchover_allowance + options_.launch.ram_mib * switchover_allowance_per_mib) *
        Deadline::scale();
    test_.check(took <= most,
                fmt::format("the switchover took {:.1f} s, from the source's STOP to the target's end of migration; it "
                            "may take {:.1f} s",
                            std::chrono::duration<double>(took).count(), most.count()));
}

void MigrationPair::expect_completed(const Marks& since)
{
    test_.phase("switchover");
    wait_status(*source_, "completed", since.source);
    const auto completed = wait_status(*target_, "completed", since.target);
    const bool target_runs = source_ran_ && !options_.target_starts_stopped;
    if (target_runs)
        target_->wait_event("RESUME", {}, since.target);
    test_.phase("compare source and target");
    expect_statuses(*source_, since.source, expected_of_source());
    // A target that loads a file begins at once, within the mark.
    const bool with_setup = statuses(*target_, since.target).front() == "setup";
    expect_statuses(*target_, since.target,
                    with_setup ? std::vector<std::string>{"setup", "active", "completed"}
                               : std::vector<std::string>{"active", "completed"});
    source_->await_run_state("postmigrate");
    target_->expect_run_state(target_runs ? "running" : "paused");
    for (Vm* vm : {source_, target_}) {
        const Json status = vm->qmp().execute("query-migrate").at("status");
        test_.check(status == Json("completed"),
                    fmt::format("{}: query-migrate says {} after the event said completed", vm->name(), status.dump()));
    }
    const Json told = source_->qmp().execute("query-migrate");
    test_.check(told.at("ram/remaining") == Json(0),
                fmt::format("source: query-migrate says {} bytes of RAM remain after the end",
                            told.at("ram/remaining").dump()));
    test_.check(told.at("downtime").as_int() <= told.at("total-time").as_int(),
                fmt::format("source: query-migrate says downtime {} ms of total-time {} ms", told.at("downtime").dump(),
                            told.at("total-time").dump()));
    const qtest::Event* stop = last_event(*source_, "STOP");
    test_.check(stop && stop->timestamp_us <= completed.timestamp_us,
                "source: no STOP event before the target had completed");
    test_.check(source_->qmp().events().count("RESUME", {}, stop->number) == 0,
                "source: it went on after the switchover");
    if (source_ran_)
        expect_short_switchover(*stop,
                                target_runs ? *target_->qmp().events().find("RESUME", {}, since.target) : completed);
    if (target_runs)
        return;
    test_.check(target_->qmp().events().count("RESUME", {}, 0) == 0,
                "target: it ran, although it was started to stay stopped");
    if (options_.source_keeps_ram)
        expect_same_guest(*source_, *target_);
    target_->check_ram();
    if (options_.after)
        options_.after(*this);
}

void MigrationPair::expect_pages_resent(const Marks& since)
{
    const Json ram = source_->qmp().execute("query-migrate").at("ram");
    const std::int64_t sent = ram.at("normal").as_int() + ram.at("duplicate").as_int();
    const std::int64_t pages = ram.at("total").as_int() / ram.at("page-size").as_int();
    const std::int64_t syncs = ram.at("dirty-sync-count").as_int();
    test_.check(
        sent > pages && syncs >= 2,
        fmt::format("source: expected pages to be sent again: {} sent of {}, dirty-sync-count {}", sent, pages, syncs));
    // Whether the first pass is told differs between versions; the last is told by all.
    std::int64_t told = 0;
    for (std::size_t i = since.source; i < source_->mark(); i++) {
        const qtest::Event& event = source_->qmp().events().all()[i];
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
    const bool runs = source_ran_ && !options_.target_starts_stopped;
    const auto before = target_->progress();
    const std::uint32_t source_pass = source_->pass();
    test_.check(runs ? before.pass >= source_pass : before.pass == source_pass,
                fmt::format("{}: starts from pass {}, but {} stopped in pass {}", target_->name(), before.pass,
                            source_->name(), source_pass));
    if (!runs)
        target_->cont();
    target_->expect_progress(before);
    source_->expect_run_state("postmigrate");
    // What the target writes to RAM that both share is the source's too.
    const bool shares = options_.launch.memory == Memory::shared_file;
    test_.check(shares || source_->pass() == source_pass,
                "source: its guest went on after the migration had completed");
    expect_never_both_ran(test_, *source_, *target_);
    target_->stop();
    target_->check_ram();
}

void MigrationPair::expect_source_failed(const Marks& since, const std::vector<std::string>& one_of)
{
    test_.phase("the source fails");
    wait_status(*source_, "failed", since.source);
    const Json state = source_->qmp().execute("query-migrate");
    test_.check(state.at("status") == Json("failed"),
                "source: query-migrate says " + state.at("status").dump() + " after the event said failed");
    const std::string reason = state.find("error-desc").value_or("no error-desc").as_string();
    test_.check(says_one_of(reason, one_of),
                fmt::format("source: expected to fail with '{}', seen '{}'", fmt::join(one_of, "' or '"), reason));
    expect_source_unharmed();
}

void MigrationPair::expect_target_failed(const Marks& since, const std::vector<std::string>& one_of)
{
    test_.phase("the target fails");
    std::string reason;
    if (target_survives()) {
        wait_status(*target_, "failed", since.target);
        reason = target_->qmp().execute("query-migrate").find("error-desc").value_or("no error-desc").as_string();
        test_.check(target_->run_state() != "running", target_->name() + ": runs after its migration had failed");
    } else {
        target_->machine().wait_exit(Deadline::in(usual_timeout));
        reason = target_->machine().last_words();
    }
    test_.check(says_one_of(reason, one_of), fmt::format("{}: expected to fail with '{}', seen '{}'", target_->name(),
                                                         fmt::join(one_of, "' or '"), reason));
}

void MigrationPair::expect_source_unharmed()
{
    test_.phase("the source is unharmed");
    const Json throttle = source_->qmp().execute("query-migrate").find("cpu-throttle-percentage").value_or(0);
    test_.check(throttle == Json(0),
                "source: query-migrate says cpu-throttle-percentage " + throttle.dump() + " after the migration's end");
    if (!source_ran_) {
        source_->expect_run_state("paused");
        source_->check_ram();
        return;
    }
    source_->await_run_state("running");
    source_->expect_progress();
    source_->stop();
    source_->check_ram();
    source_->cont();
}

void MigrationPair::expect_good_migration_follows(const std::string& name)
{
    auto all = options_.capabilities;
    all.insert(all.end(), options_.only_source.capabilities.begin(), options_.only_source.capabilities.end());
    if (!all.empty())
        set_capabilities(*source_, all, false);
    const Json set = source_->qmp().execute("query-migrate-parameters");
    for (const char* parameter : {"tls-creds", "tls-hostname", "tls-authz"}) {
        if (set.find(parameter).value_or("") != Json(""))
            set_parameters(*source_, {{parameter, nullptr}});
    }
    if (set.find("direct-io") == Json(true))
        set_parameters(*source_, {{"direct-io", false}});
    options_ = {.launch = options_.launch};
    replace_target(name, false);
    if (source_->run_state() != "running")
        source_->cont();
    test_.phase("a good migration");
    converge();
    const auto marks = migrate(listen("tcp:127.0.0.1:0"));
    expect_completed(marks);
    expect_target_continues();
}

} // namespace migration

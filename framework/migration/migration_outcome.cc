// SPDX-License-Identifier: GPL-2.0-or-later
//
// What must be true at the end of a migration: the expect_… verbs of MigrationPair.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "course.h"
#include "errors.h"
#include "log_file.h"
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
    // What later versions tell (`device` from 10.0 on, `failing` and `postcopy-device` by 11.1), and no schema says
    // which do.
    const auto allow = [&](const char* extra, std::initializer_list<const char*> before) {
        const auto place = std::find_first_of(expected.begin(), expected.end(), before.begin(), before.end());
        if (place != expected.end() && std::find(seen.begin(), seen.end(), extra) != seen.end())
            expected.insert(place, extra);
    };
    allow("postcopy-device", {"postcopy-active"});
    allow("device", {"postcopy-device", "postcopy-active", "completed", "colo"});
    allow("failing", {"failed"});
    test_.check(seen == expected, fmt::format("{}: expected migration statuses {}; seen {}", vm.name(),
                                              fmt::join(expected, ", "), fmt::join(seen, ", ")));
}

std::vector<std::string> MigrationPair::expected_of_source() const
{
    std::vector<std::string> expected{"setup", "active", "completed"};
    if (pauses_)
        expected.insert(expected.begin() + 2, "pre-switchover");
    if (by_postcopy_)
        expected.insert(expected.end() - 1, "postcopy-active");
    return expected;
}

void MigrationPair::expect_no(const Complaint& complaint) { test_.check(!complaint, complaint.value_or("")); }

void MigrationPair::expect_true_course(const Marks& since, bool target_runs)
{
    const Told source{source_->qmp().events(), since.source};
    const Told target{target_->qmp().events(), since.target};
    expect_no(wrong_switchover(source, target, target_runs));
    const auto capabilities = source_->qmp().execute("query-migrate-capabilities").elements();
    const Json ignore_shared{{"capability", "x-ignore-shared"}, {"state", true}};
    const bool shares = std::find(capabilities.begin(), capabilities.end(), ignore_shared) != capabilities.end();
    const Json set = source_->qmp().execute("query-migrate-parameters");
    const bool compressed = set.find("multifd-compression").value_or("none") != Json("none");
    expect_no(wrong_figures(source_->qmp().execute("query-migrate"), source,
                            {.ram_size = shares ? 0 : source_->ram_size(),
                             .guest_ran = source_ran_,
                             .compressed = compressed,
                             .slowness = Deadline::scale()}));
}

void MigrationPair::expect_short_switchover(const Marks& since, bool target_runs)
{
    const qtest::Event* stop = last_stop({source_->qmp().events(), since.source});
    test_.check(stop != nullptr, "source: it completed without a STOP event");
    const std::int64_t stop_us = stop->timestamp_us;
    const auto most =
        std::chrono::duration<double>(switchover_allowance + options_.launch.ram_mib * switchover_allowance_per_mib) *
        Deadline::scale();
    const auto expect_short = [&](std::int64_t end_us, const char* end) {
        const std::chrono::microseconds took(end_us - stop_us);
        test_.mark(fmt::format("guest stopped for {} ms, until {}", took.count() / 1000, end));
        test_.check(took <= most,
                    fmt::format("the switchover took {:.1f} s, from the source's STOP until {}; it may take {:.1f} s",
                                std::chrono::duration<double>(took).count(), end, most.count()));
    };
    if (by_postcopy_)
        return expect_short(
            target_->wait_event("MIGRATION", {{"status", "postcopy-active"}}, since.target).timestamp_us,
            "the target could run by post-copy");
    if (!target_runs)
        return expect_short(target_->wait_event("MIGRATION", {{"status", "completed"}}, since.target).timestamp_us,
                            "the target had completed");
    expect_short(target_->wait_event("RESUME", {}, since.target).timestamp_us, "the target's RESUME");
    // An event says what QEMU meant to do; the guest's own sign is that it prints.
    target_->await_guest();
    expect_short(static_cast<std::int64_t>(qtest::epoch_seconds() * 1e6), "its guest was seen to run there");
}

void MigrationPair::expect_completed(const Marks& since)
{
    test_.phase("switchover");
    wait_status(*source_, "completed", since.source);
    wait_status(*target_, "completed", since.target);
    const bool target_runs = source_ran_ && !options_.target_starts_stopped;
    if (source_ran_)
        expect_short_switchover(since, target_runs);
    test_.phase("compare source and target");
    expect_statuses(*source_, since.source, expected_of_source());
    // A target that loads a file begins at once, within the mark.
    const bool with_setup = statuses(*target_, since.target).front() == "setup";
    std::vector<std::string> expected_of_target{"active", "completed"};
    if (with_setup)
        expected_of_target.insert(expected_of_target.begin(), "setup");
    if (by_postcopy_)
        expected_of_target.insert(expected_of_target.end() - 1, "postcopy-active");
    expect_statuses(*target_, since.target, expected_of_target);
    source_->await_run_state("postmigrate");
    target_->expect_run_state(target_runs ? "running" : "paused");
    expect_true_course(since, target_runs);
    if (target_runs)
        return;
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
    expect_no(wrong_passes({source_->qmp().events(), since.source}, syncs));
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

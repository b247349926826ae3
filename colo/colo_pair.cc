// SPDX-License-Identifier: GPL-2.0-or-later
#include "colo_pair.h"

#include <fmt/format.h>

#include "errors.h"

namespace colo
{

using migration::Deadline;
using migration::Json;
using migration::MigrationPair;
using migration::Vm;

namespace
{

constexpr std::int64_t checkpoint_delay_ms = 300;
constexpr int multifd_channels = 4;

MigrationPair::Options options(Channels channels)
{
    MigrationPair::Options result{.capabilities = {"return-path", "x-colo"},
                                  .parameters = {{"x-checkpoint-delay", checkpoint_delay_ms}},
                                  .target_starts_stopped = false};
    if (channels == Channels::multifd) {
        result.capabilities.push_back("multifd");
        result.parameters.set("multifd-channels", multifd_channels);
    }
    return result;
}

const char* name_of(Side side) { return side == Side::primary ? "primary" : "secondary"; }

constexpr std::size_t connections(Channels channels)
{
    return channels == Channels::multifd ? 1 + multifd_channels : 1;
}

// Words of RAM that the guest leaves alone: one changed on the primary, one on the secondary, between two checkpoints.
constexpr std::uint64_t primarys_word = GUEST_SPARE;
constexpr std::uint64_t secondarys_word = GUEST_SPARE + GUEST_PAGE;

} // namespace

ColoPair::ColoPair(harness::Case& test, Channels channels)
    : test_(test), channels_(channels), pair_(test, options(channels))
{
    for (const Side side : {Side::primary, Side::secondary})
        test_.check(vm(side).qmp().out_of_band(), vm(side).name() + ": QEMU does not offer out-of-band QMP");
}

void ColoPair::reach_colo()
{
    test_.phase("reach colo");
    pair_.converge();
    begin_ = pair_.migrate(pair_.listen("tcp:127.0.0.1:0"));
    pair_.wait_status(pair_.source(), "colo", begin_.source);
    vm(Side::secondary).wait_event("RESUME", {}, begin_.target);
    for (const Side side : {Side::primary, Side::secondary})
        expect_colo_status(side, {{"mode", name_of(side)}, {"last-mode", "none"}});
    const std::size_t seen = pair_.count_connections();
    test_.check(seen == connections(channels_),
                fmt::format("expected {} migration connections between source and target, seen {}",
                            connections(channels_), seen));
}

void ColoPair::expect_checkpoints(int count)
{
    for (int number = 1; number <= count; number++) {
        test_.phase(fmt::format("checkpoint {}", number));
        expect_checkpoint(number);
    }
}

void ColoPair::expect_checkpoint(int number)
{
    Vm& primary = vm(Side::primary);
    Vm& secondary = vm(Side::secondary);
    const std::uint64_t changed = 0x0123456789abcd00 + static_cast<std::uint64_t>(number);
    primary.machine().qtest().writeq(primarys_word, changed);
    secondary.machine().qtest().writeq(secondarys_word, changed);
    // A checkpoint that stops the secondary from here on has the primary's state of a moment that is later still.
    const MigrationPair::Marks since{primary.mark(), secondary.mark()};
    const auto stop = secondary.wait_event("STOP", {}, since.target);
    secondary.wait_event("RESUME", {}, stop.number);
    // The primary stops after the secondary does, and runs again after the secondary has loaded its state.
    const auto primarys_stop = primary.wait_event("STOP", {}, since.source);
    primary.wait_event("RESUME", {}, primarys_stop.number);
    test_.mark(fmt::format("checkpoint {}", number));
    const auto primarys = primary.progress();
    const auto secondarys = secondary.progress();
    const auto taken = secondary.machine().qtest().readq(primarys_word);
    test_.check(taken == changed,
                fmt::format("{}: expected the primary's change to RAM at 0x{:x} after the checkpoint, {:x}; seen {:x}",
                            secondary.name(), primarys_word, changed, taken));
    const auto kept = secondary.machine().qtest().readq(secondarys_word);
    test_.check(kept == 0,
                fmt::format("{}: its own change to RAM at 0x{:x} outlived the checkpoint: expected 0, seen {:x}",
                            secondary.name(), secondarys_word, kept));
    primary.expect_progress(primarys);
    secondary.expect_progress(secondarys);
}

void ColoPair::enter_checkpoint()
{
    test_.phase("enter a checkpoint");
    Vm& secondary = vm(Side::secondary);
    checkpoint_entered_ = secondary.wait_event("STOP", {}, secondary.mark()).number;
}

void ColoPair::yank(Side survivor)
{
    test_.phase(fmt::format("failover to the {}", name_of(survivor)));
    failover_ = {vm(Side::primary).mark(), vm(Side::secondary).mark()};
    vm(survivor).qmp().execute_oob("yank", {{"instances", Json::array({Json{{"type", "migration"}}})}});
}

void ColoPair::lose_heartbeat(Side survivor) { vm(survivor).qmp().execute("x-colo-lost-heartbeat"); }

void ColoPair::expect_takeover(Side survivor)
{
    Vm& alive = vm(survivor);
    const auto since = survivor == Side::primary ? failover_.source : failover_.target;
    const auto exit = alive.wait_event("COLO_EXIT", Json{{"mode", name_of(survivor)}}, since);
    const auto completed = pair_.wait_status(alive, "completed", since);
    // Inside a checkpoint it was stopped already; otherwise the failover stops it for a moment.
    alive.wait_event("RESUME", {}, completed.number);
    // The event says "error" when COLO noticed the cut connection before the failover command, "request" when after.
    const Json reason = exit.data.at("reason");
    test_.check(
        reason == Json("request") || reason == Json("error"),
        fmt::format("{}: expected COLO_EXIT with reason 'request' or 'error', seen {}", alive.name(), reason.dump()));
    expect_colo_status(survivor, {{"mode", "none"}, {"last-mode", name_of(survivor)}, {"reason", "request"}});
    expect_loss_noticed(other(survivor));
    if (checkpoint_entered_)
        expect_failed_over_inside_checkpoint();
    expect_orderly_events(survivor);
    test_.phase(fmt::format("the {} goes on alone", name_of(survivor)));
    alive.expect_run_state("running");
    const Json state = alive.qmp().execute("query-migrate");
    test_.check(state.at("status") == Json("completed"),
                fmt::format("{}: query-migrate says {} after the failover", alive.name(), state.dump()));
    // Only a source counts what it sent, and in COLO only when it is over.
    if (survivor == Side::primary) {
        const auto multifd = state.at("ram/multifd-bytes").as_uint();
        test_.check((multifd > 0) == (channels_ == Channels::multifd),
                    fmt::format("{}: {} bytes went over multifd channels", alive.name(), multifd));
    }
    alive.expect_progress();
    expect_out_of_colo(alive);
    alive.stop();
    alive.check_ram();
}

void ColoPair::expect_colo_status(Side side, const Json& expected)
{
    const Json seen = vm(side).qmp().execute("query-colo-status");
    test_.check(seen.matches(expected),
                fmt::format("{}: expected COLO status {}, seen {}", vm(side).name(), expected.dump(), seen.dump()));
}

void ColoPair::expect_loss_noticed(Side side)
{
    const auto since = side == Side::primary ? failover_.source : failover_.target;
    vm(side).wait_event("COLO_EXIT", Json{{"mode", name_of(side)}, {"reason", "error"}}, since);
    expect_colo_status(side, {{"mode", name_of(side)}, {"last-mode", "none"}});
}

void ColoPair::expect_failed_over_inside_checkpoint()
{
    const auto& events = vm(Side::secondary).qmp().events();
    const qtest::Event* resume = events.find("RESUME", {}, *checkpoint_entered_);
    const qtest::Event* exit = events.find("COLO_EXIT", {}, *checkpoint_entered_);
    test_.check(
        !resume || (exit && exit->number < resume->number),
        "target: the checkpoint was over before the failover reached it, so this was no failover inside a checkpoint");
}

/// What must be true of everything that both sides have told since migration began.
void ColoPair::expect_orderly_events(Side survivor)
{
    for (const Side side : {Side::primary, Side::secondary}) {
        const auto since = side == Side::primary ? begin_.source : begin_.target;
        std::vector<std::string> expected = {"active", "colo"};
        if (side == Side::primary)
            expected.insert(expected.begin(), "setup");
        if (side == survivor)
            expected.push_back("completed");
        pair_.expect_statuses(vm(side), since, expected);

        const auto& events = vm(side).qmp().events();
        const std::size_t exits = events.count("COLO_EXIT", {}, since);
        test_.check(exits == 1, fmt::format("{}: expected one COLO_EXIT, seen {}", vm(side).name(), exits));
        // The primary ran when migration began; the secondary waited.
        std::string last = side == Side::primary ? "RESUME" : "STOP";
        for (std::size_t i = since; i < events.mark(); i++) {
            const std::string& name = events.all()[i].name;
            if (name != "STOP" && name != "RESUME")
                continue;
            test_.check(name != last,
                        fmt::format("{}: two {} events in a row, numbers up to {}", vm(side).name(), name, i));
            last = name;
        }
    }
}

void ColoPair::expect_out_of_colo(Vm& vm)
{
    try {
        vm.qmp().execute("x-colo-lost-heartbeat");
    } catch (const qtest::CommandError& error) {
        const std::string expected = "VM is not in COLO mode"; // QEMU's migration/colo-failover.c
        test_.check(error.description() == expected,
                    fmt::format("{}: expected a second x-colo-lost-heartbeat to be refused with "
                                "'{}', seen '{}'",
                                vm.name(), expected, error.description()));
        return;
    }
    throw qtest::TestFailure(vm.name() + ": a second x-colo-lost-heartbeat, after the failover, was accepted");
}

} // namespace colo

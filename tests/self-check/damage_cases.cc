// SPDX-License-Identifier: GPL-2.0-or-later
#include "damage_cases.h"

#include <fmt/format.h>

#include "errors.h"
#include "memory_oracle.h"
#include "migration_pair.h"
#include "noticed.h"
#include "relay.h"

namespace self_check
{

namespace
{

using harness::Case;
using migration::Deadline;
using migration::MigrationPair;
using migration::usual_timeout;
using qtest::Json;
using relay::Damage;
using relay::Direction;
using relay::Page;
using relay::Relay;
using Kind = Damage::Kind;

/// Of the test range, so it is rewritten in each pass, and among the first pages to be sent.
constexpr std::uint64_t early_page = 0x110000;
/// Behind the test range: written once, sent once.
constexpr std::uint64_t late_page = 0x3d20000;

/// What each side says of a stream that broke. A UNIX socket's error depends on what the relay had still to read. Of
/// the target's, QEMU 7.2 to 11.1 tell no more than this, be it an early end or a reset.
constexpr const char* source_lost = ": Unable to write to socket: ";
constexpr const char* source_lost_tcp = ": Unable to write to socket: Connection reset by peer";
constexpr const char* target_lost = "load of migration failed: Input/output error";

std::string uri(const Case& test, const std::string& transport, const char* name)
{
    return transport == "tcp" ? "tcp:127.0.0.1:0" : "unix:" + (test.directory() / name).string();
}

/// Source and target, the target listening for a relay.
struct Relayed {
    Relayed(Case& test, const std::string& transport)
        : pair(test, {}), relay(test.loop(), uri(test, transport, "relay"), pair.listen(uri(test, transport, "target")))
    {
    }
    MigrationPair pair;
    Relay relay;
};

/// A live migration in which pages are sent again.
MigrationPair::Marks migrate_live(Relayed& vms)
{
    vms.pair.hold_back();
    const auto marks = vms.pair.migrate(vms.relay.uri());
    vms.pair.await_resend(marks);
    vms.pair.converge();
    return marks;
}

/// The migration completes, and both oracles find the one page that is wrong. `place`: "0x123000, byte 0".
void expect_wrong_page(Case& test, Relayed& vms, const MigrationPair::Marks& marks, const std::string& place,
                       const std::string& as)
{
    expect_noticed(test, {"guest RAM differs at ", place, "; 1 page in all"},
                   [&] { vms.pair.expect_completed(marks); });
    expect_noticed(test, {"target: guest RAM at ", place, as}, [&] { vms.pair.target().check_ram(); });
    test.check(vms.relay.damage_done() > 0, "the relay did no damage: " + vms.relay.damage_text());
}

/// The source has not lost anything: its guest goes on, and all of its RAM is right.
void expect_unharmed(MigrationPair& pair)
{
    pair.source().expect_run_state("running");
    pair.source().expect_progress();
    pair.source().stop();
    pair.source().check_ram();
}

/// The relay itself changes nothing.
void no_damage(Case& test, const std::string& transport)
{
    Relayed vms(test, transport);
    const auto marks = migrate_live(vms);
    vms.pair.expect_completed(marks);
    vms.pair.expect_pages_resent(marks);
    vms.pair.expect_target_continues();
    test.check(vms.relay.connections().size() == 1 && vms.relay.bytes(Direction::to_target) > 40U << 20 &&
                   vms.relay.bytes(Direction::to_source) == 0,
               fmt::format("expected one connection and RAM one way; seen {}, {} bytes to the target, {} to the source",
                           vms.relay.connections().size(), vms.relay.bytes(Direction::to_target),
                           vms.relay.bytes(Direction::to_source)));
}

void flipped_bit(Case& test, const std::string& transport)
{
    Relayed vms(test, transport);
    vms.relay.damage({.kind = Kind::flip_bit, .place = Page{.offset = late_page}, .byte = 0x7f3, .bit = 6});
    const auto marks = migrate_live(vms);
    expect_wrong_page(test, vms, marks, fmt::format("0x{:x}, byte 2035 of page", late_page + 0x7f3),
                      "it is no page of this guest");
}

void dropped_page(Case& test)
{
    Relayed vms(test, "tcp");
    vms.relay.damage({.kind = Kind::drop, .place = Page{.offset = late_page}});
    vms.pair.source().stop();
    const auto marks = vms.pair.migrate(vms.relay.uri());
    expect_wrong_page(test, vms, marks, fmt::format("0x{:x}, byte 0 of page", late_page), "the whole page is zero");
}

/// A page is sent while the guest is stopped, so it is known how; the guest runs on, and the page is sent again as it
/// was the first time.
void old_page(Case& test)
{
    Relayed vms(test, "tcp");
    auto& source = vms.pair.source();
    source.stop();
    const auto position = guest::parse_position(source.registers());
    const std::uint64_t page = position.page == early_page ? early_page + GUEST_PAGE : early_page; // no half of a page
    const std::uint32_t pass = page < position.page ? position.pass : position.pass - 1;
    vms.relay.damage({.kind = Kind::repeat_old, .place = Page{.offset = page}});
    vms.pair.hold_back();
    const auto marks = vms.pair.migrate(vms.relay.uri());
    vms.relay.await_place(Deadline::in(usual_timeout));
    auto printed = source.machine().console().mark();
    source.cont();
    while (source.pass() < pass + 3) {
        source.machine().console().wait("B", printed, Deadline::in(usual_timeout));
        printed = source.machine().console().mark();
    }
    source.stop();
    vms.pair.converge();
    expect_wrong_page(test, vms, marks, fmt::format("of page {} (0x{:x}", page / GUEST_PAGE, page),
                      fmt::format("it is this page as of pass {}", pass));
}

/// The stream breaks: the source says so, and goes on as if nothing had been; the target, which has lost its guest,
/// ends as announced and says why.
void broken(Case& test, const std::string& transport, Kind kind)
{
    Relayed vms(test, transport);
    vms.relay.damage({.kind = kind, .place = Page{.offset = early_page}});
    auto& target = vms.pair.target().machine();
    target.expect_exit(qtest::ExitStatus::exited(1));
    const auto marks = vms.pair.migrate(vms.relay.uri());
    expect_noticed(test,
                   {"source: expected migration status 'completed', seen 'failed'",
                    transport == "tcp" ? source_lost_tcp : source_lost},
                   [&] { vms.pair.expect_completed(marks); });
    vms.pair.expect_statuses(vms.pair.source(), marks.source, {"setup", "active", "failed"});
    target.wait_exit(Deadline::in(usual_timeout));
    test.check(target.last_words().find(target_lost) != std::string::npos,
               fmt::format("target: expected to end saying '{}', seen: {}", target_lost, target.last_words()));
    expect_unharmed(vms.pair);
}

/// The same for a target that is told to stay.
void broken_target_stays(Case& test, Kind kind)
{
    MigrationPair pair(test, {});
    auto& target = pair.target();
    const auto since = target.mark();
    try {
        target.qmp().execute("migrate-incoming", {{"uri", "tcp:127.0.0.1:0"}, {"exit-on-error", false}});
    } catch (const qtest::CommandError& error) {
        test.skip(std::string("migrate-incoming of the target: ") + error.what());
    }
    pair.wait_status(target, "setup", since);
    const Json address = target.qmp().execute("query-migrate").at("socket-address[0]");
    Relay relay(test.loop(), "tcp:127.0.0.1:0", "tcp:127.0.0.1:" + address.at("port").as_string());
    relay.damage({.kind = kind, .place = Page{.offset = early_page}});
    const auto marks = pair.migrate(relay.uri());
    pair.wait_status(pair.source(), "failed", marks.source);
    expect_noticed(test, {"target: expected migration status 'completed', seen 'failed'", target_lost},
                   [&] { pair.wait_status(target, "completed", marks.target); });
    expect_unharmed(pair);
}

void stalled(Case& test)
{
    Relayed vms(test, "tcp");
    vms.relay.damage({.kind = Kind::stall, .place = Page{.offset = early_page}});
    const auto marks = vms.pair.migrate(vms.relay.uri());
    vms.relay.await_place(Deadline::in(usual_timeout));
    {
        const ShortDeadlines in_force;
        expect_noticed(test, {"awaited migration status 'completed' of source for", "last seen: 'active'"},
                       [&] { vms.pair.expect_completed(marks); });
    }
    vms.pair.source().expect_run_state("running");
    vms.pair.source().expect_progress();
    vms.pair.source().qmp().execute("migrate_cancel");
    vms.pair.wait_status(vms.pair.source(), "cancelled", marks.source);
    expect_unharmed(vms.pair);
    // Before the relay goes, and the target would see the stream end.
    vms.pair.target().expect_run_state("inmigrate");
    vms.pair.target().machine().quit();
    vms.pair.target().machine().wait_exit(Deadline::in(usual_timeout));
}

/// What an oracle is tried with must have come about.
void place_not_reached(Case& test)
{
    Relayed vms(test, "tcp");
    vms.relay.damage({.kind = Kind::flip_bit, .place = Page{.block = "no.ram", .offset = early_page}});
    vms.pair.source().stop();
    vms.pair.expect_completed(vms.pair.migrate(vms.relay.uri()));
    const std::string told = vms.relay.damage_text();
    test.check(vms.relay.damage_done() == 0 && told.find("not reached") != std::string::npos &&
                   told.find("the last before a section of type") != std::string::npos,
               "seen: " + told);
}

} // namespace

void register_damage_cases(harness::Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run) {
        registry.add({.path = std::string("/self-check/damage/") + path, .summary = summary, .run = std::move(run)});
    };
    for (const std::string transport : {"tcp", "unix"}) {
        add((transport + "/none").c_str(), "a relay that only forwards",
            [=](Case& test) { no_damage(test, transport); });
        add((transport + "/flipped_bit").c_str(), "a bit flipped in a page of a live migration",
            [=](Case& test) { flipped_bit(test, transport); });
        add((transport + "/truncated").c_str(), "a stream that ends within a page",
            [=](Case& test) { broken(test, transport, Kind::truncate); });
    }
    add("tcp/dropped_page", "a page that does not arrive", dropped_page);
    add("tcp/old_page", "a page sent again as it was the first time", old_page);
    add("tcp/reset", "a connection that is reset", [](Case& test) { broken(test, "tcp", Kind::reset); });
    add("tcp/truncated_target_stays", "a stream that ends within a page, the target told to stay",
        [](Case& test) { broken_target_stays(test, Kind::truncate); });
    add("tcp/reset_target_stays", "a connection that is reset, the target told to stay",
        [](Case& test) { broken_target_stays(test, Kind::reset); });
    add("tcp/stalled", "a connection on which nothing arrives any more", stalled);
    add("tcp/place_not_reached", "damage that is not done", place_not_reached);
}

} // namespace self_check

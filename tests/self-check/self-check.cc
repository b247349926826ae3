// SPDX-License-Identifier: GPL-2.0-or-later
//
// Do the oracles see? Each case here breaks one thing that a check of the suite looks at, on real VMs, and passes only
// when the check fails and names the place. A check that cannot fail would be found here.
#include <csignal>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "colo_pair.h"
#include "damage_cases.h"
#include "device_cases.h"
#include "errors.h"
#include "log_file.h"
#include "main.h"
#include "memory_oracle.h"
#include "noticed.h"
#include "saved_stream.h"

namespace
{

using colo::Channels;
using colo::ColoPair;
using colo::Side;
using harness::Case;
using migration::MigrationPair;
using migration::Vm;
using self_check::expect_noticed;
using self_check::ShortDeadlines;

/// Source and target after a whole migration, both stopped.
MigrationPair::Marks migrated(MigrationPair& pair)
{
    pair.source().stop();
    const auto marks = pair.migrate(pair.listen("tcp:127.0.0.1:0"));
    pair.expect_completed(marks);
    return marks;
}

// A page of the test range and its byte in the middle, behind the slices of the first passes.
constexpr std::uint64_t page = 0x1230000; // rewritten in each pass
constexpr std::uint64_t byte_in_page = page + 0x7f3;

void changed_byte(Case& test)
{
    MigrationPair pair(test, {});
    migrated(pair);
    auto& qtest = pair.target().machine().qtest();
    qtest.writeb(byte_in_page, static_cast<std::uint8_t>(qtest.readb(byte_in_page) ^ 0x10));
    const std::vector<std::string> place{fmt::format("0x{:x}", byte_in_page), "byte 2035 of page 4656",
                                         "1 page in all"};
    expect_noticed(test, place, [&] { migration::expect_same_guest(pair.source(), pair.target()); });
    expect_noticed(test, {place[0], place[1]}, [&] { pair.target().check_ram(); });
}

void changed_byte_outside_test_range(Case& test)
{
    MigrationPair pair(test, {});
    migrated(pair);
    for (const std::uint64_t address : {std::uint64_t{0x3fff123}, std::uint64_t{0x3f000}}) {
        auto& qtest = pair.target().machine().qtest();
        const auto before = qtest.readb(address);
        qtest.writeb(address, static_cast<std::uint8_t>(before + 1));
        expect_noticed(test, {fmt::format("0x{:x}", address)},
                       [&] { migration::expect_same_guest(pair.source(), pair.target()); });
        qtest.writeb(address, before);
    }
    migration::expect_same_guest(pair.source(), pair.target());
}

void changed_register(Case& test)
{
    MigrationPair pair(test, {});
    migrated(pair);
    pair.target().cont();
    pair.target().expect_progress();
    pair.target().stop();
    expect_noticed(test, {"CPU registers differ"}, [&] { migration::expect_same_guest(pair.source(), pair.target()); });
}

/// A file in which one byte of RAM, or one of the CPU, is another.
void changed_file(Case& test)
{
    MigrationPair pair(test, {});
    pair.source().stop();
    const std::string file = test.directory() / "saved";
    const auto marks = pair.migrate("exec:cat > " + file);
    pair.wait_status(pair.source(), "completed", marks.source);
    const stream::Analysis saved = precopy::expect_saved(test, pair.source(), file);
    const std::string right = qtest::read_file(file);
    const auto expect_byte_noticed = [&](std::uint64_t at, const std::vector<std::string>& parts) {
        std::string wrong = right;
        wrong[at] ^= 0x10;
        qtest::write_file(file, wrong);
        expect_noticed(test, parts, [&] { precopy::expect_saved(test, pair.source(), file); });
    };
    for (const stream::PageIndex::Entry& entry : saved.block("pc.ram").index.from(page / GUEST_PAGE)) {
        if (entry.is_fill())
            continue;
        expect_byte_noticed(entry.file_offset() + 0x123,
                            {fmt::format("in the file differs at 0x{:x}", entry.page * GUEST_PAGE + 0x123)});
        break;
    }
    constexpr std::uint64_t ebx = 3 * 8 + 7; // the last byte of the fourth register
    expect_byte_noticed(saved.device("cpu").offset + ebx, {"EBX is ", " in the file"});
    expect_byte_noticed(right.find("pc-") + 3, {"the file is of machine type 'pc-"});
}

void take_over(ColoPair& vms, Side survivor)
{
    vms.reach_colo();
    vms.expect_checkpoints(1);
    vms.yank(survivor);
    vms.lose_heartbeat(survivor);
    vms.expect_takeover(survivor);
}

void neighbours_page(Case& test, Side survivor)
{
    ColoPair vms(test, Channels::plain);
    take_over(vms, survivor);
    auto& qtest = vms.vm(survivor).machine().qtest();
    qtest.write(page, qtest.read(page + GUEST_PAGE, GUEST_PAGE));
    expect_noticed(test, {fmt::format("page {} (0x{:x}", page / GUEST_PAGE, page), "it is page 4657"},
                   [&] { vms.vm(survivor).check_ram(); });
}

void stale_page(Case& test, Side survivor)
{
    ColoPair vms(test, Channels::plain);
    take_over(vms, survivor);
    Vm& alive = vms.vm(survivor);
    const auto position = guest::parse_position(alive.registers());
    const std::uint32_t last = page < position.page ? position.pass : position.pass - 1;
    const auto current = guest::page_after(page / GUEST_PAGE, last);
    auto& qtest = alive.machine().qtest();
    test.check(position.page == page || qtest.read(page, GUEST_PAGE) == current,
               "the page to be replaced is not what it should be");
    qtest.write(page, guest::page_after(page / GUEST_PAGE, last - 1));
    expect_noticed(test,
                   {fmt::format("page {} (0x{:x}", page / GUEST_PAGE, page),
                    fmt::format("it is this page as of pass {}", last - 1)},
                   [&] { alive.check_ram(); });
}

void stopped_survivor(Case& test)
{
    ColoPair vms(test, Channels::plain);
    take_over(vms, Side::primary); // and expect_takeover() leaves it stopped
    Vm& alive = vms.vm(Side::primary);
    test.check(alive.machine().console().since(0).find('B') != std::string::npos,
               "no old B in the log: the case shows nothing");
    const ShortDeadlines in_force;
    expect_noticed(test, {"source: the guest makes no progress", "0 bytes since the mark"},
                   [&] { alive.expect_progress(); });
}

void yank_left_out(Case& test)
{
    ColoPair vms(test, Channels::plain);
    vms.reach_colo();
    vms.expect_checkpoints(1);
    const ShortDeadlines in_force;
    expect_noticed(test, {"event COLO_EXIT"}, [&] { vms.expect_loss_noticed(Side::secondary); });
}

void failover_left_out(Case& test, Side survivor)
{
    ColoPair vms(test, Channels::plain);
    vms.reach_colo();
    vms.expect_checkpoints(1);
    vms.yank(survivor);
    const ShortDeadlines in_force;
    expect_noticed(test, {"migration status 'completed'"}, [&] { vms.expect_takeover(survivor); });
}

/// Without failover there is a checkpoint to come, and RAM of the secondary that differs until then.
void checkpoint_left_out(Case& test)
{
    ColoPair vms(test, Channels::plain);
    vms.reach_colo();
    vms.vm(Side::primary).qmp().execute("migrate-set-parameters", {{"x-checkpoint-delay", 60'000}});
    vms.expect_checkpoints(1); // the one whose delay had begun
    const ShortDeadlines in_force;
    expect_noticed(test, {"event STOP of target"}, [&] { vms.expect_checkpoints(1); });
}

void wrong_exit_announced(Case& test)
{
    MigrationPair pair(test, {});
    migrated(pair);
    pair.source().machine().expect_exit(qtest::ExitStatus::signalled(SIGKILL));
    pair.target().machine().process().send_signal(SIGKILL);
    expect_noticed(test, {"target: QEMU was killed by signal 9 (Killed), which the case did not announce"},
                   [&] { pair.target().wait_event("RESUME", {}, pair.target().mark()); });
    test.loop().forgive();
    pair.target().machine().expect_exit(qtest::ExitStatus::signalled(SIGKILL));
    // The other half: an announced end that is another one.
    pair.source().machine().process().send_signal(SIGTERM);
    expect_noticed(test, {"source: QEMU exited with status 0, but the case announced: was killed by signal 9 (Killed)"},
                   [&] { test.finish(); });
    test.loop().forgive();
    pair.source().machine().expect_exit(qtest::ExitStatus::exited(0));
}

/// A word that QEMU would put where the guest never writes.
void stray_word(Case& test)
{
    MigrationPair pair(test, {});
    migrated(pair);
    pair.target().machine().qtest().writel(0x7c00, 0x1badb002);
    expect_noticed(test, {"0x7c00", "below 1 MiB"}, [&] { pair.target().check_ram(); });
}

void hooks(Case& test)
{
    std::string called;
    MigrationPair pair(
        test, {.before = [&](MigrationPair& early) { called += "before " + early.source().run_state() + "; "; },
               .after = [&](MigrationPair& late) { called += "after " + late.source().run_state(); }});
    migrated(pair);
    test.check(called == "before running; after postmigrate", "the hooks were called as: " + called);
}

/// A migration that could end before anything was written again must not pass for a live one.
void nothing_resent(Case& test)
{
    MigrationPair pair(test, {});
    const auto marks = migrated(pair);
    expect_noticed(test, {"expected pages to be sent again"}, [&] { pair.expect_pages_resent(marks); });
}

void register_cases(harness::Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run) {
        registry.add({.path = std::string("/self-check/") + path, .summary = summary, .run = std::move(run)});
    };
    add("ram/changed_byte", "a byte of the target's RAM changed", changed_byte);
    add("ram/changed_byte_outside_test_range", "a byte in RAM that is written once, or never",
        changed_byte_outside_test_range);
    add("ram/stray_word", "a word below 1 MiB", stray_word);
    add("pair/hooks", "hooks before and after migration", hooks);
    add("ram/nothing_resent", "a migration without a page sent twice", nothing_resent);
    add("saved/changed_file", "a byte of a saved stream changed", changed_file);
    add("cpu/changed_register", "the target's CPU elsewhere", changed_register);
    add("survivor/primary/neighbours_page", "a page replaced by the next",
        [](Case& t) { neighbours_page(t, Side::primary); });
    add("survivor/secondary/neighbours_page", "a page replaced by the next",
        [](Case& t) { neighbours_page(t, Side::secondary); });
    add("survivor/primary/stale_page", "a page as of a pass ago", [](Case& t) { stale_page(t, Side::primary); });
    add("survivor/secondary/stale_page", "a page as of a pass ago", [](Case& t) { stale_page(t, Side::secondary); });
    add("survivor/stopped", "a survivor that does not run", stopped_survivor);
    add("failover/primary_left_out", "no failover command", [](Case& t) { failover_left_out(t, Side::primary); });
    add("failover/secondary_left_out", "no failover command", [](Case& t) { failover_left_out(t, Side::secondary); });
    add("failover/yank_left_out", "no connection cut", yank_left_out);
    add("checkpoint/left_out", "no checkpoint", checkpoint_left_out);
    add("exit/wrong_one_announced", "QEMU ends other than announced", wrong_exit_announced);
    self_check::register_damage_cases(registry);
    self_check::register_device_cases(registry);
}

} // namespace

int main(int argc, char** argv)
{
    harness::Registry registry;
    register_cases(registry);
    return harness::main(argc, argv, registry, R"({"entries": [
        {"cases": "/self-check/survivor", "qemu": {"before": "10.2"}, "what": "COLO is broken", "reference": "known-trouble.json", "deadline_s": 10},
        {"cases": "/self-check/failover", "qemu": {"before": "10.2"}, "what": "COLO is broken", "reference": "known-trouble.json", "deadline_s": 10},
        {"cases": "/self-check/checkpoint", "qemu": {"before": "10.2"}, "what": "COLO is broken", "reference": "known-trouble.json", "deadline_s": 10}]})");
}

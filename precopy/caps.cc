// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every capability with every other, on both sides: the migration works, or QEMU refuses and says what.
#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "errors.h"
#include "precopy.h"
#include "procedures.h"

namespace precopy
{

namespace
{

struct Capability {
    std::string name;
    /// What it needs besides, and how QEMU says so where that is missing. No companion: what no capability can give.
    std::string companion = {};
    std::string alone = {};
    /// How QEMU calls it when it refuses a pair.
    std::string called = name;
};

/// All that QEMU has had from 7.2 to 11.1, but `events`, which every case sets.
const std::vector<Capability>& capabilities()
{
    static const std::vector<Capability> all{
        {"auto-converge"},
        {"background-snapshot"},
        {"block"},
        {"compress"},
        {"dirty-bitmaps"},
        {"dirty-limit", "", "dirty-limit requires KVM with accelerator property 'dirty-ring-size' set"},
        {"late-block-activate"},
        {"mapped-ram"},
        {"multifd"},
        {"pause-before-switchover"},
        {"postcopy-blocktime"},
        {"postcopy-preempt", "postcopy-ram", "Postcopy preempt requires postcopy-ram"},
        {.name = "postcopy-ram", .called = "postcopy"},
        {"rdma-pin-all"},
        {"release-ram"},
        {"return-path"},
        {"switchover-ack", "return-path", "Capability 'switchover-ack' requires capability 'return-path'"},
        {"validate-uuid"},
        {"x-colo", "return-path", "Capability 'x-colo' requires capability 'return-path'"},
        {.name = "x-ignore-shared", .called = "ignore-shared"},
        {"xbzrle"},
        {"zero-blocks"},
        {"zero-copy-send", "multifd", "Zero copy only available for non-compressed non-TLS multifd migration"},
    };
    return all;
}

struct Two {
    Capability a;
    Capability b;

    bool has(std::string_view name) const { return a.name == name || b.name == name; }
    std::vector<std::string> names() const { return {a.name, b.name}; }
};

/// It names both, or what one of them needs and the other is not.
bool explains(std::string text, const Two& two)
{
    if ((text == two.a.alone && two.a.companion != two.b.name) ||
        (text == two.b.alone && two.b.companion != two.a.name))
        return true;
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) { return std::tolower(letter); });
    return text.find(two.a.called) != std::string::npos && text.find(two.b.called) != std::string::npos;
}

/// Neither side has taken one of the two, and the guest runs on.
void expect_refused(Case& test, MigrationPair& pair, const Two& two, const std::string& text)
{
    test.check(explains(text, two), fmt::format("expected {} and {} to be refused with an error that names both, or "
                                                "what one of them is missing; seen '{}'",
                                                two.a.name, two.b.name, text));
    pair.source().expect_progress();
}

/// The RAM of the moment it began goes to the target; the source runs on.
void expect_snapshot(Case& test, MigrationPair& pair, const MigrationPair::Marks& marks)
{
    pair.wait_status(pair.source(), "completed", marks.source);
    pair.wait_status(pair.target(), "completed", marks.target);
    pair.expect_statuses(pair.source(), marks.source, {"setup", "active", "completed"});
    pair.source().expect_run_state("running");
    pair.source().expect_progress();
    pair.target().check_ram();
    test.phase("target continues");
    pair.target().cont();
    pair.target().expect_progress();
    pair.target().stop();
    pair.target().check_ram();
}

/// Both run, in lock-step.
void expect_colo(MigrationPair& pair, const MigrationPair::Marks& marks)
{
    pair.wait_status(pair.source(), "colo", marks.source);
    pair.wait_status(pair.target(), "colo", marks.target);
    pair.target().wait_event("RESUME", {}, marks.target);
    pair.source().expect_progress();
    pair.target().expect_progress();
}

void migrate_with(Case& test, MigrationPair& pair, const Two& two)
{
    test.phase("set both");
    for (migration::Vm* vm : {&pair.source(), &pair.target()})
        pair.set_capabilities(*vm, two.names());
    // What is shared is not sent, and what a snapshot has sent may change.
    const bool sends_again = !two.has("x-ignore-shared") && !two.has("background-snapshot");
    if (sends_again)
        pair.hold_back();
    test.phase("migrate");
    const bool to_file = two.has("mapped-ram");
    const Json file{{"uri", "file:" + (test.directory() / "migration.file").string()}};
    auto marks = pair.migrate_with(to_file ? file : tcp(test, pair));
    if (sends_again)
        pair.await_resend(marks);
    pair.converge();
    if (two.has("pause-before-switchover")) {
        pair.wait_status(pair.source(), "pre-switchover", marks.source);
        pair.source().qmp().execute("migrate-continue", {{"state", "pre-switchover"}});
    }
    if (to_file) {
        pair.wait_status(pair.source(), "completed", marks.source);
        marks.target = pair.target().mark();
        pair.listen_with(file);
    }
    if (two.has("x-colo"))
        return expect_colo(pair, marks);
    if (two.has("background-snapshot"))
        return expect_snapshot(test, pair, marks);
    pair.expect_completed(marks);
    if (sends_again)
        pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

void combine(Case& test, const Two& two)
{
    const auto memory = two.has("x-ignore-shared") ? migration::Memory::shared_file : migration::Memory::anonymous;
    MigrationPair pair(test, {.target_starts_stopped = !two.has("x-colo"),
                              .source_keeps_ram = !two.has("release-ram"),
                              .launch = {.memory = memory}});
    try {
        migrate_with(test, pair, two);
    } catch (const qtest::ExecuteError& error) {
        expect_refused(test, pair, two, error.description());
    }
}

} // namespace

void register_caps(Registry& registry)
{
    const auto& all = capabilities();
    for (auto a = all.begin(); a != all.end(); ++a) {
        for (auto b = a + 1; b != all.end(); ++b) {
            const Two two{*a, *b};
            registry.add({.path = fmt::format("/migration/caps/{}+{}", a->name, b->name),
                          .summary = fmt::format("live with {} and {}, or refused with the reason", a->name, b->name),
                          .run = [two](Case& test) { combine(test, two); },
                          .needs = {Need::capability(a->name), Need::capability(b->name)},
                          .tag = Tag::full});
        }
    }
}

} // namespace precopy

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

/// What QEMU says of two where it does not name both: seen with 10.0.13 and 7.2.22 as well.
struct Refusal {
    std::string a;
    std::string b;
    std::string text;
};
const Refusal refusals[] = {
    // RAM that is shared cannot be protected against writing.
    {"background-snapshot", "x-ignore-shared", "Background-snapshot is not compatible with guest memory configuration"},
};

/// It names both, or what one of them needs and the other is not.
bool explains(std::string text, const Two& two)
{
    for (const Refusal& one : refusals) {
        if (two.has(one.a) && two.has(one.b) && text == one.text)
            return true;
    }
    if ((text == two.a.alone && two.a.companion != two.b.name) ||
        (text == two.b.alone && two.b.companion != two.a.name))
        return true;
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) { return std::tolower(letter); });
    return text.find(two.a.called) != std::string::npos && text.find(two.b.called) != std::string::npos;
}

/// Whether the VM refuses the two. Then it must say why, have neither set, and its guest run on.
bool refuses(Case& test, MigrationPair& pair, migration::Vm& vm, const Two& two)
{
    try {
        pair.set_capabilities(vm, two.names());
        return false;
    } catch (const qtest::ExecuteError& error) {
        test.check(
            explains(error.description(), two),
            fmt::format("{}: expected {} and {} to be refused with an error that names both, or what one of them "
                        "is missing; seen '{}'",
                        vm.name(), two.a.name, two.b.name, error.description()));
    }
    for (const Json& one : vm.qmp().execute("query-migrate-capabilities").elements())
        test.check(!two.has(one.at("capability").as_string()) || one.at("state") == Json(false),
                   fmt::format("{}: after the refusal there is {}", vm.name(), one.dump()));
    pair.source().expect_progress();
    return true;
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
    test.phase("set both");
    if (!refuses(test, pair, pair.source(), two) && !refuses(test, pair, pair.target(), two))
        migrate_with(test, pair, two);
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

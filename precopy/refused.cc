// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands that QEMU must refuse, with these words, and with nothing changed on either side.
#include <fmt/format.h>

#include "precopy.h"
#include "refusals.h"

namespace precopy
{

namespace
{

using When = Refusal::When;

/// What a refused command must leave as it was.
std::vector<Json> settings(MigrationPair& pair)
{
    std::vector<Json> all;
    for (migration::Vm* vm : {&pair.source(), &pair.target()}) {
        for (const char* query : {"query-migrate-capabilities", "query-migrate-parameters", "query-status"})
            all.push_back(vm->qmp().execute(query));
    }
    return all;
}

void expect_same(Case& test, const std::vector<Json>& before, const std::vector<Json>& after)
{
    for (std::size_t i = 0; i < before.size(); i++)
        test.check(before[i] == after[i],
                   fmt::format("the refused command changed {}: {} before, {} after",
                               i < before.size() / 2 ? "the source" : "the target", before[i].dump(), after[i].dump()));
}

MigrationPair::Marks reach(Case& test, MigrationPair& pair, When when)
{
    if (when == When::idle)
        return pair.mark();
    if (when == When::listening) {
        tcp(test, pair);
        return pair.mark();
    }
    if (when == When::active)
        pair.hold_back();
    else
        pair.converge();
    test.phase("migrate");
    const auto marks = pair.migrate_with(tcp(test, pair));
    if (when == When::active)
        pair.await_resend(marks);
    else
        pair.expect_completed(marks);
    return marks;
}

/// The migration under way is none the worse for what was refused, and without one there can be one.
void expect_migration_works(MigrationPair& pair, const Refusal& refusal, const MigrationPair::Marks& marks)
{
    if (refusal.with.parameters.has("mode"))
        pair.set_parameters(pair.source(), {{"mode", "normal"}});
    if (refusal.when == When::active) {
        pair.converge();
        pair.expect_completed(marks);
        pair.expect_pages_resent(marks);
    }
    if (refusal.when == When::active || refusal.when == When::completed)
        pair.expect_target_continues();
    else if (!refusal.blocked)
        pair.expect_good_migration_follows();
}

void refused(Case& test, const Refusal& refusal)
{
    MigrationPair pair(test, {.only_source = refusal.on_target ? MigrationPair::Side{} : refusal.with,
                              .only_target = refusal.on_target ? refusal.with : MigrationPair::Side{},
                              .launch = {.memory = refusal.memory}});
    const auto marks = reach(test, pair, refusal.when);
    test.phase("the refused command");
    const auto before = settings(pair);
    const auto since = pair.mark();
    const bool runs = refusal.when != When::completed;
    (refusal.on_target ? pair.target() : pair.source())
        .expect_refused(refusal.command, refusal.arguments, refusal.parts);
    expect_same(test, before, settings(pair));
    if (runs)
        pair.source().expect_progress();
    pair.expect_statuses(pair.source(), since.source, {});
    pair.expect_statuses(pair.target(), since.target, {});
    const bool setting = refusal.command == "migrate-set-parameters" || refusal.command == "migrate-set-capabilities";
    if (!setting || refusal.when != When::idle)
        expect_migration_works(pair, refusal, marks);
}

} // namespace

void register_refused(Registry& registry)
{
    for (const auto& all : {settings_refused(), commands_refused()}) {
        for (const Refusal& refusal : all)
            registry.add({.path = "/migration/refused/" + refusal.name,
                          .summary = refusal.command + " is refused: " + refusal.parts.back(),
                          .run = [refusal](Case& test) { refused(test, refusal); },
                          .needs = refusal.needs,
                          .tag = Tag::full});
    }
}

} // namespace precopy

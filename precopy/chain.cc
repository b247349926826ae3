// SPDX-License-Identifier: GPL-2.0-or-later
//
// Several migrations of one guest, each live: what one of them leaves behind must not spoil the next.
#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

void migrate_live(Case& test, MigrationPair& pair)
{
    const auto marks = migrate_held_back(test, pair, tcp);
    pair.converge();
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    pair.expect_target_continues();
}

/// Of two QEMUs the target's has it from then on: source, target, target.
void chain(Case& test, MigrationPair::Options options)
{
    MigrationPair pair(test, std::move(options));
    migrate_live(test, pair);
    pair.move_on("target-2", test.setting().target);
    migrate_live(test, pair);
}

/// Of two QEMUs each is source and target once, and the first of them a source twice.
void back(Case& test)
{
    MigrationPair pair(test, {});
    migrate_live(test, pair);
    pair.move_on("source-2", test.setting().source);
    migrate_live(test, pair);
    pair.move_on("target-2", test.setting().target);
    migrate_live(test, pair);
}

} // namespace

void register_chain(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}) {
        registry.add({.path = std::string("/migration/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    add("precopy/tcp/chain", "live to a second host, and on to a third", [](Case& test) { chain(test, {}); });
    add("precopy/tcp/back", "live to another host, back to the first and there again", back);
    add("multifd/tcp/chain", "live to a second host and on to a third, with multifd",
        [](Case& test) { chain(test, multifd(2)); }, {Need::capability("multifd")});
}

} // namespace precopy

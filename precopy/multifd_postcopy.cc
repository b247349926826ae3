// SPDX-License-Identifier: GPL-2.0-or-later
//
// Multifd and post-copy together: RAM over several connections until the target runs, the rest on demand.
#include <fmt/format.h>

#include "credentials.h"
#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

constexpr unsigned channels = 4;

MigrationPair::Options options()
{
    MigrationPair::Options result = multifd(channels);
    result.capabilities.push_back("postcopy-ram");
    return result;
}

void postcopy(Case& test, MigrationPair& pair, const MigrationPair::Marks& since)
{
    pair.await_second_pass();
    pair.start_postcopy(since);
    pair.expect_completed(since);
    const Json ram = pair.source().qmp().execute("query-migrate").at("ram");
    test.check(ram.at("postcopy-bytes").as_int() > 0 && ram.at("multifd-bytes").as_int() > 0,
               fmt::format("source: expected bytes of multifd and of post-copy, seen {} and {}",
                           ram.at("multifd-bytes").dump(), ram.at("postcopy-bytes").dump()));
}

void through_postcopy(Case& test, MigrationPair::Options with)
{
    MigrationPair pair(test, std::move(with));
    const auto marks = migrate_held_back(test, pair, tcp);
    expect_connections(test, pair, channels);
    postcopy(test, pair, marks);
    pair.expect_target_continues();
}

/// Versions before 10.1 refuse the two together, and no schema says so.
void unless_refused(Case& test, const std::function<void()>& body)
{
    try {
        body();
    } catch (const qtest::ExecuteError& refused) {
        if (refused.description().find("Postcopy is not yet compatible with multifd") == std::string::npos)
            throw;
        test.skip(std::string("QEMU says: ") + refused.description());
    }
}

} // namespace

void register_multifd_postcopy(Registry& registry)
{
    const auto add = [&](const char* name, const char* summary, const std::function<void(Case&)>& run,
                         std::vector<Need> needs = {}) {
        needs.insert(needs.begin(), {Need::capability("multifd"), Need::capability("postcopy-ram")});
        registry.add({.path = std::string("/migration/multifd+postcopy/tcp/") + name,
                      .summary = summary,
                      .run = [run](Case& test) { unless_refused(test, [&] { run(test); }); },
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    add("plain/none", "pages over 4 connections, then by post-copy",
        [](Case& test) { through_postcopy(test, options()); });
    add("plain/zstd", "pages compressed with zstd over 4 connections, then by post-copy",
        [](Case& test) {
            MigrationPair::Options compressed = options();
            compressed.parameters.set("multifd-compression", "zstd");
            through_postcopy(test, compressed);
        },
        {Need::parameter_value("multifd-compression", "zstd")});
    add(
        "tls/psk/match", "the same with TLS and a shared key",
        [](Case& test) {
            MigrationPair::Options secret = options();
            secret.before = give(test, Psk{});
            through_postcopy(test, secret);
        },
        needs_of(Psk{}));
    add("plain/cancel", "cancelled with 16 connections; the next migration of the same source ends by post-copy",
        [](Case& test) {
            cancelled_and_again(test, options(), [&](MigrationPair& pair, const MigrationPair::Marks& since) {
                postcopy(test, pair, since);
            });
        });
}

} // namespace precopy

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Multifd: RAM over several connections beside the main one.
#include <fmt/format.h>

#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

constexpr unsigned channels = 4;

/// How zero pages travel is told by the source's count of them.
void zero_pages(Case& test, const std::string& detection)
{
    const auto held = [&](MigrationPair& pair) {
        const auto count = pair.source().qmp().execute("query-migrate").at("ram/duplicate").as_int();
        test.check((count == 0) == (detection == "none"),
                   fmt::format("source: with zero-page-detection {} it counts {} zero pages", detection, count));
    };
    MigrationPair::Options options = multifd(channels);
    options.only_source.parameters = Json{{"zero-page-detection", detection}};
    options.after = held;
    live(test, tcp, options, [&](MigrationPair& pair) { expect_connections(test, pair, channels); });
}

void converge(MigrationPair& pair, const MigrationPair::Marks& since)
{
    pair.converge();
    pair.expect_completed(since);
    pair.expect_pages_resent(since);
}

} // namespace

void cancelled_and_again(Case& test, MigrationPair::Options options, const Finish& finish)
{
    constexpr unsigned many = 16;
    options.parameters.set("multifd-channels", static_cast<int>(many));
    options.target_fails = true;
    MigrationPair pair(test, std::move(options));
    const auto first = migrate_held_back(test, pair, tcp);
    expect_connections(test, pair, many);
    pair.cancel(first);
    pair.expect_statuses(pair.source(), first.source, {"setup", "active", "cancelling", "cancelled"});
    pair.expect_target_failed(first, {"load of migration failed"});
    pair.expect_source_unharmed();
    pair.replace_target("target-2");
    const auto second = migrate_held_back(test, pair, tcp, "migrate again, held back");
    expect_connections(test, pair, many);
    finish(pair, second);
    pair.expect_target_continues();
}

MigrationPair::Options multifd(unsigned count)
{
    return {.capabilities = {"multifd"}, .parameters = {{"multifd-channels", static_cast<int>(count)}}};
}

void expect_connections(Case& test, MigrationPair& pair, unsigned count)
{
    const std::size_t seen = pair.count_connections();
    test.check(seen == count + 1, fmt::format("expected {} connections at the target, one and {} of multifd; seen {}",
                                              count + 1, count, seen));
}

void expect_multifd_bytes(Case& test, MigrationPair& pair)
{
    const Json ram = pair.source().qmp().execute("query-migrate").at("ram");
    const auto carried = ram.at("multifd-bytes").as_int();
    const auto pages = ram.at("normal").as_int() * ram.at("page-size").as_int();
    test.check(carried >= pages,
               fmt::format("source: multifd-bytes is {}, but the pages sent alone have {} bytes", carried, pages));
}

void register_multifd(Registry& registry)
{
    const auto add = [&](const std::string& path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}, Tag tag = Tag::full) {
        needs.insert(needs.begin(), Need::capability("multifd"));
        registry.add({.path = "/migration/multifd/" + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = tag});
    };
    const auto plain = [](const Transport& transport) {
        return [transport](Case& test) {
            MigrationPair::Options options = multifd(channels);
            options.after = [&](MigrationPair& pair) { expect_multifd_bytes(test, pair); };
            live(test, transport, options, [&](MigrationPair& pair) { expect_connections(test, pair, channels); });
        };
    };
    add("tcp/uri/plain/none", "live, RAM over 4 connections of its own", plain(tcp), {}, Tag::smoke);
    add("tcp/channels/plain/none", "the same, told as a list of channels", plain(tcp_channels),
        {Need::argument("migrate", "channels").on_source(),
         Need::argument("migrate-incoming", "channels").on_target()});
    add("tcp/plain/non-live", "a stopped guest, RAM over 4 connections",
        [](Case& test) { non_live(test, tcp, multifd(channels)); });
    add("unix/plain", "live, over 5 connections to a UNIX socket",
        [](Case& test) { live(test, unix_socket, multifd(channels)); });
    for (const std::string detection : {"none", "legacy", "multifd"}) {
        const auto need = Need::parameter_value("zero-page-detection", detection);
        // Only what multifd finds by itself does the target have to understand.
        add("tcp/plain/zero-page/" + detection, "live; who looks for zero pages",
            [detection](Case& test) { zero_pages(test, detection); },
            {detection == "multifd" ? need : need.on_source()});
    }
    add(
        "tcp/plain/cancel", "cancelled with 16 connections; the next migration of the same source succeeds",
        [](Case& test) { cancelled_and_again(test, multifd(channels), converge); }, {}, Tag::smoke);
}

} // namespace precopy

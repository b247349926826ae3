// SPDX-License-Identifier: GPL-2.0-or-later
//
// Guest RAM of each kind that QEMU can make, much of it, and RAM that stays where it is.
#include <fmt/format.h>

#include "multifd.h"
#include "precopy.h"
#include "ram_mapping.h"

namespace precopy
{

namespace
{

using migration::Memory;
using migration::RamMapping;

struct Kind {
    const char* name;
    const char* summary;
    Memory memory;
    /// How the file's path begins, in QEMU's memory map.
    const char* backing = "";
    bool shared = false;
    std::uint64_t page_size = 4096;
};

/// Else the case would show nothing of that kind.
void expect_made_of(Case& test, MigrationPair& pair, const Kind& kind)
{
    const std::string backing = kind.memory == Memory::file ? test.directory().string() : kind.backing;
    for (migration::Vm* vm : {&pair.source(), &pair.target()}) {
        const RamMapping seen = migration::ram_mapping(vm->machine());
        test.check(seen.backing.starts_with(backing) && seen.backing.empty() == backing.empty() &&
                       seen.shared == kind.shared && seen.page_size == kind.page_size,
                   fmt::format("{}: expected RAM of kind {}; seen '{}', {}, in pages of {} bytes", vm->name(),
                               kind.name, seen.backing, seen.shared ? "shared" : "private", seen.page_size));
    }
}

void of_kind(Case& test, const Kind& kind, const Transport& transport, MigrationPair::Options options)
{
    options.launch.memory = kind.memory;
    live(test, transport, std::move(options), [&](MigrationPair& pair) { expect_made_of(test, pair, kind); });
}

constexpr unsigned much_mib = 1024;

MigrationPair::Options with_much(MigrationPair::Options options)
{
    options.launch.ram_mib = much_mib;
    return options;
}

/// Both sides have the file, so its content need not travel.
void ignore_shared(Case& test, const Transport& transport, MigrationPair::Options options)
{
    options.capabilities.push_back("x-ignore-shared");
    options.launch.memory = Memory::shared_file;
    options.after = [&](MigrationPair& pair) {
        constexpr std::int64_t rest = 4 * 1024 * 1024; // ROMs and devices; QEMU's own suite allows as much
        const Json ram = pair.source().qmp().execute("query-migrate").at("ram");
        test.check(ram.at("transferred").as_int() < rest && ram.at("normal").as_int() * 4096 < rest,
                   "source: RAM that is shared was transferred all the same: " + ram.dump());
        // A word that the guest does not use.
        constexpr std::uint32_t word = 0x5ca1ab1e;
        pair.source().machine().qtest().writel(GUEST_SPARE, word);
        const std::uint32_t seen = pair.target().machine().qtest().readl(GUEST_SPARE);
        test.check(seen == word, fmt::format("target: it has not the source's RAM: {:08x} written there, {:08x} seen "
                                             "here",
                                             word, seen));
    };
    MigrationPair pair(test, std::move(options));
    pair.converge();
    test.phase("migrate");
    const auto marks = pair.migrate_with(transport(test, pair));
    pair.expect_completed(marks);
    pair.expect_target_continues();
}

/// QEMU frees what it has sent only once the target runs, in post-copy. Until then the migration can be cancelled, so
/// the source must have all of it.
void release_ram(Case& test)
{
    MigrationPair pair(test, {.capabilities = {"release-ram"}, .target_fails = true});
    const auto first = migrate_held_back(test, pair, tcp);
    pair.cancel(first);
    pair.expect_source_unharmed();
    pair.replace_target("target-2");
    const auto second = migrate_held_back(test, pair, tcp, "migrate again, held back");
    pair.converge();
    pair.expect_completed(second);
    pair.expect_target_continues();
}

} // namespace

void register_memory(Registry& registry)
{
    const std::vector<Kind> kinds{
        {.name = "anonymous", .summary = "the machine's own, anonymous", .memory = Memory::anonymous},
        {.name = "memfd", .summary = "a private memfd", .memory = Memory::memfd, .backing = "/memfd:"},
        {.name = "shared_memfd",
         .summary = "a shared memfd of each side",
         .memory = Memory::shared_memfd,
         .backing = "/memfd:",
         .shared = true},
        {.name = "file", .summary = "a private file of each side", .memory = Memory::file},
        {.name = "hugepages",
         .summary = "pages of 2 MiB",
         .memory = Memory::hugepages,
         .backing = "/memfd:",
         .page_size = 2 << 20},
    };
    const auto add = [&](const std::string& path, const std::string& summary, std::function<void(Case&)> run,
                         std::vector<Need> needs = {}, unsigned ram_mib = 256) {
        registry.add({.path = "/migration/" + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full,
                      .ram_mib = ram_mib});
    };
    for (const Kind& kind : kinds) {
        std::vector<Need> needs;
        if (kind.memory == Memory::hugepages)
            needs.push_back(migration::hugepages(migration::Launch{}.ram_mib));
        add(
            std::string("precopy/memory/") + kind.name, std::string("live, guest RAM is ") + kind.summary,
            [kind](Case& test) { of_kind(test, kind, unix_socket, {}); }, needs);
        if (kind.memory == Memory::anonymous)
            continue;
        needs.push_back(Need::capability("multifd"));
        add(
            std::string("multifd/tcp/memory/") + kind.name,
            std::string("live with multifd, guest RAM is ") + kind.summary,
            [kind](Case& test) { of_kind(test, kind, tcp, multifd(2)); }, needs);
    }
    constexpr unsigned much_in_all = 2 * much_mib + 256;
    add(
        "precopy/memory/1g", "live, 1 GiB of RAM", [](Case& test) { live(test, unix_socket, with_much({})); }, {},
        much_in_all);
    add(
        "multifd/tcp/memory/1g", "live, 1 GiB of RAM, with multifd",
        [](Case& test) { live(test, tcp, with_much(multifd(4))); }, {Need::capability("multifd")}, much_in_all);
    add("ignore-shared", "live over a UNIX socket; RAM that both sides share is not sent",
        [](Case& test) { ignore_shared(test, unix_socket, {}); }, {Need::capability("x-ignore-shared")});
    add("precopy/tcp/ignore-shared", "live over TCP; RAM that both sides share is not sent",
        [](Case& test) { ignore_shared(test, tcp, {}); }, {Need::capability("x-ignore-shared")});
    add("multifd/tcp/ignore-shared", "live with multifd; RAM that both sides share is not sent",
        [](Case& test) { ignore_shared(test, tcp, multifd(2)); },
        {Need::capability("multifd"), Need::capability("x-ignore-shared")});
    add("precopy/tcp/release-ram", "pre-copy keeps what it was told to release: cancelled, the source goes on",
        release_ram, {Need::capability("release-ram")});
}

} // namespace precopy

// SPDX-License-Identifier: GPL-2.0-or-later
//
// Migration through a file: the source writes it to its end, then the target reads it.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "log_file.h"
#include "multifd.h"
#include "precopy.h"
#include "saved_stream.h"

namespace precopy
{

namespace
{

/// Where the stream begins in the file, if not at its begin: what stands before must stay.
constexpr std::size_t offset = 0x1000;
constexpr unsigned channels = 4;

struct Shape {
    bool live = false;
    bool at_offset = false;
    /// QEMU gets descriptors of the file, and their number as its name.
    bool fdset = false;
    bool mapped_ram = false;
    bool multifd = false;
    bool direct_io = false;
};

std::string file_of(Case& test) { return test.directory() / "migration.file"; }

/// The file as one QEMU is to open it: a set must have a descriptor with the very flags of each use.
void add_to_set(Case& test, migration::Vm& vm, int flags)
{
    qtest::Sending how;
    how.fds.emplace_back(::open(file_of(test).c_str(), flags | O_CREAT | O_CLOEXEC, 0600));
    if (!how.fds.back())
        throw qtest::EnvironmentError(fmt::format("cannot open {}: {}", file_of(test), std::strerror(errno)));
    const Json added = vm.qmp().execute_async("add-fd", {{"fdset-id", 1}}, std::move(how)).get(test.deadline());
    test.check(added.at("fdset-id") == Json(1), vm.name() + ": add-fd into fdset 1 answers " + added.dump());
}

void fill_sets(Case& test, MigrationPair& pair, const Shape& shape)
{
    add_to_set(test, pair.source(), O_WRONLY);
    add_to_set(test, pair.target(), O_RDONLY);
    if (!shape.multifd)
        return;
    // One for the main stream and one for RAM.
    const int flags = shape.direct_io ? O_DIRECT : 0;
    add_to_set(test, pair.source(), O_WRONLY | flags);
    add_to_set(test, pair.target(), O_RDONLY | flags);
}

void expect_sets_released(Case& test, MigrationPair& pair)
{
    for (migration::Vm* vm : {&pair.source(), &pair.target()}) {
        vm->qmp().execute("remove-fd", {{"fdset-id", 1}});
        const Json left = vm->qmp().execute("query-fdsets");
        test.check(left.size() == 0, vm->name() + ": query-fdsets after remove-fd: " + left.dump());
    }
}

void expect_written_at_offset(Case& test)
{
    const std::string content = qtest::read_file(file_of(test));
    const auto stray = content.find_first_not_of('X');
    test.check(stray >= offset, fmt::format("the file was changed at byte {}, before offset {}", stray, offset));
    // MIGRATION's magic (migration/savevm.c): "QEVM".
    test.check(content.compare(offset, 4, "QEVM") == 0, "no stream begins at the offset");
}

MigrationPair::Options options_of(const Shape& shape)
{
    MigrationPair::Options options = shape.multifd ? multifd(channels) : MigrationPair::Options{};
    if (shape.mapped_ram)
        options.capabilities.push_back("mapped-ram");
    if (shape.direct_io)
        options.parameters.set("direct-io", true);
    return options;
}

void through_file(Case& test, const Shape& shape, MigrationPair::Options options)
{
    if (shape.at_offset)
        qtest::write_file(file_of(test), std::string(offset, 'X'));
    MigrationPair pair(test, std::move(options));
    if (shape.fdset)
        fill_sets(test, pair, shape);
    const Json to{{"uri", fmt::format("file:{}{}", shape.fdset ? "/dev/fdset/1" : file_of(test),
                                      shape.at_offset ? fmt::format(",offset={}", offset) : "")}};
    if (shape.live)
        pair.hold_back();
    else
        pair.source().stop();
    test.phase("save to the file");
    auto marks = pair.migrate_with(to);
    if (shape.live)
        pair.await_resend(marks);
    pair.converge();
    pair.wait_status(pair.source(), "completed", marks.source);
    test.phase("load from the file");
    marks.target = pair.target().mark();
    pair.listen_with(to);
    pair.expect_completed(marks);
    if (shape.live)
        pair.expect_pages_resent(marks);
    if (pair.options().launch.memory != migration::Memory::shared_file)
        expect_saved(test, pair.source(), file_of(test), shape.at_offset ? offset : 0);
    if (shape.at_offset)
        expect_written_at_offset(test);
    if (shape.fdset)
        expect_sets_released(test, pair);
    pair.expect_target_continues();
}

/// "0x20M" is no number; the source must say so and not care.
void bad_offset(Case& test)
{
    MigrationPair pair(test, {});
    test.phase("migrate to a bad offset");
    const auto before = pair.source().progress();
    pair.source().expect_refused("migrate", {{"uri", "file:" + file_of(test) + ",offset=0x20M"}},
                                 {"file URI has bad offset 0x20M"});
    pair.source().expect_progress(before);
    test.check(!std::filesystem::exists(file_of(test)), "the file was made although its offset was refused");
    pair.expect_good_migration_follows();
}

std::optional<std::string> no_direct_io()
{
    const std::string path = fmt::format("{}/migration-test-direct-{}", g_get_tmp_dir(), getpid());
    const qtest::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600));
    const int error = errno;
    unlink(path.c_str());
    if (file)
        return std::nullopt;
    return fmt::format("{} does not take O_DIRECT: {}", g_get_tmp_dir(), std::strerror(error));
}

} // namespace

void register_file(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, const Shape& shape, Tag tag = Tag::full) {
        std::vector<Need> needs{Need::transport("file")};
        if (shape.mapped_ram)
            needs.push_back(Need::capability("mapped-ram"));
        if (shape.direct_io) {
            needs.push_back(Need::parameter("direct-io"));
            needs.push_back(Need::host("O_DIRECT", no_direct_io));
        }
        registry.add({.path = std::string("/migration/") + path,
                      .summary = summary,
                      .run = [shape](Case& test) { through_file(test, shape, options_of(shape)); },
                      .needs = std::move(needs),
                      .tag = tag});
    };
    add("precopy/file", "a stopped guest through a file", {}, Tag::smoke);
    add("precopy/file/live", "a running guest through a file", {.live = true});
    add("precopy/file/offset", "through a file, behind what stands in it", {.live = true, .at_offset = true});
    add("precopy/file/offset/fdset", "the same, the file handed over open",
        {.live = true, .at_offset = true, .fdset = true});
    add("precopy/file/mapped-ram", "each page at a place of its own", {.mapped_ram = true});
    add("precopy/file/mapped-ram/live", "each page at its place, rewritten while the guest runs",
        {.live = true, .mapped_ram = true});
    add("multifd/file/mapped-ram", "a stopped guest, written by several threads",
        {.mapped_ram = true, .multifd = true});
    add("multifd/file/mapped-ram/live", "a running guest, written by several threads",
        {.live = true, .mapped_ram = true, .multifd = true});
    add("multifd/file/mapped-ram/dio", "written past the page cache",
        {.mapped_ram = true, .multifd = true, .direct_io = true}, Tag::smoke);
    add("multifd/file/mapped-ram/fdset", "by several threads to a file handed over open",
        {.at_offset = true, .fdset = true, .mapped_ram = true, .multifd = true});
    add("multifd/file/mapped-ram/fdset/dio", "the same, past the page cache",
        {.at_offset = true, .fdset = true, .mapped_ram = true, .multifd = true, .direct_io = true});
    registry.add({.path = "/migration/precopy/file/offset/bad",
                  .summary = "an offset that is no number is refused",
                  .run = bad_offset,
                  .needs = {Need::transport("file")},
                  .tag = Tag::full});
    // Shared RAM stays where it is: multifd has nothing but the rest to carry.
    registry.add(
        {.path = "/migration/multifd/file/mapped-ram/ignore-shared",
         .summary = "RAM that both sides share is not in the file",
         .run =
             [](Case& test) {
                 const Shape shape{.mapped_ram = true, .multifd = true};
                 MigrationPair::Options options = options_of(shape);
                 options.capabilities.push_back("x-ignore-shared");
                 options.launch.memory = migration::Memory::shared_file;
                 options.after = [&](MigrationPair& pair) {
                     const auto sent = pair.source().qmp().execute("query-migrate").at("ram/transferred");
                     test.check(sent.as_int() < 4 * 1024 * 1024,
                                "source: transferred " + sent.dump() + " bytes of RAM that is shared");
                 };
                 through_file(test, shape, options);
             },
         .needs = {Need::transport("file"), Need::capability("mapped-ram"), Need::capability("x-ignore-shared")},
         .tag = Tag::full});
}

} // namespace precopy

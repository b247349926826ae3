// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a saved migration stream holds, by this suite's own reader and, where the environment's QTEST_ANALYZE_SCRIPT
// names it, by QEMU's scripts/analyze-migration.py.
#include <algorithm>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glib.h>

#include "log_file.h"
#include "precopy.h"
#include "procedures.h"
#include "saved_stream.h"

namespace precopy
{

namespace
{

namespace fs = std::filesystem;

constexpr const char* uuid = "11111111-2222-3333-4444-555555555555";

std::string sha256(const std::string& bytes)
{
    const std::unique_ptr<char, decltype(&g_free)> hash(
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(bytes.data()), bytes.size()),
        g_free);
    return hash.get();
}

void expect_content(Case& test, const stream::Analysis& saved)
{
    std::set<std::string> names;
    for (const stream::Section& section : saved.sections)
        names.insert(section.name);
    for (const stream::Device& device : saved.devices)
        names.insert(device.name);
    for (const char* expected : {"ram", "timer", "cpu_common", "cpu", "apic", "ioapic", "serial", "i8254"})
        test.check(names.contains(expected),
                   fmt::format("the file has no section '{}'; it has '{}'", expected, fmt::join(names, "', '")));
    const auto& configuration = saved.configuration;
    test.check(configuration.capabilities == std::vector<std::string>{"x-ignore-shared"},
               fmt::format("the file's capabilities are '{}'", fmt::join(configuration.capabilities, "', '")));
    // As bytes, or in hex by those that do not describe it.
    const std::string subsections = configuration.subsections.dump();
    test.check(subsections.find("[17, 17, 17, 17, 34, 34, 51, 51, 68, 68, 85, 85, 85, 85, 85, 85]") !=
                       std::string::npos ||
                   subsections.find("\"11111111222233334444555555555555\"") != std::string::npos,
               fmt::format("the file's configuration has not the UUID {}: {}", uuid, subsections));
}

/// QEMU's script reads the file as well and finds the same sections and RAM blocks. What is in RAM it cannot say of a
/// live migration: it extracts no page that became zero.
void expect_script_agrees(Case& test, const std::string& script, const std::string& file, const stream::Analysis& saved)
{
    const fs::path output = test.directory() / "analyze-script.json";
    qtest::Process process(test.loop(), {.arguments = {"python3", script, "-f", file}, .output = output});
    const auto status = process.wait(test.deadline(), "the end of " + script);
    const std::string said = qtest::read_file(output);
    test.check(status == qtest::ExitStatus::exited(0),
               fmt::format("{} {}: {}", script, status.text(), said.substr(0, 1000)));
    std::set<std::string> ours, theirs;
    for (const stream::Section& section : saved.sections) {
        if (section.kind == stream::Section::Kind::start || section.kind == stream::Section::Kind::full)
            ours.insert(fmt::format("{} ({})", section.name, section.id));
    }
    for (const stream::RamBlock& block : saved.ram)
        ours.insert(fmt::format("{} has \"0x{:016x}\" bytes", block.name, block.size));
    for (const auto& [name, content] : Json::parse(said).members()) {
        theirs.insert(name);
        if (!name.starts_with("ram ("))
            continue;
        for (const auto& [block, size] : content.at("section sizes").members())
            theirs.insert(fmt::format("{} has {} bytes", block, size.dump()));
    }
    test.check(ours == theirs, fmt::format("the file has, by {}: '{}'; by this reader: '{}'", script,
                                           fmt::join(theirs, "', '"), fmt::join(ours, "', '")));
}

void saved_and_analyzed(Case& test)
{
    const std::string file = test.directory() / "migration.file";
    const MigrationPair::Side side{.arguments = {"-uuid", uuid}};
    MigrationPair pair(
        test, {.capabilities = {"validate-uuid", "x-ignore-shared"}, .only_source = side, .only_target = side});
    pair.hold_back();
    test.phase("save to the file");
    auto marks = pair.migrate_with({{"uri", "exec:cat > " + file}});
    pair.await_resend(marks);
    pair.converge();
    pair.wait_status(pair.source(), "completed", marks.source);
    await_written(pair.source());
    test.phase("load from the file");
    marks.target = pair.target().mark();
    pair.listen_with({{"uri", "exec:cat " + file}});
    pair.expect_completed(marks);
    pair.expect_pages_resent(marks);
    const stream::Analysis saved = expect_saved(test, pair.source(), file);
    expect_content(test, saved);
    const auto ram = std::find_if(saved.ram.begin(), saved.ram.end(),
                                  [&](const auto& block) { return block.size == pair.source().ram_size(); });
    std::string bytes(pair.source().ram_size(), '\0');
    pair.source().ram_reader()(0, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    std::uint64_t zeros = ram->size;
    test.check(ram->sha256(*saved.input, zeros) == sha256(bytes),
               "the reader's hash of RAM is not that of the source's RAM");
    test.check(ram->repeats > 0, "the file has no page twice, although the guest wrote pages that had been saved");
    if (const char* script = std::getenv("QTEST_ANALYZE_SCRIPT"))
        expect_script_agrees(test, script, file, saved);
    pair.expect_target_continues();
}

} // namespace

void register_analyze(Registry& registry)
{
    registry.add({.path = "/migration/analyze-script",
                  .summary = "saved live: the file is well formed and has all of the guest",
                  .run = saved_and_analyzed,
                  .needs = {Need::capability("validate-uuid"), Need::capability("x-ignore-shared")},
                  .tag = Tag::full});
}

} // namespace precopy

// SPDX-License-Identifier: GPL-2.0-or-later
#include "dry_run.h"

#include <fmt/format.h>

#include "case.h"
#include "errors.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

/// The case's scratch directory is what is kept of it: nothing was run, so nothing else is in it worth a look.
void remove_empty_files(const fs::path& directory)
{
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (fs::is_empty(entry.path()))
            fs::remove(entry.path());
    }
}

void show(const CaseInfo& info, const Setting& setting, const fs::path& directory)
{
    if (const auto reason = info.missing_need(setting)) {
        fmt::print("# {}: skipped: {}\n", info.path, *reason);
        return;
    }
    fs::create_directories(directory);
    Case test(info, setting, directory, [](const char*, const std::string&) {});
    std::string end;
    try {
        info.run(test);
    } catch (const Case::DryRun&) {
    } catch (const std::exception& error) {
        end = error.what();
    }
    for (const auto& machine : test.machines())
        fmt::print("# {}: {}\n{}\n", info.path, machine->name(), machine->command_line());
    if (!end.empty() || test.machines().empty())
        fmt::print("# {}: {}\n", info.path, end.empty() ? "starts no VM" : end);
    remove_empty_files(directory);
}

} // namespace

void dry_run(const std::vector<const CaseInfo*>& cases, Setting setting, const fs::path& place)
{
    setting.debugging.dry_run = true;
    for (const CaseInfo* info : cases)
        show(*info, setting, fs::absolute(place / evidence_name(*info)));
}

} // namespace harness

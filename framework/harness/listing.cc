// SPDX-License-Identifier: GPL-2.0-or-later
#include "listing.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness
{

namespace
{

std::vector<std::string> needs_of(const CaseInfo& info)
{
    std::vector<std::string> needs;
    for (const Need& need : info.needs)
        needs.push_back(need.text());
    return needs;
}

} // namespace

std::string list_paths(const std::vector<const CaseInfo*>& cases)
{
    std::string text;
    for (const CaseInfo* info : cases)
        text += info->path + "\n";
    return text;
}

std::string list_markdown(const std::vector<const CaseInfo*>& cases)
{
    std::map<std::string, std::string> families;
    for (const CaseInfo* info : cases) {
        auto tags = info->tags();
        std::erase(tags, info->family());
        families[info->family()] += fmt::format("| `{}` | {} | {} | {} |\n", info->path, info->summary,
                                                fmt::join(needs_of(*info), ", "), fmt::join(tags, ", "));
    }
    std::string text =
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
        "# The cases\n\n"
        "Made from the registry by `make docs`; a test fails when it is stale. What a case needs of one side "
        "alone says so; what is\nmissing makes it a SKIP with that reason. `smoke` runs always, `full` with "
        "`--full`, `slow` with `-m slow`.\n";
    for (const auto& [family, rows] : families)
        text += fmt::format("\n## {}\n\n| path | what it proves | needs | tags |\n|---|---|---|---|\n{}", family, rows);
    return text;
}

std::string list_table(const std::vector<const CaseInfo*>& cases, const Setting& setting, const RecordedTimes& times)
{
    std::size_t widest = 4;
    for (const CaseInfo* info : cases)
        widest = std::max(widest, info->path.size());
    std::string text = fmt::format("On {}. Deadlines before stretching; last: how long it took when it last passed.\n"
                                   "{:{}}  deadline      last   memory  tags; needs; would be skipped\n",
                                   setting.text(), "path", widest);
    for (const CaseInfo* info : cases) {
        const auto last = times.find(info->path);
        const auto needs = needs_of(*info);
        const auto skip = info->missing_need(setting);
        text += fmt::format("{:{}}  {:>6} s  {:>8}  {:>3} MiB  {}{}{}\n", info->path, widest, info->deadline.count(),
                            last ? fmt::format("{:.2f} s", *last) : "-", info->ram_mib, fmt::join(info->tags(), " "),
                            needs.empty() ? "" : fmt::format("; needs {}", fmt::join(needs, ", ")),
                            skip ? "; SKIP: " + *skip : "");
    }
    return text;
}

std::string list_json(const std::vector<const CaseInfo*>& cases, const Setting& setting, const RecordedTimes& times)
{
    qtest::Json all = qtest::Json::array();
    for (const CaseInfo* info : cases) {
        const auto last = times.find(info->path);
        const auto skip = info->missing_need(setting);
        all.append({{"path", info->path},
                    {"summary", info->summary},
                    {"needs", qtest::Json::array(needs_of(*info))},
                    {"tags", qtest::Json::array(info->tags())},
                    {"deadline_s", static_cast<std::int64_t>(info->deadline.count())},
                    {"ram_mib", static_cast<std::int64_t>(info->ram_mib)},
                    {"last_s", last ? qtest::Json(*last) : qtest::Json()},
                    {"would_skip", skip ? qtest::Json(*skip) : qtest::Json()}});
    }
    return all.pretty() + "\n";
}

} // namespace harness

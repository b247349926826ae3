// SPDX-License-Identifier: GPL-2.0-or-later
#include "selection.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include "errors.h"

namespace harness
{

namespace
{

std::optional<std::size_t> number(const std::string& text)
{
    std::size_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string variable(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

/// `index` counts from `first`.
Shard shard(const std::string& origin, const std::string& index, const std::string& count, const std::string& first)
{
    const auto i = number(index);
    const auto n = number(count);
    const auto zero = number(first);
    if (!i || !n || !zero || *n == 0 || *i < *zero || *i - *zero >= *n)
        throw qtest::EnvironmentError(
            fmt::format("{}: '{}' of '{}' is no shard, counted from {}", origin, index, count, first));
    return {*i - *zero, *n};
}

bool is_glob(const std::string& pattern) { return pattern.find_first_of("*?[") != std::string::npos; }

/// A leading "/x86_64" is how QEMU's own test paths begin.
std::string without_architecture(std::string path)
{
    constexpr std::string_view architecture = "/x86_64";
    if (path == architecture || path.starts_with("/x86_64/"))
        path.erase(0, architecture.size());
    return path;
}

/// Edits that make one of the other.
std::size_t distance(const std::string& a, const std::string& b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (std::size_t i = 0; i < a.size(); i++) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); j++) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// For a mistyped path: known ones, and what is above them, that are but a few edits away.
std::string nearest(const Registry& registry, const std::string& asked)
{
    const std::string path = without_architecture(asked);
    std::vector<std::string> known;
    for (const CaseInfo& info : registry.all()) {
        for (std::size_t end = info.path.find('/', 1); end != std::string::npos; end = info.path.find('/', end + 1))
            known.push_back(info.path.substr(0, end));
        known.push_back(info.path);
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::vector<std::pair<std::size_t, std::string>> ranked;
    for (const std::string& one : known) {
        // Whoever leaves out the beginning means it all the same.
        const std::size_t away = one.ends_with(path) ? 0 : distance(path, one);
        if (away <= std::max<std::size_t>(3, path.size() / 3))
            ranked.emplace_back(away, one);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> names;
    for (const auto& [away, name] : ranked) {
        if (names.size() < 3 && away <= ranked[0].first + 1)
            names.push_back(name);
    }
    if (names.empty())
        return "";
    return fmt::format("; did you mean {}?", fmt::join(names, ", "));
}

bool any_matches(const std::vector<std::string>& patterns, const std::string& path)
{
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return matches(pattern, path); });
}

bool has_any(const std::vector<std::string>& tags, const CaseInfo& info)
{
    const auto all = info.tags();
    return std::find_first_of(all.begin(), all.end(), tags.begin(), tags.end()) != all.end();
}

} // namespace

bool matches(const std::string& asked, const std::string& path)
{
    if (!is_glob(asked))
        return selects(asked, path);
    const std::string pattern = without_architecture(asked);
    return fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_LEADING_DIR) == 0 ||
           fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
}

Shard Shard::parse(const std::string& text)
{
    const std::size_t slash = std::min(text.find('/'), text.size());
    return shard("--shard", text.substr(0, slash), slash < text.size() ? text.substr(slash + 1) : "", "1");
}

Shard Shard::from_environment()
{
    struct Pair {
        const char* index;
        const char* count;
        std::string first;
    };
    const std::string slurm_first = variable("SLURM_ARRAY_TASK_MIN");
    for (const Pair& pair :
         {Pair{"TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", "0"}, Pair{"GTEST_SHARD_INDEX", "GTEST_TOTAL_SHARDS", "0"},
          Pair{"CI_NODE_INDEX", "CI_NODE_TOTAL", "1"},
          Pair{"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", slurm_first.empty() ? "0" : slurm_first}}) {
        const std::string index = variable(pair.index);
        const std::string count = variable(pair.count);
        // GitLab tells CI_NODE_TOTAL=1 to a job that is not shared, and no index.
        if (index.empty() && (count.empty() || std::string_view(pair.index) == "CI_NODE_INDEX"))
            continue;
        if (index.empty() || count.empty())
            throw qtest::EnvironmentError(fmt::format("{} and {}: only one of them is set", pair.index, pair.count));
        return shard(fmt::format("{} and {}", pair.index, pair.count), index, count, pair.first);
    }
    return {};
}

std::vector<const CaseInfo*> Shard::part_of(const std::vector<const CaseInfo*>& cases) const
{
    std::vector<const CaseInfo*> part;
    for (std::size_t i = index; i < cases.size(); i += count)
        part.push_back(cases[i]);
    return part;
}

std::vector<const CaseInfo*> Selection::of(const Registry& registry) const
{
    const auto& all = registry.all();
    for (const auto* patterns : {&paths, &skips}) {
        for (const std::string& pattern : *patterns) {
            if (std::none_of(all.begin(), all.end(), [&](const CaseInfo& info) { return matches(pattern, info.path); }))
                throw qtest::EnvironmentError(fmt::format("no case {} '{}'{} (-l lists the cases)",
                                                          is_glob(pattern) ? "matches" : "at or below", pattern,
                                                          nearest(registry, pattern)));
        }
    }
    for (const std::string& tag : tags) {
        if (std::none_of(all.begin(), all.end(), [&](const CaseInfo& info) { return has_any({tag}, info); }))
            throw qtest::EnvironmentError(fmt::format("no case has the tag '{}' (-l --long shows the tags)", tag));
    }
    std::vector<const CaseInfo*> selected;
    for (const CaseInfo& info : all) {
        const auto named = [&](const std::string& path) { return without_architecture(path) == info.path; };
        const bool in_set = info.tag == Tag::smoke || (info.tag == Tag::full && (full || slow)) ||
                            (info.tag == Tag::slow && slow) ||
                            // Naming a case, or its tag, is asking for it.
                            std::any_of(paths.begin(), paths.end(), named) ||
                            std::find(tags.begin(), tags.end(), name_of(info.tag)) != tags.end();
        if (in_set && (paths.empty() || any_matches(paths, info.path)) && (tags.empty() || has_any(tags, info)) &&
            !any_matches(skips, info.path))
            selected.push_back(&info);
    }
    if (selected.empty())
        throw qtest::EnvironmentError(
            "these options select no case (cases beyond the smoke set need --full, slow ones -m slow)");
    return selected;
}

} // namespace harness

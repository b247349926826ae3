// SPDX-License-Identifier: GPL-2.0-or-later
#include "results.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>

#include "errors.h"

namespace report
{

namespace
{

using harness::ResultsFile;
using qtest::Json;

Verdict verdict_of(const Json& record)
{
    const Json result = record.at("result");
    if (result == Json("skipped"))
        return Verdict::skipped;
    if (result == Json("error"))
        return Verdict::error;
    const bool known = record.has("known_trouble");
    if (result == Json("failed"))
        return known ? Verdict::known_trouble : Verdict::failed;
    return known ? Verdict::unexpected_pass : Verdict::passed;
}

/// The same for both sides is said once.
std::string sides(const Json& record, const char* member)
{
    const std::string source = record.at("source").at(member).as_string();
    const std::string target = record.at("target").at(member).as_string();
    return source == target ? source : source + " → " + target;
}

/// What can tell one result from another of the same case, in the order in which it is shown.
const std::vector<std::function<std::string(const Json&)>> distinctions{
    qemu_text,
    [](const Json& record) { return sides(record, "binary"); },
    [](const Json& record) { return record.at("accelerator").as_string(); },
    [](const Json& record) { return record.at("machine").as_string(); },
    [](const Json& record) { return "run " + record.at("run").as_string(); },
    [](const Json& record) { return fmt::format("repetition {}", record.at("repetition").as_int()); },
};

/// Tags each result with everything in which the results of its case differ; run and binaries only where the rest does
/// not suffice.
void tag(const std::vector<Entry*>& same_case)
{
    std::set<std::vector<std::string>> told_apart;
    const std::vector<std::vector<std::size_t>> choices{{0, 2, 3, 5}, {0, 1, 2, 3, 5}, {0, 1, 2, 3, 4, 5}};
    for (const auto& choice : choices) {
        told_apart.clear();
        for (Entry* entry : same_case)
            entry->tags.clear();
        for (const std::size_t i : choice) {
            std::set<std::string> values;
            for (const Entry* entry : same_case)
                values.insert(distinctions[i](entry->record));
            for (Entry* entry : same_case) {
                if (values.size() > 1)
                    entry->tags.push_back(distinctions[i](entry->record));
            }
        }
        for (const Entry* entry : same_case)
            told_apart.insert(entry->tags);
        if (told_apart.size() == same_case.size())
            return;
    }
}

} // namespace

std::string qemu_text(const Json& record_or_run) { return "QEMU " + sides(record_or_run, "version"); }

Results Results::read(const std::vector<std::string>& paths)
{
    Results results;
    std::map<std::string, std::string> runs;
    for (const std::string& path : paths) {
        results.files.push_back(ResultsFile::read(path));
        const std::string run = results.files.back().run.at("id").as_string();
        if (const auto [first, is_new] = runs.emplace(run, path); !is_new)
            throw qtest::EnvironmentError(fmt::format("{} and {} are of the same run {}", first->second, path, run));
    }
    const auto start = [](const ResultsFile& file) { return file.run.at("started").as_double(); };
    std::stable_sort(results.files.begin(), results.files.end(),
                     [&](const auto& a, const auto& b) { return start(a) < start(b); });
    for (ResultsFile& file : results.files) {
        for (Json& record : file.cases)
            results.entries.push_back({record, verdict_of(record), record.at("case").as_string(), {}, {}});
        file.cases.clear();
    }
    std::stable_sort(results.entries.begin(), results.entries.end(),
                     [](const Entry& a, const Entry& b) { return a.path < b.path; });
    std::vector<Entry*> same_case;
    for (std::size_t i = 0; i < results.entries.size(); i++) {
        Entry& entry = results.entries[i];
        entry.anchor = fmt::format("c{}", i + 1);
        same_case.push_back(&entry);
        if (i + 1 < results.entries.size() && results.entries[i + 1].path == entry.path)
            continue;
        tag(same_case);
        same_case.clear();
    }
    return results;
}

std::vector<const Entry*> Results::of(const std::vector<Verdict>& verdicts) const
{
    std::vector<const Entry*> chosen;
    for (const Entry& entry : entries) {
        if (std::find(verdicts.begin(), verdicts.end(), entry.verdict) != verdicts.end())
            chosen.push_back(&entry);
    }
    return chosen;
}

std::vector<std::string> Results::missing() const
{
    std::set<std::string> paths;
    for (const ResultsFile& file : files) {
        for (const Json& path : file.run.at("selected").elements())
            paths.insert(path.as_string());
    }
    for (const Entry& entry : entries)
        paths.erase(entry.path);
    return {paths.begin(), paths.end()};
}

} // namespace report

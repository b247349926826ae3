// SPDX-License-Identifier: GPL-2.0-or-later
#include "merge.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "display_text.h"
#include "errors.h"
#include "log_file.h"
#include "results_file.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

using qtest::Json;
using Files = std::vector<ResultsFile>;

constexpr const char* usage =
    "usage: migration-test merge FILE... [-o FILE]\n"
    "Joins the JSON lines (--json) of a run's shards; without -o, to stdout.\n"
    "Exit status: 0 every case ran once and none failed; 1 one failed, is missing or doubled, a\n"
    "shard was cut short, or the files do not belong together; 2 usage, or a malformed file.\n";

struct Arguments {
    std::vector<std::string> files;
    std::string output;
    bool help = false;
};

Arguments parse(const std::vector<std::string>& words)
{
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); i++) {
        if (words[i] == "-o" || words[i] == "--output") {
            if (++i == words.size() || words[i].empty())
                throw qtest::EnvironmentError("merge: -o names no file");
            arguments.output = words[i];
        } else if (words[i] == "-h" || words[i] == "--help") {
            arguments.help = true;
        } else if (words[i].starts_with('-')) {
            throw qtest::EnvironmentError(fmt::format("merge: unknown option {}", words[i]));
        } else {
            arguments.files.push_back(words[i]);
        }
    }
    if (arguments.files.empty() && !arguments.help)
        throw qtest::EnvironmentError("merge: no file of results is named (merge --help)");
    return arguments;
}

/// What merging found wrong: told in the end, and why the joined run was "cut short".
using Faults = std::vector<std::string>;

std::string qemu(const Json& side)
{
    return fmt::format("{} {}", side.at("version").as_string(), side.at("package").as_string());
}

/// The binaries' places may differ from host to host.
Faults differences(const ResultsFile& first, const ResultsFile& other)
{
    Faults faults;
    const auto compare = [&](const char* what, const std::string& ours, const std::string& theirs) {
        if (ours != theirs)
            faults.push_back(fmt::format("{} and {} do not belong together: {} is '{}' in the one, '{}' in the other",
                                         first.path, other.path, what, ours, theirs));
    };
    const Json &a = first.run, &b = other.run;
    compare("the source QEMU", qemu(a.at("source")), qemu(b.at("source")));
    compare("the target QEMU", qemu(a.at("target")), qemu(b.at("target")));
    compare("the accelerator", a.at("accelerator").as_string(), b.at("accelerator").as_string());
    compare("the machine type", a.at("machine").as_string(), b.at("machine").as_string());
    compare("the number of shards", a.at("shard/count").dump(), b.at("shard/count").dump());
    const auto only_in = [](const Json& one, const Json& two) -> std::optional<std::string> {
        std::set<std::string> known;
        for (const Json& path : two.at("selected").elements())
            known.insert(path.as_string());
        for (const Json& path : one.at("selected").elements()) {
            if (!known.contains(path.as_string()))
                return path.as_string();
        }
        return std::nullopt;
    };
    for (const auto& [ours, theirs] : {std::pair(&first, &other), std::pair(&other, &first)}) {
        if (const auto path = only_in(ours->run, theirs->run))
            faults.push_back(fmt::format("{} and {} do not belong together: {} is selected in {} only", first.path,
                                         other.path, *path, ours->path));
    }
    return faults;
}

Faults cut_short(const ResultsFile& file)
{
    if (!file.end)
        return {fmt::format("{}: the run has no end, it was killed", file.path)};
    if (const std::string why = file.end->at("cut_short").as_string(); !why.empty())
        return {fmt::format("{}: the run was cut short: {}", file.path, why)};
    return {};
}

/// Every case of the selection is to be there once for each repetition.
Faults missing_and_doubled(const Files& files)
{
    Faults faults;
    std::set<std::string> selected;
    for (const Json& path : files[0].run.at("selected").elements())
        selected.insert(path.as_string());
    std::map<std::pair<std::string, std::int64_t>, const ResultsFile*> seen;
    std::int64_t repetitions = 1;
    bool until_fail = false;
    for (const ResultsFile& file : files) {
        until_fail = until_fail || file.run.at("repeat").as_int() == 0;
        repetitions = std::max(repetitions, file.run.at("repeat").as_int());
        for (const Json& one : file.cases) {
            const std::string path = one.at("case").as_string();
            const std::int64_t repetition = one.at("repetition").as_int();
            repetitions = std::max(repetitions, repetition);
            const auto [earlier, is_new] = seen.emplace(std::pair(path, repetition), &file);
            if (!is_new)
                faults.push_back(fmt::format("{} (run {}) is doubled: in {} and in {}", path, repetition,
                                             earlier->second->path, file.path));
            if (!selected.contains(path))
                faults.push_back(fmt::format("{}: {} was not selected", file.path, path));
        }
    }
    // How often it was to run until it failed, nobody knows.
    for (std::int64_t repetition = 1; repetition <= (until_fail ? 1 : repetitions); repetition++) {
        for (const std::string& path : selected) {
            if (!seen.contains({path, repetition}))
                faults.push_back(fmt::format("{} (run {}) is missing", path, repetition));
        }
    }
    return faults;
}

Faults missing_shards(const Files& files)
{
    std::set<std::int64_t> there;
    for (const ResultsFile& file : files)
        there.insert(file.run.at("shard/index").as_int());
    Faults faults;
    const std::int64_t count = files[0].run.at("shard/count").as_int();
    // Counts are checked to be sane for a number, not for a list.
    for (std::int64_t i = 0; i < count && faults.size() < 100; i++) {
        if (!there.contains(i))
            faults.push_back(fmt::format("no file is of shard {} of {}", i + 1, count));
    }
    return faults;
}

/// The run line of the whole: what is common is the first one's.
Json joined_run(const Files& files)
{
    Json run = files[0].run;
    double started = run.at("started").as_double();
    std::int64_t planned = 0, jobs = 0;
    bool until_fail = false;
    for (const ResultsFile& file : files) {
        started = std::min(started, file.run.at("started").as_double());
        until_fail = until_fail || file.run.at("repeat").as_int() == 0;
        planned += file.run.at("planned").as_int();
        jobs = std::max(jobs, file.run.at("jobs").as_int());
        if (!(file.run.at("seed") == run.at("seed")))
            run.set("seed", 0);
    }
    return run.set("id", run.at("id").as_string() + "-merged")
        .set("started", started)
        .set("planned", until_fail ? 0 : planned)
        .set("jobs", jobs)
        .set("shard", Json{{"index", 0}, {"count", 1}});
}

Json joined_end(const Files& files, const Faults& faults)
{
    std::map<std::string, std::int64_t> counts;
    double seconds = 0;
    for (const ResultsFile& file : files) {
        for (const Json& one : file.cases) {
            const std::string result = one.at("result").as_string();
            counts[result == "failed" && one.has("known_trouble") ? "known_trouble"
                   : result == "error"                            ? "failed"
                                                                  : result]++;
        }
        if (file.end)
            seconds = std::max(seconds, file.end->at("seconds").as_double());
    }
    Json end = Json::object();
    for (const char* one : {"passed", "failed", "skipped", "known_trouble"})
        end.set(one, counts[one]);
    return end.set("seconds", seconds)
        .set("cut_short", faults.empty()       ? ""
                          : faults.size() == 1 ? faults[0]
                                               : fmt::format("{} (and {} more)", faults[0], faults.size() - 1));
}

Faults failures(const Files& files)
{
    Faults faults;
    for (const ResultsFile& file : files) {
        for (const Json& one : file.cases) {
            const std::string result = one.at("result").as_string();
            if (result == "error" || (result == "failed" && !one.has("known_trouble")))
                faults.push_back(fmt::format("{} (run {}) {}: {}", one.at("case").as_string(),
                                             one.at("repetition").as_int(), result == "error" ? "had an error" : result,
                                             clip_end(one_line(one.at("reason").as_string()), 300)));
        }
    }
    return faults;
}

void write(const std::string& text, const std::string& output)
{
    if (output.empty()) {
        qtest::write_all(STDOUT_FILENO, text, "stdout");
        return;
    }
    const fs::path part = output + ".part";
    qtest::write_file(part, text);
    std::error_code error;
    fs::rename(part, output, error);
    if (error) {
        fs::remove(part);
        throw qtest::EnvironmentError(fmt::format("cannot write {}: {}", output, error.message()));
    }
}

void tell(const Faults& faults)
{
    for (const std::string& fault : faults)
        fmt::print(stderr, "{}\n", one_line(fault));
}

void append(Faults& all, Faults more) { all.insert(all.end(), more.begin(), more.end()); }

} // namespace

int merge_main(const std::vector<std::string>& words)
{
    const Arguments arguments = parse(words);
    if (arguments.help) {
        qtest::write_all(STDOUT_FILENO, usage, "stdout");
        return 0;
    }
    Files files;
    for (const std::string& path : arguments.files)
        files.push_back(ResultsFile::read(path));
    Faults strange;
    for (std::size_t i = 1; i < files.size(); i++)
        append(strange, differences(files[0], files[i]));
    if (!strange.empty()) {
        tell(strange);
        return 1;
    }
    Faults faults;
    for (const ResultsFile& file : files)
        append(faults, cut_short(file));
    append(faults, missing_shards(files));
    append(faults, missing_and_doubled(files));
    const Json run = joined_run(files);
    std::string text = Json{{"run", run}}.dump() + "\n";
    for (const ResultsFile& file : files) {
        for (Json one : file.cases)
            text += one.set("run", run.at("id")).dump() + "\n";
    }
    text += Json{{"end", joined_end(files, faults)}}.dump() + "\n";
    write(text, arguments.output);
    append(faults, failures(files));
    tell(faults);
    return faults.empty() ? 0 : 1;
}

} // namespace harness

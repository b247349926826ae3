// SPDX-License-Identifier: GPL-2.0-or-later
#include "main.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <glib.h>
#include <unistd.h>

#include "case_process.h"
#include "errors.h"
#include "merge.h"
#include "options.h"
#include "output.h"
#include "run_directory.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

std::string read_file(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad())
        throw qtest::EnvironmentError(fmt::format("cannot read {}", path.string()));
    return content;
}

void list(const Registry& registry)
{
    for (const CaseInfo& info : registry.all())
        fmt::print("{}\n", info.path);
}

/// A report that did not reach its reader must not end in success.
void require_written()
{
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
        throw qtest::EnvironmentError("the report could not be written to stdout");
}

/// Better told before an hour of running than when there is something to keep. Tried, not asked: /proc says yes to
/// root.
void require_writable(fs::path place)
{
    place = fs::absolute(place);
    while (!fs::exists(place))
        place = place.parent_path();
    std::string trial = place / "migration-test-XXXXXX";
    if (!g_mkdtemp(trial.data()))
        throw qtest::EnvironmentError(
            fmt::format("--evidence: cannot write to {}: {}", place.string(), std::strerror(errno)));
    fs::remove(trial);
}

int be_case(const Registry& registry, const Options& options)
{
    const Setting setting = Setting::load(qtest::Json::parse(read_file(options.setting_file)));
    return run_case_process(registry, options.case_path, setting, options.case_directory, options.case_deadline);
}

std::vector<std::string> paths_of(const std::vector<const CaseInfo*>& cases)
{
    std::vector<std::string> paths;
    for (const CaseInfo* info : cases)
        paths.push_back(info->path);
    return paths;
}

std::unique_ptr<Reporter> make_reporter(const Options& options, Output& output)
{
    const bool tap = options.report == Options::Report::tap ||
                     (options.report == Options::Report::automatic && !isatty(STDOUT_FILENO));
    std::vector<std::unique_ptr<Reporter>> reporters;
    reporters.push_back(tap ? make_tap_reporter(output) : make_text_reporter(output));
    if (!options.junit.empty())
        reporters.push_back(make_junit_reporter(options.junit));
    if (!options.json.empty())
        reporters.push_back(make_json_reporter(options.json));
    return make_broadcast(std::move(reporters));
}

int run(const Registry& registry, const Options& options, std::string_view catalogue)
{
    const KnownTrouble trouble = options.known_trouble.empty()
                                     ? KnownTrouble::parse(catalogue, "the catalogue of known trouble")
                                     : KnownTrouble::parse(read_file(options.known_trouble), options.known_trouble);
    const auto cases = options.selection.of(registry);
    require_writable(options.run.evidence);
    const RunDirectory directory;
    const Setting setting = Setting::from_environment(options.accelerator, options.machine, directory.path());
    Output output(STDOUT_FILENO);
    const auto reporter = make_reporter(options, output);
    const auto started = std::chrono::system_clock::now();
    const RunFacts facts{.id = fmt::format("{:%Y%m%d-%H%M%S}-{}",
                                           fmt::localtime(std::chrono::system_clock::to_time_t(started)), getpid()),
                         .started = std::chrono::duration<double>(started.time_since_epoch()).count(),
                         .command_line = {},
                         .setting = setting,
                         .host = describe_host(),
                         .selected = paths_of(cases),
                         .shard = options.shard,
                         .planned = cases.size() * options.run.repeat,
                         .jobs = options.run.jobs,
                         .stress = 0,
                         .seed = 0,
                         .deadline_scale = options.timeout_multiplier,
                         .deadline_scale_reason = {}};
    Runner runner(options.run, facts, trouble, *reporter, directory.path());
    const Summary summary = runner.run(cases);
    output.finish();
    if (runner.environment_errors())
        return 2;
    if (summary.failed > 0)
        return 1;
    constexpr int skipped = 77; // as Automake, Meson and CTest understand it
    return cases.size() == 1 && summary.skipped > 0 ? skipped : 0;
}

} // namespace

int main(int argc, char** argv, const Registry& registry, std::string_view known_trouble)
{
    try {
        if (argc > 1 && std::string_view(argv[1]) == "merge")
            return merge_main({argv + 2, argv + argc});
        const Options options = Options::parse(argc, argv);
        qtest::Deadline::set_scale(options.timeout_multiplier);
        if (options.list) {
            list(registry);
            require_written();
            return 0;
        }
        const int status =
            options.case_path.empty() ? run(registry, options, known_trouble) : be_case(registry, options);
        require_written();
        return status;
    } catch (const std::exception& error) {
        std::fflush(stdout);
        fmt::print(stderr, "migration-test: {}\n", error.what());
        return 2;
    }
}

} // namespace harness

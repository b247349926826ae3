// SPDX-License-Identifier: GPL-2.0-or-later
#include "main.h"

#include <algorithm>
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
#include "dry_run.h"
#include "errors.h"
#include "kept_runs.h"
#include "options.h"
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

int run(const Registry& registry, const Options& options, std::string_view catalogue)
{
    const KnownTrouble trouble = options.known_trouble.empty()
                                     ? KnownTrouble::parse(catalogue, "the catalogue of known trouble")
                                     : KnownTrouble::parse(read_file(options.known_trouble), options.known_trouble);
    const auto cases = options.selection.of(registry);
    require_writable(options.run.evidence);
    const RunDirectory directory;
    Setting setting = Setting::from_environment(options.accelerator, options.machine, directory.path());
    setting.debugging = options.debugging;
    const bool tap = options.report == Options::Report::tap ||
                     (options.report == Options::Report::automatic && !isatty(STDOUT_FILENO));
    const auto reporter = tap ? make_tap_reporter() : make_text_reporter();
    const auto started = std::chrono::system_clock::now();
    const RunFacts facts{.id = fmt::format("{:%Y%m%d-%H%M%S}-{}",
                                           fmt::localtime(std::chrono::system_clock::to_time_t(started)), getpid()),
                         .started = std::chrono::duration<double>(started.time_since_epoch()).count(),
                         .command_line = {},
                         .setting = setting,
                         .host = describe_host(),
                         .selected = {},
                         .shard = options.shard,
                         .planned = cases.size() * options.run.repeat,
                         .jobs = options.run.jobs,
                         .stress = 0,
                         .seed = 0,
                         .deadline_scale = options.timeout_multiplier,
                         .deadline_scale_reason = {}};
    if (setting.debugging.dry_run) {
        const fs::path place = options.run.evidence / facts.id;
        add_kept_run(place, options.run.keep_runs);
        dry_run(cases, setting, place);
        return 0;
    }
    Runner runner(options.run, facts, trouble, *reporter, directory.path());
    const Summary summary = runner.run(cases);
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
        const Options options = Options::parse(argc, argv);
        // The process of a case gets a multiplier that has the factor in it.
        const bool is_case = !options.case_path.empty();
        if (!is_case)
            options.debugging.require_tools();
        qtest::Deadline::set_scale(
            is_case ? options.timeout_multiplier
                    : std::min(1000.0, options.timeout_multiplier * options.debugging.deadline_factor()));
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

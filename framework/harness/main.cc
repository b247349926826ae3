// SPDX-License-Identifier: GPL-2.0-or-later
#include "main.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <glib.h>
#include <unistd.h>

#include "calibration.h"
#include "ctest_file.h"
#include "dry_run.h"
#include "errors.h"
#include "host_memory.h"
#include "kept_runs.h"
#include "listing.h"
#include "log_file.h"
#include "merge.h"
#include "nursery.h"
#include "options.h"
#include "output.h"
#include "report/report.h"
#include "run_directory.h"
#include "stress.h"

namespace fs = std::filesystem;

namespace harness
{

namespace
{

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

int list(const Registry& registry, const Options& options)
{
    std::vector<const CaseInfo*> cases;
    for (const CaseInfo& info : registry.all())
        cases.push_back(&info);
    if (options.selects)
        cases = (options.shard ? *options.shard : Shard::from_environment()).part_of(options.selection.of(registry));
    if (options.listing == Options::Listing::ctest) {
        fmt::print("{}", ctest_file(cases, fs::read_symlink("/proc/self/exe")));
        return 0;
    }
    if (options.listing == Options::Listing::markdown) {
        fmt::print("{}", list_markdown(cases));
        return 0;
    }
    if (options.listing == Options::Listing::paths) {
        fmt::print("{}", list_paths(cases));
        return 0;
    }
    const RunDirectory directory;
    const Setting setting = Setting::from_environment(options.asked, directory.path());
    const RecordedTimes times(RecordedTimes::usual_file(), setting.accelerator);
    fmt::print("{}", (options.listing == Options::Listing::json ? list_json : list_table)(cases, setting, times));
    return 0;
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

RunFacts make_facts(const Options& options, const Setting& setting, const std::vector<const CaseInfo*>& selected,
                    const Shard& shard, const Calibration& calibration)
{
    const auto now = std::chrono::system_clock::now();
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    RunFacts facts{
        .id = fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::localtime(seconds), getpid()),
        .started = std::chrono::duration<double>(now.time_since_epoch()).count(),
        .command_line = options.command_line,
        .setting = setting,
        .host = describe_host(),
        .selected = {},
        .shard = shard,
        .repeat = options.run.repeat == Queue::no_end ? 0 : options.run.repeat,
        .planned = options.run.repeat == Queue::no_end ? 0 : shard.part_of(selected).size() * options.run.repeat,
        .jobs = options.run.jobs,
        .stress = options.stress,
        .seed = !options.shuffle ? 0
                : options.seed   ? options.seed
                                 : g_random_int() % 999'999 + 1,
        .deadline_scale =
            std::min(1000.0, options.timeout_multiplier * calibration.factor * setting.debugging.deadline_factor()),
        .deadline_scale_reason = calibration.reason};
    for (const CaseInfo* info : selected)
        facts.selected.push_back(info->path);
    return facts;
}

/// Times are a convenience: that they cannot be kept is told and no more.
void save_times(const RecordedTimes& times)
{
    try {
        times.save();
    } catch (const qtest::EnvironmentError& error) {
        fmt::print(stderr, "migration-test: times are not recorded: {}\n", error.what());
    }
}

int run(const Registry& registry, Options options, std::string_view catalogue)
{
    const KnownTrouble trouble =
        options.known_trouble.empty()
            ? KnownTrouble::parse(catalogue, "the catalogue of known trouble")
            : KnownTrouble::parse(qtest::read_file(options.known_trouble), options.known_trouble);
    const auto selected = options.selection.of(registry);
    const Shard shard = options.shard ? *options.shard : Shard::from_environment();
    const auto cases = shard.part_of(selected);
    require_writable(options.run.evidence);
    const RunDirectory directory;
    options.debugging.require_tools();
    Setting setting = Setting::from_environment(options.asked, directory.path());
    setting.debugging = options.debugging;
    RecordedTimes times(RecordedTimes::usual_file(), setting.accelerator);
    const Calibration calibration = calibrate(options.run.jobs, options.stress);
    const RunFacts facts = make_facts(options, setting, selected, shard, calibration);
    if (setting.debugging.dry_run) {
        const fs::path place = options.run.evidence / facts.id;
        add_kept_run(place, options.run.keep_runs);
        dry_run(cases, setting, place);
        return 0;
    }
    qtest::Deadline::set_scale(facts.deadline_scale);
    options.run.ram_mib = available_memory_mib() / 10 * 9;
    Queue queue(cases, options.run.repeat,
                options.shuffle        ? Queue::Order::shuffled
                : options.run.jobs > 1 ? Queue::Order::longest_first
                                       : Queue::Order::registered,
                times, facts.seed);
    const Stress stress(options.stress);
    Output output(STDOUT_FILENO);
    const auto reporter = make_reporter(options, output);
    Runner runner(options.run, facts, trouble, times, *reporter, directory.path());
    const Summary summary = runner.run(queue);
    output.finish();
    save_times(times);
    if (runner.interrupted_by() != 0)
        return 128 + runner.interrupted_by();
    if (runner.environment_errors())
        return 2;
    if (summary.failed > 0 || (options.require_no_skip && summary.skipped > 0))
        return 1;
    constexpr int skipped = 77; // as Automake, Meson and CTest understand it
    return cases.size() == 1 && summary.skipped > 0 && summary.passed + summary.known_trouble == 0 ? skipped : 0;
}

/// Whatever is opened first must not become what everybody writes to. Returns whether stdout was there.
bool fill_standard_descriptors()
{
    bool has_stdout = true;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        has_stdout = has_stdout && fd != STDOUT_FILENO;
        if (open("/dev/null", O_RDWR) != fd)
            std::abort();
    }
    return has_stdout;
}

} // namespace

int main(int argc, char** argv, const Registry& registry, std::string_view known_trouble,
         const std::vector<Verb>& verbs)
{
    try {
        if (!fill_standard_descriptors())
            throw qtest::EnvironmentError("stdout is closed: there is nobody to report to");
        const std::string_view verb = argc > 1 ? argv[1] : "";
        if (verb == "merge")
            return merge_main({argv + 2, argv + argc});
        if (verb == "report")
            return report::report_main({argv + 2, argv + argc});
        for (const Verb& one : verbs) {
            if (verb == one.name)
                return one.main({argv + 2, argv + argc});
        }
        const Options options = Options::parse(argc, argv, verbs);
        const int status = !options.nursery.empty() ? be_nursery(registry, options.nursery, options.timeout_multiplier)
                           : options.listing != Options::Listing::none ? list(registry, options)
                                                                       : run(registry, options, known_trouble);
        require_written();
        return status;
    } catch (const std::exception& error) {
        std::fflush(stdout);
        fmt::print(stderr, "migration-test: {}\n", error.what());
        return 2;
    }
}

} // namespace harness

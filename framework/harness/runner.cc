// SPDX-License-Identifier: GPL-2.0-or-later
#include "runner.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "errors.h"
#include "evidence.h"
#include "kept_runs.h"
#include "log_file.h"
#include "strays.h"

namespace fs = std::filesystem;
using qtest::Deadline;

namespace harness
{

namespace
{

const char* const interrupted = "the run was interrupted";
const char* const every_case_is_skipped = "every case is skipped";

/// Whether there is little enough to be removed while deadlines wait.
bool is_small(const fs::path& directory)
{
    constexpr int few = 300;
    constexpr std::uintmax_t little = 64 * 1024 * 1024;
    int entries = 0;
    std::uintmax_t bytes = 0;
    std::error_code error;
    fs::recursive_directory_iterator entry(directory, error);
    for (; !error && entry != fs::recursive_directory_iterator() && entries < few; entry.increment(error)) {
        std::error_code no_file;
        const std::uintmax_t size = entry->is_regular_file(no_file) ? entry->file_size(no_file) : 0;
        bytes += no_file ? 0 : size;
        entries++;
    }
    return !error && entries < few && bytes < little;
}

/// Where that is allowed: whatever the cases do, this process is there in time to end them. Their processes begin at
/// the usual priority again.
void put_before_cases()
{
    const sched_param usual{};
    if (getpriority(PRIO_PROCESS, 0) == 0 && sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &usual) == 0)
        setpriority(PRIO_PROCESS, 0, -10);
}

} // namespace

Runner::Runner(RunOptions options, const RunFacts& facts, const KnownTrouble& trouble, RecordedTimes& times,
               Reporter& reporter, fs::path directory)
    : options_(std::move(options)), facts_(facts), trouble_(trouble), times_(times), reporter_(reporter),
      directory_(std::move(directory)), kept_(options_.evidence / facts.id), disk_(directory_), helpers_(children())
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    put_before_cases();
}

Runner::~Runner() = default;

Summary Runner::run(Queue& queue)
{
    std::vector<qtest::Watch> watches;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        watches.push_back(loop_.watch_signal(signal, [this, signal] { interrupt(signal); }));
    if (facts_.setting.debugging.pause_on_failure && isatty(STDIN_FILENO))
        watches.push_back(loop_.watch(STDIN_FILENO, G_IO_IN, [this] { hear_enter(); }));
    watches.push_back(loop_.after(std::chrono::milliseconds(100), [this] { look(); }));
    const auto begin = Deadline::Clock::now();
    const auto ended = [this] {
        return std::find_if(running_.begin(), running_.end(), [](const RunningCase& one) { return one.ended(); });
    };
    reporter_.begin(facts_);
    const fs::path setting = directory_ / "setting.json";
    qtest::write_file(setting, facts_.setting.save().dump());
    nursery_.emplace(loop_, setting, [this](const std::string& text) { reporter_.notice(text); });
    for (start_what_may_run(queue); !running_.empty(); start_what_may_run(queue)) {
        // Each case's own alarm bounds this; only one that is paused for somebody to look at it has none.
        loop_.until([&] { return ended() != running_.end(); }, Deadline::unscaled(std::chrono::hours(24 * 365)),
                    "the end of a case");
        const auto done = ended();
        loop_.turn(); // reads what it had reported when it ended
        finish(*done);
        running_.erase(done);
    }
    nursery_.reset(); // nothing outlives the cases, however long the report takes to be read
    skip_rest(queue);
    await_removals();
    summary_.seconds = std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
    reporter_.end(summary_);
    return summary_;
}

void Runner::start_what_may_run(Queue& queue)
{
    while (stop_.empty() && running_.size() < options_.jobs && !queue.empty()) {
        const unsigned in_use = ram_in_use();
        const auto run = queue.take(options_.ram_mib - std::min(in_use, options_.ram_mib));
        if (run) {
            // To repeat what is always skipped until it fails would go on for ever.
            if (options_.repeat == Queue::no_end && run->repetition > 2 && !anything_ran_)
                stop_ = every_case_is_skipped;
            else
                start(*run);
        } else if (running_.empty()) {
            const auto too_large = queue.take();
            if (options_.repeat == Queue::no_end && too_large->repetition > 2 && !anything_ran_) {
                stop_ = every_case_is_skipped;
                return;
            }
            loop_.turn(); // a signal is heard even when nothing ever runs
            report(*too_large, {.result = Result::skipped,
                                .reason = fmt::format("needs {} MiB of memory; this machine has {} MiB to give",
                                                      too_large->info.ram_mib, options_.ram_mib),
                                .started = qtest::epoch_seconds()});
        } else {
            return;
        }
    }
}

unsigned Runner::ram_in_use() const
{
    unsigned sum = 0;
    for (const RunningCase& one : running_)
        sum += one.run().info.ram_mib;
    return sum;
}

const KnownTrouble::Entry* Runner::trouble_of(const CaseInfo& info) const
{
    return trouble_.find(info.path, facts_.setting);
}

void Runner::start(const CaseRun& run)
{
    // Short, for the sake of sockets' paths.
    const fs::path directory = directory_ / std::to_string(++started_);
    std::error_code error;
    if (!fs::create_directory(directory, error))
        throw qtest::EnvironmentError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
    const KnownTrouble::Entry* trouble = trouble_of(run.info);
    reporter_.started(run);
    const auto deadline = trouble && trouble->deadline ? *trouble->deadline : run.info.deadline;
    running_.emplace_back(loop_, reporter_, *nursery_, run, RunningCase::Terms{directory, deadline});
}

/// Ten times a second: a disk fills fast.
void Runner::look()
{
    if (++looks_ % 10 == 0)
        reporter_.tick();
    std::vector<fs::path> directories;
    for (const RunningCase& one : running_)
        directories.push_back(one.directory());
    const auto culprit = disk_.look(directories);
    for (RunningCase& one : running_) {
        if (culprit && one.directory() == culprit->directory)
            one.kill("the case fills the disk and was killed: " + culprit->text);
    }
}

/// Ends every pause; whether there was one.
bool Runner::resume()
{
    const bool paused = std::any_of(running_.begin(), running_.end(), [](const auto& one) { return one.paused(); });
    for (RunningCase& one : running_)
        one.resume();
    return paused;
}

void Runner::hear_enter()
{
    char line[256]; // as much as was typed
    if (read(STDIN_FILENO, line, sizeof line) >= 0)
        resume();
}

void Runner::interrupt(int signal)
{
    if (resume() && signal == SIGINT)
        return;
    const bool first = interrupted_by_ == 0;
    interrupted_by_ = signal;
    stop_ = interrupted;
    if (first && signal == SIGINT) {
        reporter_.notice(fmt::format("interrupted: {} running case{} finished first; once more kills", running_.size(),
                                     running_.size() == 1 ? " is" : "s are"));
        return;
    }
    for (RunningCase& one : running_)
        one.kill(interrupted);
}

void Runner::finish(RunningCase& running)
{
    Outcome outcome = running.outcome();
    end_leftovers(running, outcome);
    std::error_code error; // what cannot be looked at is told when it is to be kept
    fs::permissions(running.directory(), fs::perms::owner_all, fs::perm_options::add, error);
    if (outcome.failed() && outcome.reason.starts_with(interrupted))
        outcome.result = Result::skipped;
    if (trouble_of(running.run().info) && (outcome.result == Result::failed || outcome.result == Result::passed))
        outcome.known_trouble = trouble_of(running.run().info)->text();
    if (outcome.failed() || options_.keep)
        keep(running, outcome);
    remove(running.directory());
    if (outcome.result == Result::passed && facts_.stress == 0)
        times_.record(running.run().info.path, outcome.seconds);
    report(running.run(), outcome);
}

/// What takes long goes on beside the run: a case may have made files without end, or taken their permissions.
void Runner::remove(const fs::path& directory)
{
    std::error_code error;
    if (is_small(directory) && fs::remove_all(directory, error) > 0 && !error)
        return;
    removals_.remove_if([](const qtest::Process& one) { return !one.running(); });
    removals_.emplace_back(
        loop_, qtest::Process::Spec{.arguments = {"sh", "-c", R"(chmod -R u+rwx "$1"; rm -rf "$1")", "sh", directory},
                                    .output = "/dev/null"});
}

/// What is not done in time is done with the run's directory.
void Runner::await_removals()
{
    const auto running = [](const qtest::Process& one) { return one.running(); };
    try {
        loop_.until([&] { return std::none_of(removals_.begin(), removals_.end(), running) || interrupted_by_ != 0; },
                    Deadline::unscaled(std::chrono::seconds(60)), "the removal of cases' files");
    } catch (const qtest::Timeout& late) {
        reporter_.notice(late.what());
    }
}

/// Whatever the case has started and not ended has become a child of this process, or of one that has, and is ended.
void Runner::end_leftovers(const RunningCase& running, Outcome& outcome)
{
    std::set<pid_t> own = helpers_;
    own.insert(nursery_->pid());
    for (const qtest::Process& removal : removals_)
        own.insert(removal.pid());
    std::vector<std::string> others;
    bool another_ended = false;
    for (const RunningCase& other : running_) {
        own.insert(other.pid());
        another_ended = another_ended || (&other != &running && other.ended());
        if (&other != &running)
            others.push_back(other.directory());
    }
    const auto strays = end_adopted(own, others);
    // A case whose process ended in order has looked itself; what is found here may be that of another that did not.
    if (!strays.empty() && outcome.result == Result::passed && !another_ended) {
        outcome.result = Result::failed;
        outcome.reason = left_behind(strays);
    }
}

void Runner::report(const CaseRun& run, const Outcome& outcome)
{
    environment_errors_ = environment_errors_ || outcome.result == Result::error;
    std::size_t& count = outcome.result == Result::skipped  ? summary_.skipped
                         : outcome.result == Result::passed ? summary_.passed
                         : outcome.unexpected_failure()     ? summary_.failed
                         : outcome.result == Result::error  ? summary_.failed
                                                            : summary_.known_trouble;
    count++;
    anything_ran_ = anything_ran_ || outcome.result != Result::skipped;
    reporter_.finished(run, outcome);
    const bool failed = outcome.result == Result::error || outcome.unexpected_failure();
    if (failed && (options_.fail_fast || options_.repeat == Queue::no_end) && stop_.empty())
        stop_ = fmt::format("{} failed", run.info.path);
}

/// Whoever reads the report finds every case that was selected.
void Runner::skip_rest(Queue& queue)
{
    if (options_.repeat == Queue::no_end && interrupted_by_ == 0)
        return;
    while (options_.repeat != Queue::no_end && !queue.empty()) {
        const auto run = queue.take();
        report(*run, {.result = Result::skipped, .reason = "not run: " + stop_, .started = qtest::epoch_seconds()});
        summary_.cut_short = stop_;
    }
    if (interrupted_by_ != 0)
        summary_.cut_short = stop_;
}

/// Evidence that cannot be kept costs neither the case's result nor the other cases.
void Runner::keep(const RunningCase& running, Outcome& outcome)
{
    const fs::path place = evidence_for(running.run().info);
    outcome.evidence = place;
    try {
        add_kept_run(kept_, options_.keep_runs);
        keep_evidence(running.directory(), place, facts_, running.run(), outcome, options_.reproduce);
    } catch (const qtest::EnvironmentError& error) {
        environment_errors_ = true;
        outcome.details.set("evidence lost", error.what());
        fmt::print(stderr, "migration-test: {}\n", error.what());
    }
}

/// "/migration/colo/plain/x" → "…/migration.colo.plain.x", and ".2" and so on when it is repeated.
fs::path Runner::evidence_for(const CaseInfo& info)
{
    const std::string name = evidence_name(info);
    fs::path place = fs::absolute(kept_ / name);
    for (int i = 2; fs::exists(place); i++)
        place.replace_filename(fmt::format("{}.{}", name, i));
    return place;
}

} // namespace harness

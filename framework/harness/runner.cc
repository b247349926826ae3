// SPDX-License-Identifier: GPL-2.0-or-later
#include "runner.h"

#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "case_process.h"
#include "channel.h"
#include "errors.h"
#include "evidence.h"
#include "kept_runs.h"
#include "line_splitter.h"
#include "log_file.h"
#include "process.h"
#include "strays.h"

namespace fs = std::filesystem;
using qtest::Deadline;

namespace harness
{

namespace
{

/// What a case's process gets beyond the case's deadline to gather evidence and end its VMs, before it is killed: more
/// than the 1.5 s that evidence takes when no VM answers, and less than the 2 s that a case may overstay.
constexpr std::chrono::milliseconds grace{1900};

constexpr std::size_t report_line_limit = 1024 * 1024;

std::string last_words(const fs::path& output)
{
    std::string text = qtest::read_tail(output, 1000);
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

std::chrono::seconds deadline_of(const CaseInfo& info, const KnownTrouble::Entry* trouble)
{
    return trouble && trouble->deadline ? *trouble->deadline : info.deadline;
}

} // namespace

/// One case under way: its process and what that has reported so far.
class Runner::Running
{
  public:
    Running(Runner& runner, const CaseRun& case_run, fs::path case_directory, qtest::SocketPair line)
        : run(case_run), info(run.info), trouble(runner.trouble_.find(info.path, runner.facts_.setting)),
          directory(std::move(case_directory)), started(qtest::epoch_seconds()), begin(Deadline::Clock::now()),
          runner_(runner), splitter_(report_line_limit),
          reports_(runner.loop_, std::move(line.ours), {[this](std::string_view bytes) { receive(bytes); }, {}}),
          process_(runner.loop_, spec(runner, std::move(line.theirs))),
          alarm_(runner.loop_.after(Deadline::in(deadline_of(info, trouble)).total() + grace, [this] {
              overdue = true;
              process_.send_signal(SIGKILL);
          }))
    {
    }

    /// Its last report may be still to be read; and a process that it left behind may keep the line open for ever.
    bool ended() const { return !process_.running(); }
    const qtest::Process& process() const { return process_; }
    /// Since its start, to the millisecond.
    double seconds() const
    {
        return static_cast<double>(
                   std::chrono::round<std::chrono::milliseconds>(Deadline::Clock::now() - begin).count()) /
               1000;
    }

    const CaseRun run;
    const CaseInfo& info;
    const KnownTrouble::Entry* const trouble;
    const fs::path directory;
    const double started;
    const Deadline::Clock::time_point begin;
    qtest::Json phases = qtest::Json::array();
    qtest::Json marks = qtest::Json::array();
    std::optional<Outcome> outcome;
    bool overdue = false;

  private:
    qtest::Process::Spec spec(const Runner& runner, qtest::UniqueFd reports) const
    {
        const std::string self = fs::read_symlink("/proc/self/exe");
        qtest::Process::Spec spec{.arguments = {self, "--run-case", info.path, "--case-directory", directory,
                                                "--setting", runner.directory_ / "setting.json", "--timeout-multiplier",
                                                fmt::format("{}", Deadline::scale()), "--case-deadline",
                                                std::to_string(deadline_of(info, trouble).count())},
                                  .output = g_getenv("QTEST_LOG") ? fs::path() : directory / "case.output",
                                  .environment = {{case_variable, directory}},
                                  .limits = {{RLIMIT_FSIZE, file_limit(info)}}};
        spec.fds.emplace_back(std::move(reports), report_fd);
        return spec;
    }

    /// What a case's process says may be anything once the process has gone wrong: that fails the case and nothing
    /// else.
    void receive(std::string_view bytes)
    {
        try {
            splitter_.feed(bytes, [this](std::string_view text) { report(qtest::Json::parse(text)); });
        } catch (const qtest::Error& error) {
            outcome = Outcome{.result = Result::failed,
                              .reason = fmt::format("the case's report cannot be read: {}", error.what())};
            reports_.close();
        }
    }

    void report(const qtest::Json& message)
    {
        if (const auto name = message.find("phase")) {
            phases.append(qtest::Json{{"name", *name}, {"time", message.at("time")}});
            runner_.reporter_.phase(run, name->as_string());
        } else if (message.has("mark")) {
            marks.append(qtest::Json{{"name", message.at("mark")}, {"time", message.at("time")}});
        } else if (const auto text = message.find("notice")) {
            fmt::print(stderr, "{}: {}\n", info.path, text->as_string());
        } else if (const auto pause = message.find("paused")) {
            alarm_ = qtest::Watch();
            fmt::print(stderr, "{}: {}\n", info.path, pause->as_string());
        } else {
            outcome = Outcome::load(message);
        }
    }

    Runner& runner_;
    qtest::LineSplitter splitter_;
    qtest::Channel reports_;
    qtest::Process process_;
    qtest::Watch alarm_;
};

Runner::Runner(RunOptions options, const RunFacts& facts, const KnownTrouble& trouble, Reporter& reporter,
               fs::path directory)
    : options_(std::move(options)), facts_(facts), trouble_(trouble), reporter_(reporter),
      directory_(std::move(directory))
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    qtest::write_file(directory_ / "setting.json", facts_.setting.save().dump());
    // Until the first case that has something to keep, the directory is only a name.
    kept_ = options_.evidence / facts_.id;
}

Runner::~Runner() = default;

Summary Runner::run(const std::vector<const CaseInfo*>& cases)
{
    std::vector<CaseRun> queue;
    for (unsigned i = 1; i <= options_.repeat; i++) {
        for (const CaseInfo* info : cases)
            queue.push_back({*info, i});
    }
    const auto begin = Deadline::Clock::now();
    reporter_.begin(facts_);
    std::size_t next = 0;
    while (next < queue.size() || !running_.empty()) {
        while (next < queue.size() && running_.size() < std::max(1U, options_.jobs))
            start(queue[next++]);
        const auto ended = [this] {
            return std::find_if(running_.begin(), running_.end(), [](const Running& one) { return one.ended(); });
        };
        // Each case's own alarm bounds this.
        loop_.until([&] { return ended() != running_.end(); }, Deadline::in(std::chrono::hours(24)),
                    "the end of a case");
        const auto done = ended();
        finish(*done);
        running_.erase(done);
    }
    summary_.seconds = std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
    reporter_.end(summary_);
    return summary_;
}

void Runner::start(const CaseRun& run)
{
    // Short, for the sake of sockets' paths.
    const fs::path directory = directory_ / std::to_string(++started_);
    std::error_code error;
    if (!fs::create_directory(directory, error))
        throw qtest::EnvironmentError(fmt::format("cannot make {}: {}", directory.string(), error.message()));
    reporter_.started(run);
    running_.emplace_back(*this, run, directory, qtest::SocketPair());
}

/// What became of it, its process having ended.
Outcome Runner::judge(Running& running)
{
    const qtest::ExitStatus status = *running.process().exit_status();
    Outcome outcome;
    if (running.outcome) {
        outcome = *running.outcome;
    } else {
        outcome.result = Result::failed;
        outcome.reason =
            running.overdue
                ? fmt::format("the case's process did not end by itself at its deadline of {} s and was killed",
                              deadline_of(running.info, running.trouble).count())
                : fmt::format("the case's process {} without reporting a result", status.text());
        if (const std::string words = last_words(running.directory / "case.output"); !words.empty())
            outcome.reason += "; its last words: " + words;
        if (running.phases.size() > 0)
            outcome.details.set("phase", running.phases.elements().back().at("name"));
    }
    outcome.phases = running.phases;
    outcome.marks = running.marks;
    outcome.started = running.started;
    outcome.seconds = running.seconds();
    std::set<pid_t> own;
    for (const Running& other : running_)
        own.insert(other.process().pid());
    const auto strays = end_strays(case_variable, running.directory);
    reap_adopted(own);
    if (!strays.empty() && outcome.result == Result::passed) {
        outcome.result = Result::failed;
        outcome.reason = fmt::format("the case left a process behind: {} (pid {})", strays[0].command, strays[0].pid);
    }
    if (running.trouble && (outcome.result == Result::failed || outcome.result == Result::passed))
        outcome.known_trouble = running.trouble->text();
    return outcome;
}

void Runner::finish(Running& running)
{
    loop_.turn(); // reads what it had reported when it ended
    Outcome outcome = judge(running);
    const bool failed = outcome.failed();
    if (failed || options_.keep)
        keep(running, outcome);
    std::error_code error;
    fs::remove_all(running.directory, error);
    if (error)
        throw qtest::EnvironmentError(fmt::format("cannot remove {}: {}", running.directory.string(), error.message()));
    environment_errors_ = environment_errors_ || outcome.result == Result::error;
    std::size_t& count = outcome.result == Result::skipped                           ? summary_.skipped
                         : !failed                                                   ? summary_.passed
                         : outcome.result == Result::failed && outcome.known_trouble ? summary_.known_trouble
                                                                                     : summary_.failed;
    count++;
    reporter_.finished(running.run, outcome);
}

/// Evidence that cannot be kept costs neither the case's result nor the other cases.
void Runner::keep(const Running& running, Outcome& outcome)
{
    const fs::path place = evidence_for(running.info);
    outcome.evidence = place;
    try {
        add_kept_run(kept_, options_.keep_runs);
        keep_evidence(running.directory, place, facts_, running.run, outcome, options_.reproduce);
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

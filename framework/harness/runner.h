// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runner: runs cases, each in a process of its own, a child, so that nothing a case does can end or disturb another.
// The runner is the subreaper of all of them; a case's process that does not report in time is killed, and whatever a
// case started and did not end is ended with it.
//
// SIGINT once: no further case is started, those that run are finished. Twice, or SIGTERM or SIGHUP: they are killed.
// Either way every case selected is reported, those that were not finished as skipped.
#pragma once

#include <filesystem>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "disk_guard.h"
#include "known_trouble.h"
#include "loop.h"
#include "queue.h"
#include "reporter.h"
#include "running_case.h"

namespace harness
{

struct RunOptions {
    unsigned jobs = 1;
    /// Rounds of all cases; Queue::no_end: until something fails.
    unsigned repeat = 1;
    bool fail_fast = false;
    /// Keep the evidence of cases that pass, too.
    bool keep = false;
    /// Each run that has something to keep makes one directory in it.
    std::filesystem::path evidence;
    /// How many runs' evidence is kept there.
    unsigned keep_runs = 10;
    /// What reproduce.sh passes on beyond what the run's facts say.
    std::vector<std::string> reproduce = {};
    /// Memory that the cases running at once may take together, in MiB.
    unsigned ram_mib = 0;
};

class Runner
{
  public:
    /// `directory`: the run's own, for the cases' scratch directories. Everything given is borrowed.
    Runner(RunOptions options, const RunFacts& facts, const KnownTrouble& trouble, RecordedTimes& times,
           Reporter& reporter, std::filesystem::path directory);
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner();

    /// Throws qtest::EnvironmentError when a case's process cannot be started.
    Summary run(Queue& queue);

    /// Whether the machine kept a case from running or its evidence from being kept.
    bool environment_errors() const noexcept { return environment_errors_; }
    /// The signal that cut the run short; 0: none.
    int interrupted_by() const noexcept { return interrupted_by_; }

  private:
    void start_what_may_run(Queue& queue);
    void start(const CaseRun& run);
    void look();
    void interrupt(int signal);
    bool resume();
    void hear_enter();
    void remove(const std::filesystem::path& directory);
    void await_removals();
    void finish(RunningCase& running);
    void end_leftovers(const RunningCase& running, Outcome& outcome);
    void report(const CaseRun& run, const Outcome& outcome);
    void skip_rest(Queue& queue);
    void keep(const RunningCase& running, Outcome& outcome);
    std::filesystem::path evidence_for(const CaseInfo& info);
    const KnownTrouble::Entry* trouble_of(const CaseInfo& info) const;
    unsigned ram_in_use() const;

    RunOptions options_;
    const RunFacts& facts_;
    const KnownTrouble& trouble_;
    RecordedTimes& times_;
    Reporter& reporter_;
    std::filesystem::path directory_;
    std::filesystem::path kept_; // this run's directory below options_.evidence
    DiskGuard disk_;
    std::set<pid_t> helpers_; // children that are no case's
    qtest::Loop loop_;
    std::optional<Nursery> nursery_; // while run() runs
    std::list<RunningCase> running_;
    std::list<qtest::Process> removals_; // of scratch directories
    std::size_t started_ = 0;
    Summary summary_;
    /// Why no further case is started; empty: it is.
    std::string stop_;
    int interrupted_by_ = 0;
    bool environment_errors_ = false;
    bool anything_ran_ = false;
    unsigned looks_ = 0;
};

} // namespace harness

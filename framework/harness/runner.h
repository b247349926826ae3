// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runner: runs cases, each in a process of its own (this program again, a child), so that nothing a case does can end
// or disturb another. The runner is the subreaper of all of them; a case's process that does not report in time is
// killed, and whatever a case started and did not end is ended with it.
#pragma once

#include <filesystem>
#include <list>
#include <string>
#include <vector>

#include "known_trouble.h"
#include "loop.h"
#include "registry.h"
#include "reporter.h"
#include "setting.h"

namespace harness
{

struct RunOptions {
    unsigned jobs = 1;
    unsigned repeat = 1;
    /// Keep the evidence of cases that pass, too.
    bool keep = false;
    /// Each run that has something to keep makes one directory in it.
    std::filesystem::path evidence;
    /// How many runs' evidence is kept there.
    unsigned keep_runs = 10;
    /// What reproduce.sh passes on beyond what the run's facts say.
    std::vector<std::string> reproduce = {};
};

class Runner
{
  public:
    Runner(RunOptions options, const RunFacts& facts, const KnownTrouble& trouble, Reporter& reporter,
           std::filesystem::path directory);
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner();

    /// Runs the cases in this order, as many at once as there are jobs. Throws qtest::EnvironmentError when a case's
    /// process cannot be started.
    Summary run(const std::vector<const CaseInfo*>& cases);

    /// Whether the machine kept a case from running or its evidence from being kept.
    bool environment_errors() const noexcept { return environment_errors_; }

  private:
    class Running;

    void start(const CaseRun& run);
    void finish(Running& running);
    Outcome judge(Running& running);
    void keep(const Running& running, Outcome& outcome);
    std::filesystem::path evidence_for(const CaseInfo& info);

    RunOptions options_;
    const RunFacts& facts_;
    const KnownTrouble& trouble_;
    Reporter& reporter_;
    std::filesystem::path directory_;
    std::filesystem::path kept_; // this run's directory below options_.evidence
    qtest::Loop loop_;
    std::list<Running> running_;
    std::size_t started_ = 0;
    Summary summary_;
    bool environment_errors_ = false;
};

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>

#include <fmt/format.h>

#include "reporter.h"

namespace harness
{

namespace
{

/// A directive's text ends with its line, and `#` would begin another.
std::string in_directive(std::string text)
{
    for (char& c : text) {
        if (c == '\n' || c == '#')
            c = ' ';
    }
    return text;
}

class TapReporter : public Reporter
{
  public:
    void begin(const RunFacts& facts) override
    {
        fmt::print("TAP version 14\n# {}\n", facts.title());
        for (const std::string& remark : facts.remarks())
            fmt::print("# {}\n", remark);
        plan_at_end_ = facts.planned == 0;
        if (!plan_at_end_)
            fmt::print("1..{}\n", facts.planned);
        std::fflush(stdout);
    }

    void notice(const std::string& text) override
    {
        fmt::print("# {}\n", in_directive(text));
        std::fflush(stdout);
    }

    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        const bool failed = outcome.failed();
        fmt::print("{} {} - {}{}\n", failed ? "not ok" : "ok", ++number_, run.info.path, directive(outcome));
        if (failed)
            print_yaml(outcome);
        else if (outcome.known_trouble && outcome.result == Result::passed)
            fmt::print("# {} passed although it is known to fail: {}\n", run.info.path,
                       in_directive(*outcome.known_trouble));
        std::fflush(stdout);
    }

    void end(const Summary& summary) override
    {
        if (plan_at_end_)
            fmt::print("1..{}\n", number_);
        fmt::print("# {} passed, {} failed, {} skipped, {} known trouble, {:.1f} s\n", summary.passed, summary.failed,
                   summary.skipped, summary.known_trouble, summary.seconds);
        std::fflush(stdout);
    }

  private:
    static std::string directive(const Outcome& outcome)
    {
        if (outcome.result == Result::skipped)
            return " # SKIP " + in_directive(outcome.reason);
        if (outcome.result == Result::failed && outcome.known_trouble)
            return " # TODO " + in_directive(*outcome.known_trouble);
        return {};
    }

    /// JSON is YAML too, so values are printed as JSON.
    static void print_yaml(const Outcome& outcome)
    {
        fmt::print("  ---\n  message: {}\n", qtest::Json(outcome.reason).dump());
        for (const auto& [key, value] : outcome.details.members()) {
            fmt::print("  {}: {}\n", key, value.dump());
        }
        fmt::print("  seconds: {:.3f}\n", outcome.seconds);
        if (!outcome.evidence.empty())
            fmt::print("  evidence: {}\n", qtest::Json(outcome.evidence).dump());
        fmt::print("  ...\n");
    }

    std::size_t number_ = 0;
    bool plan_at_end_ = false;
};

} // namespace

std::unique_ptr<Reporter> make_tap_reporter() { return std::make_unique<TapReporter>(); }

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdio>
#include <map>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reporter.h"

namespace harness
{

namespace
{

class TextReporter : public Reporter
{
  public:
    void begin(const RunFacts& facts) override
    {
        total_ = facts.planned;
        fmt::print("{}: {} case{}\n", facts.title(), total_, total_ == 1 ? "" : "s");
        std::fflush(stdout);
    }

    void started(const CaseRun& run) override { phase(run, "start"); }

    void phase(const CaseRun& run, const std::string& name) override
    {
        running_[run.info.path] = name;
        show_live();
    }

    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        running_.erase(run.info.path);
        finished_++;
        clear_live();
        fmt::print("[{:{}}/{}] {:<7} {:6.2f} s  {}{}\n", finished_, std::to_string(total_).size(), total_,
                   word(outcome), outcome.seconds, run.info.path, remark(outcome));
        if (outcome.result == Result::error || outcome.unexpected_failure())
            print_failure(outcome);
        show_live();
        std::fflush(stdout);
    }

    void end(const Summary& summary) override
    {
        clear_live();
        if (summary.known_trouble)
            fmt::print("{} failed as known trouble of this QEMU\n", summary.known_trouble);
        fmt::print("took {:.1f} s\n{} passed, {} failed, {} skipped\n", summary.seconds, summary.passed, summary.failed,
                   summary.skipped);
        std::fflush(stdout);
    }

  private:
    static const char* word(const Outcome& outcome)
    {
        static constexpr const char* words[] = {"ok", "FAILED", "skipped", "ERROR"};
        return outcome.result == Result::failed && outcome.known_trouble ? "known"
                                                                         : words[static_cast<int>(outcome.result)];
    }

    static std::string remark(const Outcome& outcome)
    {
        if (outcome.result == Result::skipped)
            return ": " + outcome.reason;
        if (outcome.known_trouble)
            return (outcome.result == Result::passed ? ": passes, though it is known to fail: "
                                                     : ": fails as known: ") +
                   *outcome.known_trouble;
        return {};
    }

    static void print_failure(const Outcome& outcome)
    {
        fmt::print("    {}\n", outcome.reason);
        for (const auto& [key, value] : outcome.details.members()) {
            fmt::print("    {}: {}\n", key, value.is_string() ? value.as_string() : value.dump());
        }
        if (!outcome.evidence.empty())
            fmt::print("    evidence: {}\n", outcome.evidence);
    }

    void show_live()
    {
        if (!terminal_)
            return;
        std::string line = fmt::format("[{}/{}]", finished_, total_);
        for (const auto& [path, phase] : running_)
            line += fmt::format(" {}: {}", path, phase);
        winsize size{};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            line.resize(std::min<std::size_t>(line.size(), size.ws_col - 1U));
        fmt::print("\r\x1b[K{}", line);
        std::fflush(stdout);
    }

    void clear_live() const
    {
        if (terminal_)
            fmt::print("\r\x1b[K");
    }

    const bool terminal_ = isatty(STDOUT_FILENO);
    std::size_t total_ = 0;
    std::size_t finished_ = 0;
    std::map<std::string, std::string> running_; // path → phase
};

} // namespace

std::unique_ptr<Reporter> make_text_reporter() { return std::make_unique<TextReporter>(); }

} // namespace harness

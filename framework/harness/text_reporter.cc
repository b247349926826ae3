// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "deadline.h"
#include "display_text.h"
#include "live_line.h"
#include "output.h"
#include "report_text.h"
#include "terminal.h"

namespace harness
{

namespace
{

class TextReporter : public Reporter
{
  public:
    explicit TextReporter(Output& output) : output_(output), terminal_(output.fd()) {}

    void begin(const RunFacts& facts) override
    {
        live_.planned = facts.planned;
        live_.begin = LiveLine::Clock::now();
        std::string text;
        for (const std::string& line : about(facts))
            text += indented(line, 0, terminal_.width());
        print(text);
    }

    void started(const CaseRun& run) override
    {
        live_.running.push_back({run.info.path, run.repetition, "start", LiveLine::Clock::now()});
        draw();
    }

    void phase(const CaseRun& run, const std::string& name) override
    {
        const auto running = find(run);
        if (running != live_.running.end())
            running->phase = name;
        draw();
    }

    void notice(const std::string& text) override { print(indented(text, 0, terminal_.width())); }

    void tick() override { draw(); }

    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        if (const auto running = find(run); running != live_.running.end())
            live_.running.erase(running);
        live_.finished++;
        live_.last_finish = LiveLine::Clock::now();
        const bool fails = outcome.result == Result::error || outcome.unexpected_failure();
        live_.skipped += outcome.result == Result::skipped ? 1 : 0;
        live_.failed += fails ? 1 : 0;
        if (fails)
            failed_.push_back(name_of(run));
        print(line_of(run, outcome) + (fails ? failure(outcome) : ""));
    }

    void end(const Summary& summary) override
    {
        std::string text;
        if (live_.finished > 1 && !failed_.empty())
            text += list_of_failed();
        if (summary.known_trouble)
            text += indented(fmt::format("{} failed as known trouble of this QEMU", summary.known_trouble), 0,
                             terminal_.width());
        if (!summary.cut_short.empty())
            text += indented("not every case was run: " + summary.cut_short, 0, terminal_.width());
        text += indented(fmt::format("took {:.1f} s\n{} passed, {} failed, {} skipped", summary.seconds, summary.passed,
                                     summary.failed, summary.skipped),
                         0, terminal_.width());
        live_.running.clear();
        print(text);
    }

  private:
    struct Word {
        const char* text;
        Terminal::Colour colour;
    };

    static Word word(const Outcome& outcome)
    {
        static constexpr Word words[] = {{"ok", Terminal::green},
                                         {"FAILED", Terminal::red},
                                         {"skipped", Terminal::yellow},
                                         {"ERROR", Terminal::red}};
        return outcome.result == Result::failed && outcome.known_trouble ? Word{"known", Terminal::yellow}
                                                                         : words[static_cast<int>(outcome.result)];
    }

    static std::string remark(const Outcome& outcome)
    {
        if (outcome.result == Result::skipped)
            return outcome.reason;
        if (outcome.known_trouble)
            return (outcome.result == Result::passed ? "passes, though it is known to fail: " : "fails as known: ") +
                   *outcome.known_trouble;
        return {};
    }

    std::vector<LiveLine::Running>::iterator find(const CaseRun& run)
    {
        return std::find_if(live_.running.begin(), live_.running.end(), [&](const LiveLine::Running& one) {
            return one.path == run.info.path && one.repetition == run.repetition;
        });
    }

    std::size_t margin() const { return terminal_.is_narrow() ? 2 : 4; }

    /// "[ 3/24] ok        1.23 s  /migration/…: remark", the remark on lines of its own when there is no room.
    std::string line_of(const CaseRun& run, const Outcome& outcome) const
    {
        const std::size_t width = terminal_.width();
        const std::string total = live_.planned ? fmt::format("/{}", live_.planned) : "";
        const std::string count =
            fmt::format("[{:{}}{}] ", live_.finished, total.empty() ? 0 : total.size() - 1, total);
        const Word shown = word(outcome);
        const std::string before = terminal_.is_narrow() ? "" : count;
        const std::string after = terminal_.is_narrow() ? fmt::format(" {:5.1f} ", outcome.seconds)
                                                        : fmt::format(" {:6.2f} s  ", outcome.seconds);
        const std::size_t used = columns(before) + 7 + columns(after);
        std::string name = terminal_.is_narrow() && run.repetition > 1
                               ? fmt::format("{}#{}", run.info.path, run.repetition)
                               : name_of(run);
        std::string text = remark(outcome);
        if (width > 0)
            name = clip_start(name, width > used ? width - used : 0);
        const bool together = width == 0 || used + columns(name) + 2 + columns(one_line(text)) <= width;
        if (!text.empty() && together) {
            name += ": " + one_line(text);
            text.clear();
        }
        return before + terminal_.in_colour(fmt::format("{:<7}", shown.text), shown.colour) + after + name + "\n" +
               (text.empty() ? "" : indented(text, margin(), width));
    }

    std::string failure(const Outcome& outcome) const
    {
        const std::size_t width = terminal_.width();
        std::string text = indented(outcome.reason, margin(), width);
        if (const std::string details = details_text(outcome); !details.empty())
            text += indented(details.substr(0, details.size() - 1), margin(), width);
        if (!outcome.evidence.empty())
            text += indented("evidence: " + outcome.evidence, margin(), width);
        return text;
    }

    std::string list_of_failed() const
    {
        constexpr std::size_t most = 20;
        std::string text = "failed:\n";
        for (std::size_t i = 0; i < std::min(most, failed_.size()); i++)
            text += indented(failed_[i], 2, terminal_.width());
        if (failed_.size() > most)
            text += fmt::format("  and {} more\n", failed_.size() - most);
        return text;
    }

    /// Lines that stay, in place of the live line, which comes again below them.
    void print(const std::string& text)
    {
        const std::string erased = terminal_.erase(drawn_);
        drawn_.clear();
        if (terminal_.can_draw() && !live_.running.empty())
            drawn_ = live_.text(terminal_.width() - 1);
        output_.write(erased + text + drawn_);
    }

    /// A reader that is behind gets the lines that stay, and not each state of the live one.
    void draw()
    {
        if (terminal_.can_draw() && !output_.is_behind())
            print({});
    }

    Output& output_;
    Terminal terminal_;
    LiveLine live_;
    std::string drawn_;               // what stands in the live line
    std::vector<std::string> failed_; // names
};

} // namespace

std::unique_ptr<Reporter> make_text_reporter(Output& output) { return std::make_unique<TextReporter>(output); }

} // namespace harness

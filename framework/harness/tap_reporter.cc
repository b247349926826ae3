// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glib.h>

#include "display_text.h"
#include "output.h"
#include "report_text.h"

namespace harness
{

namespace
{

/// In a description, `#` would begin a directive (TAP 14, "Escaping").
std::string as_description(const std::string& text)
{
    std::string result;
    for (const char c : one_line(text)) {
        if (c == '\\' || c == '#')
            result += '\\';
        result += c;
    }
    return result;
}

/// In a directive's text, readers differ in what they take for another directive: `#` is left out.
std::string as_directive(const std::string& text)
{
    std::string result = one_line(text);
    for (char& c : result) {
        if (c == '#')
            c = ' ';
    }
    return result;
}

/// Perl's prove before 3.48 (Debian 12) fails a test that names a version above 13, but reads all else that version 14
/// has; it makes itself known to what it runs.
const char* version_line() { return std::getenv("HARNESS_ACTIVE") ? "# TAP version 14\n" : "TAP version 14\n"; }

class TapReporter : public Reporter
{
  public:
    explicit TapReporter(Output& output) : output_(output) {}

    void begin(const RunFacts& facts) override
    {
        planned_ = facts.planned;
        plan_at_end_ = facts.repeat == 0;
        std::string text = version_line() + comment(fmt::format("{}", fmt::join(about(facts), "; ")));
        if (!plan_at_end_)
            text += fmt::format("1..{}{}\n", planned_,
                                planned_ == 0 ? " # SKIP no case of this selection is in this shard" : "");
        output_.write(text);
    }

    void notice(const std::string& text) override { output_.write(comment(text)); }

    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        std::string text = fmt::format("{} {} - {}{}\n", outcome.failed() ? "not ok" : "ok", ++number_,
                                       as_description(name_of(run)), directive(outcome));
        if (outcome.failed())
            text += diagnostics(outcome);
        else if (outcome.known_trouble && outcome.result == Result::passed)
            text += comment(
                fmt::format("{} passed although it is known to fail: {}", name_of(run), *outcome.known_trouble));
        if (!outcome.failed() && !outcome.evidence.empty())
            text += comment("evidence: " + outcome.evidence);
        output_.write(text);
    }

    void end(const Summary& summary) override
    {
        std::string text =
            comment(fmt::format("{} passed, {} failed, {} skipped, {} known trouble, {:.1f} s", summary.passed,
                                summary.failed, summary.skipped, summary.known_trouble, summary.seconds));
        if (plan_at_end_)
            text += fmt::format("1..{}\n", number_);
        else if (number_ < planned_)
            text += fmt::format("Bail out! {}\n",
                                summary.cut_short.empty() ? "not every case was run" : as_directive(summary.cut_short));
        output_.write(text);
    }

  private:
    static std::string comment(const std::string& text) { return "# " + one_line(text) + "\n"; }

    static std::string directive(const Outcome& outcome)
    {
        if (outcome.result == Result::skipped)
            return " # SKIP " + as_directive(outcome.reason);
        if (outcome.result == Result::failed && outcome.known_trouble)
            return " # TODO " + as_directive(*outcome.known_trouble);
        return {};
    }

    /// JSON is YAML too, so values are printed as JSON, which is one line each.
    static std::string diagnostics(const Outcome& outcome)
    {
        std::string text = fmt::format("  ---\n  message: {}\n", qtest::Json(valid_utf8(outcome.reason)).dump());
        if (outcome.result == Result::error)
            text += "  severity: \"error\"\n"; // not the QEMU's fault
        for (const auto& [key, value] : outcome.details.members())
            text += fmt::format("  {}: {}\n", is_plain(key) ? key : qtest::Json(key).dump(), value.dump());
        text += fmt::format("  seconds: {:.3f}\n", outcome.seconds);
        if (!outcome.evidence.empty())
            text += fmt::format("  evidence: {}\n", qtest::Json(valid_utf8(outcome.evidence)).dump());
        return text + "  ...\n";
    }

    /// Whether YAML takes it for a key without quotes.
    static bool is_plain(const std::string& key)
    {
        return !key.empty() &&
               key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ -0123456789") ==
                   std::string::npos &&
               g_ascii_isalpha(key[0]) && key.back() != ' ';
    }

    Output& output_;
    std::size_t planned_ = 0;
    bool plan_at_end_ = false;
    std::size_t number_ = 0;
};

} // namespace

std::unique_ptr<Reporter> make_tap_reporter(Output& output) { return std::make_unique<TapReporter>(output); }

} // namespace harness

// SPDX-License-Identifier: GPL-2.0-or-later
//
// JUnit XML, written as the cases finish: after each of them the file is well-formed and its totals are right. Until
// the run has ended, an error stands behind the last case, so that the report of a killed run is not taken for a good
// one.
#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <glib.h>

#include "display_text.h"
#include "log_file.h"
#include "report_file.h"
#include "report_text.h"

namespace harness
{

namespace
{

/// Text or an attribute's value. What XML 1.0 has no way to say becomes U+FFFD.
std::string xml(const std::string& text)
{
    std::string result;
    const std::string valid = valid_utf8(text);
    for (const char *at = valid.data(), *next; at < valid.data() + valid.size(); at = next) {
        const gunichar c = g_utf8_get_char(at);
        next = g_utf8_next_char(at);
        switch (c) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        // As they are, a reader would make them spaces, or one of two.
        case '\n':
            result += "&#10;";
            break;
        case '\t':
            result += "&#9;";
            break;
        case '\r':
            result += "&#13;";
            break;
        default:
            if (c < 0x20 || c == 0xfffe || c == 0xffff)
                result += "\uFFFD";
            else
                result.append(at, next);
        }
    }
    return result;
}

/// Text between tags, where lines may stay lines.
std::string xml_lines(const std::string& text)
{
    std::string result = xml(text);
    for (std::size_t at = 0; (at = result.find("&#10;", at)) != std::string::npos;)
        result.replace(at, 5, "\n");
    return result;
}

/// A message is a line to be shown in lists.
std::string first_line(const std::string& text) { return clip_end(printable(text.substr(0, text.find('\n'))), 200); }

/// "/migration/precopy/tcp/plain" → "migration.precopy.tcp", "plain"
std::pair<std::string, std::string> class_and_name(const CaseRun& run)
{
    const std::string path = run.info.path;
    std::string before = path.substr(0, path.rfind('/'));
    std::replace(before.begin(), before.end(), '/', '.');
    return {before.empty() ? before : before.substr(1), name_of(run).substr(path.rfind('/') + 1)};
}

std::string property(const std::string& name, const std::string& value)
{
    return fmt::format("   <property name=\"{}\" value=\"{}\"/>\n", xml(name), xml(value));
}

std::string qemu_text(const Qemu& qemu)
{
    const std::string package = qemu.schema.package();
    return fmt::format("{}{}, {}", qemu.schema.version(), package.empty() ? "" : " " + package, qemu.binary);
}

class JunitReporter : public Reporter
{
  public:
    explicit JunitReporter(const std::filesystem::path& file) : file_(file) {}

    void begin(const RunFacts& facts) override
    {
        begun_ = facts.started;
        std::string text = head(under_way) + "  <properties>\n" +
                           property("qemu.source", qemu_text(facts.setting.source)) +
                           property("qemu.target", qemu_text(facts.setting.target)) +
                           property("accelerator", facts.setting.accelerator) +
                           property("machine", facts.setting.machine) + property("run", facts.id);
        for (const auto& [key, value] : facts.host.members())
            text += property("host." + key, value.is_string() ? value.as_string() : value.dump());
        file_.append(text + "  </properties>\n", tail(under_way));
    }

    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        const bool known = outcome.result == Result::failed && outcome.known_trouble;
        tests_++;
        failures_ += outcome.unexpected_failure() ? 1 : 0;
        errors_ += outcome.result == Result::error ? 1 : 0;
        skipped_ += outcome.result == Result::skipped || known ? 1 : 0;
        file_.append(testcase(run, outcome), tail(under_way));
        file_.rewrite_start(head(under_way));
    }

    void end(const Summary& summary) override
    {
        file_.append({}, tail(summary.cut_short));
        file_.rewrite_start(head(summary.cut_short));
        file_.require_written();
    }

  private:
    static constexpr const char* under_way = "the run has not ended, or was killed";

    /// Always of the same length, so that it can be written again with other totals.
    std::string head(const std::string& cut_short) const
    {
        const int cut = cut_short.empty() ? 0 : 1;
        const std::string totals = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\"",
                                               tests_ + cut, failures_, errors_ + cut, qtest::epoch_seconds() - begun_);
        const std::string text = fmt::format(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n <testsuite name=\"migration-test\" {0} "
            "skipped=\"{1}\" timestamp=\"{2:%Y-%m-%dT%H:%M:%S}\" hostname=\"{3}\"",
            totals, skipped_, fmt::gmtime(static_cast<std::time_t>(begun_)), xml(g_get_host_name()));
        return fmt::format("{:<900}>\n", text);
    }

    static std::string tail(const std::string& cut_short)
    {
        std::string text;
        if (!cut_short.empty())
            text = fmt::format("  <testcase classname=\"migration-test\" name=\"not every case was run\" time=\"0\">\n"
                               "   <error type=\"cut short\" message=\"{}\"/>\n  </testcase>\n",
                               xml(cut_short));
        return text + " </testsuite>\n</testsuites>\n";
    }

    static std::string testcase(const CaseRun& run, const Outcome& outcome)
    {
        const auto [class_name, name] = class_and_name(run);
        std::string inside, printed;
        if (outcome.failed())
            inside = verdict(outcome);
        else if (outcome.result == Result::skipped)
            inside = fmt::format("   <skipped message=\"{}\"/>\n", xml(outcome.reason));
        else if (outcome.known_trouble)
            printed = "passed although it is known to fail: " + *outcome.known_trouble + "\n";
        if (!outcome.evidence.empty())
            printed += "evidence: " + outcome.evidence + "\n";
        if (!printed.empty())
            inside += fmt::format("   <system-out>{}</system-out>\n", xml_lines(printed));
        const std::string start = fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                                              xml(class_name), xml(name), outcome.seconds);
        return inside.empty() ? start + "/>\n" : start + ">\n" + inside + "  </testcase>\n";
    }

    static std::string verdict(const Outcome& outcome)
    {
        const std::string text = xml_lines(outcome.reason + "\n\n" + details_text(outcome));
        if (outcome.unexpected_failure() || outcome.result == Result::error) {
            const char* tag = outcome.result == Result::error ? "error" : "failure";
            return fmt::format("   <{0} type=\"{0}\" message=\"{1}\">{2}</{0}>\n", tag, xml(first_line(outcome.reason)),
                               text);
        }
        // A failure that is known must not turn a CI red, and JUnit has no other word for that.
        return fmt::format("   <skipped message=\"{}\">{}</skipped>\n", xml("known trouble: " + *outcome.known_trouble),
                           text);
    }

    ReportFile file_;
    double begun_ = 0; // seconds since the epoch
    std::size_t tests_ = 0;
    std::size_t failures_ = 0;
    std::size_t errors_ = 0;
    std::size_t skipped_ = 0;
};

} // namespace

std::unique_ptr<Reporter> make_junit_reporter(const std::filesystem::path& file)
{
    return std::make_unique<JunitReporter>(file);
}

} // namespace harness

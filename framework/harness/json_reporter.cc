// SPDX-License-Identifier: GPL-2.0-or-later
#include <optional>

#include "display_text.h"
#include "record.h"
#include "report_file.h"

namespace harness
{

namespace
{

using qtest::Json;

Json count(std::size_t number) { return static_cast<std::int64_t>(number); }

class JsonReporter : public Reporter
{
  public:
    explicit JsonReporter(const std::filesystem::path& file) : file_(file) {}

    void begin(const RunFacts& facts) override
    {
        facts_ = facts;
        line({{"run", facts.save()}});
    }

    void finished(const CaseRun& run, const Outcome& outcome) override { line(record_of(*facts_, run, outcome)); }

    void end(const Summary& summary) override
    {
        line({{"end",
               {{"passed", count(summary.passed)},
                {"failed", count(summary.failed)},
                {"skipped", count(summary.skipped)},
                {"known_trouble", count(summary.known_trouble)},
                {"seconds", summary.seconds},
                {"cut_short", summary.cut_short}}}});
        file_.require_written();
    }

  private:
    /// Texts quote programs, and JSON is UTF-8.
    void line(const Json& value) { file_.append(valid_utf8(value.dump()) + "\n"); }

    ReportFile file_;
    std::optional<RunFacts> facts_;
};

} // namespace

std::unique_ptr<Reporter> make_json_reporter(const std::filesystem::path& file)
{
    return std::make_unique<JsonReporter>(file);
}

} // namespace harness

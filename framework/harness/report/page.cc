// SPDX-License-Identifier: GPL-2.0-or-later
#include "page.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chronicle.h"
#include "evidence_view.h"
#include "markup.h"
#include "overview.h"
#include "picture.h"

namespace report
{

namespace
{

using qtest::Json;

constexpr char style_sheet[] = {
#include "report/style.inc"
};

constexpr std::size_t most_of_reason = 16 * 1024;

struct Look {
    const char* kind; // class in style.css
    const char* word;
};

Look look_of(Verdict verdict)
{
    switch (verdict) {
    case Verdict::failed:
        return {"failed", "failed"};
    case Verdict::error:
        return {"error", "unfit"};
    case Verdict::known_trouble:
        return {"known", "known"};
    case Verdict::unexpected_pass:
        return {"fixed", "fixed?"};
    case Verdict::skipped:
        return {"skipped", "skipped"};
    case Verdict::passed:
        break;
    }
    return {"passed", "passed"};
}

std::string badge(Verdict verdict)
{
    const Look look = look_of(verdict);
    return fmt::format("<span class=\"badge {}\">{}</span>", look.kind, look.word);
}

std::string joined(const Json& strings)
{
    std::string out;
    for (const Json& one : strings.elements())
        out += (out.empty() ? "" : ", ") + escaped(one.as_string(), 200);
    return out;
}

/// What is known of the case whatever became of it.
std::string facts_of(const Entry& entry, bool several_runs)
{
    const Json& record = entry.record;
    std::string out = fmt::format("<p class=\"facts\">{}", escaped(record.at("summary").as_string(), 1000));
    fmt::format_to(std::back_inserter(out), "<br/><small>took {}, deadline {} s · {} MiB of RAM",
                   seconds_text(entry.seconds()), record.at("deadline_s").as_uint(), record.at("ram_mib").as_uint());
    if (record.at("tags").size() > 0)
        out += " · " + joined(record.at("tags"));
    if (record.at("needs").size() > 0)
        out += " · needs " + joined(record.at("needs"));
    if (several_runs)
        fmt::format_to(std::back_inserter(out), " · {}, {}, {}, run {}", escaped(qemu_text(record)),
                       escaped(record.at("accelerator").as_string()), escaped(record.at("machine").as_string()),
                       escaped(record.at("run").as_string()));
    return out + "</small></p>";
}

std::string value_text(const Json& value)
{
    if (value.is_string())
        return escaped(value.as_string(), 4000);
    if (!value.is_object())
        return escaped(value.dump(), 4000);
    std::string out;
    for (const auto& [key, inner] : value.members())
        out += fmt::format("<div><span class=\"key\">{}</span> {}</div>", escaped(key, 100),
                           inner.is_string() ? escaped(inner.as_string(), 4000) : escaped(inner.dump(), 4000));
    return out;
}

/// The phase is in the heading already.
std::string details_of(const Json& record)
{
    std::string out;
    for (const auto& [key, value] : record.at("details").members()) {
        if (key != "phase" && key != "seconds_in_phase")
            out += fmt::format("<dt>{}</dt><dd>{}</dd>", escaped(key, 100), value_text(value));
    }
    return out.empty() ? out : "<dl class=\"details\">" + out + "</dl>";
}

std::string where_it_failed(const Json& record)
{
    const auto phase = record.find("details/phase");
    if (!phase || !phase->is_string())
        return {};
    const auto seconds = record.find("details/seconds_in_phase");
    return fmt::format("<p class=\"phase\">in phase <b>{}</b>{}</p>", escaped(phase->as_string(), 300),
                       seconds && seconds->is_number() ? ", " + seconds_text(seconds->as_double()) + " into it" : "");
}

std::string folded(const Entry& entry, const std::string& body, const std::string& note = {})
{
    return fmt::format("<details class=\"case\" id=\"{}\"><summary>{}<span class=\"path\">{}{}{}</span><span "
                       "class=\"n\">{}</span></summary>{}</details>",
                       entry.anchor, badge(entry.verdict), path_text(entry.path), tags_of(entry), note,
                       entry.verdict == Verdict::skipped ? "" : seconds_text(entry.seconds()), body);
}

std::string note_of(const std::string& text) { return "<small>" + escaped_line(text, 200) + "</small>"; }

class Page
{
  public:
    explicit Page(const Results& results) : results_(results), several_runs_(results.files.size() > 1) {}

    std::string text()
    {
        const std::string parts = summary_of(results_) + runs_of(results_) + failures() + unexpected_passes() +
                                  known_trouble() + skips_of(results_) + slowest_of(results_) + all_cases();
        return fmt::format(
            "<!DOCTYPE html>\n"
            "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
            "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
            "<title>{} – migration-test</title>\n<style>{}</style></head>\n<body><main><h1>migration-test</h1>\n{}\n"
            "</main></body></html>\n",
            title(), std::string_view(style_sheet, sizeof style_sheet), parts);
    }

  private:
    std::string title() const
    {
        const std::size_t failed = results_.of({Verdict::failed, Verdict::error}).size();
        return failed > 0 ? fmt::format("{} of {} failed", failed, results_.entries.size())
                          : counted(results_.entries.size(), "case");
    }

    /// With many cases each picture is coarser, so that the page stays one that a browser opens.
    std::string picture(const Entry& entry) const
    {
        return picture_of(entry.record, std::clamp(static_cast<double>(results_.entries.size()) / 800, 0.25, 1.25));
    }

    /// What is told of a failure, known or not.
    std::string failure_of(const Entry& entry)
    {
        std::string out = facts_of(entry, several_runs_) + where_it_failed(entry.record);
        out += "<pre class=\"reason\">" + escaped(entry.reason(), most_of_reason) + "</pre>";
        if (const auto trouble = entry.record.find("known_trouble"))
            out += "<p class=\"trouble\">Known trouble: " + escaped(trouble->as_string(), 2000) + "</p>";
        out += picture(entry) + details_of(entry.record) + chronicle_of(entry.record);
        return out + evidence_.of(entry.record);
    }

    std::string failures()
    {
        const auto failed = results_.of({Verdict::failed, Verdict::error});
        if (failed.empty())
            return {};
        std::string out = fmt::format("<section id=\"failures\"><h2>Failures <small>{}</small></h2>", failed.size());
        if (failed.size() > 3) {
            out += "<ol class=\"index\">";
            for (const Entry* entry : failed)
                out += "<li>" + link_to(*entry) + note_of(entry->reason()) + "</li>";
            out += "</ol>";
        }
        for (const Entry* entry : failed)
            fmt::format_to(std::back_inserter(out), "<article id=\"{}\"><h3>{} {}{}</h3>{}</article>\n", entry->anchor,
                           badge(entry->verdict), path_text(entry->path), tags_of(*entry), failure_of(*entry));
        return out + "</section>";
    }

    std::string unexpected_passes()
    {
        const auto passed = results_.of({Verdict::unexpected_pass});
        if (passed.empty())
            return {};
        std::string out = "<section id=\"fixed\"><h2>Passed unexpectedly</h2><p>The catalogue of known trouble names "
                          "these cases, but they passed: perhaps an entry has had its day.</p>";
        for (const Entry* entry : passed)
            out += folded(*entry, facts_of(*entry, several_runs_) + picture(*entry),
                          note_of(entry->record.at("known_trouble").as_string()));
        return out + "</section>";
    }

    std::string known_trouble()
    {
        const auto known = results_.of({Verdict::known_trouble});
        if (known.empty())
            return {};
        std::string out = fmt::format("<section id=\"known\"><h2>Known trouble <small>{}</small></h2>", known.size());
        for (const Entry* entry : known)
            out += folded(*entry, failure_of(*entry), note_of(entry->record.at("known_trouble").as_string()));
        return out + "</section>";
    }

    /// Those told of above are links.
    std::string all_cases()
    {
        std::string out =
            fmt::format("<section id=\"all\"><h2>All cases <small>{}</small></h2>", results_.entries.size());
        for (const Entry& entry : results_.entries) {
            if (entry.verdict == Verdict::passed)
                out += folded(entry, facts_of(entry, several_runs_) + picture(entry));
            else if (entry.verdict == Verdict::skipped)
                out += folded(entry, facts_of(entry, several_runs_) + picture(entry), note_of(entry.reason()));
            else
                out += fmt::format("<p class=\"case\">{}<span class=\"path\">{}</span><span class=\"n\">{}</span></p>",
                                   badge(entry.verdict), link_to(entry), seconds_text(entry.seconds()));
            out += '\n';
        }
        return out + "</section>";
    }

    const Results& results_;
    const bool several_runs_;
    EvidenceView evidence_;
};

} // namespace

std::string page_of(const Results& results) { return Page(results).text(); }

} // namespace report

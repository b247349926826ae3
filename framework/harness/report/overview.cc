// SPDX-License-Identifier: GPL-2.0-or-later
#include "overview.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "glib_ptr.h"
#include "markup.h"

namespace report
{

namespace
{

using qtest::Json;

struct Count {
    const char* kind; // class in style.css
    const char* text;
    std::size_t number;
};

std::vector<Count> counts_of(const Results& results)
{
    return {{"failed", "failed", results.of({Verdict::failed}).size()},
            {"error", "could not be run", results.of({Verdict::error}).size()},
            {"known", "known trouble", results.of({Verdict::known_trouble}).size()},
            {"fixed", "passed unexpectedly", results.of({Verdict::unexpected_pass}).size()},
            {"passed", "passed", results.of({Verdict::passed}).size()},
            {"skipped", "skipped", results.of({Verdict::skipped}).size()}};
}

std::string verdict_text(const Results& results)
{
    const std::size_t failed = results.of({Verdict::failed}).size();
    const std::size_t errors = results.of({Verdict::error}).size();
    const std::size_t all = results.entries.size();
    if (failed > 0)
        return fmt::format("{} of {} failed", failed, all);
    if (errors > 0)
        return fmt::format("{} of {} could not be run", errors, all);
    if (all == 0)
        return "Nothing was run";
    return all == results.of({Verdict::skipped}).size() ? "Everything was skipped" : "No failures";
}

std::string command_text(const Json& run)
{
    std::string text;
    for (const Json& argument : run.at("command_line").elements()) {
        const std::string plain = argument.as_string();
        const bool needs_quotes =
            plain.empty() || plain.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                     "-_=+:,./@%") != std::string::npos;
        text += text.empty() ? "" : " ";
        text += needs_quotes ? qtest::CharPtr(g_shell_quote(plain.c_str())).get() : plain;
    }
    return text;
}

std::string qemu_details(const Json& qemu)
{
    const std::string package = qemu.at("package").as_string();
    return fmt::format("{}{} <code>{}</code>", escaped(qemu.at("version").as_string()),
                       package.empty() ? "" : " (" + escaped(package) + ")", escaped(qemu.at("binary").as_string()));
}

/// Why a run is not all that it was to be; empty when it is.
std::string shortfall_of(const harness::ResultsFile& file)
{
    if (!file.end)
        return "was killed before its end: later cases are missing";
    return file.end->at("cut_short").as_string();
}

class Facts
{
  public:
    void add(const char* name, const std::string& markup)
    {
        if (!markup.empty())
            fmt::format_to(std::back_inserter(out_), "<dt>{}</dt><dd>{}</dd>", name, markup);
    }
    std::string text() const { return "<dl>" + out_ + "</dl>"; }

  private:
    std::string out_;
};

std::string run_facts(const harness::ResultsFile& file)
{
    const Json& run = file.run;
    const Json host = run.at("host");
    Facts facts;
    if (run.at("source") == run.at("target")) {
        facts.add("QEMU", qemu_details(run.at("source")));
    } else {
        facts.add("Source", "QEMU " + qemu_details(run.at("source")));
        facts.add("Target", "QEMU " + qemu_details(run.at("target")));
    }
    facts.add("Machine", escaped(run.at("machine").as_string()) + ", " + escaped(run.at("accelerator").as_string()));
    facts.add("Host", fmt::format("{}, {}, {}, {}, {} MiB", escaped(host.at("os").as_string()),
                                  escaped(host.at("kernel").as_string()), escaped(host.at("cpu").as_string()),
                                  counted(host.at("cores").as_uint(), "core"), host.at("memory_mib").as_uint()));
    facts.add("Command", "<code>" + escaped(command_text(run), 4000) + "</code>");
    std::string how = counted(run.at("jobs").as_uint(), "job");
    if (const auto stress = run.at("stress").as_uint())
        how += ", beside " + counted(stress, "busy process") + (stress == 1 ? "" : "es");
    if (const auto seed = run.at("seed").as_uint())
        how += fmt::format(", shuffled with seed {}", seed);
    if (run.at("shard/count").as_uint() > 1)
        how += fmt::format(", shard {} of {}", run.at("shard/index").as_uint() + 1, run.at("shard/count").as_uint());
    if (const double scale = run.at("deadline_scale").as_double(); scale != 1)
        how += fmt::format(", deadlines × {:.3g}", scale);
    if (const std::string why = run.at("deadline_scale_reason").as_string(); !why.empty())
        how += " (" + escaped(why, 300) + ")";
    facts.add("How", how);
    facts.add("Took", file.end ? seconds_text(file.end->at("seconds").as_double()) : "");
    facts.add("File", "<code>" + escaped(file.path) + "</code>");
    return facts.text();
}

} // namespace

std::string tags_of(const Entry& entry)
{
    std::string out;
    for (const std::string& tag : entry.tags)
        out += " <span class=\"tag\">" + escaped(tag, 200) + "</span>";
    return out;
}

std::string link_to(const Entry& entry)
{
    return fmt::format("<a href=\"#{}\">{}</a>{}", entry.anchor, path_text(entry.path), tags_of(entry));
}

std::string summary_of(const Results& results)
{
    const std::string verdict = verdict_text(results);
    const bool bad = !results.of({Verdict::failed, Verdict::error}).empty();
    std::string bar;
    std::string legend;
    for (const Count& count : counts_of(results)) {
        if (count.number == 0)
            continue;
        fmt::format_to(std::back_inserter(bar), "<i class=\"{}\" style=\"flex-grow:{}\"></i>", count.kind,
                       count.number);
        fmt::format_to(std::back_inserter(legend), "<li><i class=\"{}\"></i><b>{}</b> {}</li>", count.kind,
                       count.number, count.text);
    }
    std::string out =
        fmt::format("<p class=\"verdict {}\">{}</p><div class=\"bar\">{}</div><ul class=\"counts\">{}</ul>",
                    bad ? "bad" : "good", verdict, bar, legend);
    for (const harness::ResultsFile& file : results.files) {
        if (const std::string shortfall = shortfall_of(file); !shortfall.empty())
            fmt::format_to(std::back_inserter(out), "<p class=\"warning\">Run {} {}</p>",
                           escaped(file.run.at("id").as_string()),
                           file.end ? "did not run everything: " + escaped(shortfall, 500) : shortfall);
    }
    return out;
}

std::string runs_of(const Results& results)
{
    std::string out = "<section id=\"runs\"><h2>What was run</h2>";
    for (const harness::ResultsFile& file : results.files) {
        const Json& run = file.run;
        fmt::format_to(std::back_inserter(out),
                       "<details class=\"one-run\"{}><summary><b>{}</b> <span>{}, {}, {}</span></summary>{}</details>",
                       results.files.size() == 1 ? " open=\"open\"" : "", escaped(run.at("id").as_string()),
                       date_text(run.at("started").as_double()), escaped(qemu_text(run)),
                       escaped(run.at("accelerator").as_string()), run_facts(file));
    }
    if (const auto missing = results.missing(); !missing.empty()) {
        out +=
            fmt::format("<details class=\"one-run\"><summary><b>{} without a result</b> <span>selected, but in none of "
                        "these files</span></summary><ul class=\"paths\">",
                        counted(missing.size(), "case"));
        for (const std::string& path : missing)
            out += "<li>" + path_text(path) + "</li>";
        out += "</ul></details>";
    }
    return out + "</section>";
}

std::string skips_of(const Results& results)
{
    std::map<std::string, std::vector<const Entry*>> by_reason;
    for (const Entry* entry : results.of({Verdict::skipped}))
        by_reason[entry->reason()].push_back(entry);
    if (by_reason.empty())
        return {};
    std::vector<std::pair<std::string, std::vector<const Entry*>>> sorted(by_reason.begin(), by_reason.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
    std::string out = "<section id=\"skipped\"><h2>Skipped</h2><table class=\"skips\"><tr><th class=\"n\">Cases</th>"
                      "<th>Reason</th></tr>";
    for (const auto& [reason, entries] : sorted) {
        std::string links;
        for (const Entry* entry : entries)
            links += "<li>" + link_to(*entry) + "</li>";
        const std::string list = "<ul class=\"paths\">" + links + "</ul>";
        fmt::format_to(std::back_inserter(out), "<tr><td class=\"n\">{}</td><td>{}{}</td></tr>", entries.size(),
                       escaped(reason, 2000),
                       entries.size() <= 3 ? list : "<details><summary>which</summary>" + list + "</details>");
    }
    return out + "</table></section>";
}

std::string slowest_of(const Results& results)
{
    std::vector<const Entry*> sorted;
    for (const Entry& entry : results.entries) {
        if (entry.verdict != Verdict::skipped)
            sorted.push_back(&entry);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Entry* a, const Entry* b) { return a->seconds() > b->seconds(); });
    sorted.resize(std::min<std::size_t>(sorted.size(), 10));
    if (sorted.empty())
        return {};
    std::string out = "<section id=\"slowest\"><h2>Slowest</h2><table class=\"slowest\">";
    for (const Entry* entry : sorted)
        fmt::format_to(
            std::back_inserter(out),
            "<tr><td class=\"n\">{}</td><td class=\"b\"><i style=\"width:{:.1f}%\"></i></td><td>{}</td></tr>",
            seconds_text(entry->seconds()), 100 * entry->seconds() / std::max(sorted[0]->seconds(), 1e-9),
            link_to(*entry));
    return out + "</table></section>";
}

} // namespace report

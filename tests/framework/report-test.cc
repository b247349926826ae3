// SPDX-License-Identifier: GPL-2.0-or-later
//
// The report from outside: results files are written, report_main() is called as the program would, and the page is
// parsed as strictly as XML is.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "glib_ptr.h"
#include "json.h"
#include "log_file.h"
#include "report/markup.h"
#include "report/report.h"
#include "report/time_axis.h"

namespace
{

namespace fs = std::filesystem;
using qtest::Json;

const Json qemu{{"binary", "/usr/bin/qemu-system-x86_64"}, {"version", "11.1.3"}, {"package", "Debian"}};
const Json host{{"os", "Debian"}, {"kernel", "Linux 6"}, {"cpu", "a cpu"}, {"cores", 2}, {"memory_mib", 8192}};

Json run_facts(const std::string& id = "r1")
{
    return {{"id", id},
            {"started", 1795544779.5},
            {"command_line", Json::array({"migration-test", "--json", "a b.json"})},
            {"source", qemu},
            {"target", qemu},
            {"accelerator", "tcg"},
            {"machine", "pc"},
            {"host", host},
            {"selected", Json::array()},
            {"shard", {{"index", 0}, {"count", 1}}},
            {"repeat", 1},
            {"planned", 1},
            {"jobs", 1},
            {"stress", 0},
            {"seed", 0},
            {"deadline_scale", 1.0},
            {"deadline_scale_reason", ""}};
}

Json moment(double at, const char* key, const std::string& value) { return {{"at", at}, {key, value}}; }

Json vm(const std::string& name)
{
    return {{"name", name},
            {"started", 0.1},
            {"ended", nullptr},
            {"exit", nullptr},
            {"states", Json::array({moment(0.1, "state", "prelaunch"), moment(0.2, "state", "running")})},
            {"events", Json::array({moment(0.3, "name", "MIGRATION").set("data", Json{{"status", "setup"}})})},
            {"events_left_out", 0}};
}

Json record(const std::string& path, const std::string& result = "passed", const std::string& reason = "")
{
    return {{"case", path},
            {"repetition", 1},
            {"run", "r1"},
            {"summary", "a case"},
            {"needs", Json::array()},
            {"tags", Json::array({"smoke"})},
            {"deadline_s", 60},
            {"ram_mib", 256},
            {"result", result},
            {"reason", reason},
            {"started", 1795544780.5},
            {"seconds", 0.5},
            {"phases", Json::array({moment(0.1, "name", "start").set("seconds", 0.4)})},
            {"marks", Json::array({moment(0.4, "name", "checkpoint 1")})},
            {"vms", Json::array({vm("source"), vm("target")})},
            {"details", Json::object()},
            {"source", qemu},
            {"target", qemu},
            {"accelerator", "tcg"},
            {"machine", "pc"},
            {"host", host}};
}

const Json end{
    {"end", {{"passed", 1}, {"failed", 0}, {"skipped", 0}, {"known_trouble", 0}, {"seconds", 1.5}, {"cut_short", ""}}}};

/// A page, parsed.
struct Page {
    std::string markup;
    std::string text;
    std::multiset<std::string> elements;
    std::vector<std::string> links; // every attribute that could lead somewhere or do something
    std::set<std::string> ids;
};

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t times = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        times++;
    return times;
}

Page parse(const std::string& markup)
{
    Page page{.markup = markup, .text = {}, .elements = {}, .links = {}, .ids = {}};
    GMarkupParser parser{};
    parser.start_element = [](GMarkupParseContext*, const char* element, const char** names, const char** values,
                              gpointer user, GError**) {
        auto& seen = *static_cast<Page*>(user);
        seen.elements.insert(element);
        for (; *names; names++, values++) {
            const std::string name = *names;
            if (name == "id") {
                EXPECT_TRUE(seen.ids.insert(*values).second) << "two elements have the id " << *values;
            }
            if (name == "href" || name == "src" || name.starts_with("on"))
                seen.links.push_back(*values);
        }
    };
    parser.text = [](GMarkupParseContext*, const char* text, gsize size, gpointer user, GError**) {
        static_cast<Page*>(user)->text.append(text, size);
    };
    const std::unique_ptr<GMarkupParseContext, void (*)(GMarkupParseContext*)> context(
        g_markup_parse_context_new(&parser, GMarkupParseFlags{}, &page, nullptr), g_markup_parse_context_free);
    qtest::ErrorSlot error;
    EXPECT_TRUE(
        g_markup_parse_context_parse(context.get(), markup.data(), static_cast<gssize>(markup.size()), error.out()) &&
        g_markup_parse_context_end_parse(context.get(), error.out()))
        << error.text();
    for (const std::string& link : page.links)
        EXPECT_TRUE(link.starts_with("#") && page.ids.count(link.substr(1))) << link;
    EXPECT_EQ(page.elements.count("script"), 0U);
    for (const unsigned char c : markup)
        EXPECT_TRUE(c >= 0x20 || c == '\n' || c == '\t') << "byte " << int{c} << " is neither HTML nor XML";
    return page;
}

TEST(EscapedTest, TextIsFitForContentAndForAttributes)
{
    EXPECT_EQ(report::escaped("<a b=\"c\">&\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\n");
    EXPECT_EQ(report::escaped(std::string("\0\x1b\x7f", 3)), "\ufffd\u241b\u2421");
    EXPECT_EQ(report::escaped("\xff|\u202e|\uffff|\u0085"), "\ufffd|\ufffd|\ufffd|\ufffd");
    EXPECT_EQ(report::escaped("aé", 2), "a… (cut: 3 bytes in all)");
    EXPECT_EQ(report::escaped_line("a\nb", 9), "a…");
    EXPECT_EQ(report::path_text("/a/b"), "/a/<wbr/>b");
}

class ReportTest : public testing::Test
{
  protected:
    ReportTest()
    {
        std::string path = fs::temp_directory_path() / "report-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
        fs::create_directory(directory_ / "out");
        output_ = directory_ / "out" / "report.html";
    }
    ~ReportTest() override { fs::remove_all(directory_); }

    std::string content_of(const fs::path& path) const
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string results(const std::string& name, const std::vector<Json>& cases, const Json& run = run_facts(),
                        const Json& last = end)
    {
        std::string lines = Json{{"run", run}}.dump() + "\n";
        for (const Json& one : cases)
            lines += one.dump() + "\n";
        if (!last.is_null())
            lines += last.dump() + "\n";
        qtest::write_file(directory_ / name, lines);
        return directory_ / name;
    }

    Page report(std::vector<std::string> files)
    {
        files.insert(files.end(), {"-o", output_});
        EXPECT_EQ(report::report_main(files), 0);
        return parse(content_of(output_));
    }
    Page report_of(const std::vector<Json>& cases) { return report({results("r.json", cases)}); }

    /// The text of the EnvironmentError; nothing new may have been written.
    std::string refusal(const std::vector<std::string>& arguments)
    {
        try {
            report::report_main(arguments);
        } catch (const qtest::EnvironmentError& error) {
            EXPECT_EQ(count(error.what(), "\n"), 0U) << error.what();
            return error.what();
        }
        return "not refused";
    }

    fs::path directory_;
    std::string output_; // alone in its directory
};

const std::string hostile =
    "</script><script>alert(1)</script> <img src=x onerror=alert(1)> &amp; \" ' ]]> --> \x01\x7f \u202e";

TEST_F(ReportTest, HostileTextStaysText)
{
    Json bad = record("/\"><svg onload=alert(1)>" + hostile, "failed", hostile);
    Json side = vm(hostile).set("exit", hostile);
    side.set("states", Json::array({moment(0, "state", hostile)}));
    side.set("events", Json::array({moment(0.1, "name", hostile).set("data", Json{{hostile, hostile}}),
                                    moment(0.2, "name", "MIGRATION").set("data", Json{{"status", hostile}})}));
    bad.set("vms", Json::array({side}));
    bad.set("phases", Json::array({moment(0, "name", hostile).set("seconds", 1)}));
    bad.set("marks", Json::array({moment(0, "name", hostile)}));
    bad.set("details", Json{{hostile, hostile}, {"phase", hostile}, {"source", {{hostile, hostile}}}});
    bad.set("known_trouble", hostile).set("evidence", "/nowhere/" + hostile);
    bad.set("summary", hostile);
    Json skipped = record("/skipped", "skipped", hostile);
    skipped.set("needs", Json::array({hostile})).set("tags", Json::array({hostile}));
    Json unknown = record("/failed", "failed", hostile);
    unknown.set("details", bad.at("details"));
    Json run = run_facts();
    run.set("machine", hostile).set("command_line", Json::array({hostile}));
    const Page page = report({results(" <&\">.json", {bad, skipped, unknown}, run)});
    EXPECT_EQ(page.elements.count("img"), 0U);
    EXPECT_EQ(page.elements.count("svg"), 3U + 1 + 2 + 2); // three pictures with the lanes in them
}

TEST_F(ReportTest, ALongReasonIsCutAndTheCutIsStated)
{
    const Page page = report_of({record("/long", "failed", std::string(1 << 20, 'x'))});
    EXPECT_LT(page.markup.size(), 100'000U);
    EXPECT_NE(page.text.find("cut: 1024 KiB in all"), std::string::npos);
}

TEST_F(ReportTest, AThousandCasesHaveTheirPicturesAndEachIsBounded)
{
    Json states = Json::array();
    Json events = Json::array();
    for (int i = 0; i < 300; i++) {
        states.append(moment(i / 600.0, "state", i % 2 ? "running" : "stopped"));
        events.append(moment(i / 600.0, "name", i % 2 ? "RESUME" : "STOP").set("data", Json::object()));
    }
    std::vector<Json> cases{record("/most/of/what/one/can/tell")};
    const Json crowded = vm("source").set("states", states).set("events", events);
    cases[0].set("vms", Json::array({crowded, Json(crowded).set("name", "target")}));
    for (int i = 1; i < 1000; i++)
        cases.push_back(record(fmt::format("/plain/{}", i)));
    const Page page = report_of(cases);
    EXPECT_EQ(count(page.markup, "<svg class=\"pic\""), 1000U);
    const std::size_t begin = page.markup.find("<details class=\"case\" id=\"c1\"");
    const std::size_t size = page.markup.find("<details class=\"case\" id=\"c2\"") - begin;
    EXPECT_GT(size, 10'000U);
    EXPECT_LT(size, 50'000U);
    EXPECT_LT(page.markup.size(), 10'000'000U);
}

TEST_F(ReportTest, ResultsOfOneCaseAreToldApart)
{
    Json again = record("/a");
    again.set("repetition", 2);
    Json old = record("/a").set("run", "r2");
    old.set("source", Json{{"binary", "/old/qemu"}, {"version", "10.0.2"}, {"package", ""}});
    Json same = record("/a").set("run", "r3");
    const Page page = report({results("1.json", {record("/a"), again, record("/b")}),
                              results("2.json", {old}, run_facts("r2")), results("3.json", {same}, run_facts("r3"))});
    EXPECT_NE(page.text.find("QEMU 10.0.2 → 11.1.3"), std::string::npos);
    std::set<std::string> tags;
    // The heading of each of the four results of /a, with its tags.
    const std::string before = "<span class=\"path\">/a ";
    for (auto at = page.markup.find(before); at != std::string::npos; at = page.markup.find(before, at + 1))
        tags.insert(page.markup.substr(at, page.markup.find("</span></summary>", at) - at));
    EXPECT_EQ(tags.size(), 4U);
    EXPECT_NE(page.markup.find("<span class=\"path\">/b</span>"), std::string::npos) << "/b needs no tag";
}

TEST_F(ReportTest, SkipsAreGroupedByReason)
{
    const Page page = report_of({record("/a", "skipped", "needs a moon"), record("/b", "skipped", "needs a moon"),
                                 record("/c", "skipped", "needs a sun")});
    EXPECT_NE(page.markup.find("<td class=\"n\">2</td><td>needs a moon"), std::string::npos);
    EXPECT_NE(page.markup.find("<td class=\"n\">1</td><td>needs a sun"), std::string::npos);
}

TEST_F(ReportTest, WhatWasNotRunIsTold)
{
    Json run = run_facts();
    run.set("selected", Json::array({"/a", "/never"}));
    const Page killed = report({results("r.json", {record("/a")}, run, {})});
    EXPECT_NE(killed.text.find("Run r1 was killed before its end"), std::string::npos);
    EXPECT_NE(killed.text.find("1 case without a result"), std::string::npos);
    EXPECT_NE(killed.text.find("/never"), std::string::npos);
    Json last = end.at("end");
    last.set("cut_short", "interrupted");
    EXPECT_NE(report({results("r.json", {record("/a")}, run, Json{{"end", last}})}).text.find("interrupted"),
              std::string::npos);
}

class EvidenceTest : public ReportTest
{
  protected:
    /// The page of one failed case that left these files.
    Page report_with(const std::vector<std::pair<std::string, std::string>>& files, const std::string& run = "r1")
    {
        const fs::path place = directory_ / "evidence";
        fs::create_directory(place);
        Json failed = record("/failed", "failed", "why");
        failed.set("evidence", place.string());
        Json kept = failed;
        qtest::write_file(place / "case.json", kept.set("run", run).dump());
        for (const auto& [name, content] : files)
            qtest::write_file(place / name, content);
        return report_of({failed});
    }
};

TEST_F(EvidenceTest, TextIsInlinedWhateverIsInIt)
{
    const Page page = report_with({{"source.stderr", "bad bytes \xff\xfe\xc3 & " + hostile + " LAST WORDS"},
                                   {"guest.rom", std::string("a\0b", 3)},
                                   {"empty.log", ""}});
    EXPECT_NE(page.text.find(" LAST WORDS"), std::string::npos);
    EXPECT_NE(page.text.find("empty.log (empty), guest.rom (not text, 3 bytes)"), std::string::npos);
}

TEST_F(EvidenceTest, ALongFileIsShownByItsBeginningAndItsEnd)
{
    const Page page = report_with({{"source.console.log", "FIRST" + std::string(1 << 20, 'x') + "LAST"}});
    EXPECT_LT(page.markup.size(), 150'000U);
    EXPECT_NE(page.text.find("FIRST"), std::string::npos);
    EXPECT_NE(page.text.find("LAST"), std::string::npos);
    EXPECT_NE(page.text.find("960 KiB left out here"), std::string::npos);
}

TEST_F(EvidenceTest, AnotherRunsFilesAreNotShown)
{
    const Page page = report_with({{"source.stderr", "of another run"}}, "r0");
    EXPECT_EQ(page.text.find("of another run"), std::string::npos);
    EXPECT_NE(page.text.find("is not there any more, or not of this run"), std::string::npos);
}

TEST_F(EvidenceTest, ALinkOutOfTheDirectoryIsNotFollowed)
{
    qtest::write_file(directory_ / "secret", "do not tell");
    fs::create_directory(directory_ / "evidence");
    fs::create_symlink(directory_ / "secret", directory_ / "evidence" / "stderr");
    EXPECT_EQ(report_with({}).text.find("do not tell"), std::string::npos);
}

TEST_F(ReportTest, MalformedResultsAreRefusedWithFileAndLine)
{
    const auto line = [](Json value) { return value.dump() + "\n"; };
    const auto with = [](Json value, const std::string& key, Json member) { return value.set(key, std::move(member)); };
    const std::string run = line({{"run", run_facts()}});
    const Json good = record("/a");
    const std::vector<std::pair<std::string, std::string>> bad{
        {"", "1: "},
        {"{\n", "1: no JSON"},
        {line(good), "1: expected {\"run\": …}"},
        {line({{"run", with(run_facts(), "jobs", "two")}}), "1: member 'jobs' of the run is not an integer"},
        {line({{"run", with(run_facts(), "host", Json::object())}}), "1: host of the run has no member 'os'"},
        {run + "\n", "2: "},
        {run + "{\"case\": \"/a\"}\n", "2: the case has no member 'repetition'"},
        {run + line(good) + line(with(good, "result", "fine")), "3: member 'result' of the case is not passed, failed"},
        {run + line(with(good, "seconds", -1)), "2: member 'seconds' of the case is not a number of seconds from 0 on"},
        {run + line(with(good, "run", "r9")), "2: a case of run r9 in the file of run r1"},
        {run + line(with(good, "vms", Json::array({vm("a").set("ended", "later")}))), "2: member 'ended' of vms[0]"},
        {run + line(with(good, "marks", Json::array({1}))), "2: marks[0] of the case is no object"},
        {run + "{\"case\": \"\xff\"}\n", "2: no JSON"},
        {run + line(end) + line(good), "3: a line after the run's end"},
        {run + line({{"other", 1}}), "2: neither a case nor the run's end"}};
    const std::string file = directory_ / "bad.json";
    for (const auto& [content, complaint] : bad) {
        qtest::write_file(file, content);
        const std::string refused = refusal({file, "-o", output_});
        EXPECT_TRUE(refused.starts_with(file + ":" + complaint)) << refused << "\nexpected: " << complaint;
        EXPECT_TRUE(fs::is_empty(directory_ / "out"));
    }
    std::string huge = line(good);
    huge.replace(huge.find("0.5"), 3, "1e999");
    qtest::write_file(file, run + huge);
    EXPECT_NE(refusal({file, "-o", output_}).find("bad.json:2: "), std::string::npos);
}

TEST_F(ReportTest, WhatCannotBeDoneIsRefusedAndAnOldPageStays)
{
    const std::string file = results("r.json", {record("/a")});
    qtest::write_file(output_, "old");
    EXPECT_NE(refusal({}).find("usage: "), std::string::npos);
    EXPECT_NE(refusal({file}).find("no -o given"), std::string::npos);
    EXPECT_NE(refusal({file, "-o"}).find("-o needs one file"), std::string::npos);
    EXPECT_NE(refusal({"-o", output_}).find("no results given"), std::string::npos);
    EXPECT_NE(refusal({file, "--pdf", "-o", output_}).find("unknown option --pdf"), std::string::npos);
    EXPECT_NE(refusal({file, directory_ / "none.json", "-o", output_}).find("none.json"), std::string::npos);
    EXPECT_NE(refusal({directory_, "-o", output_}).find(directory_), std::string::npos);
    EXPECT_NE(refusal({file, file, "-o", output_}).find("are of the same run r1"), std::string::npos);
    EXPECT_NE(refusal({file, "-o", file}).find("is both read and written"), std::string::npos);
    EXPECT_NE(refusal({file, "-o", directory_ / "none" / "r.html"}).find("none/r.html"), std::string::npos);
    EXPECT_EQ(content_of(output_), "old");
}

TEST(TimeAxisTest, TimeRunsEvenlyWhenMuchHappens)
{
    const report::TimeAxis axis({0, 1, 2, 3, 4, 5});
    EXPECT_NEAR(axis.at(1), 20, 1e-6);
    EXPECT_NEAR(axis.at(2.5), 50, 1e-6);
    EXPECT_NEAR(axis.at(-1), 0, 1e-6);
    EXPECT_NEAR(axis.at(9), 100, 1e-6);
}

TEST(TimeAxisTest, ALongWaitTakesHalfOfTheWidthAtMost)
{
    const report::TimeAxis axis({0, 0.25, 0.5, 20.5});
    EXPECT_NEAR(axis.at(0.25), 25, 1e-6);
    EXPECT_NEAR(axis.at(0.5), 50, 1e-6);
    EXPECT_NEAR(axis.at(10.5), 75, 1e-6);
    for (const auto& tick : axis.ticks())
        EXPECT_LE(tick.at, 50 + 1e-6) << tick.label;
}

TEST(TimeAxisTest, NothingButAWaitIsDrawnAsItIs)
{
    EXPECT_NEAR(report::TimeAxis({0, 10}).at(5), 50, 1e-6);
    EXPECT_NEAR(report::TimeAxis({3}).at(3), 0, 1e-6);
}

} // namespace

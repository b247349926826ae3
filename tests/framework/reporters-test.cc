// SPDX-License-Identifier: GPL-2.0-or-later
//
// The reports for programs: TAP, JUnit XML and JSON lines, of made-up runs: their bytes are looked at, and other
// programs read them. The arguments of this program are xmllint and the schema of JUnit XML.
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "glib_ptr.h"
#include "log_file.h"
#include "made_up_run.h"
#include "output.h"
#include "results_file.h"
#include "unique_fd.h"

namespace
{

namespace fs = std::filesystem;
using harness::Outcome;
using harness::Reporter;
using harness::Result;
using made_up::colo;
using made_up::failed;
using made_up::known;
using made_up::passed;
using made_up::skipped;
using made_up::tcp;

std::string xmllint, schema;

/// What a reason may quote: what XML, TAP and JSON each cannot hold as it is.
const std::string nasty = "\xff\xfe <b> & \"q\" ]]> \x01\x1b[2J\r # TODO\nnot ok 7 - \xef\xbf\xbf end";

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t times = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        times++;
    return times;
}

class ReportersTest : public testing::Test
{
  protected:
    ReportersTest()
    {
        std::string path = fs::temp_directory_path() / "reporters-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
    }
    ~ReportersTest() override { fs::remove_all(directory_); }

    std::string content(const char* name) const { return qtest::read_tail(directory_ / name, 1 << 30); }

    /// What `program` says of the report in `name`, after its exit status.
    std::string read_by(std::vector<std::string> program, const char* name) const
    {
        program.push_back(directory_ / name);
        std::vector<char*> arguments;
        for (std::string& one : program)
            arguments.push_back(one.data());
        arguments.push_back(nullptr);
        char *out = nullptr, *err = nullptr;
        int status = -1;
        qtest::ErrorSlot error;
        if (!g_spawn_sync(nullptr, arguments.data(), nullptr, G_SPAWN_SEARCH_PATH, nullptr, nullptr, &out, &err,
                          &status, error.out()))
            return error.text();
        const qtest::CharPtr out_owner(out), err_owner(err);
        return std::to_string(status) + ": " + out + err;
    }
    std::string xmllint_says() const { return read_by({xmllint, "--noout", "--schema", schema}, "report.xml"); }
    void expect_valid_xml() const { EXPECT_TRUE(xmllint_says().starts_with("0: ")) << xmllint_says(); }

    fs::path directory_;
};

class TapTest : public ReportersTest
{
  protected:
    /// The report of what `drive` tells the reporter.
    template <class Drive>
    std::string tap(Drive drive)
    {
        const qtest::UniqueFd fd(::open((directory_ / "report.tap").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
        harness::Output output(fd.get());
        const auto reporter = harness::make_tap_reporter(output);
        drive(*reporter);
        output.finish();
        return content("report.tap");
    }
    static void begin_and_end(Reporter& reporter, const Outcome& outcome)
    {
        reporter.begin(made_up::facts(1));
        reporter.finished({colo, 1}, outcome);
        reporter.end({});
    }
    std::string tap_of(const Outcome& outcome)
    {
        return tap([&](Reporter& reporter) { begin_and_end(reporter, outcome); });
    }
};

TEST_F(TapTest, ThePlanComesFirst)
{
    EXPECT_TRUE(tap_of(passed()).starts_with("TAP version 14\n# QEMU 10.0.2 → 11.1.3 (tcg, pc): 1 case\n1..1\n"
                                             "ok 1 - /migration/colo/plain\n# "))
        << content("report.tap");
}

TEST_F(TapTest, AnOpenPlanComesLast)
{
    const std::string text = tap([](Reporter& reporter) {
        reporter.begin(made_up::facts(0));
        reporter.finished({colo, 1}, passed());
        reporter.finished({colo, 2}, failed("no"));
        reporter.end({.passed = 1, .failed = 1});
    });
    EXPECT_NE(text.find("\nnot ok 2 - /migration/colo/plain (run 2)\n"), std::string::npos) << text;
    EXPECT_EQ(count(text, "1.."), 1U) << text;
    EXPECT_TRUE(text.ends_with("\n1..2\n")) << text;
}

TEST_F(TapTest, ARunCutShortBailsOut)
{
    const std::string text = tap([](Reporter& reporter) {
        reporter.begin(made_up::facts(2));
        reporter.finished({colo, 1}, passed());
        reporter.end({.passed = 1, .cut_short = "interrupted\n# twice"});
    });
    EXPECT_TRUE(text.ends_with("\nBail out! interrupted   twice\n")) << text;
}

TEST_F(TapTest, WhatIsQuotedCannotBeTakenForTheReport)
{
    for (const Outcome& one : {failed(nasty), skipped(nasty), known(failed(nasty), nasty), known(passed(), nasty)}) {
        const std::string text = tap_of(one);
        EXPECT_EQ(count(text, "\nok ") + count(text, "\nnot ok "), 1U) << text;
        EXPECT_EQ(count(text, "# TODO") - (one.result == Result::failed && !one.known_trouble ? 1 : 0),
                  one.known_trouble && one.result == Result::failed   ? 2U // the directive, and in the message
                  : one.known_trouble && one.result == Result::passed ? 1U // in a comment
                                                                      : 0U)
            << text;
        EXPECT_EQ(text.find('\x1b'), std::string::npos);
        EXPECT_TRUE(g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr));
    }
}

TEST_F(TapTest, DescriptionsAreEscaped)
{
    const harness::CaseInfo odd{.path = "/a # skip\\b", .summary = "", .run = {}};
    const std::string text = tap([&](Reporter& reporter) {
        reporter.begin(made_up::facts(1));
        reporter.finished({odd, 1}, passed());
        reporter.end({});
    });
    EXPECT_NE(text.find("\nok 1 - /a \\# skip\\\\b\n"), std::string::npos) << text;
}

TEST_F(TapTest, DiagnosticsAreYaml)
{
    Outcome outcome = failed("first\nsecond");
    outcome.evidence = "/e v";
    outcome.details = {{"phase", "migrate"}, {"odd: key", {{"a", 1}}}};
    EXPECT_NE(tap_of(outcome).find("\nnot ok 1 - /migration/colo/plain\n  ---\n  message: \"first\\nsecond\"\n"
                                   "  phase: \"migrate\"\n  \"odd: key\": {\"a\": 1}\n  seconds: 1.500\n"
                                   "  evidence: \"/e v\"\n  ...\n"),
              std::string::npos)
        << content("report.tap");
}

TEST_F(TapTest, NoticesAreComments)
{
    const std::string text = tap([](Reporter& reporter) {
        reporter.begin(made_up::facts(1));
        reporter.notice("disk\nok 5 - full");
    });
    EXPECT_TRUE(text.ends_with("\n# disk ok 5 - full\n")) << text;
}

TEST_F(TapTest, ProveReadsIt)
{
    setenv("HARNESS_ACTIVE", "1", 1);
    const std::string text = tap([](Reporter& reporter) {
        reporter.begin(made_up::facts(4));
        reporter.finished({colo, 1}, passed());
        reporter.finished({tcp, 1}, skipped(nasty));
        reporter.finished({colo, 2}, known(failed(nasty), "known"));
        reporter.finished({tcp, 2}, failed(nasty));
        reporter.end({});
    });
    unsetenv("HARNESS_ACTIVE");
    EXPECT_TRUE(text.starts_with("# TAP version 14\n")) << text;
    const std::string said = read_by({"prove", "-e", "cat"}, "report.tap");
    EXPECT_NE(said.find("Failed 1/4 subtests"), std::string::npos) << said;
    EXPECT_NE(said.find("Failed test:  4"), std::string::npos) << said;
    EXPECT_NE(said.find("(less 1 skipped subtest: 2 okay)"), std::string::npos) << said;
    EXPECT_EQ(said.find("Parse errors"), std::string::npos) << said;
}

class JunitTest : public ReportersTest
{
  protected:
    std::unique_ptr<Reporter> make() { return harness::make_junit_reporter(directory_ / "report.xml"); }
    void expect(const std::string& part) const
    {
        EXPECT_NE(content("report.xml").find(part), std::string::npos) << part << "\nin:\n" << content("report.xml");
    }
};

TEST_F(JunitTest, EveryVerdictHasItsElement)
{
    const auto junit = make();
    junit->begin(made_up::facts(5));
    junit->finished({colo, 1}, passed());
    Outcome bad = failed("one & two\nthree");
    bad.evidence = "/evidence/colo";
    bad.details = {{"phase", "reach <colo>"}};
    junit->finished({colo, 2}, bad);
    junit->finished({tcp, 1}, made_up::outcome(Result::error, "no disk"));
    junit->finished({tcp, 2}, skipped("no TCP"));
    junit->finished({tcp, 3}, known(failed("as ever"), "bug 1"));
    junit->end({.passed = 1, .failed = 2, .skipped = 1, .known_trouble = 1, .seconds = 9});
    expect_valid_xml();
    expect(" tests=\"5\" failures=\"1\" errors=\"1\" time=");
    expect(" skipped=\"2\" ");
    expect("<property name=\"qemu.source\" value=\"10.0.2 Debian &lt;10&gt; &amp; &quot;more&quot;, /usr/bin/qemu");
    expect("<property name=\"qemu.target\" value=\"11.1.3, /new/qemu");
    expect("<property name=\"accelerator\" value=\"tcg\"/>");
    expect("<property name=\"machine\" value=\"pc\"/>");
    expect("<property name=\"host.kernel\" value=\"Linux ");
    expect("<testcase classname=\"migration.colo\" name=\"plain\" time=\"1.500\"/>");
    expect("<testcase classname=\"migration.colo\" name=\"plain (run 2)\" time=\"1.500\">\n"
           "   <failure type=\"failure\" message=\"one &amp; two\">one &amp; two\nthree\n\nphase: reach &lt;colo&gt;\n"
           "</failure>\n   <system-out>evidence: /evidence/colo\n</system-out>\n");
    expect("<error type=\"error\" message=\"no disk\">");
    expect("<skipped message=\"no TCP\"/>");
    expect("<skipped message=\"known trouble: bug 1\">as ever");
    EXPECT_EQ(content("report.xml").find("not every case was run"), std::string::npos);
}

TEST_F(JunitTest, AnyBytesMakeWellFormedXml)
{
    const auto junit = make();
    junit->begin(made_up::facts(3));
    Outcome bad = failed(nasty);
    bad.evidence = nasty;
    junit->finished({colo, 1}, bad);
    junit->finished({tcp, 1}, skipped(nasty));
    junit->finished({tcp, 2}, known(passed(), nasty));
    junit->end({});
    expect_valid_xml();
}

TEST_F(JunitTest, AtEveryMomentItIsCompleteAndTellsThatTheRunHasNotEnded)
{
    const auto junit = make();
    const auto look = [&](unsigned tests) {
        expect_valid_xml();
        expect("\n <testsuite name=\"migration-test\" tests=\"" + std::to_string(tests) +
               "\" failures=\"0\" errors=\"1\"");
        expect("<error type=\"cut short\" message=\"the run has not ended, or was killed\"/>");
    };
    junit->begin(made_up::facts(2));
    look(1);
    junit->finished({colo, 1}, passed());
    look(2);
    junit->finished({tcp, 1}, passed());
    look(3);
    junit->end({.cut_short = "interrupted"});
    expect_valid_xml();
    expect("<error type=\"cut short\" message=\"interrupted\"/>");
}

TEST_F(JunitTest, AReportOfAnEarlierRunIsNotLeftStanding)
{
    qtest::write_file(directory_ / "report.xml", std::string(100000, 'x'));
    make()->begin(made_up::facts(1));
    expect_valid_xml();
}

class FilesTest : public ReportersTest
{
  protected:
    static std::string error_of(const std::function<void()>& action)
    {
        try {
            action();
        } catch (const qtest::EnvironmentError& error) {
            return error.what();
        }
        return "no error";
    }
};

TEST_F(FilesTest, WhatCannotBeWrittenIsRefusedBeforeAnythingRuns)
{
    mkfifo((directory_ / "fifo").c_str(), 0600);
    for (const auto make : {harness::make_junit_reporter, harness::make_json_reporter}) {
        EXPECT_EQ(error_of([&] { make("/no/such/place"); }),
                  "cannot write the report /no/such/place: No such file or directory");
        EXPECT_EQ(error_of([&] { make(directory_); }),
                  "cannot write the report " + directory_.string() + ": Is a directory");
        EXPECT_EQ(error_of([&] { make("/dev/full"); }), "cannot write the report /dev/full: no regular file");
        EXPECT_NE(error_of([&] { make(directory_ / "fifo"); }), "no error"); // and is not waited for
    }
}

TEST_F(FilesTest, AFullDiskIsToldAtTheEndAndCostsNoOtherReport)
{
    std::vector<std::unique_ptr<Reporter>> reporters;
    reporters.push_back(harness::make_json_reporter(directory_ / "full.jsonl"));
    reporters.push_back(harness::make_junit_reporter(directory_ / "report.xml"));
    const auto all = harness::make_broadcast(std::move(reporters));
    // A disk that has no room for one record, and room again for what follows.
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{.rlim_cur = 16 << 10, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    all->begin(made_up::facts(2));
    setrlimit(RLIMIT_FSIZE, &small);
    harness::Outcome big = passed();
    big.marks.append({{"name", std::string(32 << 10, 'x')}, {"time", 0.0}}); // only the JSON has it
    all->finished({colo, 1}, big);
    setrlimit(RLIMIT_FSIZE, &before);
    all->finished({tcp, 1}, passed());
    const std::string said = error_of([&] { all->end({.passed = 2}); });
    EXPECT_EQ(said, "the report " + (directory_ / "full.jsonl").string() + " is incomplete: File too large");
    expect_valid_xml();
    EXPECT_NE(content("report.xml").find("tests=\"2\" failures=\"0\" errors=\"0\""), std::string::npos);
}

TEST_F(FilesTest, OneReportThatFailsAtTheEndDoesNotCostTheOthers)
{
    class Failing : public Reporter
    {
        void begin(const harness::RunFacts&) override {}
        void finished(const harness::CaseRun&, const Outcome&) override {}
        void end(const harness::Summary&) override { throw qtest::EnvironmentError("full"); }
    };
    std::vector<std::unique_ptr<Reporter>> reporters;
    reporters.push_back(std::make_unique<Failing>());
    reporters.push_back(harness::make_json_reporter(directory_ / "report.jsonl"));
    const auto all = harness::make_broadcast(std::move(reporters));
    all->begin(made_up::facts(1));
    all->finished({tcp, 1}, passed());
    EXPECT_EQ(error_of([&] { all->end({.passed = 1}); }), "full");
    EXPECT_TRUE(harness::ResultsFile::read(directory_ / "report.jsonl").end);
}

TEST_F(FilesTest, JsonLinesAreThereAsEachCaseFinishes)
{
    const auto json = harness::make_json_reporter(directory_ / "report.jsonl");
    const auto read = [&] { return harness::ResultsFile::read(directory_ / "report.jsonl"); };
    json->begin(made_up::facts(2));
    EXPECT_EQ(read().run.at("selected[1]"), qtest::Json("/migration/tcp"));
    json->finished({colo, 1}, failed(nasty));
    EXPECT_EQ(read().cases.size(), 1U);
    EXPECT_FALSE(read().end);
    json->finished({tcp, 1}, passed());
    json->end({.passed = 1, .failed = 1, .seconds = 3, .cut_short = "why"});
    const auto file = read();
    EXPECT_EQ(file.cases.at(1).at("case"), qtest::Json("/migration/tcp"));
    EXPECT_EQ(*file.end, (qtest::Json{{"passed", 1},
                                      {"failed", 1},
                                      {"skipped", 0},
                                      {"known_trouble", 0},
                                      {"seconds", 3.0},
                                      {"cut_short", "why"}}));
}

} // namespace

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    xmllint = argv[1];
    schema = argv[2];
    return RUN_ALL_TESTS();
}

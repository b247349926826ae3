// SPDX-License-Identifier: GPL-2.0-or-later
//
// merge: shards of made-up runs, written by the JSON reporter as a run would, are joined.
#include <filesystem>
#include <fstream>

#include <glib.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "log_file.h"
#include "made_up_run.h"
#include "merge.h"
#include "results_file.h"

namespace
{

namespace fs = std::filesystem;
using harness::ResultsFile;
using made_up::colo;
using made_up::failed;
using made_up::known;
using made_up::passed;
using made_up::tcp;

class MergeTest : public testing::Test
{
  protected:
    MergeTest()
    {
        std::string path = fs::temp_directory_path() / "merge-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
    }
    ~MergeTest() override { fs::remove_all(directory_); }

    using Case = std::pair<harness::CaseRun, harness::Outcome>;

    static harness::RunFacts shard(std::size_t index, std::size_t planned = 1)
    {
        harness::RunFacts facts = made_up::facts(planned);
        facts.id = "shard-" + std::to_string(index);
        facts.shard = {index, 2};
        return facts;
    }

    std::string write(const char* name, const harness::RunFacts& facts, const std::vector<Case>& cases,
                      const std::string& cut_short = {}) const
    {
        const auto reporter = harness::make_json_reporter(directory_ / name);
        reporter->begin(facts);
        for (const auto& [run, outcome] : cases)
            reporter->finished(run, outcome);
        reporter->end({.seconds = 7, .cut_short = cut_short});
        return directory_ / name;
    }
    std::string first() const { return write("a", shard(0), {{{colo, 1}, passed()}}); }
    std::string second() const { return write("b", shard(1), {{{tcp, 1}, passed()}}); }

    struct Merged {
        int status;
        std::string told;
    };
    Merged merge(std::vector<std::string> arguments) const
    {
        arguments.insert(arguments.end(), {"-o", output()});
        testing::internal::CaptureStderr();
        const int status = harness::merge_main(arguments);
        return {status, testing::internal::GetCapturedStderr()};
    }
    /// Merging fails, and this is what it tells.
    void expect_fault(const std::vector<std::string>& files, const std::string& told) const
    {
        const Merged merged = merge(files);
        EXPECT_EQ(merged.status, 1);
        EXPECT_EQ(merged.told, told);
    }
    static std::string refusal(const std::vector<std::string>& arguments)
    {
        try {
            harness::merge_main(arguments);
        } catch (const qtest::EnvironmentError& error) {
            return error.what();
        }
        return "no error";
    }
    std::string output() const { return directory_ / "merged"; }

    fs::path directory_;
};

TEST_F(MergeTest, ShardsBecomeOneRun)
{
    harness::Outcome trouble = known(failed("as ever"), "bug 1");
    const std::string b = write("b", shard(1), {{{tcp, 1}, trouble}});
    const Merged merged = merge({first(), b});
    EXPECT_EQ(merged.status, 0);
    EXPECT_EQ(merged.told, "");
    const ResultsFile file = ResultsFile::read(output()); // which checks it
    EXPECT_EQ(file.run.at("shard"), (qtest::Json{{"index", 0}, {"count", 1}}));
    EXPECT_EQ(file.run.at("planned"), qtest::Json(2));
    EXPECT_EQ(file.run.at("repeat"), qtest::Json(1));
    ASSERT_EQ(file.cases.size(), 2U);
    EXPECT_EQ(file.cases[1].at("known_trouble"), qtest::Json("bug 1"));
    EXPECT_EQ(
        *file.end,
        (qtest::Json{
            {"passed", 1}, {"failed", 0}, {"skipped", 0}, {"known_trouble", 1}, {"seconds", 7.0}, {"cut_short", ""}}));
    // What was joined can be joined: alone, it is a whole run.
    EXPECT_EQ(harness::merge_main({output(), "-o", directory_ / "again"}), 0);
    EXPECT_EQ(ResultsFile::read(directory_ / "again").cases.size(), 2U);
}

TEST_F(MergeTest, AFailureIsToldAndCounted)
{
    const std::string b = write("b", shard(1), {{{tcp, 1}, failed("expected a,\nsaw b")}});
    expect_fault({first(), b}, "/migration/tcp (run 1) failed: expected a, saw b\n");
    EXPECT_EQ(ResultsFile::read(output()).end->at("failed"), qtest::Json(1));
    const std::string e = write("b", shard(1), {{{tcp, 1}, made_up::outcome(harness::Result::error, "no disk")}});
    expect_fault({first(), e}, "/migration/tcp (run 1) had an error: no disk\n");
}

TEST_F(MergeTest, AMissingShardIsToldWithItsCases)
{
    expect_fault({first()}, "no file is of shard 2 of 2\n/migration/tcp (run 1) is missing\n");
    EXPECT_EQ(ResultsFile::read(output()).end->at("cut_short"), qtest::Json("no file is of shard 2 of 2 (and 1 more)"));
}

TEST_F(MergeTest, EachRepetitionMustBeThere)
{
    const std::string a = write("a", shard(0, 2), {{{colo, 1}, passed()}, {{colo, 2}, passed()}});
    expect_fault({a, second()}, "/migration/tcp (run 2) is missing\n");
}

TEST_F(MergeTest, UntilOneFailsThereIsNoNumberOfRepetitions)
{
    const std::string a = write("a", shard(0, 0), {{{colo, 1}, passed()}, {{colo, 2}, passed()}});
    EXPECT_EQ(merge({a, second()}).status, 0);
}

TEST_F(MergeTest, ADoubledCaseIsTold)
{
    const std::string both = write("b", shard(1), {{{tcp, 1}, passed()}, {{colo, 1}, passed()}});
    expect_fault({first(), both}, "/migration/colo/plain (run 1) is doubled: in " + first() + " and in " + both + "\n");
}

TEST_F(MergeTest, ACaseThatNobodySelectedIsTold)
{
    const harness::CaseInfo other{.path = "/migration/other", .summary = "", .run = {}};
    const std::string b = write("b", shard(1), {{{tcp, 1}, passed()}, {{other, 1}, passed()}});
    expect_fault({first(), b}, b + ": /migration/other was not selected\n");
}

TEST_F(MergeTest, ARunThatDidNotEndIsTold)
{
    const std::string cut = write("b", shard(1), {{{tcp, 1}, passed()}}, "interrupted");
    expect_fault({first(), cut}, cut + ": the run was cut short: interrupted\n");
    std::string text = qtest::read_tail(cut, 1 << 20);
    text.erase(text.rfind("{\"end"));
    std::ofstream(cut) << text;
    expect_fault({first(), cut}, cut + ": the run has no end, it was killed\n");
    EXPECT_EQ(ResultsFile::read(output()).end->at("cut_short"),
              qtest::Json(cut + ": the run has no end, it was killed"));
}

TEST_F(MergeTest, WhatDoesNotBelongTogetherIsNotJoined)
{
    const std::string a = first();
    const auto expect_difference = [&](const harness::RunFacts& facts, const std::string& what) {
        const std::string b = write("b", facts, {{{tcp, 1}, passed()}});
        expect_fault({a, b}, a + " and " + b + " do not belong together: " + what + "\n");
        EXPECT_FALSE(fs::exists(output()));
    };
    harness::RunFacts facts = shard(1);
    facts.setting.source = facts.setting.target;
    expect_difference(facts, "the source QEMU is '10.0.2 Debian <10> & \"more\"' in the one, '11.1.3 ' in the other");
    facts = shard(1);
    facts.setting.target = facts.setting.source;
    expect_difference(facts, "the target QEMU is '11.1.3 ' in the one, '10.0.2 Debian <10> & \"more\"' in the other");
    facts = shard(1);
    facts.setting.accelerator = "kvm";
    expect_difference(facts, "the accelerator is 'tcg' in the one, 'kvm' in the other");
    facts = shard(1);
    facts.setting.machine = "q35";
    expect_difference(facts, "the machine type is 'pc' in the one, 'q35' in the other");
    facts = shard(1);
    facts.shard.count = 3;
    expect_difference(facts, "the number of shards is '2' in the one, '3' in the other");
    facts = shard(1);
    facts.selected.emplace_back("/migration/unix");
    expect_difference(facts, "/migration/unix is selected in " + (directory_ / "b").string() + " only");
    // Where the QEMU lies may differ.
    facts = shard(1);
    facts.setting.source.binary = "/elsewhere/qemu";
    EXPECT_EQ(merge({a, write("b", facts, {{{tcp, 1}, passed()}})}).status, 0);
}

TEST_F(MergeTest, WrongUsageAndMalformedFilesAreRefused)
{
    EXPECT_EQ(refusal({}), "merge: no file of results is named (merge --help)");
    EXPECT_EQ(refusal({"-x"}), "merge: unknown option -x");
    EXPECT_EQ(refusal({first(), "-o"}), "merge: -o names no file");
    EXPECT_NE(refusal({"/no/such"}).find("/no/such"), std::string::npos);
    std::ofstream(first(), std::ios::app) << "{\n";
    EXPECT_TRUE(refusal({directory_ / "a"}).starts_with((directory_ / "a").string() + ":4: "))
        << refusal({directory_ / "a"});
    EXPECT_EQ(refusal({first(), second(), "-o", "/no/such/place"}),
              "cannot write /no/such/place.part: No such file or directory");
}

} // namespace

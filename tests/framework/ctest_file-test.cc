// SPDX-License-Identifier: GPL-2.0-or-later
//
// The file for CTest, read by CTest itself.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ctest_file.h"

namespace
{

namespace fs = std::filesystem;

class CtestFileTest : public testing::Test
{
  protected:
    CtestFileTest()
    {
        if (std::system("command -v ctest >/dev/null") != 0)
            return;
        std::string path = fs::temp_directory_path() / "ctest_file-test-XXXXXX";
        directory_ = mkdtemp(path.data());
        // Says what it was called with, and exits with what the last letter of that says.
        program_ = directory_ / "a program $x; \"q\"";
        std::ofstream(program_) << "#!/bin/sh\nprintf '<%s>' \"$@\"\nfor last; do :; done\n"
                                   "case $last in *fail) exit 1;; *skip) exit 77;; esac\n";
        fs::permissions(program_, fs::perms::owner_all);
    }
    ~CtestFileTest() override { fs::remove_all(directory_); }

    void SetUp() override
    {
        if (directory_.empty())
            GTEST_SKIP() << "ctest is not installed (Debian package cmake)";
    }

    void write(std::vector<harness::CaseInfo> infos)
    {
        std::vector<const harness::CaseInfo*> cases;
        for (const harness::CaseInfo& info : infos)
            cases.push_back(&info);
        std::ofstream(directory_ / "CTestTestfile.cmake") << harness::ctest_file(cases, program_);
    }

    /// What it prints.
    std::string ctest(const std::string& options)
    {
        const fs::path output = directory_ / "output";
        const std::string command =
            fmt::format("ctest --test-dir '{}' {} >'{}' 2>&1", directory_.string(), options, output.string());
        status_ = WEXITSTATUS(std::system(command.c_str()));
        std::ifstream file(output);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    fs::path directory_;
    fs::path program_;
    int status_ = 0;
};

TEST_F(CtestFileTest, CasesPassFailAndAreSkippedAsTheirRunnerExits)
{
    write({{.path = "/m/colo/pass", .summary = "", .run = {}},
           {.path = "/m/colo/skip", .summary = "", .run = {}},
           {.path = "/m/precopy/fail", .summary = "", .run = {}}});
    const std::string colo = ctest("-R colo");
    EXPECT_EQ(status_, 0) << colo;
    EXPECT_NE(colo.find("Passed"), std::string::npos) << colo;
    EXPECT_NE(colo.find("/m/colo/skip (Skipped)"), std::string::npos) << colo;
    EXPECT_EQ(colo.find("/m/precopy"), std::string::npos) << colo;
    const std::string all = ctest("--output-on-failure");
    EXPECT_NE(status_, 0) << all;
    EXPECT_NE(all.find("/m/precopy/fail (Failed)"), std::string::npos) << all;
    EXPECT_NE(all.find("<-p></m/precopy/fail>"), std::string::npos) << all;
}

TEST_F(CtestFileTest, LabelsAndTimeoutAreTheCasesTagsAndDeadline)
{
    write({{.path = "/m/colo/a", .summary = "", .run = {}, .deadline = std::chrono::seconds(7), .labels = {"tls"}},
           {.path = "/m/colo/b", .summary = "", .run = {}, .tag = harness::Tag::slow}});
    const std::string tls = ctest("-N -L '^tls$'");
    EXPECT_NE(tls.find("/m/colo/a"), std::string::npos) << tls;
    EXPECT_EQ(tls.find("/m/colo/b"), std::string::npos) << tls;
    EXPECT_NE(ctest("-N -L smoke").find("Total Tests: 1"), std::string::npos);
    EXPECT_NE(ctest("-N -L colo").find("Total Tests: 2"), std::string::npos);
    const std::string json = ctest("--show-only=json-v1 -L tls");
    EXPECT_NE(json.find("\"value\" : 200"), std::string::npos) << "expected a time-out of 20 * 7 s + 60 s in\n" << json;
}

TEST_F(CtestFileTest, NamesOfAnyLettersReachTheProgramAsTheyAre)
{
    const std::string name = "/m/a b/$x${y};\\n\"'@z@#(]=]<]==] ]=";
    write({{.path = name, .summary = "", .run = {}}});
    const std::string output = ctest("-V");
    EXPECT_EQ(status_, 0) << output;
    EXPECT_NE(output.find("<--tap><--shard><1/1><-p><" + name + ">"), std::string::npos) << output;
}

} // namespace

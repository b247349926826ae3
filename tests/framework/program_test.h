// SPDX-License-Identifier: GPL-2.0-or-later
//
// ProgramTest: a program of cases run from outside, as a user would: what it prints, its exit status, the evidence it
// keeps and what it leaves behind. The program is named by the first argument of the test's own.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>

#include "errors.h"
#include "json.h"
#include "process.h"
#include "strays.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::ExitStatus;
using qtest::Json;

inline std::string program_of_cases;

inline std::string content_of(const fs::path& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline bool matches(const std::string& text, const char* pattern)
{
    return g_regex_match_simple(pattern, text.c_str(), GRegexCompileFlags{}, GRegexMatchFlags{}) != FALSE;
}

/// The number of times `part` stands in `text`.
inline std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t times = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        times++;
    return times;
}

class ProgramTest : public testing::Test
{
  protected:
    ProgramTest()
    {
        std::string path = fs::temp_directory_path() / "program-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
        fs::create_directory(directory_ / "tmp");
    }
    ~ProgramTest() override
    {
        fs::permissions(directory_ / "tmp", fs::perms::owner_all);
        fs::remove_all(directory_);
    }

    struct Run {
        ExitStatus status;
        std::string output; // stdout and stderr
    };

    std::unique_ptr<qtest::Process> start(const std::string& program, std::vector<std::string> arguments,
                                          std::vector<std::pair<std::string, std::string>> environment = {})
    {
        arguments.insert(arguments.begin(), program);
        // What is left in it is left by the runner.
        environment.emplace(environment.begin(), "TMPDIR", directory_ / "tmp");
        environment.emplace(environment.begin(), "XDG_CACHE_HOME", directory_ / "cache");
        fs::remove(directory_ / "output");
        return std::make_unique<qtest::Process>(loop_, qtest::Process::Spec{.arguments = std::move(arguments),
                                                                            .output = directory_ / "output",
                                                                            .environment = std::move(environment),
                                                                            .directory = directory_});
    }

    Run run(std::vector<std::string> arguments, std::vector<std::pair<std::string, std::string>> environment = {})
    {
        const auto process = start(program_of_cases, std::move(arguments), std::move(environment));
        const ExitStatus status = process->wait(Deadline::in(60s), "the end of the program of cases");
        return {status, content_of(directory_ / "output")};
    }
    Run run_case(const std::string& name) { return run({"--tap", "-p", "/broken/" + name}); }

    /// The run failed in one case, whose evidence is returned.
    Json failed_case(const Run& failed)
    {
        EXPECT_EQ(failed.status, ExitStatus::exited(1)) << failed.output;
        const std::string before = "evidence: \"";
        const std::size_t at = failed.output.find(before) + before.size();
        evidence_ = failed.output.substr(at, failed.output.find('"', at) - at);
        return Json::parse(content_of(evidence_ / "case.json"));
    }

    /// One line on stderr, nothing else, exit status 2.
    void expect_refused(const Run& refused, const std::string& part)
    {
        EXPECT_EQ(refused.status, ExitStatus::exited(2)) << refused.output;
        EXPECT_TRUE(refused.output.starts_with("migration-test: ")) << refused.output;
        EXPECT_EQ(count(refused.output, "\n"), 1U) << refused.output;
        EXPECT_NE(refused.output.find(part), std::string::npos) << refused.output;
    }

    void expect_nothing_left()
    {
        EXPECT_TRUE(fs::is_empty(directory_ / "tmp"));
        // Everything started here has this TMPDIR.
        const auto strays = harness::end_strays("TMPDIR", directory_ / "tmp");
        EXPECT_TRUE(strays.empty()) << strays.size()
                                    << " processes, the first: " << (strays.empty() ? "" : strays[0].command);
    }

    qtest::Loop loop_;
    fs::path directory_;
    fs::path evidence_;
};

/// main() of such a test.
inline int run_program_tests(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    program_of_cases = fs::absolute(argv[1]);
    return RUN_ALL_TESTS();
}

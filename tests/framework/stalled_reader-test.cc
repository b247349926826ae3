// SPDX-License-Identifier: GPL-2.0-or-later
//
// Nobody reads the report while cases run: their deadlines are kept all the same, and the report is complete when it is
// read at last. The argument of this program is broken-cases.
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "log_file.h"
#include "process.h"
#include "results_file.h"
#include "strays.h"

namespace
{

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using qtest::Deadline;

std::string broken_cases;

class StalledReaderTest : public testing::Test
{
  protected:
    StalledReaderTest()
    {
        std::string path = fs::temp_directory_path() / "stalled-reader-test-XXXXXX";
        directory_ = g_mkdtemp(path.data());
        fs::create_directory(directory_ / "tmp");
    }
    ~StalledReaderTest() override { fs::remove_all(directory_); }

    fs::path directory_;
};

TEST_F(StalledReaderTest, DeadlinesAreKeptAndTheReportIsWhole)
{
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const qtest::UniqueFd ours(ends[0]);
    qtest::UniqueFd theirs(ends[1]);
    // Full before the first byte of the report.
    const int room = fcntl(theirs.get(), F_SETPIPE_SZ, 4096);
    const std::string filler(static_cast<std::size_t>(room), '\n');
    qtest::write_all(theirs.get(), filler, "a pipe");

    qtest::Loop loop;
    const fs::path results = directory_ / "results.jsonl";
    qtest::Process::Spec spec{.arguments = {"/bin/sh", "-c",
                                            "exec " + broken_cases + " --tap --json " + results.string() +
                                                " -p /broken/busy -p /broken/pass >&3 3>&-"},
                              .output = directory_ / "errors",
                              .environment = {{"TMPDIR", directory_ / "tmp"}},
                              .directory = directory_};
    spec.fds.emplace_back(std::move(theirs), 3);
    qtest::Process process(loop, std::move(spec));

    const auto ended = [&] { return qtest::read_tail(results, 1 << 20).find("{\"end\"") != std::string::npos; };
    const auto look = loop.after(20ms, [] {});
    loop.until(ended, Deadline::in(60s), "the end of the run, whose report nobody reads");
    const auto file = harness::ResultsFile::read(results);
    ASSERT_EQ(file.cases.size(), 2U);
    EXPECT_EQ(file.cases[0].at("result"), qtest::Json("failed"));
    EXPECT_LT(file.cases[0].at("seconds").as_double(), 20); // of 2 s and as many beyond; the machine may be loaded
    EXPECT_TRUE(process.running());
    for (const auto& run : fs::directory_iterator(directory_ / "tmp"))
        EXPECT_TRUE(harness::end_strays(harness::run_variable, run.path()).empty());

    std::string report;
    char bytes[4096];
    pollfd ready{.fd = ours.get(), .events = POLLIN, .revents = 0};
    for (ssize_t size = 1; size > 0; report.append(bytes, static_cast<std::size_t>(size))) {
        ASSERT_EQ(poll(&ready, 1, 20'000), 1) << report;
        size = read(ours.get(), bytes, sizeof bytes);
        ASSERT_GE(size, 0);
    }
    EXPECT_EQ(process.wait(Deadline::in(20s), "the end of broken-cases"), qtest::ExitStatus::exited(1));
    EXPECT_TRUE(report.starts_with(filler + "TAP version 14\n"));
    for (const char* part :
         {"\n1..2\n", "\nnot ok 1 - /broken/busy\n", "\nok 2 - /broken/pass\n", "# 1 passed, 1 failed"})
        EXPECT_NE(report.find(part), std::string::npos) << part << "\n" << report;
}

} // namespace

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    broken_cases = fs::absolute(argv[1]);
    return RUN_ALL_TESTS();
}

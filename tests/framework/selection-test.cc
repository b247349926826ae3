// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which cases run, in which order, and in which shard.
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "queue.h"
#include "selection.h"

namespace
{

using harness::CaseInfo;
using harness::Queue;
using harness::Registry;
using harness::Selection;
using harness::Shard;
using harness::Tag;

std::vector<std::string> paths(const std::vector<const CaseInfo*>& cases)
{
    std::vector<std::string> result;
    for (const CaseInfo* info : cases)
        result.push_back(info->path);
    return result;
}

using Paths = std::vector<std::string>;

class SelectionTest : public testing::Test
{
  protected:
    SelectionTest()
    {
        add("/m/colo/plain/a");
        add("/m/colo/plain/b");
        add("/m/colo/multifd/a", Tag::full, {"multifd"});
        add("/m/color");
        add("/m/tcp/slow", Tag::slow, {"multifd"});
    }

    void add(const char* path, Tag tag = Tag::smoke, std::vector<std::string> labels = {})
    {
        registry_.add({.path = path, .summary = "", .run = {}, .tag = tag, .labels = std::move(labels)});
    }
    Paths of(const Selection& selection) const { return paths(selection.of(registry_)); }
    std::string refusal(const Selection& selection) const
    {
        try {
            selection.of(registry_);
        } catch (const qtest::EnvironmentError& error) {
            return error.what();
        }
        return "not refused";
    }

    Registry registry_;
};

TEST_F(SelectionTest, APathIsACaseOrAllBelowIt)
{
    EXPECT_EQ(of({.paths = {"/m/colo"}}), (Paths{"/m/colo/plain/a", "/m/colo/plain/b"}));
    EXPECT_EQ(of({.paths = {"/m/colo/"}}), (Paths{"/m/colo/plain/a", "/m/colo/plain/b"}));
    EXPECT_EQ(of({.paths = {"/x86_64/m/color"}}), (Paths{"/m/color"}));
}

TEST_F(SelectionTest, AGlobIsAWholePathOrOneAboveIt)
{
    EXPECT_EQ(of({.paths = {"/m/*/*/a"}, .full = true}), (Paths{"/m/colo/multifd/a", "/m/colo/plain/a"}));
    EXPECT_EQ(of({.paths = {"/m/col?"}}), (Paths{"/m/colo/plain/a", "/m/colo/plain/b"}));
    EXPECT_EQ(of({.paths = {"*/multifd/*"}, .full = true}), (Paths{"/m/colo/multifd/a"}));
    EXPECT_EQ(of({.paths = {"/x86_64/m/colo[r]"}}), (Paths{"/m/color"}));
    EXPECT_NE(refusal({.paths = {"lain/*"}}).find("no case matches"), std::string::npos);
}

TEST_F(SelectionTest, SkipsTakeAwayWhatIsAtOrBelowThem)
{
    EXPECT_EQ(of({.skips = {"/m/colo/plain/*", "/m/color"}, .full = true}), (Paths{"/m/colo/multifd/a"}));
}

TEST_F(SelectionTest, SetsGrowFromSmokeToFullToSlow)
{
    EXPECT_EQ(of({}).size(), 3U);
    EXPECT_EQ(of({.full = true}).size(), 4U);
    EXPECT_EQ(of({.slow = true}).size(), 5U);
    // Whoever names it wants it.
    EXPECT_EQ(of({.paths = {"/m/tcp/slow"}}), (Paths{"/m/tcp/slow"}));
    EXPECT_EQ(of({.tags = {"slow"}}), (Paths{"/m/tcp/slow"}));
}

TEST_F(SelectionTest, ATagIsASetAFamilyOrALabel)
{
    EXPECT_EQ(of({.tags = {"multifd"}, .full = true}), (Paths{"/m/colo/multifd/a"}));
    EXPECT_EQ(of({.tags = {"colo"}}), (Paths{"/m/colo/plain/a", "/m/colo/plain/b"}));
    EXPECT_EQ(of({.paths = {"/m/colo/plain/b"}, .tags = {"colo", "multifd"}}), (Paths{"/m/colo/plain/b"}));
    EXPECT_NE(refusal({.tags = {"tls"}}).find("no case has the tag 'tls'"), std::string::npos);
}

TEST_F(SelectionTest, WhatSelectsNothingIsRefusedWithWhatMayBeMeant)
{
    EXPECT_EQ(
        refusal({.paths = {"/m/colo/plian/a"}}),
        "no case at or below '/m/colo/plian/a'; did you mean /m/colo/plain/a, /m/colo/plain/b? (-l lists the cases)");
    EXPECT_NE(refusal({.paths = {"plain/b"}}).find("did you mean /m/colo/plain/b?"), std::string::npos);
    EXPECT_NE(refusal({.skips = {"/m/clo"}}).find("did you mean /m/colo, /m/color?"), std::string::npos);
    EXPECT_NE(refusal({.paths = {"/m/colo"}, .skips = {"/m"}}).find("select no case"), std::string::npos);
    EXPECT_EQ(refusal({.paths = {"/entirely/different/thing"}}),
              "no case at or below '/entirely/different/thing' (-l lists the cases)");
}

TEST_F(SelectionTest, EveryCaseIsInExactlyOneShard)
{
    for (int i = 0; i < 100; i++)
        add(fmt::format("/m/many/{:02}", i).c_str());
    const auto all = Selection{}.of(registry_);
    for (const std::size_t count : {1U, 2U, 7U, 200U}) {
        Paths seen;
        for (std::size_t i = 0; i < count; i++) {
            const auto part = paths(Shard{i, count}.part_of(all));
            EXPECT_LE(part.size(), all.size() / count + 1);
            seen.insert(seen.end(), part.begin(), part.end());
        }
        std::sort(seen.begin(), seen.end());
        EXPECT_EQ(seen, paths(all)) << count;
    }
}

class ShardTest : public testing::Test
{
  protected:
    ShardTest() { clear(); }
    ~ShardTest() override { clear(); }

    static void clear()
    {
        for (const char* name :
             {"TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX", "GTEST_TOTAL_SHARDS", "CI_NODE_INDEX",
              "CI_NODE_TOTAL", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"})
            unsetenv(name);
    }

    /// "INDEX/COUNT", from 0, or the refusal.
    static std::string with(const std::vector<std::pair<const char*, const char*>>& variables)
    {
        clear();
        for (const auto& [name, value] : variables)
            setenv(name, value, 1);
        return text([] { return Shard::from_environment(); });
    }
    static std::string parsed(const char* option)
    {
        return text([&] { return Shard::parse(option); });
    }

  private:
    template <class Make>
    static std::string text(const Make& make)
    {
        try {
            const Shard shard = make();
            return fmt::format("{}/{}", shard.index, shard.count);
        } catch (const qtest::EnvironmentError& error) {
            return error.what();
        }
    }
};

TEST_F(ShardTest, TheOptionCountsFromOne)
{
    EXPECT_EQ(parsed("1/1"), "0/1");
    EXPECT_EQ(parsed("5/5"), "4/5");
    for (const char* wrong : {"0/5", "6/5", "1", "/", "1/", "a/b", "1/0", "-1/5", "1/5/5", "", "1 /5"})
        EXPECT_NE(parsed(wrong).find("is no shard, counted from 1"), std::string::npos) << wrong;
}

TEST_F(ShardTest, EachEnvironmentCountsAsItsToolsDo)
{
    EXPECT_EQ(with({}), "0/1");
    EXPECT_EQ(with({{"TEST_SHARD_INDEX", "1"}, {"TEST_TOTAL_SHARDS", "3"}}), "1/3");
    EXPECT_EQ(with({{"GTEST_SHARD_INDEX", "0"}, {"GTEST_TOTAL_SHARDS", "3"}}), "0/3");
    EXPECT_EQ(with({{"CI_NODE_INDEX", "3"}, {"CI_NODE_TOTAL", "3"}}), "2/3");
    EXPECT_EQ(with({{"CI_NODE_TOTAL", "1"}}), "0/1"); // a job that is not shared
    EXPECT_EQ(with({{"SLURM_ARRAY_TASK_ID", "2"}, {"SLURM_ARRAY_TASK_COUNT", "3"}}), "2/3");
    EXPECT_EQ(with({{"SLURM_ARRAY_TASK_ID", "11"}, {"SLURM_ARRAY_TASK_COUNT", "3"}, {"SLURM_ARRAY_TASK_MIN", "10"}}),
              "1/3");
    EXPECT_NE(with({{"TEST_SHARD_INDEX", "3"}, {"TEST_TOTAL_SHARDS", "3"}}).find("TEST_SHARD_INDEX"),
              std::string::npos);
    EXPECT_NE(with({{"CI_NODE_INDEX", "0"}, {"CI_NODE_TOTAL", "3"}}).find("counted from 1"), std::string::npos);
}

TEST_F(ShardTest, HalfAPairIsRefused)
{
    EXPECT_NE(with({{"TEST_SHARD_INDEX", "1"}}).find("only one of them is set"), std::string::npos);
    EXPECT_NE(with({{"GTEST_TOTAL_SHARDS", "3"}}).find("only one of them is set"), std::string::npos);
    EXPECT_NE(with({{"CI_NODE_INDEX", "1"}}).find("only one of them is set"), std::string::npos);
}

class QueueTest : public SelectionTest
{
  protected:
    QueueTest() : directory_(std::filesystem::temp_directory_path() / fmt::format("queue-test-{}", getpid())) {}
    ~QueueTest() override { std::filesystem::remove_all(directory_); }

    harness::RecordedTimes times() const { return {directory_ / "deep" / "times.json", "tcg"}; }
    static Paths drain(Queue queue, std::size_t most = 100)
    {
        Paths taken;
        while (!queue.empty() && taken.size() < most) {
            const auto run = queue.take();
            taken.push_back(fmt::format("{} {}", run->repetition, run->info.path));
        }
        return taken;
    }
    std::vector<const CaseInfo*> colo() const { return Selection{.paths = {"/m/colo"}}.of(registry_); }

    std::filesystem::path directory_;
};

TEST_F(QueueTest, EveryRoundHasEveryCase)
{
    const Queue queue(colo(), 2, Queue::Order::registered, times(), 0);
    EXPECT_EQ(drain(queue),
              (Paths{"1 /m/colo/plain/a", "1 /m/colo/plain/b", "2 /m/colo/plain/a", "2 /m/colo/plain/b"}));
    EXPECT_TRUE(drain(Queue({}, Queue::no_end, Queue::Order::registered, times(), 0)).empty());
    EXPECT_EQ(drain(Queue(colo(), Queue::no_end, Queue::Order::registered, times(), 0), 9).back(), "5 /m/colo/plain/a");
}

TEST_F(QueueTest, WhatTookLongestComesFirst)
{
    auto recorded = times();
    recorded.record("/m/colo/plain/a", 0.25);
    recorded.record("/m/colo/plain/b", 0.5);
    recorded.save();
    harness::RecordedTimes others(directory_ / "deep" / "times.json", "kvm");
    others.record("/m/colo/plain/a", 99);
    others.save();
    EXPECT_EQ(times().find("/m/colo/plain/a"), 0.25);
    EXPECT_EQ(times().find("/m/color"), std::nullopt);
    EXPECT_EQ(drain(Queue(colo(), 1, Queue::Order::longest_first, times(), 0)),
              (Paths{"1 /m/colo/plain/b", "1 /m/colo/plain/a"}));
}

TEST_F(QueueTest, ASeedMeansOneOrder)
{
    for (int i = 0; i < 20; i++)
        add(fmt::format("/m/colo/many/{:02}", i).c_str());
    const auto shuffled = [&](std::uint32_t seed) {
        return drain(Queue(colo(), 2, Queue::Order::shuffled, times(), seed));
    };
    EXPECT_EQ(shuffled(7), shuffled(7));
    EXPECT_NE(shuffled(7), shuffled(8));
    Paths first = shuffled(7);
    Paths second(first.begin() + 22, first.end());
    first.resize(22);
    for (auto* round : {&first, &second})
        for (std::string& one : *round)
            one.erase(0, 2);
    EXPECT_NE(first, second);
    EXPECT_TRUE(std::is_permutation(first.begin(), first.end(), second.begin(), second.end()));
}

TEST_F(QueueTest, WhatMemoryDoesNotAllowWaits)
{
    Registry registry;
    registry.add({.path = "/a", .summary = "", .run = {}, .ram_mib = 4000});
    registry.add({.path = "/b", .summary = "", .run = {}, .ram_mib = 100});
    Queue queue(Selection{}.of(registry), 1, Queue::Order::registered, times(), 0);
    EXPECT_EQ(queue.take(500)->info.path, "/b");
    EXPECT_FALSE(queue.take(500));
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(queue.take()->info.path, "/a");
    EXPECT_TRUE(queue.empty());
}

} // namespace

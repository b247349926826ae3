// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "failure_of.h"
#include "op.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Promise;

TEST(Op, GivesItsValueToEveryHandle)
{
    qtest::Loop loop;
    Promise<int> promise(loop, "the answer");
    const auto op = promise.op();
    const auto copy = op;
    EXPECT_FALSE(op.done());
    const auto later = loop.after(1ms, [&] { promise.resolve(42); });
    EXPECT_EQ(op.get(Deadline::in(5s)), 42);
    EXPECT_EQ(copy.get(Deadline::in(5s)), 42);
    EXPECT_FALSE(op.cancelled());
}

TEST(Op, TheFirstEndStands)
{
    qtest::Loop loop;
    Promise<int> promise(loop, "the answer");
    promise.fail(std::make_exception_ptr(qtest::TestFailure("no")));
    promise.resolve(42);
    promise.op().cancel();
    EXPECT_FALSE(promise.op().cancelled());
    EXPECT_EQ(failure_of([&] { promise.op().get(Deadline::in(5s)); }), "no");
}

TEST(Op, ATimeoutCancelsAndNamesWhatWasAwaited)
{
    qtest::Loop loop;
    int undone = 0;
    Promise<void> promise(
        loop, "the rain", [&] { undone++; }, [] { return std::string("clouds"); });
    const auto op = promise.op();
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(50ms)); }), "awaited the rain for 0.1 s; last seen: clouds");
    EXPECT_TRUE(op.cancelled());
    EXPECT_EQ(undone, 1);
    EXPECT_EQ(failure_of([&] { op.get(Deadline::in(5s)); }), "the rain was cancelled");
    promise.resolve(); // it is too late, and no harm
    EXPECT_TRUE(op.cancelled());
}

TEST(Op, AFailingLoopCancelsToo)
{
    qtest::Loop loop;
    Promise<void> promise(loop, "the rain");
    loop.fail(std::make_exception_ptr(qtest::TestFailure("the sky fell")));
    EXPECT_EQ(failure_of([&] { promise.op().get(Deadline::in(5s)); }), "the sky fell");
    EXPECT_TRUE(promise.op().cancelled());
}

TEST(Op, CallbacksComeFromTheLoopOnly)
{
    qtest::Loop loop;
    Promise<void> promise(loop, "it");
    int called = 0;
    promise.op().on_done([&] { called++; });
    promise.resolve();
    EXPECT_EQ(called, 0);
    loop.turn();
    EXPECT_EQ(called, 1);
    promise.op().on_done([&] { called++; });
    EXPECT_EQ(called, 1);
    loop.turn();
    EXPECT_EQ(called, 2);
    loop.turn();
    EXPECT_EQ(called, 2);
}

TEST(Op, APromiseThatGoesFailsIt)
{
    qtest::Loop loop;
    std::optional<qtest::Op<void>> op;
    bool undone = false;
    {
        Promise<void> promise(loop, "the rain", [&] { undone = true; });
        op = promise.op();
    }
    EXPECT_EQ(failure_of([&] { op->get(Deadline::in(5s)); }), "the rain was given up: its client is gone");
    op->cancel();
    EXPECT_FALSE(undone);
}

TEST(Op, OneThatNobodyHoldsIsStillCarriedOut)
{
    qtest::Loop loop;
    bool undone = false;
    Promise<int> promise(loop, "it", [&] { undone = true; });
    promise.op();
    EXPECT_TRUE(promise.pending());
    EXPECT_FALSE(undone);
}

} // namespace

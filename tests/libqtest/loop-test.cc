// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include "errors.h"
#include "failure_of.h"
#include "loop.h"
#include "unique_fd.h"

namespace
{

using namespace std::chrono_literals;
using qtest::Deadline;
using qtest::Loop;

TEST(Loop, AWaitThatRunsOutSaysWhatItAwaitedAndWhatItSawLast)
{
    Loop loop;
    EXPECT_EQ(
        failure_of([&] { loop.until([] { return false; }, Deadline::in(20ms), "a miracle", [] { return "rain"; }); }),
        "awaited a miracle for 0.0 s; last seen: rain");
}

TEST(Loop, TheLimitBindsEveryWait)
{
    Loop loop;
    loop.set_limit(Deadline::in(20ms));
    EXPECT_EQ(failure_of([&] { loop.until([] { return false; }, Deadline::in(1h), "a miracle"); }),
              "awaited a miracle when the case's deadline of 0.0 s passed");
    loop.forgive();
    EXPECT_NO_THROW(loop.until([] { return true; }, Deadline::in(1h), "nothing"));
}

TEST(Loop, AWaitWhoseConditionHoldsDoesNotFailAtItsDeadline)
{
    Loop loop;
    EXPECT_NO_THROW(loop.until([] { return true; }, Deadline::in(0ms), "nothing"));
}

TEST(Loop, WhatACallbackThrowsComesOutOfTheWait)
{
    Loop loop;
    const qtest::SocketPair pair;
    const auto watch = loop.watch(pair.ours.get(), G_IO_IN, [] { throw std::runtime_error("from the callback"); });
    ASSERT_EQ(write(pair.theirs.get(), "x", 1), 1);
    EXPECT_EQ(failure_of([&] { loop.until([] { return false; }, Deadline::in(10s), "nothing"); }), "from the callback");
}

TEST(Loop, AFailureEndsEveryWaitUntilItIsForgiven)
{
    Loop loop;
    loop.fail(std::make_exception_ptr(qtest::TestFailure("the first")));
    loop.fail(std::make_exception_ptr(qtest::TestFailure("the second")));
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(failure_of([&] { loop.until([] { return true; }, Deadline::in(1s), "nothing"); }), "the first");
    loop.forgive();
    EXPECT_NO_THROW(loop.until([] { return true; }, Deadline::in(1s), "nothing"));
}

TEST(Loop, AWaitInsideACallbackIsRefused)
{
    Loop loop;
    const auto watch = loop.after(1ms, [&] { loop.until([] { return true; }, Deadline::in(1s), "the inner"); });
    EXPECT_EQ(failure_of([&] { loop.until([] { return false; }, Deadline::in(10s), "the outer"); }),
              "waiting for the inner inside a callback of the same loop");
}

TEST(Loop, AWatchCanBeDroppedInItsOwnCallback)
{
    Loop loop;
    int calls = 0;
    qtest::Watch watch;
    watch = loop.after(1ms, [&] {
        calls++;
        watch = qtest::Watch();
    });
    EXPECT_THROW(loop.until([] { return false; }, Deadline::in(20ms), "nothing"), qtest::Timeout);
    EXPECT_EQ(calls, 1);
}

TEST(Deadline, TheScaleStretchesIt)
{
    Deadline::set_scale(3);
    const auto stretched = Deadline::in(100ms);
    Deadline::set_scale(1);
    EXPECT_EQ(stretched.total(), 300ms);
    EXPECT_FALSE(stretched.passed());
    EXPECT_GT(stretched.left(), 0ms);
    EXPECT_EQ(Deadline::in(-1ms).left(), 0ms);
}

} // namespace

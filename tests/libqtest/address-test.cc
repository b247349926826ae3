// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "address.h"
#include "errors.h"
#include "failure_of.h"

namespace
{

using qtest::Address;

TEST(Address, IsAPortOfAHostOrAPath)
{
    EXPECT_EQ(Address::parse("localhost:4444").name(), "localhost");
    EXPECT_EQ(Address::parse("localhost:4444").port(), 4444);
    EXPECT_FALSE(Address::parse("localhost:4444").is_unix());
    EXPECT_EQ(Address::parse("[::1]:65535").name(), "::1");
    EXPECT_EQ(Address::parse("[::1]:65535").text(), "[::1]:65535");
    EXPECT_TRUE(Address::parse("/run/a:1").is_unix());
    EXPECT_TRUE(Address::parse("monitor").is_unix());
    EXPECT_EQ(Address::parse("/run/a:1").text(), "/run/a:1");
}

TEST(Address, APortThatIsNoneIsRefused)
{
    EXPECT_EQ(failure_of([] { Address::parse("a:b"); }), "Bad port: 'b' in 'a:b'.");
    EXPECT_EQ(failure_of([] { Address::parse("a:65536"); }), "Bad port: '65536' in 'a:65536'.");
    EXPECT_EQ(failure_of([] { Address::parse("a:"); }), "Bad port: '' in 'a:'.");
    EXPECT_EQ(failure_of([] { Address::parse("a:1 "); }), "Bad port: '1 ' in 'a:1 '.");
}

TEST(Address, APathTheSystemCannotTakeIsRefused)
{
    EXPECT_EQ(Address::parse("/" + std::string(106, 'x')).name().size(), 107U);
    EXPECT_THROW(Address::parse("/" + std::string(107, 'x')), qtest::EnvironmentError);
    EXPECT_THROW(Address::parse(""), qtest::EnvironmentError);
}

} // namespace

// SPDX-License-Identifier: GPL-2.0-or-later
#include <limits>

#include <gtest/gtest.h>

#include "json.h"

namespace
{

using qtest::Json;
using qtest::JsonError;

TEST(Json, IntegersAreExactOverAll64Bits)
{
    EXPECT_EQ(Json::parse("-9223372036854775808").as_int(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(Json::parse("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(Json::parse("18446744073709551615").as_uint(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(Json::parse("18446744073709551615").dump(), "18446744073709551615");
    EXPECT_THROW(Json::parse("18446744073709551615").as_int(), JsonError);
    EXPECT_THROW(Json::parse("-1").as_uint(), JsonError);
}

TEST(Json, IntegersBeyond64BitsAreRefusedNotClamped)
{
    EXPECT_THROW(Json::parse("18446744073709551616"), JsonError);
    EXPECT_THROW(Json::parse("[1, -9223372036854775809]"), JsonError);
    EXPECT_EQ(Json::parse("\"99999999999999999999\"").as_string(), "99999999999999999999");
}

TEST(Json, TextThatIsNoJsonIsRefused)
{
    for (const char* text : {"", " ", "{", "[1,]", "{'a': 1}", "nul", "1 2", "{} x", "{\"a\" 1}", "\"\xff\"",
                             "\"\xc3\"", "NaN", "[Infinity]", "-Infinity", "1.", "[1.e3]", "\"\t\""})
        EXPECT_THROW(Json::parse(text), JsonError) << text;
    EXPECT_THROW(Json::parse(std::string_view("{}\0{}", 5)), JsonError);
}

TEST(Json, NestsAsDeepAsQemuDoesAndNoDeeper)
{
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_NO_THROW(Json::parse(nested(1000)));
    EXPECT_THROW(Json::parse(nested(100'000)), JsonError);
}

TEST(Json, PathsLeadThroughObjectsAndArrays)
{
    const Json json = Json::parse(R"({"a": {"b": [{"c": 1}, {"c": 2}]}})");
    EXPECT_EQ(json.at("a/b[1]/c").as_int(), 2);
    EXPECT_EQ(json.at(""), json);
    EXPECT_FALSE(json.find("a/b[2]"));
    EXPECT_FALSE(json.find("a/b[x]"));
    EXPECT_FALSE(json.find("a/b["));
    EXPECT_FALSE(json.find("a//b"));
    EXPECT_FALSE(json.find("a/c"));
    try {
        json.at("a/x/c");
        FAIL() << "a path that leads nowhere was followed";
    } catch (const JsonError& error) {
        EXPECT_STREQ(error.what(), R"(path 'a/x/c' stops at 'x': not in {"b": [{"c": 1}, {"c": 2}]})");
    }
}

TEST(Json, ANullMemberIsThere)
{
    const Json json = Json::parse(R"({"a": null})");
    EXPECT_TRUE(json.has("a"));
    EXPECT_TRUE(json.at("a").is_null());
    EXPECT_TRUE(json.matches({{"a", nullptr}}));
    EXPECT_FALSE(Json::object().matches({{"a", nullptr}}));
}

TEST(Json, MatchesSubsetsOfObjectsAndWholeArrays)
{
    const Json json = Json::parse(R"({"a": {"b": 1, "c": 2}, "d": [1, 2]})");
    EXPECT_TRUE(json.matches({{"a", {{"b", 1}}}}));
    EXPECT_FALSE(json.matches({{"a", {{"b", 2}}}}));
    EXPECT_TRUE(json.matches({{"d", Json::array({1, 2})}}));
    EXPECT_FALSE(json.matches({{"d", Json::array({1})}}));
    EXPECT_FALSE(json.matches({{"e", 1}}));
}

TEST(Json, AChangeToACopyIsNotSeenInTheOriginal)
{
    const Json original{{"a", 1}, {"list", Json::array({1})}};
    Json copy = original;
    copy.set("a", 2).set("b", 3);
    Json list = original.at("list");
    list.append(2);
    EXPECT_EQ(original.dump(), R"({"a": 1, "list": [1]})");
    EXPECT_EQ(copy.dump(), R"({"a": 2, "b": 3, "list": [1]})");
    EXPECT_EQ(list.dump(), "[1, 2]");
}

TEST(Json, AListOfStringsIsAnArrayOfThem)
{
    const std::vector<std::string> strings{"b", "a b", ""};
    EXPECT_EQ(Json::array(strings).dump(), R"(["b", "a b", ""])");
    EXPECT_EQ(Json::array(std::vector<std::string>()).dump(), "[]");
}

TEST(Json, PrintsSortedAndWithoutEscapedSlashes)
{
    EXPECT_EQ(Json::parse(R"({"b": "x/y\n", "a": [], "c": {}, "d": 0.5})").dump(),
              R"({"a": [], "b": "x/y\n", "c": {}, "d": 0.5})");
    EXPECT_EQ((Json{{"b", Json::array({1})}, {"a", true}}).pretty(), "{\n  \"a\": true,\n  \"b\": [\n    1\n  ]\n}");
}

TEST(Json, DoublesPrintShortAndStayDoubles)
{
    EXPECT_EQ(Json(0.1).dump(), "0.1");
    EXPECT_EQ(Json(2.0).dump(), "2.0");
    EXPECT_EQ(Json(1e300).dump(), "1e+300");
    EXPECT_EQ(Json::parse(Json(1.0 / 3).dump()).as_double(), 1.0 / 3);
    EXPECT_FALSE(Json::parse(Json(2.0).dump()).is_integer());
}

TEST(Json, StringsKeepTheirNulBytes)
{
    const Json json = Json::parse(R"("a\u0000b")");
    EXPECT_EQ(json.as_string(), std::string("a\0b", 3));
    EXPECT_EQ(Json::parse(json.dump()), json);
}

} // namespace

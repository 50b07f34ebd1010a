#include "base/time.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::base {
namespace {

TEST(Time, ReadsAndWritesRfc3339) {
    EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-23T14:31:05Z")), "2026-11-23T14:31:05.000000Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-23T14:31:05.25+01:00")), "2026-11-23T13:31:05.250000Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2024-02-29")), "2024-02-29T00:00:00.000000Z");
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-11-23 14:31:05.123456789z")), "2026-11-23T14:31:05.123456Z");
    for (char const* text :
         {"", "2026", "2026-13-01", "2026-02-30", "2026-11-23T25:00:00Z", "2026-11-23T14:31:05",
          "2026-11-23T14:31:05.Z", "2026-11-23T14:31:05Zx", "2026-11-23x14:31:05Z", "20261123",
          "2026-11-23T14:31:60Z", "2026-11-23T14:31:05+0100", "2026-11-23T14:31:05+24:00",
          "2026-11-23T14:31:05+", "2026-11-23T14:31:05+01", "2026-11-23T14:31:05 Z",
          "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01", "2026/11-23", "2026-11-23T14x31:05Z", "2026-11-23T14:31x05Z",
          "2026-11-23Tab:31:05Z", "2026-11-23T14:ab:05Z", "2026-11-23T14:60:05Z", "2026-11-23T14:31:abZ", "2026-11-23T14:31:05.123456789",
          "2026-11-23T14:31:05+01x00", "2026-11-23T14:31:05+01:60", "2026-11-23T14:31:05?"}) {
        EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
    }
}

TEST(Time, ReadsDatesAndDurations) {
    EXPECT_EQ(to_string(*parse_date("20261123")), "2026-11-23");
    EXPECT_EQ(to_string(*parse_date("2026-11-23")), "2026-11-23");
    EXPECT_FALSE(parse_date("2026-02-29").has_value());
    for (char const* text : {"202611", "2026x11-23", "2026-11x23", "2026ab23", "202611ab", "abcd1123"}) EXPECT_FALSE(parse_date(text).has_value()) << text;
    EXPECT_EQ(*parse_duration("250ms"), std::chrono::milliseconds(250));
    EXPECT_EQ(*parse_duration("5m"), std::chrono::minutes(5));
    EXPECT_EQ(*parse_duration("1d"), std::chrono::hours(24));
    for (char const* text :
         {"", "5", "m", "-5s", "1.5s", "5 m", "5min", "99999999999999999999s", "9223372036854775807d"}) {
        EXPECT_FALSE(parse_duration(text).has_value()) << text;
    }
    EXPECT_EQ(to_string(std::chrono::minutes(90)), "90m");
    EXPECT_EQ(to_string(std::chrono::milliseconds(1500)), "1500ms");
    EXPECT_EQ(to_string(std::chrono::hours(48)), "2d");
    EXPECT_EQ(to_string(std::chrono::hours(5)), "5h");
    EXPECT_EQ(to_string(std::chrono::seconds(61)), "61s");
    EXPECT_EQ(to_string(Duration(0)), "0s");
}

RC_GTEST_PROP(TimeProperty, TextComesBackAndSortsLikeTime, ()) {
    Timestamp const a{*rc::gen::inRange<std::int64_t>(-60'000'000'000'000'000, 250'000'000'000'000'000)};
    Timestamp const b{*rc::gen::inRange<std::int64_t>(-60'000'000'000'000'000, 250'000'000'000'000'000)};
    RC_ASSERT(*parse_rfc3339(to_rfc3339(a)) == a);
    RC_ASSERT((to_rfc3339(a) < to_rfc3339(b)) == (a < b));
}

}  // namespace
}  // namespace possync::base

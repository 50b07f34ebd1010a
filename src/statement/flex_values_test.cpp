#include "statement/flex_values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::statement {
namespace {

using base::Date;
using base::Decimal;
using model::Cause;

TEST(FlexNumber, IsReadExactlyInEveryForm) {
    struct Row {
        std::string_view text;
        std::string_view value;
    };
    for (auto const& [text, value] :
         std::initializer_list<Row>{{"1", "1"},
                                    {"-12.50", "-12.5"},
                                    {"+3", "3"},
                                    {".5", "0.5"},
                                    {"1143.28313142", "1143.28313142"},
                                    {"21,792.73", "21792.73"},
                                    {"-1,234,567.891", "-1234567.891"},
                                    {"1,000", "1000"},
                                    {"1E-7", "0.0000001"},
                                    {"1.5E3", "1500"},
                                    {"-2.5e+2", "-250"},
                                    {"0.0000", "0"},
                                    {" 7 ", "7"},
                                    // Binary noise behind the 18th decimal, half to even.
                                    {"-1.4210854715202004E-14", "-0.000000000000014211"},
                                    {"1.0000000000000000005", "1"},
                                    {"1.0000000000000000015", "1.000000000000000002"},
                                    {"1.00000000000000000051", "1.000000000000000001"},
                                    {"1E-30", "0"},
                                    {"-5.1E-19", "-0.000000000000000001"},
                                    {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"}}) {
        auto const parsed = parse_number(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
        ASSERT_TRUE(*parsed) << text;
        EXPECT_EQ((*parsed)->to_string(), value) << text;
    }
}

TEST(FlexNumber, UnsetIsNotZero) {
    for (std::string_view const text : {"", "-", "--", "N/A", "MULTI", "  "}) {
        auto const parsed = parse_number(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_FALSE(*parsed) << text;
    }
}

TEST(FlexNumber, AnythingElseIsAnErrorThatNamesIt) {
    for (std::string_view const text :
         {"abc", "1,23", "1234,567", ",5", "1,,000", "1.5,000", "1.2.3", "0x10", "1e", "NaN", "Infinity", "12 34", "--5",
          "1000000000000000000000000000000000000000", "1E99", "1e999999999999"}) {
        auto const parsed = parse_number(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.error().message, testing::HasSubstr(text)) << text;
    }
}

RC_GTEST_PROP(FlexNumber, SeparatorsChangeNothing, ()) {
    auto const whole = *rc::gen::inRange<std::int64_t>(0, 999'999'999'999);
    std::string const plain = std::to_string(whole);
    std::string grouped;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        if (i > 0 && (plain.size() - i) % 3 == 0) grouped += ',';
        grouped += plain[i];
    }
    RC_ASSERT(**parse_number(grouped + ".25") == **parse_number(plain + ".25"));
}

std::int64_t at(int hour, int minute, int second) { return ((hour * 60LL + minute) * 60 + second) * 1'000'000; }

TEST(FlexMoment, EveryFormOfAQueryIsRead) {
    Date const day{2025, 9, 11};
    struct Row {
        std::string_view text;
        std::optional<std::int64_t> time;
    };
    for (auto const& [text, time] : std::initializer_list<Row>{{"20250911", std::nullopt},
                                                               {"2025-09-11", std::nullopt},
                                                               {"11-Sep-25", std::nullopt},
                                                               {"11-SEP-2025", std::nullopt},
                                                               {"20250911;170005", at(17, 0, 5)},
                                                               {"20250911,170005", at(17, 0, 5)},
                                                               {"20250911 170005", at(17, 0, 5)},
                                                               {"20250911T170005", at(17, 0, 5)},
                                                               {"20250911170005", at(17, 0, 5)},
                                                               {"2025-09-11, 17:00:05", at(17, 0, 5)},
                                                               {"2025-09-11;17:00:05", at(17, 0, 5)},
                                                               {"2025-09-11 17:00", at(17, 0, 0)},
                                                               {"2025-09-11T17:00:05-04:00", at(17, 0, 5)},
                                                               {"20250911;170005 EDT", at(17, 0, 5)},
                                                               {"11-Sep-25;17:00:05", at(17, 0, 5)},
                                                               {"2025091117:00:05", at(17, 0, 5)}}) {
        auto const parsed = parse_moment(text, DayOrder::unknown);
        ASSERT_TRUE(parsed && *parsed) << text;
        EXPECT_EQ((*parsed)->date, day) << text;
        EXPECT_EQ((*parsed)->microseconds_of_day, time) << text;
    }
}

TEST(FlexMoment, SlashesAreReadByWhatOtherDatesTold) {
    EXPECT_EQ((*parse_moment("09/25/2025;170005", DayOrder::unknown))->date, (Date{2025, 9, 25}));
    EXPECT_EQ((*parse_moment("25/09/2025", DayOrder::unknown))->date, (Date{2025, 9, 25}));
    EXPECT_EQ((*parse_moment("09/25/25", DayOrder::unknown))->date, (Date{2025, 9, 25}));
    EXPECT_EQ((*parse_moment("05/05/2025", DayOrder::unknown))->date, (Date{2025, 5, 5}));
    EXPECT_EQ((*parse_moment("03/04/2025", DayOrder::month_first))->date, (Date{2025, 3, 4}));
    EXPECT_EQ((*parse_moment("03/04/2025", DayOrder::day_first))->date, (Date{2025, 4, 3}));
    EXPECT_EQ((*parse_moment("03/04/2025", DayOrder::day_first))->microseconds_of_day, std::nullopt);
    EXPECT_EQ(*(*parse_moment("03/04/2025;09:30:00", DayOrder::day_first))->microseconds_of_day, at(9, 30, 0));
    auto const ambiguous = parse_moment("03/04/2025", DayOrder::unknown);
    ASSERT_FALSE(ambiguous);
    EXPECT_THAT(ambiguous.error().message,
                testing::AllOf(testing::HasSubstr("'03/04/2025' can be two days"), testing::HasSubstr("yyyy-MM-dd")));
    EXPECT_FALSE(parse_moment("25/09/2025", DayOrder::month_first));
    EXPECT_EQ(day_order_of("25/09/2025"), DayOrder::day_first);
    EXPECT_EQ(day_order_of("09/25/2025;170005"), DayOrder::month_first);
    EXPECT_EQ(day_order_of("03/04/2025"), DayOrder::unknown);
    EXPECT_EQ(day_order_of("20250925"), DayOrder::unknown);
}

TEST(FlexMoment, NoDayThatIsNone) {
    for (std::string_view const text :
         {"20250931", "2025-13-01", "20250229", "31/31/2025", "2025", "hello", "20250911;250000", "20250911;1700", "2025-9-11",
          "32-Jan-25", "11-Foo-25", "20250911;17:00:05:11", "2025091", "/1/2025", "1//2025"}) {
        EXPECT_FALSE(parse_moment(text, DayOrder::unknown)) << text;
    }
    EXPECT_FALSE(*parse_moment("", DayOrder::unknown));
    EXPECT_FALSE(*parse_moment("MULTI", DayOrder::unknown));
}

TEST(FlexCodes, SayWhyAQuantityMoved) {
    struct Row {
        std::string_view notes, transaction_type, buy_sell, sec_type;
        bool closes_long, price_is_zero;
        TradeCodes codes;
    };
    for (auto const& row : std::initializer_list<Row>{
             {"", "ExchTrade", "BUY", "STK", false, false, {}},
             {"P", "ExchTrade", "BUY", "STK", false, false, {}},
             {"A", "BookTrade", "BUY", "OPT", false, true, {Cause::assignment}},
             {"A;C", "BookTrade", "SELL", "STK", true, false, {Cause::assignment}},
             {"Ex", "BookTrade", "SELL", "OPT", true, true, {Cause::exercise}},
             {"AEx;P", "BookTrade", "SELL", "OPT", true, true, {Cause::exercise}},
             {"MEx", "BookTrade", "BUY", "STK", false, false, {Cause::exercise}},
             {"GEA", "BookTrade", "SELL", "OPT", true, true, {Cause::exercise}},
             {"GEA", "BookTrade", "BUY", "OPT", false, true, {Cause::assignment}},
             {"Ep", "BookTrade", "SELL", "OPT", true, true, {Cause::expiry}},
             {"C;Ep", "BookTrade", "SELL", "OPT", true, false, {Cause::cash_settlement}},
             {"Ep", "BookTrade", "SELL", "BILL", true, false, {Cause::maturity}},
             {"R", "ExchTrade", "BUY", "STK", false, false, {Cause::reinvestment}},
             {"RP", "ExchTrade", "BUY", "STK", false, false, {}},
             {"Ca", "TradeCancel", "BUY (Ca.)", "STK", true, false, {Cause::execution, true, false}},
             {"", "ExchTrade", "SELL (Ca.)", "STK", false, false, {Cause::execution, true, false}},
             {"", "FracShareCancel", "BUY", "STK", false, false, {Cause::execution, true, false}},
             {"Co", "TradeCorrect", "BUY", "STK", false, false, {Cause::execution, false, true}},
             {"", "FracShare", "SELL", "STK", true, false, {}},
         }) {
        EXPECT_EQ(trade_codes(row.notes, row.transaction_type, row.buy_sell, row.sec_type, row.closes_long, row.price_is_zero),
                  row.codes)
            << row.notes << " " << row.transaction_type;
    }
}

TEST(FlexNumber, NoiseAndNonsenseAtTheEdges) {
    struct Row {
        std::string_view text;
        std::string_view value;  // empty: not a number
    };
    std::string const many(401, '1');
    for (auto const& [text, value] : std::initializer_list<Row>{{"+1,000", "1000"}, {"+1.00000000000000000051", "1.000000000000000001"},
                                                                {"1.0000000000000000005E+0", "1"}, {"0.0000000000000000015", "0.000000000000000002"},
                                                                {"0.0000000000000000025", "0.000000000000000002"}, {"0.0000000000000000004", "0"},
                                                                {"1E-401", ""}, {"1E401", ""}, {".", ""}, {"1a,000", ""}, {"1.5E3x", ""},
                                                                {"1234567890123456789012.1234567890123456789", ""}, {many, ""}}) {
        auto const parsed = parse_number(text);
        EXPECT_EQ(parsed ? (*parsed)->to_string() : "", value) << text;
    }
}

TEST(FlexMoment, WhatIsNoDateOrTimeIsRefused) {
    for (std::string_view const text :
         {"2025", "20251301", "20250932", "2025x09-11", "2025-9-11", "2025-09x11", "2025-09-1x", "2025-13-01", "1/2", "1/2/3", "123/1/2025", "1/123/2025",
          "1/2-2025", "1/2/202", "1/2/20251", "13/13/2025", "0/1/2025", "1/0/2025", "11-Xyz-25", "11-Sep-2", "11-Sep-202", "31-Feb-25", "11_Sep-25",
          "11-Sep_25", "Sep 11", "20250911;24:00:00", "20250911;12:60:00", "20250911;12:00:60", "20250911;12:0", "20250911;12:00:0", "20250911;1200",
          "20250911;noon", "20250911;12:00:00;", "20250911;12:00:00,", "20250911;12:00:00:"}) {
        auto const parsed = parse_moment(text, DayOrder::unknown);
        EXPECT_FALSE(parsed) << text;
    }
}

TEST(FlexMoment, YearsOfTwoDigitsAndTimesWithoutASeparator) {
    struct Row {
        std::string_view text;
        Date date;
        bool timed;
    };
    for (auto const& [text, date, timed] :
         std::initializer_list<Row>{{"9/25/25", {2025, 9, 25}, false}, {"25/9/25", {2025, 9, 25}, false}, {"9/25/79", {1979, 9, 25}, false},
                                    {"09/25/25120000", {2025, 9, 25}, true}, {"09/25/2025120000", {2025, 9, 25}, true},
                                    {"09/25/2512:00:00", {2025, 9, 25}, true}, {"09/25/202512:00", {2025, 9, 25}, true}, {"5-Sep-25", {2025, 9, 5}, false},
                                    {"25-SEP-2025", {2025, 9, 25}, false}, {"25-sep-25120000", {2025, 9, 25}, true}, {"20250925T9:05", {2025, 9, 25}, true},
                                    {"2025-09-25 09:05:07 EDT", {2025, 9, 25}, true}}) {
        auto const parsed = parse_moment(text, DayOrder::unknown);
        ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
        ASSERT_TRUE(*parsed) << text;
        EXPECT_EQ((*parsed)->date, date) << text;
        EXPECT_EQ((*parsed)->microseconds_of_day.has_value(), timed) << text;
    }
    EXPECT_EQ(day_order_of("9/25/25"), DayOrder::month_first);
    EXPECT_EQ(day_order_of("25/9/25"), DayOrder::day_first);
    EXPECT_EQ(day_order_of("9/9/25"), DayOrder::unknown);
    EXPECT_EQ(day_order_of("2025-09-25"), DayOrder::unknown);
    EXPECT_FALSE(parse_moment("9/25/25", DayOrder::day_first)) << "another order than the dates before it";
    EXPECT_FALSE(parse_moment("25/9/25", DayOrder::month_first));
    EXPECT_FALSE(parse_moment("9/8/25", DayOrder::unknown)) << "two days";
}

TEST(FlexCodes, TellWhyAPositionEnded) {
    struct Row {
        std::string_view notes;
        std::string_view type;
        bool closes_long;
        bool price_is_zero;
        Cause cause;
    };
    for (auto const& [notes, type, closes_long, price_is_zero, cause] :
         std::initializer_list<Row>{{"A", "OPT", false, true, Cause::assignment}, {"Ex;C", "OPT", true, true, Cause::exercise}, {"AEx", "OPT", true, true, Cause::exercise},
                                    {"MEx", "OPT", true, true, Cause::exercise}, {"GEA", "OPT", true, true, Cause::exercise},
                                    {"GEA", "OPT", false, true, Cause::assignment}, {"R", "STK", false, false, Cause::reinvestment},
                                    {"Ep", "OPT", true, true, Cause::expiry}, {"Ep", "OPT", true, false, Cause::cash_settlement},
                                    {"Ep", "BOND", true, false, Cause::maturity}, {"Ep", "BILL", true, false, Cause::maturity}, {"A, Ep", "OPT", true, true, Cause::assignment},
                                    {"P", "STK", false, false, Cause::execution}}) {
        EXPECT_EQ(trade_codes(notes, "ExchTrade", "BUY", type, closes_long, price_is_zero).cause, cause) << notes << " " << type;
    }
    for (auto const& [type, cause] : std::initializer_list<std::pair<std::string_view, std::optional<Cause>>>{
             {"Assignment", Cause::assignment}, {"Exercise", Cause::exercise}, {"Expiration", Cause::expiry}, {"Cash Settlement", Cause::cash_settlement}, {"Buy", std::nullopt}}) {
        EXPECT_EQ(option_event_cause(type), cause) << type;
    }
    for (auto const& [category, kind] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"FXCFD", "CFD"}, {"FSFOP", "FOP"}, {"FSOPT", "OPT"}, {"STK", "STK"}}) {
        EXPECT_EQ(sec_type_of(category), kind);
    }
    for (auto const kind : {"OPT", "FOP", "FUT", "WAR", "IOPT"}) EXPECT_TRUE(named_by_underlying(kind)) << kind;
    EXPECT_FALSE(named_by_underlying("STK"));
}

}  // namespace
}  // namespace possync::statement

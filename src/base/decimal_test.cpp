#include "base/decimal.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::base {
namespace {

Decimal dec(std::string_view text) {
    auto const value = Decimal::parse(text);
    EXPECT_TRUE(value.has_value()) << text;
    return value.value_or(Decimal());
}

TEST(Decimal, ParsesAndPrintsCanonically) {
    struct Row {
        char const* text;
        char const* canonical;
    };
    for (auto const& row :
         {Row{"0", "0"}, Row{"-0", "0"}, Row{"0.000", "0"}, Row{"1", "1"}, Row{"+1", "1"},
          Row{"-12.50", "-12.5"}, Row{".5", "0.5"}, Row{"5.", "5"}, Row{"1E3", "1000"},
          Row{"1e-7", "0.0000001"}, Row{"1.5E+2", "150"}, Row{"00012", "12"},
          Row{"201.88297091", "201.88297091"}, Row{"0.000000000000000001", "0.000000000000000001"},
          Row{"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
          Row{"123456789012345678.123456789012345678", "123456789012345678.123456789012345678"},
          Row{"1000000000000000000000.50", "1000000000000000000000.5"},
          Row{"1.0000000000000000000000", "1"}}) {
        EXPECT_EQ(dec(row.text).to_string(), row.canonical) << row.text;
    }
}

TEST(Decimal, RefusesWhatIsNoNumber) {
    for (char const* text : {"", "-", "+", ".", "e5", "1e", "1e+-3", " 1", "1 ", "1,5", "0x10", "NaN",
                             "Infinity", "1.2.3", "--1", "1e5x"}) {
        auto const value = Decimal::parse(text);
        ASSERT_FALSE(value.has_value()) << text;
        EXPECT_EQ(value.error().code, ErrorCode::invalid_input) << text;
    }
}

TEST(Decimal, RefusesWhatDoesNotFit) {
    for (char const* text : {"1.7976931348623157E308", "100000000000000000000000000000000000000",
                             "0.0000000000000000001", "1e-19", "1e38", "1e99999999999999999999"}) {
        auto const value = Decimal::parse(text);
        ASSERT_FALSE(value.has_value()) << text;
        EXPECT_EQ(value.error().code, ErrorCode::out_of_range) << text;
    }
}

TEST(Decimal, RoundsHalfToEven) {
    struct Row {
        char const* value;
        int decimals;
        char const* rounded;
    };
    for (auto const& row : {Row{"0.5", 0, "0"}, Row{"1.5", 0, "2"}, Row{"2.5", 0, "2"}, Row{"-0.5", 0, "0"},
                            Row{"-1.5", 0, "-2"}, Row{"0.125", 2, "0.12"}, Row{"0.135", 2, "0.14"},
                            Row{"0.1251", 2, "0.13"}, Row{"9.995", 2, "10"}}) {
        EXPECT_EQ(dec(row.value).rounded(row.decimals).to_string(), row.rounded) << row.value;
    }
    EXPECT_EQ(divide_rounded(1, 3, 10).to_string(), "0.3333333333");
    EXPECT_EQ(divide_rounded(2, 3, 10).to_string(), "0.6666666667");
    EXPECT_EQ(divide_rounded(-2, 3, 10).to_string(), "-0.6666666667");
    EXPECT_EQ(multiply_divide_rounded(dec("2883"), 9, 29, 10).to_string(), "894.724137931");
    EXPECT_EQ(multiply_rounded(dec("123456789.123456789"), dec("987654321.987654321"), 10).to_string(),
              "121932631356500531.3472031691");
    EXPECT_EQ(divide_rounded(dec("1"), dec("0.000000000000000003"), 2).to_string(), "333333333333333333.33");
}

TEST(Decimal, OverflowThrows) {
    Decimal const largest = dec("99999999999999999999999999999999999999");
    EXPECT_THROW((void)(largest + Decimal(1)), DecimalOverflow);
    EXPECT_THROW((void)(largest * Decimal(10)), DecimalOverflow);
    EXPECT_THROW((void)(dec("0.0000000001") * dec("0.0000000001")), DecimalOverflow);
    EXPECT_EQ(largest - largest, Decimal(0));
    EXPECT_THROW((void)multiply_rounded(largest, largest, 0), DecimalOverflow);
}

TEST(Decimal, ComparesByValue) {
    EXPECT_LT(dec("-1"), dec("0.000000000000000001"));
    EXPECT_LT(dec("950.5"), dec("1000"));
    EXPECT_GT(dec("-950.5"), dec("-1000"));
    EXPECT_LT(dec("99999999999999999999999999999999999998"), dec("99999999999999999999999999999999999999"));
    EXPECT_GT(dec("99999999999999999999999999999999999999"), dec("0.5"));
    EXPECT_EQ(dec("1.50"), dec("1.5"));
}

TEST(Decimal, TakesTheShortestDecimalOfADouble) {
    EXPECT_EQ(Decimal::from_double_shortest(0.1)->to_string(), "0.1");
    EXPECT_EQ(Decimal::from_double_shortest(1581.09)->to_string(), "1581.09");
    EXPECT_EQ(Decimal::from_double_shortest(-0.0)->to_string(), "0");
    EXPECT_EQ(Decimal::from_double_shortest(1e-300)->to_string(), "0");
    EXPECT_FALSE(Decimal::from_double_shortest(1.7976931348623157e308).has_value());
    EXPECT_FALSE(Decimal::from_double_shortest(std::numeric_limits<double>::infinity()).has_value());
    EXPECT_FALSE(Decimal::from_double_shortest(std::numeric_limits<double>::quiet_NaN()).has_value());
}

Decimal any_decimal() {
    auto const high = *rc::gen::arbitrary<std::int64_t>();
    return Decimal::from_parts(high, *rc::gen::inRange(0, 19));
}

RC_GTEST_PROP(DecimalProperty, ParseOfPrintIsTheSame, ()) {
    Decimal const value = any_decimal();
    RC_ASSERT(*Decimal::parse(value.to_string()) == value);
}

RC_GTEST_PROP(DecimalProperty, SumsAgreeWithWholeNumbers, (std::int32_t a, std::int32_t b)) {
    auto const scale = *rc::gen::inRange(0, 10);
    Decimal const x = Decimal::from_parts(a, scale);
    Decimal const y = Decimal::from_parts(b, scale);
    RC_ASSERT(x + y == Decimal::from_parts(std::int64_t{a} + b, scale));
    RC_ASSERT(x - y == Decimal::from_parts(std::int64_t{a} - b, scale));
    RC_ASSERT(x * y == Decimal::from_parts(Int128{a} * b, 2 * scale <= 18 ? 2 * scale : 18) ||
              2 * scale > 18);
    RC_ASSERT((x < y) == (a < b));
}

RC_GTEST_PROP(DecimalProperty, SharesAndRestSumToTheWhole, (std::int64_t amount, std::uint16_t part)) {
    Decimal const whole = Decimal(std::int64_t{part} + *rc::gen::inRange(1, 1000));
    Decimal const value = Decimal::from_parts(amount, 4);
    Decimal const share = multiply_divide_rounded(value, Decimal(part), whole, 10);
    RC_ASSERT(share + (value - share) == value);
    // The share is off by at most half a unit of the last place.
    Decimal const error = (share * whole - value * Decimal(part)).abs();
    RC_ASSERT(error + error <= whole * Decimal::from_parts(1, 10));
}

RC_GTEST_PROP(DecimalProperty, DoublesComeBack, (double value)) {
    auto const decimal = Decimal::from_double_shortest(value);
    if (decimal && std::abs(value) > 1 && std::abs(value) < 1e15)
        RC_ASSERT(decimal->to_double_inexact() == value);
}

}  // namespace
}  // namespace possync::base

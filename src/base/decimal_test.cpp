#include "base/decimal.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/prng.hpp"

namespace possync::base {
namespace {

Decimal dec(std::string_view text) {
    auto const value = Decimal::parse(text);
    EXPECT_TRUE(value.has_value()) << text;
    return value.value_or(Decimal());
}

Int128 largest_coefficient() { return dec("99999999999999999999999999999999999999").coefficient(); }

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
    for (char const* text :
         {"1.7976931348623157E308", "100000000000000000000000000000000000000", "0.0000000000000000001",
          "1e-19", "1e38", "1e99999999999999999999", "1e9223372036854775807", "1e-9223372036854775808"}) {
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
    EXPECT_THROW((void)(-largest - Decimal(1)), DecimalOverflow);
    EXPECT_THROW((void)(largest + largest), DecimalOverflow);
    EXPECT_THROW((void)Decimal::from_parts(largest.coefficient() + 1, 0), DecimalOverflow);
    EXPECT_THROW((void)divide_rounded(largest, dec("0.1"), 0), DecimalOverflow);
    // Aligned, these two need more than 128 bits together: the carry must not get lost.
    EXPECT_THROW((void)(dec("34e36") + dec("9000000000000000000000000000000000000.1")), DecimalOverflow);
    EXPECT_EQ(largest - largest, Decimal(0));
    EXPECT_THROW((void)multiply_rounded(largest, largest, 0), DecimalOverflow);
}

TEST(Decimal, TheLastDigitThatFitsIsNotRefused) {
    // The aligned coefficients need more than 38 digits, the results do not.
    EXPECT_EQ((dec("1e37") - dec("0.5")).to_string(), "9999999999999999999999999999999999999.5");
    EXPECT_EQ((dec("99999999999999999999.999999999999999999") + dec("1e-18")).to_string(),
              "100000000000000000000");
    EXPECT_EQ((dec("1267650600228229401496703205376") * dec("0.000003814697265625")).to_string(),
              "4835703278458516698824704");
    EXPECT_EQ(multiply_rounded(dec("1e29"), 1, 10), dec("1e29"));
    EXPECT_EQ(multiply_divide_rounded(dec("1e-18"), dec("1e-18"), dec("100000000000000000001"), 0),
              Decimal(0));
    EXPECT_EQ(Decimal::from_parts(largest_coefficient() + 1, 18).to_string(), "100000000000000000000");
}

TEST(Decimal, ADoubleMustSayWhatItMeans) {
    static_assert(!std::is_constructible_v<Decimal, double>);
    static_assert(!std::is_constructible_v<Decimal, float>);
    static_assert(std::is_convertible_v<int, Decimal> && std::is_convertible_v<std::int64_t, Decimal>);
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
    EXPECT_EQ(Decimal::from_double_shortest(1e37)->to_string(), "10000000000000000000000000000000000000");
    // Beyond 18 decimals: half-even on the shortest digits.
    EXPECT_EQ(Decimal::from_double_shortest(2.5e-18)->to_string(), "0.000000000000000002");
    EXPECT_EQ(Decimal::from_double_shortest(-3.5e-18)->to_string(), "-0.000000000000000004");
    EXPECT_EQ(Decimal::from_double_shortest(1.2345678901234567e-05)->to_string(), "0.000012345678901235");
    EXPECT_EQ(Decimal::from_double_shortest(1.2345678901234567e-10)->to_string(), "0.000000000123456789");
    EXPECT_EQ(Decimal::from_double_shortest(5e-19)->to_string(), "0");
    EXPECT_EQ(Decimal::from_double_shortest(5.1e-19)->to_string(), "0.000000000000000001");
    EXPECT_FALSE(Decimal::from_double_shortest(1.7976931348623157e308).has_value());
    EXPECT_FALSE(Decimal::from_double_shortest(std::numeric_limits<double>::infinity()).has_value());
    EXPECT_FALSE(Decimal::from_double_shortest(std::numeric_limits<double>::quiet_NaN()).has_value());
}

// The reference: whole numbers without a limit, by a library that shares nothing with Decimal.
using boost::multiprecision::cpp_int;

cpp_int power_of_ten(int exponent) { return boost::multiprecision::pow(cpp_int(10), unsigned(exponent)); }

cpp_int whole(Decimal const& value) {
    std::string digits = value.to_string();
    std::erase(digits, '.');
    bool const negative = digits.front() == '-';
    // A leading zero would mean octal to cpp_int.
    auto const first = digits.find_first_not_of("-0");
    cpp_int const magnitude(first == std::string::npos ? "0" : digits.substr(first));
    return negative ? cpp_int(-magnitude) : magnitude;
}

/// value * 10^-scale as canonical text, or nothing when it does not fit into 38 digits and 18 decimals.
std::optional<std::string> text_of(cpp_int value, int scale) {
    while (scale > 0 && value % 10 == 0) {
        value /= 10;
        --scale;
    }
    if (scale > 18 || abs(value) >= power_of_ten(38)) return std::nullopt;
    std::string digits = cpp_int(abs(value)).str();
    if (digits.size() <= std::size_t(scale)) digits.insert(0, std::size_t(scale) + 1 - digits.size(), '0');
    if (scale > 0) digits.insert(digits.size() - std::size_t(scale), ".");
    return (value < 0 ? "-" : "") + digits;
}

cpp_int half_even(cpp_int const& numerator, cpp_int const& denominator) {
    cpp_int const n = abs(numerator), d = abs(denominator);
    cpp_int quotient = n / d;
    cpp_int const twice = (n % d) * 2;
    if (twice > d || (twice == d && quotient % 2 != 0)) ++quotient;
    return (numerator < 0) != (denominator < 0) ? cpp_int(-quotient) : quotient;
}

/// The canonical text of what `formula` answers, or nothing when it throws DecimalOverflow.
template <typename Formula>
std::optional<std::string> text_or_overflow(Formula formula) {
    try {
        return formula().to_string();
    } catch (DecimalOverflow const&) {
        return std::nullopt;
    }
}

/// Any size from 1 to 38 digits, any scale, with the neighbourhoods of 10^n and 5 * 10^n (ties, carries, last
/// digits) drawn as often as numbers at random.
Decimal any_decimal(Prng& random) {
    auto const digits = static_cast<std::size_t>(random.between(1, 38));
    Int128 limit = 1;
    for (std::size_t i = 0; i < digits; ++i)
        limit *= 10;
    auto const bits = (static_cast<UInt128>(random.next()) << 64) | random.next();
    auto coefficient = static_cast<Int128>(bits % static_cast<UInt128>(limit));
    if (random.chance(500)) {
        coefficient = (random.chance(500) ? limit / 10 : limit / 2) + random.between(-1, 1);
        if (coefficient >= limit) coefficient = limit - 1;
    }
    return Decimal::from_parts(random.chance(500) ? -coefficient : coefficient, int(random.between(0, 18)));
}

constexpr int draws = 50;

RC_GTEST_PROP(DecimalProperty, ParseOfPrintIsTheSame, (std::uint64_t seed)) {
    Prng random(seed);
    for (int i = 0; i < draws; ++i) {
        Decimal const value = any_decimal(random);
        auto const text = value.to_string();
        RC_ASSERT(*Decimal::parse(text) == value);
        RC_ASSERT(text == text_of(whole(value), value.scale()));
        RC_ASSERT(value.scale() == 0 || value.coefficient() % 10 != 0);
    }
}

RC_GTEST_PROP(DecimalProperty, SumsProductsAndOrderAreExactOrRefused, (std::uint64_t seed)) {
    Prng random(seed);
    for (int i = 0; i < draws; ++i) {
        Decimal const a = any_decimal(random);
        Decimal const b = any_decimal(random);
        int const scale = std::max(a.scale(), b.scale());
        cpp_int const x = whole(a) * power_of_ten(scale - a.scale());
        cpp_int const y = whole(b) * power_of_ten(scale - b.scale());
        RC_ASSERT(text_or_overflow([&] { return a + b; }) == text_of(x + y, scale));
        RC_ASSERT(text_or_overflow([&] { return a - b; }) == text_of(x - y, scale));
        RC_ASSERT(text_or_overflow([&] { return a * b; }) ==
                  text_of(whole(a) * whole(b), a.scale() + b.scale()));
        RC_ASSERT((a < b) == (x < y));
        RC_ASSERT((a > b) == (x > y));
        RC_ASSERT((a == b) == (x == y));
    }
}

RC_GTEST_PROP(DecimalProperty, QuotientsAndRoundingAreHalfEven, (std::uint64_t seed)) {
    Prng random(seed);
    for (int i = 0; i < draws; ++i) {
        Decimal const a = any_decimal(random);
        Decimal const b = any_decimal(random);
        Decimal const c = any_decimal(random);
        auto const decimals = static_cast<int>(random.between(0, 18));
        auto const power = power_of_ten(decimals);
        RC_ASSERT(a.rounded(decimals).to_string() ==
                  text_of(half_even(whole(a) * power, power_of_ten(a.scale())), decimals));

        // A result with more than 38 digits is refused, or exact where it needs fewer decimals.
        auto const agrees = [&](std::optional<std::string> const& answer, cpp_int const& n,
                                cpp_int const& d) {
            cpp_int const expected = half_even(n * power, d);
            if (abs(expected) >= power_of_ten(38) && !answer) return true;
            return answer == text_of(expected, decimals);
        };
        cpp_int const product = whole(a) * whole(b);
        RC_ASSERT(agrees(text_or_overflow([&] { return multiply_rounded(a, b, decimals); }), product,
                         power_of_ten(a.scale() + b.scale())));
        if (c.is_zero()) continue;
        RC_ASSERT(agrees(text_or_overflow([&] { return divide_rounded(a, c, decimals); }),
                         whole(a) * power_of_ten(c.scale()), whole(c) * power_of_ten(a.scale())));
        RC_ASSERT(agrees(text_or_overflow([&] { return multiply_divide_rounded(a, b, c, decimals); }),
                         product * power_of_ten(c.scale()), whole(c) * power_of_ten(a.scale() + b.scale())));
    }
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

RC_GTEST_PROP(DecimalProperty, DoublesComeBack, (std::uint64_t seed)) {
    Prng random(seed);
    for (int i = 0; i < draws; ++i) {
        // At least 0.01, so that 17 digits fit into 18 decimals and nothing is rounded away.
        double const value = std::ldexp(static_cast<double>(random.between(1LL << 52, (1LL << 53) - 1)),
                                        static_cast<int>(random.between(-58, 60)));
        double const signed_value = random.chance(500) ? -value : value;
        auto const decimal = Decimal::from_double_shortest(signed_value);
        RC_ASSERT(decimal.has_value());
        RC_ASSERT(decimal->to_double_inexact() == signed_value);
    }
}

RC_GTEST_PROP(DecimalProperty, AnyTextIsANumberOrAnError, ()) {
    auto const text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("0019+-.eE x")));
    auto const value = Decimal::parse(text);
    if (value) RC_ASSERT(*Decimal::parse(value->to_string()) == *value);
    if (!value) RC_ASSERT(!value.error().message.empty());
}

}  // namespace
}  // namespace possync::base

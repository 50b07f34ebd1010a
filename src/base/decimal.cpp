#include "base/decimal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ostream>

#include "base/check.hpp"

namespace possync::base {

namespace {

constexpr int digits_max = 38;

constexpr std::array<Int128, 39> make_powers() {
    std::array<Int128, 39> powers{};
    Int128 power = 1;
    for (std::size_t i = 0; i < powers.size(); ++i) {
        powers[i] = power;
        if (i + 1 < powers.size()) power *= 10;
    }
    return powers;
}
constexpr auto powers_of_ten = make_powers();
constexpr Int128 coefficient_max = powers_of_ten[38] - 1;

constexpr UInt128 magnitude(Int128 value) {
    return value < 0 ? UInt128(0) - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

[[noreturn]] void overflow(char const* what) { throw DecimalOverflow(what); }

Int128 signed_of(UInt128 value, bool negative) {
    if (value > static_cast<UInt128>(coefficient_max)) overflow("number has more than 38 digits");
    auto const positive = static_cast<Int128>(value);
    return negative ? -positive : positive;
}

/// 256 bits, unsigned, high and low halves: the intermediate of products and scaled quotients.
struct Wide {
    UInt128 high = 0;
    UInt128 low = 0;
};

Wide multiply(UInt128 a, UInt128 b) {
    constexpr UInt128 mask = ~std::uint64_t{0};
    UInt128 const a_low = a & mask, a_high = a >> 64;
    UInt128 const b_low = b & mask, b_high = b >> 64;
    UInt128 const low = a_low * b_low;
    UInt128 const middle_1 = a_high * b_low + (low >> 64);
    UInt128 const middle_2 = a_low * b_high + (middle_1 & mask);
    return {a_high * b_high + (middle_1 >> 64) + (middle_2 >> 64), (middle_2 << 64) | (low & mask)};
}

/// Throws when the product leaves 256 bits; divided by 38 digits it would still have more than 38.
Wide multiply(Wide const& a, UInt128 b) {
    Wide const low = multiply(a.low, b);
    Wide const high = multiply(a.high, b);
    UInt128 const sum = high.low + low.high;
    if (high.high != 0 || sum < high.low) overflow("number too large");
    return {sum, low.low};
}

bool operator<(Wide const& a, Wide const& b) { return a.high != b.high ? a.high < b.high : a.low < b.low; }
bool operator==(Wide const& a, Wide const& b) { return a.high == b.high && a.low == b.low; }

/// Precondition: b <= a.
Wide subtract(Wide const& a, Wide const& b) { return {a.high - b.high - (a.low < b.low), a.low - b.low}; }

int bit_length(UInt128 value) {
    auto const high = static_cast<std::uint64_t>(value >> 64);
    return high != 0 ? 128 - std::countl_zero(high)
                     : 64 - std::countl_zero(static_cast<std::uint64_t>(value));
}
int bit_length(Wide const& value) {
    return value.high != 0 ? 128 + bit_length(value.high) : bit_length(value.low);
}

Wide shift_left(Wide const& value, int by) {
    if (by == 0) return value;
    if (by >= 128) return {value.low << (by - 128), 0};
    return {(value.high << by) | (value.low >> (128 - by)), value.low << by};
}

struct Division {
    Wide quotient;
    Wide remainder;
};

/// Precondition: divisor != 0.
Division divide(Wide const& numerator, Wide const& divisor) {
    if (numerator.high == 0 && divisor.high == 0) {
        return {{0, numerator.low / divisor.low}, {0, numerator.low % divisor.low}};
    }
    if (divisor.high == 0 && divisor.low <= UINT64_MAX) {
        // Four 64-bit digits, each step a 128-by-64 division.
        UInt128 rest = numerator.high % divisor.low;
        Wide quotient{numerator.high / divisor.low, 0};
        for (int const shift : {64, 0}) {
            UInt128 const part = (rest << 64) | static_cast<std::uint64_t>(numerator.low >> shift);
            quotient.low |= (part / divisor.low) << shift;
            rest = part % divisor.low;
        }
        return {quotient, {0, rest}};
    }
    // Shift and subtract: only numbers far beyond any account come here.
    Division result{{}, numerator};
    int shift = bit_length(numerator) - bit_length(divisor);
    if (shift < 0) return result;
    for (Wide part = shift_left(divisor, shift);; --shift) {
        if (!(result.remainder < part)) {
            result.remainder = subtract(result.remainder, part);
            (shift >= 128 ? result.quotient.high : result.quotient.low) |= UInt128(1) << (shift % 128);
        }
        if (shift == 0) return result;
        part = {part.high >> 1, (part.low >> 1) | (part.high << 127)};
    }
}

/// numerator / denominator, half-even.
Int128 divide_half_even(Wide const& numerator, Wide const& denominator, bool negative) {
    Division const division = divide(numerator, denominator);
    if (division.quotient.high != 0) overflow("number has more than 38 digits");
    UInt128 quotient = division.quotient.low;
    Wide const rest = subtract(denominator, division.remainder);  // compares 2r with d without overflow
    bool const above = rest < division.remainder;
    bool const tie = rest == division.remainder;
    if (quotient > static_cast<UInt128>(coefficient_max)) overflow("number has more than 38 digits");
    if (above || (tie && (quotient & 1) != 0)) ++quotient;
    return signed_of(quotient, negative);
}

/// The exact value * 10^-scale: gives trailing zeros back until it fits, or throws because digits would be
/// lost.
Decimal fit(Wide value, int scale, bool negative) {
    while (scale > 0 &&
           (scale > Decimal::scale_max || value.high != 0 || value.low > UInt128(coefficient_max))) {
        Division const tenth = divide(value, {0, 10});
        if (tenth.remainder.low != 0) overflow("number has more than 38 digits or 18 decimals");
        value = tenth.quotient;
        --scale;
    }
    if (value.high != 0 || scale > Decimal::scale_max)
        overflow("number has more than 38 digits or 18 decimals");
    return Decimal::from_parts(signed_of(value.low, negative), scale);
}

bool is_small(Int128 value) { return value >= INT64_MIN && value <= INT64_MAX; }

Int128 power_of_ten(int exponent) { return powers_of_ten[static_cast<std::size_t>(exponent)]; }

/// a * 10^-a_scale + b * 10^-b_scale.
Decimal sum(Int128 a, int a_scale, Int128 b, int b_scale) {
    if (is_small(a) && is_small(b)) {
        // 64 bits times at most 10^18 stays below 10^38: nothing to check.
        if (a_scale < b_scale) return Decimal::from_parts(a * power_of_ten(b_scale - a_scale) + b, b_scale);
        return Decimal::from_parts(a + b * power_of_ten(a_scale - b_scale), a_scale);
    }
    int const scale = std::max(a_scale, b_scale);
    Wide const x = multiply(magnitude(a), UInt128(power_of_ten(scale - a_scale)));
    Wide const y = multiply(magnitude(b), UInt128(power_of_ten(scale - b_scale)));
    if ((a < 0) == (b < 0)) {
        UInt128 const low = x.low + y.low;
        return fit({x.high + y.high + (low < x.low), low}, scale, a < 0);
    }
    return x < y ? fit(subtract(y, x), scale, b < 0) : fit(subtract(x, y), scale, a < 0);
}

}  // namespace

Decimal Decimal::from_parts(Int128 coefficient, int scale) {
    CHECK(scale >= 0 && scale <= scale_max);
    while (scale > 0) {
        // 64-bit division is several times cheaper, and nearly every number fits.
        if (is_small(coefficient)) {
            auto small = static_cast<std::int64_t>(coefficient);
            while (scale > 0 && small % 10 == 0) {
                small /= 10;
                --scale;
            }
            coefficient = small;
            break;
        }
        if (coefficient % 10 != 0) break;
        coefficient /= 10;
        --scale;
    }
    if (magnitude(coefficient) > UInt128(coefficient_max)) overflow("number has more than 38 digits");
    Decimal result;
    result.coefficient_ = coefficient;
    result.scale_ = coefficient == 0 ? 0 : scale;
    return result;
}

Result<Decimal> Decimal::parse(std::string_view text) {
    if (Decimal value; parse_plain(text, value)) return value;
    auto malformed = [&] {
        return fail(ErrorCode::invalid_input,
                    "'" + std::string(text.substr(0, 60)) + "' is not a decimal number");
    };
    auto too_large = [&] {
        return fail(ErrorCode::out_of_range,
                    "'" + std::string(text.substr(0, 60)) + "' has more than 38 digits or 18 decimals");
    };
    char const* at = text.data();
    char const* const end = at + text.size();
    bool negative = false;
    if (at != end && (*at == '-' || *at == '+')) negative = *at++ == '-';

    UInt128 coefficient = 0;
    std::uint64_t fast = 0;  // the first 18 significant digits are gathered in 64 bits
    int significant = 0;
    std::int64_t decimals = 0;
    bool any_digit = false;
    bool after_point = false;
    for (; at != end; ++at) {
        char const c = *at;
        if (c >= '0' && c <= '9') {
            any_digit = true;
            if (significant > 0 || c != '0') ++significant;
            if (significant > digits_max) {
                // Trailing zeros after the point carry nothing; anything else does not fit.
                if (c == '0' && after_point) {
                    --significant;
                    continue;
                }
                return too_large();
            }
            if (significant <= 18) {
                fast = fast * 10 + static_cast<unsigned>(c - '0');
            } else {
                if (significant == 19) coefficient = fast;
                coefficient = coefficient * 10 + static_cast<unsigned>(c - '0');
            }
            if (after_point) ++decimals;
        } else if (c == '.' && !after_point) {
            after_point = true;
        } else {
            break;
        }
    }
    if (!any_digit) return malformed();
    if (significant <= 18) coefficient = fast;
    std::int64_t exponent = 0;
    if (at != end) {
        if (*at != 'e' && *at != 'E') return malformed();
        ++at;
        bool const exponent_plus = at != end && *at == '+';
        if (exponent_plus) ++at;
        auto const [stop, error] = std::from_chars(at, end, exponent);
        if (error != std::errc{} || stop != end || (exponent_plus && *at == '-')) {
            if (error == std::errc::result_out_of_range) return too_large();
            return malformed();
        }
    }
    if (coefficient == 0) return Decimal();
    // Far beyond what any text can balance, and far from the end of 64 bits.
    constexpr std::int64_t exponent_limit = std::int64_t{1} << 60;
    std::int64_t scale = decimals - std::clamp(exponent, -exponent_limit, exponent_limit);
    while (scale > 0 && coefficient % 10 == 0) {
        coefficient /= 10;
        --scale;
    }
    while (scale < 0) {
        if (coefficient > static_cast<UInt128>(coefficient_max) / 10) return too_large();
        coefficient *= 10;
        ++scale;
    }
    if (scale > scale_max || coefficient > static_cast<UInt128>(coefficient_max)) return too_large();
    Decimal result;
    result.coefficient_ = negative ? -static_cast<Int128>(coefficient) : static_cast<Int128>(coefficient);
    result.scale_ = static_cast<int>(scale);
    return result;
}

Result<Decimal> Decimal::from_double_shortest(double value) {
    if (!std::isfinite(value)) return fail(ErrorCode::invalid_input, "not a finite number");
    std::array<char, 64> buffer;
    auto const [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
    CHECK(error == std::errc{});
    std::string_view const text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    if (auto exact = parse(text)) return exact;
    // Too many decimals (at most 17 digits are significant): round at the last decimal that fits.
    auto const mark = text.find('e');
    std::int64_t exponent = 0;
    std::string_view const digits = text.substr(mark + 1);
    std::from_chars(digits.data() + (digits.front() == '+'), digits.data() + digits.size(), exponent);
    if (exponent > 0) {
        return fail(ErrorCode::out_of_range, "'" + std::string(text) + "' has more than 38 digits");
    }
    POSSYNC_TRY(Decimal const mantissa, parse(text.substr(0, mark)));
    std::int64_t const drop = mantissa.scale() - exponent - scale_max;
    if (drop > digits_max - 1) return Decimal();
    Wide const divisor{0, UInt128(power_of_ten(static_cast<int>(drop)))};
    Wide const digits_of_value{0, magnitude(mantissa.coefficient())};
    return from_parts(divide_half_even(digits_of_value, divisor, mantissa.is_negative()), scale_max);
}

char* Decimal::write(char* out) const {
    std::array<char, 48> digits;
    char* const end = digits.data() + digits.size();
    char* begin = end;
    UInt128 rest = magnitude(coefficient_);
    if (rest > UINT64_MAX) {
        // The lower 19 digits leave as one 64-bit number; what stays is below 10^19.
        constexpr std::uint64_t chunk = 10'000'000'000'000'000'000U;
        auto lower = static_cast<std::uint64_t>(rest % chunk);
        rest /= chunk;
        for (int i = 0; i < 19; ++i, lower /= 10)
            *--begin = static_cast<char>('0' + lower % 10);
    }
    auto small = static_cast<std::uint64_t>(rest);
    do {
        *--begin = static_cast<char>('0' + small % 10);
        small /= 10;
    } while (small != 0);
    while (end - begin <= scale_)
        *--begin = '0';
    if (coefficient_ < 0) *out++ = '-';
    auto const whole = static_cast<std::size_t>(end - begin - scale_);
    std::memcpy(out, begin, whole);
    out += whole;
    if (scale_ > 0) {
        *out++ = '.';
        std::memcpy(out, begin + whole, static_cast<std::size_t>(scale_));
        out += scale_;
    }
    return out;
}

std::string Decimal::to_string() const {
    std::array<char, 48> buffer;
    return {buffer.data(), write(buffer.data())};
}

double Decimal::to_double_inexact() const {
    std::array<char, 48> buffer;
    double value = 0;
    std::from_chars(buffer.data(), write(buffer.data()), value);
    return value;
}

std::ostream& operator<<(std::ostream& out, Decimal const& value) { return out << value.to_string(); }

Decimal Decimal::abs() const { return is_negative() ? -*this : *this; }

Decimal Decimal::rounded(int decimals) const {
    CHECK(decimals >= 0 && decimals <= scale_max);
    if (scale_ <= decimals) return *this;
    Wide const divisor{0, UInt128(power_of_ten(scale_ - decimals))};
    return from_parts(divide_half_even({0, magnitude(coefficient_)}, divisor, is_negative()), decimals);
}

Decimal operator+(Decimal const& a, Decimal const& b) {
    return sum(a.coefficient_, a.scale_, b.coefficient_, b.scale_);
}

Decimal operator-(Decimal const& a, Decimal const& b) {
    return sum(a.coefficient_, a.scale_, -b.coefficient_, b.scale_);
}

Decimal operator-(Decimal const& a) {
    Decimal result = a;
    result.coefficient_ = -a.coefficient_;
    return result;
}

Decimal operator*(Decimal const& a, Decimal const& b) {
    Wide const product = multiply(magnitude(a.coefficient_), magnitude(b.coefficient_));
    bool const negative = a.is_negative() != b.is_negative();
    return fit(product, a.scale_ + b.scale_, negative);
}

std::strong_ordering operator<=>(Decimal const& a, Decimal const& b) {
    if (a.sign() != b.sign()) return a.sign() <=> b.sign();
    if (a.scale_ == b.scale_) return a.coefficient_ <=> b.coefficient_;
    Wide const x = multiply(magnitude(a.coefficient_), UInt128(power_of_ten(b.scale_)));
    Wide const y = multiply(magnitude(b.coefficient_), UInt128(power_of_ten(a.scale_)));
    auto const order = x.high != y.high ? x.high <=> y.high : x.low <=> y.low;
    return a.is_negative() ? 0 <=> order : order;
}

Decimal multiply_rounded(Decimal const& a, Decimal const& b, int decimals) {
    return multiply_divide_rounded(a, b, Decimal(1), decimals);
}

Decimal divide_rounded(Decimal const& a, Decimal const& b, int decimals) {
    return multiply_divide_rounded(a, Decimal(1), b, decimals);
}

Decimal multiply_divide_rounded(Decimal const& a, Decimal const& b, Decimal const& c, int decimals) {
    CHECK(!c.is_zero());
    CHECK(decimals >= 0 && decimals <= Decimal::scale_max);
    Wide const product = multiply(magnitude(a.coefficient()), magnitude(b.coefficient()));
    UInt128 const denominator = magnitude(c.coefficient());
    bool const negative = (a.sign() * b.sign() * c.sign()) < 0;
    int const scale = a.scale() + b.scale() - c.scale();  // of the plain quotient of the coefficients
    if (denominator == 1 && scale >= 0 && scale <= decimals) return fit(product, scale, negative);
    int const shift = decimals - scale;  // digits to add, or to take away; 36 at most either way
    UInt128 const power = UInt128(power_of_ten(std::abs(shift)));
    Int128 const coefficient = shift >= 0
                                   ? divide_half_even(multiply(product, power), {0, denominator}, negative)
                                   : divide_half_even(product, multiply(denominator, power), negative);
    return Decimal::from_parts(coefficient, decimals);
}

}  // namespace possync::base

#include "base/decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>
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

/// Throws when the product leaves 256 bits.
Wide multiply(Wide const& a, UInt128 b) {
    Wide const low = multiply(a.low, b);
    Wide const high = multiply(a.high, b);
    UInt128 const sum = high.low + low.high;
    if (high.high != 0 || sum < high.low) overflow("number too large");
    return {sum, low.low};
}

struct Division {
    Wide quotient;
    UInt128 remainder = 0;
};

/// Schoolbook division, bit by bit above 128 bits; divisors are below 2^127.
Division divide(Wide const& a, UInt128 divisor) {
    if (a.high == 0) return {{0, a.low / divisor}, a.low % divisor};
    Division result;
    result.quotient.high = a.high / divisor;
    UInt128 remainder = a.high % divisor;
    UInt128 low = 0;
    for (int bit = 127; bit >= 0; --bit) {
        remainder = (remainder << 1) | ((a.low >> bit) & 1);
        low <<= 1;
        if (remainder >= divisor) {
            remainder -= divisor;
            low |= 1;
        }
    }
    result.quotient.low = low;
    result.remainder = remainder;
    return result;
}

/// numerator / denominator, half-even.
Int128 divide_half_even(Wide const& numerator, UInt128 denominator, bool negative) {
    Division const division = divide(numerator, denominator);
    if (division.quotient.high != 0) overflow("number too large");
    UInt128 quotient = division.quotient.low;
    UInt128 const rest = denominator - division.remainder;  // compares 2r with d without overflow
    bool const above = division.remainder > rest;
    bool const tie = division.remainder == rest;
    if (above || (tie && (quotient & 1) != 0)) ++quotient;
    return signed_of(quotient, negative);
}

struct Aligned {
    Int128 a;
    Int128 b;
    int scale;
};

Aligned align(Decimal const& a, Decimal const& b) {
    if (a.scale() == b.scale()) return {a.coefficient(), b.coefficient(), a.scale()};
    auto grow = [](Int128 value, int by) {
        UInt128 const size = magnitude(value);
        if (size > static_cast<UInt128>(coefficient_max / powers_of_ten[static_cast<std::size_t>(by)])) {
            overflow("sum has more than 38 digits");
        }
        return value * powers_of_ten[static_cast<std::size_t>(by)];
    };
    if (a.scale() < b.scale()) return {grow(a.coefficient(), b.scale() - a.scale()), b.coefficient(), b.scale()};
    return {a.coefficient(), grow(b.coefficient(), a.scale() - b.scale()), a.scale()};
}

Decimal checked(Int128 coefficient, int scale) {
    if (magnitude(coefficient) > static_cast<UInt128>(coefficient_max)) overflow("number has more than 38 digits");
    return Decimal::from_parts(coefficient, scale);
}

}  // namespace

Decimal Decimal::from_parts(Int128 coefficient, int scale) {
    CHECK(scale >= 0 && scale <= scale_max);
    while (scale > 0) {
        // 64-bit division is several times cheaper, and nearly every number fits.
        if (coefficient >= INT64_MIN && coefficient <= INT64_MAX) {
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
    Decimal result;
    result.coefficient_ = coefficient;
    result.scale_ = coefficient == 0 ? 0 : scale;
    return result;
}

Result<Decimal> Decimal::parse(std::string_view text) {
    auto malformed = [&] {
        return fail(ErrorCode::invalid_input, "'" + std::string(text.substr(0, 60)) + "' is not a decimal number");
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
    int decimals = 0;
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
    std::int64_t scale = decimals - exponent;
    while (scale > 0 && coefficient % 10 == 0 && scale > 0) {
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
    auto const [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
    CHECK(error == std::errc{});
    std::string_view const text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    if (auto exact = parse(text)) return exact;
    // Too many decimals (at most 17 digits are significant): round at the last decimal that fits.
    auto const mark = text.find('e');
    std::int64_t exponent = 0;
    std::string_view const digits = text.substr(mark + 1);
    std::from_chars(digits.data() + (digits.front() == '+'), digits.data() + digits.size(), exponent);
    if (exponent > 0) return fail(ErrorCode::out_of_range, "'" + std::string(text) + "' has more than 38 digits");
    POSSYNC_TRY(Decimal const mantissa, parse(text.substr(0, mark)));
    std::int64_t const drop = mantissa.scale() - exponent - scale_max;
    if (drop > digits_max - 1) return Decimal();
    UInt128 const divisor = static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(drop)]);
    return from_parts(divide_half_even({0, magnitude(mantissa.coefficient())}, divisor, mantissa.is_negative()), scale_max);
}

char* Decimal::write(char* out) const {
    std::array<char, 48> digits;
    char* const end = digits.data() + digits.size();
    char* begin = end;
    UInt128 rest = magnitude(coefficient_);
    while (rest > UINT64_MAX) {
        *--begin = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    auto small = static_cast<std::uint64_t>(rest);
    do {
        *--begin = static_cast<char>('0' + small % 10);
        small /= 10;
    } while (small != 0);
    while (end - begin <= scale_) *--begin = '0';
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
    auto const divisor = static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(scale_ - decimals)]);
    return from_parts(divide_half_even({0, magnitude(coefficient_)}, divisor, is_negative()), decimals);
}

Decimal operator+(Decimal const& a, Decimal const& b) {
    Aligned const x = align(a, b);
    Int128 sum = 0;  // two numbers of 38 digits can leave 128 bits
    if (__builtin_add_overflow(x.a, x.b, &sum)) overflow("number has more than 38 digits");
    return checked(sum, x.scale);
}

Decimal operator-(Decimal const& a, Decimal const& b) {
    Aligned const x = align(a, b);
    Int128 difference = 0;
    if (__builtin_sub_overflow(x.a, x.b, &difference)) overflow("number has more than 38 digits");
    return checked(difference, x.scale);
}

Decimal operator-(Decimal const& a) {
    Decimal result = a;
    result.coefficient_ = -a.coefficient_;
    return result;
}

Decimal operator*(Decimal const& a, Decimal const& b) {
    Wide const product = multiply(magnitude(a.coefficient_), magnitude(b.coefficient_));
    bool const negative = a.is_negative() != b.is_negative();
    int scale = a.scale_ + b.scale_;
    if (product.high != 0) overflow("product has more than 38 digits");
    UInt128 coefficient = product.low;
    while (scale > Decimal::scale_max) {
        if (coefficient % 10 != 0) overflow("product has more than 18 decimals");
        coefficient /= 10;
        --scale;
    }
    return Decimal::from_parts(signed_of(coefficient, negative), scale);
}

std::strong_ordering operator<=>(Decimal const& a, Decimal const& b) {
    if (a.sign() != b.sign()) return a.sign() <=> b.sign();
    if (a.scale_ == b.scale_) return a.coefficient_ <=> b.coefficient_;
    Wide const x = multiply(magnitude(a.coefficient_), static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(b.scale_)]));
    Wide const y = multiply(magnitude(b.coefficient_), static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(a.scale_)]));
    auto const order = x.high != y.high ? x.high <=> y.high : x.low <=> y.low;
    return a.is_negative() ? 0 <=> order : order;
}

namespace {

/// numerator * 10^decimals / (denominator * 10^shift), half-even, where shift is what the scales leave over.
Decimal scaled_quotient(Wide numerator, UInt128 denominator, int scale, int decimals, bool negative) {
    int const shift = decimals - scale;  // digits to add, or to take away
    if (shift >= 0) {
        CHECK(shift <= 38);
        numerator = multiply(numerator, static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(shift)]));
        return Decimal::from_parts(divide_half_even(numerator, denominator, negative), decimals);
    }
    Wide const divisor = multiply(denominator, static_cast<UInt128>(powers_of_ten[static_cast<std::size_t>(-shift)]));
    if (divisor.high != 0 || (divisor.low >> 127) != 0) overflow("divisor has more than 38 digits");
    return Decimal::from_parts(divide_half_even(numerator, divisor.low, negative), decimals);
}

}  // namespace

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
    bool const negative = (a.sign() * b.sign() * c.sign()) < 0;
    return scaled_quotient(product, magnitude(c.coefficient()), a.scale() + b.scale() - c.scale(), decimals, negative);
}

}  // namespace possync::base

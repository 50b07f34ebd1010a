// Decimal: an exact number with up to 38 significant digits and 0..18 decimals, coefficient * 10^-scale.
// Every quantity, price and amount of money is one of these; binary floating point never carries them.
// Always normalised (no trailing zeros, no -0), so == is equality of value and text is canonical.
//
// Arithmetic that cannot be exact in this range throws DecimalOverflow. The pure modules let it pass through
// and turn it into base::Error at their entry points (ledger::fold, ledger::explain, ...): overflow is an
// error of the input, found in the middle of a formula (docs/decisions/0002-decimal.md). Plain values are
// thread-compatible; there is no global state.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace possync::base {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;
/// Aligned like a pointer: books hold a dozen numbers per row, a third of which would be padding.
__extension__ typedef __int128 StoredInt128 __attribute__((aligned(8)));

class DecimalOverflow : public std::overflow_error {
public:
    using std::overflow_error::overflow_error;
};

class Decimal {
public:
    static constexpr int scale_max = 18;

    constexpr Decimal() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): whole numbers are exact, so the conversion loses nothing.
    constexpr Decimal(std::int64_t whole) : coefficient_(whole) {}
    /// A double says in from_double_shortest what it means; it never becomes a number silently.
    template <std::floating_point Floating>
    Decimal(Floating) = delete;

    /// coefficient * 10^-scale, normalised; throws DecimalOverflow beyond 38 digits.
    /// Precondition: 0 <= scale <= 18.
    [[nodiscard]] static Decimal from_parts(Int128 coefficient, int scale);

    /// The same for what fits in 64 bits, which can be neither too large nor slow.
    [[nodiscard]] static constexpr Decimal from_small_parts(std::int64_t coefficient, int scale) {
        Decimal result;
        if (coefficient % 10'000 == 0 && scale >= 4) coefficient /= 10'000, scale -= 4;
        if (coefficient % 100 == 0 && scale >= 2) coefficient /= 100, scale -= 2;
        for (; scale > 0 && coefficient % 10 == 0; --scale) coefficient /= 10;
        result.coefficient_ = coefficient;
        result.scale_ = scale;
        return result;
    }

    /// Sign, digits, fraction and exponent ("-12.50", "1E-7", ".5"); surrounding blanks are errors.
    /// Errors: invalid_input when it is not a number, out_of_range when more digits or decimals than fit
    /// ("1.7976931348623157E308", the broker's "unset", is out_of_range: map sentinels to NULL before).
    [[nodiscard]] static Result<Decimal> parse(std::string_view text);
    /// The short way of parse() for what nearly every number looks like: a sign, at most 18 digits, a point. False, with
    /// `value` untouched, for anything else, numbers among it: then ask parse().
    [[nodiscard]] static bool parse_plain(std::string_view text, Decimal& value);

    /// Shortest decimal that reads back as the same double, as the broker's binary doubles are meant.
    /// Digits beyond 18 decimals are rounded half-even; NaN and infinities are invalid_input.
    [[nodiscard]] static Result<Decimal> from_double_shortest(double value);

    /// Canonical text: no exponent, no trailing zeros, no "-0". "0", "-12.5", "203.3333333333".
    [[nodiscard]] std::string to_string() const;
    /// Writes canonical text at `out` (room for 48 bytes), returns one past the end.
    char* write(char* out) const;

    /// Nearest double; for display and charts only, never for arithmetic.
    [[nodiscard]] double to_double_inexact() const;

    [[nodiscard]] constexpr Int128 coefficient() const { return coefficient_; }
    [[nodiscard]] constexpr int scale() const { return scale_; }
    [[nodiscard]] constexpr bool is_zero() const { return coefficient_ == 0; }
    [[nodiscard]] constexpr bool is_negative() const { return coefficient_ < 0; }
    [[nodiscard]] constexpr bool is_positive() const { return coefficient_ > 0; }
    /// -1, 0 or 1.
    [[nodiscard]] constexpr int sign() const { return (coefficient_ > 0) - (coefficient_ < 0); }
    [[nodiscard]] Decimal abs() const;

    /// Rounded half-even to `decimals` places.
    [[nodiscard]] Decimal rounded(int decimals) const;

    /// Exact; throws DecimalOverflow when the sum needs more than 38 digits.
    friend Decimal operator+(Decimal const& a, Decimal const& b);
    friend Decimal operator-(Decimal const& a, Decimal const& b);
    /// Exact product; throws DecimalOverflow when it needs more than 18 decimals or 38 digits.
    friend Decimal operator*(Decimal const& a, Decimal const& b);
    friend Decimal operator-(Decimal const& a);
    Decimal& operator+=(Decimal const& other) { return *this = *this + other; }
    Decimal& operator-=(Decimal const& other) { return *this = *this - other; }

    friend constexpr bool operator==(Decimal const&, Decimal const&) = default;
    friend std::strong_ordering operator<=>(Decimal const& a, Decimal const& b);
    /// Shown by GoogleTest and RapidCheck when an expectation fails.
    friend std::ostream& operator<<(std::ostream& out, Decimal const& value);

private:
    StoredInt128 coefficient_ = 0;
    int scale_ = 0;
};

inline bool Decimal::parse_plain(std::string_view text, Decimal& value) {
    char const* at = text.data();
    char const* const end = at + text.size();
    bool const negative = at != end && *at == '-';
    at += negative;
    char const* const first = at;
    std::uint64_t digits = 0;
    char const* point = nullptr;
    for (; at != end; ++at) {
        auto const digit = static_cast<unsigned>(*at - '0');
        if (digit <= 9) {
            digits = digits * 10 + digit;
        } else if (*at == '.' && point == nullptr) {
            point = at;
        } else {
            return false;
        }
    }
    auto const count = end - first - (point != nullptr);
    if (count == 0 || count > scale_max) return false;
    int scale = point != nullptr ? static_cast<int>(end - point - 1) : 0;
    for (; scale > 0 && digits % 10 == 0; --scale) digits /= 10;
    value.coefficient_ = negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits);
    value.scale_ = scale;
    return true;
}

// Rounded products and quotients: a 256-bit intermediate, half-even once at the end. They throw
// DecimalOverflow when the result, with that many decimals, has more than 38 digits.
// Precondition: 0 <= decimals <= 18.

/// a * b rounded to `decimals` places.
[[nodiscard]] Decimal multiply_rounded(Decimal const& a, Decimal const& b, int decimals);
/// a / b rounded to `decimals` places. Precondition: b != 0.
[[nodiscard]] Decimal divide_rounded(Decimal const& a, Decimal const& b, int decimals);
/// a * b / c rounded once. Precondition: c != 0.
[[nodiscard]] Decimal multiply_divide_rounded(Decimal const& a, Decimal const& b, Decimal const& c,
                                              int decimals);

}  // namespace possync::base

#include "statement/flex_values.hpp"

#include <array>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace possync::statement {

using base::Date;
using base::Decimal;
using base::ErrorCode;
using base::fail;
using base::Result;
using model::Cause;

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Number of digits that `text` starts with.
std::size_t leading_digits(std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && digit(text[count]))
        ++count;
    return count;
}

int number(std::string_view digits) {
    int value = 0;
    for (char const c : digits)
        value = value * 10 + (c - '0');
    return value;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

/// "1,234,567.89" -> "1234567.89"; nothing when a comma does not stand where a thousands separator does.
std::optional<std::string> without_separators(std::string_view text) {
    std::string result;
    std::size_t const end = std::min(text.find_first_of(".eE"), text.size());
    std::string_view whole = text.substr(0, end);
    if (whole.starts_with('-') || whole.starts_with('+')) {
        result += whole[0];
        whole.remove_prefix(1);
    }
    for (bool first = true;; first = false) {
        auto const comma = whole.find(',');
        std::string_view const group = whole.substr(0, comma);
        if (leading_digits(group) != group.size() || group.empty() || group.size() > 3 || (!first && group.size() != 3))
            return std::nullopt;
        result += group;
        if (comma == std::string_view::npos) break;
        whole.remove_prefix(comma + 1);
    }
    if (text.find(',', end) != std::string_view::npos) return std::nullopt;
    return result.append(text.substr(end));
}

/// A well-formed number with more decimals than fit, rounded to 18; nothing for anything else.
std::optional<Decimal> rounded_number(std::string_view text) {
    bool const negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    int exponent = 0;
    if (auto const e = text.find_first_of("eE"); e != std::string_view::npos) {
        std::string_view tail = text.substr(e + 1);
        if (tail.starts_with('+')) tail.remove_prefix(1);
        auto const [stop, error] = std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
        if (error != std::errc{} || stop != tail.data() + tail.size()) return std::nullopt;
        text = text.substr(0, e);
    }
    std::string digits;
    int scale = -1;
    for (char const c : text) {
        if (c == '.' && scale < 0) {
            scale = 0;
        } else if (digit(c)) {
            digits += c;
            if (scale >= 0) ++scale;
        } else {
            return std::nullopt;
        }
    }
    if (digits.empty() || digits.size() > 400 || exponent > 400 || exponent < -400) return std::nullopt;
    int const decimals = std::max(scale, 0) - exponent;
    if (decimals <= Decimal::scale_max) return std::nullopt;
    // Cut behind the 18th decimal; what was cut decides the last digit, half to even.
    auto const cut = static_cast<std::size_t>(decimals - Decimal::scale_max);
    if (digits.size() < cut) return Decimal();
    std::string const kept = digits.substr(0, digits.size() - cut);
    std::string_view const rest = std::string_view(digits).substr(kept.size());
    bool const above_half = rest[0] > '5' || (rest[0] == '5' && rest.find_first_not_of('0', 1) != std::string_view::npos);
    bool const is_half = rest[0] == '5' && !above_half;
    std::size_t const significant = kept.find_first_not_of('0');
    std::string_view const leading =
        significant == std::string::npos ? std::string_view{} : std::string_view(kept).substr(significant);
    if (leading.size() > 37) return std::nullopt;
    base::Int128 coefficient = 0;
    for (char const c : leading)
        coefficient = coefficient * 10 + (c - '0');
    if (above_half || (is_half && coefficient % 2 != 0)) ++coefficient;
    return Decimal::from_parts(negative ? -coefficient : coefficient, Decimal::scale_max);
}

std::unexpected<base::Error> not_a_date(std::string_view text) {
    return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a date or time of a Flex statement", text.substr(0, 40)));
}

bool valid(int year, int month, int day) {
    return month >= 1 && day >= 1 &&
           (std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
            std::chrono::day(static_cast<unsigned>(day)))
               .ok();
}

Date date(int year, int month, int day) { return {year, static_cast<unsigned>(month), static_cast<unsigned>(day)}; }

/// A year of two digits: IBKR opened in 1978; statements are of the past.
int full_year(std::string_view digits) {
    int const year = number(digits);
    return digits.size() == 4 ? year : year < 78 ? 2000 + year : 1900 + year;
}

struct Slashed {
    int first = 0;
    int second = 0;
    int year = 0;
    std::size_t size = 0;  ///< characters
};

/// dd/MM/yyyy or MM/dd/yyyy, the year with two or four digits.
std::optional<Slashed> slashed(std::string_view text) {
    auto const first = leading_digits(text);
    if (first < 1 || first > 2 || text.size() <= first || text[first] != '/') return std::nullopt;
    auto const second = leading_digits(text.substr(first + 1));
    std::size_t const at_year = first + 1 + second + 1;
    if (second < 1 || second > 2 || text.size() < at_year + 2 || text[at_year - 1] != '/') return std::nullopt;
    auto const year = leading_digits(text.substr(at_year));
    // A time may follow without separator: then the year is the one that leaves HHmmss or HH:mm:ss.
    std::size_t year_size = year == 2 || year == 4 ? year : year == 8 ? 2 : year == 10 ? 4 : 0;
    if (text.size() > at_year + year && text[at_year + year] == ':') year_size = year == 4 ? 2 : year == 6 ? 4 : 0;
    if (year_size == 0) return std::nullopt;
    return Slashed{number(text.substr(0, first)), number(text.substr(first + 1, second)),
                   full_year(text.substr(at_year, year_size)), at_year + year_size};
}

int month_named(std::string_view name) {
    static constexpr std::array<std::string_view, 12> names{"jan", "feb", "mar", "apr", "may", "jun",
                                                            "jul", "aug", "sep", "oct", "nov", "dec"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        bool same = name.size() == 3;
        for (std::size_t c = 0; same && c < 3; ++c)
            same = (name[c] | 0x20) == names[i][c];
        if (same) return static_cast<int>(i) + 1;
    }
    return 0;
}

/// HHmmss, HH:mm:ss or HH:mm at the start of `text`; nothing otherwise.
std::optional<std::int64_t> time_of_day(std::string_view text) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    auto const count = leading_digits(text);
    if (count == 6) {
        hour = number(text.substr(0, 2)), minute = number(text.substr(2, 2)), second = number(text.substr(4, 2));
        text.remove_prefix(6);
    } else if (count <= 2 && count > 0 && text.size() >= count + 3 && text[count] == ':' &&
               leading_digits(text.substr(count + 1)) == 2) {
        hour = number(text.substr(0, count)), minute = number(text.substr(count + 1, 2));
        text.remove_prefix(count + 3);
        if (text.starts_with(':')) {
            if (leading_digits(text.substr(1)) != 2) return std::nullopt;
            second = number(text.substr(1, 2));
            text.remove_prefix(3);
        }
    } else {
        return std::nullopt;
    }
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    // Nothing but a zone may follow: " EDT", "-04:00", "Z".
    if (!text.empty() && (digit(text[0]) || text[0] == ':' || text[0] == ';' || text[0] == ',')) return std::nullopt;
    return ((hour * 60LL + minute) * 60 + second) * 1'000'000;
}

}  // namespace

bool is_unset(std::string_view text) { return text.empty() || text == "--" || text == "-" || text == "N/A" || text == "MULTI"; }

Result<std::optional<Decimal>> parse_number(std::string_view text) {
    Decimal value;
    if (Decimal::parse_plain(text, value)) return value;
    text = trimmed(text);
    if (is_unset(text)) return std::nullopt;
    std::string plain(text);
    if (text.find(',') != std::string_view::npos) {
        auto stripped = without_separators(text);
        if (!stripped) return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a number", text.substr(0, 40)));
        plain = std::move(*stripped);
    }
    auto parsed = Decimal::parse(plain);
    if (parsed) return *parsed;
    if (auto const rounded = rounded_number(plain)) return *rounded;
    if (parsed.error().code == ErrorCode::out_of_range) {
        return fail(ErrorCode::invalid_input, fmt::format("'{}' is a number of more than 38 digits", text.substr(0, 60)));
    }
    return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a number", text.substr(0, 40)));
}

DayOrder day_order_of(std::string_view text) {
    auto const parts = slashed(trimmed(text));
    if (!parts) return DayOrder::unknown;
    bool const month_first = valid(parts->year, parts->first, parts->second);
    bool const day_first = valid(parts->year, parts->second, parts->first);
    return month_first == day_first ? DayOrder::unknown : month_first ? DayOrder::month_first : DayOrder::day_first;
}

Result<std::optional<Moment>> parse_moment(std::string_view original, DayOrder order) {
    std::string_view text = trimmed(original);
    if (is_unset(text)) return std::nullopt;
    Moment moment;
    auto const digits = leading_digits(text);
    if (digits >= 8) {
        int const year = number(text.substr(0, 4));
        int const month = number(text.substr(4, 2));
        int const day = number(text.substr(6, 2));
        if (!valid(year, month, day)) return not_a_date(text);
        moment.date = date(year, month, day);
        text.remove_prefix(8);
    } else if (digits == 4 && text.size() >= 10 && text[4] == '-') {
        if (leading_digits(text.substr(5)) != 2 || text[7] != '-' || leading_digits(text.substr(8)) < 2) return not_a_date(text);
        int const year = number(text.substr(0, 4));
        int const month = number(text.substr(5, 2));
        int const day = number(text.substr(8, 2));
        if (!valid(year, month, day)) return not_a_date(text);
        moment.date = date(year, month, day);
        text.remove_prefix(10);
    } else if (auto const parts = slashed(text)) {
        bool const month_first = valid(parts->year, parts->first, parts->second);
        bool const day_first = valid(parts->year, parts->second, parts->first);
        if (!month_first && !day_first) return not_a_date(text);
        if (month_first && day_first && parts->first != parts->second && order == DayOrder::unknown) {
            return fail(
                ErrorCode::invalid_input,
                fmt::format("'{}' can be two days; set the date format of the Flex query (Delivery Configuration) to yyyy-MM-dd "
                            "or yyyyMMdd and run it again",
                            text.substr(0, 40)));
        }
        if ((order == DayOrder::month_first && !month_first) || (order == DayOrder::day_first && !day_first)) {
            return fail(
                ErrorCode::invalid_input,
                fmt::format("'{}' has day and month in another order than the dates before it; set the date format of the Flex "
                            "query (Delivery Configuration) to yyyy-MM-dd and run it again",
                            text.substr(0, 40)));
        }
        bool const by_month = order == DayOrder::month_first || (order == DayOrder::unknown && month_first);
        moment.date = by_month ? date(parts->year, parts->first, parts->second) : date(parts->year, parts->second, parts->first);
        text.remove_prefix(parts->size);
    } else if ((digits == 1 || digits == 2) && text.size() >= digits + 7 && text[digits] == '-' && text[digits + 4] == '-') {
        int const month = month_named(text.substr(digits + 1, 3));
        std::string_view const rest = text.substr(digits + 5);
        auto const year_digits = leading_digits(rest);
        std::size_t const year_size = year_digits >= 4 && year_digits != 8 ? 4 : 2;
        if (month == 0 || year_digits < 2 || year_digits == 3) return not_a_date(text);
        int const year = full_year(rest.substr(0, year_size));
        int const day = number(text.substr(0, digits));
        if (!valid(year, month, day)) return not_a_date(text);
        moment.date = date(year, month, day);
        text.remove_prefix(digits + 5 + year_size);
    } else {
        return not_a_date(text);
    }
    while (!text.empty() && (text.front() == ';' || text.front() == ',' || text.front() == ' ' || text.front() == 'T')) {
        text.remove_prefix(1);
    }
    if (text.empty()) return moment;
    moment.microseconds_of_day = time_of_day(text);
    if (!moment.microseconds_of_day) return not_a_date(original);
    return moment;
}

TradeCodes trade_codes(std::string_view notes, std::string_view transaction_type, std::string_view buy_sell,
                       std::string_view sec_type, bool closes_long, bool price_is_zero) {
    TradeCodes codes;
    codes.cancels = transaction_type == "TradeCancel" || transaction_type == "FracShareCancel" || buy_sell.ends_with("(Ca.)");
    codes.corrects = transaction_type == "TradeCorrect";
    bool expired = false;
    while (!notes.empty()) {
        auto const end = notes.find_first_of(";, ");
        std::string_view const code = notes.substr(0, end);
        notes = end == std::string_view::npos ? std::string_view{} : notes.substr(end + 1);
        if (code == "Ca") codes.cancels = true;
        if (code == "Co") codes.corrects = true;
        if (code == "A") codes.cause = Cause::assignment;
        if (code == "Ex" || code == "AEx" || code == "MEx") codes.cause = Cause::exercise;
        // Exercise or assignment by offsetting positions: a long option is exercised, a short one assigned.
        if (code == "GEA") codes.cause = closes_long ? Cause::exercise : Cause::assignment;
        if (code == "R") codes.cause = Cause::reinvestment;
        if (code == "Ep") expired = true;
    }
    if (expired && codes.cause == Cause::execution) {
        bool const matures = sec_type == "BOND" || sec_type == "BILL";
        codes.cause = matures ? Cause::maturity : price_is_zero ? Cause::expiry : Cause::cash_settlement;
    }
    return codes;
}

std::optional<Cause> option_event_cause(std::string_view transaction_type) {
    if (transaction_type == "Assignment") return Cause::assignment;
    if (transaction_type == "Exercise") return Cause::exercise;
    if (transaction_type.starts_with("Expir")) return Cause::expiry;
    if (transaction_type == "Cash Settlement") return Cause::cash_settlement;
    return std::nullopt;
}

std::string_view sec_type_of(std::string_view category) {
    if (category == "FXCFD") return "CFD";
    if (category == "FSFOP") return "FOP";
    if (category == "FSOPT") return "OPT";
    return category;
}

bool named_by_underlying(std::string_view sec_type) {
    return sec_type == "OPT" || sec_type == "FOP" || sec_type == "FUT" || sec_type == "WAR" || sec_type == "IOPT";
}

}  // namespace possync::statement

// Values of a Flex statement: numbers, dates, times and codes in the forms that a query's settings allow. Pure functions.
//
// A Flex query lets its owner choose how dates and times look, and the file does not say what was chosen. Every form is read by
// its shape; 03/04/2024 alone has two readings and is an error unless another date of the same file told the order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "base/time.hpp"
#include "model/facts.hpp"

namespace possync::statement {

/// Empty and the words that IBKR prints for nothing: "-", "--", "N/A", "MULTI" (several values in a summary row).
[[nodiscard]] bool is_unset(std::string_view text);

/// Exact; thousands separators and exponents are read. Decimals beyond the 18th, which only binary noise has, are rounded
/// half-even. Unset gives nothing. Error: invalid_input naming the text.
[[nodiscard]] base::Result<std::optional<base::Decimal>> parse_number(std::string_view text);

enum class DayOrder { unknown, month_first, day_first };

/// What a date with slashes tells of the order of day and month: 13/01/2024 day_first, 01/13/2024 month_first, others unknown.
[[nodiscard]] DayOrder day_order_of(std::string_view text);

struct Moment {
    base::Date date;
    std::optional<std::int64_t> microseconds_of_day;  ///< unset: only a date
    bool operator==(Moment const&) const = default;
};

/// Dates yyyyMMdd, yyyy-MM-dd, MM/dd/yyyy, dd/MM/yyyy, either with two digits of the year, dd-MMM-yy, dd-MMM-yyyy; separated by
/// ';',
/// ',', blanks, 'T' or nothing from a time HHmmss, HH:mm:ss or HH:mm. What follows a time (a zone, as old statements have) is
/// dropped: all times of a statement are in the one zone that is configured. Unset gives nothing. Error: invalid_input, for two
/// readings with the advice what to set in the query.
[[nodiscard]] base::Result<std::optional<Moment>> parse_moment(std::string_view text, DayOrder order);

/// What the codes of a row say (attributes notes, code, transactionType).
struct TradeCodes {
    model::Cause cause = model::Cause::execution;
    bool cancels = false;
    bool corrects = false;
    bool operator==(TradeCodes const&) const = default;
};

/// `notes` as printed ("A;P"), `price_is_zero` tells an expiry from a settlement in cash.
[[nodiscard]] TradeCodes trade_codes(std::string_view notes, std::string_view transaction_type, std::string_view buy_sell,
                                     std::string_view sec_type, bool closes_long, bool price_is_zero);

/// Of an OptionEAE row: "Assignment", "Exercise", "Expiration", "Cash Settlement"; "Buy" and "Sell" (the delivery) and
/// unknown words give nothing.
[[nodiscard]] std::optional<model::Cause> option_event_cause(std::string_view transaction_type);

/// assetCategory in the words of the gateway: FXCFD is CFD, FSFOP is FOP, FSOPT is OPT; unknown ones stay as printed.
[[nodiscard]] std::string_view sec_type_of(std::string_view asset_category);

/// Whether the gateway names such an instrument by its underlying: "symbol" is the underlying's, "localSymbol" the statement's.
[[nodiscard]] bool named_by_underlying(std::string_view sec_type);

}  // namespace possync::statement

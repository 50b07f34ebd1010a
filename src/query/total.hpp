// The whole result of an account: trading P&L and everything that moved money without a trade, by currency and in the base currency
// at the statements' own rates. Sums are exact; what lacks a rate or a P&L is counted beside its sum.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "query/views.hpp"

namespace possync::query {

/// One kind of result in one currency, or with kind "total" all of them in the base currency.
struct TotalRow {
    std::string account;
    std::string kind;  ///< trading P&L, Dividends, Withholding Tax, ... as printed in statements; total
    std::string currency;
    std::int64_t parts = 0;   ///< closes or cash transactions
    OptionalDecimal amount;   ///< net; NULL: none of its parts is known
    std::int64_t unknown = 0;  ///< parts whose amount, or whose rate, is not known
    OptionalDecimal rate;     ///< base_amount / amount, 8 decimals: one rate, or the average of several days'
    OptionalText base_currency;
    OptionalDecimal base_amount;
    bool counts = true;  ///< false: deposits and withdrawals, which are no result
    bool operator==(TotalRow const&) const = default;
};

template <>
struct View<TotalRow> {
    static constexpr std::string_view name = "totals";
    static constexpr std::string_view description = "Trading P&L and cash transactions together.";
    static constexpr auto columns = std::tuple{
        Column{"account", &TotalRow::account, "The broker's account code."},
        Column{"kind", &TotalRow::kind, "trading P&L, Dividends, Withholding Tax, Broker Interest Paid ...; total."},
        Column{"currency", &TotalRow::currency, "Currency of the amount."},
        Column{"parts", &TotalRow::parts, "Closes or cash transactions in the row."},
        Column{"amount", &TotalRow::amount, "Net of commissions; NULL when nothing of it is known."},
        Column{"unknown", &TotalRow::unknown, "Parts whose amount or rate is not known; they are in no sum."},
        Column{"rate", &TotalRow::rate, "From the currency to the base currency, by the statements; an average where days differ."},
        Column{"base_currency", &TotalRow::base_currency, "Currency in which the broker keeps the account."},
        Column{"base_amount", &TotalRow::base_amount, "The amount at the statements' rates of its days."},
        Column{"counts", &TotalRow::counts, "False for deposits and withdrawals, which the total leaves out."},
    };
    static constexpr FilterColumns filter = {.account = "account", .order = "account kind currency"};
};

/// Per account: trading P&L by currency, each type of cash transaction by currency, deposits last but one, the total last. A close is
/// converted at the rate of its trade date, or the last one before it; a cash transaction at its own.
/// Errors: out_of_range when a sum does not fit.
[[nodiscard]] base::Result<std::vector<TotalRow>> totals(std::vector<AccountRow> const& accounts, std::vector<CloseRow> const& closes,
                                                         std::vector<CashTransactionRow> const& cash,
                                                         std::vector<CurrencyRateRow> const& rates);

}  // namespace possync::query

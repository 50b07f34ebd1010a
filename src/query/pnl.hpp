// Realized P&L as a report: closes added up by day, symbol and account, never across currencies. Sums are
// exact, and a close whose P&L is not known is counted beside its sum instead of being dropped or taken for
// 0.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "query/finding.hpp"
#include "query/total.hpp"
#include "query/views.hpp"

namespace possync::query {

/// What to keep apart. Currencies always are. None at all gives one total per currency.
struct PnlGrouping {
    bool day = false;
    bool symbol = false;
    bool account = false;
    bool operator==(PnlGrouping const&) const = default;
};

/// "day,symbol,account" in any order and number; "total" or "" for none. Errors: invalid_input naming the
/// words.
[[nodiscard]] base::Result<PnlGrouping> parse_pnl_grouping(std::string_view text);

/// One group. A sum is NULL when none of its parts is known; `unknown_...` counts the parts that it lacks.
struct PnlRow {
    OptionalDate day;  ///< trade date in the report zone; NULL: not grouped by day, or a close without a date
    OptionalText account;
    OptionalText symbol;
    std::string currency;
    std::int64_t closes = 0;
    OptionalDecimal realized_pnl;
    std::int64_t unknown_closes = 0;
    OptionalDecimal commissions;
    std::int64_t unknown_commissions = 0;
    OptionalDecimal net_realized_pnl;
    std::int64_t unknown_net = 0;
    OptionalDecimal estimated_realized_pnl;  ///< of closes without a known P&L; part of no other sum
    bool operator==(PnlRow const&) const = default;
};

template <>
struct View<PnlRow> {
    static constexpr std::string_view name = "pnl";
    static constexpr std::string_view description = "Realized P&L by day, symbol and account.";
    static constexpr auto columns = std::tuple{
        Column{"day", &PnlRow::day, "Trade date in the report zone."},
        Column{"account", &PnlRow::account, "The broker's account code; NULL when all are taken together."},
        Column{"symbol", &PnlRow::symbol, "Symbol; NULL when all are taken together."},
        Column{"currency", &PnlRow::currency, "Currency of every sum in the row."},
        Column{"closes", &PnlRow::closes, "How many closes the row is made of."},
        Column{"realized_pnl", &PnlRow::realized_pnl, "Gross sum of the known ones."},
        Column{"unknown_closes", &PnlRow::unknown_closes, "Closes whose realized P&L is not known."},
        Column{"commissions", &PnlRow::commissions, "Sum of the known ones."},
        Column{"unknown_commissions", &PnlRow::unknown_commissions,
               "Closes whose commissions are not known."},
        Column{"net_realized_pnl", &PnlRow::net_realized_pnl, "Sum of the known ones."},
        Column{"unknown_net", &PnlRow::unknown_net, "Closes whose net P&L is not known."},
        Column{"estimated_realized_pnl", &PnlRow::estimated_realized_pnl,
               "Guesses at the mark, part of no other sum."},
    };
    // The report is made of closes; these are the filters that choose them.
    static constexpr FilterColumns filter = View<CloseRow>::filter;
};

/// Groups sorted by day, account, symbol, currency; NULL first. Errors: out_of_range when a sum does not fit.
[[nodiscard]] base::Result<std::vector<PnlRow>> realized_pnl(std::vector<CloseRow> const& closes,
                                                             PnlGrouping grouping);

struct Filter;
/// realized_pnl of these closes, sorted and limited as `filter` says; it is not asked which closes to take.
[[nodiscard]] base::Result<std::vector<PnlRow>> pnl_of(std::vector<CloseRow> const& closes, Filter const& filter,
                                                       PnlGrouping grouping);

/// Every row that can be rendered: those of the views and the report's.
#define POSSYNC_FOR_EACH_ROW(macro) \
    POSSYNC_FOR_EACH_VIEW(macro)    \
    macro(PnlRow)                   \
    macro(FindingRow)               \
    macro(DifferenceRow)            \
    macro(ImportRow)                \
    macro(RaisedAlertRow)           \
    macro(TotalRow)

}  // namespace possync::query

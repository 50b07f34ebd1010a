// Time travel: positions as they were at a moment, from the versions kept in position_history. Two clocks run
// there: valid time (when something was so) and recorded time (since when this database said so). Without
// as_recorded the present knowledge of the past answers; with it, what would have been answered back then,
// later corrections unseen.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "query/filter.hpp"
#include "query/views.hpp"

namespace possync::query {

/// What a reader supplies, unfiltered by time except that history may be limited to rows that touch
/// `filter.at`.
struct TimeTravelInput {
    std::vector<HistoryRow> history;
    std::vector<AccountRow> accounts;
    std::vector<InstrumentRow> instruments;
    std::vector<PositionRow>
        positions;                 ///< as of now, for opened_at and closed_at; superseded ones may be absent
    std::vector<CloseRow> closes;  ///< as of now
};

/// The Filter with which to read the versions that may answer for filter.at. Precondition: filter.at is set.
[[nodiscard]] Filter history_filter(Filter const& filter);

/// One row per position that existed at filter.at, in the view's natural order, then sorted and limited as
/// the filter says. quantity, average_price, realized_pnl and commissions are those of the moment;
/// unknown_closes, net and estimated P&L are added up from the closes up to it, and NULL under as_recorded,
/// where they are not kept. Marks and freshness are NULL: they have no history. Precondition: filter is
/// checked and has `at`. Errors: out_of_range when a sum does not fit.
[[nodiscard]] base::Result<std::vector<PositionRow>> positions_at(TimeTravelInput const& input,
                                                                  Filter const& filter);

}  // namespace possync::query

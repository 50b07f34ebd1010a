#include "query/time_travel.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/check.hpp"

namespace possync::query {

using base::Result;
using base::Timestamp;

namespace {

/// Holds at `at`: [valid_from, valid_to) as far as `as_recorded` (unset: now) knew.
bool holds(HistoryRow const& row, Timestamp at, std::optional<Timestamp> as_recorded) {
    if (row.valid_from && *row.valid_from > at) return false;
    if (row.valid_to && *row.valid_to <= at) return false;
    if (!as_recorded) return !row.recorded_to;
    if (row.recorded_from && *row.recorded_from > *as_recorded) return false;
    return !row.recorded_to || *row.recorded_to > *as_recorded;
}

struct ClosedSoFar {
    std::int64_t unknown = 0;
    OptionalDecimal net = base::Decimal(0);  ///< unset as soon as one part is unknown
    OptionalDecimal estimated;
};

}  // namespace

Filter history_filter(Filter const& filter) {
    CHECK(filter.at.has_value());
    Filter history;
    history.account = filter.account;
    history.symbol = filter.symbol;
    history.con_id = filter.con_id;
    history.since = filter.at;
    history.until = *filter.at + base::Duration(1);
    return history;
}

Result<std::vector<PositionRow>> positions_at(TimeTravelInput const& input, Filter const& filter) {
    CHECK(filter.at.has_value());
    Timestamp const at = *filter.at;

    std::map<std::string_view, AccountRow const*> accounts;
    for (auto const& row : input.accounts) accounts.emplace(row.account, &row);
    std::map<std::int64_t, InstrumentRow const*> instruments;
    for (auto const& row : input.instruments) instruments.emplace(row.con_id, &row);
    std::map<std::int64_t, PositionRow const*> positions;
    for (auto const& row : input.positions) positions.emplace(row.position_id, &row);

    std::map<std::int64_t, ClosedSoFar> closed;
    try {
        for (auto const& close : input.closes) {
            if (close.closed_at && *close.closed_at > at) continue;
            ClosedSoFar& sums = closed[close.position_id];
            if (!close.realized_pnl) {
                ++sums.unknown;
                if (auto const& part = close.estimated_realized_pnl) {
                    sums.estimated = sums.estimated ? *sums.estimated + *part : *part;
                }
            }
            if (sums.net && close.net_realized_pnl) {
                *sums.net += *close.net_realized_pnl;
            } else {
                sums.net.reset();
            }
        }
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(base::ErrorCode::out_of_range,
                          std::string("realized P&L does not add up: ") + overflow.what());
    }

    // Versions of one instant follow each other in the order of recording and of their beginning; the last
    // one counts.
    std::map<std::int64_t, HistoryRow const*> current;
    for (auto const& version : input.history) {
        if (!holds(version, at, filter.as_recorded)) continue;
        HistoryRow const*& best = current[version.position_id];
        if (best == nullptr || std::tie(best->valid_from, best->recorded_from) <=
                                   std::tie(version.valid_from, version.recorded_from)) {
            best = &version;
        }
    }

    std::vector<PositionRow> rows;
    for (auto const& [position_id, version] : current) {
        PositionRow row;
        row.position_id = position_id;
        row.account = version->account;
        row.con_id = version->con_id;
        row.symbol = version->symbol;
        if (auto const found = accounts.find(version->account); found != accounts.end()) {
            row.account_id = found->second->account_id;
        }
        if (auto const found = instruments.find(version->con_id); found != instruments.end()) {
            row.local_symbol = found->second->local_symbol;
            row.sec_type = found->second->sec_type;
            row.currency = found->second->currency;
            row.multiplier = found->second->multiplier;
        }
        bool const open = version->quantity && !version->quantity->is_zero();
        row.status = open ? "OPEN" : "CLOSED";
        row.quantity = version->quantity;
        row.average_price = version->average_price;
        row.realized_pnl = version->realized_pnl;
        row.commissions = version->commissions;
        if (!filter.as_recorded) {
            auto const found = closed.find(position_id);
            ClosedSoFar const sums = found == closed.end() ? ClosedSoFar{} : found->second;
            row.unknown_closes = sums.unknown;
            row.net_realized_pnl = sums.net;
            row.estimated_realized_pnl = sums.estimated;
        }
        if (auto const found = positions.find(position_id); found != positions.end()) {
            PositionRow const& now = *found->second;
            if (now.opened_at && *now.opened_at <= at) row.opened_at = now.opened_at;
            if (!open && now.closed_at && *now.closed_at <= at) row.closed_at = now.closed_at;
        }
        if (filter.status && row.status != *filter.status) continue;
        rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end(), [](PositionRow const& a, PositionRow const& b) {
        return std::tie(a.account, a.symbol, a.con_id, a.position_id) <
               std::tie(b.account, b.symbol, b.con_id, b.position_id);
    });
    if (filter.sort.empty()) {
        if (filter.limit && rows.size() > *filter.limit) rows.resize(*filter.limit);
    } else {
        sort_rows(rows, filter);
    }
    return rows;
}

}  // namespace possync::query

#include "query/reader.hpp"

#include <algorithm>

namespace possync::query {

using base::Result;
using base::Timestamp;

Result<Status> read_status(Reader& reader, Timestamp now, std::optional<std::string> const& account,
                           std::optional<Timestamp> statistics_since) {
    POSSYNC_TRY(auto const snapshot, ReadSnapshot::begin(reader));
    Filter of_account;
    of_account.account = account;
    Filter open = of_account;
    open.status = "OPEN";
    Filter counted_runs = of_account;
    counted_runs.since = statistics_since;

    POSSYNC_TRY(auto const accounts, reader.accounts(of_account));
    POSSYNC_TRY(auto const positions, reader.positions(open));
    POSSYNC_TRY(auto const breaks, reader.breaks(of_account));
    POSSYNC_TRY(auto const coverage, reader.coverage(of_account));
    POSSYNC_TRY(auto const runs, reader.runs(of_account));
    POSSYNC_TRY(auto gateways, reader.gateways());

    Status status;
    for (AccountRow const& row : accounts) {
        AccountStatus out;
        out.account = row.account;
        out.gateway = row.gateway;
        out.revision = row.revision;
        out.last_synced_at = row.last_synced_at;
        out.certified_through = row.certified_through;
        if (row.last_synced_at) {
            // A clock that was set back must not show a negative age.
            auto const age = std::chrono::floor<std::chrono::seconds>(now - *row.last_synced_at).count();
            out.age_seconds = std::max<std::int64_t>(age, 0);
        }
        out.open_positions = std::count_if(positions.begin(), positions.end(),
                                           [&](PositionRow const& p) { return p.account == row.account; });
        for (BreakRow const& difference : breaks) {
            if (difference.account != row.account || difference.break_class != "alert") continue;
            if (difference.state == "open") ++out.open_breaks;
            if (difference.state == "settling") ++out.settling_breaks;
        }
        for (CoverageRow const& window : coverage) {
            if (window.account != row.account) continue;
            out.coverage_gaps += window.state != "complete";
            if (out.covered_to && window.to_time <= out.covered_to) continue;
            out.coverage = window.state;
            out.covered_from = window.from_time;
            out.covered_to = window.to_time;
        }
        RunRow const* newest = nullptr;
        for (RunRow const& run : runs) {
            if (run.account != row.account) continue;
            if (newest == nullptr || newest->finished_at <= run.finished_at) newest = &run;
        }
        if (newest != nullptr) {
            out.last_outcome = newest->outcome;
            out.last_error = newest->error;
        }
        status.accounts.push_back(std::move(out));
    }
    for (GatewayStatus& gateway : gateways) {
        bool const concerned =
            !account || std::any_of(accounts.begin(), accounts.end(),
                                    [&](AccountRow const& row) { return row.gateway == gateway.gateway; });
        if (concerned) status.gateways.push_back(std::move(gateway));
    }
    if (statistics_since) {
        POSSYNC_TRY(auto const counted, reader.runs(counted_runs));
        status.statistics = statistics_of(counted);
    } else {
        status.statistics = statistics_of(runs);
    }
    return status;
}

Result<std::vector<PnlRow>> read_pnl(Reader& reader, Filter const& filter, PnlGrouping grouping) {
    POSSYNC_TRY(Filter const wanted, checked(view_info<PnlRow>(), filter));
    // Sorting and limiting are of the report's rows, not of the closes that it is made of.
    Filter of_closes = wanted;
    of_closes.sort.clear();
    of_closes.limit.reset();
    POSSYNC_TRY(auto const closes, reader.closes(of_closes));
    return pnl_of(closes, wanted, grouping);
}

Result<std::vector<PnlRow>> pnl_of(std::vector<CloseRow> const& closes, Filter const& wanted, PnlGrouping grouping) {
    POSSYNC_TRY(auto rows, realized_pnl(closes, grouping));
    if (!wanted.sort.empty()) {
        sort_rows(rows, wanted);
    } else if (wanted.limit && rows.size() > *wanted.limit) {
        rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(*wanted.limit));
    }
    return rows;
}

}  // namespace possync::query

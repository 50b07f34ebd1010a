#include "query/reader.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace possync::query {

using base::Result;
using base::Timestamp;

namespace {

/// Everything but the counters, from what was read.
Status status_of(std::vector<AccountRow> const& accounts, std::vector<PositionRow> const& positions, std::vector<BreakRow> const& breaks,
                 std::vector<CoverageRow> const& coverage, std::vector<RunRow> const& runs, std::vector<GatewayStatus> gateways,
                 Timestamp now, std::optional<std::string> const& account) {
    // One pass over each list: a firm has thousands of accounts, and asks every second.
    std::map<std::string_view, AccountStatus> by_account;
    for (AccountRow const& row : accounts) {
        AccountStatus& out = by_account[row.account];
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
    }
    auto const find = [&](std::string_view code) {
        auto const found = by_account.find(code);
        return found == by_account.end() ? nullptr : &found->second;
    };
    for (PositionRow const& row : positions) {
        if (auto* out = find(row.account)) ++out->open_positions;
    }
    for (BreakRow const& difference : breaks) {
        auto* const out = find(difference.account);
        if (out == nullptr || difference.break_class != "alert") continue;
        if (difference.state == "open") ++out->open_breaks;
        if (difference.state == "settling") ++out->settling_breaks;
    }
    for (CoverageRow const& window : coverage) {
        auto* const out = find(window.account);
        if (out == nullptr) continue;
        out->coverage_gaps += window.state != "complete";
        if (out->covered_to && window.to_time <= out->covered_to) continue;
        out->coverage = window.state;
        out->covered_from = window.from_time;
        out->covered_to = window.to_time;
    }
    std::map<std::string_view, RunRow const*> newest;
    for (RunRow const& run : runs) {
        if (!run.account) continue;
        RunRow const*& last = newest[*run.account];
        if (last == nullptr || last->finished_at <= run.finished_at) last = &run;
    }
    Status status;
    for (AccountRow const& row : accounts) {
        AccountStatus& out = by_account[row.account];
        if (auto const found = newest.find(row.account); found != newest.end()) {
            out.last_outcome = found->second->outcome;
            out.last_error = found->second->error;
        }
        status.accounts.push_back(std::move(out));
    }
    for (GatewayStatus& gateway : gateways) {
        bool const concerned = !account || std::any_of(accounts.begin(), accounts.end(),
                                                       [&](AccountRow const& row) { return row.gateway == gateway.gateway; });
        if (concerned) status.gateways.push_back(std::move(gateway));
    }
    return status;
}

}  // namespace

Result<Status> read_status(Reader& reader, Timestamp now, std::optional<std::string> const& account) {
    POSSYNC_TRY(auto const snapshot, ReadSnapshot::begin(reader));
    POSSYNC_TRY(auto const statistics_since, reader.statistics_since());
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
    Status status = status_of(accounts, positions, breaks, coverage, runs, std::move(gateways), now, account);
    if (statistics_since) {
        POSSYNC_TRY(auto const counted, reader.runs(counted_runs));
        status.statistics = statistics_of(counted);
    } else {
        status.statistics = statistics_of(runs);
    }
    return status;
}

Result<Status> read_live_status(Reader& reader, Timestamp now, Statistics statistics, std::optional<std::string> const& account) {
    POSSYNC_TRY(auto const snapshot, ReadSnapshot::begin(reader));
    Filter of_account;
    of_account.account = account;
    Filter open_positions = of_account;
    open_positions.status = "OPEN";
    Filter open_breaks = of_account;
    open_breaks.status = "open";
    Filter settling_breaks = of_account;
    settling_breaks.status = "settling";

    POSSYNC_TRY(auto const accounts, reader.accounts(of_account));
    POSSYNC_TRY(auto const positions, reader.positions(open_positions));
    POSSYNC_TRY(auto breaks, reader.breaks(open_breaks));
    POSSYNC_TRY(auto const settling, reader.breaks(settling_breaks));
    breaks.insert(breaks.end(), settling.begin(), settling.end());
    POSSYNC_TRY(auto const coverage, reader.coverage(of_account));
    POSSYNC_TRY(auto gateways, reader.gateways());
    Filter newest = of_account;
    newest.limit = 2 * accounts.size() + 8;
    POSSYNC_TRY(auto runs, reader.runs(newest));
    // Few accounts have no run among the newest; each of them is asked for by itself.
    for (AccountRow const& row : accounts) {
        if (std::any_of(runs.begin(), runs.end(), [&](RunRow const& run) { return run.account == row.account; })) continue;
        Filter last;
        last.account = row.account;
        last.limit = 1;
        POSSYNC_TRY(auto const found, reader.runs(last));
        runs.insert(runs.end(), found.begin(), found.end());
    }
    Status status = status_of(accounts, positions, breaks, coverage, runs, std::move(gateways), now, account);
    status.statistics = std::move(statistics);
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

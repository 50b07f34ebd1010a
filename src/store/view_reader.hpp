// What every store's Reader does alike: which view each call reads, checking its filter and its account, sorting, the past. A
// store adds how rows are selected and how one committed state is held.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "query/reader.hpp"
#include "query/time_travel.hpp"

namespace possync::store {

/// Derived has `select<Row>(view, select)` for the rows as they come, account_codes(), hold_state() and let_go().
template <typename Derived>
class ViewReader : public query::Reader {
public:
    base::Result<std::vector<query::AccountRow>> accounts(query::Filter const& filter) override {
        return rows<query::AccountRow>(filter);
    }
    base::Result<std::vector<query::InstrumentRow>> instruments(query::Filter const& filter) override {
        return rows<query::InstrumentRow>(filter);
    }
    base::Result<std::vector<query::PositionRow>> positions(query::Filter const& filter) override {
        if (filter.at || filter.as_recorded) return positions_of_the_past(filter);
        return rows<query::PositionRow>(filter);
    }
    base::Result<std::vector<query::CloseRow>> closes(query::Filter const& filter) override {
        return rows<query::CloseRow>(filter);
    }
    base::Result<std::vector<query::EventRow>> events(query::Filter const& filter) override {
        return rows<query::EventRow>(filter);
    }
    base::Result<std::vector<query::ExecutionRow>> executions(query::Filter const& filter) override {
        return rows<query::ExecutionRow>(filter);
    }
    base::Result<std::vector<query::LotRow>> lots(query::Filter const& filter) override { return rows<query::LotRow>(filter); }
    base::Result<std::vector<query::RunRow>> runs(query::Filter const& filter) override { return rows<query::RunRow>(filter); }
    base::Result<std::vector<query::BreakRow>> breaks(query::Filter const& filter) override {
        return rows<query::BreakRow>(filter);
    }
    base::Result<std::vector<query::CoverageRow>> coverage(query::Filter const& filter) override {
        return rows<query::CoverageRow>(filter);
    }
    base::Result<std::vector<query::AccountValueRow>> account_values(query::Filter const& filter) override {
        return rows<query::AccountValueRow>(filter);
    }
    base::Result<std::vector<query::AdjustmentRow>> adjustments(query::Filter const& filter) override {
        return rows<query::AdjustmentRow>(filter);
    }
    base::Result<std::vector<query::HistoryRow>> history(query::Filter const& filter) override {
        return rows<query::HistoryRow>(filter);
    }
    base::Result<std::vector<query::StatementRow>> statements(query::Filter const& filter) override {
        return rows<query::StatementRow>(filter);
    }
    base::Result<std::vector<query::CertificationRow>> certifications(query::Filter const& filter) override {
        return rows<query::CertificationRow>(filter);
    }
    base::Result<std::vector<query::CertificationDifferenceRow>> certification_differences(query::Filter const& filter) override {
        return rows<query::CertificationDifferenceRow>(filter);
    }
    base::Result<std::vector<query::CashTransactionRow>> cash_transactions(query::Filter const& filter) override {
        return rows<query::CashTransactionRow>(filter);
    }
    base::Result<std::vector<query::SuccessionRow>> successions(query::Filter const& filter) override {
        return rows<query::SuccessionRow>(filter);
    }
    base::Result<std::vector<query::CurrencyRateRow>> currency_rates(query::Filter const& filter) override {
        return rows<query::CurrencyRateRow>(filter);
    }

    base::Result<query::RevisionRows> change(query::RevisionKey const& key) override {
        query::RevisionRows rows;
        if (!key.first_event_id || !key.last_event_id) return rows;
        POSSYNC_TRY(auto const held, query::ReadSnapshot::begin(*this));
        auto const& events = query::view_info<query::EventRow>();
        auto const& positions = query::view_info<query::PositionRow>();
        auto const& closes = query::view_info<query::CloseRow>();
        POSSYNC_TRY(rows.events, derived().template select<query::EventRow>(events, query::select_events(events, key)));
        POSSYNC_TRY(rows.positions, derived().template select<query::PositionRow>(positions, query::select_changed_positions(positions, key)));
        POSSYNC_TRY(rows.closes, derived().template select<query::CloseRow>(closes, query::select_written_closes(closes, key)));
        return rows;
    }

    base::Result<void> begin_snapshot() override {
        // Snapshots nest: the outermost one decides what is seen.
        if (snapshot_depth_ == 0) POSSYNC_TRY_VOID(derived().hold_state());
        ++snapshot_depth_;
        return {};
    }
    void end_snapshot() override {
        CHECK(snapshot_depth_ > 0);
        if (--snapshot_depth_ == 0) derived().let_go();
    }

private:
    Derived& derived() { return static_cast<Derived&>(*this); }

    /// An account that does not exist is a typing error, not an empty answer.
    base::Result<void> require_account(std::string const& account) {
        POSSYNC_TRY(auto const codes, derived().account_codes());
        if (std::find(codes.begin(), codes.end(), account) != codes.end()) return {};
        std::string known;
        for (auto const& code : codes)
            known += (known.empty() ? "" : ", ") + code;
        return base::fail(base::ErrorCode::not_found,
                          fmt::format("unknown account '{}'; this database has {}", account.substr(0, 40),
                                      known.empty() ? "none yet: run `possync sync` first" : known));
    }

    template <typename Row>
    base::Result<std::vector<Row>> rows(query::Filter const& wanted) {
        query::ViewInfo const& view = query::view_info<Row>();
        POSSYNC_TRY(query::Filter const filter, query::checked(view, wanted));
        if (filter.account) POSSYNC_TRY_VOID(require_account(*filter.account));
        query::Select const select = query::make_select(view, filter);
        POSSYNC_TRY(std::vector<Row> found, derived().template select<Row>(view, select));
        if (select.reversed) std::reverse(found.begin(), found.end());
        query::sort_rows(found, filter);
        return found;
    }

    base::Result<std::vector<query::PositionRow>> positions_of_the_past(query::Filter const& wanted) {
        POSSYNC_TRY(query::Filter const filter, query::checked(query::view_info<query::PositionRow>(), wanted));
        POSSYNC_TRY(auto const held, query::ReadSnapshot::begin(*this));
        // The same choice of rows everywhere, but for what only the result can be asked: status, sort and
        // limit.
        query::Filter of_instrument;
        of_instrument.symbol = filter.symbol;
        of_instrument.con_id = filter.con_id;
        query::Filter of_account;
        of_account.account = filter.account;
        query::Filter both = of_instrument;
        both.account = filter.account;
        query::TimeTravelInput input;
        POSSYNC_TRY(input.history, rows<query::HistoryRow>(query::history_filter(filter)));
        POSSYNC_TRY(input.accounts, rows<query::AccountRow>(of_account));
        POSSYNC_TRY(input.instruments, rows<query::InstrumentRow>(of_instrument));
        POSSYNC_TRY(input.positions, rows<query::PositionRow>(both));
        if (!filter.as_recorded) {
            POSSYNC_TRY(input.closes, rows<query::CloseRow>(both));
        }
        return query::positions_at(input, filter);
    }

    int snapshot_depth_ = 0;
};

}  // namespace possync::store

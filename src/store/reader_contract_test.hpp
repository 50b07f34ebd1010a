// What every store's Reader must do, as tests over a short history written through the store; an implementation instantiates it
// as it does StoreContract.
#pragma once

#include <map>

#include "query/json.hpp"
#include "query/reader.hpp"
#include "store/contract_testing.hpp"

namespace possync::store::contract {

using query::Filter;

inline Timestamp moment(std::string_view text) { return base::parse_rfc3339(text).value(); }

/// A database with two accounts and a short history, written through the store.
class ReaderContract : public testing::TestWithParam<SubjectFactory> {
protected:
    void SetUp() override {
        subject_ = GetParam()();
        GatewayClaim claim;
        claim.gateway = "paper";
        claim.owner = "host:1:1";
        claim.accounts = {"DU1", "DU2"};
        claim.paper = true;
        claim.now = moment("2026-11-23T10:00:00Z");
        auto lease = subject_->store().claim(claim);
        ASSERT_TRUE(lease.has_value()) << lease.error().message;
        lease_ = std::move(*lease);
        commit_first_day();
        reader_ = subject_->open_reader();
    }

    [[nodiscard]] model::RowId id(std::int64_t n, std::size_t account = 0) const {
        return model::row_id(lease_.accounts[account].account_id, n);
    }

    void commit(CommitRequest request) {
        request.gateway_id = lease_.gateway_id;
        request.epoch = lease_.epoch;
        auto const committed = subject_->store().commit(request);
        ASSERT_TRUE(committed.has_value()) << committed.error().message;
    }

    static model::Instrument instrument(model::ConId con_id, std::string symbol, std::string type) {
        model::Instrument made;
        made.con_id = con_id;
        made.symbol = std::move(symbol);
        made.sec_type = std::move(type);
        made.currency = "USD";
        return made;
    }

    [[nodiscard]] model::Position position(std::int64_t n, model::ConId con_id, char const* quantity) const {
        model::Position made;
        made.position_id = id(n);
        made.con_id = con_id;
        made.quantity = number(quantity);
        made.average_price = number("150");
        made.commissions = number("1");
        made.opening_fact = "fact" + std::to_string(n);
        made.chain_fact = made.opening_fact;
        made.revision = 1;
        return made;
    }

    static model::HistoryRow version(model::RowId position_id, char const* quantity, char const* from, char const* to = nullptr) {
        model::HistoryRow row;
        row.position_id = position_id;
        row.quantity = number(quantity);
        row.average_price = number("150");
        row.valid_from = moment(from);
        if (to != nullptr) row.valid_to = moment(to);
        return row;
    }

    void commit_first_day() {
        model::ChangeSet change;
        change.account_id = lease_.accounts[0].account_id;
        change.recorded_at = moment("2026-11-23T10:00:01Z");
        change.next_id = 100;
        model::Instrument contract = instrument(2, "AAPL", "OPT");
        contract.multiplier = 100;
        contract.strike = number("200.5");
        contract.right = "C";
        contract.expiry = "20261218";
        change.instruments = {instrument(1, "AAPL", "STK"), contract, instrument(3, "MSFT", "STK")};

        model::Execution execution;
        execution.exec_id = "0001.01";
        execution.con_id = 1;
        execution.time = moment("2026-11-20T15:00:00Z");
        execution.side = model::Side::sold;
        execution.shares = number("60.5");
        execution.price = number("160");
        execution.order_ref = "caf\u00e9, \"x\"";
        execution.booking = model::Booking::booked;
        execution.commission = number("-0.25");
        execution.trade_date = base::Date{2026, 11, 20};
        execution.recorded_at = change.recorded_at;
        change.executions = {execution};

        auto stock = position(1, 1, "100");
        stock.opened_at = moment("2026-11-10T15:00:00Z");
        stock.realized_pnl = number("605");
        stock.unknown_closes = 1;
        auto option = position(2, 2, "-2.5");
        option.average_price = std::nullopt;
        option.commissions = std::nullopt;
        auto closed = position(3, 3, "0");
        closed.opened_at = moment("2026-11-05T15:00:00Z");
        closed.closed_at = moment("2026-11-12T15:00:00Z");
        change.positions = {stock, option, closed};

        model::Close close;
        close.close_id = id(4);
        close.position_id = stock.position_id;
        close.con_id = 1;
        close.quantity_closed = number("60.5");
        close.realized_pnl = number("605");
        close.net_realized_pnl = number("605.25");
        close.closed_at = execution.time;
        close.trade_date = base::Date{2026, 11, 20};
        close.exec_id = execution.exec_id;
        close.closing_fact = "fact";
        model::Close unproven = close;
        unproven.close_id = id(5);
        unproven.realized_pnl = unproven.net_realized_pnl = std::nullopt;
        unproven.closed_at = moment("2026-11-21T15:00:00Z");
        unproven.trade_date = base::Date{2026, 11, 21};
        unproven.cause = model::Cause::missing_at_broker;
        unproven.basis = model::Basis::unknown;
        unproven.exec_id.clear();
        unproven.closing_fact = "other";
        model::Close full = close;
        full.close_id = id(6);
        full.position_id = closed.position_id;
        full.con_id = 3;
        full.realized_pnl = number("-1000");
        full.net_realized_pnl = number("-1001");
        full.closed_at = closed.closed_at;
        full.trade_date = base::Date{2026, 11, 12};
        full.is_full_close = true;
        change.closes = {close, unproven, full};

        change.history = {version(id(1), "160.5", "2026-11-10T15:00:00Z", "2026-11-20T15:00:00Z"),
                          version(id(1), "100", "2026-11-20T15:00:00Z"), version(id(2), "-2.5", "2026-11-23T10:00:01Z"),
                          version(id(3), "7", "2026-11-05T15:00:00Z", "2026-11-12T15:00:00Z"),
                          version(id(3), "0", "2026-11-12T15:00:00Z")};
        for (std::int64_t n = 0; n < 3; ++n) {
            model::PositionEvent event;
            event.event_id = id(10 + n);
            event.position_id = id(n + 1);
            event.con_id = n + 1;
            event.quantity_after = change.positions[static_cast<std::size_t>(n)].quantity;
            if (n == 0) event.occurred_at = moment("2026-11-10T15:00:00Z");
            change.events.push_back(event);
        }
        model::Lot lot;
        lot.lot_id = id(20);
        lot.position_id = id(1);
        lot.con_id = 1;
        lot.opening_fact = "fact1";
        lot.quantity = number("160.5");
        lot.remaining_quantity = number("100");
        change.lots = {lot};
        model::Adjustment adjustment;
        adjustment.adjustment_id = id(21);
        adjustment.con_id = 2;
        adjustment.cause = model::Cause::split;
        adjustment.ratio = model::Ratio{4, 1};
        adjustment.recorded_at = change.recorded_at;
        change.adjustments = {adjustment};
        model::Break guard;
        guard.break_id = id(22);
        guard.kind = model::BreakKind::guard;
        guard.state = model::BreakState::open;
        guard.opened_at = change.recorded_at;
        guard.last_change_at = change.recorded_at;
        guard.detail = "held back";
        model::Break settling = guard;
        settling.break_id = id(23);
        settling.con_id = 1;
        settling.kind = model::BreakKind::quantity;
        settling.state = model::BreakState::settling;
        settling.broker_value = number("101");
        settling.book_value = number("100");
        change.breaks = {guard, settling};

        CommitRequest request;
        request.now = moment("2026-11-23T10:00:01Z");
        request.change_sets = {model::share(change)};
        model::SyncRun run;
        run.gateway = "paper";
        run.account_id = change.account_id;
        run.account = "DU1";
        run.trigger = model::Trigger::position_update;
        run.started_at = moment("2026-11-23T10:00:00Z");
        run.finished_at = request.now;
        run.outcome = model::Outcome::committed;
        run.positions_created = 3;
        run.broker_positions = 2;
        run.revision = 1;
        request.runs = {run};
        for (model::ConId const con_id : {1, 2}) {
            model::MarkRecord mark;
            mark.account_id = change.account_id;
            mark.con_id = con_id;
            mark.market_value = number(con_id == 1 ? "950.5" : "1000");
            mark.marked_at = request.now;
            mark.mark_source = "portfolio";
            request.marks.push_back(mark);
        }
        request.values = {{change.account_id, "NetLiquidation", "USD", "1000.50", request.now}};
        request.coverage = {
            {change.account_id, "executions", moment("2026-11-22T05:00:00Z"), moment("2026-11-22T20:00:00Z"), "unknown", "pull"},
            {change.account_id, "executions", moment("2026-11-23T05:00:00Z"), request.now, "complete", "pull"}};
        request.freshness = {{change.account_id, request.now, "USD"}};
        commit(std::move(request));
    }

    /// Sells the rest of the AAPL stock at 11:00, recorded at once.
    void commit_second_change() {
        model::ChangeSet change;
        change.account_id = lease_.accounts[0].account_id;
        change.base_revision = 1;
        change.next_id = 100;
        change.recorded_at = moment("2026-11-23T11:00:00Z");
        auto stock = position(1, 1, "0");
        stock.opened_at = moment("2026-11-10T15:00:00Z");
        stock.closed_at = change.recorded_at;
        stock.revision = 2;
        change.positions = {stock};
        change.history_ends = {{id(1), moment("2026-11-20T15:00:00Z")}};
        change.history = {version(id(1), "100", "2026-11-20T15:00:00Z", "2026-11-23T11:00:00Z"),
                          version(id(1), "0", "2026-11-23T11:00:00Z")};
        CommitRequest request;
        request.now = change.recorded_at;
        request.change_sets = {model::share(change)};
        commit(std::move(request));
    }

    template <typename Row>
    std::vector<Row> read(Filter const& filter = {}) {
        auto rows = query::read_rows<Row>(*reader_, filter);
        EXPECT_TRUE(rows.has_value()) << rows.error().message;
        return rows ? *rows : std::vector<Row>{};
    }

    std::unique_ptr<Subject> subject_;
    GatewayLease lease_;
    std::unique_ptr<query::Reader> reader_;
};

TEST_P(ReaderContract, ViewsHaveExactlyTheColumnsThatTheProgramKnows) {
    for (query::ViewInfo const* view : query::all_views()) {
        std::vector<std::string> expected;
        for (auto const& column : view->columns)
            expected.emplace_back(column.name);
        EXPECT_EQ(subject_->columns_of(view->name), expected) << view->name;
    }
}

TEST_P(ReaderContract, ReadsEveryView) {
    EXPECT_GT(reader_->schema_version().value(), 0);
    EXPECT_EQ(read<query::AccountRow>().size(), 2U);
    EXPECT_EQ(read<query::InstrumentRow>().size(), 3U);
    EXPECT_EQ(read<query::PositionRow>().size(), 3U);
    EXPECT_EQ(read<query::CloseRow>().size(), 3U);
    EXPECT_EQ(read<query::EventRow>().size(), 3U);
    EXPECT_EQ(read<query::ExecutionRow>().size(), 1U);
    EXPECT_EQ(read<query::LotRow>().size(), 1U);
    EXPECT_EQ(read<query::RunRow>().size(), 1U);
    EXPECT_EQ(read<query::BreakRow>().size(), 2U);
    EXPECT_EQ(read<query::CoverageRow>().size(), 2U);
    EXPECT_EQ(read<query::AccountValueRow>().size(), 1U);
    EXPECT_EQ(read<query::AdjustmentRow>().size(), 1U);
    EXPECT_EQ(read<query::HistoryRow>().size(), 5U);
}

TEST_P(ReaderContract, RowsCarryExactlyWhatWasCommitted) {
    auto const execution = read<query::ExecutionRow>().front();
    EXPECT_EQ(query::to_json(execution),
              R"({"exec_id":"0001.01","account":"DU1","con_id":1,"symbol":"AAPL",)"
              R"("time":"2026-11-20T15:00:00.000000Z","side":"SLD","shares":"60.5","signed_quantity":"-60.5",)"
              R"("price":"160","exchange":null,"order_id":0,"perm_id":0,"client_id":0,)"
              "\"order_ref\":\"caf\u00e9, \\\"x\\\"\","
              R"("model_code":null,"cum_qty":"0","last_liquidity":0,"commission":"-0.25",)"
              R"("commission_currency":null,"broker_realized_pnl":null,"liquidation":false,)"
              R"("trade_date":"2026-11-20","superseded_by":null,"booked":"booked","time_text":null,)"
              R"("exercise_type":null,"excluded":false,"recorded_at":"2026-11-23T10:00:01.000000Z",)"
              R"("cause":null,"transaction_id":null})");
    auto const positions = read<query::PositionRow>();
    query::PositionRow const& option = positions[1];
    EXPECT_EQ(option.sec_type, "OPT");
    EXPECT_EQ(option.quantity, number("-2.5"));
    EXPECT_EQ(option.multiplier, number("100"));
    EXPECT_EQ(option.average_price, std::nullopt);
    EXPECT_EQ(option.opened_at, std::nullopt);
    EXPECT_EQ(option.market_value, number("1000"));
    EXPECT_EQ(option.last_synced_at, moment("2026-11-23T10:00:01Z"));
    query::BreakRow const guard = read<query::BreakRow>()[0];
    EXPECT_EQ(guard.con_id, std::nullopt);
    EXPECT_EQ(guard.symbol, std::nullopt);
    EXPECT_EQ(guard.state, "open");
    EXPECT_EQ(read<query::AdjustmentRow>()[0].ratio, "4:1");
    EXPECT_EQ(read<query::AccountRow>()[1].last_synced_at, std::nullopt);
    EXPECT_TRUE(read<query::AccountRow>()[1].is_paper);
}

TEST_P(ReaderContract, ARunToWhichNoListCameDoesNotSayHowManyPositionsThereAre) {
    model::SyncRun run;
    run.gateway = "paper";
    run.account_id = lease_.accounts[0].account_id;
    run.account = "DU1";
    run.started_at = moment("2026-11-23T12:00:00Z");
    run.finished_at = moment("2026-11-23T12:00:01Z");
    run.outcome = model::Outcome::failed;
    run.error = "the list did not come";
    CommitRequest request;
    request.now = run.finished_at;
    request.runs = {run};
    commit(std::move(request));
    Filter filter;
    filter.status = "failed";
    auto const failed = read<query::RunRow>(filter);
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed[0].broker_positions, std::nullopt);
    filter.status = "committed";
    EXPECT_EQ(read<query::RunRow>(filter).at(0).broker_positions, 2);
}

TEST_P(ReaderContract, FiltersRows) {
    auto const count = [&](auto set) {
        Filter filter;
        set(filter);
        return read<query::PositionRow>(filter).size();
    };
    EXPECT_EQ(count([](Filter& f) { f.account = "DU1"; }), 3U);
    EXPECT_EQ(count([](Filter& f) { f.account = "DU2"; }), 0U);
    EXPECT_EQ(count([](Filter& f) { f.symbol = "aapl"; }), 2U);
    EXPECT_EQ(count([](Filter& f) { f.symbol = "AAP"; }), 0U);
    EXPECT_EQ(count([](Filter& f) { f.con_id = 2; }), 1U);
    EXPECT_EQ(count([](Filter& f) { f.status = "closed"; }), 1U);
    EXPECT_EQ(count([](Filter& f) { f.status = "OPEN", f.symbol = "AAPL", f.con_id = 1; }), 1U);
    EXPECT_EQ(count([](Filter& f) { f.limit = 2; }), 2U);
    // A position is there from its opening to its end; the option was open before anybody looked.
    EXPECT_EQ(count([](Filter& f) { f.until = moment("2026-11-05T15:00:00Z"); }), 1U);
    EXPECT_EQ(count([](Filter& f) { f.until = moment("2026-11-05T15:00:00.000001Z"); }), 2U);
    EXPECT_EQ(count([](Filter& f) { f.since = moment("2026-11-12T15:00:00Z"); }), 3U);
    EXPECT_EQ(count([](Filter& f) { f.since = moment("2026-11-12T15:00:00.000001Z"); }), 2U);
}

TEST_P(ReaderContract, FiltersMomentsByTime) {
    Filter filter;
    filter.since = moment("2026-11-20T15:00:00Z");
    filter.until = moment("2026-11-21T15:00:00Z");
    auto const closes = read<query::CloseRow>(filter);
    ASSERT_EQ(closes.size(), 1U);
    EXPECT_EQ(closes[0].close_id, id(4));
    // An event without a time of its own goes by the time of its recording.
    EXPECT_EQ(read<query::EventRow>(filter).size(), 0U);
    filter.since = moment("2026-11-23T10:00:01Z");
    filter.until = std::nullopt;
    EXPECT_EQ(read<query::EventRow>(filter).size(), 2U);
}

TEST_P(ReaderContract, SortsNumbersAsNumbers) {
    Filter filter;
    filter.sort = "market_value";
    auto const rows = read<query::PositionRow>(filter);
    EXPECT_EQ(rows[0].market_value, number("950.5"));  // as text "1000" would come first
    EXPECT_EQ(rows[1].market_value, number("1000"));
    EXPECT_EQ(rows[2].market_value, std::nullopt);
}

TEST_P(ReaderContract, LimitsViewsOfTimeToTheNewest) {
    Filter filter;
    filter.limit = 2;
    auto const closes = read<query::CloseRow>(filter);
    ASSERT_EQ(closes.size(), 2U);
    EXPECT_EQ(closes[0].close_id, id(4));  // still oldest first
    EXPECT_EQ(closes[1].close_id, id(5));
}

TEST_P(ReaderContract, NamesTheAccountsWhenOneIsUnknown) {
    Filter filter;
    filter.account = "DU9";
    auto const rows = reader_->events(filter);
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().code, ErrorCode::not_found);
    EXPECT_EQ(rows.error().message, "unknown account 'DU9'; this database has DU1, DU2");
    filter.account = "DU1' OR '1'='1";
    EXPECT_FALSE(reader_->positions(filter).has_value());
}

TEST_P(ReaderContract, RefusesFiltersThatDoNotApply) {
    Filter filter;
    filter.status = "OPEN";
    auto const rows = reader_->closes(filter);
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().code, ErrorCode::invalid_input);
}

inline std::map<std::string, std::string> quantities(std::vector<query::PositionRow> const& rows) {
    std::map<std::string, std::string> out;
    for (auto const& row : rows)
        out[row.symbol + " " + row.sec_type] = row.quantity->to_string();
    return out;
}

TEST_P(ReaderContract, TravelsInTime) {
    commit_second_change();
    using Map = std::map<std::string, std::string>;
    auto const at = [&](char const* time, char const* as_recorded = nullptr) {
        Filter filter;
        filter.at = moment(time);
        if (as_recorded != nullptr) filter.as_recorded = moment(as_recorded);
        return quantities(read<query::PositionRow>(filter));
    };
    EXPECT_EQ(at("2026-11-01"), Map{});
    EXPECT_EQ(at("2026-11-11"), (Map{{"AAPL STK", "160.5"}, {"MSFT STK", "7"}}));
    EXPECT_EQ(at("2026-11-21"), (Map{{"AAPL STK", "100"}, {"MSFT STK", "0"}}));
    EXPECT_EQ(at("2026-11-23T10:30:00Z"), (Map{{"AAPL STK", "100"}, {"AAPL OPT", "-2.5"}, {"MSFT STK", "0"}}));
    EXPECT_EQ(at("2026-11-23T12:00:00Z"), (Map{{"AAPL STK", "0"}, {"AAPL OPT", "-2.5"}, {"MSFT STK", "0"}}));
    EXPECT_EQ(at("2026-11-23T12:00:00Z", "2026-11-23T10:59:59Z"),
              (Map{{"AAPL STK", "100"}, {"AAPL OPT", "-2.5"}, {"MSFT STK", "0"}}));
    EXPECT_EQ(at("2026-11-21", "2026-11-21"), Map{});  // nothing had been recorded yet

    Filter filter;
    filter.at = moment("2026-11-21T16:00:00Z");
    filter.status = "open";
    filter.account = "DU1";
    auto const rows = read<query::PositionRow>(filter);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].account, "DU1");
    EXPECT_EQ(rows[0].account_id, lease_.accounts[0].account_id);
    EXPECT_EQ(rows[0].currency, "USD");
    EXPECT_EQ(rows[0].unknown_closes, 1);
    EXPECT_EQ(rows[0].net_realized_pnl, std::nullopt);
    EXPECT_EQ(rows[0].market_value, std::nullopt);
    EXPECT_EQ(rows[0].opened_at, moment("2026-11-10T15:00:00Z"));
}

TEST_P(ReaderContract, ASnapshotHoldsOneCommittedState) {
    Filter open;
    open.status = "OPEN";
    {
        auto const snapshot = query::ReadSnapshot::begin(*reader_);
        ASSERT_TRUE(snapshot.has_value());
        EXPECT_EQ(read<query::PositionRow>(open).size(), 2U);
        commit_second_change();  // the writer is not held up
        EXPECT_EQ(read<query::PositionRow>(open).size(), 2U);
        EXPECT_EQ(read<query::AccountRow>()[0].revision, 1);
    }
    EXPECT_EQ(read<query::PositionRow>(open).size(), 1U);
    EXPECT_EQ(read<query::AccountRow>()[0].revision, 2);
}

TEST_P(ReaderContract, StatusComesFromOneState) {
    auto const status = query::read_status(*reader_, moment("2026-11-23T10:05:02.9Z"));
    ASSERT_TRUE(status.has_value()) << status.error().message;
    query::GatewayStatus gateway;
    gateway.gateway = "paper";
    gateway.is_paper = true;
    gateway.owner = "host:1:1";
    ASSERT_EQ(status->gateways.size(), 1U);
    gateway.lease_until = status->gateways[0].lease_until;
    EXPECT_TRUE(gateway.lease_until.has_value());
    EXPECT_EQ(status->gateways[0], gateway);
    query::AccountStatus account;
    account.account = "DU1";
    account.gateway = "paper";
    account.last_synced_at = moment("2026-11-23T10:00:01Z");
    account.age_seconds = 301;
    account.revision = 1;
    account.open_positions = 2;
    account.open_breaks = 1;
    account.settling_breaks = 1;
    account.coverage = "complete";
    account.coverage_gaps = 1;
    account.covered_from = moment("2026-11-23T05:00:00Z");
    account.covered_to = moment("2026-11-23T10:00:01Z");
    account.last_outcome = "committed";
    ASSERT_EQ(status->accounts.size(), 2U);
    EXPECT_EQ(status->accounts[0], account);
    EXPECT_EQ(status->accounts[1].age_seconds, std::nullopt);
    EXPECT_EQ(status->statistics.total_syncs, 1);
    EXPECT_EQ(status->statistics.positions_created, 3);
    EXPECT_EQ(status->statistics.callback_triggers, 1);

    auto const of_one = query::read_status(*reader_, moment("2026-11-23T11:00:00Z"), "DU2");
    ASSERT_TRUE(of_one.has_value());
    EXPECT_EQ(of_one->accounts.size(), 1U);
    EXPECT_EQ(of_one->statistics, query::Statistics{});
    EXPECT_FALSE(query::read_status(*reader_, moment("2026-11-23T11:00:00Z"), "DU9").has_value());
}

TEST_P(ReaderContract, CountersBeginAtTheirLastResetEvenWithinAStreakOfEqualRuns) {
    auto const total = [&] { return query::read_status(*reader_, moment("2026-11-23T12:00:00Z"))->statistics.total_syncs; };
    auto const unchanged = [&](char const* started, char const* finished) {
        CommitRequest request;
        request.now = moment(finished);
        model::SyncRun run;
        run.gateway = "paper";
        run.account_id = lease_.accounts[0].account_id;
        run.account = "DU1";
        run.trigger = model::Trigger::scheduled;
        run.started_at = moment(started);
        run.finished_at = request.now;
        run.outcome = model::Outcome::unchanged;
        request.runs = {run};
        commit(std::move(request));
    };
    EXPECT_EQ(reader_->statistics_since().value(), std::nullopt);
    unchanged("2026-11-23T10:05:00Z", "2026-11-23T10:05:01Z");
    unchanged("2026-11-23T10:10:00Z", "2026-11-23T10:10:01Z");
    EXPECT_EQ(total(), 3);
    EXPECT_EQ(reader_->runs()->size(), 2U);
    ASSERT_TRUE(subject_->reset_statistics(moment("2026-11-23T10:12:00.000001Z")).has_value());
    EXPECT_EQ(reader_->statistics_since().value(), moment("2026-11-23T10:12:00.000001Z"));
    EXPECT_EQ(total(), 0);
    unchanged("2026-11-23T10:15:00Z", "2026-11-23T10:15:01Z");
    unchanged("2026-11-23T10:20:00Z", "2026-11-23T10:20:01Z");
    EXPECT_EQ(total(), 2);
    EXPECT_EQ(reader_->runs()->size(), 3U);
    ASSERT_TRUE(subject_->reset_statistics(moment("2026-11-23T10:21:00Z")).has_value());
    EXPECT_EQ(total(), 0);
}

TEST_P(ReaderContract, ReadsWhatStatementsSaidByDay) {
    CommitRequest request;
    request.now = moment("2026-11-23T10:00:02Z");
    auto& records = request.statements.emplace_back();
    records.account_id = lease_.accounts[0].account_id;
    records.imported_at = request.now;
    records.statements = {{{2026, 11, 1}, {2026, 11, 20}, std::nullopt, "", "a.xml", "Trades", 3}};
    records.cash = {{"1", "Dividends", 1, "", "USD", number("5.5"), std::nullopt, {}, {2026, 11, 19}, {}, {}, "", "a dividend"},
                    {"2", "Other Fees", 0, "", "USD", number("-1"), std::nullopt, {}, {2026, 11, 20}, {}, {}, "", "market data"}};
    records.successions = {{1, 3, {2026, 11, 9}, "98765", "TC", model::Ratio{1, 2}, 1}};
    records.rates = {{{2026, 11, 20}, "EUR", number("1.0625")}};
    records.certifications = {{{2026, 11, 19}, model::CertificationState::matched, 3, 0, 0, number("605.25"), 1, 0},
                              {{2026, 11, 20}, model::CertificationState::differs, 1, 0, 0, std::nullopt, 0, 1}};
    records.differences = {
        {{2026, 11, 19}, model::DifferenceKind::commission, model::DifferenceState::corrected, 1, "0001.01", "1", "", ""},
        {{2026, 11, 20}, model::DifferenceKind::position_quantity, model::DifferenceState::open, 3, "", "7", "0", "why"}};
    commit(std::move(request));

    EXPECT_EQ(read<query::StatementRow>().front().trades, 3);
    EXPECT_EQ(read<query::StatementRow>().front().imported_at, moment("2026-11-23T10:00:02Z"));
    EXPECT_EQ(read<query::CurrencyRateRow>().front().rate, number("1.0625"));
    EXPECT_EQ(read<query::AccountRow>().front().certified_through, (base::Date{2026, 11, 19}));
    EXPECT_EQ(query::read_status(*reader_, moment("2026-11-23T11:00:00Z"))->accounts[0].certified_through,
              (base::Date{2026, 11, 19}));
    query::CertificationDifferenceRow expected;
    expected.account = "DU1";
    expected.trade_date = base::Date{2026, 11, 20};
    expected.kind = "position_quantity";
    expected.state = "open";
    expected.con_id = 3;
    expected.symbol = "MSFT";
    expected.statement_value = "7";
    expected.book_value = "0";
    expected.cause = "why";
    Filter filter;
    filter.status = "open";
    EXPECT_EQ(read<query::CertificationDifferenceRow>(filter), (std::vector{expected}));
    filter = {};
    filter.symbol = "msft";
    EXPECT_EQ(read<query::CertificationDifferenceRow>(filter), (std::vector{expected}));
    EXPECT_EQ(read<query::SuccessionRow>(filter).size(), 1U);  // by what came out of it
    filter.symbol = "aapl";
    EXPECT_EQ(read<query::SuccessionRow>(filter).front().new_symbol, "MSFT");
    EXPECT_EQ(read<query::CashTransactionRow>(filter).front().amount, number("5.5"));
    filter = {};
    filter.status = "Other Fees";
    EXPECT_EQ(read<query::CashTransactionRow>(filter).front().transaction_id, "2");
    filter = {};
    filter.since = moment("2026-11-20T09:00:00Z");  // within the day: the day is asked for
    EXPECT_EQ(read<query::CertificationRow>(filter).size(), 1U);
    EXPECT_EQ(read<query::CertificationRow>(filter).front().state, "differs");
    EXPECT_EQ(read<query::StatementRow>(filter).size(), 1U);
    filter.since = moment("2026-11-21");
    EXPECT_TRUE(read<query::StatementRow>(filter).empty());
    filter = {};
    filter.until = moment("2026-11-20");
    EXPECT_EQ(read<query::CashTransactionRow>(filter).size(), 1U);
    filter.until = moment("2026-11-01");
    EXPECT_TRUE(read<query::StatementRow>(filter).empty());
}

TEST_P(ReaderContract, ReportsRealizedPnl) {
    auto const rows = query::read_pnl(*reader_, {}, {.day = false, .symbol = true, .account = false});
    ASSERT_TRUE(rows.has_value()) << rows.error().message;
    ASSERT_EQ(rows->size(), 2U);
    EXPECT_EQ((*rows)[0].symbol, "AAPL");
    EXPECT_EQ((*rows)[0].realized_pnl, number("605"));
    EXPECT_EQ((*rows)[0].unknown_closes, 1);
    EXPECT_EQ((*rows)[1].realized_pnl, number("-1000"));

    Filter filter;
    filter.sort = "realized_pnl";
    filter.limit = 1;
    auto const worst = query::read_pnl(*reader_, filter, {.day = true, .symbol = false, .account = false});
    ASSERT_EQ(worst->size(), 1U);
    EXPECT_EQ(worst->front().day, (base::Date{2026, 11, 12}));
    filter = {};
    filter.since = moment("2026-11-20");
    EXPECT_EQ(query::read_pnl(*reader_, filter, {})->front().realized_pnl, number("605"));
    filter.sort = "closed_at";
    EXPECT_EQ(query::read_pnl(*reader_, filter, {}).error().code, ErrorCode::invalid_input);
}

TEST_P(ReaderContract, CannotWrite) {
    EXPECT_TRUE(subject_->refuses_a_reader("DELETE FROM position_event"));
    EXPECT_EQ(read<query::EventRow>().size(), 3U);
}

TEST_P(ReaderContract, SaysWhichRowCannotBeRead) {
    subject_->execute("UPDATE position SET realized_pnl = 'NaN' WHERE con_id = 1");
    auto const rows = reader_->positions();
    ASSERT_FALSE(rows.has_value());
    EXPECT_EQ(rows.error().code, ErrorCode::io);
    EXPECT_NE(rows.error().message.find("positions.realized_pnl holds 'NaN', which is no decimal"), std::string::npos)
        << rows.error().message;
    EXPECT_TRUE(reader_->closes().has_value());  // the connection goes on
}

}  // namespace possync::store::contract

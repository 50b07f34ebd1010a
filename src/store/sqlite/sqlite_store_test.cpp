#include "store/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "store/contract_test.hpp"
#include "store/outbox_contract_test.hpp"
#include "store/reader_contract_test.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "store/sqlite/sqlite_outbox.hpp"
#include "store/sqlite/sqlite_reader.hpp"
#include "store/sqlite/test_directory.hpp"

namespace possync::store {
namespace {

class SqliteSubject final : public contract::Subject {
public:
    SqliteSubject() { open(); }
    Store& store() override { return *store_; }
    void reopen() override {
        store_.reset();
        open();
    }
    model::StatementRecords statement_records(model::AccountId account) override;
    base::Result<std::int64_t> ask(std::string const& verb, std::string const& service) override {
        OperatorRequest request;
        request.verb = verb;
        request.arguments = "{}";
        request.author = "test";
        request.asked_at = contract::noon;
        request.service = service;
        return submit_operator_request(directory_.file("possync.db"), request);
    }
    base::Result<void> reset_statistics(base::Timestamp now) override { return reset_sqlite_statistics(directory_.file("possync.db"), now); }
    base::Result<std::vector<std::string>> check() override { return check_sqlite(directory_.file("possync.db")); }
    void execute(std::string const& sql) override {
        auto database = sqlite::Database::open(directory_.file("possync.db"), {.mode = sqlite::Database::Mode::read_write});
        ASSERT_TRUE(database.has_value() && (*database)->execute(sql).has_value());
    }
    std::unique_ptr<query::Reader> open_reader() override { return open_sqlite_reader(directory_.file("possync.db")).value(); }
    std::unique_ptr<Outbox> open_outbox() override { return open_sqlite_outbox(directory_.file("possync.db")).value(); }
    std::unique_ptr<AlertLog> open_alert_log() override { return open_sqlite_alert_log(directory_.file("possync.db")).value(); }
    bool refuses_a_reader(std::string const& sql) override {
        return !open_sqlite_for_reading(directory_.file("possync.db")).value()->execute(sql);
    }
    std::vector<std::string> columns_of(std::string_view view) override {
        std::vector<std::string> found;
        auto const database = open_sqlite_for_reading(directory_.file("possync.db")).value();
        EXPECT_TRUE(database
                        ->each(
                            "SELECT name FROM pragma_table_info(?1) ORDER BY cid",
                            [&](sqlite::Row& row) { found.push_back(row.text()); }, view)
                        .has_value());
        return found;
    }
    /// Pages of the log that commits have filled: a row that is written fills one at least.
    std::int64_t rows_written() override {
        return static_cast<std::int64_t>(std::filesystem::file_size(directory_.file("possync.db-wal")));
    }

private:
    void open() {
        auto opened = open_sqlite_store(directory_.file("possync.db"));
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        store_ = std::move(*opened);
    }
    sqlite::TestDirectory directory_;
    std::unique_ptr<Store> store_;
};

model::StatementRecords SqliteSubject::statement_records(model::AccountId account) {
    auto const database = open_sqlite_for_reading(directory_.file("possync.db"));
    EXPECT_TRUE(database.has_value()) << database.error().message;
    return contract::read_statement_records(*store_, account, [&](std::string const& sql, auto read) {
        auto const done = (*database)->each(sql, read, account);
        EXPECT_TRUE(done.has_value()) << done.error().message;
    });
}

}  // namespace

namespace contract {
auto const on_sqlite = testing::Values(SubjectFactory([] { return std::make_unique<SqliteSubject>(); }));
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, on_sqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, ReaderContract, on_sqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, OutboxContract, on_sqlite);
}  // namespace contract

namespace {

using base::Decimal;
using base::ErrorCode;
using base::Timestamp;
using contract::after;
using contract::claim_of;
using contract::noon;
using contract::number;
using namespace model;  // NOLINT(google-build-using-namespace): a test speaks of little else

/// A small trading day on its own file: bought 100 AAPL at 150, sold 60 at 160, then the broker shows none.
class SqliteStoreTest : public testing::Test {
protected:
    void SetUp() override { open(); }

    void open(SqliteOptions const& options = {}) {
        auto opened = open_sqlite_store(path_, options);
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        store_ = std::move(*opened);
    }

    void claim() {
        auto granted = store_->claim(claim_of("paper", {"DU1234567"}));
        ASSERT_TRUE(granted.has_value()) << granted.error().message;
        lease_ = std::move(*granted);
    }

    [[nodiscard]] CommitRequest request() const {
        CommitRequest request;
        request.gateway_id = lease_.gateway_id;
        request.epoch = lease_.epoch;
        request.now = noon;
        return request;
    }

    [[nodiscard]] SyncRun run(Outcome outcome, std::int64_t started = 0) const {
        SyncRun run;
        run.gateway = "paper";
        run.account_id = 1;
        run.account = "DU1234567";
        run.trigger = Trigger::scheduled;
        run.started_at = after(started);
        run.finished_at = after(started + 1);
        run.outcome = outcome;
        run.broker_positions = 1;
        return run;
    }

    void commit(CommitRequest const& request) {
        auto const committed = store_->commit(request);
        ASSERT_TRUE(committed.has_value()) << committed.error().message;
    }

    [[nodiscard]] static ChangeSet bought() {
        ChangeSet change_set;
        change_set.account_id = 1;
        change_set.recorded_at = after(-100);
        Instrument const apple = contract::stock(265598, "AAPL");
        change_set.instruments = {apple};
        Execution buy = contract::fill("0001.01.01", apple.con_id, after(-200), Side::bought, 100, 150);
        buy.commission = number("1.00");
        buy.commission_currency = "USD";
        change_set.executions = {buy};
        Position position = contract::episode(row_id(1, 1), apple.con_id, "0001.01", std::nullopt);
        position.quantity = 100;
        position.average_price = 150;
        position.cost = 15000;
        position.commissions = 1;
        position.net_realized_pnl = 0;
        position.opened_at = after(-200);
        position.revision = 1;
        change_set.positions = {position};
        Lot lot;
        lot.lot_id = row_id(1, 2);
        lot.position_id = position.position_id;
        lot.con_id = apple.con_id;
        lot.opening_fact = "0001.01";
        lot.open_exec_id = "0001.01.01";
        lot.opened_at = after(-200);
        lot.quantity = 100;
        lot.remaining_quantity = 100;
        lot.price = 150;
        change_set.lots = {lot};
        HistoryRow history;
        history.position_id = position.position_id;
        history.valid_from = after(-200);
        history.quantity = 100;
        history.average_price = 150;
        history.commissions = 1;
        change_set.history = {history};
        PositionEvent event;
        event.event_id = row_id(1, 3);
        event.position_id = position.position_id;
        event.con_id = apple.con_id;
        event.quantity_after = 100;
        event.average_price_after = 150;
        event.occurred_at = after(-200);
        event.exec_id = "0001.01.01";
        change_set.events = {event};
        change_set.next_id = 4;
        return change_set;
    }

    [[nodiscard]] static ChangeSet sold() {
        ChangeSet change_set = bought();
        change_set.base_revision = 1;
        change_set.recorded_at = after(-50);
        change_set.instruments.clear();
        change_set.executions = {
            contract::fill("0002.01.01", 265598, {after(-60).microseconds + 123}, Side::sold, 60, 160)};
        change_set.positions[0].quantity = 40;
        change_set.positions[0].cost = 6000;
        change_set.positions[0].realized_pnl = 600;
        change_set.positions[0].commissions.reset();
        change_set.positions[0].net_realized_pnl.reset();
        change_set.positions[0].revision = 2;
        change_set.lots[0].remaining_quantity = 40;
        Close close = contract::close_of(change_set.positions[0], row_id(1, 4));
        close.quantity_closed = 60;
        close.entry_price = 150;
        close.exit_price = 160;
        close.realized_pnl = 600;
        close.realized_pnl_pct = number("6.6667");
        close.closed_at = after(-60);
        close.trade_date = base::Date{2026, 11, 23};
        close.exec_id = "0002.01.01";
        close.closing_fact = "0002.01";
        change_set.closes = {close};
        change_set.history_ends = {{row_id(1, 1), after(-200)}};
        HistoryRow before = change_set.history[0];
        before.valid_to = after(-60);
        HistoryRow now = change_set.history[0];
        now.valid_from = after(-60);
        now.quantity = 40;
        now.realized_pnl = 600;
        now.commissions.reset();
        change_set.history = {before, now};
        change_set.events[0].event_id = row_id(1, 5);
        change_set.events[0].kind = EventKind::reduced;
        change_set.events[0].quantity_before = 100;
        change_set.events[0].quantity_after = 40;
        change_set.events[0].exec_id = "0002.01.01";
        Break missing;
        missing.break_id = row_id(1, 6);
        missing.con_id = 265598;
        missing.kind = BreakKind::missing;
        missing.broker_value = 0;
        missing.book_value = 40;
        missing.opened_at = after(-40);
        missing.last_change_at = after(-40);
        missing.detail = "not in the last two snapshots";
        change_set.breaks = {missing};
        change_set.next_id = 7;
        return change_set;
    }

    /// Both change sets, each with its run, and all last values.
    void trade() {
        claim();
        CommitRequest first = request();
        first.change_sets = {model::share(bought())};
        first.runs = {run(Outcome::committed, -110)};
        first.runs[0].revision = 1;
        commit(first);
        CommitRequest second = request();
        second.change_sets = {model::share(sold())};
        second.runs = {run(Outcome::committed, -55)};
        second.runs[0].trigger = Trigger::trade;
        second.runs[0].revision = 2;
        MarkRecord mark;
        mark.account_id = 1;
        mark.con_id = 265598;
        mark.broker_avg_cost = number("150.01");
        mark.current_price = number("161.5");
        mark.market_value = 6460;
        mark.unrealized_pnl = 460;
        mark.unrealized_pnl_pct = number("7.6667");
        mark.broker_unrealized_pnl = number("459.6");
        mark.marked_at = after(-1);
        mark.mark_source = "portfolio";
        second.marks = {mark};
        second.values = {{1, "NetLiquidation", "USD", "1000950.50", after(-2)},
                         {1, "AccountType", "", "INDIVIDUAL", after(-2)}};
        second.coverage = {{1, "executions", after(-3600), after(-1), "complete", "pull"}};
        second.freshness = {{1, after(-1), "USD"}};
        commit(second);
    }

    /// All rows of a query, each as "column=value" of what is not NULL.
    [[nodiscard]] std::vector<std::map<std::string, std::string>> rows(std::string const& sql) const {
        std::vector<std::map<std::string, std::string>> found;
        auto const reader = open_sqlite_for_reading(path_);
        EXPECT_TRUE(reader.has_value()) << reader.error().message;
        auto const read = (*reader)->each(sql, [&](sqlite::Row& row) {
            auto& values = found.emplace_back();
            for (int i = 0; i < row.count(); ++i) {
                if (!row.is_null(i)) values.emplace(row.name(i), row.text_at(i));
            }
        });
        EXPECT_TRUE(read.has_value()) << read.error().message;
        return found;
    }
    using Values = std::map<std::string, std::string>;

    sqlite::TestDirectory directory_;
    std::string path_ = directory_.file("possync.db");
    std::unique_ptr<Store> store_;
    GatewayLease lease_;
};

// --- the views: a contract with scripts outside this repository
// ----------------------------------------------------

struct ViewColumns {
    std::string_view view;
    std::string_view columns;
    int appended;  ///< columns at the end that were added to the first list
};

constexpr ViewColumns views[] = {
    {"accounts", "account_id account broker gateway base_currency is_paper revision last_synced_at certified_through", 1},
    {"instruments",
     "instrument_id con_id symbol local_symbol sec_type currency exchange primary_exchange trading_class "
     "multiplier price_scale expiry strike right under_con_id",
     0},
    {"positions",
     "position_id account_id account con_id symbol local_symbol sec_type currency multiplier status "
     "quantity average_price broker_avg_cost current_price market_value unrealized_pnl unrealized_pnl_pct "
     "realized_pnl commissions net_realized_pnl estimated_realized_pnl unknown_closes marked_at mark_source "
     "opened_at closed_at missing_since last_synced_at revision broker_unrealized_pnl",
     1},
    {"position_closes",
     "close_id position_id account con_id symbol quantity_closed side entry_price exit_price realized_pnl "
     "realized_pnl_pct commissions net_realized_pnl estimated_realized_pnl broker_realized_pnl currency "
     "closed_at trade_date is_full_close cause basis exec_id order_ref revision",
     1},
    {"position_events",
     "event_id revision account position_id con_id symbol kind cause quantity_before quantity_after "
     "average_price_before average_price_after occurred_at recorded_at sync_run_id exec_id",
     0},
    {"executions",
     "exec_id account con_id symbol time side shares signed_quantity price exchange order_id perm_id "
     "client_id order_ref model_code cum_qty last_liquidity commission commission_currency "
     "broker_realized_pnl liquidation trade_date superseded_by booked time_text exercise_type excluded "
     "recorded_at cause transaction_id",
     7},
    {"lots",
     "lot_id position_id account con_id symbol open_exec_id opened_at quantity remaining_quantity price", 0},
    {"sync_runs",
     "sync_run_id gateway account trigger started_at finished_at outcome positions_created "
     "positions_updated positions_closed broker_positions error revision repeats",
     1},
    {"breaks",
     "break_id account con_id symbol kind class state broker_value book_value opened_at closed_at detail "
     "looks last_change_at",
     2},
    {"coverage", "account stream from_time to_time state source", 0},
    {"account_values", "account key currency value updated_at", 0},
    {"adjustments",
     "adjustment_id account con_id cause quantity price ratio effective_at recorded_at author note "
     "undone_by symbol basis estimated_price undone_at value reference acquired_at",
     6},
    {"position_history",
     "position_id account con_id symbol quantity average_price realized_pnl commissions valid_from valid_to "
     "recorded_from recorded_to",
     0},
    {"statements", "account from_date to_date generated_at query_name source sections trades imported_at", 0},
    {"certifications",
     "account trade_date state executions positions lots statement_realized_pnl corrected open", 0},
    {"certification_differences",
     "account trade_date kind state con_id symbol subject statement_value book_value cause", 0},
    {"cash_transactions",
     "account transaction_id type con_id symbol currency amount fx_rate_to_base time report_date settle_date ex_date action_id "
     "description",
     0},
    {"instrument_successions",
     "account old_con_id old_symbol new_con_id new_symbol effective_date action_id type ratio cost_share", 0},
    {"currency_rates", "account date currency rate", 0},
};

TEST_F(SqliteStoreTest, ViewsHaveExactlyTheListedColumns) {
    auto const reader = open_sqlite_for_reading(path_);
    ASSERT_TRUE(reader.has_value());
    for (auto const& [view, columns, unused] : views) {
        for (std::string const& name : {std::string(view), std::string(view) + "_numeric"}) {
            auto const statement = (*reader)->prepare("SELECT * FROM " + name);
            ASSERT_TRUE(statement.has_value()) << name << ": " << statement.error().message;
            std::string found;
            for (int i = 0; i < statement->column_count(); ++i) {
                found += (found.empty() ? "" : " ") + std::string(statement->column_name(i));
            }
            EXPECT_EQ(found, columns) << name;
        }
    }
    EXPECT_EQ((*reader)->integer("SELECT count(*) FROM sqlite_schema WHERE type = 'view'").value(),
              static_cast<std::int64_t>(2 * std::size(views)));
}

TEST_F(SqliteStoreTest, PositionsShowBookMarkAndFreshness) {
    trade();
    EXPECT_EQ(rows("SELECT * FROM positions"),
              (std::vector{Values{{"position_id", std::to_string(row_id(1, 1))},
                                  {"account_id", "1"},
                                  {"account", "DU1234567"},
                                  {"con_id", "265598"},
                                  {"symbol", "AAPL"},
                                  {"sec_type", "STK"},
                                  {"currency", "USD"},
                                  {"multiplier", "1"},
                                  {"status", "OPEN"},
                                  {"quantity", "40"},
                                  {"average_price", "150"},
                                  {"broker_avg_cost", "150.01"},
                                  {"current_price", "161.5"},
                                  {"market_value", "6460"},
                                  {"unrealized_pnl", "460"},
                                  {"unrealized_pnl_pct", "7.6667"},
                                  {"realized_pnl", "600"},
                                  {"unknown_closes", "0"},
                                  {"marked_at", "2026-11-23T11:59:59.000000Z"},
                                  {"mark_source", "portfolio"},
                                  {"opened_at", "2026-11-23T11:56:40.000000Z"},
                                  {"missing_since", "2026-11-23T11:59:20.000000Z"},
                                  {"last_synced_at", "2026-11-23T11:59:59.000000Z"},
                                  {"revision", "2"},
                                  {"broker_unrealized_pnl", "459.6"}}}));
}

TEST_F(SqliteStoreTest, OtherViewsShowWhatWasCommitted) {
    trade();
    EXPECT_EQ(rows("SELECT * FROM accounts"),
              (std::vector{Values{{"account_id", "1"},
                                  {"account", "DU1234567"},
                                  {"broker", "IBKR"},
                                  {"gateway", "paper"},
                                  {"base_currency", "USD"},
                                  {"is_paper", "1"},
                                  {"revision", "2"},
                                  {"last_synced_at", "2026-11-23T11:59:59.000000Z"}}}));
    EXPECT_EQ(
        rows("SELECT close_id - position_id AS gap, account, symbol, quantity_closed, side, realized_pnl, "
             "net_realized_pnl, currency, trade_date, is_full_close, cause, basis FROM position_closes"),
        (std::vector{Values{{"gap", "3"},
                            {"account", "DU1234567"},
                            {"symbol", "AAPL"},
                            {"quantity_closed", "60"},
                            {"side", "SLD"},
                            {"realized_pnl", "600"},
                            {"currency", "USD"},
                            {"trade_date", "2026-11-23"},
                            {"is_full_close", "0"},
                            {"cause", "execution"},
                            {"basis", "executions"}}}));
    EXPECT_EQ(
        rows("SELECT exec_id, time, side, signed_quantity, commission, booked, excluded FROM executions"),
        (std::vector{Values{{"exec_id", "0001.01.01"},
                            {"time", "2026-11-23T11:56:40.000000Z"},
                            {"side", "BOT"},
                            {"signed_quantity", "100"},
                            {"commission", "1"},
                            {"booked", "booked"},
                            {"excluded", "0"}},
                     Values{{"exec_id", "0002.01.01"},
                            {"time", "2026-11-23T11:59:00.000123Z"},
                            {"side", "SLD"},
                            {"signed_quantity", "-60"},
                            {"booked", "booked"},
                            {"excluded", "0"}}}));
    EXPECT_EQ(rows("SELECT revision, kind, cause, quantity_before, quantity_after, recorded_at, sync_run_id "
                   "FROM position_events ORDER BY event_id"),
              (std::vector{Values{{"revision", "1"},
                                  {"kind", "opened"},
                                  {"cause", "execution"},
                                  {"quantity_before", "0"},
                                  {"quantity_after", "100"},
                                  {"recorded_at", "2026-11-23T11:58:20.000000Z"},
                                  {"sync_run_id", "1"}},
                           Values{{"revision", "2"},
                                  {"kind", "reduced"},
                                  {"cause", "execution"},
                                  {"quantity_before", "100"},
                                  {"quantity_after", "40"},
                                  {"recorded_at", "2026-11-23T11:59:10.000000Z"},
                                  {"sync_run_id", "2"}}}));
    EXPECT_EQ(
        rows("SELECT \"trigger\", outcome, revision, repeats FROM sync_runs"),
        (std::vector{
            Values{{"trigger", "scheduled"}, {"outcome", "committed"}, {"revision", "1"}, {"repeats", "1"}},
            Values{{"trigger", "trade"}, {"outcome", "committed"}, {"revision", "2"}, {"repeats", "1"}}}));
    EXPECT_EQ(rows("SELECT kind, class, state, broker_value, book_value FROM breaks"),
              (std::vector{Values{{"kind", "missing"},
                                  {"class", "alert"},
                                  {"state", "settling"},
                                  {"broker_value", "0"},
                                  {"book_value", "40"}}}));
    EXPECT_EQ(
        rows("SELECT account, remaining_quantity, price FROM lots"),
        (std::vector{Values{{"account", "DU1234567"}, {"remaining_quantity", "40"}, {"price", "150"}}}));
    EXPECT_EQ(rows("SELECT account, stream, state, source, from_time FROM coverage"),
              (std::vector{Values{{"account", "DU1234567"},
                                  {"stream", "executions"},
                                  {"state", "complete"},
                                  {"source", "pull"},
                                  {"from_time", "2026-11-23T11:00:00.000000Z"}}}));
    EXPECT_EQ(rows("SELECT * FROM outbox").size(), 2u);
}

TEST_F(SqliteStoreTest, HistoryTellsWhatHeldAndWhatWasBelieved) {
    trade();
    auto const as_of = [&](std::string const& valid, std::string const& recorded) {
        return rows("SELECT quantity FROM position_history WHERE valid_from <= '" + valid +
                    "' AND (valid_to IS NULL OR valid_to > '" + valid + "') AND recorded_from <= '" +
                    recorded + "' AND (recorded_to IS NULL OR recorded_to > '" + recorded + "')");
    };
    std::string const early = base::to_rfc3339(after(-150));
    std::string const late = base::to_rfc3339(noon);
    EXPECT_EQ(as_of(early, late), (std::vector{Values{{"quantity", "100"}}}));
    EXPECT_EQ(as_of(late, late), (std::vector{Values{{"quantity", "40"}}}));
    EXPECT_EQ(as_of(late, base::to_rfc3339(after(-80))), (std::vector{Values{{"quantity", "100"}}}));
    EXPECT_EQ(as_of(base::to_rfc3339(after(-300)), late), (std::vector<Values>{}));

    ChangeSet again;  // ends the same stretch once more: what ended before stays ended when it did
    again.account_id = 1;
    again.base_revision = 2;
    again.next_id = 7;
    again.recorded_at = after(5);
    again.history_ends = {{row_id(1, 1), after(-200)}};
    CommitRequest third = request();
    third.change_sets = {model::share(again)};
    commit(third);
    EXPECT_EQ(rows("SELECT recorded_to FROM position_history WHERE quantity = '100' ORDER BY recorded_from"),
              (std::vector{Values{{"recorded_to", base::to_rfc3339(after(-50))}},
                           Values{{"recorded_to", base::to_rfc3339(after(5))}}}));
}

TEST_F(SqliteStoreTest, NumericTwinsAreNumbers) {
    trade();
    EXPECT_EQ(rows("SELECT count(*) AS n FROM positions WHERE realized_pnl > 1000"),
              (std::vector{Values{{"n", "1"}}}));  // text compares as text, which is why there are twins
    EXPECT_EQ(rows("SELECT count(*) AS n FROM positions_numeric WHERE realized_pnl > 1000"),
              (std::vector{Values{{"n", "0"}}}));
    EXPECT_EQ(rows("SELECT typeof(quantity) AS q, typeof(commissions) AS c, typeof(symbol) AS s FROM "
                   "positions_numeric"),
              (std::vector{Values{{"q", "real"}, {"c", "null"}, {"s", "text"}}}));
    EXPECT_EQ(rows("SELECT key, value FROM account_values_numeric ORDER BY key"),
              (std::vector{Values{{"key", "AccountType"}},
                           Values{{"key", "NetLiquidation"}, {"value", "1000950.5"}}}));
}

TEST_F(SqliteStoreTest, StatementViewsShowWhatWasCommitted) {
    trade();
    CommitRequest one = request();
    one.statements = {contract::full_records(1)};
    one.statements[0].cash[0].con_id = 265598;
    one.statements[0].successions[0].old_con_id = 265598;
    one.statements[0].differences[0].con_id = 265598;
    commit(one);
    EXPECT_EQ(rows("SELECT * FROM statements WHERE trades > 0"), (std::vector{Values{{"account", "DU1234567"},
                                                                                     {"from_date", "2026-11-01"},
                                                                                     {"to_date", "2026-11-20"},
                                                                                     {"generated_at", "2026-11-23T11:59:51.000000Z"},
                                                                                     {"query_name", "daily"},
                                                                                     {"source", "a.xml"},
                                                                                     {"sections", "Trades OpenPositions"},
                                                                                     {"trades", "17"},
                                                                                     {"imported_at", "2026-11-23T12:00:01.000000Z"}}}));
    EXPECT_EQ(rows("SELECT * FROM certifications WHERE state = 'matched'"), (std::vector{Values{{"account", "DU1234567"},
                                                                                              {"trade_date", "2026-11-19"},
                                                                                              {"state", "matched"},
                                                                                              {"executions", "3"},
                                                                                              {"positions", "4"},
                                                                                              {"lots", "5"},
                                                                                              {"statement_realized_pnl", "-6.5"},
                                                                                              {"corrected", "7"},
                                                                                              {"open", "0"}}}));
    EXPECT_EQ(rows("SELECT * FROM certification_differences WHERE kind <> 'position_missing' ORDER BY trade_date"),
              (std::vector{Values{{"account", "DU1234567"},
                                  {"trade_date", "2026-11-19"},
                                  {"kind", "commission"},
                                  {"state", "corrected"},
                                  {"con_id", "265598"},
                                  {"symbol", "AAPL"},
                                  {"subject", "a.01"},
                                  {"statement_value", "1.25"},
                                  {"book_value", "1.2"},
                                  {"cause", "came late"}},
                           Values{{"account", "DU1234567"}, {"trade_date", "2026-11-20"}, {"kind", "statement_gap"}, {"state", "open"}}}));
    EXPECT_EQ(rows("SELECT * FROM cash_transactions ORDER BY transaction_id"),
              (std::vector{Values{{"account", "DU1234567"},
                                  {"transaction_id", "77"},
                                  {"type", "Dividends"},
                                  {"con_id", "265598"},
                                  {"symbol", "AAPL"},
                                  {"currency", "USD"},
                                  {"amount", "12.34"},
                                  {"fx_rate_to_base", "0.91"},
                                  {"time", "2026-11-23T09:46:40.000000Z"},
                                  {"report_date", "2026-11-18"},
                                  {"settle_date", "2026-11-20"},
                                  {"ex_date", "2026-11-03"},
                                  {"action_id", "98765"},
                                  {"description", "it's 1.5% \"cash\""}},
                           Values{{"account", "DU1234567"},
                                  {"transaction_id", "78"},
                                  {"type", "Deposits/Withdrawals"},
                                  {"currency", "EUR"},
                                  {"amount", "-5"},
                                  {"report_date", "2026-11-19"}}}));
    EXPECT_EQ(rows("SELECT * FROM instrument_successions WHERE ratio IS NOT NULL"), (std::vector{Values{{"account", "DU1234567"},
                                                                                                      {"old_con_id", "265598"},
                                                                                                      {"old_symbol", "AAPL"},
                                                                                                      {"new_con_id", "700002"},
                                                                                                      {"effective_date", "2026-11-09"},
                                                                                                      {"action_id", "98765"},
                                                                                                      {"type", "TC"},
                                                                                                      {"ratio", "1:2"},
                                                                                                      {"cost_share", "0.75"}}}));
    EXPECT_EQ(rows("SELECT * FROM currency_rates ORDER BY date LIMIT 1"),
              (std::vector{Values{{"account", "DU1234567"}, {"date", "2026-11-19"}, {"currency", "EUR"}, {"rate", "1.0525"}}}));
    EXPECT_EQ(rows("SELECT typeof(amount) AS a, typeof(fx_rate_to_base) AS f FROM cash_transactions_numeric ORDER BY transaction_id"),
              (std::vector{Values{{"a", "real"}, {"f", "real"}}, Values{{"a", "real"}, {"f", "null"}}}));
    EXPECT_EQ(rows("SELECT statement_value, book_value FROM certification_differences_numeric WHERE kind = 'commission'"),
              (std::vector{Values{{"statement_value", "1.25"}, {"book_value", "1.2"}}}));
}

TEST_F(SqliteStoreTest, CertifiedThroughIsTheLastDayBeforeTheFirstDoubt) {
    claim();
    auto const through = [&](std::string_view states) {  // one letter a day from 2026-11-01 on; a blank: no row
        sqlite::Database::Options options;
        options.mode = sqlite::Database::Mode::read_write;
        auto const editor = sqlite::Database::open(path_, options);
        EXPECT_TRUE((*editor)->run("DELETE FROM certification").has_value());
        CommitRequest one = request();
        StatementRecords records;
        records.account_id = 1;
        unsigned day = 0;
        for (char const letter : states) {
            ++day;
            if (letter == ' ') continue;
            Certification& c = records.certifications.emplace_back();
            c.trade_date = {2026, 11, day};
            c.state = letter == 'm' ? CertificationState::matched : letter == 'd' ? CertificationState::differs : CertificationState::provisional;
        }
        one.statements = {records};
        commit(one);
        auto const found = rows("SELECT substr(certified_through, 9) AS day FROM accounts");
        return found.at(0).contains("day") ? found[0].at("day") : "";
    };
    EXPECT_EQ(through(""), "");
    EXPECT_EQ(through("m"), "01");
    EXPECT_EQ(through("mmm  mm"), "07");  // days without anything to certify have no row
    EXPECT_EQ(through("mmp"), "02");
    EXPECT_EQ(through("mmdm"), "02");
    EXPECT_EQ(through("mpm"), "01");
    EXPECT_EQ(through("dmm"), "");
    EXPECT_EQ(through("p"), "");
    EXPECT_EQ(through("pmm"), "");
}

TEST_F(SqliteStoreTest, ClosedPositionsShowNoMarkAndSupersededOnesAreGone) {
    trade();
    ChangeSet closed = sold();
    closed.base_revision = 2;
    closed.executions.clear();
    closed.history.clear();
    closed.events.clear();
    closed.closes.clear();
    closed.history_ends.clear();
    closed.lots.clear();
    closed.removed_lots = {row_id(1, 2)};
    closed.positions[0].quantity = 0;
    closed.positions[0].closed_at = noon;
    CommitRequest commit_closed = request();
    commit_closed.change_sets = {model::share(closed)};
    commit(commit_closed);
    EXPECT_EQ(rows("SELECT status, current_price, missing_since FROM positions"),
              (std::vector{Values{{"status", "CLOSED"}}}));
    EXPECT_TRUE(rows("SELECT * FROM lots").empty());

    ChangeSet removed;
    removed.account_id = 1;
    removed.base_revision = 3;
    removed.next_id = 7;
    removed.recorded_at = after(1);
    removed.removed_positions = {row_id(1, 1)};
    removed.removed_closes = {row_id(1, 4)};
    CommitRequest commit_removed = request();
    commit_removed.change_sets = {model::share(removed)};
    commit(commit_removed);
    EXPECT_TRUE(rows("SELECT * FROM positions").empty());
    EXPECT_TRUE(rows("SELECT * FROM position_closes").empty());
    EXPECT_EQ(rows("SELECT * FROM position_events").size(), 2u);  // what happened stays told
    EXPECT_EQ(rows("SELECT superseded_at FROM position"),
              (std::vector{Values{{"superseded_at", std::to_string(after(1).microseconds)}}}));
}

// --- runs
// ----------------------------------------------------------------------------------------------------------

TEST_F(SqliteStoreTest, AStreakOfUnchangedRunsIsOneRowWithACount) {
    claim();
    auto const add = [&](SyncRun const& run) {
        CommitRequest one = request();
        one.runs = {run};
        commit(one);
    };
    add(run(Outcome::unchanged, 0));
    SyncRun several = run(Outcome::unchanged, 300);
    several.repeats = 3;
    add(several);
    add(run(Outcome::committed, 600));
    add(run(Outcome::unchanged, 900));
    SyncRun by_hand = run(Outcome::unchanged, 1200);
    by_hand.trigger = Trigger::manual;
    add(by_hand);
    SyncRun failed = run(Outcome::failed, 1500);
    failed.error = "gateway away";
    add(failed);
    add(failed);
    EXPECT_EQ(rows("SELECT started_at, finished_at, repeats, error FROM sync_runs ORDER BY sync_run_id"),
              (std::vector{Values{{"started_at", "2026-11-23T12:00:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:05:01.000000Z"},
                                  {"repeats", "4"}},
                           Values{{"started_at", "2026-11-23T12:10:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:10:01.000000Z"},
                                  {"repeats", "1"}},
                           Values{{"started_at", "2026-11-23T12:15:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:15:01.000000Z"},
                                  {"repeats", "1"}},
                           Values{{"started_at", "2026-11-23T12:20:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:20:01.000000Z"},
                                  {"repeats", "1"}},
                           Values{{"started_at", "2026-11-23T12:25:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:25:01.000000Z"},
                                  {"repeats", "1"},
                                  {"error", "gateway away"}},
                           Values{{"started_at", "2026-11-23T12:25:00.000000Z"},
                                  {"finished_at", "2026-11-23T12:25:01.000000Z"},
                                  {"repeats", "1"},
                                  {"error", "gateway away"}}}));
}

TEST_F(SqliteStoreTest, ARunCanFailBeforeItsAccountIsKnown) {
    claim();
    SyncRun failed = run(Outcome::failed);
    failed.account_id = 0;
    failed.account.clear();
    failed.error = "connection refused";
    CommitRequest one = request();
    one.runs = {failed};
    commit(one);
    EXPECT_EQ(rows("SELECT gateway, account, error FROM sync_runs"),
              (std::vector{Values{{"gateway", "paper"}, {"error", "connection refused"}}}));
}

TEST_F(SqliteStoreTest, OldRunsAreForgotten) {
    SqliteOptions options;
    options.run_retention = base::Duration(100 * contract::second);
    open(options);
    claim();
    OperatorRequest ask;
    ask.verb = "status";
    ask.arguments = "{}";
    ask.author = "command";
    ask.asked_at = after(-500);
    auto const old = submit_operator_request(path_, ask).value();
    ask.asked_at = after(-50);
    auto const young = submit_operator_request(path_, ask).value();
    CommitRequest one = request();
    one.runs = {run(Outcome::committed, -500), run(Outcome::committed, -50)};
    commit(one);
    EXPECT_EQ(rows("SELECT started_at FROM sync_runs"),
              (std::vector{Values{{"started_at", base::to_rfc3339(after(-50))}}}));
    EXPECT_EQ(operator_answer(path_, old).error().code, ErrorCode::not_found) << "each `possync status` leaves one";
    EXPECT_TRUE(operator_answer(path_, young).has_value());
}

TEST_F(SqliteStoreTest, NothingIsWrittenToAFileThatIsNotThereAnyMore) {
    claim();
    CommitRequest one = request();
    one.runs = {run(Outcome::committed, -50)};
    commit(one);
    std::filesystem::rename(path_, path_ + ".old");
    auto const lost = store_->commit(one);
    ASSERT_FALSE(lost.has_value()) << "it is believed to be written";
    EXPECT_EQ(lost.error().code, ErrorCode::io);
    EXPECT_NE(lost.error().message.find("removed or replaced"), std::string::npos) << lost.error().message;
    EXPECT_EQ(store_->commit(one).error().code, ErrorCode::not_found) << "and no empty one is made";
    EXPECT_FALSE(std::filesystem::exists(path_));
    std::filesystem::rename(path_ + ".old", path_);
    EXPECT_TRUE(store_->commit(one).has_value());
}

// --- requests and leases
// -------------------------------------------------------------------------------------------

TEST_F(SqliteStoreTest, OperatorRequestsGoThroughTheDatabase) {
    OperatorRequest ask;
    ask.verb = "explain";
    ask.arguments = R"({"break":7})";
    ask.author = "ann";
    ask.asked_at = noon;
    auto const id = submit_operator_request(path_, ask);
    ASSERT_TRUE(id.has_value()) << id.error().message;
    ask.verb = "sync";
    auto const second = submit_operator_request(path_, ask);
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(operator_answer(path_, *id).value(), (OperatorAnswer{}));

    auto const pending = store_->pending_requests("host:1:1");
    ASSERT_TRUE(pending.has_value());
    ASSERT_EQ(pending->size(), 2u);
    EXPECT_EQ((*pending)[0].request_id, *id);
    EXPECT_EQ((*pending)[0].verb, "explain");
    EXPECT_EQ((*pending)[0].arguments, R"({"break":7})");
    EXPECT_EQ((*pending)[0].author, "ann");
    EXPECT_EQ((*pending)[0].asked_at, noon);

    ASSERT_TRUE(store_->finish_request(*id, true, "done so", after(1)).has_value());
    ASSERT_TRUE(store_->finish_request(*second, false, "no such break", after(1)).has_value());
    EXPECT_EQ(operator_answer(path_, *id).value(), (OperatorAnswer{true, true, "done so"}));
    EXPECT_EQ(operator_answer(path_, *second).value(), (OperatorAnswer{true, false, "no such break"}));
    EXPECT_TRUE(store_->pending_requests("host:1:1")->empty());
    EXPECT_EQ(store_->finish_request(*id, true, "again", after(2)).error().code, ErrorCode::not_found);
    EXPECT_EQ(operator_answer(path_, 99).error().code, ErrorCode::not_found);
    EXPECT_EQ(submit_operator_request(directory_.file("none.db"), ask).error().code, ErrorCode::not_found);
}

TEST_F(SqliteStoreTest, ADeadOwnersLeaseIsTakenOverAtOnce) {
    claim();
    SqliteOptions options;
    std::string asked;
    options.owner_is_gone = [&](std::string const& owner) {
        asked = owner;
        return true;
    };
    open(options);
    auto const taken = store_->claim(claim_of("paper", {"DU1234567"}, "host:2:2"));
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->epoch, lease_.epoch + 1);
    EXPECT_EQ(asked, "host:1:1");
    auto const gateways = sqlite_gateways(path_, noon);
    ASSERT_TRUE(gateways.has_value());
    base::Duration const half_a_minute{30'000'000};
    EXPECT_EQ(*gateways, (std::vector{GatewayState{1, "paper", true, 2, "host:2:2", after(30), half_a_minute, half_a_minute}}));
}

// --- failures of the world
// -----------------------------------------------------------------------------------------

TEST_F(SqliteStoreTest, ALockedDatabaseIsUnavailableAndNothingIsLost) {
    SqliteOptions options;
    options.busy_timeout = base::Duration(20'000);
    open(options);
    claim();
    CommitRequest first = request();
    first.change_sets = {model::share(bought())};
    {
        sqlite::Database::Options rival_options;
        rival_options.mode = sqlite::Database::Mode::read_write;
        auto const rival = sqlite::Database::open(path_, rival_options);
        ASSERT_TRUE(rival.has_value());
        auto const held = sqlite::Transaction::begin(**rival);
        ASSERT_TRUE(held.has_value());
        auto const refused = store_->commit(first);
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    }
    commit(first);
}

/// Whether a commit that the disk fails leaves nothing, and the next one works on a new connection. In a
/// child, because the limit on file sizes that stands for the failing disk holds for a whole process.
TEST_F(SqliteStoreTest, AfterAnInputOutputErrorTheNextCommitStartsAfresh) {
    claim();
    store_.reset();
    pid_t const child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        auto opened = open_sqlite_store(path_);
        if (!opened) ::_exit(1);
        Store& store = **opened;
        CommitRequest first = request();
        first.change_sets = {model::share(bought())};
        rlimit const tight{4096, RLIM_INFINITY};
        if (::setrlimit(RLIMIT_FSIZE, &tight) != 0) ::_exit(2);
        auto const failed = store.commit(first);
        if (failed || failed.error().code != ErrorCode::io) ::_exit(3);
        rlimit const wide{RLIM_INFINITY, RLIM_INFINITY};
        if (::setrlimit(RLIMIT_FSIZE, &wide) != 0) ::_exit(4);
        auto const book = store.load(1, noon, contract::everything);
        if (!book || book->revision != 0 || !book->instruments.empty()) ::_exit(5);
        if (!store.commit(first)) ::_exit(6);
        ::_exit(store.load(1, noon, contract::everything)->revision == 1 ? 0 : 7);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SqliteStoreTest, AcknowledgedCommitsSurviveSigkill) {
    claim();
    store_.reset();
    int report[2];
    ASSERT_EQ(::pipe(report), 0);
    pid_t const child = ::fork();
    if (child == 0) {
        auto opened = open_sqlite_store(path_);
        if (!opened) ::_exit(1);
        for (Revision revision = 0;; ++revision) {
            CommitRequest next = request();
            ChangeSet change_set;
            change_set.account_id = 1;
            change_set.base_revision = revision;
            change_set.next_id = revision + 2;
            next.change_sets = {model::share(change_set)};
            if (!(*opened)->commit(next)) ::_exit(2);
            if (::write(report[1], &revision, sizeof revision) != sizeof revision) ::_exit(3);
        }
    }
    ::close(report[1]);
    Revision acknowledged = 0;
    Revision seen = 0;
    while (acknowledged < 20 && ::read(report[0], &seen, sizeof seen) == sizeof seen) acknowledged = seen + 1;
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (::read(report[0], &seen, sizeof seen) == sizeof seen) acknowledged = seen + 1;
    ::close(report[0]);

    open();
    auto const book = store_->load(1, noon, contract::everything);
    ASSERT_TRUE(book.has_value()) << book.error().message;
    EXPECT_GE(book->revision, acknowledged);
    EXPECT_LE(book->revision, acknowledged + 1);  // one may have been committed and not yet reported
    EXPECT_EQ(rows("PRAGMA integrity_check"), (std::vector{Values{{"integrity_check", "ok"}}}));
}

TEST_F(SqliteStoreTest, ADamagedRowIsAnErrorAndNotAGuess) {
    trade();
    sqlite::Database::Options options;
    options.mode = sqlite::Database::Mode::read_write;
    auto const editor = sqlite::Database::open(path_, options);
    ASSERT_TRUE(editor.has_value());
    ASSERT_TRUE((*editor)->run("UPDATE position SET quantity = 'forty'").has_value());
    auto const book = store_->load(1, noon, contract::everything);
    ASSERT_FALSE(book.has_value());
    EXPECT_NE(book.error().message.find("quantity"), std::string::npos) << book.error().message;
}

TEST_F(SqliteStoreTest, AFileThatVanishedIsNotReplacedByAnEmptyOne) {
    store_.reset();
    SqliteOptions options;
    options.create = false;
    auto const opened = open_sqlite_store(directory_.file("gone.db"), options);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::not_found);
    EXPECT_FALSE(std::filesystem::exists(directory_.file("gone.db")));
}

}  // namespace
}  // namespace possync::store

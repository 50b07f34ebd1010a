// What tests of a Store have in common: databases to open again, made-up accounts, and random change sets. Included by the contract
// test and by tests of one implementation.
#pragma once

#include <gtest/gtest.h>
// RapidCheck's GoogleTest glue needs gtest first.
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "query/reader.hpp"
#include "store/alert_log.hpp"
#include "store/outbox.hpp"
#include "store/rows.hpp"
#include "store/store.hpp"

namespace possync::store::contract {

using base::Decimal;
using base::Duration;
using base::ErrorCode;
using base::Timestamp;
using namespace possync::model;  // NOLINT(google-build-using-namespace): a test speaks of little else

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 24 * 3600 * second;
constexpr Timestamp noon{1'795'435'200LL * second};  // 2026-11-23T12:00:00Z
constexpr Duration everything{100LL * 365 * day};
constexpr Duration eight_days{8 * day};

/// A database that a store is opened on, and can be opened on again as after a restart.
class Subject {
public:
    virtual ~Subject() = default;
    virtual Store& store() = 0;
    virtual void reopen() = 0;
    /// Everything that the database keeps of statements, as model::apply would have it.
    virtual StatementRecords statement_records(AccountId account) = 0;
    /// An operator request as a command makes it.
    virtual base::Result<std::int64_t> ask(std::string const& verb, std::string const& service) = 0;
    /// As DataSource::reset_statistics.
    virtual base::Result<void> reset_statistics(base::Timestamp now) = 0;
    /// A number that grows with every row written.
    virtual std::int64_t rows_written() = 0;
    /// What `possync verify` finds wrong with the database itself.
    virtual base::Result<std::vector<std::string>> check() = 0;
    virtual std::unique_ptr<query::Reader> open_reader() = 0;
    virtual std::unique_ptr<Outbox> open_outbox() = 0;
    virtual std::unique_ptr<AlertLog> open_alert_log() = 0;
    /// Whether a connection as readers have it may not do that.
    virtual bool refuses_a_reader(std::string const& sql) = 0;
    /// Of a view, as the database has them.
    virtual std::vector<std::string> columns_of(std::string_view view) = 0;
    /// Behind the store's back.
    virtual void execute(std::string const& sql) = 0;
};

/// For Subject::statement_records. `each(sql, read)` reads the rows of a query whose one parameter is the account.
template <typename Each>
StatementRecords read_statement_records(Store& store, AccountId account, Each each) {
    using base::parse_date;
    StatementRecords records;
    records.account_id = account;
    auto const claims = store.load_claims(account, {1970, 1, 1});
    EXPECT_TRUE(claims.has_value()) << claims.error().message;
    records.statements = claims->statements;
    records.positions = claims->positions;
    records.trades = claims->trades;
    auto const rows_of = [&](std::string_view columns, std::string_view table, std::string_view order, auto read) {
        each(fmt::format("SELECT {} FROM {} WHERE account_id = $1 ORDER BY {}", columns, table, order), read);
    };
    rows_of("transaction_id, type, con_id, symbol, currency, amount, fx_rate_to_base, time, report_date, settle_date, ex_date, action_id, description",
            "cash_transaction", "transaction_id", [&](auto& row) {
                auto& c = records.cash.emplace_back();
                c.transaction_id = row.text();
                c.type = row.text();
                c.con_id = row.optional_integer().value_or(0);
                c.symbol = row.text();
                c.currency = row.text();
                c.amount = row.decimal();
                c.fx_rate_to_base = row.optional_decimal();
                c.time = row.optional_time();
                c.report_date = row.parsed(parse_date);
                c.settle_date = row.optional_parsed(parse_date);
                c.ex_date = row.optional_parsed(parse_date);
                c.action_id = row.text();
                c.description = row.text();
            });
    rows_of("old_con_id, new_con_id, effective_date, action_id, type, ratio, cost_share", "instrument_succession",
            "action_id, old_con_id, new_con_id", [&](auto& row) {
                auto& s = records.successions.emplace_back();
                s.old_con_id = row.integer();
                s.new_con_id = row.integer();
                s.effective_date = row.parsed(parse_date);
                s.action_id = row.text();
                s.type = row.text();
                s.ratio = row.optional_parsed(model::parse_ratio);
                s.cost_share = row.optional_decimal();
            });
    rows_of("date, currency, rate", "currency_rate", "date, currency", [&](auto& row) {
        auto& r = records.rates.emplace_back();
        r.date = row.parsed(parse_date);
        r.currency = row.text();
        r.rate = row.decimal();
    });
    rows_of(rows::certification_columns, "certification", "trade_date", [&](auto& row) { records.certifications.push_back(rows::read_certification(row)); });
    rows_of(rows::difference_columns, "certification_difference", "trade_date, kind, con_id, subject",
            [&](auto& row) { records.differences.push_back(rows::read_difference(row)); });
    rows_of("section, content", "statement_remainder", "section, content", [&](auto& row) {
        std::string section = row.text();
        records.remainders.push_back({std::move(section), 0, row.text()});
    });
    rows_of("base_currency", "account", "account_id", [&](auto& row) { records.base_currency = row.text(); });
    return records;
}

using SubjectFactory = std::function<std::unique_ptr<Subject>()>;

inline Timestamp after(std::int64_t seconds) { return {noon.microseconds + seconds * second}; }
inline Timestamp days_ago(std::int64_t days) { return {noon.microseconds - days * day}; }
inline Decimal number(std::string_view text) { return Decimal::parse(text).value(); }

inline GatewayClaim claim_of(std::string gateway, std::vector<std::string> accounts,
                             std::string owner = "host:1:1") {
    GatewayClaim claim;
    claim.gateway = std::move(gateway);
    claim.owner = std::move(owner);
    claim.accounts = std::move(accounts);
    claim.paper = true;
    claim.now = noon;
    claim.lease = Duration(30 * second);
    return claim;
}

inline Instrument stock(ConId con_id, std::string symbol) {
    Instrument instrument;
    instrument.con_id = con_id;
    instrument.symbol = std::move(symbol);
    instrument.sec_type = "STK";
    instrument.currency = "USD";
    return instrument;
}

inline Execution fill(std::string exec_id, ConId con_id, Timestamp time, Side side, Decimal shares,
                      Decimal price) {
    Execution execution;
    execution.exec_id = std::move(exec_id);
    execution.con_id = con_id;
    execution.time = time;
    execution.side = side;
    execution.shares = shares;
    execution.price = price;
    execution.booking = Booking::booked;
    execution.recorded_at = time;
    return execution;
}

/// An episode opened by the execution `root`, closed when `closed_at` is set.
inline Position episode(RowId id, ConId con_id, std::string root, std::optional<Timestamp> closed_at,
                        std::string chain = {}) {
    Position position;
    position.position_id = id;
    position.con_id = con_id;
    position.quantity = closed_at ? Decimal(0) : Decimal(10);
    position.opening_fact = root;
    position.chain_fact = chain.empty() ? std::move(root) : std::move(chain);
    position.closed_at = closed_at;
    return position;
}

inline Close close_of(Position const& position, RowId id) {
    Close close;
    close.close_id = id;
    close.position_id = position.position_id;
    close.con_id = position.con_id;
    return close;
}

/// One gateway with accounts, their books as they should be, and commits that keep both in step.
class Bench {
public:
    explicit Bench(Subject& subject, std::vector<std::string> accounts = {"DU1"}) : subject_(subject) {
        auto granted = subject.store().claim(claim_of("paper", std::move(accounts)));
        EXPECT_TRUE(granted.has_value()) << granted.error().message;
        lease = std::move(*granted);
        for (auto const& account : lease.accounts) {
            AccountBook book;
            book.account_id = account.account_id;
            book.account = account.account;
            books.push_back(std::move(book));
        }
    }

    [[nodiscard]] ChangeSet change(std::size_t account = 0) const {
        ChangeSet change_set;
        change_set.account_id = books[account].account_id;
        change_set.base_revision = books[account].revision;
        change_set.next_id = books[account].next_id;
        change_set.recorded_at = after(books[account].revision + 1);
        return change_set;
    }

    [[nodiscard]] CommitRequest request(std::vector<ChangeSet> change_sets) const {
        CommitRequest request;
        request.gateway_id = lease.gateway_id;
        request.epoch = lease.epoch;
        request.now = noon;
        for (auto& change_set : change_sets) request.change_sets.push_back(model::share(std::move(change_set)));
        return request;
    }

    base::Result<void> commit(ChangeSet const& change_set) {
        return subject_.store().commit(request({change_set}));
    }

    /// Commits and applies to the expected book.
    void commit_and_apply(ChangeSet const& change_set) {
        auto const committed = commit(change_set);
        ASSERT_TRUE(committed.has_value()) << committed.error().message;
        for (auto& book : books) {
            if (book.account_id == change_set.account_id) apply(book, change_set);
        }
    }

    [[nodiscard]] AccountBook load(std::size_t account = 0, Duration history = everything) {
        auto book = subject_.store().load(books[account].account_id, noon, history);
        EXPECT_TRUE(book.has_value()) << book.error().message;
        return book ? std::move(*book) : AccountBook{};
    }

    [[nodiscard]] RowId id(std::int64_t n, std::size_t account = 0) const {
        return row_id(books[account].account_id, n);
    }

    GatewayLease lease;
    std::vector<AccountBook> books;

private:
    Subject& subject_;
};

/// Every field set, each to a value that no other field of its type has.
inline ChangeSet full_change_set(Bench const& bench) {
    ChangeSet change_set = bench.change();
    Instrument option = stock(700001, "SPX");
    option.local_symbol = "SPX   261218C06000000";
    option.sec_type = "OPT";
    option.currency = "EUR";
    option.exchange = "SMART";
    option.primary_exchange = "CBOE";
    option.trading_class = "SPXW";
    option.multiplier = 100;
    option.price_scale = number("0.01");
    option.expiry = "20261218";
    option.strike = number("6000.5");
    option.right = "C";
    option.under_con_id = 416904;
    option.time_zone = "US/Central";
    option.details_known = true;
    change_set.instruments = {option};

    Execution first = fill("0000e0d5.69dd7411.01.01", option.con_id, after(-500), Side::sold, number("7.25"),
                           number("12.375"));
    first.time_text = "20261123 06:51:40 US/Central";
    first.exchange = "CBOE2";
    first.order_id = -31;
    first.perm_id = 1'234'567'890'123;
    first.client_id = 71;
    first.order_ref = "it's \"quoted\" \xc3\xa9; --";
    first.model_code = "Growth";
    first.cum_qty = number("7.3");
    first.last_liquidity = 2;
    first.liquidation = true;
    first.exercise_type = 4;
    first.commission = number("-0.35");
    first.commission_currency = "CHF";
    first.broker_realized_pnl = number("-99999999999999999999.123456789012345678");
    first.superseded_by = "0000e0d5.69dd7411.01.02";
    first.excluded = true;
    first.trade_date = base::Date{2026, 11, 19};
    first.cause = Cause::assignment;
    first.transaction_id = "23456789012";
    first.sequence = 23456789012;
    first.recorded_at = after(-499);
    Execution second_fill = fill("0000e0d5.69dd7411.01.02", option.con_id, after(-498), Side::bought, 1, 2);
    second_fill.booking = Booking::never;
    change_set.executions = {first, second_fill};

    Adjustment adjustment;
    adjustment.adjustment_id = bench.id(1);
    adjustment.con_id = option.con_id;
    adjustment.cause = Cause::reinvestment;
    adjustment.quantity = number("-0.5");
    adjustment.price = number("0.000000000000000001");
    adjustment.basis = Basis::estimated;
    adjustment.estimated_price = number("3.14");
    adjustment.value = number("12345.000000000000000009");
    adjustment.reference = "corporate_action:98765";
    adjustment.ratio = Ratio{7, 3};
    adjustment.effective_at = after(-400);
    adjustment.recorded_at = after(-399);
    adjustment.author = "ann";
    adjustment.note = "as agreed";
    adjustment.undone_at = after(-398);
    adjustment.undone_by = "bob";
    change_set.adjustments = {adjustment};

    Position position;
    position.position_id = bench.id(2);
    position.con_id = option.con_id;
    position.quantity = number("-6.75");
    position.average_price = number("203.3333333333");
    position.cost = number("-1372.5");
    position.realized_pnl = number("11.1");
    position.commissions = number("12.2");
    position.net_realized_pnl = number("13.3");
    position.estimated_realized_pnl = number("14.4");
    position.unknown_closes = 5;
    position.opened_at = after(-497);
    position.closed_at = after(-496);
    position.opening_fact = "0000e0d5.69dd7411.01";
    position.chain_fact = "adjustment:" + std::to_string(bench.id(1));
    position.revision = 1;
    change_set.positions = {position};

    Close close;
    close.close_id = bench.id(3);
    close.position_id = position.position_id;
    close.con_id = option.con_id;
    close.quantity_closed = number("0.75");
    close.side = Side::bought;
    close.entry_price = number("21.1");
    close.exit_price = number("22.2");
    close.realized_pnl = number("23.3");
    close.realized_pnl_pct = number("-24.4444");
    close.commissions = number("25.5");
    close.net_realized_pnl = number("26.6");
    close.estimated_realized_pnl = number("27.7");
    close.broker_realized_pnl = number("28.8");
    close.closed_at = after(-450);
    close.trade_date = base::Date{2026, 11, 20};
    close.is_full_close = true;
    close.cause = Cause::cash_settlement;
    close.basis = Basis::broker;
    close.exec_id = "0000e0d5.69dd7411.01.02";
    close.order_ref = "exit";
    close.closing_fact = "closing";
    change_set.closes = {close};

    Lot lot;
    lot.lot_id = bench.id(4);
    lot.position_id = position.position_id;
    lot.con_id = option.con_id;
    lot.opening_fact = "lot fact";
    lot.open_exec_id = "0000e0d5.69dd7411.01.01";
    lot.opened_at = after(-449);
    lot.quantity = number("-31.1");
    lot.remaining_quantity = number("-30.9");
    lot.price = number("32.2");
    change_set.lots = {lot};

    HistoryRow history;
    history.position_id = position.position_id;
    history.valid_from = after(-448);
    history.valid_to = after(-447);
    history.quantity = number("41.1");
    history.average_price = number("42.2");
    history.realized_pnl = number("43.3");
    history.commissions = number("44.4");
    change_set.history = {history};

    PositionEvent event;
    event.event_id = bench.id(5);
    event.position_id = position.position_id;
    event.con_id = option.con_id;
    event.kind = EventKind::repriced;
    event.cause = Cause::correction;
    event.quantity_before = number("51.1");
    event.quantity_after = number("52.2");
    event.average_price_before = number("53.3");
    event.average_price_after = number("54.4");
    event.occurred_at = after(-446);
    event.exec_id = "0000e0d5.69dd7411.01.02";
    change_set.events = {event};

    Break difference;
    difference.break_id = bench.id(6);
    difference.con_id = option.con_id;
    difference.kind = BreakKind::fill_without_position;
    difference.break_class = BreakClass::info;
    difference.state = BreakState::open;
    difference.broker_value = number("61.1");
    difference.book_value = number("62.2");
    difference.opened_at = after(-445);
    difference.closed_at = after(-444);
    difference.looks = 3;
    difference.last_change_at = after(-443);
    difference.detail = "two looks";
    change_set.breaks = {difference};
    change_set.next_id = 7;
    return change_set;
}

// --- random change sets
// ------------------------------------------------------------------------------------------

/// Draws values from RapidCheck, so that failures shrink.
struct Draw {
    static std::int64_t between(std::int64_t low, std::int64_t high) {
        return *rc::gen::inRange<std::int64_t>(low, high + 1);
    }
    static bool yes() { return between(0, 1) == 1; }
    static Decimal decimal() {
        return Decimal::from_parts(between(-1'000'000'000, 1'000'000'000), static_cast<int>(between(0, 12)));
    }
    static std::optional<Decimal> maybe_decimal() { return yes() ? std::optional(decimal()) : std::nullopt; }
    static Timestamp time() { return {noon.microseconds - between(0, 3000) * day / 7 - between(0, 3)}; }
    static std::optional<Timestamp> maybe_time() { return yes() ? std::optional(time()) : std::nullopt; }
    static std::string text() {
        static constexpr std::string_view words[] = {"",     "a", "it's", "\"b\"", "%;--", "\xe2\x82\xac",
                                                     "NULL", "0"};
        return std::string(words[static_cast<std::size_t>(between(0, 7))]);
    }
    template <typename Row>
    static std::size_t index(std::vector<Row> const& rows) {
        return static_cast<std::size_t>(between(0, static_cast<std::int64_t>(rows.size()) - 1));
    }
};

/// Makes change sets that keep to what the ledger promises (rows name existing instruments and facts, lots
/// only of open positions) and are arbitrary otherwise.
class RandomChange {
public:
    RandomChange(AccountBook const& book, ChangeSet change_set) : book_(book), out_(std::move(change_set)) {}

    /// Of so many instruments, once or several times each.
    ChangeSet make(ConId instruments = 5) {
        auto const count = Draw::between(1, instruments - 1);
        for (std::int64_t i = 0; i < count; ++i) change_instrument(Draw::between(1, instruments));
        if (Draw::yes()) change_break();
        return std::move(out_);
    }

private:
    RowId take() { return row_id(book_.account_id, out_.next_id++); }

    void change_instrument(ConId con_id) {
        if (!changed_.insert(con_id).second) return;
        auto const known = book_.instruments.find(con_id);
        if (known == book_.instruments.end()) {
            Instrument instrument = stock(con_id, Draw::text());
            instrument.local_symbol = Draw::text();
            instrument.multiplier = Draw::decimal();
            instrument.strike = Draw::maybe_decimal();
            instrument.under_con_id = Draw::yes() ? std::optional<ConId>(Draw::between(0, 9)) : std::nullopt;
            out_.instruments.push_back(instrument);
            add_execution(con_id);
            return;
        }
        InstrumentBook const& book = known->second;
        if (!book.instrument->details_known && Draw::yes()) {
            out_.instruments.push_back(book.instrument.with([](Instrument& described) {
                described.price_scale = Draw::decimal();
                described.details_known = true;
            }));
        }
        switch (Draw::between(0, 6)) {
            case 0: add_execution(con_id); break;
            case 1: change_execution(book); break;
            case 2: add_adjustment(con_id); break;
            case 3: change_adjustment(book); break;
            case 4: open_position(con_id); break;
            case 5: change_position(book); break;
            default: remove_position(book); break;
        }
    }

    void randomize(Execution& e) {
        e.time_text = Draw::text();
        e.side = Draw::yes() ? Side::bought : Side::sold;
        e.shares = Draw::decimal();
        e.price = Draw::decimal();
        e.order_ref = Draw::text();
        e.commission = Draw::maybe_decimal();
        e.commission_currency = Draw::text();
        e.broker_realized_pnl = Draw::maybe_decimal();
        e.booking = static_cast<Booking>(Draw::between(0, 2));
        e.superseded_by = Draw::text();
        e.excluded = Draw::yes();
        e.cause = Draw::yes() ? std::optional(static_cast<Cause>(Draw::between(0, 15))) : std::nullopt;
        e.transaction_id = Draw::text();
        e.sequence = Draw::between(0, 3);
        e.recorded_at = Draw::time();
    }
    std::string add_execution(ConId con_id) {
        Execution e = fill("e" + std::to_string(take()) + ".01", con_id, Draw::time(), Side::bought, 1, 1);
        e.perm_id = Draw::between(0, 2);
        e.cum_qty = Draw::between(0, 2);
        randomize(e);
        out_.executions.push_back(e);
        return fact_name(e);
    }
    void change_execution(InstrumentBook const& book) {
        if (book.executions.empty()) return;
        Execution e = book.executions[Draw::index(book.executions)];
        randomize(e);
        out_.executions.push_back(std::move(e));
    }

    void add_adjustment(ConId con_id) {
        Adjustment a;
        a.adjustment_id = take();
        a.con_id = con_id;
        a.cause = static_cast<Cause>(Draw::between(0, 15));
        a.quantity = Draw::decimal();
        a.price = Draw::maybe_decimal();
        a.value = Draw::maybe_decimal();
        a.reference = Draw::text();
        if (Draw::between(0, 1) == 1) a.acquired_at = Draw::time();
        a.basis = static_cast<Basis>(Draw::between(0, 3));
        a.effective_at = Draw::time();
        a.recorded_at = Draw::time();
        a.note = Draw::text();
        out_.adjustments.push_back(std::move(a));
    }
    void change_adjustment(InstrumentBook const& book) {
        if (book.adjustments.empty()) return;
        Adjustment a = book.adjustments[Draw::index(book.adjustments)];
        a.undone_at = Draw::maybe_time();
        a.undone_by = Draw::text();
        a.estimated_price = Draw::maybe_decimal();
        out_.adjustments.push_back(std::move(a));
    }

    void randomize(Position& p) {
        p.quantity = Draw::yes() ? Draw::decimal() : Decimal(0);
        p.average_price = Draw::maybe_decimal();
        p.cost = Draw::maybe_decimal();
        p.realized_pnl = Draw::decimal();
        p.commissions = Draw::maybe_decimal();
        p.unknown_closes = static_cast<int>(Draw::between(0, 3));
        p.opened_at = Draw::maybe_time();
        p.closed_at = p.open() ? std::nullopt : std::optional(Draw::time());
        p.revision = out_.base_revision + 1;
    }
    void open_position(ConId con_id) {
        Position p;
        p.position_id = take();
        p.con_id = con_id;
        p.opening_fact = add_execution(con_id);
        p.chain_fact = p.opening_fact;
        randomize(p);
        out_.positions.push_back(p);
        add_rows_of(p);
    }
    void change_position(InstrumentBook const& book) {
        if (book.positions.empty()) return;
        Position p = book.positions[Draw::index(book.positions)];
        randomize(p);
        out_.positions.push_back(p);
        for (auto const& lot : book.lots) {
            if (lot.position_id == p.position_id && (!p.open() || Draw::yes()))
                out_.removed_lots.push_back(lot.lot_id);
        }
        for (auto const& close : book.closes) {
            if (close.position_id != p.position_id) continue;
            if (Draw::yes()) {
                out_.removed_closes.push_back(close.close_id);
            } else {
                out_.closes.push_back(close);
                out_.closes.back().realized_pnl = Draw::maybe_decimal();
            }
        }
        out_.history_ends.push_back({p.position_id, Draw::time()});
        add_rows_of(p);
    }
    void add_rows_of(Position const& p) {
        if (p.open() && Draw::yes()) {
            Lot lot;
            lot.lot_id = take();
            lot.position_id = p.position_id;
            lot.con_id = p.con_id;
            lot.opening_fact = p.opening_fact;
            lot.quantity = Draw::decimal();
            lot.price = Draw::maybe_decimal();
            out_.lots.push_back(std::move(lot));
        }
        if (Draw::yes()) {
            Close close;
            close.close_id = take();
            close.position_id = p.position_id;
            close.con_id = p.con_id;
            close.quantity_closed = Draw::decimal();
            close.entry_price = Draw::maybe_decimal();
            close.closed_at = Draw::maybe_time();
            close.is_full_close = Draw::yes();
            close.closing_fact = Draw::text();
            out_.closes.push_back(std::move(close));
        }
        HistoryRow history;
        history.position_id = p.position_id;
        history.valid_from = Draw::time();
        history.quantity = p.quantity;
        out_.history.push_back(history);
        PositionEvent event;
        event.event_id = take();
        event.position_id = p.position_id;
        event.con_id = p.con_id;
        event.quantity_after = p.quantity;
        out_.events.push_back(event);
    }
    void remove_position(InstrumentBook const& book) {
        if (book.positions.empty()) return;
        RowId const id = book.positions[Draw::index(book.positions)].position_id;
        out_.removed_positions.push_back(id);
        for (auto const& close : book.closes) {
            if (close.position_id == id) out_.removed_closes.push_back(close.close_id);
        }
        for (auto const& lot : book.lots) {
            if (lot.position_id == id) out_.removed_lots.push_back(lot.lot_id);
        }
    }

    void change_break() {
        Break b;
        if (!book_.breaks.empty() && Draw::yes()) {
            b = book_.breaks.begin()->second;
        } else {
            b.break_id = take();
            b.kind = static_cast<BreakKind>(Draw::between(0, 7));
            if (!book_.instruments.empty() && Draw::yes()) b.con_id = book_.instruments.begin()->first;
        }
        b.state = static_cast<BreakState>(Draw::between(0, 3));
        b.broker_value = Draw::maybe_decimal();
        b.looks = static_cast<int>(Draw::between(0, 5));
        b.detail = Draw::text();
        out_.breaks.push_back(std::move(b));
    }

    AccountBook const& book_;
    ChangeSet out_;
    std::set<ConId> changed_;
};

}  // namespace possync::store::contract

// Rows of the book's tables as values: which columns are read, in which order, and what becomes of them. A template over the
// store's kind of row, because the tables have the same columns everywhere.
#pragma once

#include <string_view>

#include "model/book.hpp"
#include "model/records.hpp"
#include "store/store.hpp"

namespace possync::store::rows {

using namespace possync::model;  // NOLINT(google-build-using-namespace): these are rows of the model and nothing else

inline constexpr std::string_view position_columns =
    "position_id, con_id, quantity, average_price, cost, realized_pnl, commissions, net_realized_pnl, estimated_realized_pnl, "
    "unknown_closes, opened_at, closed_at, opening_fact, coalesce(chain_fact, opening_fact), revision";
inline constexpr std::string_view close_columns =
    "close_id, position_id, quantity_closed, side, entry_price, exit_price, realized_pnl, realized_pnl_pct, commissions, "
    "net_realized_pnl, estimated_realized_pnl, broker_realized_pnl, closed_at, trade_date, is_full_close, cause, basis, exec_id, "
    "order_ref, closing_fact";
inline constexpr std::string_view lot_columns =
    "lot_id, position_id, opening_fact, open_exec_id, opened_at, quantity, remaining_quantity, price";
inline constexpr std::string_view adjustment_columns =
    "adjustment_id, con_id, cause, quantity, price, basis, estimated_price, ratio, effective_at, recorded_at, author, note, "
    "undone_at, undone_by, value, reference, acquired_at";
inline constexpr std::string_view execution_columns =
    "e.exec_id, e.con_id, e.time, e.time_text, e.side, e.shares, e.price, e.exchange, e.order_id, e.perm_id, e.client_id, "
    "e.order_ref, e.model_code, e.cum_qty, e.last_liquidity, e.liquidation, e.exercise_type, e.commission, "
    "e.commission_currency, e.broker_realized_pnl, e.booking, e.superseded_by, e.excluded, e.recorded_at, e.trade_date, e.cause, "
    "e.transaction_id, e.sequence";
inline constexpr std::string_view instrument_columns =
    "con_id, symbol, local_symbol, sec_type, currency, exchange, primary_exchange, trading_class, multiplier, price_scale, "
    "expiry, "
    "strike, \"right\", under_con_id, time_zone, under_sec_type, details_known";
inline constexpr std::string_view break_columns =
    "break_id, con_id, kind, class, state, broker_value, book_value, opened_at, closed_at, looks, last_change_at, detail";
inline constexpr std::string_view mark_columns =
    "con_id, broker_avg_cost, current_price, market_value, unrealized_pnl, unrealized_pnl_pct, broker_unrealized_pnl, marked_at, "
    "mark_source";
inline constexpr std::string_view statement_columns = "from_date, to_date, generated_at, query_name, source, sections, trades";
inline constexpr std::string_view statement_position_columns =
    "con_id, date, is_lot, quantity, cost_price, cost_money, mark_price, fx_rate_to_base, opened_at, originating_transaction_id";
inline constexpr std::string_view statement_trade_columns = "con_id, trade_date, exec_id, transaction_id, quantity, realized_pnl";
inline constexpr std::string_view certification_columns =
    "trade_date, state, executions, positions, lots, statement_realized_pnl, corrected, \"open\"";
inline constexpr std::string_view difference_columns =
    "trade_date, kind, state, con_id, subject, statement_value, book_value, cause";
/// Of one service: those that name it, and those that name none.
inline constexpr std::string_view pending_requests =
    "SELECT request_id, verb, arguments, author, asked_at, service FROM operator_request "
    "WHERE status = 'pending' AND (service IS NULL OR service = $1) ORDER BY request_id";

template <typename Row>
Position read_position(Row& row) {
    Position p;
    p.position_id = row.integer();
    p.con_id = row.integer();
    p.quantity = row.decimal();
    p.average_price = row.optional_decimal();
    p.cost = row.optional_decimal();
    p.realized_pnl = row.decimal();
    p.commissions = row.optional_decimal();
    p.net_realized_pnl = row.optional_decimal();
    p.estimated_realized_pnl = row.optional_decimal();
    p.unknown_closes = row.small_integer();
    p.opened_at = row.optional_time();
    p.closed_at = row.optional_time();
    p.opening_fact = row.text();
    p.chain_fact = row.text();
    p.revision = row.integer();
    return p;
}

template <typename Row>
Close read_close(Row& row) {
    Close c;
    c.close_id = row.integer();
    c.position_id = row.integer();
    c.quantity_closed = row.decimal();
    c.side = row.parsed(model::parse_side);
    c.entry_price = row.optional_decimal();
    c.exit_price = row.optional_decimal();
    c.realized_pnl = row.optional_decimal();
    c.realized_pnl_pct = row.optional_decimal();
    c.commissions = row.optional_decimal();
    c.net_realized_pnl = row.optional_decimal();
    c.estimated_realized_pnl = row.optional_decimal();
    c.broker_realized_pnl = row.optional_decimal();
    c.closed_at = row.optional_time();
    c.trade_date = row.optional_parsed(base::parse_date);
    c.is_full_close = row.boolean();
    c.cause = row.parsed(model::parse_cause);
    c.basis = row.parsed(model::parse_basis);
    c.exec_id = row.text();
    c.order_ref = row.text();
    c.closing_fact = row.text();
    return c;
}

template <typename Row>
Lot read_lot(Row& row) {
    Lot lot;
    lot.lot_id = row.integer();
    lot.position_id = row.integer();
    lot.opening_fact = row.text();
    lot.open_exec_id = row.text();
    lot.opened_at = row.optional_time();
    lot.quantity = row.decimal();
    lot.remaining_quantity = row.decimal();
    lot.price = row.optional_decimal();
    return lot;
}

template <typename Row>
Adjustment read_adjustment(Row& row) {
    Adjustment a;
    a.adjustment_id = row.integer();
    a.con_id = row.integer();
    a.cause = row.parsed(model::parse_cause);
    a.quantity = row.decimal();
    a.price = row.optional_decimal();
    a.basis = row.parsed(model::parse_basis);
    a.estimated_price = row.optional_decimal();
    a.ratio = row.optional_parsed(model::parse_ratio);
    a.effective_at = row.optional_time();
    a.recorded_at = row.time();
    a.author = row.text();
    a.note = row.text();
    a.undone_at = row.optional_time();
    a.undone_by = row.text();
    a.value = row.optional_decimal();
    a.reference = row.text();
    a.acquired_at = row.optional_time();
    return a;
}

template <typename Row>
Execution read_execution(Row& row) {
    Execution e;
    e.exec_id = row.text();
    e.con_id = row.integer();
    e.time = row.time();
    e.time_text = row.text();
    e.side = row.parsed(model::parse_side);
    e.shares = row.decimal();
    e.price = row.decimal();
    e.exchange = row.text();
    e.order_id = row.integer();
    e.perm_id = row.integer();
    e.client_id = row.integer();
    e.order_ref = row.text();
    e.model_code = row.text();
    e.cum_qty = row.decimal();
    e.last_liquidity = row.small_integer();
    e.liquidation = row.boolean();
    if (auto const type = row.optional_integer()) e.exercise_type = static_cast<int>(*type);
    e.commission = row.optional_decimal();
    e.commission_currency = row.text();
    e.broker_realized_pnl = row.optional_decimal();
    e.booking = row.parsed(model::parse_booking);
    e.superseded_by = row.text();
    e.excluded = row.boolean();
    e.recorded_at = row.time();
    e.trade_date = row.optional_parsed(base::parse_date);
    e.cause = row.optional_parsed(model::parse_cause);
    e.transaction_id = row.text();
    e.sequence = row.integer();
    return e;
}

template <typename Row>
Instrument read_instrument(Row& row) {
    Instrument i;
    i.con_id = row.integer();
    i.symbol = row.text();
    i.local_symbol = row.text();
    i.sec_type = row.text();
    i.currency = row.text();
    i.exchange = row.text();
    i.primary_exchange = row.text();
    i.trading_class = row.text();
    i.multiplier = row.decimal();
    i.price_scale = row.optional_decimal();
    i.expiry = row.text();
    i.strike = row.optional_decimal();
    i.right = row.text();
    i.under_con_id = row.optional_integer();
    i.time_zone = row.text();
    i.under_sec_type = row.text();
    i.details_known = row.boolean();
    return i;
}

template <typename Row>
Break read_break(Row& row) {
    Break b;
    b.break_id = row.integer();
    b.con_id = row.optional_integer().value_or(0);
    b.kind = row.parsed(model::parse_break_kind);
    b.break_class = row.parsed(model::parse_break_class);
    b.state = row.parsed(model::parse_break_state);
    b.broker_value = row.optional_decimal();
    b.book_value = row.optional_decimal();
    b.opened_at = row.time();
    b.closed_at = row.optional_time();
    b.looks = row.small_integer();
    b.last_change_at = row.time();
    b.detail = row.text();
    return b;
}

template <typename Row>
MarkRecord read_mark(Row& row, AccountId account) {
    MarkRecord mark;
    mark.account_id = account;
    mark.con_id = row.integer();
    mark.broker_avg_cost = row.optional_decimal();
    mark.current_price = row.optional_decimal();
    mark.market_value = row.optional_decimal();
    mark.unrealized_pnl = row.optional_decimal();
    mark.unrealized_pnl_pct = row.optional_decimal();
    mark.broker_unrealized_pnl = row.optional_decimal();
    mark.marked_at = row.optional_time();
    mark.mark_source = row.text();
    return mark;
}

template <typename Row>
StatementRecord read_statement(Row& row) {
    StatementRecord s;
    s.from = row.parsed(base::parse_date);
    s.to = row.parsed(base::parse_date);
    s.generated_at = row.optional_time();
    s.query_name = row.text();
    s.source = row.text();
    s.sections = row.text();
    s.trades = row.small_integer();
    return s;
}

template <typename Row>
StatementPosition read_statement_position(Row& row) {
    StatementPosition p;
    p.con_id = row.integer();
    p.date = row.parsed(base::parse_date);
    p.is_lot = row.boolean();
    p.quantity = row.decimal();
    p.cost_price = row.optional_decimal();
    p.cost_money = row.optional_decimal();
    p.mark_price = row.optional_decimal();
    p.fx_rate_to_base = row.optional_decimal();
    p.opened_at = row.optional_time();
    p.originating_transaction_id = row.text();
    return p;
}

template <typename Row>
StatementTradeClaim read_statement_trade(Row& row) {
    StatementTradeClaim t;
    t.con_id = row.integer();
    t.trade_date = row.parsed(base::parse_date);
    t.exec_id = row.text();
    t.transaction_id = row.text();
    t.quantity = row.decimal();
    t.realized_pnl = row.optional_decimal();
    return t;
}

template <typename Row>
Certification read_certification(Row& row) {
    Certification c;
    c.trade_date = row.parsed(base::parse_date);
    c.state = row.parsed(model::parse_certification_state);
    c.executions = row.small_integer();
    c.positions = row.small_integer();
    c.lots = row.small_integer();
    c.statement_realized_pnl = row.optional_decimal();
    c.corrected = row.small_integer();
    c.open = row.small_integer();
    return c;
}

template <typename Row>
CertificationDifference read_difference(Row& row) {
    CertificationDifference d;
    d.trade_date = row.parsed(base::parse_date);
    d.kind = row.parsed(model::parse_difference_kind);
    d.state = row.parsed(model::parse_difference_state);
    d.con_id = row.integer();
    d.subject = row.text();
    d.statement_value = row.text();
    d.book_value = row.text();
    d.cause = row.text();
    return d;
}

template <typename Row>
OperatorRequest read_request(Row& row) {
    OperatorRequest request;
    request.request_id = row.integer();
    request.verb = row.text();
    request.arguments = row.text();
    request.author = row.text();
    request.asked_at = row.time();
    request.service = row.text();
    return request;
}

}  // namespace possync::store::rows

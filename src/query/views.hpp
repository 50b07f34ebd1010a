// The SQL contract as C++: one struct per view, and beside it the list of its columns in the order of the
// view. The views of every store have exactly these columns; JSON, CSV, tables and the API's description
// follow from the lists.
//
// Decimals and times are optional throughout: NULL is "unknown" or "not yet" and is never shown as 0.
// Optional text is NULL where there is none. Views gain columns at the end and never lose, rename or move
// one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "query/column.hpp"

namespace possync::query {

using OptionalDecimal = std::optional<base::Decimal>;
using OptionalTime = std::optional<base::Timestamp>;
using OptionalDate = std::optional<base::Date>;
using OptionalText = std::optional<std::string>;
using OptionalInteger = std::optional<std::int64_t>;

struct AccountRow {
    std::int64_t account_id = 0;
    std::string account;
    std::string broker;
    std::string gateway;
    OptionalText base_currency;
    bool is_paper = false;
    std::int64_t revision = 0;
    OptionalTime last_synced_at;
    OptionalDate certified_through;
    bool operator==(AccountRow const&) const = default;
};

template <>
struct View<AccountRow> {
    static constexpr std::string_view name = "accounts";
    static constexpr std::string_view description = "The broker's accounts that this database follows.";
    static constexpr auto columns = std::tuple{
        Column{"account_id", &AccountRow::account_id, "Number of the account in this database."},
        Column{"account", &AccountRow::account, "The broker's account code."},
        Column{"broker", &AccountRow::broker, "The broker, IBKR."},
        Column{"gateway", &AccountRow::gateway,
               "Configured name of the gateway that the account belongs to."},
        Column{"base_currency", &AccountRow::base_currency,
               "Currency in which the broker keeps the account."},
        Column{"is_paper", &AccountRow::is_paper, "True for simulated trading."},
        Column{"revision", &AccountRow::revision, "Number of the last committed change set."},
        Column{"last_synced_at", &AccountRow::last_synced_at,
               "When the book was last seen equal to the broker."},
        Column{"certified_through", &AccountRow::certified_through,
               "Last trade date up to which the book agrees with the statements; NULL: none."},
    };
    static constexpr FilterColumns filter{.account = "account", .order = "account"};
};

struct InstrumentRow {
    std::int64_t instrument_id = 0;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalText local_symbol;
    std::string sec_type;
    std::string currency;
    OptionalText exchange;
    OptionalText primary_exchange;
    OptionalText trading_class;
    OptionalDecimal multiplier;
    OptionalDecimal price_scale;
    OptionalText expiry;
    OptionalDecimal strike;
    OptionalText right;
    OptionalInteger under_con_id;
    bool operator==(InstrumentRow const&) const = default;
};

template <>
struct View<InstrumentRow> {
    static constexpr std::string_view name = "instruments";
    static constexpr std::string_view description = "Contracts, keyed by the broker's conId.";
    static constexpr auto columns = std::tuple{
        Column{"instrument_id", &InstrumentRow::instrument_id, "Number of the instrument in this database."},
        Column{"con_id", &InstrumentRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &InstrumentRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"local_symbol", &InstrumentRow::local_symbol, "Symbol at the exchange."},
        Column{"sec_type", &InstrumentRow::sec_type,
               "STK, OPT, FUT, FOP, WAR, BOND, CASH, ... as the broker says."},
        Column{"currency", &InstrumentRow::currency, "Currency of prices and P&L."},
        Column{"exchange", &InstrumentRow::exchange, "Exchange or routing destination."},
        Column{"primary_exchange", &InstrumentRow::primary_exchange, "Primary listing exchange."},
        Column{"trading_class", &InstrumentRow::trading_class, "Trading class."},
        Column{"multiplier", &InstrumentRow::multiplier, "Units of the underlying in one contract."},
        Column{"price_scale", &InstrumentRow::price_scale,
               "Factor from quoted unit to currency, 0.01 for pence."},
        Column{"expiry", &InstrumentRow::expiry, "YYYYMMDD or YYYYMM; NULL where there is none."},
        Column{"strike", &InstrumentRow::strike, "Strike price of an option or warrant."},
        Column{"right", &InstrumentRow::right, "C for a call, P for a put."},
        Column{"under_con_id", &InstrumentRow::under_con_id, "conId of the underlying."},
    };
    static constexpr FilterColumns filter{.symbol = "symbol", .con_id = "con_id", .order = "symbol con_id"};
};

struct PositionRow {
    std::int64_t position_id = 0;
    std::int64_t account_id = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalText local_symbol;
    std::string sec_type;
    std::string currency;
    OptionalDecimal multiplier;
    std::string status;
    OptionalDecimal quantity;
    OptionalDecimal average_price;
    OptionalDecimal broker_avg_cost;
    OptionalDecimal current_price;
    OptionalDecimal market_value;
    OptionalDecimal unrealized_pnl;
    OptionalDecimal unrealized_pnl_pct;
    OptionalDecimal realized_pnl;
    OptionalDecimal commissions;
    OptionalDecimal net_realized_pnl;
    OptionalDecimal estimated_realized_pnl;
    OptionalInteger unknown_closes;
    OptionalTime marked_at;
    OptionalText mark_source;
    OptionalTime opened_at;
    OptionalTime closed_at;
    OptionalTime missing_since;
    OptionalTime last_synced_at;
    OptionalInteger revision;
    OptionalDecimal broker_unrealized_pnl;
    bool operator==(PositionRow const&) const = default;
};

template <>
struct View<PositionRow> {
    static constexpr std::string_view name = "positions";
    static constexpr std::string_view description =
        "Positions: one row for each time that an account held an instrument, from flat to flat.";
    static constexpr auto columns = std::tuple{
        Column{"position_id", &PositionRow::position_id, "Number of the position."},
        Column{"account_id", &PositionRow::account_id, "Number of the account in this database."},
        Column{"account", &PositionRow::account, "The broker's account code."},
        Column{"con_id", &PositionRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &PositionRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"local_symbol", &PositionRow::local_symbol, "Symbol at the exchange."},
        Column{"sec_type", &PositionRow::sec_type, "STK, OPT, FUT, ... as the broker says."},
        Column{"currency", &PositionRow::currency, "Currency of prices and P&L."},
        Column{"multiplier", &PositionRow::multiplier, "Units of the underlying in one contract."},
        Column{"status", &PositionRow::status, "OPEN or CLOSED."},
        Column{"quantity", &PositionRow::quantity, "Signed: positive is long, negative short, 0 closed."},
        Column{"average_price", &PositionRow::average_price, "Average entry price in the quoted unit."},
        Column{"broker_avg_cost", &PositionRow::broker_avg_cost,
               "The broker's average cost, with multiplier and commissions, as sent."},
        Column{"current_price", &PositionRow::current_price, "Last mark in the quoted unit."},
        Column{"market_value", &PositionRow::market_value, "Value at the mark, in the currency."},
        Column{"unrealized_pnl", &PositionRow::unrealized_pnl,
               "(current_price - average_price) x quantity x multiplier x price scale."},
        Column{"unrealized_pnl_pct", &PositionRow::unrealized_pnl_pct,
               "unrealized_pnl in percent of the cost."},
        Column{"realized_pnl", &PositionRow::realized_pnl,
               "Gross sum of the closes so far whose P&L is known; see unknown_closes."},
        Column{"commissions", &PositionRow::commissions,
               "Of all fills of the position; NULL while one is unknown."},
        Column{"net_realized_pnl", &PositionRow::net_realized_pnl,
               "realized_pnl less the commissions of what was closed; NULL while a part is unknown."},
        Column{"estimated_realized_pnl", &PositionRow::estimated_realized_pnl,
               "A guess at the mark for closes without a known fill; never part of realized_pnl."},
        Column{"unknown_closes", &PositionRow::unknown_closes, "Closes whose realized P&L is not known."},
        Column{"marked_at", &PositionRow::marked_at, "Time of the mark."},
        Column{"mark_source", &PositionRow::mark_source, "Where the mark comes from."},
        Column{"opened_at", &PositionRow::opened_at,
               "NULL for what was open before the account was first seen."},
        Column{"closed_at", &PositionRow::closed_at, "NULL while open."},
        Column{"missing_since", &PositionRow::missing_since, "Since when the broker no longer shows it."},
        Column{"last_synced_at", &PositionRow::last_synced_at,
               "When the account was last seen equal to the broker."},
        Column{"revision", &PositionRow::revision, "Revision of the last change of this position."},
        Column{"broker_unrealized_pnl", &PositionRow::broker_unrealized_pnl,
               "The broker's own figure, as sent."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "status",
                                          .status_words = "OPEN CLOSED",
                                          .from = "opened_at",
                                          .to = "closed_at",
                                          .order = "account symbol con_id position_id",
                                          .position = "position_id",
                                          .revision = "revision",
                                          .marked = "marked_at"};
};

struct CloseRow {
    std::int64_t close_id = 0;
    std::int64_t position_id = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalDecimal quantity_closed;
    std::string side;
    OptionalDecimal entry_price;
    OptionalDecimal exit_price;
    OptionalDecimal realized_pnl;
    OptionalDecimal realized_pnl_pct;
    OptionalDecimal commissions;
    OptionalDecimal net_realized_pnl;
    OptionalDecimal estimated_realized_pnl;
    OptionalDecimal broker_realized_pnl;
    std::string currency;
    OptionalTime closed_at;
    OptionalDate trade_date;
    bool is_full_close = false;
    std::string cause;
    std::string basis;
    OptionalText exec_id;
    OptionalText order_ref;
    OptionalInteger revision;
    bool operator==(CloseRow const&) const = default;
};

template <>
struct View<CloseRow> {
    static constexpr std::string_view name = "position_closes";
    static constexpr std::string_view description =
        "Reductions of positions, partial or full, with realized P&L.";
    static constexpr auto columns = std::tuple{
        Column{"close_id", &CloseRow::close_id, "Number of the close."},
        Column{"position_id", &CloseRow::position_id, "The position that was reduced."},
        Column{"account", &CloseRow::account, "The broker's account code."},
        Column{"con_id", &CloseRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &CloseRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"quantity_closed", &CloseRow::quantity_closed, "Positive."},
        Column{"side", &CloseRow::side, "Of the closing trade: SLD closes a long, BOT a short."},
        Column{"entry_price", &CloseRow::entry_price, "Entry price by the account's cost basis method."},
        Column{"exit_price", &CloseRow::exit_price, "Price of the closing fill; NULL when not known."},
        Column{"realized_pnl", &CloseRow::realized_pnl,
               "Gross; NULL when not proven by a fill or statement."},
        Column{"realized_pnl_pct", &CloseRow::realized_pnl_pct, "In percent of the cost of the closed part."},
        Column{"commissions", &CloseRow::commissions, "Entry share plus exit; NULL while unknown."},
        Column{"net_realized_pnl", &CloseRow::net_realized_pnl, "realized_pnl less commissions."},
        Column{"estimated_realized_pnl", &CloseRow::estimated_realized_pnl,
               "A guess at the mark, where unproven."},
        Column{"broker_realized_pnl", &CloseRow::broker_realized_pnl, "The broker's own figure, as sent."},
        Column{"currency", &CloseRow::currency, "Currency of prices and P&L."},
        Column{"closed_at", &CloseRow::closed_at, "Time of the reduction."},
        Column{"trade_date", &CloseRow::trade_date, "Calendar date in the report zone."},
        Column{"is_full_close", &CloseRow::is_full_close, "True for the close that ended the position."},
        Column{"cause", &CloseRow::cause, "Why the quantity moved: execution, expiry, split, ..."},
        Column{"basis", &CloseRow::basis,
               "What the numbers rest on: executions, broker, estimated or unknown."},
        Column{"exec_id", &CloseRow::exec_id, "The closing execution."},
        Column{"order_ref", &CloseRow::order_ref, "Order reference of the closing execution."},
        Column{"revision", &CloseRow::revision, "The account's revision that last changed it; NULL when written by an earlier version."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .from = "closed_at",
                                          .to = "closed_at",
                                          .order = "closed_at close_id",
                                          .newest_last = true,
                                          .position = "position_id"};
};

struct EventRow {
    std::int64_t event_id = 0;
    std::int64_t revision = 0;
    std::string account;
    std::int64_t position_id = 0;
    std::int64_t con_id = 0;
    std::string symbol;
    std::string kind;
    std::string cause;
    OptionalDecimal quantity_before;
    OptionalDecimal quantity_after;
    OptionalDecimal average_price_before;
    OptionalDecimal average_price_after;
    OptionalTime occurred_at;
    OptionalTime recorded_at;
    OptionalInteger sync_run_id;
    OptionalText exec_id;
    bool operator==(EventRow const&) const = default;
};

template <>
struct View<EventRow> {
    static constexpr std::string_view name = "position_events";
    static constexpr std::string_view description = "What happened to positions, append-only.";
    static constexpr auto columns = std::tuple{
        Column{"event_id", &EventRow::event_id,
               "Number of the event; order of recording within the account."},
        Column{"revision", &EventRow::revision, "The account's revision that recorded it."},
        Column{"account", &EventRow::account, "The broker's account code."},
        Column{"position_id", &EventRow::position_id, "The position."},
        Column{"con_id", &EventRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &EventRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"kind", &EventRow::kind,
               "opened, increased, reduced, closed, adjusted, missing, found, repriced, reopened or split."},
        Column{"cause", &EventRow::cause, "Why the quantity moved: execution, expiry, split, ..."},
        Column{"quantity_before", &EventRow::quantity_before, "Quantity before the event."},
        Column{"quantity_after", &EventRow::quantity_after, "Quantity after the event."},
        Column{"average_price_before", &EventRow::average_price_before, "Average entry price before."},
        Column{"average_price_after", &EventRow::average_price_after, "Average entry price after."},
        Column{"occurred_at", &EventRow::occurred_at, "When it happened, as far as known."},
        Column{"recorded_at", &EventRow::recorded_at, "When it was committed."},
        Column{"sync_run_id", &EventRow::sync_run_id, "The sync that found it."},
        Column{"exec_id", &EventRow::exec_id, "The execution that caused it."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .from = "occurred_at",
                                          .from_else = "recorded_at",
                                          .to = "occurred_at",
                                          .order = "recorded_at event_id",
                                          .newest_last = true,
                                          .position = "position_id",
                                          .revision = "revision",
                                          .id = "event_id"};
};

struct ExecutionRow {
    std::string exec_id;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalTime time;
    std::string side;
    OptionalDecimal shares;
    OptionalDecimal signed_quantity;
    OptionalDecimal price;
    OptionalText exchange;
    std::int64_t order_id = 0;
    std::int64_t perm_id = 0;
    std::int64_t client_id = 0;
    OptionalText order_ref;
    OptionalText model_code;
    OptionalDecimal cum_qty;
    std::int64_t last_liquidity = 0;
    OptionalDecimal commission;
    OptionalText commission_currency;
    OptionalDecimal broker_realized_pnl;
    bool liquidation = false;
    OptionalDate trade_date;
    OptionalText superseded_by;
    std::string booked;
    OptionalText time_text;
    OptionalInteger exercise_type;
    bool excluded = false;
    OptionalTime recorded_at;
    OptionalText cause;
    OptionalText transaction_id;
    bool operator==(ExecutionRow const&) const = default;
};

template <>
struct View<ExecutionRow> {
    static constexpr std::string_view name = "executions";
    static constexpr std::string_view description = "Fills as the broker reported them.";
    static constexpr auto columns = std::tuple{
        Column{"exec_id", &ExecutionRow::exec_id, "The broker's execution id; unique within an account."},
        Column{"account", &ExecutionRow::account, "The broker's account code."},
        Column{"con_id", &ExecutionRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &ExecutionRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"time", &ExecutionRow::time, "Time of the fill."},
        Column{"side", &ExecutionRow::side, "BOT or SLD."},
        Column{"shares", &ExecutionRow::shares, "Quantity of the fill, positive."},
        Column{"signed_quantity", &ExecutionRow::signed_quantity, "shares, negative when sold."},
        Column{"price", &ExecutionRow::price, "Price in the quoted unit."},
        Column{"exchange", &ExecutionRow::exchange, "Where it was filled."},
        Column{"order_id", &ExecutionRow::order_id, "Order id of the client that placed the order."},
        Column{"perm_id", &ExecutionRow::perm_id, "The broker's permanent order id."},
        Column{"client_id", &ExecutionRow::client_id, "API client that placed the order; 0 for manual ones."},
        Column{"order_ref", &ExecutionRow::order_ref, "Order reference."},
        Column{"model_code", &ExecutionRow::model_code, "Model of an adviser's account."},
        Column{"cum_qty", &ExecutionRow::cum_qty, "Quantity of the order filled so far."},
        Column{"last_liquidity", &ExecutionRow::last_liquidity,
               "1 added, 2 removed, 3 routed out, 0 unknown."},
        Column{"commission", &ExecutionRow::commission,
               "Positive is a cost, negative a rebate; NULL until reported."},
        Column{"commission_currency", &ExecutionRow::commission_currency, "Currency of the commission."},
        Column{"broker_realized_pnl", &ExecutionRow::broker_realized_pnl,
               "The broker's own figure, as sent."},
        Column{"liquidation", &ExecutionRow::liquidation, "True when the broker forced the trade."},
        Column{"trade_date", &ExecutionRow::trade_date, "Calendar date in the report zone."},
        Column{"superseded_by", &ExecutionRow::superseded_by, "The correction that is in force instead."},
        Column{"booked", &ExecutionRow::booked,
               "pending, booked, or never (combinations, currency conversions)."},
        Column{"time_text", &ExecutionRow::time_text, "Time as the broker sent it."},
        Column{"exercise_type", &ExecutionRow::exercise_type,
               "Kind of option exercise, where the broker says so."},
        Column{"excluded", &ExecutionRow::excluded, "True when the operator took it out of the book."},
        Column{"recorded_at", &ExecutionRow::recorded_at, "When it was committed."},
        Column{"cause", &ExecutionRow::cause,
               "What a statement says it was, where it was no ordinary fill: exercise, assignment, expiry, ..."},
        Column{"transaction_id", &ExecutionRow::transaction_id,
               "The statement's row that confirmed it; NULL: no statement did yet."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "booked",
                                          .status_words = "pending booked never",
                                          .from = "time",
                                          .to = "time",
                                          .order = "time account exec_id",
                                          .newest_last = true};
};

struct LotRow {
    std::int64_t lot_id = 0;
    std::int64_t position_id = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalText open_exec_id;
    OptionalTime opened_at;
    OptionalDecimal quantity;
    OptionalDecimal remaining_quantity;
    OptionalDecimal price;
    bool operator==(LotRow const&) const = default;
};

template <>
struct View<LotRow> {
    static constexpr std::string_view name = "lots";
    static constexpr std::string_view description = "What is left of opening fills.";
    static constexpr auto columns = std::tuple{
        Column{"lot_id", &LotRow::lot_id, "Number of the lot."},
        Column{"position_id", &LotRow::position_id, "The position it is part of."},
        Column{"account", &LotRow::account, "The broker's account code."},
        Column{"con_id", &LotRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &LotRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"open_exec_id", &LotRow::open_exec_id, "The opening execution; NULL for an opening balance."},
        Column{"opened_at", &LotRow::opened_at, "NULL for what was open before the account was first seen."},
        Column{"quantity", &LotRow::quantity, "Signed, as opened (after splits)."},
        Column{"remaining_quantity", &LotRow::remaining_quantity, "Signed, what is left."},
        Column{"price", &LotRow::price, "Entry price in the quoted unit; NULL when not known."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .from = "opened_at",
                                          .to = "opened_at",
                                          .order = "account symbol con_id opened_at lot_id",
                                          .position = "position_id"};
};

struct RunRow {
    std::int64_t sync_run_id = 0;
    std::string gateway;
    OptionalText account;
    std::string trigger;
    OptionalTime started_at;
    OptionalTime finished_at;
    std::string outcome;
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
    OptionalInteger broker_positions;
    OptionalText error;
    OptionalInteger revision;
    std::int64_t repeats = 1;
    bool operator==(RunRow const&) const = default;
};

template <>
struct View<RunRow> {
    static constexpr std::string_view name = "sync_runs";
    static constexpr std::string_view description = "Syncs and how they ended.";
    static constexpr auto columns = std::tuple{
        Column{"sync_run_id", &RunRow::sync_run_id, "Number of the run."},
        Column{"gateway", &RunRow::gateway, "Configured name of the gateway."},
        Column{"account", &RunRow::account,
               "The broker's account code; NULL when it failed before that was known."},
        Column{"trigger", &RunRow::trigger,
               "startup, scheduled, position_update, trade, manual or reconnect."},
        Column{"started_at", &RunRow::started_at, "When the first of these runs began."},
        Column{"finished_at", &RunRow::finished_at, "When the last of these runs ended."},
        Column{"outcome", &RunRow::outcome, "committed, unchanged or failed."},
        Column{"positions_created", &RunRow::positions_created, "Positions opened."},
        Column{"positions_updated", &RunRow::positions_updated, "Other changes of quantity."},
        Column{"positions_closed", &RunRow::positions_closed, "Positions closed."},
        Column{"broker_positions", &RunRow::broker_positions, "Positions that the broker showed; NULL when no whole list came."},
        Column{"error", &RunRow::error, "Why it failed."},
        Column{"revision", &RunRow::revision, "The account's revision afterwards."},
        Column{"repeats", &RunRow::repeats, "How many equal unchanged runs in a row this one stands for."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .status = "outcome",
                                          .status_words = "committed unchanged failed",
                                          .from = "started_at",
                                          .to = "finished_at",
                                          .order = "started_at sync_run_id",
                                          .newest_last = true};
};

struct BreakRow {
    std::int64_t break_id = 0;
    std::string account;
    OptionalInteger con_id;
    OptionalText symbol;
    std::string kind;
    std::string break_class;
    std::string state;
    OptionalDecimal broker_value;
    OptionalDecimal book_value;
    OptionalTime opened_at;
    OptionalTime closed_at;
    OptionalText detail;
    std::int64_t looks = 0;
    OptionalTime last_change_at;
    bool operator==(BreakRow const&) const = default;
};

template <>
struct View<BreakRow> {
    static constexpr std::string_view name = "breaks";
    static constexpr std::string_view description = "Differences between broker and book, open and past.";
    static constexpr auto columns = std::tuple{
        Column{"break_id", &BreakRow::break_id, "Number of the break."},
        Column{"account", &BreakRow::account, "The broker's account code."},
        Column{"con_id", &BreakRow::con_id, "The broker's contract id (conId); NULL: the whole account."},
        Column{"symbol", &BreakRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"kind", &BreakRow::kind, "What differs: quantity, missing, guard, scale, cost, ..."},
        Column{"class", &BreakRow::break_class, "alert needs attention, info does not."},
        Column{"state", &BreakRow::state, "settling, open, explained or resolved."},
        Column{"broker_value", &BreakRow::broker_value, "The broker's figure."},
        Column{"book_value", &BreakRow::book_value, "Ours."},
        Column{"opened_at", &BreakRow::opened_at, "When the difference was first seen."},
        Column{"closed_at", &BreakRow::closed_at, "When it was gone or explained."},
        Column{"detail", &BreakRow::detail, "In words."},
        Column{"looks", &BreakRow::looks, "Equal complete looks so far."},
        Column{"last_change_at", &BreakRow::last_change_at, "Last change of either figure."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "state",
                                          .status_words = "settling open explained resolved",
                                          .from = "opened_at",
                                          .to = "closed_at",
                                          .order = "opened_at break_id",
                                          .newest_last = true};
};

struct CoverageRow {
    std::string account;
    std::string stream;
    OptionalTime from_time;
    OptionalTime to_time;
    std::string state;
    std::string source;
    bool operator==(CoverageRow const&) const = default;
};

template <>
struct View<CoverageRow> {
    static constexpr std::string_view name = "coverage";
    static constexpr std::string_view description =
        "Time windows for which an account's executions are known to be complete.";
    static constexpr auto columns = std::tuple{
        Column{"account", &CoverageRow::account, "The broker's account code."},
        Column{"stream", &CoverageRow::stream, "What is covered: executions."},
        Column{"from_time", &CoverageRow::from_time, "Begin of the window."},
        Column{"to_time", &CoverageRow::to_time, "End of the window."},
        Column{"state", &CoverageRow::state, "complete, unknown or contradicted."},
        Column{"source", &CoverageRow::source, "What it is known from: pull, live, snapshot, statement."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .status = "state",
                                          .status_words = "complete unknown contradicted",
                                          .from = "from_time",
                                          .to = "to_time",
                                          .order = "account stream from_time"};
};

struct AccountValueRow {
    std::string account;
    std::string key;
    OptionalText currency;
    std::string value;
    OptionalTime updated_at;
    bool operator==(AccountValueRow const&) const = default;
};

template <>
struct View<AccountValueRow> {
    static constexpr std::string_view name = "account_values";
    static constexpr std::string_view description = "Account figures as the broker sends them.";
    static constexpr auto columns = std::tuple{
        Column{"account", &AccountValueRow::account, "The broker's account code."},
        Column{"key", &AccountValueRow::key, "NetLiquidation, TotalCashValue, ... as the broker says."},
        Column{"currency", &AccountValueRow::currency, "Currency of the value; empty where it has none."},
        Column{"value", &AccountValueRow::value, "Text as sent."},
        Column{"updated_at", &AccountValueRow::updated_at, "When it was received."},
    };
    static constexpr FilterColumns filter{
        .account = "account", .from = "updated_at", .to = "updated_at", .order = "account key currency"};
};

struct AdjustmentRow {
    std::int64_t adjustment_id = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string cause;
    OptionalDecimal quantity;
    OptionalDecimal price;
    OptionalText ratio;
    OptionalTime effective_at;
    OptionalTime recorded_at;
    std::string author;
    OptionalText note;
    OptionalText undone_by;
    std::string symbol;
    std::string basis;
    OptionalDecimal estimated_price;
    OptionalTime undone_at;
    OptionalDecimal value;
    OptionalText reference;
    OptionalTime acquired_at;
    bool operator==(AdjustmentRow const&) const = default;
};

template <>
struct View<AdjustmentRow> {
    static constexpr std::string_view name = "adjustments";
    static constexpr std::string_view description = "Changes of quantity that are not fills.";
    static constexpr auto columns = std::tuple{
        Column{"adjustment_id", &AdjustmentRow::adjustment_id, "Number of the adjustment."},
        Column{"account", &AdjustmentRow::account, "The broker's account code."},
        Column{"con_id", &AdjustmentRow::con_id, "The broker's contract id (conId)."},
        Column{"cause", &AdjustmentRow::cause, "opening_balance, split, expiry, unexplained, manual, ..."},
        Column{"quantity", &AdjustmentRow::quantity, "Signed change of quantity; 0 for a split."},
        Column{"price", &AdjustmentRow::price, "Price in the quoted unit; NULL when not known."},
        Column{"ratio", &AdjustmentRow::ratio, "Of a split: 4:1 makes four of one."},
        Column{"effective_at", &AdjustmentRow::effective_at,
               "NULL: before everything else (opening balance)."},
        Column{"recorded_at", &AdjustmentRow::recorded_at, "When it was committed."},
        Column{"author", &AdjustmentRow::author, "possync, or who entered it."},
        Column{"note", &AdjustmentRow::note, "Why, in words."},
        Column{"undone_by", &AdjustmentRow::undone_by, "Who or what withdrew it."},
        Column{"symbol", &AdjustmentRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"basis", &AdjustmentRow::basis,
               "What the price rests on: executions, broker, estimated or unknown."},
        Column{"estimated_price", &AdjustmentRow::estimated_price, "A mark, for estimates only."},
        Column{"undone_at", &AdjustmentRow::undone_at, "When it was withdrawn."},
        Column{"value", &AdjustmentRow::value,
               "Exact total of the movement, positive, where the price alone would round."},
        Column{"reference", &AdjustmentRow::reference,
               "The statement's row that it came from: corporate_action:ID, transfer:ID or lot:ID."},
        Column{"acquired_at", &AdjustmentRow::acquired_at,
               "When what came was bought, under another conId; NULL: with the change itself."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "cause",
                                          .from = "effective_at",
                                          .from_else = "recorded_at",
                                          .to = "effective_at",
                                          .order = "recorded_at adjustment_id",
                                          .newest_last = true};
};

/// What a position was (valid time) and since when that was known (recorded time); the source of time travel.
struct HistoryRow {
    std::int64_t position_id = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalDecimal quantity;
    OptionalDecimal average_price;
    OptionalDecimal realized_pnl;
    OptionalDecimal commissions;
    OptionalTime valid_from;
    OptionalTime valid_to;
    OptionalTime recorded_from;
    OptionalTime recorded_to;
    bool operator==(HistoryRow const&) const = default;
};

template <>
struct View<HistoryRow> {
    static constexpr std::string_view name = "position_history";
    static constexpr std::string_view description = "Versions of positions in valid and in recorded time.";
    static constexpr auto columns = std::tuple{
        Column{"position_id", &HistoryRow::position_id, "The position."},
        Column{"account", &HistoryRow::account, "The broker's account code."},
        Column{"con_id", &HistoryRow::con_id, "The broker's contract id (conId)."},
        Column{"symbol", &HistoryRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"quantity", &HistoryRow::quantity, "Signed quantity in this stretch of time."},
        Column{"average_price", &HistoryRow::average_price, "Average entry price in the quoted unit."},
        Column{"realized_pnl", &HistoryRow::realized_pnl, "Gross sum of the known closes up to then."},
        Column{"commissions", &HistoryRow::commissions,
               "Of all fills up to then; NULL while one is unknown."},
        Column{"valid_from", &HistoryRow::valid_from, "Begin of the stretch."},
        Column{"valid_to", &HistoryRow::valid_to,
               "End of the stretch, exclusive; NULL: until further notice."},
        Column{"recorded_from", &HistoryRow::recorded_from, "Since when the database said so."},
        Column{"recorded_to", &HistoryRow::recorded_to,
               "Until when it said so, exclusive; NULL: it still does."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .from = "valid_from",
                                          .to = "valid_to",
                                          .order = "account position_id recorded_from valid_from",
                                          .position = "position_id"};
};

/// A statement that was imported.
struct StatementRow {
    std::string account;
    OptionalDate from_date;
    OptionalDate to_date;
    OptionalTime generated_at;
    OptionalText query_name;
    OptionalText source;
    std::string sections;
    std::int64_t trades = 0;
    OptionalTime imported_at;
    bool operator==(StatementRow const&) const = default;
};

template <>
struct View<StatementRow> {
    static constexpr std::string_view name = "statements";
    static constexpr std::string_view description = "Statements that were imported, and the days that they cover.";
    static constexpr auto columns = std::tuple{
        Column{"account", &StatementRow::account, "The broker's account code."},
        Column{"from_date", &StatementRow::from_date, "First day of the statement."},
        Column{"to_date", &StatementRow::to_date, "Last day."},
        Column{"generated_at", &StatementRow::generated_at, "When the broker made it."},
        Column{"query_name", &StatementRow::query_name, "The Flex query that asked for it."},
        Column{"source", &StatementRow::source, "The file."},
        Column{"sections", &StatementRow::sections, "What it has: Trades, OpenPositions, ..., separated by blanks."},
        Column{"trades", &StatementRow::trades, "Trades it lists."},
        Column{"imported_at", &StatementRow::imported_at, "When it was imported; importing the same again does not change it."},
    };
    static constexpr FilterColumns filter{
        .account = "account", .from = "from_date", .to = "to_date", .order = "account from_date to_date"};
};

/// One trade date of one account, compared with its statement.
struct CertificationRow {
    std::string account;
    OptionalDate trade_date;
    std::string state;
    std::int64_t executions = 0;
    std::int64_t positions = 0;
    std::int64_t lots = 0;
    OptionalDecimal statement_realized_pnl;
    std::int64_t corrected = 0;
    std::int64_t open = 0;
    bool operator==(CertificationRow const&) const = default;
};

template <>
struct View<CertificationRow> {
    static constexpr std::string_view name = "certifications";
    static constexpr std::string_view description = "Trade dates whose book was compared with a statement.";
    static constexpr auto columns = std::tuple{
        Column{"account", &CertificationRow::account, "The broker's account code."},
        Column{"trade_date", &CertificationRow::trade_date, "The broker's trade date."},
        Column{"state", &CertificationRow::state,
               "matched: the book agrees with the statement; differs: it does not; provisional: no statement covers the day."},
        Column{"executions", &CertificationRow::executions, "Executions and entries in the statement."},
        Column{"positions", &CertificationRow::positions, "Positions compared at the end of the day; 0 where none are listed."},
        Column{"lots", &CertificationRow::lots, "Lots compared at the end of the day."},
        Column{"statement_realized_pnl", &CertificationRow::statement_realized_pnl,
               "The statement's sum: FIFO, net of commissions."},
        Column{"corrected", &CertificationRow::corrected, "Differences that the statement corrected in the book."},
        Column{"open", &CertificationRow::open, "Differences that remain."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .status = "state",
                                          .status_words = "provisional matched differs",
                                          .from = "trade_date",
                                          .to = "trade_date",
                                          .order = "trade_date account",
                                          .newest_last = true};
};

/// One thing in which book and statement differed.
struct CertificationDifferenceRow {
    std::string account;
    OptionalDate trade_date;
    std::string kind;
    std::string state;
    OptionalInteger con_id;
    OptionalText symbol;
    OptionalText subject;
    OptionalText statement_value;
    OptionalText book_value;
    OptionalText cause;
    bool operator==(CertificationDifferenceRow const&) const = default;
};

template <>
struct View<CertificationDifferenceRow> {
    static constexpr std::string_view name = "certification_differences";
    static constexpr std::string_view description = "What statements say and the book did not, and the reverse.";
    static constexpr auto columns = std::tuple{
        Column{"account", &CertificationDifferenceRow::account, "The broker's account code."},
        Column{"trade_date", &CertificationDifferenceRow::trade_date, "The broker's trade date."},
        Column{"kind", &CertificationDifferenceRow::kind,
               "What differs: execution_missing, commission, position_quantity, lot_cost, ..."},
        Column{"state", &CertificationDifferenceRow::state,
               "corrected: the book follows the statement now; open: it still differs."},
        Column{"con_id", &CertificationDifferenceRow::con_id, "The broker's contract id (conId); NULL: of no instrument."},
        Column{"symbol", &CertificationDifferenceRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"subject", &CertificationDifferenceRow::subject,
               "Execution, transaction, or when a lot was opened; NULL: the position."},
        Column{"statement_value", &CertificationDifferenceRow::statement_value, "What the statement says; NULL: nothing."},
        Column{"book_value", &CertificationDifferenceRow::book_value, "What the book said; NULL: nothing."},
        Column{"cause", &CertificationDifferenceRow::cause, "Why, or what to do, where that can be told."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "state",
                                          .status_words = "corrected open",
                                          .from = "trade_date",
                                          .to = "trade_date",
                                          .order = "trade_date account kind con_id subject",
                                          .newest_last = true};
};

/// Money that moved without a trade.
struct CashTransactionRow {
    std::string account;
    std::string transaction_id;
    std::string type;
    OptionalInteger con_id;
    OptionalText symbol;
    std::string currency;
    OptionalDecimal amount;
    OptionalDecimal fx_rate_to_base;
    OptionalTime time;
    OptionalDate report_date;
    OptionalDate settle_date;
    OptionalDate ex_date;
    OptionalText action_id;
    OptionalText description;
    bool operator==(CashTransactionRow const&) const = default;
};

template <>
struct View<CashTransactionRow> {
    static constexpr std::string_view name = "cash_transactions";
    static constexpr std::string_view description =
        "Dividends, withholding, interest, fees, deposits: money that moved without a trade, from statements.";
    static constexpr auto columns = std::tuple{
        Column{"account", &CashTransactionRow::account, "The broker's account code."},
        Column{"transaction_id", &CashTransactionRow::transaction_id, "The statement's id of it; unique in the account."},
        Column{"type", &CashTransactionRow::type, "Dividends, Withholding Tax, Deposits/Withdrawals, ... as printed."},
        Column{"con_id", &CashTransactionRow::con_id, "The broker's contract id (conId); NULL: of no instrument."},
        Column{"symbol", &CashTransactionRow::symbol, "Symbol; for derivatives that of the underlying."},
        Column{"currency", &CashTransactionRow::currency, "Currency of the amount."},
        Column{"amount", &CashTransactionRow::amount, "Positive: received."},
        Column{"fx_rate_to_base", &CashTransactionRow::fx_rate_to_base, "The statement's rate to the account's base currency."},
        Column{"time", &CashTransactionRow::time, "When it was booked; NULL where only the date is said."},
        Column{"report_date", &CashTransactionRow::report_date, "The day whose statement reports it."},
        Column{"settle_date", &CashTransactionRow::settle_date, "When the money moves."},
        Column{"ex_date", &CashTransactionRow::ex_date, "Of a dividend."},
        Column{"action_id", &CashTransactionRow::action_id, "The corporate action that it belongs to."},
        Column{"description", &CashTransactionRow::description, "In the broker's words."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "symbol",
                                          .con_id = "con_id",
                                          .status = "type",
                                          .from = "report_date",
                                          .to = "report_date",
                                          .order = "report_date account transaction_id",
                                          .newest_last = true};
};

/// What became of an instrument.
struct SuccessionRow {
    std::string account;
    std::int64_t old_con_id = 0;
    OptionalText old_symbol;
    std::int64_t new_con_id = 0;
    OptionalText new_symbol;
    OptionalDate effective_date;
    OptionalText action_id;
    std::string type;
    OptionalText ratio;
    OptionalDecimal cost_share;
    bool operator==(SuccessionRow const&) const = default;
};

template <>
struct View<SuccessionRow> {
    static constexpr std::string_view name = "instrument_successions";
    static constexpr std::string_view description =
        "Which instrument came out of which: mergers, spin-offs, changes of symbol or conId.";
    static constexpr auto columns = std::tuple{
        Column{"account", &SuccessionRow::account, "The broker's account code."},
        Column{"old_con_id", &SuccessionRow::old_con_id, "conId of what there was."},
        Column{"old_symbol", &SuccessionRow::old_symbol, "Its symbol."},
        Column{"new_con_id", &SuccessionRow::new_con_id, "conId of what came out of it."},
        Column{"new_symbol", &SuccessionRow::new_symbol, "Its symbol."},
        Column{"effective_date", &SuccessionRow::effective_date, "When it happened."},
        Column{"action_id", &SuccessionRow::action_id, "The broker's id of the corporate action."},
        Column{"type", &SuccessionRow::type, "TC merger, SO spin-off, FS and RS splits, ... as the statement says."},
        Column{"ratio", &SuccessionRow::ratio, "New for old, 4:1 where one became four; NULL where they are not whole."},
        Column{"cost_share", &SuccessionRow::cost_share, "Share of the old cost that moved; 1: all of it."},
    };
    static constexpr FilterColumns filter{.account = "account",
                                          .symbol = "old_symbol",
                                          .other_symbol = "new_symbol",
                                          .con_id = "old_con_id",
                                          .other_con_id = "new_con_id",
                                          .status = "type",
                                          .from = "effective_date",
                                          .to = "effective_date",
                                          .order = "effective_date account action_id old_con_id new_con_id",
                                          .newest_last = true};
};

/// The statement's rate of one currency at the end of one day.
struct CurrencyRateRow {
    std::string account;
    OptionalDate date;
    std::string currency;
    OptionalDecimal rate;
    bool operator==(CurrencyRateRow const&) const = default;
};

template <>
struct View<CurrencyRateRow> {
    static constexpr std::string_view name = "currency_rates";
    static constexpr std::string_view description = "The statements' rates of currencies to the account's base currency.";
    static constexpr auto columns = std::tuple{
        Column{"account", &CurrencyRateRow::account, "The broker's account code."},
        Column{"date", &CurrencyRateRow::date, "The day."},
        Column{"currency", &CurrencyRateRow::currency, "The currency."},
        Column{"rate", &CurrencyRateRow::rate, "One unit of it in the account's base currency."},
    };
    static constexpr FilterColumns filter{
        .account = "account", .from = "date", .to = "date", .order = "date account currency", .newest_last = true};
};

/// Calls macro(Row) for the row of each view: how the .cpp files make their templates for all of them.
#define POSSYNC_FOR_EACH_VIEW(macro)                                                          \
    macro(AccountRow) macro(InstrumentRow) macro(PositionRow) macro(CloseRow) macro(EventRow) \
        macro(ExecutionRow) macro(LotRow) macro(RunRow) macro(BreakRow) macro(CoverageRow)    \
            macro(AccountValueRow) macro(AdjustmentRow) macro(HistoryRow) macro(StatementRow) \
                macro(CertificationRow) macro(CertificationDifferenceRow) macro(CashTransactionRow) \
                    macro(SuccessionRow) macro(CurrencyRateRow)

/// Every view, for descriptions and for `export TABLE`.
[[nodiscard]] std::vector<ViewInfo const*> const& all_views();
/// By the view's name or the command's word for it (closes, events, runs, history, differences, cash, successions); nullptr for other names.
[[nodiscard]] ViewInfo const* find_view(std::string_view name);

}  // namespace possync::query

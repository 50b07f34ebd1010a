#include "store/sqlite/sqlite_load.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_map>

namespace possync::store::sqlite {

using base::Result;
using base::Timestamp;
using model::AccountId;
using model::Adjustment;
using model::Break;
using model::Close;
using model::ConId;
using model::Execution;
using model::FactOrder;
using model::Instrument;
using model::InstrumentBook;
using model::Lot;
using model::Position;
using model::RowId;

namespace {

constexpr std::string_view position_chains =
    "SELECT position_id, con_id, coalesce(chain_fact, opening_fact), quantity <> '0' OR closed_at IS NULL "
    "OR closed_at >= ?3 "
    "FROM position "
    "WHERE position_id >= ?1 AND position_id < ?2 AND superseded_at IS NULL AND (?4 IS NULL OR con_id = ?4) "
    "ORDER BY position_id";

constexpr std::string_view positions_of_account =
    "SELECT position_id, con_id, quantity, average_price, cost, realized_pnl, commissions, "
    "net_realized_pnl, estimated_realized_pnl, unknown_closes, opened_at, closed_at, opening_fact, "
    "coalesce(chain_fact, opening_fact), revision "
    "FROM position "
    "WHERE position_id >= ?1 AND position_id < ?2 AND superseded_at IS NULL AND (?3 IS NULL OR con_id = ?3) "
    "ORDER BY position_id";

constexpr std::string_view closes_of_position =
    "SELECT close_id, position_id, quantity_closed, side, entry_price, exit_price, realized_pnl, "
    "realized_pnl_pct, commissions, net_realized_pnl, estimated_realized_pnl, broker_realized_pnl, "
    "closed_at, trade_date, is_full_close, cause, basis, exec_id, order_ref, closing_fact "
    "FROM position_close "
    "WHERE position_id = ?1 AND superseded_at IS NULL "
    "ORDER BY close_id";

constexpr std::string_view lots_of_account =
    "SELECT lot_id, position_id, opening_fact, open_exec_id, opened_at, quantity, remaining_quantity, price "
    "FROM lot "
    "WHERE lot_id >= ?1 AND lot_id < ?2 "
    "ORDER BY lot_id";

constexpr std::string_view adjustments_of_account =
    "SELECT adjustment_id, con_id, cause, quantity, price, basis, estimated_price, ratio, effective_at, "
    "recorded_at, author, note, undone_at, undone_by, value, reference, acquired_at "
    "FROM adjustment "
    "WHERE adjustment_id >= ?1 AND adjustment_id < ?2 AND (?3 IS NULL OR con_id = ?3) "
    "ORDER BY adjustment_id";

#define POSSYNC_EXECUTION_COLUMNS                                                                           \
    "e.exec_id, e.con_id, e.time, e.time_text, e.side, e.shares, e.price, e.exchange, e.order_id, "         \
    "e.perm_id, e.client_id, e.order_ref, e.model_code, e.cum_qty, e.last_liquidity, e.liquidation, "       \
    "e.exercise_type, e.commission, e.commission_currency, e.broker_realized_pnl, e.booking, "              \
    "e.superseded_by, e.excluded, e.recorded_at, e.trade_date, e.cause, e.transaction_id, e.sequence"

// By instrument, because the one index on executions leads with it.
constexpr std::string_view executions_since =
    "SELECT " POSSYNC_EXECUTION_COLUMNS
    " FROM instrument i CROSS JOIN execution e INDEXED BY execution_by_time "
    "WHERE e.account_id = ?1 AND e.con_id = i.con_id AND e.time >= ?2";
constexpr std::string_view executions_of_instrument =
    "SELECT " POSSYNC_EXECUTION_COLUMNS
    " FROM execution e INDEXED BY execution_by_time "
    "WHERE e.account_id = ?1 AND e.con_id = ?2 AND e.time >= ?3 AND e.time < ?4";
// All corrections of one fill: ids that are ROOT or begin with "ROOT." ('/' is the character after '.').
constexpr std::string_view executions_of_root =
    "SELECT " POSSYNC_EXECUTION_COLUMNS
    " FROM execution e "
    "WHERE e.account_id = ?1 AND e.exec_id >= ?2 AND e.exec_id < ?2 || '/'";

constexpr std::string_view instrument_by_con_id =
    "SELECT con_id, symbol, local_symbol, sec_type, currency, exchange, primary_exchange, trading_class, "
    "multiplier, price_scale, expiry, strike, \"right\", under_con_id, time_zone, under_sec_type, details_known "
    "FROM instrument "
    "WHERE con_id = ?1";

constexpr std::string_view unresolved_breaks =
    "SELECT break_id, con_id, kind, class, state, broker_value, book_value, opened_at, closed_at, looks, "
    "last_change_at, detail "
    "FROM break "
    "WHERE account_id = ?1 AND state IN ('settling', 'open')";

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

Close read_close(Row& row, ConId con_id) {
    Close c;
    c.close_id = row.integer();
    c.position_id = row.integer();
    c.con_id = con_id;
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

/// The episodes of one instrument that are wanted, and the fact that the earliest of them starts from.
constexpr Timestamp beginning{std::numeric_limits<std::int64_t>::min()};
constexpr Timestamp end_of_time{std::numeric_limits<std::int64_t>::max()};

struct Wanted {
    RowId first = 0;
    std::string chain_fact;
    FactOrder start;                 ///< place of the chain fact
    Timestamp earliest = beginning;  ///< time of its first version
};

class Loader {
public:
    Loader(Database& database, AccountId account, Timestamp cutoff, std::optional<ConId> only)
        : database_(database),
          account_(account),
          cutoff_(cutoff),
          only_(only),
          first_id_(model::row_id(account, 0)),
          end_id_(model::row_id(account + 1, 0)) {}

    Result<std::map<ConId, InstrumentBook>> run() {
        POSSYNC_TRY_VOID(find_wanted());
        POSSYNC_TRY_VOID(load_positions());
        POSSYNC_TRY_VOID(load_closes());
        POSSYNC_TRY_VOID(load_lots());
        POSSYNC_TRY_VOID(load_recent_executions());
        POSSYNC_TRY_VOID(load_adjustments());
        POSSYNC_TRY_VOID(load_older_executions());
        POSSYNC_TRY_VOID(load_break_instruments());
        POSSYNC_TRY_VOID(name_instruments());
        sort();
        return std::move(books_);
    }

private:
    /// Ids follow the order of the opening facts, so everything after the first wanted episode is wanted too,
    /// and before it only what shares its chain of flips.
    Result<void> find_wanted() {
        return database_.each(
            position_chains,
            [&](Row& row) {
                RowId const id = row.integer();
                ConId const con_id = row.integer();
                std::string chain = row.text();
                if (row.boolean()) wanted_.try_emplace(con_id, Wanted{id, std::move(chain), {}, beginning});
            },
            first_id_, end_id_, cutoff_, only_);
    }

    Result<void> load_positions() {
        if (wanted_.empty()) return {};
        return database_.each(
            positions_of_account,
            [&](Row& row) {
                RowId const id = row.integer_at(0);
                auto const wanted = wanted_.find(row.integer_at(1));
                if (wanted == wanted_.end()) return;
                if (id < wanted->second.first && row.text_at(13) != wanted->second.chain_fact) return;
                Position position = read_position(row);
                instrument_of_[id] = position.con_id;
                books_[position.con_id].positions.push_back(std::move(position));
            },
            first_id_, end_id_, only_);
    }

    Result<void> load_closes() {
        for (auto& [con_id, book] : books_) {
            for (auto const& position : book.positions) {
                POSSYNC_TRY_VOID(database_.each(
                    closes_of_position, [&](Row& row) { book.closes.push_back(read_close(row, con_id)); },
                    position.position_id));
            }
        }
        return {};
    }

    Result<void> load_lots() {
        if (wanted_.empty()) return {};
        return database_.each(
            lots_of_account,
            [&](Row& row) {
                auto const con_id = instrument_of_.find(row.integer_at(1));
                if (con_id == instrument_of_.end()) return;
                Lot lot = read_lot(row);
                lot.con_id = con_id->second;
                books_[lot.con_id].lots.push_back(std::move(lot));
            },
            first_id_, end_id_);
    }

    Result<void> load_recent_executions() {
        auto const read = [&](Row& row) {
            Execution execution = read_execution(row);
            books_[execution.con_id].executions.push_back(std::move(execution));
        };
        if (only_) {
            return database_.each(executions_of_instrument, read, account_, *only_, cutoff_, end_of_time);
        }
        return database_.each(executions_since, read, account_, cutoff_);
    }

    /// All adjustments are read (there are few) and those kept that the wanted range covers. One that was
    /// withdrawn lately is kept too, whatever its place: it is not folded, and shows what was undone.
    Result<void> load_adjustments() {
        std::map<ConId, std::vector<Adjustment>> all;
        POSSYNC_TRY_VOID(database_.each(
            adjustments_of_account,
            [&](Row& row) {
                Adjustment adjustment = read_adjustment(row);
                all[adjustment.con_id].push_back(std::move(adjustment));
            },
            first_id_, end_id_, only_));
        for (auto& [con_id, wanted] : wanted_) POSSYNC_TRY_VOID(find_start(con_id, wanted, all[con_id]));
        for (auto& [con_id, adjustments] : all) {
            auto const wanted = wanted_.find(con_id);
            for (auto& adjustment : adjustments) {
                bool const recent = adjustment.effective_at && *adjustment.effective_at >= cutoff_;
                bool const undone_lately = !adjustment.in_force() &&
                                           std::max(adjustment.recorded_at, *adjustment.undone_at) >= cutoff_;
                bool const in_range =
                    wanted != wanted_.end() && model::order_of(adjustment) >= wanted->second.start;
                if (recent || undone_lately || in_range)
                    books_[con_id].adjustments.push_back(std::move(adjustment));
            }
        }
        return {};
    }

    /// Where in the order the wanted positions of an instrument start. A chain fact that is not there leaves
    /// the earliest place, so that everything is loaded.
    Result<void> find_start(ConId con_id, Wanted& wanted, std::vector<Adjustment> const& adjustments) {
        for (auto const& adjustment : adjustments) {
            if (model::fact_name(adjustment) != wanted.chain_fact) continue;
            wanted.start = model::order_of(adjustment);
            wanted.earliest = adjustment.effective_at.value_or(beginning);
            return {};
        }
        std::optional<Timestamp> earliest;
        POSSYNC_TRY_VOID(database_.each(
            executions_of_root,
            [&](Row& row) {
                Execution const execution = read_execution(row);
                if (execution.con_id != con_id || model::fact_name(execution) != wanted.chain_fact) return;
                if (execution.in_force()) wanted.start = model::order_of(execution);
                earliest = std::min(earliest.value_or(execution.time), execution.time);
            },
            account_, wanted.chain_fact));
        if (wanted.start.time) wanted.earliest = *earliest;
        return {};
    }

    /// Executions before the cutoff that belong to the chains of wanted positions. A correction may carry
    /// another time than the fill it corrects: all versions of the chain's first fill are kept.
    Result<void> load_older_executions() {
        for (auto const& [con_id, each_wanted] : wanted_) {
            Wanted const& wanted = each_wanted;
            if (wanted.earliest >= cutoff_) continue;
            InstrumentBook& book = books_[con_id];
            POSSYNC_TRY_VOID(database_.each(
                executions_of_instrument,
                [&](Row& row) {
                    Execution execution = read_execution(row);
                    if (model::order_of(execution) >= wanted.start ||
                        model::fact_name(execution) == wanted.chain_fact) {
                        book.executions.push_back(std::move(execution));
                    }
                },
                account_, con_id, wanted.earliest, cutoff_));
        }
        return {};
    }

    Result<void> load_break_instruments() {
        if (only_) {
            books_[*only_];  // asked for by name: answered even when there is nothing
            return {};
        }
        return database_.each(
            "SELECT con_id "
            "FROM break "
            "WHERE account_id = ?1 AND con_id IS NOT NULL AND state IN ('settling', 'open')",
            [&](Row& row) { books_[row.integer()]; }, account_);
    }

    Result<void> name_instruments() {
        for (auto& [con_id, book] : books_) {
            bool found = false;
            POSSYNC_TRY_VOID(database_.each(
                instrument_by_con_id,
                [&](Row& row) {
                    book.instrument = read_instrument(row);
                    found = true;
                },
                con_id));
            if (!found) {
                return base::fail(base::ErrorCode::not_found,
                                  "instrument " + std::to_string(con_id) + " is not in the database");
            }
        }
        return {};
    }

    void sort() {
        for (auto& [unused, book] : books_) {
            // Corrections share their place in the order; by id the later one comes after the earlier one.
            std::sort(book.executions.begin(), book.executions.end(),
                      [](Execution const& a, Execution const& b) {
                          return std::tuple(model::order_of(a), std::string_view(a.exec_id)) <
                                 std::tuple(model::order_of(b), std::string_view(b.exec_id));
                      });
            std::sort(book.adjustments.begin(), book.adjustments.end(),
                      [](Adjustment const& a, Adjustment const& b) {
                          return model::order_of(a) < model::order_of(b);
                      });
            std::sort(book.closes.begin(), book.closes.end(),
                      [](Close const& a, Close const& b) { return a.close_id < b.close_id; });
        }
    }

    Database& database_;
    AccountId account_;
    Timestamp cutoff_;
    std::optional<ConId> only_;
    RowId first_id_;
    RowId end_id_;
    std::map<ConId, InstrumentBook> books_;
    std::map<ConId, Wanted> wanted_;
    std::unordered_map<RowId, ConId> instrument_of_;
};

}  // namespace

Result<std::map<ConId, InstrumentBook>> load_instruments(Database& database, AccountId account,
                                                         Timestamp cutoff, std::optional<ConId> con_id) {
    return Loader(database, account, cutoff, con_id).run();
}

Result<std::map<RowId, Break>> load_unresolved_breaks(Database& database, AccountId account) {
    std::map<RowId, Break> breaks;
    POSSYNC_TRY_VOID(database.each(
        unresolved_breaks,
        [&](Row& row) {
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
            breaks.emplace(b.break_id, std::move(b));
        },
        account));
    return breaks;
}

}  // namespace possync::store::sqlite

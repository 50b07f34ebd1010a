// The book of one account: what the facts amount to (positions, closes, lots) with the ids under which the database
// knows them, the facts themselves as far as they are kept in memory, and the open breaks.
// Everything here is a plain value: equal books compare equal, and change_set.hpp says how one becomes the next.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/container/flat_map.hpp>

#include "model/facts.hpp"

namespace possync::model {

enum class CostBasis { average, fifo, lifo, hifo };
[[nodiscard]] std::string_view to_string(CostBasis method);
[[nodiscard]] base::Result<CostBasis> parse_cost_basis(std::string_view text);

/// One episode of (account, instrument) from flat to flat.
struct Position {
    RowId position_id = 0;
    ConId con_id = 0;
    base::Decimal quantity;                      ///< signed; 0 = closed
    std::optional<base::Decimal> average_price;  ///< quoted unit, 10 decimals; unknown, or closed: of the last holding
    std::optional<base::Decimal> cost;           ///< exact value of what is held; unknown while any part is
    base::Decimal realized_pnl;                  ///< gross sum of the closes whose P&L is known
    std::optional<base::Decimal> commissions;    ///< all fills of the episode; unknown while one is
    std::optional<base::Decimal> net_realized_pnl;
    std::optional<base::Decimal> estimated_realized_pnl;
    int unknown_closes = 0;
    std::optional<base::Timestamp> opened_at;  ///< unknown for what was open at first sight
    std::optional<base::Timestamp> closed_at;
    std::string opening_fact;  ///< name of the fact that opened it
    /// Name of the fact from which a fold has to start to arrive here: the opening fact, or, after a flip, the start
    /// of the chain of flips. Everything before it ended flat.
    std::string chain_fact;
    Revision revision = 0;  ///< of its last change

    [[nodiscard]] bool open() const { return !quantity.is_zero(); }
    bool operator==(Position const&) const = default;
};

/// One reduction of a position by one fact.
struct Close {
    RowId close_id = 0;
    RowId position_id = 0;
    ConId con_id = 0;
    base::Decimal quantity_closed;  ///< positive
    Side side = Side::sold;         ///< of the closing trade: SLD closes a long
    std::optional<base::Decimal> entry_price;
    std::optional<base::Decimal> exit_price;
    std::optional<base::Decimal> realized_pnl;      ///< gross
    std::optional<base::Decimal> realized_pnl_pct;  ///< of the cost of the closed part, 4 decimals
    std::optional<base::Decimal> commissions;       ///< entry share + exit
    std::optional<base::Decimal> net_realized_pnl;
    std::optional<base::Decimal> estimated_realized_pnl;
    std::optional<base::Decimal> broker_realized_pnl;
    std::optional<base::Timestamp> closed_at;
    std::optional<base::Date> trade_date;  ///< calendar date in the report zone; from FoldOptions, unset without one
    bool is_full_close = false;
    Cause cause = Cause::execution;
    Basis basis = Basis::executions;
    std::string exec_id;  ///< empty when no execution closed it
    std::string order_ref;
    std::string closing_fact;

    bool operator==(Close const&) const = default;
};

/// What is left of an opening fact.
struct Lot {
    RowId lot_id = 0;
    RowId position_id = 0;
    ConId con_id = 0;
    std::string opening_fact;
    std::string open_exec_id;
    std::optional<base::Timestamp> opened_at;
    base::Decimal quantity;  ///< signed, as opened (after splits)
    base::Decimal remaining_quantity;
    std::optional<base::Decimal> price;

    bool operator==(Lot const&) const = default;
};

enum class BreakKind { quantity, missing, guard, scale, fill_without_position, cost, realized_pnl, commission };
enum class BreakClass { alert, info };
enum class BreakState { settling, open, explained, resolved };
[[nodiscard]] std::string_view to_string(BreakKind kind);
[[nodiscard]] std::string_view to_string(BreakClass break_class);
[[nodiscard]] std::string_view to_string(BreakState state);
[[nodiscard]] base::Result<BreakKind> parse_break_kind(std::string_view text);
[[nodiscard]] base::Result<BreakClass> parse_break_class(std::string_view text);
[[nodiscard]] base::Result<BreakState> parse_break_state(std::string_view text);

/// A difference between broker and book. `looks` counts equal complete looks, so that a restart forgets none.
struct Break {
    RowId break_id = 0;
    ConId con_id = 0;  ///< 0: of the whole account (guard)
    BreakKind kind = BreakKind::quantity;
    BreakClass break_class = BreakClass::alert;
    BreakState state = BreakState::settling;
    std::optional<base::Decimal> broker_value;
    std::optional<base::Decimal> book_value;
    base::Timestamp opened_at;
    std::optional<base::Timestamp> closed_at;
    int looks = 0;
    base::Timestamp last_change_at;  ///< of broker_value, book_value or the facts behind them
    std::string detail;

    [[nodiscard]] bool unresolved() const { return state == BreakState::settling || state == BreakState::open; }
    bool operator==(Break const&) const = default;
};

/// Everything in memory of one instrument of one account. Vectors are sorted: facts by FactOrder, rows by id.
struct InstrumentBook {
    SharedInstrument instrument;
    std::vector<Execution> executions;
    std::vector<Adjustment> adjustments;
    std::vector<Position> positions;
    std::vector<Close> closes;
    std::vector<Lot> lots;  ///< of every position above, open or closed

    bool operator==(InstrumentBook const&) const = default;
};

/// By conId, side by side in memory: plans walk through all of them, and ask for many. A new one moves those behind it: it costs more the
/// larger the book, and ends every reference to another.
using InstrumentBooks = boost::container::flat_map<ConId, InstrumentBook>;

/// The same, gathered in any order.
[[nodiscard]] InstrumentBooks side_by_side(std::map<ConId, InstrumentBook> gathered);

struct AccountBook {
    AccountId account_id = 0;
    std::string account;  ///< the broker's code
    Revision revision = 0;
    std::int64_t next_id = 1;  ///< n of the next RowId
    InstrumentBooks instruments;
    std::map<RowId, Break> breaks;  ///< unresolved ones

    bool operator==(AccountBook const&) const = default;
};

[[nodiscard]] constexpr RowId row_id(AccountId account, std::int64_t n) {
    return (static_cast<RowId>(account) << 32) + n;
}

}  // namespace possync::model

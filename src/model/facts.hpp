// Facts are what is known of an account: executions and adjustments. The book is a fold of the facts in force and
// nothing else; a correction, a bust, a late commission, an undo are changes of facts, never edits of the book.
// Facts are ordered by when they happened, never by when they arrived (FactOrder).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "base/time.hpp"
#include "model/instrument.hpp"

namespace possync::model {

enum class Side { bought, sold };

/// Why a quantity moved.
enum class Cause {
    opening_balance, execution, correction, split, expiry, exercise, assignment, cash_settlement, maturity,
    reinvestment, transfer, missing_at_broker, settling, unexplained, manual, corporate_action,
};

/// On what a number rests.
enum class Basis { executions, broker, estimated, unknown };

/// Whether the book counts an execution: `pending` until a position change takes it up, `never` for combinations,
/// currency conversions and an adviser's master rows.
enum class Booking { pending, booked, never };

struct Execution {
    std::string exec_id;  ///< as sent; the digits after the last dot count corrections
    ConId con_id = 0;
    base::Timestamp time;
    std::string time_text;  ///< as sent
    Side side = Side::bought;
    base::Decimal shares;  ///< positive
    base::Decimal price;   ///< quoted unit
    std::string exchange;
    std::int64_t order_id = 0;
    std::int64_t perm_id = 0;
    std::int64_t client_id = 0;
    std::string order_ref;
    std::string model_code;
    base::Decimal cum_qty;
    int last_liquidity = 0;
    bool liquidation = false;
    std::optional<int> exercise_type;  ///< only where the protocol carries it
    std::optional<Cause> cause;        ///< as a statement names it; unset: no statement, or an ordinary fill
    std::string transaction_id;        ///< of the statement's row that confirmed it; empty: none did yet
    /// Place among the fills of one second: the number of the transaction, by which the broker matches lots; a correction keeps that of
    /// what it corrects. 0: no statement told it yet.
    std::int64_t sequence = 0;
    std::optional<base::Decimal> commission;  ///< positive = cost, negative = rebate; unknown until reported
    std::string commission_currency;
    std::optional<base::Decimal> broker_realized_pnl;  ///< the broker's claim
    Booking booking = Booking::pending;
    std::string superseded_by;  ///< exec_id of the correction in force; empty = not superseded
    bool excluded = false;      ///< by the operator's `exclude`
    std::optional<base::Date> trade_date;  ///< calendar date in the report zone
    base::Timestamp recorded_at;

    [[nodiscard]] bool in_force() const { return superseded_by.empty() && !excluded; }
    [[nodiscard]] base::Decimal signed_quantity() const { return side == Side::bought ? shares : -shares; }

    bool operator==(Execution const&) const = default;
};

/// "0000e0d5.69dd7411.01.01" -> "0000e0d5.69dd7411.01": equal for a fill and its corrections.
[[nodiscard]] std::string_view execution_root(std::string_view exec_id);
/// Which version of a fill an id names, for comparing versions of one root: the digits after the last dot, and behind them the
/// version that a statement states under the same id. 0 when there are no digits.
[[nodiscard]] std::int64_t correction_rank(std::string_view exec_id);
/// Not the first version of its fill.
[[nodiscard]] bool is_correction(std::string_view exec_id);
/// What a statement's version of a fill is called, when it says something else under the id that the wire gave.
[[nodiscard]] std::string statement_version(std::string_view exec_id);
/// What Execution::superseded_by says of a fill that the broker took back on `date`: "cancelled:DATE:WHY".
[[nodiscard]] std::string cancelled_mark(base::Date date, std::string_view why);
/// Why of a fill that a statement neither lists nor has in its quantities.
inline constexpr std::string_view not_listed = "not listed";
/// What a statement's entry without an execution id is called.
[[nodiscard]] std::string statement_exec_id(std::string_view transaction_id);

struct Ratio {
    std::int64_t to = 1;    ///< 4 in a 4:1 split
    std::int64_t from = 1;  ///< 1 in a 4:1 split
    bool operator==(Ratio const&) const = default;
};

/// A change of quantity that is not a fill: found by the ledger, taken from a statement, or entered by the operator.
struct Adjustment {
    RowId adjustment_id = 0;
    ConId con_id = 0;
    Cause cause = Cause::unexplained;
    base::Decimal quantity;             ///< signed change; 0 for a split
    std::optional<base::Decimal> price;  ///< quoted unit; unknown = the part has no known cost or proceeds
    /// Exact total of the movement, where the price alone would round: cost of what came, proceeds of what went; positive. With
    /// quantity 0 the signed change of what is held costs.
    std::optional<base::Decimal> value;
    Basis basis = Basis::unknown;
    std::optional<base::Decimal> estimated_price;  ///< a fresh mark, for estimates of an unproven close only
    std::optional<Ratio> ratio;
    std::optional<base::Timestamp> effective_at;  ///< unknown for an opening balance: orders before everything
    std::optional<base::Timestamp> acquired_at;   ///< when what came was bought, under another conId; unset: then
    base::Timestamp recorded_at;
    std::string author = "possync";
    std::string note;
    std::string reference;  ///< the statement's row it came from: "corporate_action:ID", "transfer:ID", "lot:ID"; else empty
    std::optional<base::Timestamp> undone_at;  ///< withdrawn; kept for history, not folded
    std::string undone_by;

    [[nodiscard]] bool in_force() const { return !undone_at.has_value(); }
    /// Takes what it cost along, to another instrument or broker: no P&L arises.
    [[nodiscard]] bool moves_cost() const {
        return (cause == Cause::corporate_action || cause == Cause::transfer) && !reference.empty() && !price && !value;
    }
    /// The rest that the ledger itself keeps equal to broker minus explained; at most one per instrument.
    [[nodiscard]] bool provisional() const {
        return in_force() && (cause == Cause::settling || cause == Cause::unexplained);
    }

    bool operator==(Adjustment const&) const = default;
};

/// Position of a fact in the one order that the fold uses: (time, sequence, perm_id, cum_qty, root, adjustment id).
struct FactOrder {
    std::optional<base::Timestamp> time;  ///< unset sorts first
    std::int64_t sequence = 0;
    std::int64_t perm_id = 0;
    base::Decimal cum_qty;
    std::string root;
    RowId adjustment_id = 0;

    friend std::strong_ordering operator<=>(FactOrder const&, FactOrder const&);
    friend bool operator==(FactOrder const&, FactOrder const&) = default;
};
/// The day on which the broker took the fill back; unset: it did not.
[[nodiscard]] std::optional<base::Date> cancelled_on(Execution const& execution);
[[nodiscard]] FactOrder order_of(Execution const& execution);
/// A statement's transaction as a number; 0 when it is none.
[[nodiscard]] std::int64_t transaction_number(std::string_view transaction_id);
[[nodiscard]] FactOrder order_of(Adjustment const& adjustment);

/// Name of a fact that survives corrections: the execution's root, or "adjustment:ID".
[[nodiscard]] std::string fact_name(Execution const& execution);
[[nodiscard]] std::string fact_name(Adjustment const& adjustment);

// The words of SQL, JSON and configuration for the enums above; parse_* give not_found for other words.
[[nodiscard]] std::string_view to_string(Side side);  ///< BOT, SLD
[[nodiscard]] std::string_view to_string(Cause cause);
[[nodiscard]] std::string_view to_string(Basis basis);
[[nodiscard]] std::string_view to_string(Booking booking);
[[nodiscard]] std::string to_string(Ratio ratio);  ///< "4:1"
[[nodiscard]] base::Result<Side> parse_side(std::string_view text);
[[nodiscard]] base::Result<Cause> parse_cause(std::string_view text);
[[nodiscard]] base::Result<Basis> parse_basis(std::string_view text);
[[nodiscard]] base::Result<Booking> parse_booking(std::string_view text);
[[nodiscard]] base::Result<Ratio> parse_ratio(std::string_view text);

}  // namespace possync::model

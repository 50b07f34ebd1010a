// fold: the facts of one instrument of one account -> positions (episodes from flat to flat), closes, lots.
// Pure and total; the only place where realized P&L comes into being.
//
// Invariants of every result, whatever the facts:
//   - the sum of signed quantities of the facts (splits applied) is the quantity of the last position;
//   - remaining lots of a position sum to its quantity;
//   - for a flat-to-flat episode of known cost, gross P&L of its closes = proceeds - cost, to the last digit, under
//     every method: every division rounds half-even at 10 decimals and its remainder stays in what is still held;
//   - a fact closes at most one position and opens at most one lot; a flip does both, and shares its commission.
// The order and number of arrivals does not enter: only facts in force, in FactOrder.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/change_set.hpp"

namespace possync::ledger {

struct TaxView;

struct FoldOptions {
    model::CostBasis method = model::CostBasis::average;
    bool calculate_realized_pnl = true;  ///< false: quantities and costs only, closes carry no P&L
    /// For Close::trade_date; without rules the date stays unset.
    base::ZoneRules const* zones = nullptr;
    std::string report_zone;
    /// The tax view: what options cost or brought is part of what they delivered (tax_view.hpp). Null: the economic view, in which an
    /// option's premium is realized when it ends. Not owned.
    TaxView const* tax_view = nullptr;
};

/// One movement of one position, in order. The history and the events of a position are read off its steps.
struct Step {
    std::string fact;
    std::size_t position = 0;  ///< index into Folded::positions
    model::EventKind kind = model::EventKind::opened;
    model::Cause cause = model::Cause::execution;
    base::Decimal quantity_before;
    base::Decimal quantity_after;
    std::optional<base::Decimal> average_price_before;
    std::optional<base::Decimal> average_price_after;
    base::Decimal realized_pnl_after;
    std::optional<base::Decimal> commissions_after;
    std::optional<base::Timestamp> time;  ///< unset for an opening balance
    base::Timestamp known_at;             ///< when the fact was recorded
    std::string exec_id;

    bool operator==(Step const&) const = default;
};

/// What is left of a lot costs, with its share of commissions: the broker's way of stating a cost. Unset: unknown.
struct OpenLotCost {
    std::size_t lot = 0;      ///< index into Folded::lots
    base::Decimal remaining;  ///< positive
    std::optional<base::Decimal> cost;
    bool operator==(OpenLotCost const&) const = default;
};

/// Rows carry ids 1, 2, 3... (position_id = index + 1); diff gives them the ids of the database.
struct Folded {
    std::vector<model::Position> positions;
    std::vector<model::Close> closes;
    std::vector<model::Lot> lots;
    std::vector<Step> steps;
    std::vector<OpenLotCost> open_lots;  ///< of the last position, in order of opening

    bool operator==(Folded const&) const = default;
};

/// Folds the facts in force. `executions` and `adjustments` are each sorted by FactOrder; those superseded,
/// excluded, undone or not booked are passed over. Errors: out_of_range when exact arithmetic cannot hold a number.
[[nodiscard]] base::Result<Folded> fold(model::Instrument const& instrument,
                                        std::span<model::Execution const> executions,
                                        std::span<model::Adjustment const> adjustments, FoldOptions const& options);

/// The same within the ledger, whose entry points turn it into an error: throws base::DecimalOverflow.
[[nodiscard]] Folded fold_or_throw(model::Instrument const& instrument, std::span<model::Execution const> executions,
                                   std::span<model::Adjustment const> adjustments, FoldOptions const& options);

/// Whatever the facts, both descriptions of an instrument give the same rows: what they differ in no fold looks at.
[[nodiscard]] bool fold_alike(model::Instrument const& a, model::Instrument const& b);

/// Signed quantity that the facts in force add up to, provisional rests left out if asked. Throws base::DecimalOverflow.
[[nodiscard]] base::Decimal quantity_of(std::span<model::Execution const> executions,
                                        std::span<model::Adjustment const> adjustments, bool with_provisional);

}  // namespace possync::ledger

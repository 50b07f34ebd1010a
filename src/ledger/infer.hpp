// infer: the named events that account for a change of quantity which no fill explains: split, expiry, maturity,
// exercise, assignment, cash settlement. Pure functions of what the broker shows; explain.hpp decides when to ask.
//
// A name is only given where the facts leave no other reading: a split must conserve the cost, a worthless expiry needs
// a mark that says so, a delivery must match strike, multiplier and quantity exactly and be the only one that does.
// What is closed without a known price has none: its P&L is unknown until a statement or the operator says.
#pragma once

#include <optional>
#include <vector>

#include "ledger/policy.hpp"
#include "model/observation.hpp"

namespace possync::ledger {

/// p:q with p, q <= 200 when `after` is exactly `before` * p / q, same sign and not equal.
[[nodiscard]] std::optional<model::Ratio> split_ratio(base::Decimal const& before, base::Decimal const& after);

/// Equal within max(0.01, 1e-6 of the larger): how costs are compared across a split.
[[nodiscard]] bool cost_conserved(base::Decimal const& before, base::Decimal const& after);

/// The moment after which a contract is no longer traded: 16:00 of its last trade date in its own zone. Nothing for
/// contracts that do not end, dates without a day, and zones that are not known.
[[nodiscard]] std::optional<base::Timestamp> end_of_trading(model::Instrument const& instrument, FoldOptions const& options);

enum class Moneyness { out_of_the_money, in_the_money, unknown };

/// By the option's own mark of its last hour (at most 0.05: out of the money), else by the underlying's mark, at least
/// 1 % beyond the strike.
[[nodiscard]] Moneyness moneyness(model::Instrument const& option, base::Timestamp end, model::Mark const* mark,
                                  model::Mark const* underlying_mark);

/// What closing `quantity` (signed change, towards zero) of an option moves in its underlying when it is exercised or
/// assigned: -1 of a call on 100 shares moves +100.
[[nodiscard]] base::Decimal delivery(model::Instrument const& option, base::Decimal const& quantity);

struct NamedEvent {
    model::Cause cause = model::Cause::expiry;
    base::Decimal quantity;              ///< signed change; 0 for a split
    std::optional<base::Decimal> price;  ///< quoted unit
    model::Basis basis = model::Basis::unknown;
    std::optional<model::Ratio> ratio;
    base::Timestamp effective_at;
    std::string note;
};

/// The end of a contract whose last day has passed, `held` (signed) closed in full. Nothing before that, and nothing for
/// contracts without an end. `delivered`: the change of the underlying matches an exercise or assignment exactly.
[[nodiscard]] std::optional<NamedEvent> end_of_contract(model::Instrument const& instrument, base::Decimal const& held,
                                                        model::Observation const& seen, FoldOptions const& options,
                                                        bool delivered);

}  // namespace possync::ledger

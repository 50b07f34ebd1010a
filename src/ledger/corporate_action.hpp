// Corporate actions: the rows of one action -> what it does to each instrument, or why that cannot be decided. Pure; decides by the kind
// of action and by what the rows themselves say, and never guesses a cost.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ledger/statement_index.hpp"
#include "model/certification.hpp"

namespace possync::ledger {

/// What an action does to one instrument.
struct ActionLeg {
    enum class Effect {
        split,         ///< multiplies by `ratio`, the cost stays
        moves_out,     ///< goes, and takes its cost along
        moves_in,      ///< comes, and brings the cost of what went from `from`
        spun_off,      ///< comes with `value`, which `from` costs less
        costs_nothing, ///< comes for nothing: what is held costs the same
        sold,          ///< goes for `value`
        undecided,     ///< `why` says what to do
    };
    model::ConId con_id = 0;
    Effect effect = Effect::undecided;
    base::Decimal quantity;  ///< signed change as the rows state it
    std::optional<model::Ratio> ratio;
    std::optional<base::Decimal> value;  ///< positive; of a split what was paid for a fraction
    model::ConId from = 0;
    model::Cause cause = model::Cause::corporate_action;
    std::string why;
};

struct DecidedAction {
    std::string id;  ///< of the action; applies once
    base::Timestamp time;
    base::Date date;
    std::string description;
    std::vector<ActionLeg> legs;  ///< what goes before what comes
    std::vector<model::InstrumentSuccession> successions;
};

/// `rows` of one action, at least one. `index` tells what the statement lists afterwards, which is how a spin-off's cost is known.
[[nodiscard]] DecidedAction decide(std::string const& id, std::span<model::StatementCorporateAction const* const> rows,
                                   StatementIndex const& index);

/// The operator stated what the change was that an action of `date` left undecided.
[[nodiscard]] bool was_stated(std::span<model::Adjustment const> adjustments, base::Decimal const& quantity, base::Date date);

/// "4 FOR 1" in a description -> 4:1; nothing when it says none.
[[nodiscard]] std::optional<model::Ratio> ratio_in(std::string_view description);

}  // namespace possync::ledger

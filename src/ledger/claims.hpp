// claims: what the broker calculates, beside what the facts give: realized P&L of its fills, cost of what is held.
// A difference is a break of class info with both numbers. It overwrites nothing and alarms nobody. Pure.
#pragma once

#include <vector>

#include <boost/container/flat_set.hpp>

#include "ledger/diff.hpp"
#include "ledger/policy.hpp"
#include "model/book.hpp"
#include "model/change_set.hpp"
#include "model/observation.hpp"

namespace possync::ledger {

/// Collects the breaks of one plan. `book` is as it was before, and outlives this.
class Claims {
public:
    Claims(model::AccountBook const& book, model::Observation const& observation, Policy const& policy, IdAllocator& ids)
        : book_(book), seen_(observation), policy_(policy), ids_(ids) {}

    /// The realized P&L that the broker states with its fills, beside what the same facts realize first in, first out
    /// and net of commissions, as it calculates. One break per instrument, of its first fill that differs.
    void compare_realized_pnl(InstrumentFacts const& facts);

    /// The broker's average cost contains the commissions of what is held. Ours is put together likewise, where every
    /// cost and commission is known, by the account's method, first in, first out, or the tax view, whichever agrees: a login
    /// may show either, and puts an option's premium into the cost of what it delivered. A difference is `settling` until it has stood for Policy::settle_for. Nothing without a complete snapshot.
    /// First each instrument that the plan changes, best in order of conId, its rows being in `changes` already; then all others.
    void compare_changed_cost(InstrumentFacts const& facts, model::ChangeSet const& changes);
    void compare_unchanged_costs();

    [[nodiscard]] std::vector<model::Break> take() { return std::move(breaks_); }

private:
    /// What the shadow is folded from; an InstrumentBook and an InstrumentFacts both have it.
    struct Facts {
        model::Instrument const& instrument;
        std::vector<model::Execution> const& executions;
        std::vector<model::Adjustment> const& adjustments;
    };
    /// Of the list. A walk beside it where the instruments come in its order, else a search.
    [[nodiscard]] model::BrokerPosition const* row_of(model::ConId con_id);
    void compare_cost(model::Position const& position, Facts const& facts, model::BrokerPosition const& row);
    [[nodiscard]] bool first_in_first_out_agrees(Facts const& facts, base::Decimal const& theirs) const;
    [[nodiscard]] bool tax_view_agrees(Facts const& facts, base::Decimal const& theirs) const;
    [[nodiscard]] static bool folds_to(Facts const& facts, FoldOptions const& options, base::Decimal const& theirs);
    [[nodiscard]] FoldOptions shadow_options() const;
    [[nodiscard]] model::Break const* find_break(model::ConId con_id, model::BreakKind kind) const;
    [[nodiscard]] model::Break new_break(model::ConId con_id, model::BreakKind kind);
    void resolve(model::Break const& open, std::string detail);

    model::AccountBook const& book_;
    model::Observation const& seen_;
    Policy const& policy_;
    IdAllocator& ids_;
    boost::container::flat_set<model::ConId> compared_;
    std::size_t next_row_ = 0;  ///< of the list: the first that row_of() has not passed
    std::vector<model::Break> breaks_;
};

}  // namespace possync::ledger

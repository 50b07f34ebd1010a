// plan: explain, fold and diff in one call: book and observation -> the one change set to commit.
// Pure: the same book and observation give the same plan, and planning an observation twice gives an empty plan.
#pragma once

#include "ledger/explain.hpp"

namespace possync::ledger {

struct Plan {
    model::ChangeSet change_set;
    std::vector<Warning> warnings;
    int pending_executions = 0;
    int settling = 0;
    int rests_gone = 0;
    int unexplained = 0;
    int missing = 0;
    bool guard_held = false;
    /// The account's first complete snapshot: committed as revision 1 even when it holds nothing.
    bool first_sight = false;
    std::vector<model::CertificationDifference> differences;  ///< of a statement
    std::vector<model::InstrumentSuccession> successions;

    [[nodiscard]] bool commits() const { return first_sight || !change_set.empty(); }
    /// Nothing is waiting for a further fill or push.
    [[nodiscard]] bool explained() const { return pending_executions == 0 && settling == 0 && rests_gone == 0; }
};

[[nodiscard]] base::Result<Plan> plan(model::AccountBook const& book, model::Observation const& observation,
                                      Policy const& policy);
/// What a statement makes of the book. `book` holds at least the instruments of the part with all their facts from the last flat point
/// before its first day. `now` stamps what it adds; `marks` as in an observation. Joining a statement again gives an empty plan.
[[nodiscard]] base::Result<Plan> plan_statement(model::AccountBook const& book, StatementPart const& statement, base::Timestamp now,
                                                Policy const& policy);

}  // namespace possync::ledger

// The auditor's own ledger: facts to positions, written from the rules of docs/ledger.md and not from src/ledger. It shares the
// exact decimals and the plain records with the product, and none of its arithmetic.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/book.hpp"

namespace possync::sim {

/// An episode from flat to flat as it should be.
struct Episode {
    base::Decimal quantity;
    std::optional<base::Decimal> average;
    std::optional<base::Decimal> commissions;
    std::optional<base::Decimal> net;
    base::Decimal realized;
    int unknown_closes = 0;
    int closes = 0;
    /// Where every fill of it is known: what was received less what was paid, by fills alone.
    base::Decimal cash;
    bool all_known = true;
};

struct Recount {
    std::vector<Episode> episodes;
    base::Decimal quantity;
    bool priced = true;  ///< false: facts with rules of their own are among them, only quantities are counted
};

/// By fact, in any order; only those in force count.
[[nodiscard]] Recount recount(model::Instrument const& instrument, std::map<std::string, model::Execution> const& executions,
                              std::map<model::RowId, model::Adjustment> const& adjustments, model::CostBasis method);

}  // namespace possync::sim

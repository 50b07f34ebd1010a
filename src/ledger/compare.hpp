// compare: broker and book side by side, both directions, with the name that the next sync would give each difference.
// Pure; writes nothing.
#pragma once

#include <string>
#include <vector>

#include "ledger/plan.hpp"

namespace possync::ledger {

struct Difference {
    model::SharedInstrument instrument;
    std::optional<base::Decimal> broker_quantity;       ///< unset: the complete list does not name it
    std::optional<base::Decimal> book_quantity;         ///< unset: the book never held it
    std::optional<base::Decimal> broker_average_price;  ///< quoted unit; contains the broker's commissions
    std::optional<base::Decimal> book_average_price;
    std::string cause;   ///< of the change that the plan makes; "missing", "held back", "pending" where it makes none
    std::string detail;  ///< for people
};

/// In order of conId. `snapshot` is what `plan` was made from. What was found equal in quantity is left out, as is what
/// is never booked (combinations, currency conversions).
[[nodiscard]] std::vector<Difference> compare(model::AccountBook const& book, model::CompleteSnapshot const& snapshot, Plan const& plan);

}  // namespace possync::ledger

// verify: does a book follow from its facts? Recalculates every instrument from nothing and states each difference, and
// checks the conservation laws by themselves, without the fold. Pure; the book must hold the whole history.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ledger/fold.hpp"

namespace possync::ledger {

struct Finding {
    std::string where;  ///< the row: "position 4294967297 (AAPL)"
    std::string what;   ///< the invariant it breaks, with both values
    bool operator==(Finding const&) const = default;
};

/// Laws that need no recalculation: quantities, lots and closes add up, one position is open at most, one correction of
/// a fill is in force at most. Then the whole fold. `options` are those of the account.
[[nodiscard]] std::vector<Finding> verify(model::AccountBook const& book, FoldOptions const& options);

/// One event as the database keeps it, for the chain of each position.
struct EventLink {
    model::RowId event_id = 0;
    model::RowId position_id = 0;
    base::Decimal quantity_before;
    base::Decimal quantity_after;
    model::Revision revision = 0;
};
/// Every event's "before" is the "after" of the one before it, the last "after" is the position's quantity, and
/// revisions never go back. `events` in event_id order.
[[nodiscard]] std::vector<Finding> verify_events(model::AccountBook const& book, std::span<EventLink const> events);

}  // namespace possync::ledger

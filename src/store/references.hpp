// What the rows of a commit refer to and the commit does not write itself: it must be in the database, or nothing is written. Stores ask
// for it once, inside the transaction, where foreign keys would ask for each with every row (docs/decisions/0007, 0008). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "store/store.hpp"

namespace possync::store {

/// Ascending, each once.
struct References {
    std::vector<std::int64_t> account_ids;  ///< those of change sets are met when their revision is advanced
    std::vector<std::int64_t> con_ids;
    std::vector<std::int64_t> position_ids;
};

[[nodiscard]] References references_of(CommitRequest const& request);

}  // namespace possync::store

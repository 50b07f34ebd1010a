// What is written of an account's marks: the last price and the broker's cost of each instrument that has news, and what the
// position is worth by them. Pure.
#pragma once

#include "sync/account_state.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

/// Adds the marks that were not saved yet, of positions as they will be after this commit; then they count as saved.
void add_unsaved_marks(AccountState& account, Commit& effect);

}  // namespace possync::sync

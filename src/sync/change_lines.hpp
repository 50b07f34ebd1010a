// What a committed change set says in the log, one line an event: "AAPL 100 -> 40 @ 150, realized 600 (execution)". Pure.
#pragma once

#include <vector>

#include "model/book.hpp"
#include "model/change_set.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

/// Of one commit so many changes get a line each, and one counts the rest; all are in the events.
inline constexpr std::size_t changes_told = 50;

/// `book` is the account's after the change set.
[[nodiscard]] std::vector<Log> lines_about(model::AccountBook const& book, model::ChangeSet const& change_set);

}  // namespace possync::sync

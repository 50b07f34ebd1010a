// One commit as queued statements: the fence first, then a statement a table.
#pragma once

#include <map>

#include "store/postgres/connection.hpp"
#include "store/store.hpp"

namespace possync::store::postgres {

/// SQLSTATE of a fence that did not hold: the commit is not to happen, somebody else was there.
inline constexpr std::string_view fence_state = "22012";  // division by zero: plain SQL's way to stop a transaction

struct Fence {
    std::int64_t commits = 0;            ///< of the gateway, before this one
    std::optional<base::Timestamp> now;  ///< unset: the server's
    /// By account, where it is known: the next row id before this commit. Rows from there on are inserted as new, and so are
    /// executions that the change set itself recorded and the marks of an account without a revision; one that is there all the
    /// same fails with `unique_state`, and the commit is tried without.
    std::map<model::AccountId, std::int64_t> next_ids;
};

inline constexpr std::string_view unique_state = "23505";

/// Queues everything of the request, and sends it as it grows. `connection` has begun a transaction.
void queue_commit(Connection& connection, CommitRequest const& request, Fence const& fence);

}  // namespace possync::store::postgres

// One commit as queued statements: the fence first, then a statement a table. Nothing is sent here.
#pragma once

#include "store/postgres/connection.hpp"
#include "store/store.hpp"

namespace possync::store::postgres {

/// SQLSTATE of a fence that did not hold: the commit is not to happen, somebody else was there.
inline constexpr std::string_view fence_state = "22012";  // division by zero: plain SQL's way to stop a transaction

struct Fence {
    std::int64_t commits = 0;            ///< of the gateway, before this one
    std::optional<base::Timestamp> now;  ///< unset: the server's
};

/// Queues everything of the request. `connection` has begun a transaction.
void queue_commit(Connection& connection, CommitRequest const& request, Fence const& fence);

}  // namespace possync::store::postgres

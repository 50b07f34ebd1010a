// What an engine asks of a store, carried out at once and answered with the event to feed back. The service does it on the
// store's thread, a replay and the scenario tests on virtual time.
#pragma once

#include <string>

#include "store/store.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

/// How far back a loaded book reaches.
inline constexpr base::Duration history_kept = std::chrono::hours(24 * 8);

struct Owner {
    std::string gateway;
    std::string name;  ///< of the process
    base::Duration lease = store::default_lease;
    bool share = false;  ///< with the other services of the database, see store/sharing.hpp
};

/// Answers Claimed and keeps the lease, or ClaimFailed.
[[nodiscard]] sync::Event carry_out(store::Store& store, sync::Claim const& claim, Owner const& owner, base::Timestamp now,
                                    store::GatewayLease& lease);
/// BookLoaded or LoadFailed.
[[nodiscard]] sync::Event carry_out(store::Store& store, sync::LoadBook const& load, base::Timestamp now);
/// Committed or CommitFailed.
[[nodiscard]] sync::Event carry_out(store::Store& store, sync::Commit commit, store::GatewayLease const& lease,
                                    base::Timestamp now);

}  // namespace possync::app

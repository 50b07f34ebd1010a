// What the operator may choose about how the ledger explains and prices. Pure values; app maps them to keys.
#pragma once

#include <string>

#include "base/time.hpp"
#include "ledger/fold.hpp"

namespace possync::ledger {

/// What happens to a position that complete snapshots no longer show and no fill explains.
enum class OnMissing { close, warn };

struct Policy {
    FoldOptions fold;
    OnMissing on_missing = OnMissing::close;
    base::Duration missing_after = std::chrono::minutes(15);
    /// A rest is `settling` this long without a new fill or push, and for `looks_needed` equal complete looks;
    /// then it is `unexplained`.
    base::Duration settle_for = std::chrono::seconds(60);
    int looks_needed = 3;
    /// A mark older than this estimates nothing.
    base::Duration mark_fresh_for = std::chrono::minutes(10);
    /// A snapshot that would close, without fills, at least this many positions and at least half of the account is
    /// held back until it is confirmed after a reconnect and `guard_reconnect_after`, or after `guard_after`.
    int guard_positions_min = 3;
    base::Duration guard_reconnect_after = std::chrono::minutes(15);
    base::Duration guard_after = std::chrono::hours(1);
};

}  // namespace possync::ledger

// What the service counts of its syncs. Counters count accounts: a sync of three is three. Plain functions on a plain value.
#pragma once

#include "base/time.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

/// One account's sync is over.
void count_result(Statistics& statistics, SyncResult const& result, base::Timestamp now);
/// A request failed before any account was looked at.
void count_refusal(Statistics& statistics, std::string const& why);

}  // namespace possync::sync

#include "app/results.hpp"

namespace possync::app {

std::vector<query::SyncResult> query_results(std::vector<sync::SyncResult> const& results) {
    std::vector<query::SyncResult> out;
    for (auto const& result : results) {
        query::SyncResult row;
        row.success = result.success;
        row.account = result.account;
        row.trigger = std::string(to_string(result.trigger));
        row.positions_created = result.positions_created;
        row.positions_updated = result.positions_updated;
        row.positions_closed = result.positions_closed;
        row.broker_positions = result.broker_positions;
        row.book_positions = result.book_positions;
        row.duration_seconds = static_cast<double>(result.duration.count()) / 1e6;
        if (!result.success) row.error = result.error;
        row.warnings = result.warnings;
        row.pending = result.pending;
        if (result.revision > 0) row.revision = result.revision;
        out.push_back(std::move(row));
    }
    return out;
}

query::Statistics query_statistics(sync::Statistics const& statistics) {
    query::Statistics out;
    out.total_syncs = statistics.total_syncs;
    out.successful_syncs = statistics.successful_syncs;
    out.failed_syncs = statistics.failed_syncs;
    out.positions_created = statistics.positions_created;
    out.positions_updated = statistics.positions_updated;
    out.positions_closed = statistics.positions_closed;
    out.callback_triggers = statistics.callback_triggers;
    if (!statistics.last_error.empty()) out.last_error = statistics.last_error;
    out.last_sync_time = statistics.last_sync_time;
    return out;
}

}  // namespace possync::app

#include "sync/statistics.hpp"

namespace possync::sync {

void count_result(Statistics& statistics, SyncResult const& result, base::Timestamp now) {
    ++statistics.total_syncs;
    statistics.last_sync_time = now;
    if (!result.success) {
        ++statistics.failed_syncs;
        statistics.last_error = result.error;
        return;
    }
    ++statistics.successful_syncs;
    statistics.positions_created += result.positions_created;
    statistics.positions_updated += result.positions_updated;
    statistics.positions_closed += result.positions_closed;
}

void count_refusal(Statistics& statistics, std::string const& why) {
    ++statistics.total_syncs;
    ++statistics.failed_syncs;
    statistics.last_error = why;
}

}  // namespace possync::sync

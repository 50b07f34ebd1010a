#include "sync/statistics.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

TEST(Statistics, CountChangesOfSyncsThatWentWellOnly) {
    Statistics statistics;
    SyncResult result;
    result.success = true;
    result.positions_created = 1;
    result.positions_updated = 2;
    result.positions_closed = 3;
    count_result(statistics, result, {5});
    result.success = false;
    result.error = "no";
    count_result(statistics, result, {6});
    count_refusal(statistics, "never");
    EXPECT_EQ(statistics.total_syncs, 3);
    EXPECT_EQ(statistics.successful_syncs, 1);
    EXPECT_EQ(statistics.failed_syncs, 2);
    EXPECT_EQ(statistics.positions_created, 1);
    EXPECT_EQ(statistics.positions_updated, 2);
    EXPECT_EQ(statistics.positions_closed, 3);
    EXPECT_EQ(statistics.last_error, "never");
    EXPECT_EQ(statistics.last_sync_time, base::Timestamp{6});  // a refusal is no sync
}

}  // namespace
}  // namespace possync::sync

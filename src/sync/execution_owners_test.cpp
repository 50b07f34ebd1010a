#include "sync/execution_owners.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

TEST(ExecutionOwners, AnExecutionIsNewOnce) {
    ExecutionOwners owners;
    EXPECT_TRUE(owners.add("a.01", {"DU1", 5}));
    EXPECT_FALSE(owners.add("a.01", {"DU1", 5}));
    ASSERT_NE(owners.find("a.01"), nullptr);
    EXPECT_EQ(*owners.find("a.01"), (ExecutionOwner{"DU1", 5}));
    EXPECT_EQ(owners.find("a.02"), nullptr);
    owners.forget_owners();
    EXPECT_TRUE(owners.add("a.01", {"DU1", 5}));
}

TEST(ExecutionOwners, AReportThatCameFirstWaitsForItsExecution) {
    ExecutionOwners owners;
    model::CommissionReport report;
    report.exec_id = "a.01";
    report.commission = base::Decimal(1);
    owners.keep(report);
    report.commission = base::Decimal(2);
    owners.keep(report);
    EXPECT_FALSE(owners.take_kept("b.01"));
    auto const kept = owners.take_kept("a.01");
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->commission, base::Decimal(2));
    EXPECT_FALSE(owners.take_kept("a.01"));
    owners.keep(report);
    owners.forget_kept();
    EXPECT_FALSE(owners.take_kept("a.01"));
}

}  // namespace
}  // namespace possync::sync

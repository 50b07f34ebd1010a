#include "sync/execution_owners.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

TEST(ExecutionOwners, AnExecutionIsNewOnce) {
    ExecutionOwners owners;
    EXPECT_TRUE(owners.add("a.01", {"DU1", 5, {}}));
    EXPECT_FALSE(owners.add("a.01", {"DU1", 5, {}}));
    ASSERT_NE(owners.find("a.01"), nullptr);
    EXPECT_EQ(*owners.find("a.01"), (ExecutionOwner{"DU1", 5, {}}));
    EXPECT_EQ(owners.find("a.02"), nullptr);
    owners.forget_owners();
    EXPECT_TRUE(owners.add("a.01", {"DU1", 5, {}}));
}

TEST(ExecutionOwners, WhatAReportSaysIsNewOnce) {
    ExecutionOwners owners;
    model::CommissionReport report;
    report.exec_id = "a.01";
    EXPECT_EQ(owners.note(report).owner, nullptr);
    owners.add("a.01", {"DU1", 5, {}});
    EXPECT_TRUE(owners.note(report).is_news) << "nothing was said, not even that nothing is known";
    EXPECT_FALSE(owners.note(report).is_news);
    report.commission = base::Decimal(1);
    report.currency = "USD";
    EXPECT_TRUE(owners.note(report).is_news);
    EXPECT_FALSE(owners.note(report).is_news);
    report.realized_pnl = base::Decimal(0);
    EXPECT_TRUE(owners.note(report).is_news) << "a P&L of nothing is no unknown one";
    report.realized_pnl.reset();
    EXPECT_TRUE(owners.note(report).is_news) << "and back again";

    model::Execution booked;
    booked.exec_id = "b.01";
    booked.con_id = 7;
    booked.commission = base::Decimal(1);
    booked.commission_currency = "USD";
    owners.add_booked("DU1", booked);
    report.exec_id = "b.01";
    EXPECT_EQ(owners.note(report).owner->con_id, 7);
    EXPECT_FALSE(owners.note(report).is_news) << "the book has it";
    report.currency = "EUR";
    EXPECT_TRUE(owners.note(report).is_news);
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

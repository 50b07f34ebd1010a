#include "sync/mark_records.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

using base::Decimal;

model::Position position(std::int64_t quantity) {
    model::Position result;
    result.con_id = 5;
    result.quantity = Decimal(quantity);
    result.average_price = Decimal(100);
    return result;
}

TEST(MarkRecords, ValueThePositionAsItWillBe) {
    AccountState account;
    account.book.account_id = 1;
    account.book.instruments[5].positions = {position(10)};
    account.marks[5].price = Decimal(110);
    account.average_costs[5] = Decimal(101);
    account.unsaved_marks = {5, 6};  // 6 is nothing the book knows
    Commit commit;
    auto change_set = std::make_shared<model::ChangeSet>();
    change_set->account_id = 1;
    change_set->positions = {position(30)};
    commit.change_sets = {change_set};
    add_unsaved_marks(account, commit);
    ASSERT_EQ(commit.marks.size(), 1u);
    EXPECT_EQ(commit.marks[0].current_price, Decimal(110));
    EXPECT_EQ(commit.marks[0].market_value, Decimal(3300));
    EXPECT_EQ(commit.marks[0].broker_avg_cost, Decimal(101));
    EXPECT_TRUE(account.unsaved_marks.empty());
}

TEST(MarkRecords, AClosedPositionIsWorthNothingToday) {
    AccountState account;
    account.book.account_id = 1;
    account.book.instruments[5].positions = {position(0)};
    account.marks[5].price = Decimal(110);
    account.unsaved_marks = {5};
    Commit commit;
    add_unsaved_marks(account, commit);
    ASSERT_EQ(commit.marks.size(), 1u);
    EXPECT_EQ(commit.marks[0].current_price, Decimal(110));
    EXPECT_FALSE(commit.marks[0].market_value);
}

}  // namespace
}  // namespace possync::sync

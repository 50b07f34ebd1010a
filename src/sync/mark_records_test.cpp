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

TEST(MarkRecords, EachInstrumentIsFoundHoweverFarTheNextOneIs) {
    for (model::ConId const first : {10, 20, 30, 160, 170, 210}) {
        for (model::ConId const gap : {10, 20, 30, 70, 80, 150, 160, 190}) {
            AccountState account;
            account.book.account_id = 1;
            for (model::ConId con_id = 10; con_id <= 210; con_id += 10) {  // 21 of them
                account.book.instruments[con_id].instrument = model::Instrument{.con_id = con_id};
                account.average_costs[con_id] = Decimal(con_id);
            }
            std::vector<model::ConId> wanted;
            for (model::ConId con_id = first; con_id <= 210; con_id += gap) wanted.push_back(con_id);
            account.unsaved_marks.insert(wanted.begin(), wanted.end());
            account.unsaved_marks.insert({first + 1, 5, 215});  // between two, before all, behind all
            Commit commit;
            add_unsaved_marks(account, commit);
            std::vector<model::ConId> found;
            for (auto const& mark : commit.marks) {
                found.push_back(mark.con_id);
                EXPECT_EQ(mark.broker_avg_cost, Decimal(mark.con_id));
            }
            EXPECT_EQ(found, wanted) << "from " << first << " by " << gap;
        }
    }
}

}  // namespace
}  // namespace possync::sync

#include "ledger/compare.hpp"

#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using testing::Account;
using testing::dec;
using testing::holding;
using testing::stock;

std::vector<Difference> differences(Account& account, model::Observation const& observation) {
    auto const plan = ledger::plan(account.book, observation, {});
    CHECK(plan.has_value());
    return compare(account.book, *observation.snapshot, *plan);
}

TEST(Compare, BothDirectionsWithTheirCause) {
    Account account;
    account.take(account.look(0, {holding(stock(1, "KEPT"), "10", "5"), holding(stock(2, "SOLD"), "10", "5"), holding(stock(3, "GONE"), "10", "5")}));
    auto sale = testing::fill("f1.01", 5, "-4", "6");
    sale.con_id = 2;
    auto observation = account.look(10, {holding(stock(1, "KEPT"), "10", "5"), holding(stock(2, "SOLD"), "6", "5"), holding(stock(4, "NEW"), "7", "8")}, {});
    observation.executions.push_back({sale, stock(2, "SOLD")});
    auto const found = differences(account, observation);
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].instrument->symbol, "SOLD");
    EXPECT_EQ(found[0].broker_quantity, dec("6"));
    EXPECT_EQ(found[0].book_quantity, dec("10"));
    EXPECT_EQ(found[0].broker_average_price, dec("5"));
    EXPECT_EQ(found[0].book_average_price, dec("5"));
    EXPECT_EQ(found[0].cause, "execution");
    EXPECT_EQ(found[1].instrument->symbol, "GONE");
    EXPECT_EQ(found[1].broker_quantity, std::nullopt);
    EXPECT_EQ(found[1].book_quantity, dec("10"));
    EXPECT_EQ(found[1].cause, "missing");
    EXPECT_NE(found[1].detail.find("no longer shows"), std::string::npos);
    EXPECT_EQ(found[2].instrument->symbol, "NEW");
    EXPECT_EQ(found[2].broker_quantity, dec("7"));
    EXPECT_EQ(found[2].broker_average_price, dec("8"));
    EXPECT_EQ(found[2].book_quantity, std::nullopt);
    EXPECT_EQ(found[2].cause, "settling");
}

TEST(Compare, TheBrokersAverageIsInTheQuotedUnitThatContractDataTells) {
    Account account;
    auto const in_pence = [](model::Instrument instrument) {
        instrument.price_scale = dec("0.01");
        instrument.details_known = true;
        return instrument;
    };
    auto first = account.look(0, {holding(stock(1, "VOD"), "100", "0.72")});
    first.instruments = {in_pence(stock(1, "VOD"))};
    account.take(first);
    // The broker's rows do not name a scale; that of what is new to the book is in the plan.
    auto second = account.look(10, {holding(stock(1, "VOD"), "90", "0.72"), holding(stock(2, "BP"), "5", "4.4")});
    second.instruments = {in_pence(stock(2, "BP"))};
    auto const found = differences(account, second);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].broker_average_price, dec("72"));
    EXPECT_EQ(found[0].book_average_price, dec("72"));
    EXPECT_EQ(found[1].broker_average_price, dec("440"));
}

TEST(Compare, EqualMeansNothingAndCombinationsAreNoPositions) {
    Account account;
    account.take(account.look(0, {holding(stock(), "10", "5")}));
    auto combination = stock(9, "COMBO");
    combination.sec_type = "BAG";
    EXPECT_TRUE(differences(account, account.look(10, {holding(stock(), "10", "6"), holding(combination, "3", "1"), holding(stock(7), "0", "0")})).empty());
}

TEST(Compare, AnOpenBreakNamesWhatThePlanDoesNotChange) {
    Account account;
    account.take(account.look(0, {holding(stock(), "10", "5"), holding(stock(2), "10", "5")}));
    account.take(account.look(10, {holding(stock(2), "10", "5")}));
    auto const found = differences(account, account.look(20, {holding(stock(2), "10", "5")}));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].cause, "missing");
}

TEST(Compare, WhatTheGuardHoldsBackIsSaidAndABreakThatThePlanResolvesIsNone) {
    Account account;
    std::vector<model::BrokerPosition> rows;
    for (int i = 1; i <= 4; ++i) rows.push_back(holding(stock(i, "S" + std::to_string(i)), "10", "5"));
    account.take(account.look(0, rows));
    auto const found = differences(account, account.look(10, {}));
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].cause, "held back");
    // A rest that the next look still shows, otherwise: its break goes on.
    account.take(account.look(20, {holding(*rows[0].instrument, "14", "5"), rows[1], rows[2], rows[3]}));
    auto const back = differences(account, account.look(30, {holding(*rows[0].instrument, "10", "5"), rows[1], rows[2], rows[3]}));
    ASSERT_EQ(back.size(), 1u);
    EXPECT_EQ(back[0].book_quantity, dec("14"));
    EXPECT_NE(back[0].cause, "quantity");
}

TEST(Compare, ACauseIsNamedOnceAndSeveralAreNamedAll) {
    Account account;
    account.take(account.look(0, {holding(stock(), "100", "5")}));
    auto const twice = differences(account, account.look(10, {holding(stock(), "90", "5")}, {testing::fill("f1.01", 5, "-4", "6"), testing::fill("f2.01", 6, "-6", "6")}));
    ASSERT_EQ(twice.size(), 1u);
    EXPECT_EQ(twice[0].cause, "execution");
    auto const both = differences(account, account.look(10, {holding(stock(), "80", "5")}, {testing::fill("f1.01", 5, "-4", "6")}));
    ASSERT_EQ(both.size(), 1u);
    EXPECT_EQ(both[0].cause, "execution, settling");
}

}  // namespace
}  // namespace possync::ledger

#include "ledger/claims.hpp"

#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using model::BreakKind;
using model::BreakState;

/// The one unresolved break of the kind, or null.
model::Break const* of(Account const& account, BreakKind kind) {
    for (auto const& [unused, each] : account.book.breaks) {
        if (each.kind == kind && each.unresolved()) return &each;
    }
    return nullptr;
}

/// 100 bought at 10 for a commission of 1, then looked at with the broker's average cost.
Account bought(std::string_view shown_cost, std::string_view commission = "1") {
    Account account;
    account.take(account.look(0, {}));
    account.take(account.look(10, {holding(stock(), "100", shown_cost)}, {fill("f1.01", 5, "100", "10", commission)}));
    return account;
}

TEST(Claims, TheBrokersCostContainsTheCommission) {
    EXPECT_EQ(of(bought("10.01"), BreakKind::cost), nullptr);
    EXPECT_EQ(of(bought("10.0101"), BreakKind::cost), nullptr);  // 0.01 on 1001: within the tolerance
    EXPECT_NE(of(bought("10.0102"), BreakKind::cost), nullptr);
    EXPECT_EQ(of(bought("9", ""), BreakKind::cost), nullptr);  // the commission is not known: nothing to compare with
    EXPECT_EQ(of(bought("0"), BreakKind::cost), nullptr);      // the gateway knows no cost
}

TEST(Claims, AShortStandsAtItsProceedsLessTheCommission) {
    Account account;
    account.take(account.look(0, {}));
    account.take(account.look(10, {holding(stock(), "-100", "9.99")}, {fill("f1.01", 5, "-100", "10", "1")}));
    EXPECT_EQ(of(account, BreakKind::cost), nullptr);
    account.take(account.look(20, {holding(stock(), "-100", "10.01")}));
    ASSERT_NE(of(account, BreakKind::cost), nullptr);
    EXPECT_EQ(of(account, BreakKind::cost)->broker_value, dec("1001"));
    EXPECT_EQ(of(account, BreakKind::cost)->book_value, dec("999"));
}

TEST(Claims, ACostThatDiffersSettlesForAMinuteAndResolvesByItself) {
    auto account = bought("11");
    ASSERT_NE(of(account, BreakKind::cost), nullptr);
    EXPECT_EQ(of(account, BreakKind::cost)->state, BreakState::settling);
    EXPECT_EQ(of(account, BreakKind::cost)->break_class, model::BreakClass::info);
    account.take(account.look(50, {holding(stock(), "100", "12")}));  // moves: the minute starts again
    account.take(account.look(109, {holding(stock(), "100", "12")}));
    EXPECT_EQ(of(account, BreakKind::cost)->state, BreakState::settling);
    account.take(account.look(110, {holding(stock(), "100", "12")}));
    EXPECT_EQ(of(account, BreakKind::cost)->state, BreakState::open);
    account.take(account.look(300, {holding(stock(), "100", "12")}));
    EXPECT_TRUE(account.last.change_set.empty());
    account.take(account.look(310, {holding(stock(), "100", "10.01")}));
    EXPECT_EQ(of(account, BreakKind::cost), nullptr);
    EXPECT_EQ(account.book.breaks.size(), 0u);
}

TEST(Claims, ACostIsClosedWithItsPosition) {
    auto account = bought("11");
    account.take(account.look(20, {holding(stock(), "0")}, {fill("f2.01", 15, "-100", "12", "1")}));
    EXPECT_EQ(of(account, BreakKind::cost), nullptr);
}

TEST(Claims, EitherMethodOfTheBrokerAgrees) {
    std::vector<model::Execution> const trades{fill("f1.01", 1, "100", "10", "0"), fill("f2.01", 2, "100", "20", "0"),
                                               fill("f3.01", 3, "-100", "30", "0")};
    auto shown = [&](std::string_view cost) {
        Account account;
        account.take(account.look(0, {}));
        account.take(account.look(10, {holding(stock(), "100", cost)}, trades));
        return of(account, BreakKind::cost) != nullptr;
    };
    EXPECT_FALSE(shown("15"));  // average
    EXPECT_FALSE(shown("20"));  // first in, first out: the dearer lot is left
    EXPECT_TRUE(shown("10"));   // last in, first out is neither
}

TEST(Claims, AFillsClaimIsNetOfBothCommissions) {
    auto claimed = [](std::string_view claim) {
        Account account;
        account.take(account.look(0, {}));
        auto sale = fill("f2.01", 2, "-100", "12", "1");
        sale.broker_realized_pnl = dec(claim);
        account.take(account.look(10, {holding(stock(), "0")}, {fill("f1.01", 1, "100", "10", "1"), sale}));
        return of(account, BreakKind::realized_pnl) != nullptr;
    };
    EXPECT_FALSE(claimed("198"));
    EXPECT_FALSE(claimed("198.01"));
    EXPECT_TRUE(claimed("198.02"));
    EXPECT_TRUE(claimed("200"));
}

TEST(Claims, AClaimThatAgreesInTheEndResolvesItsBreak) {
    Account account;
    account.take(account.look(0, {}));
    auto sale = fill("f2.01", 2, "-100", "12", "1");
    sale.broker_realized_pnl = dec("150");
    account.take(account.look(10, {holding(stock(), "0")}, {fill("f1.01", 1, "100", "10", "1"), sale}));
    ASSERT_NE(of(account, BreakKind::realized_pnl), nullptr);
    auto report = Account::events(20, {});
    report.commissions = {{"f2.01", 0, dec("1"), "USD", dec("198")}};
    account.take(report);
    EXPECT_EQ(of(account, BreakKind::realized_pnl), nullptr);
}

}  // namespace
}  // namespace possync::ledger

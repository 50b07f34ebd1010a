#include "query/total.hpp"

#include <gtest/gtest.h>

namespace possync::query {
namespace {

using base::Decimal;

Decimal dec(char const* text) { return *Decimal::parse(text); }

CloseRow close(char const* currency, char const* net, base::Date date) {
    CloseRow row;
    row.account = "U1";
    row.currency = currency;
    if (*net != '\0') row.net_realized_pnl = dec(net);
    row.trade_date = date;
    return row;
}

CashTransactionRow cash(char const* type, char const* currency, char const* amount, char const* rate = "") {
    CashTransactionRow row;
    row.account = "U1";
    row.type = type;
    row.currency = currency;
    row.amount = dec(amount);
    if (*rate != '\0') row.fx_rate_to_base = dec(rate);
    row.report_date = base::Date{2026, 11, 20};
    return row;
}

std::vector<AccountRow> accounts() {
    AccountRow row;
    row.account = "U1";
    row.base_currency = "EUR";
    return {row};
}

std::vector<CurrencyRateRow> rates() {
    return {{"U1", base::Date{2026, 11, 18}, "USD", dec("0.9")}, {"U1", base::Date{2026, 11, 20}, "USD", dec("0.8")}};
}

TEST(Totals, ConvertEachPartAtTheRateOfItsDayAndLeaveDepositsOut) {
    auto const rows = totals(accounts(),
                             {close("USD", "100", {2026, 11, 19}), close("USD", "100", {2026, 11, 20}), close("EUR", "-5", {2026, 11, 20})},
                             {cash("Dividends", "USD", "10", "0.85"), cash("Withholding Tax", "USD", "-1.5"),
                              cash("Deposits/Withdrawals", "EUR", "10000")},
                             rates());
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 6u);
    EXPECT_EQ((*rows)[0].kind, "trading P&L");
    EXPECT_EQ((*rows)[0].currency, "EUR");
    EXPECT_EQ((*rows)[1].base_amount, dec("170"));  // 100 at 0.9, the last rate before its day, and 100 at 0.8
    EXPECT_EQ((*rows)[1].rate, dec("0.85"));
    EXPECT_EQ((*rows)[2].kind, "Dividends");
    EXPECT_EQ((*rows)[2].base_amount, dec("8.5"));
    EXPECT_EQ((*rows)[3].base_amount, dec("-1.2"));
    EXPECT_FALSE((*rows)[4].counts);
    EXPECT_EQ((*rows)[5].kind, "total");
    EXPECT_EQ((*rows)[5].amount, dec("172.3"));
    EXPECT_EQ((*rows)[5].currency, "EUR");
    EXPECT_EQ((*rows)[5].unknown, 0);
}

TEST(Totals, WhatIsUnknownIsCountedAndNeverZero) {
    auto const rows = totals(accounts(), {close("USD", "", {2026, 11, 20}), close("CHF", "7", {2026, 11, 20}), close("USD", "3", {2026, 11, 17})},
                             {}, rates());
    ASSERT_TRUE(rows.has_value());
    ASSERT_EQ(rows->size(), 3u);
    EXPECT_EQ((*rows)[0].amount, dec("7"));
    EXPECT_EQ((*rows)[0].base_amount, std::nullopt);  // no rate for francs
    EXPECT_EQ((*rows)[1].amount, dec("3"));
    EXPECT_EQ((*rows)[1].unknown, 2);  // one without P&L, one before the first rate
    EXPECT_EQ((*rows)[2].amount, std::nullopt);
    EXPECT_EQ((*rows)[2].unknown, 3);
}

}  // namespace
}  // namespace possync::query

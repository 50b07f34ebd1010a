// Statements that no simulated broker writes: of the same days, made at different times.
#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"
#include "memory_store.hpp"
#include "reconciliation/statement_import.hpp"

namespace possync::scenarios {
namespace {

using ledger::testing::dec;
constexpr base::Date day{2026, 11, 18};

base::Timestamp when(std::string_view text) { return *base::parse_rfc3339(text); }

/// 10 shares bought, at `price`.
model::Statement bought(std::string_view price, std::string_view cost, std::string_view generated_at) {
    model::Statement s;
    s.account = "DU1";
    s.from = s.to = day;
    s.generated_at = when(generated_at);
    s.has_trades = s.has_positions = true;
    s.instruments = {ledger::testing::stock()};
    model::StatementTrade trade;
    trade.transaction_id = "101";
    trade.trade_id = "9101";
    trade.exec_id = "a1.01";
    trade.con_id = 265598;
    trade.time = when("2026-11-18T15:00:00Z");
    trade.trade_date = day;
    trade.quantity = dec("10");
    trade.price = dec(price);
    trade.commission = dec("1");
    trade.commission_currency = "USD";
    trade.realized_pnl = dec("0");
    s.trades = {trade};
    model::StatementPosition position;
    position.con_id = 265598;
    position.date = day;
    position.quantity = dec("10");
    position.cost_money = dec(cost);
    s.positions = {position};
    return s;
}

struct Import {
    Import() {
        store::GatewayClaim claim;
        claim.gateway = "live";
        claim.owner = "test";
        claim.accounts = {"DU1"};
        auto const lease = store.claim(claim).value();
        target.account_id = lease.accounts.at(0).account_id;
        target.lease = {lease.gateway_id, lease.epoch};
        target.policy.fold.zones = &ledger::testing::eastern_winter;
        target.policy.fold.report_zone = "America/New_York";
        target.now = [] { return when("2026-11-21T12:00:00Z"); };
    }
    reconciliation::ImportResult operator()(model::Statement const& statement) {
        return reconciliation::import_statement(store, statement, target).value();
    }
    model::AccountBook book() { return store.load(target.account_id, {}, {}).value(); }
    model::StatementClaims claims() { return store.load_claims(target.account_id, {1970, 1, 1}).value(); }

    MemoryStore store;
    reconciliation::ImportTarget target;
};

/// The one made later counts, whatever comes last and how often.
TEST(StatementImport, AnOlderStatementOfTheSameDaysChangesNothing) {
    Import import;
    (void)import(bought("401", "4011", "2026-11-20T11:00:00Z"));
    auto const book = import.book();
    auto const claims = import.claims();
    for (int again = 0; again < 3; ++again) {
        auto const result = import(bought("400", "4001", "2026-11-19T11:00:00Z"));
        EXPECT_EQ(result.open, 0) << again;
        EXPECT_EQ(result.certified_through, day) << again;
        EXPECT_EQ(import.book(), book) << again;
        auto const after = import.claims();
        EXPECT_EQ(after.statements.at(0).generated_at, claims.statements.at(0).generated_at) << again;
        EXPECT_EQ(after.positions, claims.positions) << again;
        EXPECT_EQ(after.trades, claims.trades) << again;
        EXPECT_EQ(after.certifications, claims.certifications) << again;
    }
    (void)import(bought("402", "4021", "2026-11-20T12:00:00Z"));
    EXPECT_EQ(import.book().instruments.at(265598).positions.back().average_price, dec("402"));
}

/// An action that nothing decides stays open when a query of other sections tells of the same days.
TEST(StatementImport, WhatAnotherQueryDoesNotSpeakOfStaysOpen) {
    Import import;
    auto whole = bought("400", "4001", "2026-11-19T11:00:00Z");
    whole.has_corporate_actions = true;
    model::StatementCorporateAction action;
    action.action_id = "77";
    action.type = "XX";
    action.con_id = 265598;
    action.report_date = day;
    action.quantity = dec("3");
    action.description = "SOMETHING";
    whole.corporate_actions = {action};
    (void)import(whole);
    auto const before = import.claims();
    ASSERT_FALSE(before.differences.empty());
    auto other = bought("400", "4001", "2026-11-19T11:00:00Z");
    other.has_trades = other.has_positions = false;
    other.trades.clear();
    other.positions.clear();
    for (int again = 0; again < 2; ++again) {
        (void)import(other);
        EXPECT_EQ(import.claims().differences, before.differences) << again;
        EXPECT_EQ(import.claims().certifications, before.certifications) << again;
        EXPECT_EQ(import.claims().statements.at(0).sections, "Trades CorporateActions OpenPositions") << again;
    }
}

}  // namespace
}  // namespace possync::scenarios

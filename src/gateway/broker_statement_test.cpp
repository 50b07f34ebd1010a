// What the broker writes in a statement, held against books that were worked out by hand.
#include "gateway/broker_statement.hpp"

#include <gtest/gtest.h>

namespace possync::gateway {
namespace {

using base::Date;
using base::Decimal;
using base::Timestamp;

Decimal dec(std::string_view text) { return *Decimal::parse(text); }
Timestamp when(std::string_view text) { return *base::parse_rfc3339(text); }

constexpr ConId spy = 756733, put = 700001, es = 495512, old_shares = 11, new_shares = 12;

class Desk : public ::testing::Test {
protected:
    Desk() {
        broker.add_account("DU1");
        add(spy, "SPY", "STK", "1");
        SimulatedInstrument option;
        option.con_id = put;
        option.symbol = "SPY";
        option.local_symbol = "SPY P570";
        option.sec_type = "OPT";
        option.multiplier = 100;
        option.strike = dec("570");
        option.right = "P";
        option.under_con_id = spy;
        option.under_sec_type = "STK";
        broker.add_instrument(option);
        add(es, "ES", "FUT", "50");
        add(old_shares, "OLD", "STK", "1");
        add(new_shares, "NEW", "STK", "1");
    }
    void add(ConId con_id, std::string symbol, std::string sec_type, std::string_view multiplier) {
        SimulatedInstrument made;
        made.con_id = con_id;
        made.symbol = std::move(symbol);
        made.sec_type = std::move(sec_type);
        made.multiplier = dec(multiplier);
        broker.add_instrument(made);
    }
    std::string fill(ConId con_id, std::string_view quantity, std::string_view price, std::string_view time) {
        return broker.fill("DU1", con_id, dec(quantity), dec(price), dec("1"), when(time), 0, "").exec_id;
    }
    BookEntry entry(BookEntry::Kind kind, ConId con_id, std::string_view quantity, std::string_view time) {
        BookEntry made;
        made.kind = kind;
        made.account = "DU1";
        made.con_id = con_id;
        made.quantity = dec(quantity);
        made.time = when(time);
        return made;
    }
    model::StatementPosition total(model::Statement const& statement, ConId con_id) {
        for (auto const& row : statement.positions) {
            if (row.con_id == con_id && !row.is_lot) return row;
        }
        return {};
    }
    Broker broker;
};

TEST_F(Desk, TradesRealizeFirstInFirstOutNetOfCommissionsAndNameTheirLots) {
    broker.hold("DU1", spy, dec("10"), dec("500"), when("2026-10-05T14:00:00Z"));
    fill(spy, "10", "510", "2026-11-23T15:00:00Z");
    fill(spy, "-15", "520", "2026-11-23T16:00:00Z");
    auto const statement = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 23});
    ASSERT_EQ(statement.trades.size(), 2u);
    // 10 * 20 + 5 * 10, less the sale's commission and half of the purchase's.
    EXPECT_EQ(*statement.trades[1].realized_pnl, dec("248.5"));
    ASSERT_EQ(statement.closed_lots.size(), 2u);
    EXPECT_EQ(statement.closed_lots[0].opened_at, when("2026-10-05T14:00:00Z"));
    EXPECT_EQ(*statement.closed_lots[1].cost, dec("2550.5"));
    EXPECT_EQ(total(statement, spy).quantity, dec("5"));
    EXPECT_EQ(*total(statement, spy).cost_money, dec("2550.5"));
    EXPECT_EQ(broker.holdings().at("DU1").at(spy).cost, dec("2550.5"));
}

TEST_F(Desk, AStatementKnowsWhatWasKnownAtTheEndOfItsLastDay) {
    std::string const wrong = fill(spy, "10", "500", "2026-11-23T15:00:00Z");
    std::string const busted = fill(spy, "5", "900", "2026-11-23T16:00:00Z");
    broker.correct(wrong, dec("490"), when("2026-11-24T13:00:00Z"), false);
    broker.cancel(busted, when("2026-11-24T13:00:00Z"));
    auto const monday = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 23});
    EXPECT_EQ(monday.trades.size(), 2u);
    EXPECT_EQ(total(monday, spy).quantity, dec("15"));
    auto const tuesday = write_statement(broker, "DU1", {2026, 11, 24}, {2026, 11, 24});
    ASSERT_EQ(tuesday.trades.size(), 3u);  // one that stands for another, and two that are taken back
    EXPECT_TRUE(tuesday.trades[0].corrects);
    EXPECT_EQ(*tuesday.trades[0].price, dec("490"));
    EXPECT_TRUE(tuesday.trades[1].cancels);
    EXPECT_EQ(tuesday.trades[1].original_trade_id, monday.trades[0].trade_id);
    EXPECT_EQ(tuesday.trades[2].quantity, dec("-5"));
    EXPECT_EQ(*total(tuesday, spy).cost_money, dec("4901"));
    auto const both = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 24});
    ASSERT_EQ(both.trades.size(), 3u);  // the corrected one, the busted one, its cancellation
    EXPECT_EQ(total(both, spy).quantity, dec("10"));
}

TEST_F(Desk, ThePremiumOfAnAssignedPutGoesIntoTheShares) {
    fill(put, "-2", "3", "2026-11-23T15:00:00Z");
    auto ended = entry(BookEntry::Kind::event, put, "2", "2026-11-23T21:20:00Z");
    ended.cause = model::Cause::assignment;
    ended.delivers = true;
    broker.enter(ended);
    auto delivered = entry(BookEntry::Kind::event, spy, "200", "2026-11-23T21:20:00Z");
    delivered.cause = model::Cause::assignment;
    delivered.price = dec("570");
    delivered.other = put;
    broker.enter(delivered);
    auto const statement = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 23});
    ASSERT_EQ(statement.trades.size(), 3u);
    EXPECT_TRUE(statement.trades[1].realized_pnl->is_zero());
    EXPECT_EQ(statement.trades[1].cause, model::Cause::assignment);
    EXPECT_EQ(statement.option_events.size(), 1u);
    EXPECT_EQ(*total(statement, spy).cost_money, dec("113401"));  // 114000 less 600, and 1 of commission
    EXPECT_EQ(broker.holdings().at("DU1").at(put).quantity, dec("0"));
}

TEST_F(Desk, SplitsMergersAndTransfersConserveCost) {
    fill(spy, "10", "400", "2026-11-23T15:00:00Z");
    auto split = entry(BookEntry::Kind::split, spy, "30", "2026-11-23T16:00:00Z");
    split.ratio = {4, 1};
    split.action_type = "FS";
    broker.enter(split);
    fill(old_shares, "100", "2", "2026-11-23T15:00:00Z");
    auto merger = entry(BookEntry::Kind::exchange, old_shares, "10", "2026-11-23T16:00:00Z");
    merger.ratio = {1, 10};
    merger.other = new_shares;
    merger.action_type = "RS";
    broker.enter(merger);
    auto transfer = entry(BookEntry::Kind::transfer, spy, "5", "2026-11-23T17:00:00Z");
    transfer.cost = dec("450");
    broker.enter(transfer);
    auto const statement = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 23});
    EXPECT_EQ(total(statement, spy).quantity, dec("45"));
    EXPECT_EQ(*total(statement, spy).cost_money, dec("4451"));
    EXPECT_EQ(total(statement, new_shares).quantity, dec("10"));
    EXPECT_EQ(*total(statement, new_shares).cost_money, dec("201"));
    ASSERT_EQ(statement.corporate_actions.size(), 3u);
    EXPECT_EQ(statement.corporate_actions[1].quantity, dec("-100"));
    EXPECT_EQ(statement.corporate_actions[2].quantity, dec("10"));
    EXPECT_EQ(statement.corporate_actions[1].action_id, statement.corporate_actions[2].action_id);
    EXPECT_EQ(statement.transfers.size(), 1u);
    EXPECT_TRUE(write_statement(broker, "DU1", {2026, 11, 24}, {2026, 11, 24}).trades.empty());
}

TEST_F(Desk, AnEveningInFuturesIsTheNextTradeDate) {
    fill(es, "1", "6000", "2026-11-27T18:00:00Z");   // Friday
    fill(spy, "1", "500", "2026-11-27T18:00:00Z");
    auto const friday = write_statement(broker, "DU1", {2026, 11, 27}, {2026, 11, 27});
    ASSERT_EQ(friday.trades.size(), 1u);
    EXPECT_EQ(friday.trades[0].con_id, spy);
    EXPECT_EQ(friday.positions.size(), 2u);  // a total and a lot
    auto const monday = write_statement(broker, "DU1", {2026, 11, 28}, {2026, 11, 30});
    ASSERT_EQ(monday.trades.size(), 1u);
    EXPECT_EQ(monday.trades[0].trade_date, (Date{2026, 11, 30}));
}

TEST_F(Desk, WhatTheQueryLeavesOutIsNotThere) {
    fill(spy, "1", "500", "2026-11-23T15:00:00Z");
    auto const statement = write_statement(broker, "DU1", {2026, 11, 23}, {2026, 11, 23}, {"trades", "lots"});
    EXPECT_FALSE(statement.has_trades);
    EXPECT_TRUE(statement.trades.empty());
    EXPECT_TRUE(statement.has_positions);
    EXPECT_FALSE(statement.has_lots);
    EXPECT_EQ(statement.positions.size(), 1u);
    EXPECT_TRUE(is_statement_section("positions"));
    EXPECT_FALSE(is_statement_section("position"));
}

}  // namespace
}  // namespace possync::gateway

// How the rows of a statement are sorted: days, names of rows that nothing numbers, trades taken back, entries told twice.
#include "ledger/statement_index.hpp"

#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Date;
using model::Cause;
using model::Statement;
using model::StatementTrade;

constexpr Date day{2026, 11, 18};

FoldOptions options(std::string zone = "America/New_York") {
    FoldOptions made;
    made.zones = &utc_zones;
    made.report_zone = std::move(zone);
    return made;
}

StatementTrade trade(std::string exec_id, std::string_view quantity, std::string_view price) {
    StatementTrade made;
    made.exec_id = std::move(exec_id);
    made.con_id = 1;
    made.trade_date = day;
    made.quantity = dec(quantity);
    made.price = dec(price);
    return made;
}

Statement statement(std::vector<StatementTrade> trades) {
    Statement made;
    made.from = made.to = day;
    made.trades = std::move(trades);
    return made;
}

TEST(StatementIndex, BusinessDaysFollowTheRulesOfNewYork) {
    struct Row {
        Date date;
        bool business;
    };
    for (auto const& [date, business] :
         {Row{{2026, 11, 18}, true},  Row{{2026, 11, 21}, false}, Row{{2026, 11, 22}, false},
          Row{{2026, 1, 1}, false},   Row{{2021, 12, 31}, true},  // New Year on a Saturday moves nothing
          Row{{2023, 1, 2}, false},                               // on a Sunday it is kept on Monday
          Row{{2026, 1, 19}, false},  Row{{2026, 2, 16}, false},  Row{{2026, 4, 3}, false},
          Row{{2024, 3, 29}, false},  Row{{2026, 5, 25}, false},  Row{{2027, 5, 31}, false},
          Row{{2022, 6, 20}, false},  Row{{2021, 6, 18}, true},  // Juneteenth is kept since 2022
          Row{{2026, 7, 3}, false},   Row{{2026, 9, 7}, false},   Row{{2026, 11, 26}, false},
          Row{{2026, 12, 25}, false}, Row{{2027, 12, 24}, false}, Row{{2026, 12, 24}, true}}) {
        EXPECT_EQ(is_business_day(date), business) << base::to_string(date);
    }
    EXPECT_TRUE(has_business_day({2026, 11, 20}, {2026, 11, 24}));
    EXPECT_FALSE(has_business_day({2026, 11, 20}, {2026, 11, 23}));
    EXPECT_FALSE(has_business_day({2026, 11, 25}, {2026, 11, 27}));
}

TEST(StatementIndex, WhatTradesByCalendarDay) {
    auto made = stock();
    for (auto const* type : {"STK", "OPT", "WAR"}) {
        made.sec_type = type;
        EXPECT_TRUE(trades_by_calendar_day(made)) << type;
    }
    made.sec_type = "FUT";
    EXPECT_FALSE(trades_by_calendar_day(made));
    made.sec_type = "STK";
    made.currency = "EUR";
    EXPECT_FALSE(trades_by_calendar_day(made));
}

TEST(StatementIndex, DaysOfAnUnknownZoneAreThoseOfUtc) {
    EXPECT_EQ(end_of_day(day, options("nowhere")), base::from_utc_local({{2026, 11, 19}, 0}));
}

TEST(StatementIndex, RowsThatNothingNumbersAreNamedByWhatTheySay) {
    auto timed = trade("", "1.5", "2.5");
    timed.time = base::from_utc_local({day, 3'600'000'000LL});
    auto numbered = trade("", "3", "1");
    numbered.transaction_id = "77";
    auto const s = statement({trade("", "5", "10"), trade("", "5", "10"), timed, trade("e1.01", "5", "10"), numbered});
    StatementIndex const index(s, options());
    EXPECT_EQ(index.exec_id_of(s.trades[0]), "statement:2026-11-18-1-5@10");
    EXPECT_EQ(index.exec_id_of(s.trades[1]), "statement:2026-11-18-1-5@10#2");
    EXPECT_EQ(index.exec_id_of(s.trades[2]), "statement:2026-11-18-1-1,5@2,5-1794963600")
        << "a dot would make it a version of another fill";
    EXPECT_EQ(index.exec_id_of(s.trades[3]), "e1.01");
    EXPECT_EQ(index.exec_id_of(s.trades[4]), "statement:77");
}

TEST(StatementIndex, ACancelTakesBackTheTradeThatItNames) {
    struct Row {
        char const* what;
        char const* trade_id;
        char const* exec_id;
        char const* original;  // what the cancel names
        char const* cancel_exec_id;
        char const* cancel_quantity;
        char const* cancel_price;
        model::ConId con_id;
        bool taken_back;
    };
    for (auto const& row : {Row{"by the trade's number", "9", "e1.01", "9", "", "-5", "11", 1, true},
                            Row{"another trade's number", "8", "e1.01", "9", "", "-5", "10", 1, false},
                            Row{"by the execution's id", "", "e1.01", "9", "e1.01", "-5", "11", 1, true},
                            Row{"by a version of the execution", "", "e1.01", "9", "e1.02", "-5", "10", 1, true},
                            Row{"another execution's id", "9", "e1.01", "", "e2.01", "-5", "10", 1, false},
                            Row{"the trade has no id of its own", "", "", "", "e1.01", "-5", "10", 1, true}, Row{"by quantity and price", "", "", "9", "", "-5", "10", 1, true},
                            Row{"at another price", "", "e1.01", "", "", "-5", "11", 1, false},
                            Row{"of another quantity", "9", "e1.01", "9", "", "-4", "10", 1, false},
                            Row{"in another instrument", "9", "e1.01", "9", "", "-5", "10", 2, false}}) {
        auto made = trade(row.exec_id, "5", "10");
        made.trade_id = row.trade_id;
        auto cancel = trade(row.cancel_exec_id, row.cancel_quantity, row.cancel_price);
        cancel.cancels = true;
        cancel.original_trade_id = row.original;
        cancel.con_id = row.con_id;
        auto const s = statement({made, cancel});
        StatementIndex const index(s, options());
        EXPECT_EQ(index.of(1).trades.empty(), row.taken_back) << row.what;
        EXPECT_EQ(index.of(1).taken_back.size(), row.taken_back ? 1u : 0u) << row.what;
        EXPECT_EQ(index.of(row.con_id).cancels.size(), row.taken_back ? 0u : 1u) << row.what;
    }
}

TEST(StatementIndex, AnEntryThatTradesRepeatCountsOnce) {
    struct Row {
        char const* what;
        char const* event_trade_id;
        char const* trade_id;
        char const* exec_id;
        Cause trade_cause;
        char const* quantity;
        Date date;
        model::ConId con_id;
        bool repeated;
    };
    Date const next{2026, 11, 19};
    Date const later{2026, 11, 20};
    for (auto const& row : {Row{"by number", "9", "9", "e1.01", Cause::execution, "-5", later, 1, true},
                            Row{"the same entry", "", "", "", Cause::assignment, "5", next, 1, true},
                            Row{"told as a plain entry", "", "", "", Cause::execution, "5", day, 1, true},
                            Row{"a fill at an exchange", "", "", "e1.01", Cause::execution, "5", day, 1, false},
                            Row{"two days later", "", "", "", Cause::assignment, "5", later, 1, false},
                            Row{"another quantity", "", "", "", Cause::assignment, "4", day, 1, false},
                            Row{"another contract", "", "", "", Cause::assignment, "5", day, 2, false}}) {
        auto made = trade(row.exec_id, row.quantity, "0");
        made.trade_id = row.trade_id;
        made.cause = row.trade_cause;
        made.trade_date = row.date;
        made.con_id = row.con_id;
        auto event = trade("", "5", "0");
        event.trade_id = row.event_trade_id;
        event.cause = Cause::assignment;
        auto s = statement({made});
        s.option_events = {event};
        StatementIndex const index(s, options());
        EXPECT_EQ(index.of(1).trades.size() + index.of(2).trades.size(), row.repeated ? 1u : 2u) << row.what;
        if (row.repeated) {
            EXPECT_EQ(index.cause_of(s.trades[0]), Cause::assignment) << row.what;
        }
    }
}

TEST(StatementIndex, TwoEqualEntriesAreTwoAndWhatHasNoPriceIsNone) {
    auto event = trade("", "5", "0");
    event.cause = Cause::expiry;
    auto cash = trade("", "2", "0");
    cash.cause = Cause::cash_settlement;
    cash.price.reset();
    auto nothing = trade("", "0", "0");
    nothing.cause = Cause::expiry;
    auto s = statement({event});
    s.option_events = {event, event, cash, nothing};
    StatementIndex const index(s, options());
    EXPECT_EQ(index.of(1).trades.size(), 2u);
    EXPECT_FALSE(stated_price(cash)) << "what is settled in cash goes for an amount that must be named";
    for (auto const cause : {Cause::exercise, Cause::assignment, Cause::expiry}) {
        cash.cause = cause;
        EXPECT_EQ(stated_price(cash), dec("0"));
    }
    // The delivery in OptionEAE bears the cause of the option that it was made for, and goes for the strike.
    for (std::string const notes : {"Buy", "Sell"}) {
        cash.notes = notes;
        cash.cause = Cause::assignment;
        EXPECT_FALSE(stated_price(cash)) << notes;
    }
}

TEST(StatementIndex, PositionsAreOfTheLastDayThatTheyName) {
    auto s = statement({});
    s.from = {2026, 11, 16};
    s.to = {2026, 11, 22};  // a Sunday
    auto position = [&](Date date, bool lot = false) {
        model::StatementPosition made;
        made.con_id = 1;
        made.date = date;
        made.is_lot = lot;
        s.positions.push_back(made);
    };
    EXPECT_EQ(StatementIndex(s, options()).position_date(), s.to);
    position({2026, 11, 19});
    position({2026, 11, 20});
    position({2026, 11, 18});
    position({2026, 11, 23});        // after its last day: of another one
    position({2026, 11, 21}, true);  // lots do not say what was held in all
    StatementIndex const index(s, options());
    EXPECT_EQ(index.position_date(), (Date{2026, 11, 20}));
    EXPECT_NE(index.of(1).total_on({2026, 11, 20}), nullptr);
    EXPECT_EQ(index.of(1).total_on({2026, 11, 17}), nullptr);
    EXPECT_EQ(index.of(9).total_on({2026, 11, 20}), nullptr);
}

TEST(StatementIndex, RowsOfOneActionStandTogether) {
    auto s = statement({});
    auto row = [&](std::string action, model::ConId con_id, std::string type = "TC") {
        model::StatementCorporateAction made;
        made.action_id = std::move(action);
        made.con_id = con_id;
        made.type = std::move(type);
        made.report_date = day;
        s.corporate_actions.push_back(made);
    };
    row("5", 1);
    row("5", 2);
    row("", 3, "SD");
    row("6", 0);  // of no instrument
    model::StatementTransfer cash;
    cash.con_id = 0;
    s.transfers = {cash};
    StatementIndex const index(s, options());
    ASSERT_EQ(index.actions().size(), 2u);
    EXPECT_EQ(index.actions().at("5").size(), 2u);
    EXPECT_EQ(index.actions().at("SD 2026-11-18").size(), 1u);
    EXPECT_FALSE(index.instruments().contains(0));
}

}  // namespace
}  // namespace possync::ledger

// Change sets and statement records: when there is something to commit, how it reads, and what stays of it.
#include <gtest/gtest.h>

#include <functional>

#include "model/certification.hpp"
#include "model/change_set.hpp"
#include "model/print.hpp"

namespace possync::model {
namespace {

TEST(ChangeSet, WhateverItHoldsIsSomethingToCommit) {
    EXPECT_TRUE(ChangeSet{}.empty());
    for (auto const& fill : std::vector<std::function<void(ChangeSet&)>>{
             [](auto& c) { c.instruments.emplace_back(); }, [](auto& c) { c.executions.emplace_back(); },
             [](auto& c) { c.adjustments.emplace_back(); }, [](auto& c) { c.positions.emplace_back(); },
             [](auto& c) { c.closes.emplace_back(); }, [](auto& c) { c.lots.emplace_back(); },
             [](auto& c) { c.removed_positions.push_back(1); }, [](auto& c) { c.removed_closes.push_back(1); },
             [](auto& c) { c.removed_lots.push_back(1); }, [](auto& c) { c.history_ends.emplace_back(); },
             [](auto& c) { c.history.emplace_back(); }, [](auto& c) { c.events.emplace_back(); },
             [](auto& c) { c.breaks.emplace_back(); }}) {
        ChangeSet change_set;
        fill(change_set);
        EXPECT_FALSE(change_set.empty());
    }
}

TEST(ChangeSet, ReadsAsATable) {
    ChangeSet c;
    c.account_id = 3;
    c.base_revision = 6;
    Instrument named;
    named.con_id = 5;
    named.symbol = "AAPL";
    named.local_symbol = "AAPL 270115C";
    named.sec_type = "OPT";
    named.currency = "USD";
    named.multiplier = 100;
    Instrument plain = named;
    plain.con_id = 6;
    plain.local_symbol.clear();
    c.instruments = {named, plain};
    Execution execution;
    execution.exec_id = "a.01";
    execution.con_id = 5;
    execution.shares = 2;
    execution.price = 3;
    c.executions = {execution};
    Adjustment adjustment;
    adjustment.con_id = 7;
    adjustment.cause = Cause::transfer;
    adjustment.quantity = 4;
    Adjustment withdrawn = adjustment;
    withdrawn.undone_at = base::Timestamp{0};
    withdrawn.undone_by = "operator me";
    withdrawn.price = base::Decimal(9);
    c.adjustments = {adjustment, withdrawn};
    Position position;
    position.con_id = 5;
    position.quantity = 2;
    c.positions = {position};
    Close close;
    close.con_id = 6;
    close.quantity_closed = 1;
    close.is_full_close = true;
    close.realized_pnl = base::Decimal(8);
    Close part = close;
    part.is_full_close = false;
    c.closes = {close, part};
    Lot lot;
    lot.con_id = 5;
    lot.quantity = 2;
    c.lots = {lot};
    PositionEvent event;
    event.con_id = 5;
    event.occurred_at = base::Timestamp{0};
    PositionEvent timeless = event;
    timeless.occurred_at.reset();
    c.events = {event, timeless};
    HistoryRow row;
    row.position_id = 9;
    HistoryRow ended = row;
    ended.valid_to = base::Timestamp{0};
    c.history = {row, ended};
    Break open;
    open.con_id = 5;
    c.breaks = {open};
    c.removed_closes = {1, 2};
    auto const text = print(c);
    for (auto const* line :
         {"account 3: revision 7", "instrument  AAPL 270115C (5) OPT USD x100", "instrument  AAPL (6)",
          "execution   a.01 AAPL 270115C (5)", "adjustment  conId 7 transfer 4 @ unknown\n", "@ 9, withdrawn: operator me",
          "realized 8, cause execution, full", "at unknown", "to now", "to 1970-01-01", "superseded  2 closes"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << " in\n" << text;
    }
    EXPECT_EQ(text.find("superseded  0"), std::string::npos);
}

TEST(StatementRecords, PositionsOfADayAreReplacedAndRemaindersKeptOnce) {
    StatementRecords kept;
    StatementRecords written;
    auto position = [](base::Date date, ConId con_id) {
        StatementPosition made;
        made.date = date;
        made.con_id = con_id;
        made.line = 12;
        return made;
    };
    written.positions = {position({2026, 11, 18}, 5), position({2026, 11, 17}, 5)};
    written.remainders = {{"Section", 4, "{}"}, {"Other", 5, "{}"}};
    apply(kept, written);
    EXPECT_EQ(kept.positions.size(), 2u);
    EXPECT_EQ(kept.positions[0].date, (base::Date{2026, 11, 17}));
    EXPECT_EQ(kept.positions[0].line, 0) << "lines of files are not kept";
    written.positions = {position({2026, 11, 18}, 6)};  // that day again
    apply(kept, written);
    ASSERT_EQ(kept.positions.size(), 2u);
    EXPECT_EQ(kept.positions[1].con_id, 6);
    EXPECT_EQ(kept.remainders.size(), 2u);
    written.positions.clear();
    written.position_dates = {{2026, 11, 18}, {2026, 11, 17}};  // on which nothing is held
    apply(kept, written);
    EXPECT_TRUE(kept.positions.empty());
}

}  // namespace
}  // namespace possync::model

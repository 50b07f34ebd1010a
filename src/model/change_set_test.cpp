#include "model/change_set.hpp"

#include <gtest/gtest.h>

#include "model/print.hpp"
#include "model/records.hpp"

namespace possync::model {
namespace {

TEST(Facts, RootsAndCorrectionsOfExecutionIds) {
    EXPECT_EQ(execution_root("0000e0d5.69dd7411.01.01"), "0000e0d5.69dd7411.01");
    EXPECT_LT(correction_rank("0000e0d5.69dd7411.01.01"), correction_rank("0000e0d5.69dd7411.01.02"));
    EXPECT_FALSE(is_correction("0000e0d5.69dd7411.01.01"));
    EXPECT_TRUE(is_correction("0000e0d5.69dd7411.01.02"));
    EXPECT_EQ(execution_root("plain"), "plain");
    EXPECT_EQ(correction_rank("plain"), 0);
    EXPECT_EQ(correction_rank("a.b.xx"), 0);
}

TEST(Facts, AStatementsVersionStandsBetweenTwoOfTheWire) {
    auto const stated = statement_version("0000e0d5.69dd7411.01.01");
    EXPECT_EQ(execution_root(stated), "0000e0d5.69dd7411.01");
    EXPECT_TRUE(is_correction(stated));
    EXPECT_GT(correction_rank(stated), correction_rank("0000e0d5.69dd7411.01.01"));
    EXPECT_LT(correction_rank(stated), correction_rank("0000e0d5.69dd7411.01.02"));
    EXPECT_NE(execution_root(statement_exec_id("175")), execution_root(statement_exec_id("176")));
}

TEST(Facts, OrderIsByTimeThenOrderThenQuantity) {
    Execution first;
    first.exec_id = "b.01";
    first.time = {10};
    Execution second = first;
    second.exec_id = "a.01";
    second.perm_id = 1;
    EXPECT_LT(order_of(first), order_of(second));
    second.perm_id = 0;
    second.cum_qty = 5;
    EXPECT_LT(order_of(first), order_of(second));
    second.cum_qty = 0;
    EXPECT_LT(order_of(second), order_of(first));  // by root at last
    Adjustment opening;
    EXPECT_LT(order_of(opening), order_of(first));  // no time: before everything
}

TEST(Words, EveryEnumeratorComesBack) {
    for (int i = 0; i <= static_cast<int>(Cause::corporate_action); ++i) {
        EXPECT_EQ(*parse_cause(to_string(static_cast<Cause>(i))), static_cast<Cause>(i));
    }
    for (int i = 0; i <= static_cast<int>(BreakKind::commission); ++i) {
        EXPECT_EQ(*parse_break_kind(to_string(static_cast<BreakKind>(i))), static_cast<BreakKind>(i));
    }
    EXPECT_EQ(parse_cause("nonsense").error().message.find("'nonsense' is not a cause; one of opening_balance execution"), 0u);
    EXPECT_EQ(*parse_ratio("4:1"), (Ratio{4, 1}));
    for (char const* text : {"", "4", "4:0", "-4:1", "4:1x", ":1"}) EXPECT_FALSE(parse_ratio(text).has_value()) << text;
}

ChangeSet one_position() {
    ChangeSet change_set;
    change_set.account_id = 1;
    change_set.next_id = 10;
    Instrument instrument;
    instrument.con_id = 7;
    instrument.symbol = "AAPL";
    change_set.instruments.push_back(instrument);
    Position position;
    position.position_id = row_id(1, 2);
    position.con_id = 7;
    position.quantity = 100;
    change_set.positions.push_back(position);
    PositionEvent event;
    event.con_id = 7;
    event.quantity_after = 100;
    change_set.events.push_back(event);
    return change_set;
}

TEST(Apply, AddsReplacesAndRemoves) {
    AccountBook book;
    book.account_id = 1;
    ChangeSet change_set = one_position();
    apply(book, change_set);
    EXPECT_EQ(book.revision, 1);
    EXPECT_EQ(book.next_id, 10);
    EXPECT_EQ(book.instruments.at(7).positions.at(0).quantity, base::Decimal(100));

    change_set.base_revision = 1;
    change_set.positions[0].quantity = 60;
    apply(book, change_set);
    ASSERT_EQ(book.instruments.at(7).positions.size(), 1u);
    EXPECT_EQ(book.instruments.at(7).positions[0].quantity, base::Decimal(60));

    ChangeSet removal;
    removal.account_id = 1;
    removal.base_revision = 2;
    removal.next_id = 10;
    removal.removed_positions.push_back(row_id(1, 2));
    apply(book, removal);
    EXPECT_TRUE(book.instruments.at(7).positions.empty());
}

TEST(Apply, NewInstrumentsStandAmongThoseThatAreThere) {
    AccountBook book;
    book.account_id = 1;
    auto const describe = [&](std::vector<ConId> const& con_ids, std::string const& symbol) {
        ChangeSet change_set;
        change_set.account_id = 1;
        change_set.base_revision = book.revision;
        for (ConId const con_id : con_ids) {
            Instrument instrument;
            instrument.con_id = con_id;
            instrument.symbol = symbol;
            change_set.instruments.push_back(instrument);
            Position position;
            position.position_id = row_id(1, con_id * 10 + book.revision);
            position.con_id = con_id;
            change_set.positions.push_back(position);
        }
        apply(book, change_set);
    };
    describe({2, 6, 4}, "FIRST");
    describe({7, 1, 4, 3}, "SECOND");
    std::vector<ConId> con_ids;
    for (auto const& [con_id, held] : book.instruments) {
        con_ids.push_back(con_id);
        EXPECT_EQ(held.instrument.con_id(), con_id);
        EXPECT_EQ(held.instrument->symbol, con_id == 2 || con_id == 6 ? "FIRST" : "SECOND");
        EXPECT_EQ(held.positions.size(), con_id == 4 ? 2u : 1u);
    }
    EXPECT_EQ(con_ids, (std::vector<ConId>{1, 2, 3, 4, 6, 7}));
}

TEST(Apply, RemovesWhatTheChangeSetNamesNoInstrumentOf) {
    AccountBook book;
    book.account_id = 1;
    apply(book, one_position());
    Lot lot;
    lot.con_id = 7;
    lot.lot_id = row_id(1, 3);
    book.instruments.at(7).lots.push_back(lot);
    ChangeSet removal;
    removal.account_id = 1;
    removal.base_revision = 1;
    removal.removed_lots.push_back(lot.lot_id);
    apply(book, removal);
    EXPECT_TRUE(book.instruments.at(7).lots.empty());
    EXPECT_EQ(book.instruments.at(7).positions.size(), 1u);
}

TEST(Apply, KeepsOnlyUnresolvedBreaks) {
    AccountBook book;
    book.account_id = 1;
    ChangeSet change_set;
    change_set.account_id = 1;
    Break open;
    open.break_id = 5;
    change_set.breaks.push_back(open);
    apply(book, change_set);
    EXPECT_EQ(book.breaks.size(), 1u);
    change_set.base_revision = 1;
    change_set.breaks[0].state = BreakState::resolved;
    apply(book, change_set);
    EXPECT_TRUE(book.breaks.empty());
}

TEST(Apply, RefusesAChangeSetOfAnotherRevision) {
    AccountBook book;
    book.account_id = 1;
    book.revision = 3;
    EXPECT_DEATH(apply(book, one_position()), "internal error");
}

TEST(Count, AFlipIsOneClosedAndOneCreated) {
    ChangeSet change_set;
    for (auto const kind : {EventKind::closed, EventKind::opened, EventKind::increased, EventKind::repriced}) {
        PositionEvent event;
        event.kind = kind;
        change_set.events.push_back(event);
    }
    EXPECT_EQ(count_changes(change_set), (ChangeCounts{1, 1, 1}));
}

TEST(Print, NamesEveryRow) {
    std::string const text = print(one_position());
    EXPECT_NE(text.find("revision 1"), std::string::npos);
    EXPECT_NE(text.find("position    AAPL (7) 100"), std::string::npos);
    EXPECT_NE(text.find("event       AAPL (7) opened 0 -> 100"), std::string::npos);
}

TEST(Instrument, ScaleIsOneUntilTheContractDataSaysOtherwise) {
    Instrument bond;
    bond.sec_type = "BOND";
    EXPECT_EQ(effective_scale(bond), base::Decimal(1));
    bond.details_known = true;
    EXPECT_EQ(effective_scale(bond), std::nullopt);
    bond.price_scale = base::Decimal(10);
    EXPECT_EQ(price_factor(bond), base::Decimal(10));
}

}  // namespace
}  // namespace possync::model

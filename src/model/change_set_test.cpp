#include "model/change_set.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

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

/// Few are put in one by one, many all at once.
TEST(Apply, NewInstrumentsStandAmongThoseThatAreThere) {
    for (ConId const more : {3, 40}) {
        AccountBook book;
        book.account_id = 1;
        auto const describe = [&](ConId from, ConId step, std::string const& symbol) {
            ChangeSet change_set;
            change_set.account_id = 1;
            change_set.base_revision = book.revision;
            for (ConId con_id = from + more * step; con_id >= from; con_id -= step) {  // in any order
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
        describe(10, 2, "FIRST");
        describe(7, 3, "SECOND");
        std::set<ConId> expected;
        for (ConId i = 0; i <= more; ++i) expected.insert({10 + i * 2, 7 + i * 3});
        EXPECT_EQ(book.instruments.size(), expected.size());
        auto next = expected.begin();
        for (auto const& [con_id, held] : book.instruments) {
            bool const first = con_id >= 10 && con_id <= 10 + more * 2 && con_id % 2 == 0;
            bool const second = con_id <= 7 + more * 3 && con_id % 3 == 1;
            EXPECT_EQ(con_id, *next++);
            EXPECT_EQ(held.instrument.con_id(), con_id);
            EXPECT_EQ(held.instrument->symbol, second ? "SECOND" : "FIRST");
            EXPECT_EQ(held.positions.size(), static_cast<std::size_t>(first) + static_cast<std::size_t>(second)) << con_id;
        }
    }
}

TEST(Apply, RemovesRowsOfInstrumentsThatAreNamedAndOfOthers) {
    AccountBook book;
    book.account_id = 1;
    for (ConId const con_id : {7, 8, 9}) {
        Instrument instrument;
        instrument.con_id = con_id;
        book.instruments[con_id].instrument = instrument;
        for (std::int64_t n : {1, 2}) {
            Lot lot;
            lot.con_id = con_id;
            lot.lot_id = row_id(1, con_id * 10 + n);
            book.instruments[con_id].lots.push_back(lot);
        }
    }
    auto const remaining = [&](ConId con_id) { return book.instruments.at(con_id).lots.size(); };
    auto const remove = [&](std::vector<ConId> const& named, std::vector<std::int64_t> const& numbers) {
        ChangeSet change_set;
        change_set.account_id = 1;
        change_set.base_revision = book.revision;
        for (ConId const con_id : named) {
            Execution sold;
            sold.exec_id = "e" + std::to_string(book.revision) + std::to_string(con_id) + ".01";
            sold.con_id = con_id;
            change_set.executions.push_back(sold);
        }
        for (auto const n : numbers) change_set.removed_lots.push_back(row_id(1, n));
        apply(book, change_set);
        return std::tuple(remaining(7), remaining(8), remaining(9));
    };
    EXPECT_EQ(remove({8}, {81}), std::tuple(2u, 1u, 2u));
    EXPECT_EQ(remove({8}, {82, 92}), std::tuple(2u, 0u, 1u)) << "of one that is named and of one that is not";
    EXPECT_EQ(remove({}, {71}), std::tuple(1u, 0u, 1u)) << "none is named";
    EXPECT_EQ(remove({7}, {999}), std::tuple(1u, 0u, 1u)) << "of before the rows that are kept in memory";
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

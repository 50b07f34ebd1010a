#include "sync/change_lines.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

using base::Decimal;

model::PositionEvent reduced(model::ConId con_id) {
    model::PositionEvent event;
    event.con_id = con_id;
    event.position_id = 9;
    event.exec_id = "a.01";
    event.kind = model::EventKind::reduced;
    event.cause = model::Cause::execution;
    event.quantity_before = Decimal(100);
    event.quantity_after = Decimal(40);
    event.average_price_after = Decimal(150);
    return event;
}

TEST(ChangeLines, SayWhatMovedAndWhatItBrought) {
    model::AccountBook book;
    book.account = "DU1";
    model::Instrument option;
    option.symbol = "AAPL";
    book.instruments[5].instrument = option;
    model::ChangeSet change_set;
    change_set.events = {reduced(5), reduced(6)};
    model::Close close;
    close.position_id = 9;
    close.exec_id = "a.01";
    close.realized_pnl = Decimal(600);
    change_set.closes = {close};
    auto lines = lines_about(book, change_set);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].event, "position.reduced");
    EXPECT_EQ(lines[0].account, "DU1");
    EXPECT_EQ(lines[0].text, "AAPL 100 -> 40 @ 150, realized 600 (execution)");
    EXPECT_EQ(lines[1].text, "conId 6 100 -> 40 @ 150, realized 600 (execution)");
    option.local_symbol = "AAPL 270115C";
    book.instruments[5].instrument = option;
    change_set.closes[0].realized_pnl.reset();
    lines = lines_about(book, change_set);
    EXPECT_EQ(lines[0].text, "AAPL 270115C 100 -> 40 @ 150, realized unknown (execution)");
}

TEST(ChangeLines, CountWhatTheyDoNotTell) {
    model::AccountBook book;
    book.revision = 3;
    model::ChangeSet change_set;
    change_set.events.assign(changes_told, reduced(5));
    EXPECT_EQ(lines_about(book, change_set).size(), changes_told);
    change_set.events.push_back(reduced(5));
    change_set.events.push_back(reduced(5));
    auto const lines = lines_about(book, change_set);
    ASSERT_EQ(lines.size(), changes_told + 1);
    EXPECT_EQ(lines.back().event, "position.more");
    EXPECT_EQ(lines.back().text, "and 2 more changes in revision 3");
}

}  // namespace
}  // namespace possync::sync

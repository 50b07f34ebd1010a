#include "ledger/verify.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using testing::dec;
using testing::fill;

/// A book of one instrument, committed from these fills.
model::AccountBook book_of(std::vector<model::Execution> const& fills) {
    model::AccountBook book;
    book.account_id = 1;
    InstrumentFacts const facts{testing::stock(), fills, {}};
    IdAllocator ids(1, 1);
    model::ChangeSet change_set;
    change_set.account_id = 1;
    change_set.recorded_at = testing::at(0);
    CHECK(diff({}, facts, {}, ids, change_set).has_value());
    change_set.next_id = ids.next();
    model::apply(book, change_set);
    return book;
}

std::vector<EventLink> links(std::initializer_list<std::pair<char const*, char const*>> chain) {
    std::vector<EventLink> events;
    for (auto const& [before, after] : chain) {
        events.push_back({static_cast<model::RowId>(events.size() + 1), model::row_id(1, 1), dec(before), dec(after), 1});
    }
    return events;
}

TEST(Verify, ABookThatFollowsFromItsFacts) {
    auto const book = book_of({fill("f1.01", 1, "100", "150", "1"), fill("f2.01", 2, "-60", "160", "1"), fill("f3.01", 3, "-90", "145", "1")});
    EXPECT_EQ(verify(book, {}), std::vector<Finding>{});
}

TEST(Verify, EveryChangedNumberIsNamed) {
    auto const good = book_of({fill("f1.01", 1, "100", "150", "1"), fill("f2.01", 2, "-60", "160", "1")});
    auto const finds = [&](auto&& damage, char const* what) {
        auto book = good;
        damage(book.instruments.begin()->second);
        auto const findings = verify(book, {});
        std::string all;
        for (auto const& each : findings) all += each.where + ": " + each.what + "\n";
        EXPECT_NE(all.find(what), std::string::npos) << what << " in:\n" << all;
    };
    finds([](auto& b) { b.positions[0].quantity = dec("41"); }, "sum to 40, the position is 41");
    finds([](auto& b) { b.positions[0].unknown_closes = 1; }, "unknown_closes is 1");
    finds([](auto& b) { b.positions[0].closed_at = testing::at(1); }, "is open and has a time of closing");
    finds([](auto& b) { b.positions[0].commissions = std::nullopt; }, "commissions is unknown");
    finds([](auto& b) { b.positions[0].quantity = dec("41"); }, "): quantity is 41, its facts give 40");
    finds([](auto& b) { b.positions[0].average_price = dec("1"); }, "average_price is 1,");
    finds([](auto& b) { b.positions[0].cost = dec("1"); }, "cost is 1,");
    finds([](auto& b) { b.positions[0].opened_at = std::nullopt; }, "opened_at is unknown");
    finds([](auto& b) { b.positions[0].closed_at = testing::at(1); }, "closed_at is 20");
    finds([](auto& b) { b.positions[0].realized_pnl = dec("1"); }, "): realized_pnl is 1,");
    finds([](auto& b) { b.positions[0].net_realized_pnl = dec("1"); }, "net_realized_pnl is 1,");
    finds([](auto& b) { b.positions[0].estimated_realized_pnl = dec("1"); }, "estimated_realized_pnl is 1,");
    finds([](auto& b) { b.closes[0].quantity_closed = dec("59"); }, "quantity_closed is 59");
    finds([](auto& b) { b.closes[0].exit_price = dec("1"); }, "exit_price is 1,");
    finds([](auto& b) { b.closes[0].entry_price = dec("1"); }, "entry_price is 1,");
    finds([](auto& b) { b.closes[0].commissions = dec("1"); }, "commissions is 1,");
    finds([](auto& b) { b.closes[0].realized_pnl = dec("599"); }, "): realized_pnl is 599");
    finds([](auto& b) { b.closes.clear(); }, "the close by f2 is missing");
    finds([](auto& b) { b.lots[0].quantity = dec("99"); }, "): quantity is 99");
    finds([](auto& b) { b.lots[0].remaining_quantity = dec("39"); }, "remaining_quantity is 39");
    finds([](auto& b) { b.lots[0].price = dec("1"); }, "price is 1,");
    finds([](auto& b) { b.adjustments.push_back({}), b.adjustments.back().quantity = dec("99999999999999999999999999999.1"), b.adjustments.back().price = dec("99999999999999999999"); },
          "calculated exactly");
    finds([](auto& b) { b.closes[0].net_realized_pnl = dec("1"); }, "net_realized_pnl is 1");
    finds([](auto& b) { b.closes[0].is_full_close = true; }, "is_full_close is true");
    finds([](auto& b) { b.closes[0].quantity_closed = dec("-60"); }, "its quantity is not positive");
    finds([](auto& b) { b.closes[0].closing_fact = "f9"; }, "no fact of its position closes anything here");
    finds([](auto& b) { b.lots[0].opening_fact = "f9"; }, "no fact of its position opens anything here");
    finds([](auto& b) { b.lots.clear(); }, "the lot of f1 is missing");
    finds([](auto& b) { b.positions.push_back(b.positions[0]); }, "2 positions are stored");
    finds([](auto& b) { b.executions.push_back(b.executions[1]), b.executions.back().exec_id = "f2.02"; }, "beside another correction");
}

TEST(Verify, EventsChain) {
    auto const book = book_of({fill("f1.01", 1, "100", "150", "1"), fill("f2.01", 2, "-60", "160", "1")});
    auto named = book;
    named.revision = 1;
    auto const position = named.instruments.begin()->second.positions[0].position_id;
    auto with = [&](std::vector<EventLink> events) {
        for (auto& event : events) event.position_id = position;
        return verify_events(named, events);
    };
    EXPECT_EQ(with(links({{"0", "100"}, {"100", "40"}})), std::vector<Finding>{});
    EXPECT_EQ(with(links({{"0", "100"}, {"90", "40"}})).size(), 1u);
    EXPECT_EQ(with(links({{"0", "100"}})).size(), 1u);
    EXPECT_EQ(with({}).size(), 1u);
    auto late = links({{"0", "100"}, {"100", "40"}});
    late[1].revision = 2;
    EXPECT_EQ(with(late).size(), 1u);
    named.revision = 3;
    late[0].revision = 3;
    EXPECT_EQ(with(late).size(), 1u);  // a revision went back
}

TEST(Verify, WhatIsClosedHasATimeAndWhatBelongsToNoPositionIsNamed) {
    auto book = book_of({fill("f1.01", 1, "100", "150", "1"), fill("f2.01", 2, "-100", "160", "1")});
    auto& held = book.instruments.begin()->second;
    held.positions[0].closed_at.reset();
    held.closes[0].position_id = 99;
    held.lots[0].position_id = 99;
    std::string all;
    for (auto const& each : verify(book, {})) all += each.what + "\n";
    EXPECT_NE(all.find("is closed without a time of closing"), std::string::npos) << all;
    EXPECT_NE(all.find("no fact of its position closes anything here"), std::string::npos) << all;
    EXPECT_NE(all.find("no fact of its position opens anything here"), std::string::npos) << all;
}

RC_GTEST_PROP(VerifyProperty, WhateverIsFoldedVerifies, ()) {
    std::vector<model::Execution> fills;
    auto const count = *rc::gen::inRange(1, 30);
    for (int i = 0; i < count; ++i) {
        auto const quantity = *rc::gen::suchThat(rc::gen::inRange(-300, 300), [](int q) { return q != 0; });
        auto const price = *rc::gen::inRange(1, 100'000);
        fills.push_back(fill("f" + std::to_string(i) + ".01", i, std::to_string(quantity), base::Decimal::from_parts(price, 3).to_string(),
                             *rc::gen::element<std::string>("", "0.35", "-0.1")));
    }
    std::sort(fills.begin(), fills.end(), [](auto const& a, auto const& b) { return model::order_of(a) < model::order_of(b); });
    RC_ASSERT(verify(book_of(fills), {}).empty());
}

}  // namespace
}  // namespace possync::ledger

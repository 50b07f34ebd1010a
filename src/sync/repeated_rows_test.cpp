#include "sync/repeated_rows.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace possync::sync {
namespace {

/// Reads a list of "conId quantity" rows as the feed does and says which of them came from the last list.
std::string read(RepeatedRows& rows, std::vector<std::pair<model::ConId, int>> const& list) {
    std::string repeated;
    rows.begin();
    for (auto const& [con_id, quantity] : list) {
        auto const payload = fmt::format("61 3 DU1 {} {}", con_id, quantity);
        if (auto const* known = rows.take_if_repeated(payload)) {
            EXPECT_EQ(known->account, "DU1");
            EXPECT_EQ(known->row->instrument.con_id(), con_id);
            EXPECT_EQ(known->row->quantity, base::Decimal(quantity));
            repeated += fmt::format("{} ", con_id);
            continue;
        }
        auto row = std::make_shared<model::BrokerPosition>();
        model::Instrument instrument;
        instrument.con_id = con_id;
        row->instrument = std::move(instrument);
        row->quantity = quantity;
        rows.add(payload, "DU1", std::move(row));
    }
    rows.end();
    return repeated;
}

TEST(RepeatedRows, WhatComesAgainIsNotDecoded) {
    RepeatedRows rows;
    EXPECT_EQ(read(rows, {{1, 10}, {2, 20}, {3, 30}}), "");
    EXPECT_EQ(read(rows, {{1, 10}, {2, 20}, {3, 30}}), "1 2 3 ");
    EXPECT_EQ(read(rows, {{1, 10}, {2, 25}, {3, 30}}), "1 3 ");          // changed
    EXPECT_EQ(read(rows, {{1, 10}, {3, 30}}), "1 3 ");                   // left out
    EXPECT_EQ(read(rows, {{1, 10}, {2, 5}, {3, 30}, {4, 40}}), "1 3 ");  // added
    EXPECT_EQ(read(rows, {{4, 40}, {3, 30}, {2, 5}, {1, 10}}), "4 ");    // another order
    EXPECT_EQ(read(rows, {}), "");
    EXPECT_EQ(read(rows, {{1, 10}}), "");
}

TEST(RepeatedRows, ARowThatComesByItselfIsAlwaysDecoded) {
    RepeatedRows rows;
    read(rows, {{1, 10}});
    EXPECT_EQ(rows.take_if_repeated("61 3 DU1 1 10"), nullptr);
    rows.add("61 3 DU1 1 11", "DU1", std::make_shared<model::BrokerPosition>());
    EXPECT_EQ(read(rows, {{1, 10}}), "1 ");
}

TEST(RepeatedRows, ABrokenListCostsOnlySpeed) {
    RepeatedRows rows;
    read(rows, {{1, 10}, {2, 20}, {3, 30}});
    read(rows, {{1, 10}});  // the connection was lost here
    EXPECT_EQ(read(rows, {{1, 10}, {2, 20}, {3, 30}}), "1 ");
    EXPECT_EQ(read(rows, {{1, 10}, {2, 20}, {3, 30}}), "1 2 3 ");
}

}  // namespace
}  // namespace possync::sync

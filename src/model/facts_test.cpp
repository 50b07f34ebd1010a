// The names that facts carry: ids with their corrections, marks of what was taken back, ratios, and the words of the enums.
#include "model/facts.hpp"

#include <gtest/gtest.h>

#include "model/book.hpp"
#include "model/certification.hpp"

namespace possync::model {
namespace {

TEST(Facts, AFillAndItsCorrectionsShareARoot) {
    struct Row {
        char const* exec_id;
        char const* root;
        std::int64_t rank;
        bool correction;
    };
    for (auto const& [exec_id, root, rank, correction] : {Row{"0000e0d5.69dd7411.01.01", "0000e0d5.69dd7411.01", 1, false},
                                                          Row{"0000e0d5.69dd7411.01.02", "0000e0d5.69dd7411.01", 2, true}}) {
        EXPECT_EQ(execution_root(exec_id), root);
        EXPECT_EQ(is_correction(exec_id), correction) << exec_id;
        EXPECT_EQ(correction_rank(exec_id) > correction_rank("x.01"), rank > 1) << exec_id;
    }
    EXPECT_EQ(execution_root("without-dots"), "without-dots");
    EXPECT_EQ(correction_rank("without-dots"), 0);
    EXPECT_EQ(correction_rank("a.xy"), 0);
    EXPECT_EQ(correction_rank("a.0x"), 0);
    EXPECT_EQ(execution_root(statement_version("a.01")), execution_root("a.01")) << "a statement's version is of the same fill";
    EXPECT_GT(correction_rank(statement_version("a.01")), correction_rank("a.01"));
}

TEST(Facts, TheDayOnWhichAFillWasTakenBackIsReadFromItsMark) {
    Execution execution;
    struct Row {
        std::string mark;
        bool cancelled;
    };
    for (auto const& [mark, cancelled] : {Row{"", false}, Row{"a.02", false}, Row{cancelled_mark({2026, 11, 18}, "901"), true},
                                          Row{"cancelled:2026", false}, Row{"cancelled:2026-99-18:901", false}}) {
        execution.superseded_by = mark;
        EXPECT_EQ(cancelled_on(execution).has_value(), cancelled) << mark;
    }
    execution.superseded_by = cancelled_mark({2026, 11, 18}, "901");
    EXPECT_EQ(cancelled_on(execution), (base::Date{2026, 11, 18}));
}

TEST(Facts, TransactionsAreNumbersOrNone) {
    EXPECT_EQ(transaction_number("123"), 123);
    for (auto const* text : {"", "12x", "x", "99999999999999999999999"})
        EXPECT_EQ(transaction_number(text), 0) << text;
}

TEST(Facts, RatiosAreTwoWholeNumbers) {
    EXPECT_EQ(parse_ratio("4:1"), (Ratio{4, 1}));
    for (auto const* text : {"", "4", "4:", "4:x", ":1", "4;1", "4:1x", "0:1", "4:0", "-4:1"}) {
        auto const read = parse_ratio(text);
        ASSERT_FALSE(read.has_value()) << text;
        EXPECT_NE(read.error().message.find("write two whole numbers like 4:1"), std::string::npos);
    }
}

TEST(Facts, WordsComeBack) {
    for (auto const cause : {Cause::opening_balance, Cause::execution, Cause::split, Cause::corporate_action})
        EXPECT_EQ(parse_cause(to_string(cause)), cause);
    for (auto const state : {BreakState::settling, BreakState::open, BreakState::explained, BreakState::resolved}) {
        EXPECT_EQ(parse_break_state(to_string(state)), state);
    }
    EXPECT_EQ(parse_side("BOT"), Side::bought);
    EXPECT_NE(parse_side("HELD").error().message.find("one of BOT SLD"), std::string::npos);
    EXPECT_FALSE(parse_basis("").has_value());
    EXPECT_FALSE(parse_booking("x").has_value());
    EXPECT_FALSE(parse_break_kind("x").has_value());
    EXPECT_FALSE(parse_break_class("x").has_value());
    EXPECT_FALSE(parse_cost_basis("FIFO").has_value()) << "words are small";
}

TEST(Facts, WhatPricesNothingIsNotKnown) {
    Instrument instrument;
    instrument.sec_type = "STK";
    EXPECT_EQ(price_factor(instrument), base::Decimal(1));
    instrument.multiplier = 100;
    instrument.price_scale = base::Decimal::from_parts(1, 2);
    EXPECT_EQ(price_factor(instrument), base::Decimal(1));
    instrument.price_scale = base::Decimal(0);
    EXPECT_EQ(price_factor(instrument), base::Decimal(100));
    instrument.multiplier = 0;
    EXPECT_FALSE(price_factor(instrument));
    instrument.multiplier = 1;
    instrument.sec_type = "BOND";
    EXPECT_EQ(price_factor(instrument), base::Decimal(1)) << "until the contract data comes";
    instrument.details_known = true;
    EXPECT_FALSE(price_factor(instrument)) << "and names no scale";
}

}  // namespace
}  // namespace possync::model

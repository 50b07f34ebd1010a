#include "ledger/infer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using testing::dec;

TEST(Infer, SplitRatios) {
    struct Row {
        char const* before;
        char const* after;
        char const* ratio;  // empty: none
    };
    for (auto const& row : {Row{"10", "40", "4:1"}, Row{"200", "10", "1:20"}, Row{"-200", "-10", "1:20"}, Row{"100", "150", "3:2"},
                            Row{"0.5", "2", "4:1"}, Row{"10", "10", ""}, Row{"10", "-40", ""}, Row{"0", "40", ""}, Row{"10", "0", ""},
                            Row{"1", "200", "200:1"}, Row{"1", "201", ""}, Row{"1000", "4.975", ""}, Row{"1.00000001", "2", ""},
                            Row{"0.000000000000000001", "99999999999999999", ""}, Row{"99999999999999999", "0.000000000000000001", ""}}) {
        auto const ratio = split_ratio(dec(row.before), dec(row.after));
        EXPECT_EQ(ratio ? model::to_string(*ratio) : "", row.ratio) << row.before << " -> " << row.after;
    }
}

RC_GTEST_PROP(InferProperty, EverySmallRatioIsFoundInLowestTerms, ()) {
    auto const to = *rc::gen::inRange<std::int64_t>(1, 201);
    auto const from = *rc::gen::inRange<std::int64_t>(1, 201);
    auto const held = *rc::gen::inRange<std::int64_t>(1, 1'000'000);
    auto const ratio = split_ratio(base::Decimal(held * from), base::Decimal(held * to));
    if (to == from) {
        RC_ASSERT(!ratio);
        return;
    }
    RC_ASSERT(ratio.has_value());
    RC_ASSERT(ratio->to * from == ratio->from * to);
}

TEST(Infer, CostsAcrossASplit) {
    EXPECT_TRUE(cost_conserved(dec("4000"), dec("4000.01")));
    EXPECT_FALSE(cost_conserved(dec("4000"), dec("4000.02")));
    EXPECT_TRUE(cost_conserved(dec("50000000"), dec("50000049")));
    EXPECT_FALSE(cost_conserved(dec("50000000"), dec("50000051")));
}

TEST(Infer, Deliveries) {
    auto option = testing::stock(700, "AAPL");
    option.sec_type = "OPT";
    option.multiplier = dec("100");
    option.right = "C";
    EXPECT_EQ(delivery(option, dec("-1")), dec("100"));   // a long call takes shares
    EXPECT_EQ(delivery(option, dec("2")), dec("-200"));   // a short one gives them
    option.right = "P";
    EXPECT_EQ(delivery(option, dec("-1")), dec("-100"));  // a long put gives
    EXPECT_EQ(delivery(option, dec("2")), dec("200"));    // a short one takes
}

TEST(Infer, Moneyness) {
    auto option = testing::stock(700, "AAPL");
    option.sec_type = "OPT";
    option.right = "C";
    option.strike = dec("100");
    auto const end = testing::at(10'000);
    auto mark = [](char const* price, std::int64_t seconds) {
        model::Mark made;
        made.price = dec(price);
        made.marked_at = testing::at(seconds);
        return made;
    };
    auto const judge = [&](model::Mark const* own, model::Mark const* underlying) { return moneyness(option, end, own, underlying); };
    auto const cheap = mark("0.05", 9'000);
    auto const dear = mark("0.06", 9'000);
    auto const old = mark("0.01", 6'399);
    auto const just_fresh = mark("0.01", 6'400);
    EXPECT_EQ(judge(&cheap, nullptr), Moneyness::out_of_the_money);
    EXPECT_EQ(judge(&dear, nullptr), Moneyness::in_the_money);
    EXPECT_EQ(judge(&old, nullptr), Moneyness::unknown);
    EXPECT_EQ(judge(&just_fresh, nullptr), Moneyness::out_of_the_money);
    EXPECT_EQ(judge(nullptr, nullptr), Moneyness::unknown);
    auto const below = mark("99", 9'000);
    auto const near_below = mark("99.01", 9'000);
    auto const above = mark("101", 9'000);
    EXPECT_EQ(judge(nullptr, &below), Moneyness::out_of_the_money);
    EXPECT_EQ(judge(nullptr, &near_below), Moneyness::unknown);
    EXPECT_EQ(judge(&old, &above), Moneyness::in_the_money);
    option.right = "P";
    EXPECT_EQ(judge(nullptr, &below), Moneyness::in_the_money);
    EXPECT_EQ(judge(nullptr, &above), Moneyness::out_of_the_money);
    option.right.clear();
    EXPECT_EQ(judge(nullptr, &above), Moneyness::unknown);
    option.right = "P";
    option.strike.reset();
    EXPECT_EQ(judge(nullptr, &above), Moneyness::unknown);
}

TEST(Infer, TradingEndsAtFourInTheZoneOfTheContract) {
    auto contract = testing::stock(700, "ES");
    FoldOptions options;
    auto const end = [&] { return end_of_trading(contract, options); };
    contract.expiry = "20261118";
    EXPECT_FALSE(end()) << "without rules for zones";
    options.zones = &testing::eastern_winter;
    options.report_zone = "America/New_York";
    auto const four = *base::parse_rfc3339("2026-11-18T21:00:00Z");
    EXPECT_EQ(end(), four);
    contract.time_zone = "US/Central";
    EXPECT_EQ(end(), four);
    contract.time_zone = "nowhere";
    EXPECT_EQ(end(), four) << "the report zone where the contract's is unknown";
    options.report_zone = "nowhere";
    EXPECT_FALSE(end());
    for (auto const* expiry : {"", "202611", "20261318"}) {
        contract.expiry = expiry;
        options.report_zone = "America/New_York";
        EXPECT_FALSE(end()) << expiry;
    }
}

TEST(Infer, WhatTheEndOfAContractIsCalled) {
    enum class Worth { nothing_known, nothing, something };
    struct Row {
        char const* sec_type;
        char const* under_sec_type;
        char const* held;
        Worth worth;
        bool delivered;
        char const* cause;  // empty: it has not ended, or does not end
        char const* price;  // empty: unknown
    };
    auto const end = *base::parse_rfc3339("2026-11-18T21:00:00Z");
    for (bool const ended : {true, false}) {
        for (auto const& row : {Row{"OPT", "STK", "2", Worth::nothing, false, "expiry", "0"}, Row{"OPT", "STK", "2", Worth::something, false, "exercise", ""},
                                Row{"OPT", "STK", "-2", Worth::something, false, "assignment", ""}, Row{"OPT", "STK", "2", Worth::nothing_known, false, "expiry", ""},
                                Row{"OPT", "IND", "2", Worth::nothing, false, "expiry", "0"}, Row{"OPT", "IND", "2", Worth::something, false, "cash_settlement", ""},
                                Row{"OPT", "IND", "2", Worth::nothing_known, false, "cash_settlement", ""}, Row{"OPT", "STK", "2", Worth::nothing_known, true, "exercise", ""},
                                Row{"FOP", "FUT", "-2", Worth::nothing_known, true, "assignment", ""}, Row{"BOND", "", "5", Worth::nothing_known, false, "maturity", "100"},
                                Row{"BILL", "", "5", Worth::nothing_known, false, "maturity", "100"}, Row{"FUT", "", "5", Worth::nothing_known, false, "expiry", ""},
                                Row{"WAR", "", "5", Worth::nothing_known, false, "expiry", ""}, Row{"IOPT", "", "5", Worth::nothing_known, false, "expiry", ""},
                                Row{"STK", "", "5", Worth::nothing_known, false, "", ""}}) {
            auto contract = testing::stock(700, "X");
            contract.sec_type = row.sec_type;
            contract.under_sec_type = row.under_sec_type;
            contract.expiry = "20261118";
            contract.right = "C";
            contract.under_con_id = 701;
            model::Observation seen;
            seen.observed_at = ended ? end : end - std::chrono::seconds(1);
            std::map<model::ConId, model::Mark> marks;
            seen.marks = &marks;
            if (row.worth != Worth::nothing_known) {
                model::Mark mark;
                mark.price = dec(row.worth == Worth::nothing ? "0.01" : "3");
                mark.marked_at = end - std::chrono::minutes(5);
                marks[700] = mark;
            }
            FoldOptions options;
            options.zones = &testing::eastern_winter;
            auto const event = end_of_contract(contract, dec(row.held), seen, options, row.delivered);
            std::string const what = std::string(row.sec_type) + " " + row.under_sec_type + " " + row.cause + (ended ? "" : ", not ended");
            bool const expected = *row.cause != 0 && (ended || row.delivered);  // a delivery says it before the last hour
            ASSERT_EQ(event.has_value(), expected) << what;
            if (!expected) continue;
            EXPECT_EQ(to_string(event->cause), row.cause) << what;
            EXPECT_EQ(event->price ? event->price->to_string() : "", row.price) << what;
            EXPECT_EQ(event->quantity, -dec(row.held)) << what;
            EXPECT_EQ(event->effective_at, seen.observed_at) << what;
        }
    }
}

TEST(Infer, ADeliveryNamesItsStrike) {
    auto contract = testing::stock(700, "X");
    contract.sec_type = "OPT";
    EXPECT_EQ(end_of_contract(contract, dec("1"), {}, {}, true)->note, "delivered at the strike");
    contract.strike = dec("12.5");
    EXPECT_EQ(end_of_contract(contract, dec("1"), {}, {}, true)->note, "delivered at 12.5");
}

}  // namespace
}  // namespace possync::ledger

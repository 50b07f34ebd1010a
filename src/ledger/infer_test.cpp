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
                            Row{"1", "200", "200:1"}, Row{"1", "201", ""}, Row{"1000", "4.975", ""}, Row{"1.00000001", "2", ""}}) {
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
}

}  // namespace
}  // namespace possync::ledger

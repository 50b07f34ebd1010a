#include "ledger/fold.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using model::CostBasis;

Folded folded(std::vector<std::string> const& texts, model::Instrument const& instrument = stock(),
              CostBasis method = CostBasis::average) {
    FoldOptions options;
    options.method = method;
    auto result = fold(instrument, fills(texts), {}, options);
    CHECK(result.has_value());
    return *result;
}

/// "closes | quantity @ average of the last position": what the worked examples of the documentation state.
std::string summary(Folded const& folded) {
    std::string text;
    for (auto const& close : folded.closes) {
        text += (close.realized_pnl ? close.realized_pnl->to_string() : "?") + (close.is_full_close ? "! " : " ");
    }
    auto const& last = folded.positions.back();
    text += "| " + last.quantity.to_string();
    if (last.open()) text += " @ " + (last.average_price ? last.average_price->to_string() : "?");
    return text;
}

struct Example {
    char const* name;
    std::vector<std::string> fills;
    char const* multiplier;
    char const* expected;
};

class WorkedExamples : public ::testing::TestWithParam<Example> {};

TEST_P(WorkedExamples, FoldToTheDocumentedNumbers) {
    auto instrument = stock();
    instrument.multiplier = dec(GetParam().multiplier);
    EXPECT_EQ(summary(folded(GetParam().fills, instrument)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WorkedExamples,
    ::testing::Values(
        Example{"long_closed_in_two", {"100@150", "-60@160", "-40@145"}, "1", "600 -200! | 0"},
        Example{"average_stays_on_a_partial_close", {"100@150", "-60@160"}, "1", "600 | 40 @ 150"},
        Example{"short_covered_in_two", {"-100@200", "60@190", "40@210"}, "1", "600 -400! | 0"},
        Example{"short_increased", {"-100@200", "-50@210"}, "1", "| -150 @ 203.3333333333"},
        Example{"flip", {"100@200", "-150@210 1.50"}, "1", "1000! | -50 @ 210"},
        Example{"option", {"2@3.10", "-2@4.00"}, "100", "180! | 0"},
        Example{"thirds_leave_their_remainder_in_the_position",
                {"12@100", "17@99", "-9@101", "-4@105", "3@103"}, "1", "14.275862069 22.3448275862 | 19 @ 99.9800362976"},
        Example{"fractions", {"1.5@400", "-1.25@440"}, "1", "50 | 0.25 @ 400"},
        Example{"increase", {"100@150", "100@160"}, "1", "| 200 @ 155"},
        Example{"reopened_is_a_new_position", {"10@5", "-10@6", "10@7"}, "1", "10! | 10 @ 7"}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(Fold, FlipSharesOneExecutionAndItsCommissionExactly) {
    auto const result = folded({"100@200 2", "-150@210 1.50"});
    ASSERT_EQ(result.positions.size(), 2u);
    ASSERT_EQ(result.closes.size(), 1u);
    auto const& close = result.closes[0];
    EXPECT_TRUE(close.is_full_close);
    EXPECT_EQ(close.realized_pnl, dec("1000"));
    EXPECT_EQ(close.commissions, dec("3"));  // 2 to open, 1.00 of the 1.50 to close
    EXPECT_EQ(close.net_realized_pnl, dec("997"));
    EXPECT_EQ(close.side, model::Side::sold);
    EXPECT_EQ(result.positions[0].quantity, dec("0"));
    EXPECT_EQ(result.positions[1].quantity, dec("-50"));
    EXPECT_EQ(result.positions[1].commissions, dec("0.5"));
    EXPECT_EQ(result.positions[1].chain_fact, "f1");
    EXPECT_EQ(result.positions[1].opening_fact, "f2");
}

TEST(Fold, UnknownCommissionIsNotZero) {
    auto const result = folded({"100@150 1", "-60@160"});
    EXPECT_EQ(result.closes[0].realized_pnl, dec("600"));
    EXPECT_EQ(result.closes[0].commissions, std::nullopt);
    EXPECT_EQ(result.closes[0].net_realized_pnl, std::nullopt);
    EXPECT_EQ(result.positions[0].net_realized_pnl, std::nullopt);
    EXPECT_EQ(result.positions[0].commissions, std::nullopt);
}

TEST(Fold, CommissionInAnotherCurrencyIsNeverMixedIn) {
    auto executions = fills({"100@150 1", "-100@160 2"});
    executions[1].commission_currency = "EUR";
    auto const result = fold(stock(), executions, {}, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->closes[0].realized_pnl, dec("1000"));
    EXPECT_EQ(result->closes[0].net_realized_pnl, std::nullopt);
}

TEST(Fold, RebateRaisesTheNet) {
    auto const result = folded({"100@150 1", "-100@160 -0.25"});
    EXPECT_EQ(result.closes[0].net_realized_pnl, dec("999.25"));
}

TEST(Fold, SupersededAndPendingAndExcludedFillsDoNotCount) {
    auto executions = fills({"100@150", "100@151", "100@152", "100@153"});
    executions[1].superseded_by = "f1.02";
    executions[2].booking = model::Booking::pending;
    executions[3].excluded = true;
    auto const result = fold(stock(), executions, {}, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(summary(*result), "| 100 @ 150");
}

TEST(Fold, PricesInPenceCountInPounds) {
    auto instrument = stock();
    instrument.price_scale = dec("0.01");
    auto const result = fold(instrument, fills({"1000@450", "-1000@460"}), {}, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->closes[0].realized_pnl, dec("100"));
    EXPECT_EQ(result->closes[0].entry_price, dec("450"));
}

TEST(Fold, PartOfUnknownCostMakesThePoolUnknownUntilFlat) {
    model::Adjustment opening;
    opening.adjustment_id = 1;
    opening.cause = model::Cause::opening_balance;
    opening.quantity = dec("50");
    std::vector<model::Adjustment> const adjustments{opening};
    auto const average = fold(stock(), fills({"50@10", "-60@12", "-40@12", "10@5", "-10@6"}), adjustments, {});
    ASSERT_TRUE(average.has_value());
    EXPECT_EQ(summary(*average), "? ?! 10! | 0");
    EXPECT_EQ(average->positions[0].unknown_closes, 2);
    EXPECT_EQ(average->positions[0].realized_pnl, dec("0"));
    EXPECT_EQ(average->positions[0].opened_at, std::nullopt);

    FoldOptions lifo;
    lifo.method = CostBasis::lifo;
    auto const by_lot = fold(stock(), fills({"50@10", "-40@12", "-20@12"}), adjustments, lifo);
    ASSERT_TRUE(by_lot.has_value());
    EXPECT_EQ(by_lot->closes[0].realized_pnl, dec("80"));  // out of the lot whose cost is known
    EXPECT_EQ(by_lot->closes[1].realized_pnl, std::nullopt);
}

TEST(Fold, SplitRescalesLotsAndMakesNoProfit) {
    model::Adjustment split;
    split.adjustment_id = 1;
    split.cause = model::Cause::split;
    split.ratio = model::Ratio{4, 1};
    split.effective_at = at(10);
    std::vector<model::Adjustment> const adjustments{split};
    auto const result = fold(stock(), fills({"10@400"}), adjustments, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(summary(*result), "| 40 @ 100");
    EXPECT_EQ(result->lots[0].remaining_quantity, dec("40"));
    EXPECT_EQ(result->lots[0].price, dec("100"));
    EXPECT_EQ(result->steps.back().kind, model::EventKind::split);
}

TEST(Fold, CloseWithoutAFillIsOnlyEstimated) {
    model::Adjustment gone;
    gone.adjustment_id = 1;
    gone.cause = model::Cause::missing_at_broker;
    gone.quantity = dec("-100");
    gone.estimated_price = dec("155");
    gone.effective_at = at(100);
    std::vector<model::Adjustment> const adjustments{gone};
    auto const result = fold(stock(), fills({"100@150"}), adjustments, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->closes[0].realized_pnl, std::nullopt);
    EXPECT_EQ(result->closes[0].estimated_realized_pnl, dec("500"));
    EXPECT_EQ(result->closes[0].basis, model::Basis::estimated);
    EXPECT_EQ(result->positions[0].unknown_closes, 1);
}

TEST(Fold, WithoutRealizedPnlQuantitiesStillStand) {
    FoldOptions options;
    options.calculate_realized_pnl = false;
    auto const result = fold(stock(), fills({"100@150", "-60@160"}), {}, options);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(summary(*result), "? | 40 @ 150");
    EXPECT_EQ(result->positions[0].unknown_closes, 0);
}

TEST(Fold, AFillOfNothingMovesNothing) {
    auto executions = fills({"0@150", "100@150", "0@151", "-100@160", "0@170"});
    for (auto const method : {model::CostBasis::average, model::CostBasis::fifo, model::CostBasis::lifo, model::CostBasis::hifo}) {
        FoldOptions options;
        options.method = method;
        auto const folded = fold(stock(), executions, {}, options);
        ASSERT_TRUE(folded.has_value());
        ASSERT_EQ(folded->positions.size(), 1u);
        EXPECT_EQ(folded->positions[0].realized_pnl, dec("1000"));
        EXPECT_FALSE(folded->positions[0].open());
        EXPECT_EQ(folded->closes.size(), 1u);
    }
    EXPECT_TRUE(fold(stock(), fills({"0@150"}), {}, {})->positions.empty());
}

TEST(Fold, NumbersThatCannotBeExactAreAnError) {
    auto executions = fills({"100@150"});
    executions[0].shares = dec("99999999999999999999999999999999999999");
    auto const result = fold(stock(), executions, {}, {});
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, base::ErrorCode::out_of_range);
}

// --- properties --------------------------------------------------------------------------------------------------

std::vector<model::Execution> random_fills() {
    std::vector<model::Execution> result;
    auto const count = *rc::gen::inRange(1, 25);
    for (int i = 0; i < count; ++i) {
        auto const quantity = *rc::gen::suchThat(rc::gen::inRange(-5000, 5000), [](int q) { return q != 0; });
        auto execution = fill("f" + std::to_string(i) + ".01", *rc::gen::inRange(0, 10), "1",
                              std::to_string(*rc::gen::inRange(1, 99999)) + "e-2", "1");
        execution.side = quantity < 0 ? model::Side::sold : model::Side::bought;
        execution.shares = base::Decimal::from_parts(std::abs(quantity), 1);
        execution.perm_id = *rc::gen::inRange(0, 3);
        result.push_back(std::move(execution));
    }
    return result;
}

void sort_facts(std::vector<model::Execution>& executions) {
    std::sort(executions.begin(), executions.end(),
              [](auto const& a, auto const& b) { return order_of(a) < order_of(b); });
}

model::Instrument random_description() {
    auto described = stock(1);
    described.sec_type = *rc::gen::element<std::string>("STK", "OPT", "BOND", "CFD", "IND");
    described.currency = *rc::gen::element<std::string>("USD", "GBP");
    described.multiplier = *rc::gen::element(base::Decimal(1), base::Decimal(10));
    described.price_scale = *rc::gen::element<std::optional<base::Decimal>>(std::nullopt, base::Decimal(1), dec("0.1"));
    described.details_known = *rc::gen::arbitrary<bool>();
    described.symbol = described.local_symbol = *rc::gen::element<std::string>("A", "B");
    described.expiry = *rc::gen::element<std::string>("", "20270115");
    described.right = *rc::gen::element<std::string>("", "C");
    described.strike = *rc::gen::element<std::optional<base::Decimal>>(std::nullopt, base::Decimal(150));
    described.under_con_id = *rc::gen::element<std::optional<model::ConId>>(std::nullopt, 2);
    described.time_zone = *rc::gen::element<std::string>("", "US/Eastern");
    return described;
}

/// Whatever a fold looks at, fold_alike() looks at too.
RC_GTEST_PROP(FoldProperty, DescriptionsThatFoldAlikeGiveTheSameRows, ()) {
    auto executions = random_fills();
    sort_facts(executions);
    auto const a = random_description();
    for (int i = 0; i < 20; ++i) {
        auto const b = random_description();
        if (fold_alike(a, b)) RC_ASSERT(*fold(a, executions, {}, {}) == *fold(b, executions, {}, {}));
    }
}

RC_GTEST_PROP(FoldProperty, QuantityIsTheSumOfTheFills, ()) {
    auto executions = random_fills();
    sort_facts(executions);
    auto const result = fold(stock(), executions, {}, {});
    RC_ASSERT(result.has_value());
    base::Decimal sum;
    for (auto const& execution : executions) sum += execution.signed_quantity();
    RC_ASSERT(result->positions.back().quantity == sum);
}

RC_GTEST_PROP(FoldProperty, LotsSumToTheQuantityOfTheirPosition, ()) {
    auto executions = random_fills();
    sort_facts(executions);
    FoldOptions options;
    options.method = *rc::gen::element(CostBasis::average, CostBasis::fifo, CostBasis::lifo, CostBasis::hifo);
    auto const result = fold(stock(), executions, {}, options);
    RC_ASSERT(result.has_value());
    for (auto const& position : result->positions) {
        base::Decimal sum;
        for (auto const& lot : result->lots) {
            if (lot.position_id == position.position_id) sum += lot.remaining_quantity;
        }
        RC_ASSERT(sum == position.quantity);
    }
}

RC_GTEST_PROP(FoldProperty, FlatToFlatGrossIsProceedsMinusCostUnderEveryMethod, ()) {
    auto executions = random_fills();
    sort_facts(executions);
    base::Decimal held;
    for (auto const& execution : executions) held += execution.signed_quantity();
    if (!held.is_zero()) {  // flatten at the end
        auto last = fill("z.01", 100, "1", "77.77", "1");
        last.side = held.is_negative() ? model::Side::bought : model::Side::sold;
        last.shares = held.abs();
        executions.push_back(last);
    }
    base::Decimal cash;
    for (auto const& execution : executions) {
        auto const value = multiply_rounded(execution.price, execution.shares, 10);
        cash += execution.side == model::Side::sold ? value : -value;
    }
    for (auto const method : {CostBasis::average, CostBasis::fifo, CostBasis::lifo, CostBasis::hifo}) {
        FoldOptions options;
        options.method = method;
        auto const result = fold(stock(), executions, {}, options);
        RC_ASSERT(result.has_value());
        base::Decimal gross;
        base::Decimal commissions;
        for (auto const& position : result->positions) {
            gross += position.realized_pnl;
            commissions += *position.commissions;
        }
        RC_ASSERT(gross == cash);
        RC_ASSERT(commissions == base::Decimal(static_cast<std::int64_t>(executions.size())));
        base::Decimal net;
        for (auto const& close : result->closes) net += *close.net_realized_pnl;
        RC_ASSERT(net == gross - commissions);
    }
}

RC_GTEST_PROP(FoldProperty, StepsChainPerPosition, ()) {
    auto executions = random_fills();
    sort_facts(executions);
    auto const result = fold(stock(), executions, {}, {});
    RC_ASSERT(result.has_value());
    std::vector<base::Decimal> quantity(result->positions.size());
    for (auto const& step : result->steps) {
        RC_ASSERT(step.quantity_before == quantity[step.position]);
        quantity[step.position] = step.quantity_after;
    }
    for (std::size_t i = 0; i < quantity.size(); ++i) RC_ASSERT(quantity[i] == result->positions[i].quantity);
}

// --- what has no time, no cost or nothing to work on ------------------------------------------------------------------------

model::Adjustment adjustment(model::RowId id, model::Cause cause, std::string_view quantity, std::optional<base::Timestamp> effective_at = {}) {
    model::Adjustment made;
    made.adjustment_id = id;
    made.cause = cause;
    made.quantity = dec(quantity);
    made.effective_at = effective_at;
    made.recorded_at = at(1000);
    return made;
}

TEST(Fold, ACloseWithoutATimeIsOfTheTimeItWasToldAndOfNoTradeDate) {
    std::vector const both{adjustment(1, model::Cause::opening_balance, "100"), adjustment(2, model::Cause::opening_balance, "-100")};
    FoldOptions options;
    options.zones = &utc_zones;
    auto const result = fold(stock(), {}, both, options);
    ASSERT_TRUE(result.has_value());
    ASSERT_EQ(result->closes.size(), 1u);
    EXPECT_FALSE(result->closes[0].trade_date);
    EXPECT_FALSE(result->closes[0].closed_at);
    EXPECT_EQ(result->positions[0].closed_at, at(1000));
}

TEST(Fold, AZoneThatIsNotKnownLeavesTheTradeDateOpen) {
    FoldOptions options;
    options.zones = &utc_zones;
    auto const dated = [&] { return fold(stock(), fills({"10@1", "-10@2"}), {}, options)->closes.at(0).trade_date.has_value(); };
    EXPECT_TRUE(dated());
    options.report_zone = "nowhere";
    EXPECT_FALSE(dated());
}

TEST(Fold, AnAdjustmentOfNothingAndAChangeOfTheCostOfNothingChangeNothing) {
    auto cost = adjustment(2, model::Cause::corporate_action, "0", at(10));
    cost.value = dec("-5");
    std::vector const both{adjustment(1, model::Cause::manual, "0", at(5)), cost};
    auto const result = fold(stock(), {}, both, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(result->positions.empty());
    EXPECT_TRUE(result->steps.empty());
}

TEST(Fold, WhatIsHeldCostsLessLotByLotWhereItsCostIsKnown) {
    auto cost = adjustment(2, model::Cause::corporate_action, "0", at(10));
    cost.value = dec("-30");
    std::vector const both{adjustment(1, model::Cause::opening_balance, "50"), cost};
    auto const result = fold(stock(), fills({"100@10"}), both, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_FALSE(result->lots[0].price) << "a part of what nobody knows is not known";
    EXPECT_EQ(result->lots[1].price, dec("9.8"));
    auto bond = stock();
    bond.sec_type = "BOND";
    bond.details_known = true;  // and its contract data named no scale: what a price is worth is not known
    std::vector const alone{cost};
    auto const unscaled = fold(bond, fills({"100@10"}), alone, {});
    ASSERT_TRUE(unscaled.has_value());
    EXPECT_FALSE(unscaled->positions[0].average_price);
}

TEST(Fold, ACostThatChangesWithoutAScaleChangesNoPrice) {
    auto bond = stock();
    bond.sec_type = "BOND";
    bond.details_known = true;
    auto came = adjustment(1, model::Cause::transfer, "10", at(1));
    came.value = dec("9000");
    auto cost = adjustment(2, model::Cause::corporate_action, "0", at(10));
    cost.value = dec("-30");
    std::vector const both{came, cost};
    auto const result = fold(bond, {}, both, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->positions[0].cost, dec("8970"));
    EXPECT_FALSE(result->lots[0].price);
}

TEST(Fold, ASplitOfLotsWithoutAPriceLeavesThemWithoutOne) {
    auto split = adjustment(2, model::Cause::split, "0", at(10));
    split.ratio = model::Ratio{2, 1};
    std::vector const both{adjustment(1, model::Cause::opening_balance, "50"), split};
    auto const result = fold(stock(), {}, both, {});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->lots[0].remaining_quantity, dec("100"));
    EXPECT_FALSE(result->lots[0].price);
}

TEST(Fold, AKnownValueWithoutAScaleHasNoPrice) {
    auto bond = stock();
    bond.sec_type = "BOND";
    bond.details_known = true;
    auto came = adjustment(1, model::Cause::transfer, "10", at(1));
    came.value = dec("9000");
    auto went = adjustment(2, model::Cause::corporate_action, "-10", at(2));
    went.value = dec("9500");
    FoldOptions options;
    options.method = CostBasis::fifo;
    std::vector const both{came, went};
    auto const result = fold(bond, {}, both, options);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->closes[0].realized_pnl, dec("500"));
    EXPECT_FALSE(result->closes[0].entry_price);
}

TEST(Fold, TheCodeOfAnOptionEventSaysWhatItWas) {
    for (auto const& [code, cause] : {std::pair{1, model::Cause::exercise}, std::pair{101, model::Cause::exercise}, std::pair{200, model::Cause::exercise},
                                      std::pair{100, model::Cause::assignment}, std::pair{2, model::Cause::expiry}, std::pair{102, model::Cause::expiry},
                                      std::pair{0, model::Cause::execution}}) {
        auto executions = fills({"1@3", "-1@0"});
        executions[1].exercise_type = code;
        EXPECT_EQ(fold(stock(), executions, {}, {})->closes.at(0).cause, cause) << code;
    }
}

}  // namespace
}  // namespace possync::ledger

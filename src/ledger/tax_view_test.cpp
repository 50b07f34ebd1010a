// Which exercise or assignment belongs to which delivery. What it does to P&L: join_test.cpp and docs/statements.md.
#include "ledger/tax_view.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using model::Cause;

constexpr model::ConId shares = 265598, call = 700;

/// Two calls bought at 3, exercised at 100; the shares came the same hour.
model::AccountBook exercised() {
    model::AccountBook book;
    book.account_id = 1;
    auto& option = book.instruments[call];
    model::Instrument contract = stock(call, "AAPL");
    contract.sec_type = "OPT";
    contract.multiplier = dec("100");
    contract.strike = dec("100");
    contract.right = "C";
    contract.under_con_id = shares;
    option.instrument = std::move(contract);
    option.executions = {fill("o1.01", 1, "2", "3", "0"), fill("o2.01", 100, "-2", "0", "0")};
    option.executions[1].cause = Cause::exercise;
    auto& stock_book = book.instruments[shares];
    stock_book.instrument = stock();
    stock_book.executions = {fill("s1.01", 200, "200", "100", "0")};
    stock_book.executions[0].cause = Cause::exercise;
    return book;
}

TEST(TaxView, AnExercisePassesItsPremiumToWhatItDelivered) {
    struct Row {
        char const* what;
        std::function<void(model::InstrumentBook&, model::InstrumentBook&)> change;  // option, shares
        bool paired;
    };
    auto const adjustment = [](Cause cause, std::string_view quantity, std::optional<base::Timestamp> effective_at) {
        model::Adjustment made;
        made.adjustment_id = 77;
        made.cause = cause;
        made.quantity = dec(quantity);
        made.effective_at = effective_at;
        return made;
    };
    for (auto const& [what, change, paired] : std::vector<Row>{
             {"as it was", [](auto&, auto&) {}, true},
             {"told by the wire alone", [](auto& o, auto&) { o.executions[1].cause.reset(), o.executions[1].exercise_type = 1; },
              true},
             {"a lapse is no exercise", [](auto& o, auto&) { o.executions[1].cause.reset(), o.executions[1].exercise_type = 2; },
              false},
             {"nor an expiry", [](auto& o, auto&) { o.executions[1].cause.reset(), o.executions[1].exercise_type = 102; }, false},
             {"nor a trade", [](auto& o, auto&) { o.executions[1].cause.reset(), o.executions[1].exercise_type = 0; }, false},
             {"delivered without a price of its own",
              [&](auto&, auto& s) { s.executions.clear(), s.adjustments = {adjustment(Cause::exercise, "200", at(200))}; }, true},
             {"delivered at a time nobody knows",
              [&](auto&, auto& s) { s.executions.clear(), s.adjustments = {adjustment(Cause::exercise, "200", std::nullopt)}; },
              false},
             {"another quantity", [](auto&, auto& s) { s.executions[0].shares = dec("100"); }, false},
             {"another price than the strike", [](auto&, auto& s) { s.executions[0].price = dec("101"); }, false},
             {"four days later", [](auto&, auto& s) { s.executions[0].time = at(100 + 4 * 86'400); }, false},
             {"three days later", [](auto&, auto& s) { s.executions[0].time = at(100 + 3 * 86'400); }, true},
             {"not counted", [](auto&, auto& s) { s.executions[0].excluded = true; }, false},
             {"not booked yet", [](auto&, auto& s) { s.executions[0].booking = model::Booking::pending; }, false},
             {"an option without a strike", [](auto& o, auto&) { o.instrument = o.instrument.with([](auto& i) { i.strike.reset(); }); }, false},
             {"an option without a right", [](auto& o, auto&) { o.instrument = o.instrument.with([](auto& i) { i.right.clear(); }); }, false},
             {"an option on nothing known", [](auto& o, auto&) { o.instrument = o.instrument.with([](auto& i) { i.under_con_id.reset(); }); }, false},
             {"an option on something not held", [](auto& o, auto&) { o.instrument = o.instrument.with([](auto& i) { i.under_con_id = 9; }); }, false},
             {"a premium nobody knows", [](auto& o, auto&) { o.executions[0].commission.reset(); }, false},
         }) {
        auto book = exercised();
        change(book.instruments[call], book.instruments[shares]);
        auto const view = tax_view(book, {});
        ASSERT_TRUE(view.has_value()) << what;
        EXPECT_EQ(view->passed_on.size(), paired ? 1u : 0u) << what;
        EXPECT_EQ(view->premiums.size(), paired ? 1u : 0u) << what;
        if (paired) {
            EXPECT_EQ(view->premiums.begin()->second, dec("600")) << what << ": the shares cost the premium more";
        }
    }
}

TEST(TaxView, TwoExercisesDoNotShareADelivery) {
    auto book = exercised();
    auto& option = book.instruments[call];
    option.executions[0].shares = dec("4");
    auto second = option.executions[1];
    second.exec_id = "o3.01";
    second.time = at(101);
    option.executions.push_back(second);
    auto view = tax_view(book, {});
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->passed_on.size(), 1u);
    auto delivery = book.instruments[shares].executions[0];
    delivery.exec_id = "s2.01";
    book.instruments[shares].executions.push_back(delivery);
    view = tax_view(book, {});
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->passed_on.size(), 2u);
    EXPECT_EQ(view->premiums.size(), 2u);
}

}  // namespace
}  // namespace possync::ledger

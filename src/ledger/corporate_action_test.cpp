// What the rows of one corporate action do to each instrument. Whole statements with actions: join_test.cpp and the scenarios.
#include "ledger/corporate_action.hpp"

#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Date;
using Effect = ActionLeg::Effect;
using model::Cause;

constexpr Date day{2026, 11, 18};
constexpr model::ConId old_shares = 1, new_shares = 2, third = 3;

struct Row {
    model::ConId con_id;
    char const* quantity;
    char const* proceeds = "";
};

/// An action of such rows in a statement that lists what `listed` says: quantity and cost of new_shares at its end.
struct Action {
    explicit Action(std::string type, std::vector<Row> const& rows, std::string description = "") {
        statement.from = statement.to = day;
        statement.instruments = {stock(old_shares, "OLD"), stock(new_shares, "NEW"), stock(third, "OTHER")};
        for (auto const& [con_id, quantity, proceeds] : rows) {
            model::StatementCorporateAction row;
            row.action_id = "5";
            row.type = type;
            row.con_id = con_id;
            row.report_date = day;
            row.quantity = dec(quantity);
            if (*proceeds != 0) row.proceeds = dec(proceeds);
            row.description = description;
            statement.corporate_actions.push_back(row);
        }
    }
    Action& lists(std::string_view quantity, std::string_view cost) {
        model::StatementPosition position;
        position.con_id = new_shares;
        position.date = day;
        position.quantity = dec(quantity);
        if (!cost.empty()) position.cost_money = dec(cost);
        statement.positions = {position};
        return *this;
    }
    [[nodiscard]] DecidedAction decide() const {
        FoldOptions options;
        options.zones = &utc_zones;
        StatementIndex const index(statement, options);
        return ledger::decide("5", index.actions().at("5"), index);
    }
    model::Statement statement;
};

std::vector<Effect> effects(DecidedAction const& action) {
    std::vector<Effect> found;
    for (auto const& leg : action.legs)
        found.push_back(leg.effect);
    return found;
}
std::vector<Effect> effects(Action const& action) { return effects(action.decide()); }

TEST(CorporateAction, Ratios) {
    struct Line {
        char const* text;
        char const* ratio;  // empty: none
    };
    for (auto const& [text, ratio] :
         {Line{"SPLIT 4 FOR 1 (X)", "4:1"}, Line{"1.5 FOR 1", "3:2"}, Line{"SPLIT 1 FOR 1,000", "1:1000"},
          Line{"FOR SALE FOR 1 FOR 20", "1:20"}, Line{"ACQUIRED FOR USD 5", ""}, Line{"2 FOR X", ""}, Line{"X FOR 2", ""},
          Line{"0 FOR 1", ""}, Line{"1.123456789 FOR 1", ""}, Line{"9999999999999 FOR 1", ""}, Line{"1 FOR 9999999999999", ""},
          Line{"3  FOR  2", "3:2"}, Line{"3. FOR 2,", "3:2"}, Line{" FOR 1", ""}, Line{"SPLIT 4 FOR ", ""}, Line{"   FOR   ", ""}, Line{"4 FOR 0", ""}, Line{"", ""}}) {
        auto const found = ratio_in(text);
        EXPECT_EQ(found ? model::to_string(*found) : "", ratio) << text;
    }
}

TEST(CorporateAction, ASplitNeedsItsRatio) {
    auto const split = Action("FS", {{old_shares, "30"}}, "OLD SPLIT 4 FOR 1").decide();
    ASSERT_EQ(effects(split), std::vector{Effect::split});
    EXPECT_EQ(split.legs[0].ratio, (model::Ratio{4, 1}));
    EXPECT_FALSE(split.legs[0].value);
    EXPECT_EQ(Action("FS", {{old_shares, "30", "12.5"}}, "OLD SPLIT 4 FOR 1").decide().legs[0].value, dec("12.5"));
    EXPECT_EQ(effects(Action("RS", {{old_shares, "-30"}}, "OLD REVERSE SPLIT")), std::vector{Effect::undecided});
    EXPECT_TRUE(effects(Action("FS", {{old_shares, "30"}, {old_shares, "-30"}}, "OLD SPLIT 4 FOR 1")).empty()) << "taken back in the same statement";
    EXPECT_EQ(effects(Action("FS", {{old_shares, "30"}, {old_shares, "-30"}, {old_shares, "30"}}, "OLD SPLIT 4 FOR 1")), std::vector{Effect::split});
}

TEST(CorporateAction, OneThingForAnother) {
    for (auto const* type : {"TC", "TO", "IC", "CC", "CO", "SR", "CP", "RS"}) {
        auto const action = Action(type, {{old_shares, "-30"}, {new_shares, "15"}}).decide();
        EXPECT_EQ(effects(action), (std::vector{Effect::moves_out, Effect::moves_in})) << type;
        ASSERT_EQ(action.successions.size(), 1u) << type;
        EXPECT_EQ(action.legs[1].from, old_shares);
    }
    auto const paid = Action("TC", {{old_shares, "-30"}, {new_shares, "15", "100"}}).decide();
    EXPECT_EQ(effects(paid), (std::vector{Effect::undecided, Effect::undecided})) << "cash and shares are not stated apart";
    EXPECT_NE(paid.legs[0].why.find("not stated apart"), std::string::npos);
    EXPECT_EQ(effects(Action("TC", {{old_shares, "-30"}, {new_shares, "15"}, {third, "15"}})).size(), 3u);
    EXPECT_EQ(effects(Action("TC", {{old_shares, "-30"}, {new_shares, "15"}, {third, "0", "3"}})).size(), 2u)
        << "what does not move is no leg";
    EXPECT_EQ(effects(Action("??", {{old_shares, "-30"}, {new_shares, "15"}})),
              (std::vector{Effect::undecided, Effect::undecided}));
}

TEST(CorporateAction, WhatGoesForMoney) {
    struct Line {
        char const* type;
        char const* proceeds;
        Effect effect;
        Cause cause;
    };
    for (auto const& [type, proceeds, effect, cause] :
         {Line{"TC", "500", Effect::sold, Cause::corporate_action}, Line{"BM", "500", Effect::sold, Cause::maturity},
          Line{"TM", "500", Effect::sold, Cause::maturity}, Line{"BC", "500", Effect::sold, Cause::maturity},
          Line{"PC", "500", Effect::sold, Cause::maturity}, Line{"DW", "", Effect::sold, Cause::corporate_action},
          Line{"TC", "", Effect::undecided, Cause::corporate_action}}) {
        auto const action = Action(type, {{old_shares, "-10", proceeds}}).decide();
        ASSERT_EQ(effects(action), std::vector{effect}) << type;
        EXPECT_EQ(action.legs[0].cause, cause) << type;
        if (effect == Effect::sold) {
            EXPECT_EQ(action.legs[0].value, dec(*proceeds == 0 ? "0" : proceeds)) << type;
        }
    }
}

TEST(CorporateAction, ASpinoffTakesTheCostThatTheStatementLists) {
    auto const spinoff = [](std::string description) { return Action("SO", {{new_shares, "10"}}, std::move(description)); };
    auto const decided = spinoff("OLD(US123) SPINOFF 1 FOR 5").lists("10", "-300").decide();
    ASSERT_EQ(effects(decided), std::vector{Effect::spun_off});
    EXPECT_EQ(decided.legs[0].value, dec("300"));
    EXPECT_EQ(decided.legs[0].from, old_shares);
    EXPECT_EQ(effects(spinoff("OLD (US123) SPINOFF").lists("10", "300")), std::vector{Effect::spun_off});

    std::vector const undecided{Effect::undecided};
    EXPECT_EQ(effects(spinoff("OLD(US123) SPINOFF")), undecided) << "nothing is listed";
    EXPECT_EQ(effects(spinoff("OLD(US123) SPINOFF").lists("11", "300")), undecided) << "more is held than came";
    EXPECT_EQ(effects(spinoff("OLD(US123) SPINOFF").lists("10", "")), undecided) << "without a cost";
    EXPECT_EQ(effects(spinoff("SPINOFF").lists("10", "300")), undecided) << "of nobody";
    auto traded = spinoff("OLD(US123) SPINOFF");
    traded.lists("10", "300");
    model::StatementTrade trade;
    trade.con_id = new_shares;
    trade.transaction_id = "1";
    trade.trade_date = day;
    traded.statement.trades = {trade};
    EXPECT_EQ(effects(traded), undecided) << "what was traded has a cost of its own";
    auto two = spinoff("OLD(US123) SPINOFF");
    two.lists("10", "300");
    two.statement.instruments.push_back(stock(9, "OLD"));
    EXPECT_EQ(effects(two), undecided) << "two parents of that name";
    auto option = spinoff("OLD(US123) SPINOFF");
    option.lists("10", "300");
    option.statement.instruments[0].sec_type = "OPT";
    option.statement.instruments[2].symbol.clear();
    EXPECT_EQ(effects(option), undecided) << "an option is no parent";
    EXPECT_EQ(effects(Action("SO", {{new_shares, "10"}, {third, "10"}})), (std::vector{Effect::undecided, Effect::undecided}));
    EXPECT_EQ(effects(Action("SO", {{new_shares, "10"}, {third, "-10"}})), (std::vector{Effect::undecided, Effect::undecided}));
}

TEST(CorporateAction, DividendsInShares) {
    struct Line {
        char const* type;
        Cause cause;
    };
    for (auto const& [type, cause] :
         {Line{"SD", Cause::reinvestment}, Line{"HD", Cause::reinvestment}, Line{"RI", Cause::corporate_action}}) {
        auto const action = Action(type, {{new_shares, "3"}}).decide();
        ASSERT_EQ(effects(action), std::vector{Effect::costs_nothing}) << type;
        EXPECT_EQ(action.legs[0].cause, cause) << type;
    }
    EXPECT_EQ(effects(Action("SD", {{new_shares, "3", "-5"}})), std::vector{Effect::undecided}) << "it cost something";
    EXPECT_EQ(effects(Action("SD", {{new_shares, "3"}, {third, "1"}})).size(), 2u);
    EXPECT_EQ(effects(Action("SD", {{new_shares, "3"}, {third, "-1"}})), (std::vector{Effect::undecided, Effect::undecided}));
    EXPECT_TRUE(effects(Action("CD", {{old_shares, "0", "12"}})).empty()) << "cash alone is told elsewhere";
}

TEST(CorporateAction, WhatTheOperatorStatedIsNotProposedAgain) {
    auto stated = [](std::string author, std::string_view quantity, std::optional<base::Timestamp> effective_at,
                     bool undone = false) {
        model::Adjustment made;
        made.author = std::move(author);
        made.quantity = dec(quantity);
        made.effective_at = effective_at;
        if (undone) made.undone_at = at(0);
        std::vector const all{made};
        return was_stated(all, dec("30"), day);
    };
    auto const evening_before = base::from_utc_local({{2026, 11, 17}, 22 * 3'600'000'000LL});
    EXPECT_TRUE(stated("operator", "30", evening_before));
    EXPECT_FALSE(stated("operator", "30", evening_before - std::chrono::hours(24))) << "of another day";
    EXPECT_FALSE(stated("operator", "30", std::nullopt));
    EXPECT_FALSE(stated("operator", "29", evening_before));
    EXPECT_FALSE(stated("possync", "30", evening_before));
    EXPECT_FALSE(stated("operator", "30", evening_before, true));
}

}  // namespace
}  // namespace possync::ledger

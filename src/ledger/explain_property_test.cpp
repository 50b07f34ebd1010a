// Weeks of an account at a broker that does everything: trades, splits, expiries, exercises with their deliveries, lists with holes and
// fills that come late, twice or corrected, while an operator explains, excludes and undoes, rightly or not. Whatever happens, certain
// laws hold after each look.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "ledger/compare.hpp"
#include "ledger/infer.hpp"
#include "ledger/ledger_testing.hpp"
#include "ledger/tax_view.hpp"
#include "ledger/value.hpp"
#include "ledger/verify.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Decimal;
using model::Cause;
using model::ConId;

constexpr ConId share = 1, other = 2, call = 3, put = 4, index_option = 5, bond = 6, future = 7, pence = 8, combination = 9, option_on_future = 10;
constexpr std::array all_con_ids{share, other, call, put, index_option, bond, future, pence, combination, option_on_future};

int number(int low, int high) { return *rc::gen::inRange(low, high); }
bool chance(int percent) { return number(0, 100) < percent; }
template <typename T>
T one_of(std::vector<T> choices) {
    return choices[static_cast<std::size_t>(number(0, static_cast<int>(choices.size())))];
}
ConId any_con_id() { return all_con_ids[static_cast<std::size_t>(number(0, static_cast<int>(all_con_ids.size())))]; }
Decimal any_quantity() { return one_of<Decimal>({Decimal(1), Decimal(-1), Decimal(2), Decimal(-2), Decimal(100), Decimal(-100), Decimal(50)}); }

/// As a position row describes it, or with what contract data adds.
model::Instrument instrument(ConId con_id, bool details) {
    auto made = stock(con_id, "S" + std::to_string(con_id));
    auto option = [&](char const* right, ConId under) {
        made.sec_type = "OPT";
        made.multiplier = 100;
        made.right = right;
        made.strike = dec("100");
        made.expiry = "20261120";
        if (details) made.under_con_id = under;
    };
    switch (con_id) {
        case call: option("C", share); break;
        case put: option("P", share); break;
        case index_option:
            option("C", 900);
            if (details) made.under_sec_type = "IND";
            break;
        case option_on_future:
            option("P", future);
            made.sec_type = "FOP";
            break;
        case bond:
            made.sec_type = "BOND";
            made.expiry = "20261120";
            break;
        case future:
            made.sec_type = "FUT";
            made.multiplier = 50;
            made.expiry = "20261120";
            break;
        case pence:
            made.currency = "GBP";
            if (details) made.price_scale = dec("0.01");
            break;
        case combination: made.sec_type = "BAG"; break;
        default: break;
    }
    if (details) {
        made.details_known = true;
        made.time_zone = con_id == other ? "nowhere" : "US/Eastern";
    } else if (con_id != share) {
        made.local_symbol = made.symbol;
    }
    return made;
}

Policy any_policy() {
    Policy policy;
    policy.fold.method = one_of<model::CostBasis>({model::CostBasis::average, model::CostBasis::fifo, model::CostBasis::lifo, model::CostBasis::hifo});
    if (chance(85)) policy.fold.zones = &eastern_winter;
    policy.fold.report_zone = chance(90) ? "America/New_York" : "nowhere";
    policy.on_missing = chance(75) ? OnMissing::close : OnMissing::warn;
    return policy;
}

/// The truth, and how it is told.
struct Weeks {
    Account account;
    std::map<ConId, Decimal> held;
    std::map<ConId, Decimal> cost;  ///< average, as the broker states it
    std::vector<model::Execution> executions;
    std::vector<model::Execution> untold;
    std::int64_t seconds = 0;
    int fills = 0;
    std::int64_t connection = 1;

    Weeks() {
        account.policy = any_policy();
        if (chance(20)) account.book.account = chance(50) ? "DF1" : "F1";
        for (ConId const con_id : all_con_ids) {
            if (chance(60) && con_id != combination) held[con_id] = any_quantity();
            cost[con_id] = Decimal(number(50, 150));
        }
        if (chance(40)) trade();
        look(true, true);
    }

    void trade() {
        ConId const con_id = any_con_id();
        auto made = fill("w" + std::to_string(++fills) + ".01", seconds, any_quantity().to_string(), std::to_string(number(50, 150)), chance(70) ? "1" : "");
        made.con_id = con_id;
        made.perm_id = number(0, 3);
        if (chance(10)) made.exercise_type = one_of<int>({0, 1, 2, 100, 101, 102, 200});
        if (con_id != combination && chance(90)) held[con_id] += made.signed_quantity();
        executions.push_back(made);
        untold.push_back(made);
        if (chance(15)) {
            auto corrected = made;
            corrected.exec_id.back() = '2';
            corrected.price = Decimal(number(50, 150));
            untold.push_back(corrected);
        }
    }

    /// Something that is no fill.
    void happen() {
        ConId const con_id = any_con_id();
        switch (number(0, 7)) {
            case 0:  // a split
                if (!held[con_id].is_zero()) {
                    held[con_id] = held[con_id] * Decimal(2);
                    cost[con_id] = base::divide_rounded(cost[con_id], Decimal(2), 10);
                }
                break;
            case 1:  // exercise or assignment
                for (ConId const option : {call, put}) {
                    if (held[option].is_zero() || !chance(60)) continue;
                    Decimal const moved = delivery(instrument(option, true), -held[option]);
                    held[option] = Decimal(0);
                    if (chance(70)) held[share] += moved;
                }
                break;
            case 2: held[con_id] = Decimal(0); break;
            case 3: held[con_id] = any_quantity(); break;
            case 4:
                for (auto& [unused, quantity] : held) quantity = Decimal(0);
                break;
            case 5: seconds += 86'400 * number(1, 9); break;
            case 6: ++connection; break;
            default: cost[con_id] = Decimal(number(50, 150)); break;
        }
    }

    void look(bool snapshot, bool all_fills) {
        std::vector<model::Execution> told;
        if (all_fills) {
            told = std::exchange(untold, {});
        } else if (!untold.empty() && chance(50)) {
            told = {untold.back()};
        }
        if (chance(30) && !executions.empty()) told.push_back(one_of(executions));  // again
        auto observation = Account::events(seconds, told);
        for (auto& each : observation.executions) {
            each.instrument = instrument(each.execution.con_id, chance(20));
            if (chance(20)) each.execution.trade_date = base::Date{2026, 11, 18};
        }
        std::vector<model::BrokerPosition> rows;
        for (auto const& [con_id, quantity] : held) {
            if (quantity.is_zero() && chance(60)) continue;
            rows.push_back(holding(instrument(con_id, chance(20)), quantity.to_string(), chance(85) ? cost[con_id].to_string() : ""));
        }
        if (chance(10)) rows.push_back(holding(instrument(combination, false), "1"));
        if (snapshot) {
            observation.snapshot = account.look(seconds, rows, {}, connection).snapshot;
            observation.executions_complete = chance(80);
        } else if (!rows.empty()) {
            observation.position_pushes = {one_of(rows)};
        }
        for (ConId const con_id : all_con_ids) {
            if (chance(15)) observation.instruments.push_back(instrument(con_id, true));
        }
        if (chance(30) && !executions.empty()) {
            auto const& of = one_of(executions);
            observation.commissions.push_back({of.exec_id, chance(60) ? of.con_id : 0, Decimal(number(0, 3)), chance(90) ? "USD" : "EUR",
                                               chance(60) ? std::optional(Decimal(number(-5, 5))) : std::nullopt});
        }
        std::map<ConId, model::Mark> marks;
        for (ConId const con_id : all_con_ids) {
            if (!chance(50)) continue;
            model::Mark mark;
            mark.price = one_of<Decimal>({dec("0.01"), dec("0.5"), Decimal(60), Decimal(100), Decimal(140)});
            mark.marked_at = at(seconds - one_of<int>({5, 1000, 100'000}));
            marks[con_id] = mark;
        }
        observation.marks = &marks;
        take(observation);
    }

    void operate() {
        auto observation = Account::events(seconds, {});
        model::RowId id = number(0, 5);
        std::vector<model::RowId> ids;
        for (auto const& [break_id, unused] : account.book.breaks) ids.push_back(break_id);
        for (auto const& [unused, book] : account.book.instruments) {
            for (auto const& adjustment : book.adjustments) ids.push_back(adjustment.adjustment_id);
        }
        if (!ids.empty() && chance(90)) id = one_of(ids);
        std::string exec_id = "none";
        if (!executions.empty() && chance(90)) exec_id = one_of(executions).exec_id;
        switch (number(0, 4)) {
            case 0: observation.edits = {model::ExcludeEdit{exec_id, "operator me"}}; break;
            case 1: observation.edits = {model::UndoEdit{0, exec_id, "operator me"}}; break;
            case 2: observation.edits = {model::UndoEdit{id, "", "operator me"}}; break;
            default: {
                model::ExplainEdit edit;
                edit.id = id;
                edit.cause = one_of<Cause>({Cause::split, Cause::expiry, Cause::exercise, Cause::assignment, Cause::cash_settlement, Cause::maturity, Cause::reinvestment,
                                            Cause::transfer, Cause::corporate_action, Cause::manual, Cause::missing_at_broker, Cause::execution, Cause::unexplained});
                if (edit.cause == Cause::split ? chance(90) : chance(10)) edit.ratio = one_of<model::Ratio>({{2, 1}, {1, 2}, {3, 1}});
                if (chance(50)) edit.price = Decimal(number(-1, 150));
                edit.author = "operator me";
                observation.edits = {edit};
            }
        }
        auto const before = account.book;
        auto planned = plan(account.book, observation, account.policy);
        if (!planned) {
            // What cannot be is refused in words, and leaves no trace.
            RC_ASSERT(planned.error().code == base::ErrorCode::invalid_input || planned.error().code == base::ErrorCode::not_found);
            RC_ASSERT(!planned.error().message.empty());
            RC_ASSERT(account.book == before);
            return;
        }
        account.last = std::move(*planned);
        if (account.last.commits()) model::apply(account.book, account.last.change_set);
        check(before);
    }

    void take(model::Observation const& observation) {
        auto const before = account.book;
        account.take(observation);
        check(before);
        if (observation.snapshot) {
            // A dry run tells the same difference, whatever it is called; equal quantities are none.
            auto const planned = plan(account.book, observation, account.policy);
            RC_ASSERT(planned.has_value());
            for (auto const& each : compare(account.book, *observation.snapshot, *planned)) {
                RC_ASSERT(each.broker_quantity != each.book_quantity);
            }
        }
    }

    /// The laws.
    void check(model::AccountBook const& before) const {
        RC_ASSERT(verify(account.book, account.policy.fold).empty());
        for (auto const& [con_id, was] : before.instruments) {
            auto const& now = account.book.instruments.at(con_id);
            for (auto const& execution : was.executions) {  // nothing that was told is forgotten
                RC_ASSERT(std::any_of(now.executions.begin(), now.executions.end(), [&](auto const& e) { return e.exec_id == execution.exec_id; }));
            }
            for (auto const& adjustment : was.adjustments) {
                auto const same = std::find_if(now.adjustments.begin(), now.adjustments.end(),
                                               [&](auto const& a) { return a.adjustment_id == adjustment.adjustment_id; });
                RC_ASSERT(same != now.adjustments.end());
                RC_ASSERT(same->quantity == adjustment.quantity && same->cause == adjustment.cause);
                RC_ASSERT(adjustment.in_force() || !same->in_force());  // what was withdrawn stays so
                RC_ASSERT(same->in_force() || !same->undone_by.empty());
            }
        }
        for (auto const& [con_id, now] : account.book.instruments) {
            RC_ASSERT(std::count_if(now.adjustments.begin(), now.adjustments.end(), [](auto const& a) { return a.provisional(); }) <= 1);
            if (con_id == combination) RC_ASSERT(now.positions.empty());
            if (now.positions.empty()) continue;
            auto const& position = now.positions.back();
            auto const value = value_at(position, *now.instrument, dec("101"));
            RC_ASSERT(!value.unrealized_pnl || position.cost);  // nothing is known of what cost nobody knows
            RC_ASSERT(!value.unrealized_pnl_pct || !position.cost->is_zero());
        }
        auto const view = tax_view(account.book, account.policy.fold);
        RC_ASSERT(view.has_value());
        RC_ASSERT(view->premiums.size() == view->passed_on.size());
    }

    [[nodiscard]] Decimal in_book(ConId con_id) const {
        auto const found = account.book.instruments.find(con_id);
        return found == account.book.instruments.end() || found->second.positions.empty() ? Decimal(0) : found->second.positions.back().quantity;
    }
};

RC_GTEST_PROP(ExplainProperty, TheLawsHoldAfterEveryLook, ()) {
    Weeks weeks;
    for (int step = number(1, 14); step > 0; --step) {
        weeks.seconds += one_of<int>({1, 30, 400, 4000, 90'000});
        if (chance(50)) weeks.trade();
        if (chance(25)) weeks.happen();
        if (chance(70)) weeks.look(chance(75), chance(60));
        if (chance(20)) weeks.operate();
    }
}

/// When nothing happens any more, the book ends where the broker is, but for what waits for an operator's policy.
RC_GTEST_PROP(ExplainProperty, TheBookEndsWhereTheBrokerIs, ()) {
    Weeks weeks;
    for (int step = number(1, 8); step > 0; --step) {
        weeks.seconds += one_of<int>({1, 400, 90'000});
        if (chance(60)) weeks.trade();
        if (chance(30)) weeks.happen();
        weeks.look(chance(75), chance(60));
    }
    for (int step = 0; step < 8; ++step) {
        weeks.seconds += 4000;
        weeks.connection += 1;
        weeks.look(true, true);
    }
    for (ConId const con_id : all_con_ids) {
        if (con_id == combination) continue;
        Decimal const shown = weeks.held[con_id];
        bool const may_stay = weeks.account.policy.on_missing == OnMissing::warn && shown.is_zero();
        RC_ASSERT(weeks.in_book(con_id) == shown || may_stay);
    }
}

}  // namespace
}  // namespace possync::ledger

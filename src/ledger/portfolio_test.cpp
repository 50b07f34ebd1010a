// Properties of whole portfolios: a broker trades several instruments at random, the news reaches the book late, twice,
// out of order and in part, and the book ends where the facts say.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "ledger/ledger_testing.hpp"
#include "ledger/verify.hpp"

namespace possync::ledger {
namespace {

using namespace testing;

/// What happened at the broker, and the last word on each fill. Instruments are 1, 2, 3...
struct Market {
    std::vector<base::Decimal> opening;
    std::vector<model::Execution> executions;  ///< corrections beside what they correct

    [[nodiscard]] std::vector<base::Decimal> quantities() const {
        auto result = opening;
        for (auto const& execution : last_word()) {
            result[static_cast<std::size_t>(execution.con_id - 1)] += execution.signed_quantity();
        }
        return result;
    }
    /// Only the highest correction of each fill.
    [[nodiscard]] std::vector<model::Execution> last_word() const {
        std::vector<model::Execution> result;
        for (auto const& execution : executions) {
            auto const corrected = std::any_of(executions.begin(), executions.end(), [&](auto const& other) {
                return model::execution_root(other.exec_id) == model::execution_root(execution.exec_id) &&
                       model::correction_rank(other.exec_id) > model::correction_rank(execution.exec_id);
            });
            if (!corrected) result.push_back(execution);
        }
        return result;
    }
    [[nodiscard]] static model::Instrument instrument(std::size_t index) {
        return stock(static_cast<model::ConId>(index + 1), "S" + std::to_string(index + 1));
    }
    /// Without a cost: this market does not calculate one.
    [[nodiscard]] static std::vector<model::BrokerPosition> rows(std::vector<base::Decimal> const& quantities, std::string_view cost = "") {
        std::vector<model::BrokerPosition> result;
        for (std::size_t i = 0; i < quantities.size(); ++i) result.push_back(holding(instrument(i), quantities[i].to_string(), cost));
        return result;
    }
};

base::Decimal whole(int value) { return base::Decimal(static_cast<std::int64_t>(value)); }

Market random_market() {
    Market market;
    auto const instruments = *rc::gen::inRange(1, 5);
    for (int i = 0; i < instruments; ++i) market.opening.push_back(whole(*rc::gen::inRange(-200, 200)));
    auto const count = *rc::gen::inRange(0, 16);
    for (int i = 0; i < count; ++i) {
        auto const quantity = *rc::gen::suchThat(rc::gen::inRange(-150, 150), [](int q) { return q != 0; });
        auto execution = fill("f" + std::to_string(i) + ".01", 10 + i, std::to_string(quantity),
                              base::Decimal::from_parts(*rc::gen::inRange(1, 20'000), 2).to_string(),
                              *rc::gen::element<std::string>("0", "0.35", "1", "-0.2"));
        execution.con_id = *rc::gen::inRange(1, instruments + 1);
        market.executions.push_back(execution);
        if (*rc::gen::inRange(0, 5) == 0) {  // the exchange corrects the price, or the quantity
            auto corrected = execution;
            corrected.exec_id.back() = '2';
            corrected.price = base::Decimal::from_parts(*rc::gen::inRange(1, 20'000), 2);
            corrected.shares = whole(*rc::gen::inRange(1, 150));
            market.executions.push_back(corrected);
        }
    }
    return market;
}

template <typename T>
std::vector<T> shuffled(std::vector<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[*rc::gen::inRange<std::size_t>(0, i)]);
    return items;
}

/// What a person would compare two books by: no ids, no times of learning.
std::vector<std::string> numbers(model::AccountBook const& book) {
    auto text = [](auto const& value) { return value ? value->to_string() : std::string("?"); };
    std::vector<std::string> result;
    for (auto const& [con_id, held] : book.instruments) {
        auto const name = std::to_string(con_id) + ": ";
        for (auto const& position : held.positions) {
            result.push_back(name + position.quantity.to_string() + " @ " + text(position.average_price) + " realized " +
                             position.realized_pnl.to_string() + " commissions " + text(position.commissions) + " unknown " +
                             std::to_string(position.unknown_closes));
        }
        std::vector<std::string> rest;  // rows without an order of their own
        for (auto const& close : held.closes) {
            rest.push_back(name + close.exec_id + " closes " + close.quantity_closed.to_string() + " for " + text(close.realized_pnl) +
                             " net " + text(close.net_realized_pnl));
        }
        for (auto const& lot : held.lots) rest.push_back(name + lot.opening_fact + " " + lot.remaining_quantity.to_string());
        std::sort(rest.begin(), rest.end());
        result.insert(result.end(), rest.begin(), rest.end());
    }
    return result;
}

/// The same facts, all in one answer after the first sight.
Account at_once(Market const& market, Policy const& policy = {}) {
    Account account;
    account.policy = policy;
    account.take(account.look(0, Market::rows(market.opening, "50")));
    account.take(account.look(1000, Market::rows(market.quantities()), market.executions));
    return account;
}

Policy any_method() {
    Policy policy;
    policy.fold.method = *rc::gen::element(model::CostBasis::average, model::CostBasis::fifo, model::CostBasis::lifo, model::CostBasis::hifo);
    return policy;
}

RC_GTEST_PROP(Portfolio, ReachesTheBrokersQuantitiesWithNothingLeftOver, ()) {
    auto const market = random_market();
    auto const account = at_once(market, any_method());
    auto const wanted = market.quantities();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto const found = account.book.instruments.find(static_cast<model::ConId>(i + 1));
        auto const held = found == account.book.instruments.end() || found->second.positions.empty()
                              ? base::Decimal(0)
                              : found->second.positions.back().quantity;
        RC_ASSERT(held == wanted[i]);
    }
    RC_ASSERT(account.last.explained());
    RC_ASSERT(account.book.breaks.empty());
    for (auto const& [unused, held] : account.book.instruments) {
        RC_ASSERT(held.adjustments.size() <= 1u);  // the opening balance; fills explain the rest
    }
}

RC_GTEST_PROP(Portfolio, TheSameObservationAgainChangesNothing, ()) {
    auto const market = random_market();
    Account account;
    auto const first = account.look(0, Market::rows(market.opening, "50"));
    account.take(first);
    account.take(first);
    RC_ASSERT(account.last.change_set.empty());
    auto const second = account.look(1000, Market::rows(market.quantities()), shuffled(market.executions));
    account.take(second);
    auto const before = account.book;
    account.take(second);
    RC_ASSERT(account.last.change_set.empty());
    RC_ASSERT(account.book == before);
}

RC_GTEST_PROP(Portfolio, OrderAndRepeatsWithinAnAnswerAreNothing, ()) {
    auto const market = random_market();
    auto executions = market.executions;
    executions.insert(executions.end(), market.executions.begin(), market.executions.end());
    auto const policy = any_method();
    Account account;
    account.policy = policy;
    account.take(account.look(0, Market::rows(market.opening, "50")));
    account.take(account.look(1000, Market::rows(market.quantities()), shuffled(executions)));
    RC_ASSERT(numbers(account.book) == numbers(at_once(market, policy).book));
}

RC_GTEST_PROP(Portfolio, OrderAndRepeatsOverManyAnswersAreNothing, ()) {
    auto const market = random_market();
    auto const policy = any_method();
    Account account;
    account.policy = policy;
    account.take(account.look(0, Market::rows(market.opening, "50")));
    std::int64_t now = 100;
    for (auto const& execution : shuffled(market.executions)) {
        account.take(Account::events(now++, {execution}));
        if (*rc::gen::inRange(0, 3) == 0) account.take(Account::events(now++, {execution}));
        if (*rc::gen::inRange(0, 3) == 0) {  // a look at a moment when the broker is done and the news is not
            account.take(account.look(now++, Market::rows(market.quantities())));
        }
        RC_ASSERT(verify(account.book, policy.fold).empty());
    }
    account.take(account.look(1000, Market::rows(market.quantities()), market.executions));
    RC_ASSERT(numbers(account.book) == numbers(at_once(market, policy).book));
}

RC_GTEST_PROP(Portfolio, ACorrectedFillIsAsIfOnlyTheLastWordHadCome, ()) {
    auto const market = random_market();
    auto clean = market;
    clean.executions = market.last_word();
    RC_ASSERT(numbers(at_once(market).book) == numbers(at_once(clean).book));
}

RC_GTEST_PROP(Portfolio, LateCommissionsEndWhereEarlyOnesDo, ()) {
    auto const market = random_market();
    auto without = market;
    std::vector<model::CommissionReport> reports;
    for (auto& execution : without.executions) {
        reports.push_back({execution.exec_id, execution.con_id, execution.commission, execution.commission_currency, {}});
        execution.commission.reset();
        execution.commission_currency.clear();
    }
    auto const policy = any_method();
    auto account = at_once(without, policy);
    for (auto const& report : shuffled(reports)) {
        auto late = Account::events(2000, {});
        late.commissions = {report, report};
        account.take(late);
    }
    RC_ASSERT(numbers(account.book) == numbers(at_once(market, policy).book));
}

RC_GTEST_PROP(Portfolio, CashAndRemainingCostAreTheRealizedProfit, ()) {
    auto market = random_market();
    for (auto& quantity : market.opening) quantity = base::Decimal(0);  // so that all cost is known from fills
    auto const account = at_once(market, any_method());
    for (auto const& [con_id, held] : account.book.instruments) {
        base::Decimal cash;
        for (auto const& execution : market.last_word()) {
            if (execution.con_id != con_id) continue;
            auto const value = multiply_rounded(execution.price, execution.shares, 10);
            cash += execution.side == model::Side::sold ? value : -value;
        }
        base::Decimal realized;
        base::Decimal cost;
        for (auto const& position : held.positions) {
            realized += position.realized_pnl;
            if (position.open()) cost += position.quantity.is_negative() ? -*position.cost : *position.cost;
        }
        RC_ASSERT(cash + cost == realized);
    }
}

RC_GTEST_PROP(Portfolio, EveryMethodHoldsTheSameQuantitiesAndCommissions, ()) {
    auto const market = random_market();
    Policy fifo;
    fifo.fold.method = model::CostBasis::fifo;
    auto const account = at_once(market, fifo);
    auto const other = at_once(market, any_method());
    for (auto const& [con_id, held] : account.book.instruments) {
        auto const& same = other.book.instruments.at(con_id);
        RC_ASSERT(held.positions.size() == same.positions.size());
        for (std::size_t i = 0; i < held.positions.size(); ++i) {
            RC_ASSERT(held.positions[i].quantity == same.positions[i].quantity);
            RC_ASSERT(held.positions[i].commissions == same.positions[i].commissions);
            RC_ASSERT(held.positions[i].opened_at == same.positions[i].opened_at);
            RC_ASSERT(held.positions[i].closed_at == same.positions[i].closed_at);
        }
    }
}

RC_GTEST_PROP(Portfolio, AnUnexplainedChangeNeverOvershootsTheBroker, ()) {
    // The broker moves without a fill, again and again: after each look the book is where the broker is or, while it is
    // held back or missing, where it was; never elsewhere.
    auto const market = random_market();
    Account account;
    account.take(account.look(0, Market::rows(market.opening, "50")));
    auto broker = market.opening;
    for (int step = 1; step <= 6; ++step) {
        std::vector<base::Decimal> before;
        for (std::size_t i = 0; i < broker.size(); ++i) {
            auto const found = account.book.instruments.find(static_cast<model::ConId>(i + 1));
            before.push_back(found == account.book.instruments.end() || found->second.positions.empty()
                                 ? base::Decimal(0)
                                 : found->second.positions.back().quantity);
        }
        auto const moved = *rc::gen::inRange<std::size_t>(0, broker.size());
        broker[moved] = whole(*rc::gen::inRange(-300, 300));
        account.take(account.look(step * 100, Market::rows(broker)));
        for (std::size_t i = 0; i < broker.size(); ++i) {
            auto const found = account.book.instruments.find(static_cast<model::ConId>(i + 1));
            auto const held = found == account.book.instruments.end() || found->second.positions.empty()
                                  ? base::Decimal(0)
                                  : found->second.positions.back().quantity;
            RC_ASSERT(held == broker[i] || held == before[i]);
        }
        RC_ASSERT(verify(account.book, account.policy.fold).empty());
    }
}

RC_GTEST_PROP(Portfolio, AFillExcludedAndBroughtBackLeavesTheBookAsItWas, ()) {
    auto const market = random_market();
    RC_PRE(!market.executions.empty());
    auto account = at_once(market);
    auto const before = numbers(account.book);
    auto const& chosen = market.executions[*rc::gen::inRange<std::size_t>(0, market.executions.size())];
    auto exclude = Account::events(2000, {});
    exclude.edits = {model::ExcludeEdit{chosen.exec_id, "trader"}};
    account.take(exclude);
    RC_ASSERT(verify(account.book, account.policy.fold).empty());
    auto undo = Account::events(2001, {});
    undo.edits = {model::UndoEdit{0, chosen.exec_id, "trader"}};
    account.take(undo);
    account.take(account.look(2002, Market::rows(market.quantities()), market.executions));
    RC_ASSERT(verify(account.book, account.policy.fold).empty());
    RC_ASSERT(numbers(account.book) == before);
}

}  // namespace
}  // namespace possync::ledger

#include "ledger/claims.hpp"

#include <algorithm>
#include <map>

#include "ledger/breaks.hpp"
#include "ledger/diff.hpp"
#include "ledger/fold.hpp"
#include "ledger/tax_view.hpp"

namespace possync::ledger {
namespace {

using base::Decimal;
using model::Booking;
using model::Break;
using model::BreakKind;
using model::BreakState;
using model::Execution;

constexpr int price_decimals = 10;

/// Within max(0.01, 1e-6 of `value`).
bool near(Decimal const& ours, Decimal const& theirs, Decimal const& value) {
    Decimal const difference = (ours - theirs).abs();
    return difference <= Decimal::from_parts(1, 2) ||
           difference <= base::multiply_rounded(value.abs(), Decimal::from_parts(1, 6), price_decimals);
}

Decimal value_of(Execution const& execution, model::Instrument const& instrument) {
    auto const factor = model::price_factor(instrument);
    return factor ? base::multiply_rounded(execution.price, execution.shares * *factor, price_decimals) : Decimal(0);
}

/// What a statement confirmed is compared when the day is certified, by the statement's own way of calculating.
bool claims_pnl(Execution const& execution) {
    return execution.in_force() && execution.booking == Booking::booked && execution.broker_realized_pnl && execution.transaction_id.empty();
}

/// Commissions of the part that is still held included, in the currency; unset while any of it is unknown.
std::optional<Decimal> held_cost(model::Position const& held) {
    if (!held.cost || !held.commissions || !held.net_realized_pnl) return std::nullopt;
    Decimal const of_closes = held.realized_pnl - *held.net_realized_pnl;
    Decimal const of_entry = *held.commissions - of_closes;
    return held.quantity.is_positive() ? *held.cost + of_entry : *held.cost - of_entry;
}

}  // namespace

void Claims::compare_realized_pnl(InstrumentFacts const& facts) {
    model::ConId const con_id = facts.instrument.con_id();
    Break const* const open = find_break(con_id, BreakKind::realized_pnl);
    if (open == nullptr && std::none_of(facts.executions.begin(), facts.executions.end(), claims_pnl)) return;
    auto const folded = fold_or_throw(*facts.instrument, facts.executions, facts.adjustments, shadow_options());
    std::map<std::string, std::optional<Decimal>> realized;
    for (auto const& close : folded.closes) realized[close.exec_id] = close.net_realized_pnl;
    for (auto const& execution : facts.executions) {
        if (!claims_pnl(execution)) continue;
        auto const ours = realized.find(execution.exec_id);
        Decimal const net = ours == realized.end() ? Decimal(0) : ours->second.value_or(*execution.broker_realized_pnl);
        if (near(net, *execution.broker_realized_pnl, value_of(execution, *facts.instrument))) continue;
        Break differs = open != nullptr ? *open : new_break(con_id, BreakKind::realized_pnl);
        differs.state = BreakState::open;
        differs.broker_value = execution.broker_realized_pnl;
        differs.book_value = net;
        differs.detail = execution.exec_id;
        if (open == nullptr || differs != *open) breaks_.push_back(std::move(differs));
        return;
    }
    if (open != nullptr) resolve(*open, "the broker's claim and the facts agree");
}

void Claims::compare_changed_cost(InstrumentFacts const& facts, model::ChangeSet const& changes) {
    model::ConId const con_id = facts.instrument.con_id();
    if (!seen_.snapshot) return;
    compared_.insert(compared_.end(), con_id);
    model::BrokerPosition const* const row = row_of(con_id);
    model::Position const* last = nullptr;
    auto const book = book_.instruments.find(con_id);
    if (book != book_.instruments.end() && !book->second.positions.empty()) last = &book->second.positions.back();
    // The rows of an instrument stand together at the end, right after it was worked on.
    for (auto at = changes.positions.rbegin(); at != changes.positions.rend() && at->con_id == con_id; ++at) {
        if (last == nullptr || at->position_id >= last->position_id) last = &*at;
    }
    if (row != nullptr && last != nullptr) compare_cost(*last, {*facts.instrument, facts.executions, facts.adjustments}, *row);
}

model::BrokerPosition const* Claims::row_of(model::ConId con_id) {
    auto const& rows = seen_.snapshot->rows();
    if (next_row_ > 0 && rows[next_row_ - 1]->instrument.con_id() >= con_id) return seen_.snapshot->find(con_id);
    while (next_row_ < rows.size() && rows[next_row_]->instrument.con_id() < con_id) ++next_row_;
    bool const found = next_row_ < rows.size() && rows[next_row_]->instrument.con_id() == con_id;
    return found ? rows[next_row_].get() : nullptr;
}

void Claims::compare_unchanged_costs() {
    if (!seen_.snapshot) return;
    auto book = book_.instruments.begin();
    for (auto const& row : seen_.snapshot->rows()) {  // both in order of conId
        model::ConId const con_id = row->instrument.con_id();
        while (book != book_.instruments.end() && book->first < con_id) ++book;
        if (book == book_.instruments.end()) return;
        auto const& held = book->second;
        if (book->first != con_id || held.positions.empty() || compared_.contains(con_id)) continue;
        compare_cost(held.positions.back(), {*held.instrument, held.executions, held.adjustments}, *row);
    }
}

void Claims::compare_cost(model::Position const& position, Facts const& facts, model::BrokerPosition const& row) {
    // Quantities that differ are a break of their own; a cost of 0 is how gateways say that they know none.
    bool const comparable = position.open() && position.quantity == row.quantity && row.average_cost && !row.average_cost->is_zero();
    auto const ours = comparable ? held_cost(position) : std::nullopt;
    Decimal const theirs = ours ? base::multiply_rounded(*row.average_cost, row.quantity.abs(), price_decimals) : Decimal(0);
    Break const* const open = book_.breaks.empty() ? nullptr : find_break(position.con_id, BreakKind::cost);
    if (!ours || near(*ours, theirs, theirs) || first_in_first_out_agrees(facts, theirs) || tax_view_agrees(facts, theirs)) {
        if (open != nullptr) resolve(*open, ours ? "the broker's cost and the facts agree" : "there is nothing to compare any more");
        return;
    }
    Break differs = open != nullptr ? *open : new_break(position.con_id, BreakKind::cost);
    if (differs.broker_value != theirs || differs.book_value != *ours) {
        differs.broker_value = theirs;
        differs.book_value = ours;
        differs.state = BreakState::settling;
        differs.last_change_at = seen_.observed_at;
    } else if (seen_.observed_at - differs.last_change_at >= policy_.settle_for) {
        differs.state = BreakState::open;
    }
    if (open == nullptr || differs != *open) breaks_.push_back(std::move(differs));
}

bool Claims::first_in_first_out_agrees(Facts const& facts, Decimal const& theirs) const {
    if (policy_.fold.method == model::CostBasis::fifo) return false;  // that was compared already
    return folds_to(facts, shadow_options(), theirs);
}

/// Seen from the book as it was: a delivery that this very plan takes up is compared by the next.
bool Claims::tax_view_agrees(Facts const& facts, Decimal const& theirs) const {
    auto const delivered = [](auto const& fact) { return fact.cause == model::Cause::exercise || fact.cause == model::Cause::assignment; };
    auto const exercised = [&](Execution const& e) { return delivered(e) || e.exercise_type.value_or(0) > 0; };
    bool const any = std::any_of(facts.executions.begin(), facts.executions.end(), exercised) ||
                     std::any_of(facts.adjustments.begin(), facts.adjustments.end(), delivered);
    if (!any) return false;
    FoldOptions options = shadow_options();
    auto const view = tax_view(book_, options);
    if (!view) return false;
    options.tax_view = &*view;
    return folds_to(facts, options, theirs);
}

bool Claims::folds_to(Facts const& facts, FoldOptions const& options, Decimal const& theirs) {
    auto const folded = fold_or_throw(facts.instrument, facts.executions, facts.adjustments, options);
    auto const ours = held_cost(folded.positions.back());  // there is one: the quantity was equal to the broker's
    return ours && near(*ours, theirs, theirs);
}

FoldOptions Claims::shadow_options() const {
    FoldOptions shadow = policy_.fold;
    shadow.method = model::CostBasis::fifo;
    shadow.calculate_realized_pnl = true;
    return shadow;
}

Break const* Claims::find_break(model::ConId con_id, BreakKind kind) const {
    return ledger::find_break(book_, con_id, kind);
}

Break Claims::new_break(model::ConId con_id, BreakKind kind) {
    Break added;
    added.break_id = ids_.take();
    added.con_id = con_id;
    added.kind = kind;
    added.break_class = model::BreakClass::info;
    added.opened_at = seen_.observed_at;
    added.last_change_at = seen_.observed_at;
    return added;
}

void Claims::resolve(Break const& open, std::string detail) {
    Break closed = open;
    closed.state = BreakState::resolved;
    closed.closed_at = seen_.observed_at;
    closed.detail = std::move(detail);
    breaks_.push_back(std::move(closed));
}

}  // namespace possync::ledger

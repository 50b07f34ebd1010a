// Corporate actions and transfers: the quantity and the cost that they bring or take.
#include "ledger/join_instrument.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Basis;
using model::Cause;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;

bool Joiner::Instrument::has_reference(std::string const& reference) const {
    return std::any_of(facts_.adjustments.begin(), facts_.adjustments.end(),
                       [&](Adjustment const& a) { return a.reference == reference; });
}

Adjustment& Joiner::Instrument::insert(Adjustment added) {
    added.adjustment_id = joiner_.ids_.take();
    added.con_id = con_id_;
    added.recorded_at = joiner_.now_;
    added.author = by_statement;
    auto const order = order_of(added);
    auto const at = std::upper_bound(facts_.adjustments.begin(), facts_.adjustments.end(), order,
                                     [](auto const& key, Adjustment const& other) { return key < order_of(other); });
    return *facts_.adjustments.insert(at, std::move(added));
}

void Joiner::Instrument::withdraw(Adjustment& adjustment) {
    adjustment.undone_at = joiner_.now_;
    adjustment.undone_by = by_statement;
}

Adjustment* Joiner::Instrument::stated_before(Cause cause, Decimal const& quantity, std::optional<model::Ratio> const& ratio,
                                              Date date) {
    for (auto& adjustment : facts_.adjustments) {
        if (!adjustment.in_force() || !adjustment.reference.empty() || is_opening(adjustment) || adjustment.provisional())
            continue;
        bool const same = ratio ? adjustment.ratio.has_value() : !adjustment.ratio && adjustment.quantity == quantity;
        if (same && (ratio || adjustment.cause == cause || is_inferred(adjustment)) && adjustment.effective_at &&
            near(*adjustment.effective_at, date)) {
            return &adjustment;
        }
    }
    return nullptr;
}

void Joiner::Instrument::take(DecidedAction const& action, ActionLeg const& leg) {
    std::string const reference = "corporate_action:" + action.id;
    if (leg.effect == ActionLeg::Effect::undecided) {
        if (was_stated(facts_.adjustments, leg.quantity, action.date)) return;
        joiner_.proposals_[con_id_] = leg.why;
        differs(DifferenceKind::corporate_action_undecided, action.date, DifferenceState::open, action.id, text(leg.quantity), "",
                leg.why);
        return;
    }
    if (leg.effect == ActionLeg::Effect::moves_out) remember_cost(action, leg);
    if (has_reference(reference)) return;
    Adjustment added;
    added.cause = leg.cause;
    added.quantity = leg.effect == ActionLeg::Effect::split ? Decimal(0) : leg.quantity;
    added.effective_at = action.time;
    added.reference = reference;
    added.note = action.description;
    added.basis = Basis::executions;
    switch (leg.effect) {
    case ActionLeg::Effect::split: added.ratio = leg.ratio; break;
    case ActionLeg::Effect::moves_out: break;
    case ActionLeg::Effect::moves_in: added.basis = Basis::unknown; break;
    case ActionLeg::Effect::spun_off:
        added.value = leg.value;
        added.basis = Basis::broker;
        break;
    case ActionLeg::Effect::costs_nothing: added.value = Decimal(0); break;
    case ActionLeg::Effect::sold: added.value = leg.value; break;
    case ActionLeg::Effect::undecided: break;
    }
    name_price(added);
    note_action(action, leg, added);
    if (leg.effect == ActionLeg::Effect::split) pay_fraction(action, leg);
    if (leg.effect == ActionLeg::Effect::moves_in) {
        move_in(action, leg, added);
    } else {
        insert(std::move(added));
    }
}

InstrumentFacts Joiner::Instrument::facts_before(Timestamp time) const {
    InstrumentFacts before;
    before.instrument = facts_.instrument;
    std::ranges::copy_if(facts_.executions, std::back_inserter(before.executions),
                         [&](Execution const& each) { return each.time < time; });
    std::ranges::copy_if(facts_.adjustments, std::back_inserter(before.adjustments),
                         [&](Adjustment const& each) { return !each.effective_at || *each.effective_at < time; });
    return before;
}

void Joiner::Instrument::pay_fraction(DecidedAction const& action, ActionLeg const& leg) {
    InstrumentFacts const held = facts_before(action.time);
    Decimal const before = quantity_of(held.executions, held.adjustments, false);
    Decimal const by_ratio = base::multiply_divide_rounded(before, Decimal(leg.ratio->to), Decimal(leg.ratio->from), 8);
    Decimal const fraction = before + leg.quantity - by_ratio;
    if (before.is_zero() || fraction.is_zero() || fraction.abs() >= Decimal(1) || fraction.sign() == before.sign()) return;
    Adjustment paid;
    paid.cause = Cause::cash_settlement;
    paid.quantity = fraction;
    paid.value = leg.value;
    paid.basis = leg.value ? Basis::executions : Basis::unknown;
    paid.effective_at = action.time + std::chrono::microseconds(1);
    paid.reference = "corporate_action:" + action.id + "/fraction";
    paid.note = "a fraction paid in cash";
    name_price(paid);
    insert(std::move(paid));
}

void Joiner::Instrument::move_in(DecidedAction const& action, ActionLeg const& leg, Adjustment const& whole) {
    auto const found = joiner_.moved_lots_.find(key(action, leg.from));
    if (found == joiner_.moved_lots_.end()) {
        insert(whole);
        return;
    }
    Decimal went;
    for (auto const& lot : found->second)
        went += lot.quantity;
    Decimal left = leg.quantity;
    for (std::size_t i = 0; i < found->second.size(); ++i) {
        MovedLot const& lot = found->second[i];
        bool const last = i + 1 == found->second.size();
        Adjustment comes = whole;
        comes.quantity = last ? left : base::multiply_divide_rounded(leg.quantity, lot.quantity, went, 8);
        left -= comes.quantity;
        comes.value = lot.cost;
        comes.basis = lot.cost ? Basis::broker : Basis::unknown;
        comes.acquired_at = lot.acquired_at;
        if (comes.quantity.is_zero()) continue;
        name_price(comes);
        insert(std::move(comes));
    }
}

void Joiner::Instrument::name_price(Adjustment& adjustment) const {
    auto const factor = model::price_factor(*facts_.instrument);
    if (!adjustment.value || adjustment.quantity.is_zero() || !factor) return;
    adjustment.price = base::divide_rounded(*adjustment.value, adjustment.quantity.abs() * *factor, price_decimals);
}

void Joiner::Instrument::note_action(DecidedAction const& action, ActionLeg const& leg, Adjustment const& added) {
    Adjustment* const before = stated_before(added.cause, added.quantity, added.ratio, action.date);
    if (before != nullptr) {
        if (added.ratio && *before->ratio != *added.ratio) {
            differs(DifferenceKind::split_ratio, action.date, DifferenceState::corrected, action.id, to_string(*added.ratio),
                    to_string(*before->ratio), action.description);
        }
        withdraw(*before);
    } else if (was_followed(action.time)) {
        differs(added.ratio ? DifferenceKind::split_missing : DifferenceKind::corporate_action_missing, action.date,
                DifferenceState::corrected, action.id, added.ratio ? to_string(*added.ratio) : text(leg.quantity), "",
                action.description);
    }
}

void Joiner::Instrument::remember_cost(DecidedAction const& action, ActionLeg const& leg) {
    InstrumentFacts const held = facts_before(action.time);
    FoldOptions by_lots = joiner_.policy_.fold;
    by_lots.method = model::CostBasis::fifo;
    auto const folded = fold_or_throw(*facts_.instrument, held.executions, held.adjustments, by_lots);
    auto& lots = joiner_.moved_lots_[key(action, con_id_)];
    Decimal left = leg.quantity.abs();
    for (auto const& lot : folded.open_lots) {
        Decimal const taken = std::min(left, lot.remaining);
        if (taken.is_zero()) break;
        auto const cost = lot.cost ? std::optional(base::multiply_divide_rounded(*lot.cost, taken, lot.remaining, price_decimals))
                                   : std::nullopt;
        lots.push_back({taken, cost, folded.lots[lot.lot].opened_at});
        left -= taken;
    }
    // More goes than the book knows of: what is beyond has no known cost.
    if (!left.is_zero()) lots.push_back({left, std::nullopt, std::nullopt});
}

void Joiner::Instrument::give_cost(DecidedAction const& action, ActionLeg const& leg) {
    std::string const reference = "corporate_action:" + action.id;
    if (has_reference(reference)) return;
    Adjustment less;
    less.cause = Cause::corporate_action;
    less.value = -*leg.value;
    less.effective_at = action.time;
    less.reference = reference;
    less.note = action.description;
    less.basis = Basis::broker;
    insert(std::move(less));
}

void Joiner::Instrument::take(model::StatementTransfer const& transfer) {
    if (transfer.quantity.is_zero()) return;
    std::string const reference =
        "transfer:" + (transfer.transaction_id.empty() ? base::to_string(transfer.date) + " " + text(transfer.quantity)
                                                       : transfer.transaction_id);
    if (has_reference(reference)) return;
    Adjustment added;
    added.cause = Cause::transfer;
    added.quantity = transfer.quantity;
    added.effective_at = index_.time_of(transfer.time, transfer.date);
    added.reference = reference;
    added.note = fmt::format("{} {}", transfer.type, transfer.direction);
    added.basis = Basis::unknown;
    if (Adjustment* const before = stated_before(Cause::transfer, added.quantity, std::nullopt, transfer.date)) {
        added.price = before->price;
        added.basis = before->price ? Basis::estimated : Basis::unknown;
        withdraw(*before);
    } else if (was_followed(*added.effective_at)) {
        differs(DifferenceKind::transfer_missing, transfer.date, DifferenceState::corrected, transfer.transaction_id,
                text(transfer.quantity), "", added.note);
    }
    if (auto const cost = transferred_cost(transfer)) {
        auto const stated = std::exchange(added.price, std::nullopt);
        added.value = cost;
        added.basis = Basis::broker;
        name_price(added);
        if (stated && added.price && !same_money(*stated, *added.price, transfer.quantity.abs())) {
            differs(DifferenceKind::transfer_price, transfer.date, DifferenceState::corrected, transfer.transaction_id,
                    text(added.price), text(stated), "the cost that came with the transfer");
        }
    }
    insert(std::move(added));
}

std::optional<Decimal> Joiner::Instrument::transferred_cost(model::StatementTransfer const& transfer) const {
    if (transfer.quantity.is_negative() || transfer.direction == "OUT") return std::nullopt;
    bool const closes =
        std::any_of(says_.trades.begin(), says_.trades.end(), [](auto const* trade) { return trade->quantity.is_negative(); });
    if (closes || says_.transfers.size() != 1 || !says_.actions.empty()) return std::nullopt;
    auto const* listed = says_.total_on(index_.position_date());
    if (listed == nullptr || !listed->cost_money) return std::nullopt;
    Decimal const others = listed->quantity - transfer.quantity;
    if (others.is_zero()) return listed->cost_money->abs();
    if (!others.is_positive()) return std::nullopt;
    auto const cost = cost_at_end();
    if (!cost || cost->first != others || !(listed->cost_money->abs() - cost->second).is_positive()) return std::nullopt;
    return listed->cost_money->abs() - cost->second;
}

std::optional<std::pair<Decimal, Decimal>> Joiner::Instrument::cost_at_end() const {
    std::vector<Execution> executions;
    std::vector<Adjustment> adjustments;
    std::copy_if(facts_.executions.begin(), facts_.executions.end(), std::back_inserter(executions),
                 [&](Execution const& e) { return counts_until_end(e); });
    std::copy_if(facts_.adjustments.begin(), facts_.adjustments.end(), std::back_inserter(adjustments),
                 [&](Adjustment const& a) { return counts_until_end(a); });
    FoldOptions options = joiner_.policy_.fold;
    options.method = model::CostBasis::fifo;
    options.calculate_realized_pnl = true;
    auto const folded = fold_or_throw(*facts_.instrument, executions, adjustments, options);
    Decimal quantity;
    Decimal cost;
    for (auto const& lot : folded.open_lots) {
        if (!lot.cost) return std::nullopt;
        quantity += lot.remaining;
        cost += *lot.cost;
    }
    return std::pair(quantity, cost);
}

}  // namespace possync::ledger

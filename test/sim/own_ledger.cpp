#include "own_ledger.hpp"

#include <algorithm>
#include <tuple>

namespace possync::sim {

using base::Decimal;
using model::CostBasis;

namespace {

using Amount = std::optional<Decimal>;

struct Fact {
    std::tuple<std::int64_t, std::int64_t, std::int64_t, Decimal, std::string, std::int64_t> order;
    Decimal quantity;
    Amount price;
    Amount commission;
    std::optional<model::Ratio> ratio;
};

std::string root_of(std::string const& id) { return id.substr(0, id.rfind('.')); }

/// What is held of one opening.
struct Held {
    Decimal quantity;  // positive
    Amount cost;
    Amount commission;
    Amount price;
};

Amount sum(Amount const& a, Amount const& b) { return a && b ? Amount(*a + *b) : std::nullopt; }
Amount less(Amount const& a, Amount const& b) { return a && b ? Amount(*a - *b) : std::nullopt; }
/// Half-even at ten decimals; all of it when all goes.
Amount part_of(Amount const& whole, Decimal const& part, Decimal const& all) {
    if (!whole || part == all) return whole;
    return base::multiply_divide_rounded(*whole, part, all, 10);
}

class Counter {
public:
    Counter(model::Instrument const& instrument, CostBasis method) : method_(method) {
        // Before contract data came everything is quoted in units of its currency; afterwards only these kinds are without saying.
        auto const& kind = instrument.sec_type;
        bool const plain = kind == "STK" || kind == "OPT" || kind == "FUT" || kind == "FOP" || kind == "WAR";
        if (instrument.price_scale) {
            factor_ = instrument.multiplier * *instrument.price_scale;
        } else if (plain || !instrument.details_known) {
            factor_ = instrument.multiplier;
        }
    }

    void take(Fact const& fact) {
        if (fact.ratio) return split(*fact.ratio);
        if (fact.quantity.is_zero()) return;
        Decimal const moved = fact.quantity.abs();
        bool const up = fact.quantity.is_positive();
        Decimal const have = held();
        if (have.is_zero() || up_ == up) {
            if (have.is_zero()) begin(up);
            return enter(moved, value(fact.price, moved), fact.commission, fact.price);
        }
        if (moved <= have) return leave(moved, value(fact.price, moved), fact.commission);
        // Through zero: the first part closes at its own value, the rest opens with what is left of value and commission.
        Amount const first_value = value(fact.price, have);
        Amount const first_commission = part_of(fact.commission, have, moved);
        Amount const rest_value = less(value(fact.price, moved), first_value);
        Amount const rest_commission = less(fact.commission, first_commission);
        leave(have, first_value, first_commission);
        begin(up);
        enter(moved - have, rest_value, rest_commission, fact.price);
    }

    std::vector<Episode> take_episodes() { return std::move(episodes_); }

private:
    Amount value(Amount const& price, Decimal const& quantity) const {
        if (!price || !factor_) return std::nullopt;
        return base::multiply_rounded(*price, quantity * *factor_, 10);
    }
    Decimal held() const {
        Decimal total;
        for (auto const& lot : lots_) total += lot.quantity;
        return total;
    }
    Episode& now() { return episodes_.back(); }

    void begin(bool up) {
        up_ = up;
        lots_.clear();
        cost_ = commission_ = Decimal(0);
        episodes_.emplace_back();
        now().commissions = Decimal(0);
        now().net = Decimal(0);
    }

    void enter(Decimal const& quantity, Amount const& value, Amount const& commission, Amount const& price) {
        lots_.push_back({quantity, value, commission, price});
        cost_ = sum(cost_, value);
        commission_ = sum(commission_, commission);
        now().commissions = sum(now().commissions, commission);
        cash(value, !up_);
        settle();
    }

    void cash(Amount const& value, bool received) {
        if (!value) {
            now().all_known = false;
        } else {
            now().cash += received ? *value : -*value;
        }
    }

    void leave(Decimal const& quantity, Amount const& value, Amount const& commission) {
        Amount cost;
        Amount entry_commission;
        if (method_ == CostBasis::average) {
            Decimal const have = held();
            cost = part_of(cost_, quantity, have);
            entry_commission = part_of(commission_, quantity, have);
        } else {
            cost = entry_commission = Decimal(0);
        }
        Decimal left = quantity;
        while (left.is_positive()) {
            auto const lot = next();
            Decimal const taken = std::min(left, lot->quantity);
            Amount const lot_cost = part_of(lot->cost, taken, lot->quantity);
            Amount const lot_commission = part_of(lot->commission, taken, lot->quantity);
            if (method_ != CostBasis::average) {
                cost = sum(cost, lot_cost);
                entry_commission = sum(entry_commission, lot_commission);
            }
            lot->cost = less(lot->cost, lot_cost);
            lot->commission = less(lot->commission, lot_commission);
            lot->quantity -= taken;
            left -= taken;
            if (lot->quantity.is_zero()) lots_.erase(lot);
        }
        if (method_ == CostBasis::average) {
            cost_ = less(cost_, cost);
            commission_ = less(commission_, entry_commission);
        } else {
            cost_ = commission_ = Decimal(0);
            for (auto const& lot : lots_) {
                cost_ = sum(cost_, lot.cost);
                commission_ = sum(commission_, lot.commission);
            }
        }
        Amount const gross = up_ ? less(value, cost) : less(cost, value);
        Amount const paid = sum(entry_commission, commission);
        ++now().closes;
        if (gross) {
            now().realized += *gross;
        } else {
            ++now().unknown_closes;
        }
        now().commissions = sum(now().commissions, commission);
        now().net = sum(now().net, less(gross, paid));
        cash(value, up_);
        settle();
    }

    std::vector<Held>::iterator next() {
        if (method_ == CostBasis::lifo) return lots_.end() - 1;
        if (method_ == CostBasis::hifo) {
            auto best = lots_.begin();
            for (auto it = lots_.begin(); it != lots_.end(); ++it) {
                if (it->price && (!best->price || *it->price > *best->price)) best = it;
            }
            return best;
        }
        return lots_.begin();
    }

    void split(model::Ratio ratio) {
        if (held().is_zero()) return;
        Decimal const to(ratio.to);
        Decimal const from(ratio.from);
        Decimal left = base::multiply_divide_rounded(held(), to, from, 8);
        for (std::size_t i = 0; i < lots_.size(); ++i) {
            auto& lot = lots_[i];
            lot.quantity = i + 1 == lots_.size() ? left : base::multiply_divide_rounded(lot.quantity, to, from, 8);
            left -= lot.quantity;
            if (lot.price) lot.price = base::multiply_divide_rounded(*lot.price, from, to, 10);
        }
        settle();
    }

    void settle() {
        Decimal const have = held();
        now().quantity = up_ ? have : -have;
        if (have.is_zero()) return;  // the average stays what it was
        now().average = cost_ && factor_ && !factor_->is_zero() ? Amount(base::divide_rounded(*cost_, have * *factor_, 10)) : std::nullopt;
    }

    CostBasis method_;
    Amount factor_;
    bool up_ = true;
    std::vector<Held> lots_;
    Amount cost_;
    Amount commission_;
    std::vector<Episode> episodes_;
};

}  // namespace

Recount recount(model::Instrument const& instrument, std::map<std::string, model::Execution> const& executions,
                std::map<model::RowId, model::Adjustment> const& adjustments, CostBasis method) {
    Recount result;
    std::vector<Fact> facts;
    facts.reserve(executions.size() + adjustments.size());
    for (auto const& [id, e] : executions) {
        if (!e.superseded_by.empty() || e.excluded || e.booking != model::Booking::booked) continue;
        Fact fact;
        fact.order = {e.time.microseconds, e.sequence, e.perm_id, e.cum_qty, root_of(id), 0};
        fact.quantity = e.side == model::Side::bought ? e.shares : -e.shares;
        fact.price = e.price;
        if (e.commission_currency.empty() || e.commission_currency == instrument.currency) fact.commission = e.commission;
        facts.push_back(std::move(fact));
    }
    for (auto const& [id, a] : adjustments) {
        if (a.undone_at) continue;
        bool const own_rules = a.value || a.cause == model::Cause::corporate_action || a.cause == model::Cause::transfer ||
                               (a.quantity.is_zero() && !a.ratio);
        if (own_rules) result.priced = false;
        Fact fact;
        fact.order = {a.effective_at ? a.effective_at->microseconds : INT64_MIN, 0, 0, Decimal(0), "", id};
        fact.quantity = a.quantity;
        fact.price = a.price;
        fact.commission = Decimal(0);
        fact.ratio = a.ratio;
        facts.push_back(std::move(fact));
    }
    std::sort(facts.begin(), facts.end(), [](Fact const& a, Fact const& b) { return a.order < b.order; });
    Counter counter(instrument, method);
    for (auto const& fact : facts) counter.take(fact);
    result.episodes = counter.take_episodes();
    if (!result.episodes.empty()) result.quantity = result.episodes.back().quantity;
    return result;
}

}  // namespace possync::sim

#include "ledger/fold.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/check.hpp"
#include "base/planted_bug.hpp"
#include "ledger/tax_view.hpp"

namespace possync::ledger {

using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Basis;
using model::Cause;
using model::Close;
using model::CostBasis;
using model::EventKind;
using model::Execution;
using model::Instrument;
using model::Lot;
using model::Position;
using model::Side;

namespace {

constexpr int money_decimals = 10;
constexpr int quantity_decimals = 8;
constexpr int percent_decimals = 4;

using Amount = std::optional<Decimal>;  // unset = unknown, which is never zero

Amount plus(Amount const& a, Amount const& b) {
    if (!a || !b) return std::nullopt;
    return *a + *b;
}
Amount minus(Amount const& a, Amount const& b) {
    if (!a || !b) return std::nullopt;
    return *a - *b;
}
/// The part of an amount that belongs to `part` of `whole`; the remainder of the rounding stays with the rest.
Amount share(Amount const& amount, Decimal const& part, Decimal const& whole) {
    if (!amount) return std::nullopt;
    if (part == whole) return *amount;
    return base::multiply_divide_rounded(*amount, part, whole, money_decimals);
}

/// An execution or an adjustment, seen as one movement of quantity.
struct Movement {
    std::string name;
    Cause cause = Cause::execution;
    Decimal quantity;  // signed
    Amount price;
    Amount value;           // of the whole movement, positive
    Amount estimated_value;  // at a mark, for an unproven close
    Amount commission;
    Amount broker_realized_pnl;
    Basis basis = Basis::executions;
    bool moves_cost = false;  // what goes takes its cost along: no P&L
    std::optional<model::Ratio> ratio;
    std::optional<Timestamp> time;
    std::optional<Timestamp> acquired_at;  // where it is not the time
    std::optional<base::Date> trade_date;  // as stated; else that of the time
    Timestamp known_at;
    std::string exec_id;
    std::string order_ref;
};

struct OpenLot {
    std::size_t row = 0;  // index into Folded::lots
    Decimal remaining;    // positive
    Amount cost;          // of what remains
    Amount commission;    // of what remains
    Amount unit_price;
    Basis basis = Basis::executions;
};

/// The broker books the end of an option as a fill and says in its exercise type what it was (1 exercise, 2 lapse,
/// 100 assigned, 101 and 200 exercised by itself, 102 expired). A statement says it in so many words.
Cause cause_of(Execution const& execution) {
    if (execution.cause) return *execution.cause;
    switch (execution.exercise_type.value_or(-1)) {
        case 1:
        case 101:
        case 200: return Cause::exercise;
        case 100: return Cause::assignment;
        case 2:
        case 102: return Cause::expiry;
        default: break;
    }
    return model::is_correction(execution.exec_id) ? Cause::correction : Cause::execution;
}

class Folder {
public:
    Folder(Instrument const& instrument, FoldOptions const& options)
        : instrument_(instrument), options_(options), factor_(model::price_factor(instrument)) {
        if (instrument.sec_type == "OPT" && POSSYNC_PLANTED_BUG(option_multiplier_ignored)) factor_ = model::effective_scale(instrument);
    }

    void add(Execution const& execution) {
        Movement movement;
        movement.name = model::fact_name(execution);
        movement.cause = cause_of(execution);
        movement.quantity = execution.signed_quantity();
        movement.price = execution.price;
        movement.value = value_of(movement.price, execution.shares);
        bool const same_currency =
            execution.commission_currency.empty() || execution.commission_currency == instrument_.currency;
        if (same_currency) movement.commission = execution.commission;
        movement.broker_realized_pnl = execution.broker_realized_pnl;
        movement.time = execution.time;
        movement.known_at = execution.recorded_at;
        movement.trade_date = execution.trade_date;
        movement.exec_id = execution.exec_id;
        movement.order_ref = execution.order_ref;
        apply_tax_view(movement);
        move(movement);
    }

    void add(Adjustment const& adjustment) {
        Movement movement;
        movement.name = model::fact_name(adjustment);
        movement.cause = adjustment.cause;
        movement.quantity = adjustment.quantity;
        movement.price = adjustment.price;
        movement.value = adjustment.value ? adjustment.value : value_of(adjustment.price, adjustment.quantity.abs());
        movement.moves_cost = adjustment.moves_cost();
        movement.estimated_value = value_of(adjustment.estimated_price, adjustment.quantity.abs());
        movement.commission = Decimal(0);  // contained in the cost the price was derived from
        movement.basis = adjustment.basis;
        movement.ratio = adjustment.ratio;
        movement.time = adjustment.effective_at;
        movement.acquired_at = adjustment.acquired_at;
        movement.known_at = adjustment.recorded_at;
        apply_tax_view(movement);
        if (adjustment.ratio) {
            split(movement, *adjustment.ratio);
        } else if (adjustment.quantity.is_zero() && adjustment.value) {
            revalue(movement, *adjustment.value);
        } else {
            move(movement);
        }
    }

    Folded take() {
        for (auto const& lot : lots_) {
            bool const is_long = quantity_.is_positive();
            folded_.open_lots.push_back({lot.row, lot.remaining, is_long ? plus(lot.cost, lot.commission) : minus(lot.cost, lot.commission)});
        }
        return std::move(folded_);
    }

private:
    void apply_tax_view(Movement& movement) const {
        if (options_.tax_view == nullptr) return;
        if (options_.tax_view->passed_on.contains(movement.name)) movement.moves_cost = true;
        auto const premium = options_.tax_view->premiums.find(movement.name);
        if (premium != options_.tax_view->premiums.end()) movement.value = plus(movement.value, premium->second);
    }

    Amount value_of(Amount const& price, Decimal const& quantity) const {
        if (!price && POSSYNC_PLANTED_BUG(unknown_price_is_zero)) return Decimal(0);
        if (!price || !factor_) return std::nullopt;
        return base::multiply_rounded(*price, quantity * *factor_, money_decimals);
    }

    bool flat() const { return quantity_.is_zero(); }
    Position& position() { return folded_.positions.back(); }

    void move(Movement const& movement) {
        if (movement.quantity.is_zero()) return;  // such as a fill that was corrected to nothing
        if (flat()) {
            open(movement, movement.quantity.abs(), movement.value, movement.commission, movement.name);
            return;
        }
        bool const same_side = quantity_.sign() == movement.quantity.sign();
        if (same_side) {
            increase(movement);
            return;
        }
        Decimal const held = quantity_.abs();
        Decimal const moved = movement.quantity.abs();
        if (moved <= held) {
            reduce(movement, moved, movement.value, movement.estimated_value, movement.commission);
            return;
        }
        // Through zero: one fact closes the old position in full and opens the next with the rest. Value and
        // commission are shared so that the two parts sum to the whole exactly.
        std::string const chain = position().chain_fact;
        bool const by_price = movement.price && options_.tax_view == nullptr;
        Amount const first_value = by_price ? value_of(movement.price, held) : share(movement.value, held, moved);
        Amount const first_estimate = share(movement.estimated_value, held, moved);
        Amount const first_commission = share(movement.commission, held, moved);
        reduce(movement, held, first_value, first_estimate, first_commission);
        open(movement, moved - held, minus(movement.value, first_value),
             POSSYNC_PLANTED_BUG(flip_commission_booked_twice) ? movement.commission : minus(movement.commission, first_commission),
             chain);
    }

    void open(Movement const& movement, Decimal const& quantity, Amount const& value, Amount const& commission,
              std::string chain_fact) {
        Position opened;
        opened.position_id = static_cast<model::RowId>(folded_.positions.size() + 1);
        opened.con_id = instrument_.con_id;
        opened.opened_at = movement.time;
        opened.opening_fact = movement.name;
        opened.chain_fact = std::move(chain_fact);
        opened.commissions = Decimal(0);
        opened.net_realized_pnl = Decimal(0);
        folded_.positions.push_back(std::move(opened));
        quantity_ = Decimal(0);
        cost_ = Decimal(0);
        entry_commission_ = Decimal(0);
        pool_basis_ = Basis::executions;
        lots_.clear();
        bool const is_long = movement.quantity.is_positive();
        record(movement, EventKind::opened, [&] { add_quantity(movement, quantity, is_long, value, commission); });
    }

    void increase(Movement const& movement) {
        bool const is_long = movement.quantity.is_positive();
        record(movement, EventKind::increased, [&] {
            add_quantity(movement, movement.quantity.abs(), is_long, movement.value, movement.commission);
        });
    }

    void add_quantity(Movement const& movement, Decimal const& quantity, bool is_long, Amount const& value,
                      Amount const& commission) {
        quantity_ += is_long ? quantity : -quantity;
        cost_ = plus(cost_, value);
        entry_commission_ = plus(entry_commission_, commission);
        position().commissions = plus(position().commissions, commission);
        Basis const basis = value ? movement.basis : Basis::unknown;
        if (basis != Basis::executions) pool_basis_ = basis;

        Lot lot;
        lot.lot_id = static_cast<model::RowId>(folded_.lots.size() + 1);
        lot.position_id = position().position_id;
        lot.con_id = instrument_.con_id;
        lot.opening_fact = movement.name;
        lot.open_exec_id = movement.exec_id;
        lot.opened_at = movement.acquired_at ? movement.acquired_at : movement.time;
        lot.quantity = is_long ? quantity : -quantity;
        lot.remaining_quantity = lot.quantity;
        lot.price = movement.price;
        lots_.push_back({folded_.lots.size(), quantity, value, commission, movement.price, basis});
        folded_.lots.push_back(std::move(lot));
    }

    struct Entry {  // what the closed part had cost
        Amount cost;
        Amount commission;
        Amount price;
        Basis basis = Basis::executions;
    };

    /// Takes `quantity` (positive) out of what is held, by the account's method.
    Entry take_entry(Decimal const& quantity) {
        Decimal const held = quantity_.abs();
        Entry entry;
        if (options_.method == CostBasis::average) {
            entry.cost = share(cost_, quantity, held);
            entry.commission = share(entry_commission_, quantity, held);
            entry.price = average_price();
            entry.basis = pool_basis_;
        } else {
            entry.cost = Decimal(0);
            entry.commission = Decimal(0);
        }
        consume_lots(quantity, entry);
        if (options_.method == CostBasis::average) {
            cost_ = POSSYNC_PLANTED_BUG(rounding_remainder_lost) ? share(cost_, held - quantity, held) : minus(cost_, entry.cost);
            entry_commission_ = minus(entry_commission_, entry.commission);
        } else {
            // Sum anew: a lot of unknown cost makes only its own closes unknown.
            cost_ = Decimal(0);
            entry_commission_ = Decimal(0);
            for (auto const& lot : lots_) {
                cost_ = plus(cost_, lot.cost);
                entry_commission_ = plus(entry_commission_, lot.commission);
            }
            if (entry.cost && factor_) {
                entry.price = base::divide_rounded(*entry.cost, quantity * *factor_, money_decimals);
            }
        }
        return entry;
    }

    std::size_t next_lot() const {
        if (options_.method == CostBasis::lifo || (options_.method == CostBasis::fifo && POSSYNC_PLANTED_BUG(lot_order_reversed))) return lots_.size() - 1;
        if (options_.method == CostBasis::hifo) {
            // Highest price first; a lot without a price counts as lowest, and ties go to the oldest.
            std::size_t best = 0;
            for (std::size_t i = 1; i < lots_.size(); ++i) {
                auto const& price = lots_[i].unit_price;
                auto const& highest = lots_[best].unit_price;
                if (price && (!highest || *price > *highest)) best = i;
            }
            return best;
        }
        return 0;
    }

    void consume_lots(Decimal const& quantity, Entry& entry) {
        bool const by_lot = options_.method != CostBasis::average;
        Decimal left = quantity;
        while (left.is_positive()) {
            CHECK(!lots_.empty());
            std::size_t const index = next_lot();
            OpenLot& lot = lots_[index];
            Decimal const taken = std::min(left, lot.remaining);
            Amount const cost = share(lot.cost, taken, lot.remaining);
            Amount const commission = share(lot.commission, taken, lot.remaining);
            if (by_lot) {
                entry.cost = plus(entry.cost, cost);
                entry.commission = plus(entry.commission, commission);
                if (lot.basis != Basis::executions) entry.basis = lot.basis;
            }
            lot.cost = minus(lot.cost, cost);
            lot.commission = minus(lot.commission, commission);
            lot.remaining -= taken;
            left -= taken;
            Lot& row = folded_.lots[lot.row];
            row.remaining_quantity = row.quantity.is_negative() ? -lot.remaining : lot.remaining;
            if (lot.remaining.is_zero()) lots_.erase(lots_.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }

    void reduce(Movement const& movement, Decimal const& quantity, Amount const& exit_value,
                Amount const& estimated_value, Amount const& exit_commission) {
        bool const full = quantity == quantity_.abs();
        record(movement, full ? EventKind::closed : EventKind::reduced, [&] {
            bool const is_long = quantity_.is_positive();
            Entry const entry = take_entry(quantity);
            quantity_ -= is_long ? quantity : -quantity;

            Position& row = position();
            row.commissions = plus(row.commissions, exit_commission);

            Close close;
            close.close_id = static_cast<model::RowId>(folded_.closes.size() + 1);
            close.position_id = row.position_id;
            close.con_id = instrument_.con_id;
            close.quantity_closed = quantity;
            close.side = is_long ? Side::sold : Side::bought;
            close.entry_price = entry.price;
            close.exit_price = movement.price;
            close.commissions = plus(entry.commission, exit_commission);
            close.broker_realized_pnl = movement.broker_realized_pnl;
            close.closed_at = movement.time;
            close.trade_date = movement.trade_date ? movement.trade_date : trade_date(movement.time);
            close.is_full_close = full;
            close.cause = movement.cause;
            close.exec_id = movement.exec_id;
            close.order_ref = movement.order_ref;
            close.closing_fact = movement.name;
            if (options_.calculate_realized_pnl) {
                movement.moves_cost ? move_cost(close) : price_close(close, entry, is_long, exit_value, estimated_value);
            }
            close.basis = basis_of(close, entry, movement);

            if (close.realized_pnl) {
                row.realized_pnl += *close.realized_pnl;
            } else if (options_.calculate_realized_pnl) {
                ++row.unknown_closes;
            }
            row.net_realized_pnl = plus(row.net_realized_pnl, close.net_realized_pnl);
            if (close.estimated_realized_pnl) {
                row.estimated_realized_pnl = row.estimated_realized_pnl.value_or(Decimal(0)) + *close.estimated_realized_pnl;
            }
            if (full) row.closed_at = movement.time ? movement.time : std::optional(movement.known_at);
            folded_.closes.push_back(std::move(close));
        });
    }

    void price_close(Close& close, Entry const& entry, bool is_long, Amount const& exit_value,
                     Amount const& estimated_value) const {
        auto gross = [&](Amount const& exit) { return is_long || POSSYNC_PLANTED_BUG(short_pnl_sign) ? minus(exit, entry.cost) : minus(entry.cost, exit); };
        close.realized_pnl = gross(exit_value);
        if (!close.realized_pnl) close.estimated_realized_pnl = gross(estimated_value);
        close.net_realized_pnl = minus(close.realized_pnl, close.commissions);
        if (close.realized_pnl && !entry.cost->is_zero()) {  // without a cost nothing is realized
            close.realized_pnl_pct = base::multiply_divide_rounded(*close.realized_pnl, Decimal(100), entry.cost->abs(),
                                                                   percent_decimals);
        }
    }

    static void move_cost(Close& close) {
        close.realized_pnl = Decimal(0);
        close.realized_pnl_pct = Decimal(0);
        close.commissions = Decimal(0);
        close.net_realized_pnl = Decimal(0);
    }

    static Basis basis_of(Close const& close, Entry const& entry, Movement const& movement) {
        if (!close.realized_pnl) return close.estimated_realized_pnl ? Basis::estimated : Basis::unknown;
        return entry.basis != Basis::executions ? entry.basis : movement.basis;
    }

    void split(Movement const& movement, model::Ratio ratio) {
        if (flat()) return;
        record(movement, EventKind::split, [&] {
            Decimal const to(ratio.to);
            Decimal const from(ratio.from);
            quantity_ = base::multiply_divide_rounded(quantity_, to, from, quantity_decimals);
            if (POSSYNC_PLANTED_BUG(split_leaves_lots)) return;
            Decimal left = quantity_.abs();
            for (std::size_t i = 0; i < lots_.size(); ++i) {
                OpenLot& lot = lots_[i];
                bool const last = i + 1 == lots_.size();  // takes the remainder of the roundings
                lot.remaining = last ? left : base::multiply_divide_rounded(lot.remaining, to, from, quantity_decimals);
                left -= lot.remaining;
                if (lot.unit_price) {
                    lot.unit_price = base::multiply_divide_rounded(*lot.unit_price, from, to, money_decimals);
                }
                Lot& row = folded_.lots[lot.row];
                row.quantity = base::multiply_divide_rounded(row.quantity, to, from, quantity_decimals);
                row.remaining_quantity = quantity_.is_negative() ? -lot.remaining : lot.remaining;
                row.price = lot.unit_price;
            }
        });
    }

    /// What is held costs more or less than before, without a movement of quantity: lots bear it by what is left of them.
    void revalue(Movement const& movement, Decimal const& change) {
        if (flat()) return;
        record(movement, EventKind::adjusted, [&] {
            cost_ = plus(cost_, change);
            Decimal left = change;
            Decimal held = quantity_.abs();
            for (auto& lot : lots_) {
                Decimal const part = base::multiply_divide_rounded(left, lot.remaining, held, money_decimals);
                left -= part;
                held -= lot.remaining;
                lot.cost = plus(lot.cost, part);
                if (lot.cost && factor_) {
                    lot.unit_price = base::divide_rounded(*lot.cost, lot.remaining * *factor_, money_decimals);
                    folded_.lots[lot.row].price = lot.unit_price;
                }
            }
        });
    }

    Amount average_price() const {
        if (!cost_ || !factor_ || flat()) return std::nullopt;
        return base::divide_rounded(*cost_, quantity_.abs() * *factor_, money_decimals);
    }

    std::optional<base::Date> trade_date(std::optional<Timestamp> time) const {
        if (!time || options_.zones == nullptr) return std::nullopt;
        auto local = options_.zones->to_local(options_.report_zone, *time);
        if (!local) return std::nullopt;
        return local->date;
    }

    template <typename Change>
    void record(Movement const& movement, EventKind kind, Change&& change) {
        Step step;
        step.fact = movement.name;
        step.position = folded_.positions.size() - 1;
        step.kind = kind;
        step.cause = movement.cause;
        step.time = movement.time;
        step.known_at = movement.known_at;
        step.exec_id = movement.exec_id;
        step.quantity_before = quantity_;
        step.average_price_before = average_price();
        change();
        step.quantity_after = quantity_;
        step.average_price_after = flat() ? step.average_price_before : average_price();
        Position& row = position();
        row.quantity = quantity_;
        row.cost = flat() ? Amount(Decimal(0)) : cost_;
        row.average_price = step.average_price_after;
        step.realized_pnl_after = row.realized_pnl;
        step.commissions_after = row.commissions;
        folded_.steps.push_back(std::move(step));
    }

    Instrument const& instrument_;
    FoldOptions const& options_;
    Amount factor_;
    Folded folded_;
    // What is held now; meaningful while quantity_ != 0.
    Decimal quantity_;
    Amount cost_;
    Amount entry_commission_;
    Basis pool_basis_ = Basis::executions;
    std::deque<OpenLot> lots_;  // in order of opening
};

/// Calls `visit` with every fact in force, in FactOrder.
template <typename Visit>
void in_order(std::span<Execution const> executions, std::span<Adjustment const> adjustments, Visit&& visit) {
    std::size_t e = 0;
    std::size_t a = 0;
    auto skip = [&] {
        while (e < executions.size() &&
               !((executions[e].in_force() || (executions[e].excluded && POSSYNC_PLANTED_BUG(excluded_fill_counts))) && executions[e].booking == model::Booking::booked)) {
            ++e;
        }
        while (a < adjustments.size() && !adjustments[a].in_force()) ++a;
    };
    for (skip(); e < executions.size() || a < adjustments.size(); skip()) {
        bool const execution_first =
            a == adjustments.size() ||
            (e < executions.size() && order_of(executions[e]) < order_of(adjustments[a]));
        if (execution_first) {
            visit(executions[e++]);
        } else {
            visit(adjustments[a++]);
        }
    }
}

}  // namespace

Folded fold_or_throw(Instrument const& instrument, std::span<Execution const> executions,
                     std::span<Adjustment const> adjustments, FoldOptions const& options) {
    Folder folder(instrument, options);
    in_order(executions, adjustments, [&](auto const& fact) { folder.add(fact); });
    return folder.take();
}

base::Result<Folded> fold(Instrument const& instrument, std::span<Execution const> executions,
                          std::span<Adjustment const> adjustments, FoldOptions const& options) {
    try {
        return fold_or_throw(instrument, executions, adjustments, options);
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(base::ErrorCode::out_of_range,
                          "position in " + instrument.symbol + " cannot be calculated exactly: " + overflow.what());
    }
}

bool fold_alike(Instrument const& a, Instrument const& b) {
    return a.con_id == b.con_id && a.currency == b.currency && model::price_factor(a) == model::price_factor(b);
}

Decimal quantity_of(std::span<Execution const> executions, std::span<Adjustment const> adjustments, bool with_provisional) {
    struct Sum {
        bool with_provisional;
        Decimal quantity;
        void operator()(Execution const& execution) { quantity += execution.signed_quantity(); }
        void operator()(Adjustment const& adjustment) {
            if (adjustment.provisional() && !with_provisional) return;
            if (adjustment.ratio) {
                quantity = base::multiply_divide_rounded(quantity, Decimal(adjustment.ratio->to),
                                                         Decimal(adjustment.ratio->from), quantity_decimals);
            } else {
                quantity += adjustment.quantity;
            }
        }
    };
    Sum sum{with_provisional, {}};
    in_order(executions, adjustments, [&](auto const& fact) { sum(fact); });
    return sum.quantity;
}

}  // namespace possync::ledger

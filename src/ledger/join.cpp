#include "ledger/join.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/planted_bug.hpp"

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Basis;
using model::Booking;
using model::Cause;
using model::ConId;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;
using model::StatementTrade;

namespace {

constexpr int price_decimals = 10;
/// A statement may date an event on the business day before or after the day it was seen.
constexpr std::int64_t days_apart = 5;
constexpr std::string_view by_statement = "statement";

bool is_event(Cause cause) {
    return cause == Cause::exercise || cause == Cause::assignment || cause == Cause::expiry || cause == Cause::cash_settlement ||
           cause == Cause::maturity;
}
/// What the ledger itself concluded without anybody saying so.
bool is_inferred(Adjustment const& a) {
    return a.in_force() && a.reference.empty() && a.author == "possync" && !a.provisional() && a.cause != Cause::opening_balance;
}
bool is_opening(Adjustment const& a) { return a.in_force() && a.cause == Cause::opening_balance; }

/// As they stand in an instrument's facts, without building the texts that order_of does.
bool stands_before(Execution const& a, Execution const& b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.sequence != b.sequence) return a.sequence < b.sequence;
    if (a.perm_id != b.perm_id) return a.perm_id < b.perm_id;
    if (a.cum_qty != b.cum_qty) return a.cum_qty < b.cum_qty;
    if (auto const order = model::execution_root(a.exec_id).compare(model::execution_root(b.exec_id)); order != 0) return order < 0;
    return a.exec_id < b.exec_id;
}

std::string text(Decimal const& value) { return value.to_string(); }
std::string text(std::optional<Decimal> const& value) { return value ? value->to_string() : ""; }

}  // namespace

// --- one instrument ----------------------------------------------------------------------------------------------------

class Joiner::Instrument {
public:
    Instrument(Joiner& joiner, InstrumentFacts& facts, model::InstrumentBook const* book)
        : joiner_(joiner), index_(*joiner.part_.index), statement_(index_.statement()), facts_(facts), book_(book),
          con_id_(facts.instrument.con_id), says_(index_.of(con_id_)) {}

    base::Result<void> join() {
        describe();
        never_ = model::never_booked(facts_.instrument.sec_type);
        find_executions();
        for (auto const* trade : says_.taken_back) take_back(*trade);
        for (auto const* trade : says_.cancels) take_back_earlier(*trade);
        for (auto const* trade : says_.trades) take(*trade);
        merge_added();
        if (never_) return {};
        for (auto const& action : joiner_.actions_) {
            for (auto const& leg : action.legs) {
                if (leg.con_id == con_id_) POSSYNC_TRY_VOID(take(action, leg));
                if (leg.effect == ActionLeg::Effect::spun_off && leg.from == con_id_) give_cost(action, leg);
            }
        }
        for (auto const* transfer : says_.transfers) take(*transfer);
        withdraw_supplied_lots();
        return settle_quantity();
    }

private:
    // --- describing --------------------------------------------------------------------------------------------

    void describe() {
        if (says_.described == nullptr || facts_.instrument.details_known) return;
        model::Instrument described = *says_.described;
        if (book_ != nullptr) {
            // The wire tells more of what it told at all; the statement knows the underlying.
            auto& known = facts_.instrument;
            if (!known.under_con_id) known.under_con_id = described.under_con_id;
            if (known.expiry.empty()) known.expiry = described.expiry;
            if (!known.strike) known.strike = described.strike;
            if (known.right.empty()) known.right = described.right;
            if (known.multiplier != described.multiplier && described.multiplier.is_positive()) {
                differs(DifferenceKind::multiplier, statement_.to, DifferenceState::open, "", text(described.multiplier),
                        text(known.multiplier), "the contract's multiplier is not what the statement calculates with");
            }
        } else {
            facts_.instrument = std::move(described);
        }
    }

    // --- differences -------------------------------------------------------------------------------------------

    void differs(DifferenceKind kind, Date date, DifferenceState state, std::string subject, std::string statement_value,
                 std::string book_value, std::string cause) {
        // Of a trade of an earlier day that this one takes back or corrects, its own days tell.
        date = std::clamp(date, statement_.from, statement_.to);
        joiner_.differences_.push_back({date, kind, state, con_id_, std::move(subject), std::move(statement_value), std::move(book_value),
                                        std::move(cause)});
    }
    /// A service followed the account then: what the book lacks, it missed.
    bool was_followed(Timestamp time) const { return joiner_.part_.live_since && *joiner_.part_.live_since <= time; }

    // --- executions --------------------------------------------------------------------------------------------

    void find_executions() {
        for (std::size_t i = 0; i < facts_.executions.size(); ++i) {
            by_root_[std::string(model::execution_root(facts_.executions[i].exec_id))].push_back(i);
        }
    }

    /// The version of a fill that counts; null when the book has none.
    Execution* version_in_force(std::string const& exec_id) {
        auto const found = by_root_.find(std::string(model::execution_root(exec_id)));
        if (found == by_root_.end()) return nullptr;
        Execution* best = nullptr;
        for (std::size_t const i : found->second) {
            Execution& candidate = facts_.executions[i];
            if (candidate.superseded_by.empty()) best = &candidate;
            if (best == nullptr) best = &candidate;
        }
        return best;
    }

    /// An entry for the end of an option, which the wire may have brought as a fill with an exercise type.
    Execution* same_event(StatementTrade const& trade) {
        if (!is_event(cause_of(trade)) && cause_of(trade) != Cause::reinvestment) return nullptr;
        for (auto& execution : facts_.executions) {
            bool const told = execution.in_force() && execution.transaction_id.empty() && execution.exercise_type.value_or(-1) > 0;
            if (told && execution.signed_quantity() == trade.quantity && near(execution.time, trade.trade_date)) return &execution;
        }
        return nullptr;
    }

    bool near(Timestamp time, Date date) const {
        Timestamp const noon = index_.time_of(std::nullopt, date);
        return std::abs((time - noon).count()) <= days_apart * 24 * 3600 * std::int64_t{1'000'000};
    }

    /// The statement's price in the unit that the wire quotes: what the trade came to tells which unit it prints.
    Decimal quoted(StatementTrade const& trade) const {
        auto const scale = model::effective_scale(facts_.instrument);
        Decimal const price = stated_price(trade).value_or(Decimal(0));
        if (!scale || *scale == Decimal(1) || scale->is_zero()) return price;
        if (trade.money && !trade.quantity.is_zero()) {
            Decimal const as_quoted = base::multiply_rounded(price, trade.quantity.abs() * facts_.instrument.multiplier * *scale, 6);
            Decimal const off = (as_quoted - *trade.money).abs();
            if (base::multiply_rounded(off, Decimal(100), 6) <= trade.money->abs()) return price;
        }
        return base::divide_rounded(price, *scale, price_decimals);
    }

    void take(StatementTrade const& trade) {
        std::string const exec_id = index_.exec_id_of(trade);
        Execution* known = version_in_force(exec_id);
        if (known == nullptr) known = same_event(trade);
        if (known == nullptr) return add(trade, exec_id);
        if (stands_for_cancelled(*known, trade)) return add(trade, free_id(exec_id));
        confirmed_.insert(std::string(model::execution_root(known->exec_id)));
        if (known->superseded_by.ends_with(model::not_listed)) known->superseded_by.clear();  // it is listed now
        if (model::cancelled_on(*known)) return;  // a later statement took it back
        if (joiner_.part_.outdated && !known->transaction_id.empty()) return;
        bool const other = !known->transaction_id.empty() && known->transaction_id != transaction_of(trade);
        if (other && !trade.corrects) return;  // what stands for the trade came with a later statement
        order_changes_ = order_changes_ || known->sequence == 0;
        if (known->excluded) {
            return differs(DifferenceKind::execution_excluded, trade.trade_date, DifferenceState::open, known->exec_id,
                           text(trade.quantity), "0", "excluded by the operator; `possync undo` lets it count again");
        }
        Decimal const price = quoted(trade);
        bool const quantity_differs = known->signed_quantity() != trade.quantity;
        bool const price_differs = !same_money(known->price, price, known->shares);
        if (quantity_differs || price_differs) {
            correct(*known, trade, price);
            return;
        }
        confirm(*known, trade);
    }

    /// The broker took the fill back and lists what is to stand for it, often under the id of the same fill.
    bool stands_for_cancelled(Execution const& known, StatementTrade const& trade) const {
        bool const cancelled = model::cancelled_on(known) && !known.superseded_by.ends_with(model::not_listed) && !known.excluded;
        if (!cancelled || !trade.corrects) return false;
        return known.transaction_id.empty() || known.transaction_id != trade.transaction_id;
    }

    std::string free_id(std::string const& exec_id) const {
        bool const taken = std::any_of(facts_.executions.begin(), facts_.executions.end(),
                                       [&](Execution const& e) { return e.exec_id == exec_id; });
        return taken ? model::statement_version(exec_id) : exec_id;
    }

    /// Equal but for the way binary numbers were printed: less than half a cent in all.
    bool same_money(Decimal const& ours, Decimal const& theirs, Decimal const& shares) const {
        if (ours == theirs) return true;
        auto const factor = model::price_factor(facts_.instrument);
        Decimal const off = base::multiply_rounded((ours - theirs).abs(), shares * factor.value_or(Decimal(1)), price_decimals);
        Decimal const relative = base::multiply_rounded((ours - theirs).abs(), Decimal(100'000), price_decimals);
        return off < Decimal::from_parts(5, 3) && relative <= theirs.abs();
    }

    /// What the statement adds to a fill that is as it says: commission, claim, date.
    void confirm(Execution& execution, StatementTrade const& trade) {
        Date const date = trade.trade_date;
        bool const first_time = execution.transaction_id.empty();
        if (trade.commission) {
            bool const other_currency = !execution.commission_currency.empty() && !trade.commission_currency.empty() &&
                                        execution.commission_currency != trade.commission_currency;
            if (!execution.commission) {
                if (first_time) {
                    differs(DifferenceKind::commission_missing, date, DifferenceState::corrected, execution.exec_id, text(trade.commission),
                            "", "the gateway never reported it");
                }
            } else if ((*execution.commission - *trade.commission).abs() >= Decimal::from_parts(5, 3)) {
                differs(DifferenceKind::commission, date, DifferenceState::corrected, execution.exec_id, text(trade.commission),
                        text(execution.commission), "the broker charged something else in the end");
            }
            if (other_currency) {
                differs(DifferenceKind::commission_currency, date, DifferenceState::corrected, execution.exec_id,
                        trade.commission_currency, execution.commission_currency, "");
            }
            execution.commission = trade.commission;
            if (!trade.commission_currency.empty()) execution.commission_currency = trade.commission_currency;
        }
        execution.broker_realized_pnl = trade.realized_pnl;  // what the wire claimed was provisional
        if (execution.trade_date && *execution.trade_date != date && first_time) {
            differs(DifferenceKind::execution_trade_date, date, DifferenceState::corrected, execution.exec_id, base::to_string(date),
                    base::to_string(*execution.trade_date), "an evening session belongs to the next trade date");
        }
        if (cause_of(trade) != Cause::execution) {
            execution.cause = cause_of(trade);
        }
        execution.trade_date = date;
        execution.transaction_id = transaction_of(trade);
        if (execution.sequence == 0) execution.sequence = model::transaction_number(trade.transaction_id);
        if (execution.order_ref.empty()) execution.order_ref = trade.order_ref;
        if (execution.booking == Booking::pending) execution.booking = Booking::booked;
    }

    Cause cause_of(StatementTrade const& trade) const { return index_.cause_of(trade); }
    std::string transaction_of(StatementTrade const& trade) const {
        return trade.transaction_id.empty() ? index_.exec_id_of(trade) : trade.transaction_id;
    }

    Execution made_of(StatementTrade const& trade, std::string exec_id) const {
        Execution added;
        added.exec_id = std::move(exec_id);
        added.con_id = con_id_;
        added.time = index_.time_of(trade.time, trade.trade_date);
        added.side = trade.quantity.is_negative() ? model::Side::sold : model::Side::bought;
        added.shares = trade.quantity.abs();
        added.price = quoted(trade);
        added.exchange = trade.exchange;
        added.perm_id = trade.order_id;
        added.order_ref = trade.order_ref;
        added.commission = trade.commission;
        added.commission_currency = trade.commission_currency;
        added.broker_realized_pnl = trade.realized_pnl;
        added.booking = never_ ? Booking::never : Booking::booked;
        if (cause_of(trade) != Cause::execution) added.cause = cause_of(trade);
        added.trade_date = trade.trade_date;
        added.transaction_id = transaction_of(trade);
        added.sequence = model::transaction_number(trade.transaction_id);
        if (auto const of_fill = by_root_.find(std::string(model::execution_root(added.exec_id))); of_fill != by_root_.end()) {
            for (std::size_t const i : of_fill->second) {
                if (facts_.executions[i].sequence != 0) added.sequence = facts_.executions[i].sequence;
            }
        }
        added.recorded_at = joiner_.now_;
        return added;
    }

    void add(StatementTrade const& trade, std::string const& exec_id) {
        if (trade.quantity.is_zero()) return;
        if (ConId const other = joiner_.elsewhere(exec_id, con_id_); other != 0) {
            return differs(DifferenceKind::execution_instrument, trade.trade_date, DifferenceState::open, exec_id, std::to_string(con_id_),
                           std::to_string(other), "the book has this fill in another instrument; `possync exclude` it there and import again");
        }
        Execution added = made_of(trade, exec_id);
        if (was_followed(added.time)) {
            bool const event = cause_of(trade) != Cause::execution;
            differs(event ? DifferenceKind::event_missing : DifferenceKind::execution_missing, trade.trade_date, DifferenceState::corrected,
                    exec_id, fmt::format("{} @ {}", text(trade.quantity), text(trade.price)), "",
                    event ? std::string(to_string(cause_of(trade))) : "never seen from the gateway");
        }
        confirmed_.insert(std::string(model::execution_root(exec_id)));
        if (!never_) {
            if (auto const* row = taken_back_later(added)) added.superseded_by = model::cancelled_mark(*row->trade_date, row->transaction_id);
        }
        added_.push_back(std::move(added));
    }

    /// The statement's version of a fill takes the place of the wire's; both stay.
    void correct(Execution& was, StatementTrade const& trade, Decimal const& price) {
        bool const own_version = was.exec_id == model::statement_version(index_.exec_id_of(trade)) || was.time_text.empty();
        bool const side_differs = was.signed_quantity().sign() != trade.quantity.sign();
        bool const quantity_differs = was.shares != trade.quantity.abs();
        auto const kind = side_differs       ? DifferenceKind::execution_side
                          : quantity_differs ? DifferenceKind::execution_quantity
                                             : DifferenceKind::execution_price;
        differs(kind, trade.trade_date, DifferenceState::corrected, was.exec_id,
                kind == DifferenceKind::execution_price ? text(price) : text(trade.quantity),
                kind == DifferenceKind::execution_price ? text(was.price) : text(was.signed_quantity()), "corrected by the statement");
        if (own_version) {  // a statement made it: the newer one says it better
            was.side = trade.quantity.is_negative() ? model::Side::sold : model::Side::bought;
            was.shares = trade.quantity.abs();
            was.price = price;
            confirm(was, trade);
            return;
        }
        Execution version = was;
        version.exec_id = model::statement_version(was.exec_id);
        version.side = trade.quantity.is_negative() ? model::Side::sold : model::Side::bought;
        version.shares = trade.quantity.abs();
        version.price = price;
        version.time_text.clear();
        version.recorded_at = joiner_.now_;
        confirm(version, trade);
        was.superseded_by = version.exec_id;
        added_.push_back(std::move(version));
    }

    /// What the same statement takes back again; its correction may carry the next number of the same fill.
    void take_back(StatementTrade const& trade) {
        std::string const exec_id = index_.exec_id_of(trade);
        for (auto& execution : facts_.executions) {
            bool const it = execution.exec_id == exec_id || execution.exec_id == model::statement_version(exec_id);
            if (it && execution.superseded_by.empty()) cancel(execution, trade);
        }
    }

    void cancel(Execution& known, StatementTrade const& trade) {
        if (POSSYNC_PLANTED_BUG(bust_ignored)) return;
        differs(DifferenceKind::execution_cancelled, trade.trade_date, DifferenceState::corrected, known.exec_id, "0",
                text(known.signed_quantity()), "the broker took the trade back");
        // What a later statement takes back counted until its days.
        known.superseded_by = model::cancelled_mark(std::max(trade.trade_date, statement_.from), name_of_cancel(trade));
    }

    std::string name_of_cancel(StatementTrade const& cancel_row) const {
        return cancel_row.transaction_id.empty() ? index_.exec_id_of(cancel_row) : cancel_row.transaction_id;
    }

    /// A row that takes a trade back, kept among the executions without ever counting: the trade may come with an older statement.
    void keep(StatementTrade const& cancel_row) {
        Execution kept = made_of(cancel_row, cancel_row.transaction_id.empty() ? index_.exec_id_of(cancel_row) + "-cancel"
                                                                               : model::statement_exec_id(cancel_row.transaction_id));
        kept.booking = Booking::never;
        kept.broker_realized_pnl.reset();
        kept.trade_date = std::max(cancel_row.trade_date, statement_.from);  // when it was told
        for (auto const& known : facts_.executions) {
            if (known.exec_id == kept.exec_id) return;
        }
        added_.push_back(std::move(kept));
    }

    /// The row of a later statement that takes this trade back; null when there is none.
    Execution const* taken_back_later(Execution const& trade) const {
        for (auto const& row : facts_.executions) {
            bool const takes_back = row.booking == Booking::never && row.in_force() && row.signed_quantity() == -trade.signed_quantity() &&
                                    same_money(row.price, trade.price, trade.shares) && row.trade_date && trade.trade_date &&
                                    *row.trade_date >= *trade.trade_date && near(row.time, *trade.trade_date);
            bool const used = std::any_of(facts_.executions.begin(), facts_.executions.end(), [&](Execution const& other) {
                return model::cancelled_on(other) && other.superseded_by.ends_with(":" + row.transaction_id);
            });
            if (takes_back && !used) return &row;
        }
        return nullptr;
    }

    /// The statement takes back a trade that it does not list: one of the days before.
    void take_back_earlier(StatementTrade const& cancel_row) {
        std::string const mark = model::cancelled_mark(std::max(cancel_row.trade_date, statement_.from), name_of_cancel(cancel_row));
        keep(cancel_row);
        Execution* found = nullptr;
        bool ambiguous = false;
        for (auto& execution : facts_.executions) {
            if (execution.superseded_by == mark) return;  // done when the statement came before
            bool const same = execution.in_force() && execution.signed_quantity() == -cancel_row.quantity &&
                              same_money(execution.price, quoted(cancel_row), execution.shares) && execution.time < index_.end();
            bool const named = !cancel_row.exec_id.empty() &&
                               model::execution_root(cancel_row.exec_id) == model::execution_root(execution.exec_id) && execution.in_force();
            if (named) {
                found = &execution;
                ambiguous = false;
                break;
            }
            if (!same) continue;
            ambiguous = found != nullptr;
            found = &execution;
        }
        if (found == nullptr || ambiguous) {
            return differs(DifferenceKind::execution_cancelled, cancel_row.trade_date, DifferenceState::open, cancel_row.transaction_id,
                           text(cancel_row.quantity), "",
                           ambiguous ? "several fills are like the one that was taken back; exclude the right one with `possync exclude`"
                                     : "the fill that was taken back is not in the book; import the statement of its day, then this one again");
        }
        cancel(*found, cancel_row);
    }

    void merge_added() {
        // Within a second the transactions that the statement told decide.
        if (order_changes_) std::sort(facts_.executions.begin(), facts_.executions.end(), stands_before);
        if (added_.empty()) return;
        std::sort(added_.begin(), added_.end(), stands_before);
        std::vector<Execution> all;
        all.reserve(facts_.executions.size() + added_.size());
        std::merge(std::make_move_iterator(facts_.executions.begin()), std::make_move_iterator(facts_.executions.end()),
                   std::make_move_iterator(added_.begin()), std::make_move_iterator(added_.end()), std::back_inserter(all), stands_before);
        facts_.executions = std::move(all);
        added_.clear();
    }

    // --- corporate actions and transfers -----------------------------------------------------------------------

    bool has_reference(std::string const& reference) const {
        return std::any_of(facts_.adjustments.begin(), facts_.adjustments.end(),
                           [&](Adjustment const& a) { return a.reference == reference; });
    }

    Adjustment& insert(Adjustment added) {
        added.adjustment_id = joiner_.ids_.take();
        added.con_id = con_id_;
        added.recorded_at = joiner_.now_;
        added.author = by_statement;
        auto const order = order_of(added);
        auto const at = std::upper_bound(facts_.adjustments.begin(), facts_.adjustments.end(), order,
                                         [](auto const& key, Adjustment const& other) { return key < order_of(other); });
        return *facts_.adjustments.insert(at, std::move(added));
    }

    void withdraw(Adjustment& adjustment) {
        adjustment.undone_at = joiner_.now_;
        adjustment.undone_by = by_statement;
    }

    /// The inferred or stated adjustment that is the same change; null when there is none.
    Adjustment* stated_before(Cause cause, Decimal const& quantity, std::optional<model::Ratio> const& ratio, Date date) {
        for (auto& adjustment : facts_.adjustments) {
            if (!adjustment.in_force() || !adjustment.reference.empty() || is_opening(adjustment) || adjustment.provisional()) continue;
            bool const same = ratio ? adjustment.ratio.has_value() : !adjustment.ratio && adjustment.quantity == quantity;
            if (same && (ratio || adjustment.cause == cause || is_inferred(adjustment)) && adjustment.effective_at &&
                near(*adjustment.effective_at, date)) {
                return &adjustment;
            }
        }
        return nullptr;
    }

    base::Result<void> take(DecidedAction const& action, ActionLeg const& leg) {
        std::string const reference = "corporate_action:" + action.id;
        if (leg.effect == ActionLeg::Effect::undecided) {
            if (was_stated(facts_.adjustments, leg.quantity, action.date)) return {};
            joiner_.proposals_[con_id_] = leg.why;
            differs(DifferenceKind::corporate_action_undecided, action.date, DifferenceState::open, action.id, text(leg.quantity), "", leg.why);
            return {};
        }
        if (leg.effect == ActionLeg::Effect::moves_out) remember_cost(action, leg);
        if (has_reference(reference)) return {};
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
        if (leg.effect == ActionLeg::Effect::split) POSSYNC_TRY_VOID(pay_fraction(action, leg));
        if (leg.effect == ActionLeg::Effect::moves_in) {
            move_in(action, leg, added);
        } else {
            insert(std::move(added));
        }
        return {};
    }

    InstrumentFacts facts_before(Timestamp time) const {
        InstrumentFacts before;
        before.instrument = facts_.instrument;
        std::ranges::copy_if(facts_.executions, std::back_inserter(before.executions), [&](Execution const& each) { return each.time < time; });
        std::ranges::copy_if(facts_.adjustments, std::back_inserter(before.adjustments),
                             [&](Adjustment const& each) { return !each.effective_at || *each.effective_at < time; });
        return before;
    }

    /// The ratio gives a fraction that the row's own quantity leaves out: it was paid in cash, for what the row says or is not known.
    base::Result<void> pay_fraction(DecidedAction const& action, ActionLeg const& leg) {
        InstrumentFacts const held = facts_before(action.time);
        POSSYNC_TRY(Decimal const before, quantity_of(held.executions, held.adjustments, false));
        Decimal const by_ratio = base::multiply_divide_rounded(before, Decimal(leg.ratio->to), Decimal(leg.ratio->from), 8);
        Decimal const fraction = before + leg.quantity - by_ratio;
        if (before.is_zero() || fraction.is_zero() || fraction.abs() >= Decimal(1) || fraction.sign() == before.sign()) return {};
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
        return {};
    }

    /// What comes, lot by lot of what went: each with its cost and the day it was bought.
    void move_in(DecidedAction const& action, ActionLeg const& leg, Adjustment const& whole) {
        auto const found = joiner_.moved_lots_.find(key(action, leg.from));
        if (found == joiner_.moved_lots_.end() || found->second.empty()) {
            insert(whole);
            return;
        }
        Decimal went;
        for (auto const& lot : found->second) went += lot.quantity;
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

    static std::string key(DecidedAction const& action, ConId con_id) { return action.id + "/" + std::to_string(con_id); }

    /// The price that the exact value amounts to, for showing.
    void name_price(Adjustment& adjustment) const {
        auto const factor = model::price_factor(facts_.instrument);
        if (!adjustment.value || adjustment.quantity.is_zero() || !factor || factor->is_zero()) return;
        adjustment.price = base::divide_rounded(*adjustment.value, adjustment.quantity.abs() * *factor, price_decimals);
    }

    void note_action(DecidedAction const& action, ActionLeg const& leg, Adjustment const& added) {
        Adjustment* const before = stated_before(added.cause, added.quantity, added.ratio, action.date);
        if (before != nullptr) {
            if (added.ratio && before->ratio && *before->ratio != *added.ratio) {
                differs(DifferenceKind::split_ratio, action.date, DifferenceState::corrected, action.id, to_string(*added.ratio),
                        to_string(*before->ratio), action.description);
            }
            withdraw(*before);
        } else if (was_followed(action.time)) {
            differs(added.ratio ? DifferenceKind::split_missing : DifferenceKind::corporate_action_missing, action.date,
                    DifferenceState::corrected, action.id, added.ratio ? to_string(*added.ratio) : text(leg.quantity), "", action.description);
        }
    }

    /// What goes, by the lots it is made of, oldest first, with their commissions.
    void remember_cost(DecidedAction const& action, ActionLeg const& leg) {
        InstrumentFacts const held = facts_before(action.time);
        FoldOptions by_lots = joiner_.policy_.fold;
        by_lots.method = model::CostBasis::fifo;
        auto const folded = fold(facts_.instrument, held.executions, held.adjustments, by_lots);
        if (!folded) return;
        auto& lots = joiner_.moved_lots_[key(action, con_id_)];
        Decimal left = leg.quantity.abs();
        for (auto const& lot : folded->open_lots) {
            Decimal const taken = std::min(left, lot.remaining);
            if (taken.is_zero()) break;
            auto const cost = lot.cost ? std::optional(base::multiply_divide_rounded(*lot.cost, taken, lot.remaining, price_decimals)) : std::nullopt;
            lots.push_back({taken, cost, folded->lots[lot.lot].opened_at});
            left -= taken;
        }
        // More goes than the book knows of: what is beyond has no known cost.
        if (!left.is_zero()) lots.push_back({left, std::nullopt, std::nullopt});
    }

    /// What was spun off costs the parent less.
    void give_cost(DecidedAction const& action, ActionLeg const& leg) {
        std::string const reference = "corporate_action:" + action.id;
        if (!leg.value || has_reference(reference)) return;
        Adjustment less;
        less.cause = Cause::corporate_action;
        less.value = -*leg.value;
        less.effective_at = action.time;
        less.reference = reference;
        less.note = action.description;
        less.basis = Basis::broker;
        insert(std::move(less));
    }

    void take(model::StatementTransfer const& transfer) {
        if (transfer.quantity.is_zero()) return;
        std::string const reference =
            "transfer:" + (transfer.transaction_id.empty() ? base::to_string(transfer.date) + " " + text(transfer.quantity) : transfer.transaction_id);
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
                differs(DifferenceKind::transfer_price, transfer.date, DifferenceState::corrected, transfer.transaction_id, text(added.price),
                        text(stated), "the cost that came with the transfer");
            }
        }
        insert(std::move(added));
    }

    /// The cost of what came is what the statement lists at its end, less what everything else cost; known while nothing was closed
    /// since, and everything else is known.
    std::optional<Decimal> transferred_cost(model::StatementTransfer const& transfer) const {
        if (transfer.quantity.is_negative() || transfer.direction == "OUT") return std::nullopt;
        bool const closes = std::any_of(says_.trades.begin(), says_.trades.end(), [](auto const* trade) { return trade->quantity.is_negative(); });
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

    /// Quantity and cost with commissions at the end of the statement, as the broker calculates; unset: some of it is not known.
    std::optional<std::pair<Decimal, Decimal>> cost_at_end() const {
        std::vector<Execution> executions;
        std::vector<Adjustment> adjustments;
        std::copy_if(facts_.executions.begin(), facts_.executions.end(), std::back_inserter(executions),
                     [&](Execution const& e) { return counts_until_end(e); });
        std::copy_if(facts_.adjustments.begin(), facts_.adjustments.end(), std::back_inserter(adjustments),
                     [&](Adjustment const& a) { return counts_until_end(a); });
        FoldOptions options = joiner_.policy_.fold;
        options.method = model::CostBasis::fifo;
        options.calculate_realized_pnl = true;
        auto const folded = fold(facts_.instrument, executions, adjustments, options);
        if (!folded) return std::nullopt;
        Decimal quantity;
        Decimal cost;
        for (auto const& lot : folded->open_lots) {
            if (!lot.cost) return std::nullopt;
            quantity += lot.remaining;
            cost += *lot.cost;
        }
        return std::pair(quantity, cost);
    }

    // --- what was held before ----------------------------------------------------------------------------------

    /// Lots that a later statement supplied and whose opening this one tells itself.
    void withdraw_supplied_lots() {
        if (!statement_.has_trades) return;
        for (auto& adjustment : facts_.adjustments) {
            if (is_opening(adjustment) && adjustment.effective_at && *adjustment.effective_at >= index_.begin() &&
                *adjustment.effective_at < index_.end()) {
                withdraw(adjustment);
            }
        }
    }

    /// In the quantities that the statement lists. A fill of its last hours that it does not list may be of the next trade date.
    bool counts_until_end(Execution const& execution) const {
        if (execution.booking != Booking::booked || execution.excluded) return false;
        auto const taken_back = model::cancelled_on(execution);
        if (!execution.superseded_by.empty() && !(taken_back && *taken_back > index_.position_date())) return false;
        if (!execution.transaction_id.empty() && execution.trade_date) return *execution.trade_date <= index_.position_date();
        return execution.time < positions_until_ && !of_next_day_.contains(execution.exec_id);
    }
    bool counts_until_end(Adjustment const& adjustment) const {
        return adjustment.in_force() && !adjustment.provisional() &&
               (!adjustment.effective_at || *adjustment.effective_at < end_of_day(index_.position_date(), joiner_.policy_.fold));
    }

    /// Quantity by the facts: at the end of the statement, or of all.
    base::Result<Decimal> quantity(bool until_end) const {
        auto const wanted_execution = [&](Execution const& e) { return until_end ? counts_until_end(e) : e.in_force() && e.booking == Booking::booked; };
        auto const wanted_adjustment = [&](Adjustment const& a) { return until_end ? counts_until_end(a) : a.in_force() && !a.provisional(); };
        bool const splits = std::any_of(facts_.adjustments.begin(), facts_.adjustments.end(),
                                        [&](Adjustment const& a) { return a.ratio && wanted_adjustment(a); });
        if (splits) {
            std::vector<Execution> executions;
            std::vector<Adjustment> adjustments;
            std::copy_if(facts_.executions.begin(), facts_.executions.end(), std::back_inserter(executions), wanted_execution);
            std::copy_if(facts_.adjustments.begin(), facts_.adjustments.end(), std::back_inserter(adjustments), wanted_adjustment);
            return quantity_of(executions, adjustments, false);
        }
        Decimal sum;
        for (auto const& execution : facts_.executions) {
            if (wanted_execution(execution)) sum += execution.signed_quantity();
        }
        for (auto const& adjustment : facts_.adjustments) {
            if (wanted_adjustment(adjustment)) sum += adjustment.quantity;
        }
        return sum;
    }

    /// How the facts fall short of what is known to be held; nothing when neither statement nor service say.
    base::Result<std::optional<Decimal>> gap() const {
        if (auto const listed = joiner_.listed_quantity(con_id_)) {
            POSSYNC_TRY(Decimal const by_facts, quantity(true));
            return std::optional(*listed - by_facts);
        }
        if (joiner_.part_.latest || book_ == nullptr) return std::optional<Decimal>();
        Decimal const held = book_->positions.empty() ? Decimal(0) : book_->positions.back().quantity;
        POSSYNC_TRY(Decimal const by_facts, quantity(false));
        return std::optional(held - by_facts);
    }

    bool within(std::optional<Timestamp> const& time) const { return time && *time >= index_.begin() && *time < index_.end(); }

    base::Result<void> settle_quantity() {
        replace_inferred();
        POSSYNC_TRY(auto missing, gap());
        if (missing && !missing->is_zero()) {
            withdraw_what_does_not_fit(*missing);
            POSSYNC_TRY(missing, gap());
        }
        if (missing && !missing->is_zero()) {
            leave_to_next_day(*missing);
            POSSYNC_TRY(missing, gap());
        }
        if (missing && !missing->is_zero()) {
            cancel_unlisted(*missing);
            POSSYNC_TRY(missing, gap());
        }
        report_unlisted();
        return open_with(missing);
    }

    /// What the ledger concluded, and the statement now says itself.
    void replace_inferred() {
        for (auto const* trade : says_.trades) {
            if (cause_of(*trade) == Cause::execution) continue;
            Adjustment* const before = stated_before(cause_of(*trade), trade->quantity, std::nullopt, trade->trade_date);
            if (before == nullptr) continue;
            if (before->cause != cause_of(*trade)) {
                differs(DifferenceKind::event_cause, trade->trade_date, DifferenceState::corrected, transaction_of(*trade),
                        std::string(to_string(cause_of(*trade))), std::string(to_string(before->cause)), "");
            }
            if (before->price && !same_money(*before->price, quoted(*trade), trade->quantity.abs())) {
                differs(DifferenceKind::event_price, trade->trade_date, DifferenceState::corrected, transaction_of(*trade),
                        text(quoted(*trade)), text(before->price), "");
            }
            withdraw(*before);
            drop_missing_note(*trade);
        }
    }

    /// The event was not missing after all, only inferred.
    void drop_missing_note(StatementTrade const& trade) {
        std::erase_if(joiner_.differences_, [&](model::CertificationDifference const& each) {
            return each.con_id == con_id_ && each.kind == DifferenceKind::event_missing && each.subject == index_.exec_id_of(trade);
        });
    }

    /// Inferred changes without which the quantities agree: the newest one that does it alone, or all of them.
    void withdraw_what_does_not_fit(Decimal const& missing) {
        std::vector<Adjustment*> candidates;
        Decimal sum;
        for (auto& adjustment : facts_.adjustments) {
            bool const candidate = is_inferred(adjustment) && !adjustment.ratio && within(adjustment.effective_at);
            if (!candidate) continue;
            candidates.push_back(&adjustment);
            sum += adjustment.quantity;
        }
        auto const alone = std::find_if(candidates.rbegin(), candidates.rend(), [&](Adjustment* a) { return -a->quantity == missing; });
        if (alone != candidates.rend()) {
            drop(**alone);
        } else if (!candidates.empty() && -sum == missing) {
            for (auto* adjustment : candidates) drop(*adjustment);
        }
    }

    void drop(Adjustment& adjustment) {
        Date const date = date_of(*adjustment.effective_at);
        differs(DifferenceKind::event_not_in_statement, date, DifferenceState::corrected, fmt::format("adjustment:{}", adjustment.adjustment_id),
                "", fmt::format("{} {}", to_string(adjustment.cause), text(adjustment.quantity)), "the statement explains the change otherwise");
        withdraw(adjustment);
    }

    Date date_of(Timestamp time) const {
        auto const local = joiner_.policy_.fold.zones->to_local(joiner_.policy_.fold.report_zone, time);
        return local ? local->date : base::utc_local(time).date;
    }

    /// Fills that no statement lists and that are of this one's days by any reckoning: since the day before, where that was covered
    /// too, and before its last day, whose fills may be of the next trade date.
    std::vector<Execution*> unlisted() {
        std::vector<Execution*> found;
        if (!statement_.has_trades || joiner_.part_.outdated) return found;
        bool const goes_on = joiner_.part_.covered_until && *joiner_.part_.covered_until >= index_.begin();
        Timestamp const from = goes_on ? index_.begin() - std::chrono::hours(24) : index_.begin();
        Timestamp const last_day = index_.end() - std::chrono::hours(24);
        for (auto& execution : facts_.executions) {
            bool const counts = execution.in_force() && execution.booking == Booking::booked && execution.transaction_id.empty();
            if (!counts || execution.time < from || confirmed_.contains(std::string(model::execution_root(execution.exec_id)))) continue;
            bool const certain = execution.time < last_day || (is_of_calendar_day() && execution.time < index_.known_until());
            if (certain) found.push_back(&execution);
        }
        return found;
    }

    /// Whether a fill of its last day is surely of its last trade date.
    bool is_of_calendar_day() const {
        return trades_by_calendar_day(facts_.instrument) &&
               (!statement_.generated_at || *statement_.generated_at >= index_.evening());
    }

    /// Unlisted fills of the last hours without which the quantities agree: the next statement will list them.
    void leave_to_next_day(Decimal const& missing) {
        std::vector<Execution const*> late;
        Decimal sum;
        for (auto const& execution : facts_.executions) {
            bool const open = counts_until_end(execution) && execution.transaction_id.empty() &&
                              !confirmed_.contains(std::string(model::execution_root(execution.exec_id)));
            bool const last_hours = execution.time >= index_.end() - std::chrono::hours(24) && !is_of_calendar_day();
            if (!open || !last_hours) continue;
            late.push_back(&execution);
            sum += execution.signed_quantity();
        }
        if (late.empty() || -sum != missing) return;
        for (auto const* execution : late) of_next_day_.insert(execution->exec_id);
    }

    /// Neither the statement nor the quantity it lists know them: they were taken back.
    void cancel_unlisted(Decimal const& missing) {
        auto const candidates = unlisted();
        Decimal sum;
        for (auto const* execution : candidates) sum += execution->signed_quantity();
        auto const alone = std::find_if(candidates.begin(), candidates.end(), [&](Execution* e) { return -e->signed_quantity() == missing; });
        auto take_out = [&](Execution& execution) {
            bool const twin = has_twin(execution);
            differs(twin ? DifferenceKind::execution_duplicated : DifferenceKind::execution_not_in_statement, date_of(execution.time),
                    DifferenceState::corrected, execution.exec_id, "", fmt::format("{} @ {}", text(execution.signed_quantity()), text(execution.price)),
                    twin ? "the same fill under another id" : "neither its trades nor its positions know it: taken back by the broker");
            execution.superseded_by = model::cancelled_mark(statement_.to, model::not_listed);
        };
        if (alone != candidates.end()) {
            take_out(**alone);
        } else if (!candidates.empty() && -sum == missing) {
            for (auto* execution : candidates) take_out(*execution);
        }
    }

    bool has_twin(Execution const& execution) const {
        return std::any_of(facts_.executions.begin(), facts_.executions.end(), [&](Execution const& other) {
            return &other != &execution && other.in_force() && other.signed_quantity() == execution.signed_quantity() &&
                   other.price == execution.price && other.time == execution.time;
        });
    }

    void report_unlisted() {
        for (auto const* execution : unlisted()) {
            if (execution->transaction_id.empty()) {
                differs(DifferenceKind::execution_not_in_statement, execution->trade_date.value_or(date_of(execution->time)), DifferenceState::open,
                        execution->exec_id, "", fmt::format("{} @ {}", text(execution->signed_quantity()), text(execution->price)),
                        "the statement does not list it, yet its quantities agree with it");
            }
        }
    }

    // --- opening balance ---------------------------------------------------------------------------------------

    /// What a quantity before the splits is after them, or with `undo` the other way round.
    Decimal splits_since_opening(Decimal value, bool undo) const {
        for (auto const& a : facts_.adjustments) {
            if (!a.in_force() || !a.ratio) continue;
            value = base::multiply_divide_rounded(value, Decimal(undo ? a.ratio->from : a.ratio->to), Decimal(undo ? a.ratio->to : a.ratio->from), 8);
        }
        return value;
    }

    /// What was held before the first day. Of an instrument that the book does not know it follows from what the statement lists. What a
    /// service saw at its first sight was all there was, whenever it was bought: fills from before, which the statement adds, are part
    /// of it. Otherwise only lots that tell it exactly change it: an opening balance is no place for what does not add up.
    base::Result<void> open_with(std::optional<Decimal> const& missing) {
        std::vector<Adjustment*> openings;
        Decimal total;
        for (auto& adjustment : facts_.adjustments) {
            if (!is_opening(adjustment)) continue;
            openings.push_back(&adjustment);
            total += adjustment.quantity;
        }
        bool const first_sight = !openings.empty() && openings.front()->reference.empty();
        bool const is_new = book_ == nullptr || (book_->executions.empty() && book_->adjustments.empty());
        bool const earliest = !joiner_.part_.covered_until && !joiner_.part_.listed_before && !was_followed(index_.begin());
        std::optional<Decimal> needed;
        if (is_new && earliest && joiner_.proposal(con_id_).empty()) {
            needed = missing ? splits_since_opening(*missing, true) : consumed_before();
        } else if (first_sight) {
            needed = total - splits_since_opening(added_before(openings.front()->recorded_at), true);
        }
        std::vector<Adjustment> lots;
        if (needed) lots = opening_lots(*needed, std::nullopt);
        if (!needed && missing && !missing->is_zero()) {
            // Lots that are the quantity exactly prove it.
            Decimal const proven = total + splits_since_opening(*missing, true);
            lots = openings.empty() ? std::vector<Adjustment>{} : opening_lots(proven, std::nullopt);
            if (!lots.empty()) needed = proven;
        } else if (first_sight && lots.empty() && missing && !missing->is_zero()) {
            Decimal const proven = total + splits_since_opening(*missing, true);
            lots = opening_lots(proven, std::nullopt);
            if (!lots.empty()) needed = proven;
        }
        if (!needed) {
            if (missing && !missing->is_zero()) fill_hole(*missing);
            return {};
        }
        if (*needed != total || !lots.empty()) replace_openings(openings, total, *needed, std::move(lots));
        POSSYNC_TRY(auto const left, gap());
        if (left && !left->is_zero()) report_quantity(*left);
        return {};
    }

    /// Closed lots from before tell what was held where positions are not listed.
    std::optional<Decimal> consumed_before() const {
        Decimal sum;
        for (auto const* lot : says_.closed_lots) {
            if (lot->opened_at && *lot->opened_at < index_.begin()) sum += lot->quantity;
        }
        return sum.is_zero() ? std::nullopt : std::optional(sum);
    }

    /// What the statement added from before the service's first sight, which held it already.
    Decimal added_before(Timestamp first_sight) const {
        Decimal sum;
        for (auto const& execution : facts_.executions) {
            bool const added = execution.recorded_at == joiner_.now_ && !execution.transaction_id.empty() && execution.in_force();
            if (added && execution.booking == Booking::booked && execution.time < first_sight && is_first_version(execution)) {
                sum += execution.signed_quantity();
            }
        }
        for (auto const& adjustment : facts_.adjustments) {
            bool const added = adjustment.recorded_at == joiner_.now_ && adjustment.author == by_statement && adjustment.in_force();
            if (added && !is_opening(adjustment) && adjustment.effective_at && *adjustment.effective_at < first_sight) sum += adjustment.quantity;
        }
        return sum;
    }

    /// Not a statement's version of a fill that the book had.
    bool is_first_version(Execution const& execution) const {
        auto const found = by_root_.find(std::string(model::execution_root(execution.exec_id)));
        return found == by_root_.end();
    }

    void replace_openings(std::vector<Adjustment*> const& openings, Decimal const& total, Decimal const& needed, std::vector<Adjustment> lots) {
        // A first sight after the first day is of another moment: that the days before explain it is no difference.
        if (!openings.empty() && total != needed && was_followed(index_.begin())) {
            differs(DifferenceKind::opening_quantity, statement_.from, DifferenceState::corrected, "", text(needed), text(total),
                    "what was held before the first day of the statement");
        }
        std::optional<Decimal> const price = openings.empty() ? std::nullopt : openings.front()->price;
        Basis const basis = openings.empty() ? Basis::unknown : openings.front()->basis;
        // Pointers into the vector end with the first insertion.
        for (auto* opening : openings) withdraw(*opening);
        if (needed.is_zero()) return;
        if (!lots.empty()) {
            report_opening_price(lots, price, total == needed);
            for (auto& lot : lots) insert(std::move(lot));
            return;
        }
        Adjustment lump;
        lump.cause = Cause::opening_balance;
        lump.quantity = needed;
        lump.price = price;
        lump.basis = price ? basis : Basis::unknown;
        if (!price) price_lump(lump);
        lump.reference = "lot:" + base::to_string(statement_.from);
        insert(std::move(lump));
    }

    /// What came in days that no statement covers is told by its lots, or stays a difference.
    void fill_hole(Decimal const& missing) {
        if (joiner_.part_.covered_until && joiner_.proposal(con_id_).empty()) {
            auto lots = opening_lots(splits_since_opening(missing, true), joiner_.part_.covered_until);
            for (auto& lot : lots) insert(std::move(lot));
            if (!lots.empty()) return;
        }
        report_quantity(missing);
    }

    /// Untouched since: it costs what the statement lists.
    void price_lump(Adjustment& lump) const {
        auto const* listed = says_.total_on(index_.position_date());
        bool const untouched = says_.trades.empty() && says_.transfers.empty();
        if (listed == nullptr || !untouched || !listed->cost_money || listed->quantity != splits_since_opening(lump.quantity, false)) return;
        lump.value = listed->cost_money->abs();
        lump.basis = Basis::broker;
        name_price(lump);
    }

    void report_opening_price(std::vector<Adjustment> const& lots, std::optional<Decimal> const& before, bool same_quantity) {
        if (!before || !same_quantity) return;
        Decimal quantity;
        Decimal value;
        for (auto const& lot : lots) {
            quantity += lot.quantity.abs();
            value += lot.value.value_or(Decimal(0));
        }
        auto const factor = model::price_factor(facts_.instrument);
        if (!factor || factor->is_zero()) return;
        Decimal const average = base::divide_rounded(value, quantity * *factor, price_decimals);
        if (same_money(*before, average, quantity)) return;
        differs(DifferenceKind::opening_price, statement_.from, DifferenceState::corrected, "", text(average), text(*before),
                "what was held before the first day of the statement");
    }

    /// What was held before the first day, lot by lot: those that are still listed, and those that were consumed since. Only when they
    /// are the needed quantity exactly.
    std::vector<Adjustment> opening_lots(Decimal const& needed, std::optional<Timestamp> const& since) const {
        std::vector<Adjustment> lots;
        bool const split = std::any_of(facts_.adjustments.begin(), facts_.adjustments.end(),
                                       [&](Adjustment const& a) { return a.in_force() && a.ratio && within(a.effective_at); });
        if (needed.is_zero() || (split && !says_.closed_lots.empty())) return lots;  // consumed before the split, or after?
        Decimal sum;
        std::map<Timestamp, std::pair<Decimal, Decimal>> by_time;  // quantity, cost
        auto add = [&](std::optional<Timestamp> const& opened, Decimal const& quantity, std::optional<Decimal> const& cost) {
            if (!opened || *opened >= index_.begin() || (since && *opened < *since) || !cost || is_traded_at(*opened)) return;
            by_time[*opened].first += quantity;
            by_time[*opened].second += cost->abs();
            sum += quantity;
        };
        for (auto const* lot : says_.lots) {
            if (lot->date == index_.position_date()) add(lot->opened_at, splits_since_opening(lot->quantity, true), lot->cost_money);
        }
        for (auto const* lot : says_.closed_lots) add(lot->opened_at, lot->quantity, lot->cost);
        if (sum != needed) return lots;
        for (auto const& [opened, lot] : by_time) {
            Adjustment opening;
            opening.cause = Cause::opening_balance;
            opening.quantity = lot.first;
            opening.value = lot.second;
            opening.effective_at = opened;
            opening.basis = Basis::broker;
            opening.reference = "lot:" + base::to_rfc3339(opened);
            name_price(opening);
            lots.push_back(std::move(opening));
        }
        return lots;
    }

    /// In the evening before the first day, and of its trade date.
    bool is_traded_at(Timestamp time) const {
        return std::any_of(says_.trades.begin(), says_.trades.end(), [&](StatementTrade const* trade) { return trade->time == time; });
    }

    void report_quantity(Decimal const& missing) {
        auto const listed = joiner_.listed_quantity(con_id_);
        if (!listed) return;
        Decimal const ours = *listed - missing;
        auto const kind = ours.is_zero()      ? DifferenceKind::position_missing
                          : listed->is_zero() ? DifferenceKind::position_not_in_statement
                                              : DifferenceKind::position_quantity;
        differs(kind, index_.position_date(), DifferenceState::open, "", text(*listed), text(ours), joiner_.proposal(con_id_));
    }

    Joiner& joiner_;
    StatementIndex const& index_;
    Timestamp const positions_until_ = std::min(index_.known_until(), evening_of(index_.position_date(), joiner_.policy_.fold));
    model::Statement const& statement_;
    InstrumentFacts& facts_;
    model::InstrumentBook const* book_;
    ConId con_id_;
    StatementOfInstrument const& says_;
    bool never_ = false;
    bool order_changes_ = false;
    std::map<std::string, std::vector<std::size_t>> by_root_;
    std::vector<Execution> added_;
    std::set<std::string> confirmed_;  ///< roots that the statement lists
    std::set<std::string> of_next_day_;  ///< fills of the last hours that the quantities do not contain
};

// --- a statement -------------------------------------------------------------------------------------------------------

std::vector<ConId> concerned(std::set<ConId> const& others, StatementIndex const& index) {
    std::set<ConId> all = others;
    for (auto const& [con_id, of] : index.instruments()) {
        bool const says = !of.trades.empty() || !of.cancels.empty() || !of.taken_back.empty() || !of.closed_lots.empty() ||
                          !of.totals.empty() || !of.lots.empty() || !of.actions.empty() || !of.transfers.empty();
        if (says) all.insert(con_id);
    }
    // What goes in an action before what comes of it.
    std::vector<ConId> ordered;
    std::set<ConId> done;
    auto put = [&](ConId con_id) {
        if (all.contains(con_id) && done.insert(con_id).second) ordered.push_back(con_id);
    };
    for (auto const& [unused, rows] : index.actions()) {
        for (auto const* row : rows) {
            if (row->quantity.is_negative()) put(row->con_id);
        }
        for (auto const* row : rows) put(row->con_id);
    }
    for (ConId const con_id : all) put(con_id);
    return ordered;
}

std::vector<model::StatementTradeClaim> trade_claims(StatementIndex const& index, ConId con_id) {
    std::vector<model::StatementTradeClaim> claims;
    for (auto const* trade : index.of(con_id).trades) {
        std::string exec_id = index.exec_id_of(*trade);
        std::string const transaction = trade->transaction_id.empty() ? exec_id : trade->transaction_id;
        claims.push_back({con_id, trade->trade_date, std::move(exec_id), transaction, trade->quantity, trade->realized_pnl});
    }
    return claims;
}

Joiner::Joiner(model::AccountBook const& book, StatementPart const& part, Policy const& policy, IdAllocator& ids, Timestamp now)
    : part_(part), policy_(policy), ids_(ids), now_(now) {
    for (auto const& [con_id, instrument] : book.instruments) {
        for (auto const& execution : instrument.executions) {
            bool const near = execution.time >= part.index->begin() - std::chrono::hours(24) && execution.time < part.index->end();
            if (near && execution.in_force()) fills_.emplace(model::execution_root(execution.exec_id), con_id);
        }
    }
    std::set<ConId> const wanted(part.instruments.begin(), part.instruments.end());
    for (auto const& [id, rows] : part.index->actions()) {
        bool const of_part = std::any_of(rows.begin(), rows.end(), [&](auto const* row) { return wanted.contains(row->con_id); });
        if (of_part) actions_.push_back(decide(id, rows, *part.index));
    }
    for (auto& action : actions_) {
        successions_.insert(successions_.end(), action.successions.begin(), action.successions.end());
    }
}

ConId Joiner::elsewhere(std::string const& exec_id, ConId con_id) const {
    auto const found = fills_.find(model::execution_root(exec_id));
    return found == fills_.end() || found->second == con_id ? 0 : found->second;
}

base::Result<void> Joiner::join(InstrumentFacts& facts, model::InstrumentBook const* book) {
    return Instrument(*this, facts, book).join();
}

std::optional<Decimal> Joiner::listed_quantity(ConId con_id) const {
    auto const& statement = part_.index->statement();
    if (!statement.has_positions) return std::nullopt;
    auto const* total = part_.index->of(con_id).total_on(part_.index->position_date());
    return total != nullptr ? total->quantity : Decimal(0);
}

std::optional<Decimal> Joiner::listed_average_cost(ConId con_id) const {
    auto const* total = part_.index->of(con_id).total_on(part_.index->position_date());
    if (total == nullptr || !total->cost_money || total->quantity.is_zero()) return std::nullopt;
    return base::divide_rounded(total->cost_money->abs(), total->quantity.abs(), price_decimals);
}

std::string Joiner::proposal(ConId con_id) const {
    auto const found = proposals_.find(con_id);
    return found == proposals_.end() ? "" : found->second;
}

}  // namespace possync::ledger

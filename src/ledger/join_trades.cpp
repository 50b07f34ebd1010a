// Trades of a statement and the executions that the book has: confirmed, corrected, added, taken back.
#include "ledger/join_instrument.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/planted_bug.hpp"

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Booking;
using model::Cause;
using model::ConId;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;
using model::StatementTrade;

namespace {

/// A statement may date an event on the business day before or after the day it was seen.
constexpr std::int64_t days_apart = 5;

bool is_event(Cause cause) {
    return cause == Cause::exercise || cause == Cause::assignment || cause == Cause::expiry || cause == Cause::cash_settlement ||
           cause == Cause::maturity;
}

/// As they stand in an instrument's facts, without building the texts that order_of does.
bool stands_before(Execution const& a, Execution const& b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.sequence != b.sequence) return a.sequence < b.sequence;
    if (a.perm_id != b.perm_id) return a.perm_id < b.perm_id;
    if (a.cum_qty != b.cum_qty) return a.cum_qty < b.cum_qty;
    if (auto const order = model::execution_root(a.exec_id).compare(model::execution_root(b.exec_id)); order != 0)
        return order < 0;
    return a.exec_id < b.exec_id;
}

}  // namespace

void Joiner::Instrument::find_executions() {
    for (std::size_t i = 0; i < facts_.executions.size(); ++i) {
        by_root_[std::string(model::execution_root(facts_.executions[i].exec_id))].push_back(i);
    }
}

Execution* Joiner::Instrument::version_in_force(std::string const& exec_id) {
    auto const found = by_root_.find(std::string(model::execution_root(exec_id)));
    if (found == by_root_.end()) return nullptr;
    Execution* best = nullptr;
    for (std::size_t const i : found->second) {
        Execution& candidate = facts_.executions[i];
        if (candidate.superseded_by.empty()) best = &candidate;
        // Else the one that was taken back, and not the wire's that it took the place of.
        bool const last_word = model::cancelled_on(candidate).has_value() && best != nullptr && !best->superseded_by.empty();
        if (best == nullptr || last_word) best = &candidate;
    }
    return best;
}

Execution* Joiner::Instrument::same_event(StatementTrade const& trade) {
    if (!is_event(cause_of(trade)) && cause_of(trade) != Cause::reinvestment) return nullptr;
    for (auto& execution : facts_.executions) {
        bool const told = execution.in_force() && execution.transaction_id.empty() && execution.exercise_type.value_or(-1) > 0;
        if (told && execution.signed_quantity() == trade.quantity && near(execution.time, trade.trade_date)) return &execution;
    }
    return nullptr;
}

bool Joiner::Instrument::near(Timestamp time, Date date) const {
    Timestamp const noon = index_.time_of(std::nullopt, date);
    return std::abs((time - noon).count()) <= days_apart * 24 * 3600 * std::int64_t{1'000'000};
}

bool Joiner::Instrument::is_quoted_unit_unknown() const {
    auto const& instrument = *facts_.instrument;
    bool const in_percent = instrument.sec_type == "BOND" || instrument.sec_type == "BILL";
    return !instrument.price_scale && !instrument.details_known && !in_percent;
}

bool Joiner::Instrument::has_price_of(Execution const& execution, StatementTrade const& trade) const {
    if (same_money(execution.price, quoted(trade), execution.shares)) return true;
    bool const as_the_wire_said = is_quoted_unit_unknown() && !execution.time_text.empty();
    return as_the_wire_said && same_money(execution.price, stated_price(trade).value_or(Decimal(0)), execution.shares);
}

Decimal Joiner::Instrument::quoted(StatementTrade const& trade) const {
    auto const& instrument = *facts_.instrument;
    auto const scale = model::effective_scale(instrument);
    Decimal const price = stated_price(trade).value_or(Decimal(0));
    bool const unknown = is_quoted_unit_unknown();
    if (!scale || (*scale == Decimal(1) && !unknown)) return price;
    auto const comes_to_its_money = [&](Decimal const& unit) {
        if (!trade.money || trade.quantity.is_zero()) return false;
        Decimal const value = base::multiply_rounded(price, trade.quantity.abs() * instrument.multiplier * unit, 6);
        Decimal const off = (value - *trade.money).abs();
        return base::multiply_rounded(off, Decimal(100), 6) <= trade.money->abs();
    };
    if (!unknown) return comes_to_its_money(*scale) ? price : base::divide_rounded(price, *scale, price_decimals);
    // Until then prices are in the currency, and restated when it is known.
    for (int decimals = 0; decimals <= 4; ++decimals) {
        Decimal const unit = Decimal::from_parts(1, decimals);
        if (comes_to_its_money(unit)) return base::multiply_rounded(price, unit, price_decimals);
    }
    return price;
}

void Joiner::Instrument::take(StatementTrade const& trade) {
    std::string const exec_id = index_.exec_id_of(trade);
    Execution* known = version_in_force(exec_id);
    if (known == nullptr) known = same_event(trade);
    if (known == nullptr) return add(trade, exec_id);
    if (stands_for_cancelled(*known, trade)) {
        Execution* const told = told_before(exec_id, trade);
        if (told == nullptr) return add(trade, free_id(exec_id));
        told->superseded_by.clear();
        known = told;
    }
    if (known->superseded_by.ends_with(model::not_listed)) known->superseded_by.clear();  // it is listed now
    if (auto const since = model::cancelled_on(*known)) return count_until_taken_back(*known, *since, trade);
    if (joiner_.part_.outdated && !known->transaction_id.empty()) return;
    bool const other = !known->transaction_id.empty() && known->transaction_id != transaction_of(trade);
    if (other && !trade.corrects) return;  // what stands for the trade came with a later statement
    order_changes_ = order_changes_ || known->sequence == 0;
    if (known->excluded) {
        return differs(DifferenceKind::execution_excluded, trade.trade_date, DifferenceState::open, known->exec_id,
                       text(trade.quantity), "0", "excluded by the operator; `possync undo` lets it count again");
    }
    bool const quantity_differs = known->signed_quantity() != trade.quantity;
    if (quantity_differs || !has_price_of(*known, trade)) {
        correct(*known, trade, quoted(trade));
        return;
    }
    confirm(*known, trade);
}

bool Joiner::Instrument::stands_for_cancelled(Execution const& known, StatementTrade const& trade) const {
    bool const cancelled = model::cancelled_on(known) && !known.superseded_by.ends_with(model::not_listed) && !known.excluded;
    if (!cancelled || !trade.corrects) return false;
    return known.transaction_id.empty() || known.transaction_id != trade.transaction_id;
}

Execution* Joiner::Instrument::told_before(std::string const& exec_id, StatementTrade const& trade) {
    auto const found = std::ranges::find(facts_.executions, exec_id, &Execution::exec_id);
    if (found == facts_.executions.end() || found->superseded_by.empty() || found->excluded || model::cancelled_on(*found)) return nullptr;
    return found->signed_quantity() == trade.quantity && has_price_of(*found, trade) ? &*found : nullptr;
}

std::string Joiner::Instrument::free_id(std::string id) const {
    while (std::ranges::find(facts_.executions, id, &Execution::exec_id) != facts_.executions.end()) id = model::statement_version(id);
    return id;
}

bool Joiner::Instrument::same_money(Decimal const& ours, Decimal const& theirs, Decimal const& shares) const {
    if (ours == theirs) return true;
    auto const factor = model::price_factor(*facts_.instrument);
    Decimal const off = base::multiply_rounded((ours - theirs).abs(), shares * factor.value_or(Decimal(1)), price_decimals);
    Decimal const relative = base::multiply_rounded((ours - theirs).abs(), Decimal(100'000), price_decimals);
    return off < Decimal::from_parts(5, 3) && relative <= theirs.abs();
}

void Joiner::Instrument::confirm(Execution& execution, StatementTrade const& trade) {
    Date const date = trade.trade_date;
    bool const first_time = execution.transaction_id.empty();
    if (trade.commission) {
        bool const other_currency = !execution.commission_currency.empty() && !trade.commission_currency.empty() &&
                                    execution.commission_currency != trade.commission_currency;
        if (!execution.commission) {
            if (first_time) {
                differs(DifferenceKind::commission_missing, date, DifferenceState::corrected, execution.exec_id,
                        text(trade.commission), "", "the gateway never reported it");
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
    if (first_time || trade.realized_pnl) execution.broker_realized_pnl = trade.realized_pnl;  // what the wire claimed was provisional
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

std::string Joiner::Instrument::transaction_of(StatementTrade const& trade) const {
    return trade.transaction_id.empty() ? index_.exec_id_of(trade) : trade.transaction_id;
}

Execution Joiner::Instrument::made_of(StatementTrade const& trade, std::string exec_id) const {
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

void Joiner::Instrument::add(StatementTrade const& trade, std::string const& exec_id) {
    if (trade.quantity.is_zero()) return;
    if (ConId const other = joiner_.elsewhere(exec_id, con_id_); other != 0) {
        return differs(DifferenceKind::execution_instrument, trade.trade_date, DifferenceState::open, exec_id,
                       std::to_string(con_id_), std::to_string(other),
                       "the book has this fill in another instrument; `possync exclude` it there and import again");
    }
    Execution added = made_of(trade, exec_id);
    if (was_followed(added.time)) {
        bool const event = cause_of(trade) != Cause::execution;
        differs(event ? DifferenceKind::event_missing : DifferenceKind::execution_missing, trade.trade_date,
                DifferenceState::corrected, exec_id, fmt::format("{} @ {}", text(trade.quantity), text(trade.price)), "",
                event ? std::string(to_string(cause_of(trade))) : "never seen from the gateway");
    }
    if (!never_) {
        if (auto const* row = taken_back_later(added))
            added.superseded_by = model::cancelled_mark(*row->trade_date, row->transaction_id);
    }
    added_.push_back(std::move(added));
}

void Joiner::Instrument::correct(Execution& was, StatementTrade const& trade, Decimal const& price) {
    bool const own_version = was.exec_id == model::statement_version(index_.exec_id_of(trade)) || was.time_text.empty();
    bool const side_differs = was.signed_quantity().sign() != trade.quantity.sign();
    bool const quantity_differs = was.shares != trade.quantity.abs();
    auto const kind = side_differs       ? DifferenceKind::execution_side
                      : quantity_differs ? DifferenceKind::execution_quantity
                                         : DifferenceKind::execution_price;
    differs(kind, trade.trade_date, DifferenceState::corrected, was.exec_id,
            kind == DifferenceKind::execution_price ? text(price) : text(trade.quantity),
            kind == DifferenceKind::execution_price ? text(was.price) : text(was.signed_quantity()),
            "corrected by the statement");
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

void Joiner::Instrument::take_back(StatementTrade const& trade) {
    std::string const exec_id = index_.exec_id_of(trade);
    auto const root = model::execution_root(exec_id);
    bool const replaced = std::ranges::any_of(
        says_.trades, [&](StatementTrade const* each) { return model::execution_root(index_.exec_id_of(*each)) == root; });
    auto const rank = model::correction_rank(model::statement_version(exec_id));
    for (auto& execution : facts_.executions) {
        bool const it = execution.exec_id == exec_id || execution.exec_id == model::statement_version(exec_id);
        // A correction that was taken back took the place of the fill before, which the gateway may never have heard.
        bool const before = !replaced && model::is_correction(exec_id) && model::execution_root(execution.exec_id) == root &&
                            model::correction_rank(execution.exec_id) < rank;
        if ((it || before) && execution.superseded_by.empty()) cancel(execution, trade);
    }
    // What the book never had is kept as taken back: a statement of before may come later and list it as it was.
    bool const known = by_root_.contains(std::string(root)) || joiner_.elsewhere(exec_id, con_id_) != 0;
    if (known || replaced || never_ || trade.quantity.is_zero()) return;
    Execution kept = made_of(trade, exec_id);
    kept.broker_realized_pnl.reset();
    kept.superseded_by = model::cancelled_mark(std::max(trade.trade_date, statement_.from), name_of_cancel(trade));
    added_.push_back(std::move(kept));
}

void Joiner::Instrument::count_until_taken_back(Execution& known, Date since, StatementTrade const& trade) {
    bool const it = known.transaction_id.empty() || known.transaction_id == transaction_of(trade);
    if (!it || known.excluded || since > statement_.to) return;
    auto const why = known.superseded_by.find(':', known.superseded_by.find(':') + 1) + 1;
    known.superseded_by = model::cancelled_mark(day_after(statement_.to), known.superseded_by.substr(why));
    if (!known.transaction_id.empty()) known.broker_realized_pnl = trade.realized_pnl;
}

void Joiner::Instrument::cancel(Execution& known, StatementTrade const& trade) {
    if (POSSYNC_PLANTED_BUG(bust_ignored)) return;
    differs(DifferenceKind::execution_cancelled, trade.trade_date, DifferenceState::corrected, known.exec_id, "0",
            text(known.signed_quantity()), "the broker took the trade back");
    // What a later statement takes back counted until its days, and what one of before confirmed counted on its own day at least.
    Date since = std::max(trade.trade_date, statement_.from);
    if (!known.transaction_id.empty()) since = std::max(since, std::min(day_after(trade.trade_date), statement_.to));
    known.superseded_by = model::cancelled_mark(since, name_of_cancel(trade));
}

std::string Joiner::Instrument::name_of_cancel(StatementTrade const& cancel_row) const {
    return cancel_row.transaction_id.empty() ? index_.exec_id_of(cancel_row) : cancel_row.transaction_id;
}

void Joiner::Instrument::keep(StatementTrade const& cancel_row) {
    std::string name = cancel_row.transaction_id.empty() ? index_.exec_id_of(cancel_row) + "-cancel" : model::statement_exec_id(cancel_row.transaction_id);
    std::replace(name.begin(), name.end(), '.', ',');  // a dot would make it a version of the fill
    Execution kept = made_of(cancel_row, std::move(name));
    kept.booking = Booking::never;
    kept.broker_realized_pnl.reset();
    kept.trade_date = std::max(cancel_row.trade_date, statement_.from);  // when it was told
    for (auto const& known : facts_.executions) {
        if (known.exec_id == kept.exec_id) return;
    }
    added_.push_back(std::move(kept));
}

Execution const* Joiner::Instrument::taken_back_later(Execution const& trade) const {
    for (auto const& row : facts_.executions) {
        bool const takes_back = row.booking == Booking::never && row.in_force() &&
                                row.signed_quantity() == -trade.signed_quantity() &&
                                same_money(row.price, trade.price, trade.shares) && row.trade_date && trade.trade_date &&
                                *row.trade_date >= *trade.trade_date && near(row.time, *trade.trade_date);
        auto const by_it = [&](Execution const& other) {
            return model::cancelled_on(other) && other.superseded_by.ends_with(":" + row.transaction_id);
        };
        // Also by it: one of this statement's own, which stands among the others later.
        bool const used = std::any_of(facts_.executions.begin(), facts_.executions.end(), by_it) || std::any_of(added_.begin(), added_.end(), by_it);
        if (takes_back && !used) return &row;
    }
    return nullptr;
}

void Joiner::Instrument::take_back_earlier(StatementTrade const& cancel_row) {
    std::string const mark = model::cancelled_mark(std::max(cancel_row.trade_date, statement_.from), name_of_cancel(cancel_row));
    keep(cancel_row);
    // Done when the statement came before.
    if (std::ranges::find(facts_.executions, mark, &Execution::superseded_by) != facts_.executions.end()) return;
    // What the statement lists beside the row stands: it was held against the row already. A correction stands, and the fill of its
    // id does not.
    std::set<std::string> standing;
    std::set<std::string> transactions;
    for (auto const* each : says_.trades) {
        if (!each->corrects) standing.emplace(model::execution_root(index_.exec_id_of(*each)));
        transactions.insert(transaction_of(*each));
    }
    auto const stands = [&](Execution const& execution) {
        return standing.contains(std::string(model::execution_root(execution.exec_id))) || transactions.contains(execution.transaction_id);
    };
    Execution* found = nullptr;
    bool ambiguous = false;
    for (auto& execution : facts_.executions) {
        bool const same = execution.in_force() && execution.signed_quantity() == -cancel_row.quantity &&
                          has_price_of(execution, cancel_row) && execution.time < index_.end();
        bool const named = !cancel_row.exec_id.empty() &&
                           model::execution_root(cancel_row.exec_id) == model::execution_root(execution.exec_id) &&
                           execution.in_force();
        if (named) {
            found = &execution;
            ambiguous = false;
            break;
        }
        if (!same || stands(execution)) continue;
        ambiguous = found != nullptr;
        found = &execution;
    }
    if (found == nullptr || ambiguous) {
        return differs(
            DifferenceKind::execution_cancelled, cancel_row.trade_date, DifferenceState::open, cancel_row.transaction_id,
            text(cancel_row.quantity), "",
            ambiguous ? "several fills are like the one that was taken back; exclude the right one with `possync exclude`"
                      : "the fill that was taken back is not in the book; import the statement of its day, then this one again");
    }
    cancel(*found, cancel_row);
}

void Joiner::Instrument::merge_added() {
    // Within a second the transactions that the statement told decide.
    if (order_changes_) std::sort(facts_.executions.begin(), facts_.executions.end(), stands_before);
    if (added_.empty()) return;
    std::sort(added_.begin(), added_.end(), stands_before);
    std::vector<Execution> all;
    all.reserve(facts_.executions.size() + added_.size());
    std::merge(std::make_move_iterator(facts_.executions.begin()), std::make_move_iterator(facts_.executions.end()),
               std::make_move_iterator(added_.begin()), std::make_move_iterator(added_.end()), std::back_inserter(all),
               stands_before);
    facts_.executions = std::move(all);
    added_.clear();
}

}  // namespace possync::ledger

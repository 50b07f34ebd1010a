// What is held at the end of the statement by its own word, whatever does not fit it, and what was held before its first day.
#include "ledger/join_instrument.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace possync::ledger {

using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Basis;
using model::Booking;
using model::Cause;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;
using model::StatementTrade;

void Joiner::Instrument::withdraw_supplied_lots() {
    if (!statement_.has_trades) return;
    for (auto& adjustment : facts_.adjustments) {
        if (is_opening(adjustment) && adjustment.effective_at && *adjustment.effective_at >= index_.begin() &&
            *adjustment.effective_at < index_.end()) {
            withdraw(adjustment);
        }
    }
}

bool Joiner::Instrument::counts_until_end(Execution const& execution) const {
    if (execution.booking != Booking::booked || execution.excluded) return false;
    auto const taken_back = model::cancelled_on(execution);
    if (!execution.superseded_by.empty() && !(taken_back && *taken_back > index_.position_date())) return false;
    if (!execution.transaction_id.empty() && execution.trade_date) return *execution.trade_date <= index_.position_date();
    return execution.time < positions_until_ && !of_next_day_.contains(execution.exec_id);
}

bool Joiner::Instrument::is_of_evening_session(Adjustment const& adjustment) const {
    bool const has_one = facts_.instrument->sec_type == "FUT" || facts_.instrument->sec_type == "FOP";
    return has_one && is_inferred(adjustment) && adjustment.effective_at && *adjustment.effective_at >= positions_until_;
}

bool Joiner::Instrument::counts_until_end(Adjustment const& adjustment) const {
    return adjustment.in_force() && !adjustment.provisional() && !is_of_evening_session(adjustment) &&
           (!adjustment.effective_at || *adjustment.effective_at < end_of_day(index_.position_date(), joiner_.policy_.fold));
}

Decimal Joiner::Instrument::quantity(bool until_end) const {
    auto const wanted_execution = [&](Execution const& e) {
        return until_end ? counts_until_end(e) : e.in_force() && e.booking == Booking::booked;
    };
    auto const wanted_adjustment = [&](Adjustment const& a) {
        return until_end ? counts_until_end(a) : a.in_force() && !a.provisional();
    };
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

std::optional<Decimal> Joiner::Instrument::gap() const {
    if (auto const listed = joiner_.listed_quantity(con_id_)) {
        Decimal const by_facts = quantity(true);
        return std::optional(*listed - by_facts);
    }
    if (joiner_.part_.latest || book_ == nullptr) return std::optional<Decimal>();
    Decimal const held = book_->positions.empty() ? Decimal(0) : book_->positions.back().quantity;
    Decimal const by_facts = quantity(false);
    return std::optional(held - by_facts);
}

void Joiner::Instrument::settle_quantity() {
    replace_inferred();
    auto missing = gap();
    if (missing && !missing->is_zero()) {
        withdraw_what_does_not_fit(*missing);
        missing = gap();
    }
    if (missing && !missing->is_zero()) {
        leave_to_next_day(*missing);
        missing = gap();
    }
    if (missing && !missing->is_zero()) {
        cancel_unlisted(*missing);
        missing = gap();
    }
    report_unlisted();
    open_with(missing);
}

void Joiner::Instrument::replace_inferred() {
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

void Joiner::Instrument::drop_missing_note(StatementTrade const& trade) {
    std::erase_if(joiner_.differences_, [&](model::CertificationDifference const& each) {
        return each.con_id == con_id_ && each.kind == DifferenceKind::event_missing && each.subject == index_.exec_id_of(trade);
    });
}

void Joiner::Instrument::withdraw_what_does_not_fit(Decimal const& missing) {
    std::vector<Adjustment*> candidates;
    Decimal sum;
    for (auto& adjustment : facts_.adjustments) {
        bool const candidate = is_inferred(adjustment) && !adjustment.ratio && within(adjustment.effective_at) && !is_of_evening_session(adjustment);
        if (!candidate) continue;
        candidates.push_back(&adjustment);
        sum += adjustment.quantity;
    }
    auto const alone =
        std::find_if(candidates.rbegin(), candidates.rend(), [&](Adjustment* a) { return -a->quantity == missing; });
    if (alone != candidates.rend()) {
        drop(**alone);
    } else if (!candidates.empty() && -sum == missing) {
        for (auto* adjustment : candidates)
            drop(*adjustment);
    }
}

void Joiner::Instrument::drop(Adjustment& adjustment) {
    Date const date = date_of(*adjustment.effective_at);
    differs(DifferenceKind::event_not_in_statement, date, DifferenceState::corrected,
            fmt::format("adjustment:{}", adjustment.adjustment_id), "",
            fmt::format("{} {}", to_string(adjustment.cause), text(adjustment.quantity)),
            "the statement explains the change otherwise");
    withdraw(adjustment);
}

Date Joiner::Instrument::date_of(Timestamp time) const {
    auto const local = joiner_.policy_.fold.zones->to_local(joiner_.policy_.fold.report_zone, time);
    return local ? local->date : base::utc_local(time).date;
}

std::vector<Execution*> Joiner::Instrument::unlisted() {
    std::vector<Execution*> found;
    if (!statement_.has_trades || joiner_.part_.outdated) return found;
    bool const goes_on = joiner_.part_.covered_until && *joiner_.part_.covered_until >= index_.begin();
    Timestamp const from = goes_on ? index_.begin() - std::chrono::hours(24) : index_.begin();
    Timestamp const last_day = index_.end() - std::chrono::hours(24);
    for (auto& execution : facts_.executions) {
        bool const counts = execution.in_force() && execution.booking == Booking::booked && execution.transaction_id.empty();
        if (!counts || execution.time < from) continue;
        bool const certain = execution.time < last_day || (is_of_calendar_day() && execution.time < index_.known_until());
        if (certain) found.push_back(&execution);
    }
    return found;
}

bool Joiner::Instrument::is_of_calendar_day() const {
    return trades_by_calendar_day(*facts_.instrument) &&
           (!statement_.generated_at || *statement_.generated_at >= index_.evening());
}

void Joiner::Instrument::leave_to_next_day(Decimal const& missing) {
    std::vector<Execution const*> late;
    Decimal sum;
    for (auto const& execution : facts_.executions) {
        bool const open = counts_until_end(execution) && execution.transaction_id.empty();
        bool const last_hours = execution.time >= index_.end() - std::chrono::hours(24) && !is_of_calendar_day();
        if (!open || !last_hours) continue;
        late.push_back(&execution);
        sum += execution.signed_quantity();
    }
    if (late.empty() || -sum != missing) return;
    for (auto const* execution : late)
        of_next_day_.insert(execution->exec_id);
}

void Joiner::Instrument::cancel_unlisted(Decimal const& missing) {
    auto const candidates = unlisted();
    Decimal sum;
    for (auto const* execution : candidates)
        sum += execution->signed_quantity();
    auto const alone =
        std::find_if(candidates.begin(), candidates.end(), [&](Execution* e) { return -e->signed_quantity() == missing; });
    auto take_out = [&](Execution& execution) {
        bool const twin = has_twin(execution);
        differs(twin ? DifferenceKind::execution_duplicated : DifferenceKind::execution_not_in_statement, date_of(execution.time),
                DifferenceState::corrected, execution.exec_id, "",
                fmt::format("{} @ {}", text(execution.signed_quantity()), text(execution.price)),
                twin ? "the same fill under another id"
                     : "neither its trades nor its positions know it: taken back by the broker");
        execution.superseded_by = model::cancelled_mark(statement_.to, model::not_listed);
    };
    if (alone != candidates.end()) {
        take_out(**alone);
    } else if (!candidates.empty() && -sum == missing) {
        for (auto* execution : candidates)
            take_out(*execution);
    }
}

bool Joiner::Instrument::has_twin(Execution const& execution) const {
    return std::any_of(facts_.executions.begin(), facts_.executions.end(), [&](Execution const& other) {
        return &other != &execution && other.in_force() && other.signed_quantity() == execution.signed_quantity() &&
               other.price == execution.price && other.time == execution.time;
    });
}

void Joiner::Instrument::report_unlisted() {
    for (auto const* execution : unlisted()) {
        differs(DifferenceKind::execution_not_in_statement, execution->trade_date.value_or(date_of(execution->time)),
                DifferenceState::open, execution->exec_id, "",
                fmt::format("{} @ {}", text(execution->signed_quantity()), text(execution->price)),
                "the statement does not list it, yet its quantities agree with it");
    }
}

Decimal Joiner::Instrument::splits_since_opening(Decimal value, bool undo) const {
    for (auto const& a : facts_.adjustments) {
        if (!a.in_force() || !a.ratio) continue;
        value = base::multiply_divide_rounded(value, Decimal(undo ? a.ratio->from : a.ratio->to),
                                              Decimal(undo ? a.ratio->to : a.ratio->from), 8);
    }
    return value;
}

void Joiner::Instrument::open_with(std::optional<Decimal> const& missing) {
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
        return;
    }
    if (*needed != total || !lots.empty()) replace_openings(openings, total, *needed, std::move(lots));
    auto const left = gap();
    if (left && !left->is_zero()) report_quantity(*left);
}

std::optional<Decimal> Joiner::Instrument::consumed_before() const {
    Decimal sum;
    for (auto const* lot : says_.closed_lots) {
        if (lot->opened_at && *lot->opened_at < index_.begin()) sum += lot->quantity;
    }
    return sum.is_zero() ? std::nullopt : std::optional(sum);
}

Decimal Joiner::Instrument::added_before(Timestamp first_sight) const {
    Decimal sum;
    for (auto const& execution : facts_.executions) {
        bool const added = execution.recorded_at == joiner_.now_ && !execution.transaction_id.empty() && execution.in_force();
        if (added && execution.booking == Booking::booked && execution.time < first_sight && is_first_version(execution)) {
            sum += execution.signed_quantity();
        }
    }
    for (auto const& adjustment : facts_.adjustments) {
        bool const added = adjustment.recorded_at == joiner_.now_ && adjustment.author == by_statement && adjustment.in_force();
        if (added && !is_opening(adjustment) && adjustment.effective_at && *adjustment.effective_at < first_sight)
            sum += adjustment.quantity;
    }
    return sum;
}

bool Joiner::Instrument::is_first_version(Execution const& execution) const {
    auto const found = by_root_.find(std::string(model::execution_root(execution.exec_id)));
    return found == by_root_.end();
}

void Joiner::Instrument::replace_openings(std::vector<Adjustment*> const& openings, Decimal const& total, Decimal const& needed,
                                          std::vector<Adjustment> lots) {
    // A first sight after the first day is of another moment: that the days before explain it is no difference.
    if (!openings.empty() && total != needed && was_followed(index_.begin())) {
        differs(DifferenceKind::opening_quantity, statement_.from, DifferenceState::corrected, "", text(needed), text(total),
                "what was held before the first day of the statement");
    }
    std::optional<Decimal> const price = openings.empty() ? std::nullopt : openings.front()->price;
    Basis const basis = openings.empty() ? Basis::unknown : openings.front()->basis;
    // Pointers into the vector end with the first insertion.
    for (auto* opening : openings)
        withdraw(*opening);
    if (needed.is_zero()) return;
    if (!lots.empty()) {
        report_opening_price(lots, price, total == needed);
        for (auto& lot : lots)
            insert(std::move(lot));
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

void Joiner::Instrument::fill_hole(Decimal const& missing) {
    if (joiner_.part_.covered_until && joiner_.proposal(con_id_).empty()) {
        auto lots = opening_lots(splits_since_opening(missing, true), joiner_.part_.covered_until);
        for (auto& lot : lots)
            insert(std::move(lot));
        if (!lots.empty()) return;
    }
    report_quantity(missing);
}

void Joiner::Instrument::price_lump(Adjustment& lump) const {
    auto const* listed = says_.total_on(index_.position_date());
    bool const untouched = says_.trades.empty() && says_.transfers.empty();
    if (listed == nullptr || !untouched || !listed->cost_money || listed->quantity != splits_since_opening(lump.quantity, false))
        return;
    lump.value = listed->cost_money->abs();
    lump.basis = Basis::broker;
    name_price(lump);
}

void Joiner::Instrument::report_opening_price(std::vector<Adjustment> const& lots, std::optional<Decimal> const& before,
                                              bool same_quantity) {
    if (!before || !same_quantity) return;
    Decimal quantity;
    Decimal value;
    for (auto const& lot : lots) {
        quantity += lot.quantity.abs();
        value += lot.value.value_or(Decimal(0));
    }
    auto const factor = model::price_factor(*facts_.instrument);
    if (!factor) return;
    Decimal const average = base::divide_rounded(value, quantity * *factor, price_decimals);
    if (same_money(*before, average, quantity)) return;
    differs(DifferenceKind::opening_price, statement_.from, DifferenceState::corrected, "", text(average), text(*before),
            "what was held before the first day of the statement");
}

std::vector<Adjustment> Joiner::Instrument::opening_lots(Decimal const& needed, std::optional<Timestamp> const& since) const {
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
    for (auto const* lot : says_.closed_lots)
        add(lot->opened_at, lot->quantity, lot->cost);
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

bool Joiner::Instrument::is_traded_at(Timestamp time) const {
    return std::any_of(says_.trades.begin(), says_.trades.end(),
                       [&](StatementTrade const* trade) { return trade->time == time; });
}

void Joiner::Instrument::report_quantity(Decimal const& missing) {
    auto const listed = joiner_.listed_quantity(con_id_);
    if (!listed) return;
    Decimal const ours = *listed - missing;
    auto const kind = ours.is_zero()      ? DifferenceKind::position_missing
                      : listed->is_zero() ? DifferenceKind::position_not_in_statement
                                          : DifferenceKind::position_quantity;
    differs(kind, index_.position_date(), DifferenceState::open, "", text(*listed), text(ours), joiner_.proposal(con_id_));
}

}  // namespace possync::ledger

#include "ledger/compare.hpp"

#include <map>
#include <set>

namespace possync::ledger {

using base::Decimal;
using model::ConId;

namespace {

/// The causes of an instrument's changes in the plan, and where none is made, why.
std::string cause_of(ConId con_id, Plan const& plan, model::AccountBook const& book, bool absent) {
    std::string causes;
    std::set<model::Cause> seen;
    for (auto const& event : plan.change_set.events) {
        bool const moves = event.con_id == con_id && event.quantity_before != event.quantity_after;
        if (moves && seen.insert(event.cause).second) causes += (causes.empty() ? "" : ", ") + std::string(to_string(event.cause));
    }
    if (!causes.empty()) return causes;
    for (auto const& each : plan.change_set.breaks) {
        if (each.con_id == con_id && each.unresolved()) return std::string(to_string(each.kind));
    }
    for (auto const& [unused, each] : book.breaks) {
        if (each.con_id == con_id) return std::string(to_string(each.kind));
    }
    return absent ? "held back" : "unexplained";  // what is absent and not missing yet is held by the guard
}

/// With what contract data said of it: a row of the broker's list knows neither the price scale nor, at times, the multiplier.
model::SharedInstrument const& described(model::SharedInstrument const& named, model::AccountBook const& book, Plan const& plan) {
    for (auto const& each : plan.change_set.instruments) {
        if (each.con_id() == named.con_id()) return each;
    }
    auto const known = book.instruments.find(named.con_id());
    return known == book.instruments.end() ? named : known->second.instrument;
}

}  // namespace

std::vector<Difference> compare(model::AccountBook const& book, model::CompleteSnapshot const& snapshot, Plan const& plan) {
    std::map<ConId, Difference> differences;
    for (auto const& row : snapshot.rows()) {
        if (model::never_booked(row->instrument->sec_type)) continue;
        Difference& each = differences[row->instrument.con_id()];
        each.instrument = described(row->instrument, book, plan);
        each.broker_quantity = row->quantity;
        auto const factor = model::price_factor(*each.instrument);
        if (row->average_cost && factor && !row->quantity.is_zero()) {
            each.broker_average_price = base::divide_rounded(*row->average_cost, *factor, 10);
        }
    }
    for (auto const& [con_id, held] : book.instruments) {
        if (held.positions.empty()) continue;
        auto const& position = held.positions.back();
        if (!position.open() && !differences.contains(con_id)) continue;
        Difference& each = differences[con_id];
        each.instrument = held.instrument;
        each.book_quantity = position.quantity;
        if (position.open()) each.book_average_price = position.average_price;
    }
    std::vector<Difference> result;
    for (auto& [con_id, each] : differences) {
        Decimal const broker = each.broker_quantity.value_or(Decimal(0));
        Decimal const ours = each.book_quantity.value_or(Decimal(0));
        if (broker == ours) continue;
        each.cause = cause_of(con_id, plan, book, !each.broker_quantity);
        for (auto const& warning : plan.warnings) {
            if (warning.con_id == con_id) each.detail += (each.detail.empty() ? "" : "; ") + warning.text;
        }
        result.push_back(std::move(each));
    }
    return result;
}

}  // namespace possync::ledger

#include "ledger/plan.hpp"

#include <algorithm>

#include "ledger/claims.hpp"

namespace possync::ledger {

namespace {

/// Events that move no quantity stand on the position as it is after the change set.
void add_notices(model::AccountBook const& book, std::vector<Notice> const& notices, IdAllocator& ids,
                 model::ChangeSet& change_set) {
    for (auto const& notice : notices) {
        model::Position const* position = nullptr;
        auto const& gone = change_set.removed_positions;
        for (auto const& known : book.instruments.at(notice.con_id).positions) {
            if (std::find(gone.begin(), gone.end(), known.position_id) == gone.end()) position = &known;
        }
        if (position == nullptr) continue;  // what it was about has become part of something else
        for (auto const& changed : change_set.positions) {
            if (changed.position_id == position->position_id) position = &changed;
        }
        model::PositionEvent event;
        event.event_id = ids.take();
        event.position_id = position->position_id;
        event.con_id = notice.con_id;
        event.kind = notice.kind;
        event.cause = notice.cause;
        event.quantity_before = event.quantity_after = position->quantity;
        event.average_price_before = event.average_price_after = position->average_price;
        event.occurred_at = change_set.recorded_at;
        change_set.events.push_back(std::move(event));
    }
}

/// At least one row of each of these per changed instrument; a book that is empty learns of each instrument, and where it came from. Large
/// lists that grow fault in the same memory twice.
void make_room(model::ChangeSet& change_set, std::size_t instruments, bool of_empty_book) {
    if (of_empty_book) {
        change_set.instruments.reserve(instruments);
        change_set.adjustments.reserve(instruments);
    }
    change_set.positions.reserve(instruments);
    change_set.lots.reserve(instruments);
    change_set.history.reserve(instruments);
    change_set.events.reserve(instruments);
}

base::Result<Plan> make_plan(model::AccountBook const& book, model::Observation const& observation, Policy const& policy,
                             StatementPart const* statement) {
    Plan plan;
    model::ChangeSet& change_set = plan.change_set;
    change_set.account_id = book.account_id;
    change_set.base_revision = book.revision;
    change_set.recorded_at = observation.observed_at;

    IdAllocator ids(book.account_id, book.next_id);
    POSSYNC_TRY(Explanation explanation, statement != nullptr ? explain(book, *statement, observation, policy, ids)
                                                              : explain(book, observation, policy, ids));
    static model::InstrumentBook const unknown;
    make_room(change_set, explanation.changed.size(), book.instruments.empty());
    Claims claims(book, observation, policy, ids);
    for (auto& facts : explanation.changed) {
        claims.compare_realized_pnl(facts);
        auto const found = book.instruments.find(facts.instrument.con_id());
        model::InstrumentBook const& was = found == book.instruments.end() ? unknown : found->second;
        POSSYNC_TRY_VOID(diff(was, facts, policy.fold, ids, change_set));
        claims.compare_changed_cost(facts, change_set);
        facts = {};  // a first sight holds them all twice otherwise
    }
    auto const changed = static_cast<std::ptrdiff_t>(change_set.instruments.size());
    for (auto& instrument : explanation.described) change_set.instruments.push_back(std::move(instrument));
    std::inplace_merge(change_set.instruments.begin(), change_set.instruments.begin() + changed, change_set.instruments.end(),
                       [](auto const& a, auto const& b) { return a.con_id() < b.con_id(); });
    add_notices(book, explanation.notices, ids, change_set);
    claims.compare_unchanged_costs();
    change_set.breaks = std::move(explanation.breaks);
    for (auto& differs : claims.take()) change_set.breaks.push_back(std::move(differs));
    plan.first_sight = book.revision == 0 && statement == nullptr;
    change_set.next_id = change_set.empty() ? book.next_id : ids.next();

    plan.warnings = std::move(explanation.warnings);
    plan.pending_executions = explanation.pending_executions;
    plan.settling = explanation.settling;
    plan.rests_gone = explanation.rests_gone;
    plan.unexplained = explanation.unexplained;
    plan.missing = explanation.missing;
    plan.guard_held = explanation.guard_held;
    plan.differences = std::move(explanation.differences);
    plan.successions = std::move(explanation.successions);
    return plan;
}

base::Result<Plan> plan_exactly(model::AccountBook const& book, model::Observation const& observation, Policy const& policy,
                                StatementPart const* statement) {
    try {
        return make_plan(book, observation, policy, statement);
    } catch (base::DecimalOverflow const& overflow) {
        return base::fail(base::ErrorCode::out_of_range,
                          std::string("what was observed cannot be calculated exactly: ") + overflow.what());
    }
}

}  // namespace

base::Result<Plan> plan(model::AccountBook const& book, model::Observation const& observation, Policy const& policy) {
    return plan_exactly(book, observation, policy, nullptr);
}

base::Result<Plan> plan_statement(model::AccountBook const& book, StatementPart const& statement, base::Timestamp now,
                                  Policy const& policy) {
    model::Observation observation;
    observation.observed_at = now;
    return plan_exactly(book, observation, policy, &statement);
}

}  // namespace possync::ledger

#include "ledger/diff.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string_view>

#include "base/planted_bug.hpp"

namespace possync::ledger {

using base::Timestamp;
using model::ChangeSet;
using model::Close;
using model::EventKind;
using model::HistoryEnd;
using model::HistoryRow;
using model::InstrumentBook;
using model::Lot;
using model::Position;
using model::PositionEvent;
using model::RowId;

namespace {

/// Same movement of quantity out of the same state, after steps that were the same; prices and P&L may have been revised.
bool same_movement(Step const& a, Step const& b) {
    return a.fact == b.fact && a.kind == b.kind && a.quantity_after == b.quantity_after;
}

std::size_t common_prefix(std::vector<Step> const& a, std::vector<Step> const& b) {
    std::size_t n = 0;
    while (n < a.size() && n < b.size() && same_movement(a[n], b[n])) ++n;
    return n;
}

class Differ {
public:
    Differ(InstrumentBook const& book, InstrumentFacts const& facts, Folded const& before, Folded& after,
           IdAllocator& ids, ChangeSet& change_set)
        : book_(book), facts_(facts), before_(before), after_(after), ids_(ids), out_(change_set) {}

    void run() {
        add_facts();
        number_positions();
        add_positions();
        add_closes();
        add_lots();
        add_history();
        add_events();
    }

private:
    template <typename Row, typename Key>
    static void add_changed(std::vector<Row> const& was, std::vector<Row> const& is, Key key, std::vector<Row>& out) {
        std::map<decltype(key(std::declval<Row const&>())), Row const*> known;
        for (auto const& row : was) known.emplace(key(row), &row);
        for (auto const& row : is) {
            auto const found = known.find(key(row));
            if (found == known.end() || *found->second != row) out.push_back(row);
        }
    }

    void add_facts() {
        if (book_.instrument != facts_.instrument) out_.instruments.push_back(facts_.instrument);
        add_changed(book_.executions, facts_.executions, [](auto const& e) { return std::string_view(e.exec_id); },
                    out_.executions);
        add_changed(book_.adjustments, facts_.adjustments, [](auto const& a) { return a.adjustment_id; },
                    out_.adjustments);
    }

    void number_positions() {
        for (std::size_t i = 0; i < after_.positions.size(); ++i) {
            RowId const id = i < book_.positions.size() ? book_.positions[i].position_id : ids_.take();
            position_ids_.push_back(id);
            after_.positions[i].position_id = id;
        }
        for (std::size_t i = after_.positions.size(); i < book_.positions.size(); ++i) {
            out_.removed_positions.push_back(book_.positions[i].position_id);
        }
    }

    void add_positions() {
        for (std::size_t i = 0; i < after_.positions.size(); ++i) {
            Position& row = after_.positions[i];
            if (i < book_.positions.size()) {
                row.revision = book_.positions[i].revision;
                if (row == book_.positions[i]) continue;
            }
            row.revision = out_.base_revision + 1;
            out_.positions.push_back(row);
        }
    }

    /// Gives rows made by the same fact the id they had; reports changed and vanished ones.
    template <typename Row, typename Name, typename Id>
    void add_named(std::vector<Row> const& was, std::vector<Row>& is, Name name, Id id, std::vector<Row>& changed,
                   std::vector<RowId>& removed) {
        std::map<std::string_view, Row const*> known;
        for (auto const& row : was) known.emplace(name(row), &row);
        for (auto& row : is) {
            row.position_id = position_ids_[static_cast<std::size_t>(row.position_id - 1)];
            auto const found = known.find(name(row));
            if (found == known.end()) {
                id(row) = ids_.take();
                changed.push_back(row);
                continue;
            }
            Row const& old = *found->second;
            known.erase(found);
            id(row) = id(old);
            if (row != old) changed.push_back(row);
        }
        auto const first = static_cast<std::ptrdiff_t>(removed.size());
        for (auto const& [unused, row] : known) removed.push_back(id(*row));
        std::sort(removed.begin() + first, removed.end());
    }

    void add_closes() {
        add_named(
            book_.closes, after_.closes, [](Close const& row) { return std::string_view(row.closing_fact); },
            [](auto& row) -> auto& { return row.close_id; }, out_.closes, out_.removed_closes);
    }

    void add_lots() {
        add_named(
            book_.lots, after_.lots, [](Lot const& row) { return std::string_view(row.opening_fact); },
            [](auto& row) -> auto& { return row.lot_id; }, out_.lots, out_.removed_lots);
    }

    // --- history ---------------------------------------------------------------------------------------------

    /// The steps of a position: they stand together, in order of the positions.
    static std::span<Step const> steps_of(std::vector<Step> const& steps, std::size_t position) {
        auto const [first, last] = std::equal_range(steps.begin(), steps.end(), position, OfPosition{});
        return {first, last};
    }
    struct OfPosition {
        bool operator()(Step const& step, std::size_t position) const { return step.position < position; }
        bool operator()(std::size_t position, Step const& step) const { return position < step.position; }
    };

    static std::vector<HistoryRow> history_of(Folded const& folded, std::size_t position, RowId id) {
        auto const steps = steps_of(folded.steps, position);
        std::vector<HistoryRow> rows;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            Step const& step = steps[i];
            Timestamp from = step.time.value_or(step.known_at);
            // What was held before the first sight is stated from then on, but never after the next movement.
            if (!step.time && i + 1 < steps.size() && steps[i + 1].time) from = std::min(from, *steps[i + 1].time);
            if (!rows.empty()) {
                from = std::max(from, rows.back().valid_from);
                rows.back().valid_to = from;
                if (rows.back().valid_from == from) rows.pop_back();  // lasted no time
            }
            HistoryRow row;
            row.position_id = id;
            row.valid_from = from;
            row.quantity = step.quantity_after;
            row.average_price = step.average_price_after;
            row.realized_pnl = step.realized_pnl_after;
            row.commissions = step.commissions_after;
            rows.push_back(std::move(row));
        }
        return rows;
    }

    void add_history() {
        std::size_t const count = std::max(book_.positions.size(), after_.positions.size());
        for (std::size_t i = 0; i < count; ++i) {
            bool const is_old = i < book_.positions.size();
            RowId const id = is_old ? book_.positions[i].position_id : position_ids_[i];
            auto const was = is_old ? history_of(before_, i, id) : std::vector<HistoryRow>{};
            auto const is = i < after_.positions.size() ? history_of(after_, i, id) : std::vector<HistoryRow>{};
            // Both in order of valid_from, each instant once.
            auto differs = [](HistoryRow const& row, std::vector<HistoryRow> const& others) {
                auto const at = std::lower_bound(others.begin(), others.end(), row.valid_from,
                                                 [](HistoryRow const& other, Timestamp time) { return other.valid_from < time; });
                return at == others.end() || *at != row;
            };
            for (auto const& row : was) {
                if (differs(row, is) && !POSSYNC_PLANTED_BUG(history_left_open)) out_.history_ends.push_back({row.position_id, row.valid_from});
            }
            for (auto const& row : is) {
                if (differs(row, was)) out_.history.push_back(row);
            }
        }
    }

    // --- events ----------------------------------------------------------------------------------------------

    static Step const* last_step(std::vector<Step> const& steps, std::size_t position, std::size_t from, std::size_t to) {
        auto const of = steps_of(steps, position);
        if (of.empty()) return nullptr;
        auto const begin = static_cast<std::size_t>(of.data() - steps.data());
        std::size_t const end = std::min(begin + of.size(), to);
        return end > std::max(begin, from) ? &steps[end - 1] : nullptr;
    }

    PositionEvent& add_event(RowId position_id, EventKind kind, Step const& step) {
        PositionEvent event;
        event.event_id = ids_.take();
        event.position_id = position_id;
        event.con_id = facts_.instrument.con_id();
        event.kind = kind;
        event.cause = step.cause;
        event.quantity_before = step.quantity_before;
        event.quantity_after = step.quantity_after;
        event.average_price_before = step.average_price_before;
        event.average_price_after = step.average_price_after;
        event.occurred_at = step.time;
        event.exec_id = step.exec_id;
        out_.events.push_back(std::move(event));
        return out_.events.back();
    }

    /// The past changed: one event leads from what was committed to what holds now.
    void add_rewritten(std::size_t index, Step const& cause) {
        if (POSSYNC_PLANTED_BUG(rewriting_tells_no_event)) return;
        Position const& was = book_.positions[index];
        bool const gone = index >= after_.positions.size();
        base::Decimal const quantity = gone ? base::Decimal(0) : after_.positions[index].quantity;
        EventKind kind = EventKind::adjusted;
        if (quantity.is_zero() && !was.quantity.is_zero()) kind = EventKind::closed;
        if (!quantity.is_zero() && was.quantity.is_zero()) kind = EventKind::reopened;
        PositionEvent& event = add_event(was.position_id, kind, cause);
        event.quantity_before = was.quantity;
        event.quantity_after = quantity;
        event.average_price_before = was.average_price;
        event.average_price_after = gone ? std::nullopt : after_.positions[index].average_price;
    }

    /// The movements stand, but prices, P&L or commissions of the past were revised.
    void add_repriced(std::size_t index, Step const& last) {
        Position const& was = book_.positions[index];
        if (was.average_price == last.average_price_after && was.realized_pnl == last.realized_pnl_after &&
            was.commissions == last.commissions_after) {
            return;
        }
        PositionEvent& event = add_event(was.position_id, EventKind::repriced, last);
        event.quantity_before = was.quantity;
        event.average_price_before = was.average_price;
    }

    void add_events() {
        std::size_t const prefix = common_prefix(before_.steps, after_.steps);
        std::vector<bool> rewritten(after_.positions.size(), false);
        for (std::size_t i = 0; i < book_.positions.size(); ++i) {
            Step const* const dropped = last_step(before_.steps, i, prefix, before_.steps.size());
            if (dropped != nullptr) {
                Step const* const cause = last_step(after_.steps, i, prefix, after_.steps.size());
                add_rewritten(i, cause != nullptr ? *cause : *dropped);
                if (i < rewritten.size()) rewritten[i] = true;
            } else {
                add_repriced(i, *last_step(after_.steps, i, 0, prefix));
            }
        }
        for (std::size_t i = prefix; i < after_.steps.size(); ++i) {
            Step const& step = after_.steps[i];
            if (!rewritten[step.position]) add_event(position_ids_[step.position], step.kind, step);
        }
    }

    InstrumentBook const& book_;
    InstrumentFacts const& facts_;
    Folded const& before_;
    Folded& after_;
    IdAllocator& ids_;
    ChangeSet& out_;
    std::vector<RowId> position_ids_;
};

}  // namespace

base::Result<void> diff(InstrumentBook const& book, InstrumentFacts const& facts, FoldOptions const& options,
                        IdAllocator& ids, ChangeSet& change_set) {
    bool const is_new = book.executions.empty() && book.adjustments.empty();  // at a first sight all are
    Folded before = is_new ? Folded{} : fold_or_throw(*book.instrument, book.executions, book.adjustments, options);
    Folded after = fold_or_throw(*facts.instrument, facts.executions, facts.adjustments, options);
    if (before.positions.size() != book.positions.size()) {
        return base::fail(base::ErrorCode::internal,
                          "the facts kept for " + facts.instrument->symbol +
                              " do not fold to its stored positions; run `possync verify`");
    }
    Differ(book, facts, before, after, ids, change_set).run();
    return {};
}

}  // namespace possync::ledger

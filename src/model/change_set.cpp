#include "model/change_set.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "model/words.hpp"

namespace possync::model {

namespace {

constexpr Words<EventKind, 10> event_kinds{{{EventKind::opened, "opened"},
                                            {EventKind::increased, "increased"},
                                            {EventKind::reduced, "reduced"},
                                            {EventKind::closed, "closed"},
                                            {EventKind::adjusted, "adjusted"},
                                            {EventKind::missing, "missing"},
                                            {EventKind::found, "found"},
                                            {EventKind::repriced, "repriced"},
                                            {EventKind::reopened, "reopened"},
                                            {EventKind::split, "split"}}};

InstrumentBook& instrument_of(AccountBook& book, ConId con_id) {
    auto const found = book.instruments.find(con_id);
    CHECK(found != book.instruments.end());  // a change set carries the instrument before its rows
    return found->second;
}

/// Rows with the same key are replaced, others added; the vector stays sorted by `order`.
template <typename Row, typename Key, typename Order>
void upsert(std::vector<Row>& rows, Row const& row, Key key, Order order) {
    for (auto& existing : rows) {
        if (key(existing) == key(row)) {
            existing = row;
            return;
        }
    }
    auto const at = std::upper_bound(rows.begin(), rows.end(), row,
                                     [&](Row const& a, Row const& b) { return order(a) < order(b); });
    rows.insert(at, row);
}

template <typename Row, typename Id>
void remove(AccountBook& book, std::vector<RowId> const& removed, std::vector<Row> InstrumentBook::* rows, Id id) {
    if (removed.empty()) return;
    for (auto& [unused, instrument] : book.instruments) {
        std::erase_if(instrument.*rows,
                      [&](Row const& row) { return std::find(removed.begin(), removed.end(), id(row)) != removed.end(); });
    }
}

}  // namespace

std::string_view to_string(EventKind kind) { return word_of(event_kinds, kind); }

bool ChangeSet::empty() const {
    return instruments.empty() && executions.empty() && adjustments.empty() && positions.empty() && closes.empty() &&
           lots.empty() && removed_positions.empty() && removed_closes.empty() && removed_lots.empty() &&
           history_ends.empty() && history.empty() && events.empty() && breaks.empty();
}

ChangeCounts count_changes(ChangeSet const& change_set) {
    ChangeCounts counts;
    for (auto const& event : change_set.events) {
        switch (event.kind) {
            case EventKind::opened:
            case EventKind::reopened: ++counts.positions_created; break;
            case EventKind::closed: ++counts.positions_closed; break;
            case EventKind::increased:
            case EventKind::reduced:
            case EventKind::split: ++counts.positions_updated; break;
            case EventKind::adjusted:
                if (event.quantity_before != event.quantity_after) ++counts.positions_updated;
                break;
            case EventKind::missing:
            case EventKind::found:
            case EventKind::repriced: break;
        }
    }
    return counts;
}

void apply(AccountBook& book, ChangeSet const& change_set) {
    CHECK(book.account_id == change_set.account_id);
    CHECK(book.revision == change_set.base_revision);
    for (auto const& instrument : change_set.instruments) book.instruments[instrument.con_id].instrument = instrument;

    auto const position_id = [](Position const& row) { return row.position_id; };
    auto const close_id = [](Close const& row) { return row.close_id; };
    auto const lot_id = [](Lot const& row) { return row.lot_id; };
    remove(book, change_set.removed_positions, &InstrumentBook::positions, position_id);
    remove(book, change_set.removed_closes, &InstrumentBook::closes, close_id);
    remove(book, change_set.removed_lots, &InstrumentBook::lots, lot_id);

    for (auto const& row : change_set.executions) {
        upsert(
            instrument_of(book, row.con_id).executions, row, [](Execution const& e) { return std::string_view(e.exec_id); },
            // Corrections share one place in the order; among them the id decides, not who came first.
            [](Execution const& e) { return std::pair(order_of(e), std::string_view(e.exec_id)); });
    }
    for (auto const& row : change_set.adjustments) {
        upsert(
            instrument_of(book, row.con_id).adjustments, row, [](Adjustment const& a) { return a.adjustment_id; },
            [](Adjustment const& a) { return order_of(a); });
    }
    for (auto const& row : change_set.positions) {
        upsert(instrument_of(book, row.con_id).positions, row, position_id, position_id);
    }
    for (auto const& row : change_set.closes) {
        upsert(instrument_of(book, row.con_id).closes, row, close_id, close_id);
    }
    for (auto const& row : change_set.lots) upsert(instrument_of(book, row.con_id).lots, row, lot_id, lot_id);
    for (auto const& row : change_set.breaks) {
        if (row.unresolved()) {
            book.breaks[row.break_id] = row;
        } else {
            book.breaks.erase(row.break_id);
        }
    }
    book.revision = change_set.base_revision + 1;
    book.next_id = change_set.next_id;
}

}  // namespace possync::model

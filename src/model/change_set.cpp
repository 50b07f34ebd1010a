#include "model/change_set.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
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

/// A few rows are looked for one by one, many through an index of their keys.
constexpr std::size_t few = 8;

/// Rows with the same key are replaced, others added; the vector stays sorted by `order`, which a replacement may change.
template <typename Row, typename Key, typename Order>
void upsert(std::vector<Row>& rows, std::vector<Row const*> const& changed, Key key, Order order) {
    auto const before = [&](Row const& a, Row const& b) { return order(a) < order(b); };
    if (changed.size() <= few) {
        for (Row const* row : changed) {
            auto const same = std::find_if(rows.begin(), rows.end(), [&](Row const& existing) { return key(existing) == key(*row); });
            if (same != rows.end()) {
                if (order(*same) == order(*row)) {
                    *same = *row;
                    continue;
                }
                rows.erase(same);
            }
            rows.insert(std::upper_bound(rows.begin(), rows.end(), *row, before), *row);
        }
        return;
    }
    std::map<std::decay_t<decltype(key(rows.front()))>, Row const*> wanted;
    for (Row const* row : changed) wanted[key(*row)] = row;
    for (auto& existing : rows) {
        auto const found = wanted.find(key(existing));
        if (found == wanted.end()) continue;
        Row const* const row = found->second;
        wanted.erase(found);
        existing = *row;
    }
    for (auto const& [unused, row] : wanted) rows.push_back(*row);
    std::sort(rows.begin(), rows.end(), before);
}

/// The rows of a change set by the instrument they belong to.
template <typename Row, typename Key, typename Order>
void upsert(AccountBook& book, std::vector<Row> const& changed, std::vector<Row> InstrumentBook::* rows, Key key, Order order) {
    std::map<ConId, std::vector<Row const*>> by_instrument;
    for (auto const& row : changed) by_instrument[row.con_id].push_back(&row);
    for (auto const& [con_id, of_instrument] : by_instrument) upsert(instrument_of(book, con_id).*rows, of_instrument, key, order);
}

template <typename Row, typename Id>
void remove(AccountBook& book, std::vector<RowId> const& removed, std::vector<Row> InstrumentBook::* rows, Id id) {
    if (removed.empty()) return;
    std::set<RowId> const gone(removed.begin(), removed.end());
    for (auto& [unused, instrument] : book.instruments) {
        std::erase_if(instrument.*rows, [&](Row const& row) { return gone.contains(id(row)); });
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
    for (auto const& instrument : change_set.instruments) book.instruments[instrument.con_id()].instrument = instrument;

    auto const position_id = [](Position const& row) { return row.position_id; };
    auto const close_id = [](Close const& row) { return row.close_id; };
    auto const lot_id = [](Lot const& row) { return row.lot_id; };
    remove(book, change_set.removed_positions, &InstrumentBook::positions, position_id);
    remove(book, change_set.removed_closes, &InstrumentBook::closes, close_id);
    remove(book, change_set.removed_lots, &InstrumentBook::lots, lot_id);

    upsert(
        book, change_set.executions, &InstrumentBook::executions, [](Execution const& e) { return std::string_view(e.exec_id); },
        // Corrections share one place in the order; among them the id decides, not who came first.
        [](Execution const& e) { return std::pair(order_of(e), std::string_view(e.exec_id)); });
    upsert(
        book, change_set.adjustments, &InstrumentBook::adjustments, [](Adjustment const& a) { return a.adjustment_id; },
        [](Adjustment const& a) { return order_of(a); });
    upsert(book, change_set.positions, &InstrumentBook::positions, position_id, position_id);
    upsert(book, change_set.closes, &InstrumentBook::closes, close_id, close_id);
    upsert(book, change_set.lots, &InstrumentBook::lots, lot_id, lot_id);
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

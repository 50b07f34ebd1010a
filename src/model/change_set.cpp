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

/// Many new instruments are put among the others all at once: each moves those behind it.
void describe(AccountBook& book, std::vector<SharedInstrument> const& described) {
    InstrumentBooks added;
    for (auto const& instrument : described) {
        auto const known = book.instruments.find(instrument.con_id());
        (known != book.instruments.end() ? known->second : added[instrument.con_id()]).instrument = instrument;
    }
    if (added.size() > few) {
        book.instruments.merge(std::move(added));
    } else {
        for (auto& [con_id, instrument] : added) book.instruments.emplace(con_id, std::move(instrument));
    }
}

/// Where a plan removes rows it also names their instrument; other change sets need not.
std::vector<InstrumentBook*> named_instruments(AccountBook& book, ChangeSet const& change_set) {
    std::set<ConId> con_ids;
    for (auto const& row : change_set.instruments) con_ids.insert(con_ids.end(), row.con_id());
    for (auto const& row : change_set.executions) con_ids.insert(row.con_id);
    for (auto const& row : change_set.adjustments) con_ids.insert(row.con_id);
    for (auto const& row : change_set.positions) con_ids.insert(row.con_id);
    std::vector<InstrumentBook*> named;
    for (ConId const con_id : con_ids) named.push_back(&instrument_of(book, con_id));
    return named;
}

template <typename Row, typename Id>
void remove(AccountBook& book, std::vector<InstrumentBook*> const& named, std::vector<RowId> const& removed,
            std::vector<Row> InstrumentBook::* rows, Id id) {
    std::set<RowId> gone(removed.begin(), removed.end());
    auto const remove_from = [&](InstrumentBook& instrument) {
        std::erase_if(instrument.*rows, [&](Row const& row) { return gone.erase(id(row)) > 0; });
    };
    for (auto* const instrument : named) {
        if (gone.empty()) return;
        remove_from(*instrument);
    }
    if (gone.empty()) return;
    for (auto& [unused, instrument] : book.instruments) remove_from(instrument);
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
    describe(book, change_set.instruments);

    auto const position_id = [](Position const& row) { return row.position_id; };
    auto const close_id = [](Close const& row) { return row.close_id; };
    auto const lot_id = [](Lot const& row) { return row.lot_id; };
    bool const removes = !change_set.removed_positions.empty() || !change_set.removed_closes.empty() || !change_set.removed_lots.empty();
    auto const named = removes ? named_instruments(book, change_set) : std::vector<InstrumentBook*>();
    remove(book, named, change_set.removed_positions, &InstrumentBook::positions, position_id);
    remove(book, named, change_set.removed_closes, &InstrumentBook::closes, close_id);
    remove(book, named, change_set.removed_lots, &InstrumentBook::lots, lot_id);

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

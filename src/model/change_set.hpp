// A ChangeSet is what one observation changes in one account: a value that can be printed, compared, committed whole
// or not at all. A store's whole duty is load(commit(database, change_set)) == apply(load(database), change_set).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/book.hpp"

namespace possync::model {

enum class EventKind { opened, increased, reduced, closed, adjusted, missing, found, repriced, reopened, split };
[[nodiscard]] std::string_view to_string(EventKind kind);

/// Append-only explanation of a change. Per position each event's "after" is the next one's "before".
struct PositionEvent {
    RowId event_id = 0;
    RowId position_id = 0;
    ConId con_id = 0;
    EventKind kind = EventKind::opened;
    Cause cause = Cause::execution;
    base::Decimal quantity_before;
    base::Decimal quantity_after;
    std::optional<base::Decimal> average_price_before;
    std::optional<base::Decimal> average_price_after;
    std::optional<base::Timestamp> occurred_at;
    std::string exec_id;

    bool operator==(PositionEvent const&) const = default;
};

/// A stretch of a position's life: valid [valid_from, valid_to), known since recorded_from (the commit that adds it).
struct HistoryRow {
    RowId position_id = 0;
    base::Timestamp valid_from;
    std::optional<base::Timestamp> valid_to;  ///< unset: until further notice
    base::Decimal quantity;
    std::optional<base::Decimal> average_price;
    base::Decimal realized_pnl;
    std::optional<base::Decimal> commissions;

    bool operator==(HistoryRow const&) const = default;
};

/// Ends what was believed: rows of this position and valid_from with recorded_to unset get recorded_to = recorded_at.
struct HistoryEnd {
    RowId position_id = 0;
    base::Timestamp valid_from;
    bool operator==(HistoryEnd const&) const = default;
};

struct ChangeSet {
    AccountId account_id = 0;
    Revision base_revision = 0;  ///< of the book it was planned on; the commit makes base_revision + 1
    base::Timestamp recorded_at;
    std::int64_t next_id = 1;  ///< the account's counter afterwards

    std::vector<SharedInstrument> instruments;  ///< new or changed, by con_id
    std::vector<Execution> executions;          ///< new or changed, by exec_id
    std::vector<Adjustment> adjustments;        ///< new or changed, by adjustment_id
    std::vector<Position> positions;            ///< new or changed
    std::vector<Close> closes;                  ///< new or changed
    std::vector<Lot> lots;                      ///< new or changed
    std::vector<RowId> removed_positions;       ///< leave the views (superseded_at), rows are kept
    std::vector<RowId> removed_closes;
    std::vector<RowId> removed_lots;
    std::vector<HistoryEnd> history_ends;       ///< applied before history
    std::vector<HistoryRow> history;
    std::vector<PositionEvent> events;          ///< in event_id order
    std::vector<Break> breaks;                  ///< new or changed

    /// Nothing to commit.
    [[nodiscard]] bool empty() const;
    bool operator==(ChangeSet const&) const = default;
};

/// What is committed is also applied and told to others: one value, shared and never changed.
using SharedChangeSet = std::shared_ptr<ChangeSet const>;
[[nodiscard]] inline SharedChangeSet share(ChangeSet change_set) {
    return std::make_shared<ChangeSet const>(std::move(change_set));
}

struct ChangeCounts {
    int positions_created = 0;
    int positions_updated = 0;
    int positions_closed = 0;
    bool operator==(ChangeCounts const&) const = default;
};
/// Events counted as opened / closed / other changes of quantity (a flip is 1 + 1).
[[nodiscard]] ChangeCounts count_changes(ChangeSet const& change_set);

/// The book after the commit. Precondition: same account, book.revision == change_set.base_revision.
void apply(AccountBook& book, ChangeSet const& change_set);

}  // namespace possync::model

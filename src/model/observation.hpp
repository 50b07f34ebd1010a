// What the broker said, as values without any trace of the wire. A complete snapshot can only be made by the
// assembler, when the End message of the same request on the same connection has come: half a snapshot has no type.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/facts.hpp"

namespace possync::sync {
class SnapshotAssembler;
}

namespace possync::model {

struct BrokerPosition {
    SharedInstrument instrument;  ///< as far as the message describes it; details_known is false
    base::Decimal quantity;
    std::optional<base::Decimal> average_cost;  ///< per unit, with multiplier and commissions, in the currency
    bool operator==(BrokerPosition const&) const = default;
};

/// A row of a list, shared with the later lists that repeat it: two rows at one address are equal.
using BrokerRow = std::shared_ptr<BrokerPosition const>;

/// All positions of one account at one moment. Positions it does not name are not held.
class CompleteSnapshot {
public:
    /// In order of conId, each once.
    [[nodiscard]] std::vector<BrokerRow> const& rows() const { return rows_; }
    /// Rows with a quantity; a row of zero is a position closed lately.
    [[nodiscard]] int held() const { return held_; }
    [[nodiscard]] BrokerPosition const* find(ConId con_id) const {
        auto const at = std::lower_bound(rows_.begin(), rows_.end(), con_id,
                                         [](BrokerRow const& row, ConId key) { return row->instrument.con_id() < key; });
        return at == rows_.end() || (*at)->instrument.con_id() != con_id ? nullptr : at->get();
    }
    /// Connection and request it came from; a further look is one with another number.
    [[nodiscard]] std::int64_t request_number() const { return request_number_; }
    [[nodiscard]] std::int64_t connection_number() const { return connection_number_; }

private:
    friend class possync::sync::SnapshotAssembler;
    friend struct SnapshotForTests;  // tests of the ledger make snapshots directly
    CompleteSnapshot() = default;
    std::vector<BrokerRow> rows_;
    int held_ = 0;
    std::int64_t request_number_ = 0;
    std::int64_t connection_number_ = 0;
};

struct CommissionReport {
    std::string exec_id;
    ConId con_id = 0;  ///< of the execution, where the reader of the report knows it; the wire does not say
    std::optional<base::Decimal> commission;
    std::string currency;
    std::optional<base::Decimal> realized_pnl;
    bool operator==(CommissionReport const&) const = default;
};

struct Mark {
    base::Decimal price;  ///< quoted unit
    base::Timestamp marked_at;
    std::optional<base::Decimal> market_value;  ///< as the broker states it
    std::optional<base::Decimal> broker_unrealized_pnl;
    bool operator==(Mark const&) const = default;
};

/// An execution of this account as received, with the contract it names.
struct ObservedExecution {
    Execution execution;
    SharedInstrument instrument;
    bool operator==(ObservedExecution const&) const = default;
};

/// What the operator states, instead of an UPDATE by hand. Each is kept with its author, and can be undone.
struct ExplainEdit {
    RowId id = 0;  ///< of an unresolved break, or of an adjustment whose price or cause was not known
    Cause cause = Cause::manual;
    std::optional<base::Decimal> price;  ///< quoted unit
    std::optional<Ratio> ratio;          ///< of a split
    std::string note;
    std::string author;
};
/// The fill, with all its corrections, does not count.
struct ExcludeEdit {
    std::string exec_id;
    std::string author;
};
/// Withdraws an adjustment (by its id or that of the event it caused), or lets an excluded fill count again.
struct UndoEdit {
    RowId id = 0;
    std::string exec_id;
    std::string author;
};
using Edit = std::variant<ExplainEdit, ExcludeEdit, UndoEdit>;

struct Observation {
    base::Timestamp observed_at;
    std::optional<CompleteSnapshot> snapshot;         ///< a complete list, or
    std::vector<BrokerPosition> position_pushes;      ///< single positions that changed, after the snapshot where there is one
    std::vector<ObservedExecution> executions;        ///< any order, repeats allowed
    std::vector<CommissionReport> commissions;        ///< any order, repeats allowed
    bool executions_complete = false;                 ///< a pull of executions ended with its End message
    std::vector<SharedInstrument> instruments;        ///< contract data that came
    std::vector<Edit> edits;                          ///< by the operator; at most one at a time is usual
    std::map<ConId, Mark> const* marks = nullptr;     ///< latest prices known, for estimates; not owned

    [[nodiscard]] Mark const* mark_of(ConId con_id) const {
        if (marks == nullptr) return nullptr;
        auto const found = marks->find(con_id);
        return found == marks->end() ? nullptr : &found->second;
    }
};

}  // namespace possync::model

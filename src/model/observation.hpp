// What the broker said, as values without any trace of the wire. A complete snapshot can only be made by the
// assembler, when the End message of the same request on the same connection has come: half a snapshot has no type.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/facts.hpp"

namespace possync::sync {
class SnapshotAssembler;
}

namespace possync::model {

struct BrokerPosition {
    Instrument instrument;  ///< as far as the message describes it; details_known is false
    base::Decimal quantity;
    std::optional<base::Decimal> average_cost;  ///< per unit, with multiplier and commissions, in the currency
    bool operator==(BrokerPosition const&) const = default;
};

/// All positions of one account at one moment. Positions it does not name are not held.
class CompleteSnapshot {
public:
    [[nodiscard]] std::map<ConId, BrokerPosition> const& positions() const { return positions_; }
    /// Connection and request it came from; a further look is one with another number.
    [[nodiscard]] std::int64_t request_number() const { return request_number_; }
    [[nodiscard]] std::int64_t connection_number() const { return connection_number_; }
    bool operator==(CompleteSnapshot const&) const = default;

private:
    friend class possync::sync::SnapshotAssembler;
    friend struct SnapshotForTests;  // tests of the ledger make snapshots directly
    CompleteSnapshot() = default;
    std::map<ConId, BrokerPosition> positions_;
    std::int64_t request_number_ = 0;
    std::int64_t connection_number_ = 0;
};

struct CommissionReport {
    std::string exec_id;
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
    Instrument instrument;
    bool operator==(ObservedExecution const&) const = default;
};

struct Observation {
    base::Timestamp observed_at;
    std::optional<CompleteSnapshot> snapshot;         ///< a complete list, or
    std::vector<BrokerPosition> position_pushes;      ///< single positions that changed
    std::vector<ObservedExecution> executions;        ///< any order, repeats allowed
    std::vector<CommissionReport> commissions;        ///< any order, repeats allowed
    bool executions_complete = false;                 ///< a pull of executions ended with its End message
    std::vector<Instrument> instruments;              ///< contract data that came
    std::map<ConId, Mark> const* marks = nullptr;     ///< latest prices known, for estimates; not owned

    [[nodiscard]] Mark const* mark_of(ConId con_id) const {
        if (marks == nullptr) return nullptr;
        auto const found = marks->find(con_id);
        return found == marks->end() ? nullptr : &found->second;
    }
};

}  // namespace possync::model

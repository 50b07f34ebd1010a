// From rows back to the book. Which rows: the open positions and those closed since `cutoff`, every other episode that a fold of
// their facts makes too, their facts from the start of the chain on, and all facts since `cutoff`. Of an instrument of which a rest
// or a fill waits to be explained, since that one, however old it is. Folding the loaded facts therefore gives exactly the loaded
// positions.
//
// The rule is here, once; a store brings the rows (BookRows), as many at a time as suit it. Runs inside the store's transaction,
// so that all parts are of one revision.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/book.hpp"

namespace possync::store {

/// The rows of one account (of one instrument, where the store was told so). Ids come in ascending order.
class BookRows {
public:
    virtual ~BookRows() = default;

    /// Called with the time of each rest that is not explained yet, and of the oldest fill that moved no position yet.
    virtual base::Result<void> waiting(std::function<void(model::ConId, base::Timestamp)> const& take) = 0;
    /// Called with id, con_id, chain fact and when the position was closed; unset: it is open.
    using Chain = std::function<void(model::RowId, model::ConId, std::string, std::optional<base::Timestamp>)>;
    virtual base::Result<void> chains(Chain const& take) = 0;
    virtual base::Result<void> positions(std::function<void(model::Position)> const& take) = 0;
    virtual base::Result<void> closes(std::vector<model::RowId> const& positions,
                                      std::function<void(model::Close)> const& take) = 0;
    virtual base::Result<void> lots(std::function<void(model::Lot)> const& take) = 0;
    virtual base::Result<void> adjustments(std::function<void(model::Adjustment)> const& take) = 0;
    virtual base::Result<void> executions_since(base::Timestamp cutoff, std::function<void(model::Execution)> const& take) = 0;
    /// All versions of these fills (fact names of executions), in any order.
    virtual base::Result<void> executions_of_roots(std::vector<std::string> const& roots,
                                                   std::function<void(model::Execution)> const& take) = 0;
    struct Stretch {
        model::ConId con_id = 0;
        base::Timestamp from;
    };
    /// Of each instrument those from its time on and before `until`.
    virtual base::Result<void> executions_before(std::vector<Stretch> const& stretches, base::Timestamp until,
                                                 std::function<void(model::Execution)> const& take) = 0;
    /// Instruments with a break that is not resolved.
    virtual base::Result<void> break_instruments(std::function<void(model::ConId)> const& take) = 0;
    virtual base::Result<void> instruments(std::vector<model::ConId> const& con_ids,
                                           std::function<void(model::Instrument)> const& take) = 0;
};

/// Instruments with anything to say; only `con_id` when it is set (`rows` is then of it alone).
[[nodiscard]] base::Result<model::InstrumentBooks> load_instruments(BookRows& rows, base::Timestamp cutoff,
                                                                                           std::optional<model::ConId> con_id);

}  // namespace possync::store

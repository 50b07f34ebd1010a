// explain: a book and an observation -> the facts as they shall be, and the breaks. Pure.
//
// The quantity follows the broker at once; the explanation may take longer. Each change of quantity is decomposed
//     change = fills + corrections + named events + rest
// exactly. Fills wait (`pending`) until a change of position takes them up, oldest first and never beyond the
// broker's quantity; a rest is held by one provisional adjustment per instrument, which shrinks and vanishes when
// the missing fills arrive. An absence in a complete snapshot is not a change: it is a break of kind `missing` until
// the policy of missing positions has run its course. No snapshot, no conclusion: unknown is never empty.
#pragma once

#include <string>
#include <vector>

#include "ledger/diff.hpp"
#include "ledger/join.hpp"
#include "ledger/policy.hpp"
#include "model/observation.hpp"

namespace possync::ledger {

/// Something worth a line in the log and in the result of a sync.
struct Warning {
    model::ConId con_id = 0;
    std::string event;  ///< stable name: position.missing, position.unexplained, guard.held ...
    std::string text;
    bool operator==(Warning const&) const = default;
};

/// An event that moves no quantity.
struct Notice {
    model::ConId con_id = 0;
    model::EventKind kind = model::EventKind::missing;
    model::Cause cause = model::Cause::missing_at_broker;
};

struct Explanation {
    std::vector<InstrumentFacts> changed;  ///< instruments with changed facts, or described so that they fold otherwise, by con_id
    std::vector<model::SharedInstrument> described;  ///< instruments of which no more than this is new, by con_id
    std::vector<model::Break> breaks;      ///< new or changed
    std::vector<Notice> notices;
    std::vector<Warning> warnings;
    int pending_executions = 0;  ///< fills that no position change has taken up yet
    int settling = 0;            ///< instruments with a rest that may still be explained
    int rests_gone = 0;          ///< instruments whose rest went as it came, without a fill: one may be on its way
    int unexplained = 0;
    int missing = 0;
    bool guard_held = false;
    std::vector<model::CertificationDifference> differences;    ///< from a statement
    std::vector<model::InstrumentSuccession> successions;
};

/// Precondition: an account never seen before (revision 0) is only explained by an observation with a snapshot.
/// `ids` numbers new adjustments and breaks. Errors: out_of_range; throws DecimalOverflow where a
/// quantity cannot be added exactly, which plan() turns into the same.
[[nodiscard]] base::Result<Explanation> explain(model::AccountBook const& book, model::Observation const& observation,
                                                Policy const& policy, IdAllocator& ids);
/// The same of a statement instead of what the gateway says. What it leaves unexplained is `unexplained` at once.
[[nodiscard]] base::Result<Explanation> explain(model::AccountBook const& book, StatementPart const& statement,
                                                model::Observation const& observation, Policy const& policy, IdAllocator& ids);

}  // namespace possync::ledger

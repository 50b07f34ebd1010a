// diff: an instrument's book and its new facts -> the rows, events and history that lead from one to the other,
// appended to a ChangeSet. Pure.
//
// Identity: episodes keep their position_id in order of their opening fact, closes and lots keep theirs by the fact
// that made them. A change of facts in the past therefore changes rows in place and shows as `adjusted` or
// `repriced` events; new facts at the end show as one event each. Where nothing changed nothing is appended.
#pragma once

#include "base/result.hpp"
#include "ledger/fold.hpp"
#include "model/change_set.hpp"

namespace possync::ledger {

/// The facts of one instrument as they shall be from now on.
struct InstrumentFacts {
    model::SharedInstrument instrument;
    std::vector<model::Execution> executions;
    std::vector<model::Adjustment> adjustments;
};

/// Gives out ids of one account: account_id * 2^32 + n.
class IdAllocator {
public:
    IdAllocator(model::AccountId account, std::int64_t next) : account_(account), next_(next) {}
    [[nodiscard]] model::RowId take() { return model::row_id(account_, next_++); }
    [[nodiscard]] std::int64_t next() const { return next_; }

private:
    model::AccountId account_;
    std::int64_t next_;
};

/// `book` is what is committed (empty for a new instrument). Errors: internal when the
/// committed facts do not fold to the committed rows, which `possync verify` will explain. Throws
/// base::DecimalOverflow as the fold does.
[[nodiscard]] base::Result<void> diff(model::InstrumentBook const& book, InstrumentFacts const& facts,
                                      FoldOptions const& options, IdAllocator& ids, model::ChangeSet& change_set);

}  // namespace possync::ledger

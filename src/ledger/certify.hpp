// certify: holds a book against what statements claim of it, day by day: each fill confirmed, realized P&L to the cent, positions and lots
// at the end of the days for which they are listed. Pure; changes nothing.
//
// Compared is the broker's way of calculating: first in, first out, net of commissions, the tax view. What differs is named, with its
// cause where the facts tell it.
#pragma once

#include <set>
#include <vector>

#include "ledger/fold.hpp"
#include "model/certification.hpp"

namespace possync::ledger {

struct Verdict {
    std::vector<model::Certification> certifications;           ///< by trade_date; one per weekday that is covered, and gaps
    std::vector<model::CertificationDifference> differences;  ///< open ones; by (trade_date, con_id, kind, subject)
};

/// `book` with its whole history. Judged are the days from `since` on that `claims` cover. `options` are those of the account; their zone
/// is the statements'. Errors: out_of_range from the fold.
[[nodiscard]] base::Result<Verdict> certify(model::AccountBook const& book, model::StatementClaims const& claims, base::Date since,
                                            FoldOptions const& options);

/// Adds what joining the statement itself found to the verdict on its days: each difference once, the states of the days with it.
void include(Verdict& verdict, std::vector<model::CertificationDifference> const& differences);

/// Found while a statement is joined, and not to be seen from the book afterwards.
[[nodiscard]] bool told_by_joining(model::DifferenceKind kind);

/// The last day through which everything is matched, from the first certified day on; unset: none is. `certifications` by trade_date.
[[nodiscard]] std::optional<base::Date> certified_through(std::vector<model::Certification> const& certifications);

}  // namespace possync::ledger

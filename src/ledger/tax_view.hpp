// The tax view: when an option is exercised or assigned, tax law (and the broker's statement) realizes nothing on the option; what it cost
// or brought becomes part of the cost or proceeds of what was delivered. The economic view, possync's own, realizes the premium when the
// option ends and books the delivery at the strike. Both sum to the same once the delivered shares are gone too. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/result.hpp"
#include "ledger/fold.hpp"

namespace possync::ledger {

struct TaxView {
    /// Options' closing facts whose result went into what they delivered.
    std::set<std::string, std::less<>> passed_on;
    /// Fact that delivered the underlying -> what its value changes by: a purchase costs less by the premium that was received, a sale
    /// brings more. In the instrument's currency.
    std::map<std::string, base::Decimal, std::less<>> premiums;
};

/// Pairs every exercise and assignment in the book with its delivery: underlying, quantity, strike, within three days. What has no
/// partner, or whose cost is not known, stays as it is. `options` give the lot method by which the options' results are calculated.
/// Errors: out_of_range from the fold.
[[nodiscard]] base::Result<TaxView> tax_view(model::AccountBook const& book, FoldOptions const& options);

}  // namespace possync::ledger

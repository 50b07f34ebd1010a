// A statement into the store: loads what it concerns, lets the ledger plan, certifies what comes of it and commits all of it. A
// statement too large for one transaction goes instrument by instrument, and what an interruption leaves undone the same statement
// completes. Used by the command (which takes the gateway's lease), by the running service (on the store's thread) and by the scenario
// tests. Makes no call to the operating system; whoever calls brings the clock.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/policy.hpp"
#include "model/certification.hpp"
#include "store/store.hpp"

namespace possync::reconciliation {

/// What one imported statement did.
struct ImportResult {
    std::string account;
    base::Date from;
    base::Date to;
    std::string source;
    int trades = 0;
    int positions_created = 0;
    int positions_updated = 0;
    int positions_closed = 0;
    int corrected = 0;  ///< differences that the statement corrected
    int open = 0;       ///< differences that remain
    int cash_transactions = 0;
    bool changed = false;
    model::Revision revision = 0;
    std::optional<base::Date> certified_through;
    std::vector<model::CertificationDifference> differences;
    std::vector<model::StatementRemainder> remainders;
};

/// A gateway's lease, as the writer holds it.
struct Lease {
    int gateway_id = 0;
    std::int64_t epoch = 0;
};

/// Facts done and facts in all; called between transactions.
using ImportProgress = std::function<void(std::size_t done, std::size_t all)>;

/// Whose statement it is, and how its account is kept.
struct ImportTarget {
    model::AccountId account_id = 0;
    Lease lease;  ///< held for the account's gateway
    ledger::Policy policy;  ///< with zone rules: days begin and end in its report zone
    std::function<base::Timestamp()> now;
    ImportProgress progress;  ///< may be empty
};

/// Errors: those of the store and the ledger; nothing of the transaction under way is written.
[[nodiscard]] base::Result<ImportResult> import_statement(store::Store& store, model::Statement const& statement,
                                                          ImportTarget const& target);

/// Of what was found before, the part that does not show in the book: what was corrected, and what only joining a statement can tell. A
/// trade that was taken back before it came counts no more among them once the book has it so.
[[nodiscard]] std::vector<model::CertificationDifference> told_before(std::vector<model::CertificationDifference> const& known,
                                                                      base::Date since, model::AccountBook const& book);

}  // namespace possync::reconciliation

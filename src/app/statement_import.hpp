// StatementImport: one statement into the database. Loads what it concerns, lets the ledger plan, certifies what comes of it and commits
// all of it; a statement too large for one transaction goes instrument by instrument, and what an interruption leaves undone the same
// statement completes. Used by the command (which takes the gateway's lease) and by the running service (on the store's thread).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "model/certification.hpp"
#include "query/reader.hpp"
#include "store/store.hpp"

namespace possync::app {

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

class StatementImport {
public:
    /// Everything must outlive the import.
    StatementImport(Configuration const& configuration, store::Store& store, query::Reader& reader)
        : configuration_(configuration), store_(store), reader_(reader) {}

    /// Precondition: `lease` is held for the account's gateway. Errors: those of the store and the ledger; nothing of the transaction
    /// under way is written.
    [[nodiscard]] base::Result<ImportResult> import(model::Statement const& statement, model::AccountId account, Lease const& lease,
                                                    ImportProgress const& progress);

private:
    class Findings;
    [[nodiscard]] base::Result<void> count_earlier_corrections(model::Statement const& statement, Findings const& findings,
                                                               std::vector<model::Certification>& days) const;

    Configuration const& configuration_;
    store::Store& store_;
    query::Reader& reader_;
};

}  // namespace possync::app

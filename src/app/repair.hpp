// The repair verbs: explain, exclude, undo. What the operator typed becomes one edit of one account, planned by the
// ledger like everything else and committed in one transaction, by the running service where there is one.
#pragma once

#include <string>

#include "app/config.hpp"
#include "ledger/policy.hpp"
#include "model/observation.hpp"
#include "query/reader.hpp"
#include "store/store.hpp"

namespace possync::app {

/// As typed; travels as JSON in an operator request.
struct RepairText {
    std::string verb;     ///< explain, exclude, undo
    std::string subject;  ///< id of a break, adjustment or event; execution id
    std::string account;  ///< needed only where an execution id is known in several
    std::string cause;
    std::string price;
    std::string ratio;
    std::string note;
    std::string author;
    bool dry_run = false;
};
[[nodiscard]] std::string to_json(RepairText const& text);
[[nodiscard]] base::Result<RepairText> parse_repair(std::string const& json);

/// The account it concerns and what is to be done there.
struct Repair {
    model::AccountId account_id = 0;
    std::string account;
    std::string gateway;
    bool paper = false;
    model::Edit edit;
};
/// Errors: invalid_input for words, not_found for ids and executions that are not in the database.
[[nodiscard]] base::Result<Repair> resolve_repair(RepairText const& text, query::Reader& reader);

/// Plans the edit on the whole book and, unless `dry_run`, commits it under the lease. Errors: those of the ledger
/// (what cannot be explained so, and why) and of the store.
[[nodiscard]] base::Result<model::ChangeSet> carry_out_repair(store::Store& store, int gateway_id, std::int64_t epoch,
                                                              Repair const& repair, ledger::Policy const& policy, bool dry_run);

}  // namespace possync::app

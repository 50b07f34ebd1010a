// What is kept of statements beside the book: written with the commit of an import, read back for `certify`. Importing the same
// again writes no row. Both run inside the caller's transaction.
#pragma once

#include "model/certification.hpp"
#include "store/postgres/connection.hpp"

namespace possync::store::postgres {

/// Reads what is there, and queues what model::apply says is to be written.
[[nodiscard]] base::Result<void> queue_statement_records(Connection& connection, model::StatementRecords const& records);

[[nodiscard]] base::Result<model::StatementClaims> load_statement_claims(Connection& connection, model::AccountId account,
                                                                         base::Date since);

}  // namespace possync::store::postgres

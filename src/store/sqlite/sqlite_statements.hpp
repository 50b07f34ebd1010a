// What is kept of statements beside the book: written with the commit of an import, read back for `certify`. Importing the same
// again writes no row. Both run inside the caller's transaction.
#pragma once

#include "model/certification.hpp"
#include "store/sqlite/database.hpp"

namespace possync::store::sqlite {

/// Writes what model::apply says. The account must exist.
[[nodiscard]] base::Result<void> write_statement_records(Database& database, model::StatementRecords const& records);

[[nodiscard]] base::Result<model::StatementClaims> load_statement_claims(Database& database, model::AccountId account,
                                                                         base::Date since);

}  // namespace possync::store::sqlite

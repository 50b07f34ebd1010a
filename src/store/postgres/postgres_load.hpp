// The rows of the book in PostgreSQL, for the loader in store/book_loader.hpp: sets at a time. Runs inside the caller's
// transaction.
#pragma once

#include <map>
#include <optional>

#include "model/book.hpp"
#include "store/postgres/connection.hpp"

namespace possync::store::postgres {

[[nodiscard]] base::Result<model::InstrumentBooks>
load_instruments(Connection& connection, model::AccountId account, base::Timestamp cutoff, std::optional<model::ConId> con_id);
[[nodiscard]] base::Result<std::map<model::RowId, model::Break>> load_unresolved_breaks(Connection& connection,
                                                                                        model::AccountId account);

}  // namespace possync::store::postgres

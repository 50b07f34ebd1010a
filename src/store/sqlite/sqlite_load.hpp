// The rows of the book in SQLite, for the loader in store/book_loader.hpp.
//
// Runs inside the caller's transaction, so that all parts are of one revision.
#pragma once

#include <map>
#include <optional>

#include "model/book.hpp"
#include "store/sqlite/database.hpp"

namespace possync::store::sqlite {

/// Instruments with anything to say, of one account; only `con_id` when it is set.
[[nodiscard]] base::Result<model::InstrumentBooks> load_instruments(
    Database& database, model::AccountId account, base::Timestamp cutoff, std::optional<model::ConId> con_id);

[[nodiscard]] base::Result<std::map<model::RowId, model::Break>> load_unresolved_breaks(
    Database& database, model::AccountId account);

}  // namespace possync::store::sqlite

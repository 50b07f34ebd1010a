// The Reader on PostgreSQL: the same views, filters and order as on SQLite. It has a read-only connection of its own and never
// creates or migrates anything. A snapshot is a REPEATABLE READ transaction. Threading: one reader belongs to one thread at a
// time.
#pragma once

#include <memory>

#include "query/reader.hpp"
#include "store/postgres/session.hpp"

namespace possync::store {

/// Errors: not_found (no database, no book in it yet), refused (an older or newer schema, no permission), unavailable.
[[nodiscard]] base::Result<std::unique_ptr<query::Reader>> open_postgres_reader(postgres::Address const& address,
                                                                                postgres::ConnectionOptions options = {});

}  // namespace possync::store

// The Outbox on PostgreSQL: a session of its own, opened again after it broke.
#pragma once

#include <memory>

#include "store/outbox.hpp"
#include "store/postgres/session.hpp"

namespace possync::store {

/// Errors: as opening for reading (not_found, refused, unavailable).
[[nodiscard]] base::Result<std::unique_ptr<Outbox>> open_postgres_outbox(postgres::Address const& address,
                                                                         postgres::ConnectionOptions options = {});

}  // namespace possync::store

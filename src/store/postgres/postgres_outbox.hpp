// Outbox and AlertLog on PostgreSQL: each a session of its own, opened again after it broke.
#pragma once

#include <memory>

#include "store/alert_log.hpp"
#include "store/outbox.hpp"
#include "store/postgres/session.hpp"

namespace possync::store {

/// Errors: as opening for reading (not_found, refused, unavailable).
[[nodiscard]] base::Result<std::unique_ptr<Outbox>> open_postgres_outbox(postgres::Address const& address,
                                                                         postgres::ConnectionOptions options = {});
[[nodiscard]] base::Result<std::unique_ptr<AlertLog>> open_postgres_alert_log(postgres::Address const& address,
                                                                              postgres::ConnectionOptions options = {});

}  // namespace possync::store

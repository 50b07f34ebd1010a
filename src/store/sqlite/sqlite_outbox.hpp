// Outbox and AlertLog on SQLite: each a connection of its own that waits a little for the one that commits.
#pragma once

#include <memory>
#include <string>

#include "store/alert_log.hpp"
#include "store/outbox.hpp"

namespace possync::store {

/// Errors: as opening for reading (not_found, refused, io, unavailable).
[[nodiscard]] base::Result<std::unique_ptr<Outbox>> open_sqlite_outbox(std::string const& path);
[[nodiscard]] base::Result<std::unique_ptr<AlertLog>> open_sqlite_alert_log(std::string const& path);

}  // namespace possync::store

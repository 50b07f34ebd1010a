// The Outbox on SQLite: a connection of its own that waits a little for the one that commits.
#pragma once

#include <memory>
#include <string>

#include "store/outbox.hpp"

namespace possync::store {

/// Errors: as opening for reading (not_found, refused, io, unavailable).
[[nodiscard]] base::Result<std::unique_ptr<Outbox>> open_sqlite_outbox(std::string const& path);

}  // namespace possync::store

// The file itself, before anything in it is believed: its pages, its references, and revisions without holes.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace possync::store {

/// What is wrong with the database, a line each; empty: nothing. Errors: as open_sqlite_for_reading.
[[nodiscard]] base::Result<std::vector<std::string>> check_sqlite(std::string const& path);

}  // namespace possync::store

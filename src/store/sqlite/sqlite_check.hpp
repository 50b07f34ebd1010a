// The file itself, before anything in it is believed: its pages, its references, and revisions without holes.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/sqlite/file_system.hpp"

namespace possync::store {

/// What is wrong with the database, a line each; empty: nothing. Errors: as open_sqlite_for_reading.
[[nodiscard]] base::Result<std::vector<std::string>> check_sqlite(
    std::string const& path, sqlite::FileSystem const& files = sqlite::system_files());

}  // namespace possync::store

// The Reader on one SQLite file: what the reading commands, the API and the page ask. It has a read-only
// connection of its own, so it neither waits for the writer nor holds it up (write-ahead log), and it cannot
// change anything.
//
// It never creates or migrates a file. Threading: one reader belongs to one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "query/reader.hpp"
#include "store/sqlite/database.hpp"

namespace possync::store {

/// Errors: not_found (no such file: says how to make one), refused (an older schema: says to run `possync
/// migrate`; a newer one; another program's database), invalid_input (a directory, not a database), io,
/// unavailable.
[[nodiscard]] base::Result<std::unique_ptr<query::Reader>> open_sqlite_reader(std::string const& path);

/// On a connection that is open already: whoever calls has checked the schema.
[[nodiscard]] std::unique_ptr<query::Reader> make_sqlite_reader(std::unique_ptr<sqlite::Database> database);

}  // namespace possync::store

// The schema's history: numbered SQL files in migrations/, never edited once released, embedded in the
// program. PRAGMA user_version holds the number of the last one applied, PRAGMA application_id says that the
// file is ours.
//
// A new database is made of schema.sql at once: what all migrations amount to, in one place to read, and ten times
// as fast. A test holds the two together.
//
// Each migration runs in one transaction together with its number, so a crash leaves the old version or the
// new one. Before a database that holds data is migrated it is copied to FILE.backup-vN. A database of a
// newer program is refused, one of another program too.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/data_source.hpp"
#include "store/sqlite/database.hpp"

namespace possync::store::sqlite {

/// "psnc"
inline constexpr std::int64_t application_id = 0x70736e63;

struct Migration {
    int number = 0;  ///< 1, 2, 3... without gaps
    std::string_view name;
    std::string_view sql;
};

/// What migrations/*.sql hold, in order.
[[nodiscard]] std::span<Migration const> embedded_migrations();
/// What schema.sql holds.
[[nodiscard]] std::string_view embedded_schema();

/// The schema version of an open database; 0 when it is empty. Errors: refused for another program's
/// database.
[[nodiscard]] base::Result<int> schema_version(Database& database);

/// Brings an open, writable database to the newest of `migrations`; an empty one by `whole`, where that is given. Errors: refused (newer than this program,
/// another program's file); io; unavailable (locked); internal (a migration's SQL fails: nothing of it is
/// applied).
[[nodiscard]] base::Result<MigrationReport> migrate(Database& database, std::span<Migration const> migrations,
                                                    std::string_view whole = {});

/// An error when the version is not the newest of `migrations`: says whether to migrate or to update the
/// program.
[[nodiscard]] base::Result<void> require_current(Database& database, std::span<Migration const> migrations);

}  // namespace possync::store::sqlite

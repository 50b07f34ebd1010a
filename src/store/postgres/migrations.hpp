// The schema's history on PostgreSQL: numbered SQL files, embedded in the program. A number means the same views as on SQLite;
// the first is the one that SQLite had reached when PostgreSQL came. The table database_info holds the number and says that the
// schema is ours.
//
// Each migration is one transaction together with its number. A database of a newer program is refused, and so is a schema that
// holds tables of somebody else: ours is a schema of its own.
#pragma once

#include <span>
#include <string_view>

#include "store/data_source.hpp"
#include "store/postgres/session.hpp"

namespace possync::store::postgres {

struct Migration {
    int number = 0;
    std::string_view name;
    std::string_view sql;
};
[[nodiscard]] std::span<Migration const> embedded_migrations();

/// 0: nothing of ours is there. Errors: refused (somebody else's tables).
[[nodiscard]] base::Result<int> schema_version(Session& session);

/// Errors: refused (newer, somebody else's, no permission), unavailable.
[[nodiscard]] base::Result<MigrationReport> migrate(Session& session, std::span<Migration const> migrations);

/// An error when the version is not the newest: says whether to migrate or to update the program. not_found when nothing is
/// there.
[[nodiscard]] base::Result<void> require_current(Session& session, std::span<Migration const> migrations);

}  // namespace possync::store::postgres

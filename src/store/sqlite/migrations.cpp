#include "store/sqlite/migrations.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/planted_bug.hpp"
#include "base/point.hpp"

namespace possync::store::sqlite {

using base::ErrorCode;
using base::Result;

namespace {

int newest(std::span<Migration const> migrations) {
    return migrations.empty() ? 0 : migrations.back().number;
}

base::Error newer(Database const& database, int found, int known) {
    return {ErrorCode::refused,
            fmt::format(
                "database {} has schema version {}, this program knows up to {}: use a newer possync, or "
                "the backup that was made before the database was migrated",
                database.path(), found, known)};
}

/// A consistent copy under its final name only once it is complete. It goes through a second connection,
/// because the first holds the write lock and VACUUM cannot run inside a transaction.
Result<std::string> back_up(Database const& database, int version) {
    std::string const target = fmt::format("{}.backup-v{}", database.path(), version);
    std::string const partial = target + ".partial";
    auto const& files = database.files();
    auto const copy = [&]() -> Result<void> {
        POSSYNC_TRY_VOID(files.replace_by_empty(partial));
        POSSYNC_TRY(auto const reader, Database::open(database.path(), {.mode = Database::Mode::read_write, .files = &files}));
        POSSYNC_TRY_VOID(reader->run("VACUUM INTO ?1", partial));
        return files.put_in_place(partial, target);
    };
    if (auto const copied = copy(); !copied) {
        files.remove(partial);
        return base::because("the backup before the migration failed, nothing was migrated", copied.error());
    }
    return target;
}

Result<bool> is_empty(Database& database) {
    POSSYNC_TRY(auto const tables, database.integer("SELECT count(*) FROM sqlite_schema"));
    return tables.value_or(0) == 0;
}

}  // namespace

Result<int> schema_version(Database& database) {
    POSSYNC_TRY(auto const application, database.integer("PRAGMA application_id"));
    POSSYNC_TRY(auto const version, database.integer("PRAGMA user_version"));
    if (application.value_or(0) == application_id) return static_cast<int>(version.value_or(0));
    POSSYNC_TRY(bool const empty, is_empty(database));
    if (empty && application.value_or(0) == 0) return 0;
    return base::fail(
        ErrorCode::refused,
        fmt::format("database {} belongs to another program: name another file", database.path()));
}

Result<void> require_current(Database& database, std::span<Migration const> migrations) {
    POSSYNC_TRY(int const version, schema_version(database));
    int const known = newest(migrations);
    if (version > known) return std::unexpected(newer(database, version, known));
    if (version < known) {
        return base::fail(
            ErrorCode::refused,
            fmt::format("database {} has schema version {}, this program needs {}: run `possync migrate`",
                        database.path(), version, known));
    }
    return {};
}

Result<MigrationReport> migrate(Database& database, std::span<Migration const> migrations, std::string_view whole) {
    POSSYNC_TRY(int const before, schema_version(database));
    int const known = newest(migrations);
    if (before > known) return std::unexpected(newer(database, before, known));
    POSSYNC_TRY_VOID(database.use_write_ahead_log());
    MigrationReport report{.from = before, .to = before, .backup = {}};
    if (before == known) return report;
    POSSYNC_TRY_VOID(database.renew_write_ahead_log());

    for (auto const& migration : migrations) CHECK(migration.number == 1 + (&migration - migrations.data()));
    Migration const at_once{known, "schema", whole};
    bool const is_new = before == 0 && !whole.empty();
    std::optional<Transaction> transaction;
    for (auto const& migration : is_new ? std::span(&at_once, 1) : migrations) {
        if (migration.number <= report.to) continue;
        if (!transaction) {
            POSSYNC_TRY(Transaction begun, Transaction::begin(database));
            transaction.emplace(std::move(begun));
        }
        // Another process may have been faster while we waited for the lock.
        POSSYNC_TRY(int const version, schema_version(database));
        if (version > known) return std::unexpected(newer(database, version, known));
        if (version >= migration.number) {
            report.to = version;
            transaction.reset();
            continue;
        }
        if (is_new && version != 0) {  // and that was an older program
            transaction.reset();
            return migrate(database, migrations, whole);
        }
        if (before > 0 && report.backup.empty()) {
            auto const copy = back_up(database, version);
            if (!copy && !POSSYNC_PLANTED_BUG(backup_failure_ignored)) return std::unexpected(copy.error());
            report.backup = copy.value_or("");
        }
        auto const applied = [&]() -> Result<void> {
            if (POSSYNC_PLANTED_BUG(migration_in_pieces)) POSSYNC_TRY_VOID(database.execute("COMMIT"));
            POSSYNC_TRY_VOID(database.execute(std::string(migration.sql)));
            if (POSSYNC_PLANTED_BUG(migration_in_pieces)) POSSYNC_TRY_VOID(database.execute("BEGIN"));
            POSSYNC_TRY_VOID(database.execute(fmt::format(
                "PRAGMA application_id = {}; PRAGMA user_version = {}", application_id, migration.number)));
            if (before == 0 && migration.number != known) return {};  // a new database appears as a whole
            POSSYNC_POINT("store.migration.before_commit");
            POSSYNC_TRY_VOID(transaction->commit());
            transaction.reset();
            POSSYNC_POINT("store.migration.after_commit");
            return {};
        }();
        if (!applied) return base::because(fmt::format("migration {}", migration.name), applied.error());
        report.to = migration.number;
    }
    return report;
}

}  // namespace possync::store::sqlite

// The Store on one SQLite file: what a service or a one-shot `sync` opens to write, and the few calls by
// which other processes reach the writer through the database (operator requests).
//
// One connection, one thread. Every call is its own transaction; a call that fails has written nothing. After
// an I/O error the connection is closed and the next call opens another; callers then load again, as after a
// conflict.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/data_source.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/store.hpp"

namespace possync::store {

struct SqliteOptions : StoreOptions {
    base::Duration busy_timeout{5'000'000};
    sqlite::FileSystem const* files = &sqlite::system_files();  ///< where the file lives; outlives the store
};

/// Opens for writing. Errors: not_found, refused (a newer or another program's database, or an older one
/// without `migrate`), invalid_input (a directory, not a database), io (not permitted, damaged), unavailable
/// (locked).
[[nodiscard]] base::Result<std::unique_ptr<Store>> open_sqlite_store(std::string const& path,
                                                                     SqliteOptions const& options = {});

/// Creates the database where there is none and brings its schema to the newest version.
[[nodiscard]] base::Result<MigrationReport> migrate_sqlite(
    std::string const& path, sqlite::FileSystem const& files = sqlite::system_files());

/// The schema version of a file, without changing it; 0 for an empty file. Errors: not_found, refused, io.
[[nodiscard]] base::Result<int> sqlite_schema_version(std::string const& path,
                                                      sqlite::FileSystem const& files = sqlite::system_files());

/// Opens for reading only: the schema must be the program's own. A file is never created or migrated.
[[nodiscard]] base::Result<std::unique_ptr<sqlite::Database>> open_sqlite_for_reading(
    std::string const& path, sqlite::FileSystem const& files = sqlite::system_files());

/// Adds a request (its request_id is ignored) and gives its id.
[[nodiscard]] base::Result<std::int64_t> submit_operator_request(std::string const& path,
                                                                 OperatorRequest const& request,
                                                                 sqlite::FileSystem const& files = sqlite::system_files());
/// Errors: not_found for an id that was never given.
[[nodiscard]] base::Result<OperatorAnswer> operator_answer(std::string const& path, std::int64_t request_id,
                                                           sqlite::FileSystem const& files = sqlite::system_files());

/// As DataSource::reset_statistics.
[[nodiscard]] base::Result<void> reset_sqlite_statistics(std::string const& path, base::Timestamp now,
                                                         sqlite::FileSystem const& files = sqlite::system_files());

/// Who holds which gateway, by name: a service is running where `owner` is set and `lease_until` is after `now`.
[[nodiscard]] base::Result<void> rebind_sqlite(std::string const& path, Rebinding const& rebinding, OwnerIsGone const& owner_is_gone,
                                               sqlite::FileSystem const& files = sqlite::system_files());

[[nodiscard]] base::Result<std::vector<GatewayState>> sqlite_gateways(sqlite::Database& database, base::Timestamp now);
[[nodiscard]] base::Result<std::vector<GatewayState>> sqlite_gateways(
    std::string const& path, base::Timestamp now, sqlite::FileSystem const& files = sqlite::system_files());

}  // namespace possync::store

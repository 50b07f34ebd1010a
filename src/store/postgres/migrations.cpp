#include "store/postgres/migrations.hpp"

#include <fmt/format.h>

namespace possync::store::postgres {

using base::ErrorCode;
using base::Result;

namespace {

std::unexpected<base::Error> newer(Session const& session, int version, int known) {
    return base::fail(ErrorCode::refused, fmt::format("database {} is at schema {}, this program knows {}: use the newer program",
                                                      session.address().shown, version, known));
}

Result<int> version_in(Connection& connection, Address const& address) {
    std::int64_t tables = 0;
    std::int64_t ours = 0;
    POSSYNC_TRY_VOID(connection.each(
        "SELECT count(*), count(*) FILTER (WHERE c.relname = 'database_info') FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', "
        "'f')",
        [&](Row& row) {
            tables = row.integer();
            ours = row.integer();
        },
        address.schema));
    if (tables == 0) return 0;
    std::optional<std::int64_t> version;
    if (ours == 1) {
        POSSYNC_TRY(version, connection.integer("SELECT value FROM database_info WHERE key = 'possync_schema'"));
    }
    if (!version) {
        return base::fail(ErrorCode::refused,
                          fmt::format("schema {} of database {} holds tables of another program: name another "
                                      "one, as in ?schema=possync",
                                      address.schema, address.shown));
    }
    return static_cast<int>(*version);
}

Result<void> apply(Connection& connection, Address const& address, Migration const& migration, int from) {
    // The schema is made where there is none; where there is one, the right to create schemas is not needed.
    if (from == 0) {
        POSSYNC_TRY(auto const there,
                    connection.integer("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", address.schema));
        if (!there) POSSYNC_TRY_VOID(connection.execute("CREATE SCHEMA " + address.schema));
    } else {
        // Of two programs that migrate at once, the second waits here and then finds it done.
        POSSYNC_TRY(auto const version,
                    connection.integer("SELECT value FROM database_info WHERE key = 'possync_schema' FOR UPDATE"));
        if (version != from) return {};
    }
    POSSYNC_TRY_VOID(connection.execute(std::string(migration.sql)));
    return connection.execute(fmt::format("INSERT INTO database_info (key, value) VALUES ('possync_schema', '{}') ON CONFLICT "
                                          "(key) DO UPDATE SET value = excluded.value",
                                          migration.number));
}

}  // namespace

Result<int> schema_version(Session& session) {
    POSSYNC_TRY(Connection* const connection, session.connection());
    return version_in(*connection, session.address());
}

Result<MigrationReport> migrate(Session& session, std::span<Migration const> migrations) {
    int const newest = migrations.back().number;
    MigrationReport report;
    for (int attempt = 0;; ++attempt) {
        POSSYNC_TRY(int const version, schema_version(session));
        if (attempt == 0) report.from = version;
        report.to = version;
        if (version > newest) return newer(session, version, newest);
        if (version == newest) return report;
        for (auto const& migration : migrations) {
            if (migration.number <= version) continue;
            auto const done = session.transaction(
                begin_writing, [&](Connection& connection) { return apply(connection, session.address(), migration, version); });
            if (done) break;
            // Another program made the schema or its tables between our look and our commit: look again.
            auto const& state = session.last_state();
            bool const made_meanwhile = state == "42P06" || state == "42P07" || state == "23505" || state == "42710";
            if (!made_meanwhile || attempt > 3) return base::because(fmt::format("schema {}", migration.number), done.error());
            break;
        }
    }
}

Result<void> require_current(Session& session, std::span<Migration const> migrations) {
    int const newest = migrations.back().number;
    POSSYNC_TRY(int const version, schema_version(session));
    if (version == newest) return {};
    if (version > newest) return newer(session, version, newest);
    if (version == 0) {
        return base::fail(
            ErrorCode::not_found,
            fmt::format("database {} holds no book yet; run `possync sync` or `possync migrate` first", session.address().shown));
    }
    return base::fail(ErrorCode::refused, fmt::format("database {} is at schema {}, this program needs {}: run `possync migrate`",
                                                      session.address().shown, version, newest));
}

}  // namespace possync::store::postgres

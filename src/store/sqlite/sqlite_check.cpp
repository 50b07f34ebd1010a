#include "store/sqlite/sqlite_check.hpp"

#include <fmt/format.h>

#include "store/sqlite/sqlite_store.hpp"

namespace possync::store {

using sqlite::Row;

base::Result<std::vector<std::string>> check_sqlite(std::string const& path, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, open_sqlite_for_reading(path, files));
    std::vector<std::string> wrong;
    POSSYNC_TRY_VOID(database->each("PRAGMA integrity_check", [&](Row& row) {
        std::string text = row.text();
        if (text != "ok") wrong.push_back(std::move(text));
    }));
    if (!wrong.empty()) return wrong;
    POSSYNC_TRY_VOID(database->each("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1", [&](Row& row) {
        std::string const table = row.text();
        wrong.push_back(fmt::format("{} rows of {} refer to rows that do not exist", row.integer(), table));
    }));
    POSSYNC_TRY_VOID(database->each(
        "SELECT a.code, a.revision, count(o.revision), coalesce(min(o.revision), 0), coalesce(max(o.revision), 0) "
        "FROM account a LEFT JOIN outbox o ON o.account_id = a.account_id GROUP BY a.account_id",
        [&](Row& row) {
            std::string const account = row.text();
            auto const revision = row.integer();
            auto const count = row.integer();
            auto const first = row.integer();
            auto const last = row.integer();
            // None at all: migrated from a schema whose rows nobody delivers any more.
            bool const whole = count == 0 || (last == revision && count == last - first + 1);
            if (!whole) {
                wrong.push_back(fmt::format("account {} is at revision {}, its commits are {} from {} to {}", account, revision, count, first, last));
            }
        }));
    return wrong;
}

}  // namespace possync::store

#include "store/sqlite/sqlite_check.hpp"

#include <fmt/format.h>

#include "store/sql_outbox.hpp"
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
    POSSYNC_TRY_VOID(check_outbox(*database, wrong));
    return wrong;
}

}  // namespace possync::store

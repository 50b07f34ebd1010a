#include "store/claim_rules.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::store {

using base::Result;
using sqlite::Database;

Result<void> rebind_sqlite(std::string const& path, Rebinding const& rebinding, OwnerIsGone const& owner_is_gone,
                           sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_write, .files = &files}));
    POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
    POSSYNC_TRY(auto transaction, sqlite::Transaction::begin(*database));
    POSSYNC_TRY(auto const states, sqlite_gateways(*database, rebinding.now));
    POSSYNC_TRY(auto const gateway_id, check_rebinding(path, rebinding, states, owner_is_gone));
    POSSYNC_TRY_VOID(database->run("UPDATE gateway SET is_paper = ?2 WHERE gateway_id = ?1", gateway_id, rebinding.paper));
    for (auto const& account : rebinding.accounts) {
        POSSYNC_TRY_VOID(database->run("UPDATE account SET gateway_id = ?1 WHERE code = ?2", gateway_id, account));
    }
    // Whoever still believes to hold a lease finds out at its next commit.
    POSSYNC_TRY_VOID(database->run("UPDATE gateway SET epoch = epoch + 1, owner = NULL, lease_until = 0"));
    return transaction.commit();
}

}  // namespace possync::store

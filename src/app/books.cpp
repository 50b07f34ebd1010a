#include "app/books.hpp"

#include "app/database.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"

namespace possync::app {

using base::Result;

ledger::Policy account_policy(Configuration const& configuration, std::string const& account) {
    auto const engine = engine_options(configuration, configuration.gateways.front());
    ledger::Policy policy = engine.policy;
    policy.fold.zones = &system_zones();
    auto const own = engine.account_options.find(account);
    if (own == engine.account_options.end()) return policy;
    if (own->second.cost_basis) policy.fold.method = *own->second.cost_basis;
    if (own->second.on_missing) policy.on_missing = *own->second.on_missing;
    return policy;
}

Result<model::AccountBook> load_whole_book(store::Store& store, model::AccountId account) {
    auto const now = clock_now().wall;
    return store.load(account, now, base::Duration(now.microseconds));
}

Result<std::vector<model::AccountBook>> load_whole_books(Configuration const& configuration, query::Reader& reader) {
    POSSYNC_TRY(auto const database, open_database(configuration));
    store::StoreOptions options;
    options.create = false;
    options.migrate = false;
    POSSYNC_TRY(auto const store, database->open_store(options));
    POSSYNC_TRY(auto const accounts, reader.accounts());
    std::vector<model::AccountBook> books;
    for (auto const& account : accounts) {
        POSSYNC_TRY(auto book, load_whole_book(*store, static_cast<model::AccountId>(account.account_id)));
        books.push_back(std::move(book));
    }
    return books;
}

}  // namespace possync::app

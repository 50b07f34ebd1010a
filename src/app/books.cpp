#include "app/books.hpp"

#include "app/database.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"
#include "ledger/fold.hpp"
#include "ledger/tax_view.hpp"

namespace possync::app {

using base::Result;

namespace {

query::CloseRow row_of(model::AccountBook const& book, model::Instrument const& instrument, model::Close const& close) {
    query::CloseRow row;
    row.account = book.account;
    row.con_id = instrument.con_id;
    row.symbol = instrument.symbol;
    row.currency = instrument.currency;
    row.quantity_closed = close.quantity_closed;
    row.side = std::string(to_string(close.side));
    row.realized_pnl = close.realized_pnl;
    row.commissions = close.commissions;
    row.net_realized_pnl = close.net_realized_pnl;
    row.estimated_realized_pnl = close.estimated_realized_pnl;
    row.closed_at = close.closed_at;
    row.trade_date = close.trade_date;
    return row;
}

}  // namespace

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

Result<std::vector<query::CloseRow>> closes_by(std::optional<model::CostBasis> method, bool by_tax_view, Configuration const& configuration,
                                               query::Reader& reader, query::Filter const& filter) {
    POSSYNC_TRY(auto const books, load_whole_books(configuration, reader));
    std::vector<query::CloseRow> rows;
    for (auto const& book : books) {
        if (filter.account && *filter.account != book.account) continue;
        ledger::FoldOptions options = account_policy(configuration, book.account).fold;
        if (method) options.method = *method;
        options.calculate_realized_pnl = true;
        ledger::TaxView view;
        if (by_tax_view) {
            POSSYNC_TRY(view, ledger::tax_view(book, options));
            options.tax_view = &view;
        }
        for (auto const& [unused, instrument] : book.instruments) {
            if (filter.con_id && *filter.con_id != instrument.instrument.con_id()) continue;
            if (filter.symbol && !query::same_symbol(*filter.symbol, instrument.instrument->symbol)) continue;
            POSSYNC_TRY(auto const folded, ledger::fold(*instrument.instrument, instrument.executions, instrument.adjustments, options));
            for (auto const& close : folded.closes) {
                if (filter.since && (!close.closed_at || *close.closed_at < *filter.since)) continue;
                if (filter.until && (!close.closed_at || *close.closed_at >= *filter.until)) continue;
                rows.push_back(row_of(book, *instrument.instrument, close));
            }
        }
    }
    return rows;
}

}  // namespace possync::app

// Commands that take whole books from the database and calculate: verify, and realized P&L by another method.
#include <algorithm>

#include <fmt/format.h>

#include "app/output.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"
#include "ledger/verify.hpp"
#include "query/filter.hpp"
#include "query/pnl.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

/// The whole history of every account of a database.
Result<std::vector<model::AccountBook>> load_books(std::string const& path, query::Reader& reader) {
    store::SqliteOptions options;
    options.create = false;
    options.migrate = false;
    POSSYNC_TRY(auto const store, store::open_sqlite_store(path, options));
    POSSYNC_TRY(auto const accounts, reader.accounts());
    std::vector<model::AccountBook> books;
    for (auto const& account : accounts) {
        auto const now = clock_now().wall;
        POSSYNC_TRY(auto book, store->load(static_cast<model::AccountId>(account.account_id), now, base::Duration(now.microseconds)));
        books.push_back(std::move(book));
    }
    return books;
}

/// As the service of this configuration folds the account.
ledger::FoldOptions fold_options(Configuration const& configuration, std::string const& account) {
    auto const engine = engine_options(configuration, configuration.gateways.front());
    ledger::FoldOptions options = engine.policy.fold;
    options.zones = &system_zones();
    auto const own = engine.account_options.find(account);
    if (own != engine.account_options.end() && own->second.cost_basis) options.method = *own->second.cost_basis;
    return options;
}

Result<std::vector<query::FindingRow>> findings_of(Configuration const& configuration, std::string const& path, std::size_t& checked) {
    std::vector<query::FindingRow> rows;
    POSSYNC_TRY(auto const damages, store::check_sqlite(path));
    for (auto const& damage : damages) rows.push_back({"", "database", damage});
    if (!rows.empty()) return rows;  // nothing that is read from a damaged file proves anything
    POSSYNC_TRY(auto reader, open_reader(configuration));
    POSSYNC_TRY(auto const books, load_books(path, *reader));
    POSSYNC_TRY(auto const events, reader->events());
    for (auto const& book : books) {
        for (auto const& [unused, instrument] : book.instruments) checked += instrument.positions.size();
        auto found = ledger::verify(book, fold_options(configuration, book.account));
        std::vector<ledger::EventLink> links;
        for (auto const& event : events) {
            // A service may have committed since the book was read.
            if (event.account != book.account || event.revision > book.revision) continue;
            links.push_back({event.event_id, event.position_id, event.quantity_before.value_or(base::Decimal(0)),
                             event.quantity_after.value_or(base::Decimal(0)), event.revision});
        }
        std::sort(links.begin(), links.end(), [](auto const& a, auto const& b) { return a.event_id < b.event_id; });
        for (auto& finding : ledger::verify_events(book, links)) found.push_back(std::move(finding));
        for (auto& finding : found) rows.push_back({book.account, std::move(finding.where), std::move(finding.what)});
    }
    return rows;
}

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

/// Every close of the whole history as `method` prices it; the book is not touched.
Result<std::vector<query::CloseRow>> closes_by(model::CostBasis method, Configuration const& configuration, query::Reader& reader,
                                               query::Filter const& filter) {
    POSSYNC_TRY(auto const path, sqlite_path(configuration.database_url));
    POSSYNC_TRY(auto const books, load_books(path, reader));
    std::vector<query::CloseRow> rows;
    for (auto const& book : books) {
        if (filter.account && *filter.account != book.account) continue;
        ledger::FoldOptions options = fold_options(configuration, book.account);
        options.method = method;
        options.calculate_realized_pnl = true;
        for (auto const& [unused, instrument] : book.instruments) {
            if (filter.symbol && *filter.symbol != instrument.instrument.symbol) continue;
            POSSYNC_TRY(auto const folded, ledger::fold(instrument.instrument, instrument.executions, instrument.adjustments, options));
            for (auto const& close : folded.closes) {
                if (filter.since && (!close.closed_at || *close.closed_at < *filter.since)) continue;
                if (filter.until && (!close.closed_at || *close.closed_at >= *filter.until)) continue;
                rows.push_back(row_of(book, instrument.instrument, close));
            }
        }
    }
    return rows;
}

}  // namespace

int run_verify(Configuration const& configuration, Format format) {
    auto const path = sqlite_path(configuration.database_url);
    if (!path) return report(path.error());
    std::size_t checked = 0;
    auto const rows = findings_of(configuration, *path, checked);
    if (!rows) return report(rows.error());
    if (format != Format::table) {
        show(*rows, format);
    } else {
        for (auto const& row : *rows) {
            print_line(fmt::format("{}{}{}: {}", row.account, row.account.empty() ? "" : " ", row.where, row.what));
        }
        if (rows->empty()) {
            print_line(fmt::format("{}: {} positions follow from their facts, to the last digit", *path, checked));
        } else {
            print_line(fmt::format("{} findings. If cost_basis or calculate_realized_pnl was changed, put it back and verify again", rows->size()));
        }
    }
    return rows->empty() ? exit_fine : exit_difference;
}

int run_pnl(Configuration const& configuration, query::FilterText const& text, std::string const& grouping_text,
            std::string const& method_text, Format format) {
    auto const filter = query::parse_filter(query::view_info<query::PnlRow>(), text, clock_now().wall);
    if (!filter) return report(filter.error());
    auto const grouping = query::parse_pnl_grouping(grouping_text);
    if (!grouping) return report(grouping.error());
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    if (method_text.empty()) {
        auto const rows = query::read_pnl(**reader, *filter, *grouping);
        if (!rows) return report(rows.error());
        show(*rows, format);
        return exit_fine;
    }
    auto const method = model::parse_cost_basis(method_text);
    if (!method) return report({ErrorCode::invalid_input, fmt::format("--method {} is not one of average, fifo, lifo, hifo", method_text)});
    auto const closes = closes_by(*method, configuration, **reader, *filter);
    if (!closes) return report(closes.error());
    auto const rows = query::pnl_of(*closes, *filter, *grouping);
    if (!rows) return report(rows.error());
    show(*rows, format);
    return exit_fine;
}

}  // namespace possync::app

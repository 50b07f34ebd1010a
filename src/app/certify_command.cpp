// possync certify: the book against all that statements said, now. Reads only.
#include <algorithm>

#include <fmt/format.h>

#include "app/books.hpp"
#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "ledger/certify.hpp"
#include "query/filter.hpp"
#include "reconciliation/statement_import.hpp"

namespace possync::app {

int run_certify(Configuration const& configuration, std::string const& account, std::string const& since, Format format) {
    query::FilterText text;
    if (!since.empty()) text.since = since;
    auto const filter = query::parse_filter(query::view_info<query::CertificationDifferenceRow>(), text, clock_now().wall);
    if (!filter) {
        (void)report(filter.error());
        return exit_usage;
    }
    base::Date const from = filter->since ? base::utc_local(*filter->since).date : base::Date{1970, 1, 1};
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    auto const reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    auto const books = load_whole_books(configuration, **reader);
    if (!books) return report(books.error());
    store::StoreOptions reading;
    reading.create = reading.migrate = false;
    auto const store = (*database)->open_store(reading);
    if (!store) return report(store.error());
    std::vector<query::CertificationDifferenceRow> rows;
    std::vector<std::string> told;
    for (auto const& book : *books) {
        if (!account.empty() && book.account != account) continue;
        auto const claims = (*store)->load_claims(book.account_id, from);
        if (!claims) return report(claims.error());
        auto verdict = ledger::certify(book, *claims, from, account_policy(configuration, book.account).fold);
        if (!verdict) return report(verdict.error());
        // What only the joining of a statement can tell stays open until the next one says otherwise.
        auto told_by_joining = reconciliation::told_before(claims->differences, from, book);
        std::erase_if(told_by_joining, [](auto const& each) { return each.state == model::DifferenceState::corrected; });
        ledger::include(*verdict, told_by_joining);
        for (auto const& each : verdict->differences) {
            query::CertificationDifferenceRow row;
            row.account = book.account;
            row.trade_date = each.trade_date;
            row.kind = std::string(to_string(each.kind));
            row.state = std::string(to_string(each.state));
            if (each.con_id != 0) row.con_id = each.con_id;
            auto const instrument = book.instruments.find(each.con_id);
            if (instrument != book.instruments.end()) row.symbol = instrument->second.instrument->symbol;
            if (!each.subject.empty()) row.subject = each.subject;
            if (!each.statement_value.empty()) row.statement_value = each.statement_value;
            if (!each.book_value.empty()) row.book_value = each.book_value;
            if (!each.cause.empty()) row.cause = each.cause;
            rows.push_back(std::move(row));
        }
        auto const through = ledger::certified_through(verdict->certifications);
        auto const matched = std::count_if(verdict->certifications.begin(), verdict->certifications.end(),
                                           [](auto const& day) { return day.state == model::CertificationState::matched; });
        told.push_back(claims->statements.empty()
                           ? fmt::format("account {}: no statement was imported; every number is provisional", book.account)
                           : fmt::format("account {}: {} of {} days matched, certified through {}", book.account, matched,
                                         verdict->certifications.size(), through ? base::to_string(*through) : "no day"));
    }
    if (format != Format::table) {
        show(rows, format);
    } else {
        for (auto const& line : told) print_line(line);
        if (!rows.empty()) show(rows, format);
    }
    return rows.empty() ? exit_fine : exit_difference;
}

}  // namespace possync::app

// Commands that calculate over whole books: verify, realized P&L by another method, and the repair verbs.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

#include <boost/json.hpp>
#include <boost/tokenizer.hpp>
#include <fmt/format.h>

#include "app/books.hpp"
#include "app/database.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/repair.hpp"
#include "app/service.hpp"
#include "ledger/verify.hpp"
#include "model/print.hpp"
#include "query/filter.hpp"
#include "query/pnl.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

/// What no book is folded from is read all the same: a value that is none is found here, not by whoever needs it.
template <typename... Row>
Result<void> read_all(query::Reader& reader) {
    Result<void> read;
    auto const one = [&](auto const& rows) {
        if (read && !rows) read = std::unexpected(rows.error());
    };
    (one(query::read_rows<Row>(reader, {})), ...);
    return read;
}

Result<std::vector<query::FindingRow>> findings_of(Configuration const& configuration, store::DataSource& database, std::size_t& checked) {
    std::vector<query::FindingRow> rows;
    POSSYNC_TRY(auto const damages, database.check());
    for (auto const& damage : damages) rows.push_back({"", "database", damage});
    if (!rows.empty()) return rows;  // nothing that is read from a damaged file proves anything
    POSSYNC_TRY(auto reader, open_reader(configuration));
    POSSYNC_TRY(auto const books, load_whole_books(configuration, *reader));
    POSSYNC_TRY(auto const events, reader->events());
    using namespace query;
    POSSYNC_TRY_VOID((read_all<AccountRow, BreakRow, RunRow, CoverageRow, AccountValueRow, StatementRow, CertificationRow, CertificationDifferenceRow,
                               CashTransactionRow, SuccessionRow, CurrencyRateRow>(*reader)));
    for (auto const& book : books) {
        for (auto const& [unused, instrument] : book.instruments) checked += instrument.positions.size();
        auto found = ledger::verify(book, account_policy(configuration, book.account).fold);
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

/// A line of a list of the user's own.
struct ListLine {
    int number = 0;
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;    ///< or the contract's own, local symbol
    std::string sec_type;  ///< empty: a stock is meant where there is one
    base::Decimal quantity;
};

Result<std::vector<ListLine>> read_list(std::string const& path) {
    std::ifstream file(path);
    if (!file) return base::fail(ErrorCode::invalid_input, fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
    std::vector<ListLine> lines;
    std::map<std::string, std::size_t> columns;
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
        if (!text.empty() && text.back() == '\r') text.pop_back();
        if (text.empty()) continue;
        auto const wrong = [&](std::string const& what) { return base::fail(ErrorCode::invalid_input, fmt::format("{}:{}: {}", path, number, what)); };
        std::vector<std::string> fields;
        try {
            boost::tokenizer<boost::escaped_list_separator<char>> const tokens(text, boost::escaped_list_separator<char>('\\', ',', '"'));
            fields.assign(tokens.begin(), tokens.end());
        } catch (boost::escaped_list_error const& error) {
            return wrong(error.what());
        }
        if (columns.empty()) {
            for (std::size_t i = 0; i < fields.size(); ++i) columns[fields[i]] = i;
            if (!columns.contains("quantity") || (!columns.contains("con_id") && !columns.contains("symbol"))) {
                return wrong("the heading must name quantity, and con_id or symbol");
            }
            continue;
        }
        auto field = [&](char const* name) {
            auto const at = columns.find(name);
            return at == columns.end() || at->second >= fields.size() ? std::string() : fields[at->second];
        };
        ListLine line;
        line.number = number;
        line.account = field("account");
        line.symbol = field("symbol");
        line.sec_type = field("sec_type");
        auto const quantity = base::Decimal::parse(field("quantity"));
        if (!quantity) return wrong(fmt::format("quantity '{}' is not a number", field("quantity")));
        line.quantity = *quantity;
        if (auto const con_id = field("con_id"); !con_id.empty()) {
            auto const [end, error] = std::from_chars(con_id.data(), con_id.data() + con_id.size(), line.con_id);
            if (error != std::errc() || end != con_id.data() + con_id.size()) return wrong(fmt::format("con_id '{}' is not a whole number", con_id));
        }
        if (line.con_id == 0 && line.symbol.empty()) return wrong("it names neither con_id nor symbol");
        lines.push_back(std::move(line));
    }
    if (columns.empty()) return base::fail(ErrorCode::invalid_input, fmt::format("{} is empty; begin it with a heading like account,symbol,quantity", path));
    return lines;
}

/// The positions that a line may mean, as well as it says it: by conId; else by the contract's own symbol; else by the symbol, of
/// which the stock is meant where it is held beside its options.
std::vector<std::size_t> meant_by(ListLine const& line, std::vector<query::PositionRow> const& positions, std::vector<bool> const& matched) {
    auto const those = [&](auto const& also) {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < positions.size(); ++i) {
            auto const& position = positions[i];
            bool const fits = (line.account.empty() || line.account == position.account) &&
                              (line.sec_type.empty() || line.sec_type == position.sec_type);
            if (fits && also(position)) found.push_back(i);
        }
        return found;
    };
    auto const narrowed = [&] {
        if (line.con_id != 0) return those([&](auto const& position) { return position.con_id == line.con_id; });
        auto own = those([&](auto const& position) { return line.symbol == position.local_symbol.value_or(""); });
        if (!own.empty()) return own;
        auto by_symbol = those([&](auto const& position) { return query::same_symbol(line.symbol, position.symbol); });
        auto stocks = by_symbol;
        std::erase_if(stocks, [&](std::size_t i) { return positions[i].sec_type != "STK"; });
        return stocks.empty() ? by_symbol : stocks;
    };
    auto meant = narrowed();
    std::erase_if(meant, [&](std::size_t i) { return matched[i]; });
    return meant;
}

/// What tells one of several positions from the others.
std::string several_are_meant(ListLine const& line, std::vector<query::PositionRow> const& positions, std::vector<std::size_t> const& found) {
    std::string held;
    bool accounts = false;
    bool contracts = false;
    for (auto const i : found) {
        auto const& position = positions[i];
        accounts = accounts || position.account != positions[found.front()].account;
        contracts = contracts || position.con_id != positions[found.front()].con_id;
        held += fmt::format("{}{} {} {} con_id {}", held.empty() ? "" : "; ", position.account, position.sec_type,
                            position.local_symbol.value_or(position.symbol), position.con_id);
    }
    return fmt::format("{} is held more than once ({}); name its {}", line.symbol.empty() ? std::to_string(line.con_id) : line.symbol, held,
                       accounts && contracts ? "account, or its con_id" : accounts ? "account" : "con_id or local symbol");
}

/// As the environment says; where it says nothing (cron, systemd, containers), as the system's accounts do, else by number.
std::string user_name() {
    if (char const* const name = std::getenv("USER"); name != nullptr && *name != '\0') return name;
    auto const user = ::geteuid();
    std::vector<char> buffer(16 << 10);
    passwd account{};
    passwd* found = nullptr;
    bool const known = ::getpwuid_r(user, &account, buffer.data(), buffer.size(), &found) == 0 && found != nullptr && *found->pw_name != '\0';
    return known ? found->pw_name : fmt::format("uid {}", user);
}

/// What is told after a repair was written: how it is taken back, where that can be done.
std::string written(RepairText const& text) {
    if (text.verb != "undo") return "written; `possync undo` takes it back";
    bool const of_execution = text.subject.find_first_not_of("0123456789") != std::string::npos;
    return of_execution ? fmt::format("written; `possync exclude {}` takes it back", text.subject) : "written";
}

}  // namespace

int run_verify(Configuration const& configuration, Format format) {
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    std::size_t checked = 0;
    auto const rows = findings_of(configuration, **database, checked);
    if (!rows) return report(rows.error());
    if (format != Format::table) {
        show(*rows, format);
    } else {
        for (auto const& row : *rows) {
            print_line(fmt::format("{}{}{}: {}", row.account, row.account.empty() ? "" : " ", row.where, row.what));
        }
        if (rows->empty()) {
            print_line(fmt::format("{}: {} positions follow from their facts, to the last digit", (*database)->name(), checked));
        } else {
            print_line(fmt::format("{} findings. If cost_basis or calculate_realized_pnl was changed, put it back and verify again", rows->size()));
        }
    }
    return rows->empty() ? exit_fine : exit_difference;
}

int run_pnl(Configuration const& configuration, PnlCommand const& command, Format format) {
    auto const filter = query::parse_filter(query::view_info<query::PnlRow>(), command.filter, clock_now().wall);
    if (!filter) return report(filter.error());
    auto const grouping = query::parse_pnl_grouping(command.grouping);
    if (!grouping) return report(grouping.error());
    std::optional<model::CostBasis> method;
    if (!command.method.empty()) {
        auto const parsed = model::parse_cost_basis(command.method);
        if (!parsed) return report({ErrorCode::invalid_input, fmt::format("--method {} is not one of average, fifo, lifo, hifo", command.method)});
        method = *parsed;
    }
    bool const tax = command.view == "tax";
    if (!tax && command.view != "economic") return report({ErrorCode::invalid_input, fmt::format("--view {} is not economic or tax", command.view)});
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    auto const closes = method || tax ? closes_by(method, tax, configuration, **reader, *filter) : (*reader)->closes(*filter);
    if (!closes) return report(closes.error());
    auto const tell = [&](auto const& rows) {
        if (!rows) return report(rows.error());
        if (format == Format::table) {
            print_line(fmt::format("{}, {} view, {}", command.total ? "trading P&L and cash transactions" : "trading P&L", command.view,
                                   method ? "by " + command.method : "as the book is kept"));
        }
        show(*rows, format);
        return exit_fine;
    };
    if (!command.total) return tell(query::pnl_of(*closes, *filter, *grouping));
    auto const cash_filter = query::parse_filter(query::view_info<query::CashTransactionRow>(), command.filter, clock_now().wall);
    if (!cash_filter) return report(cash_filter.error());
    auto const cash = (*reader)->cash_transactions(*cash_filter);
    if (!cash) return report(cash.error());
    auto const rates = (*reader)->currency_rates();
    if (!rates) return report(rates.error());
    auto const accounts = (*reader)->accounts();
    if (!accounts) return report(accounts.error());
    return tell(query::totals(*accounts, *closes, *cash, *rates));
}

int run_diff_against(Configuration const& configuration, std::string const& file, std::string const& account, Format format) {
    auto const wanted = read_list(file);
    if (!wanted) return report(wanted.error());
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    query::Filter filter;
    filter.status = "OPEN";
    if (!account.empty()) filter.account = account;
    auto const positions = (*reader)->positions(filter);
    if (!positions) return report(positions.error());
    std::vector<query::DifferenceRow> rows;
    std::vector<bool> matched(positions->size(), false);
    for (auto const& line : *wanted) {
        if (!account.empty() && !line.account.empty() && line.account != account) continue;
        auto const meant = meant_by(line, *positions, matched);
        if (meant.size() > 1) {
            return report({ErrorCode::invalid_input, fmt::format("{}:{}: {}", file, line.number, several_are_meant(line, *positions, meant))});
        }
        query::DifferenceRow row;
        row.account = line.account.empty() ? account : line.account;
        row.con_id = line.con_id;
        row.symbol = line.symbol;
        row.broker_quantity = line.quantity;
        if (!meant.empty()) {
            auto const& position = (*positions)[meant.front()];
            matched[meant.front()] = true;
            if (position.quantity == line.quantity) continue;
            row.account = position.account;
            row.con_id = position.con_id;
            row.symbol = position.symbol;
            row.local_symbol = position.local_symbol;
            row.book_quantity = position.quantity;
            row.book_average_price = position.average_price;
        } else if (line.quantity.is_zero()) {
            continue;
        }
        row.detail = fmt::format("line {}", line.number);
        rows.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < positions->size(); ++i) {
        if (matched[i]) continue;
        auto const& position = (*positions)[i];
        query::DifferenceRow row;
        row.account = position.account;
        row.con_id = position.con_id;
        row.symbol = position.symbol;
        row.local_symbol = position.local_symbol;
        row.book_quantity = position.quantity;
        row.book_average_price = position.average_price;
        row.detail = "not in the list";
        rows.push_back(std::move(row));
    }
    if (format == Format::table && rows.empty()) {
        print_line(fmt::format("the book equals {}", file));
    } else {
        show(rows, format);
    }
    return rows.empty() ? exit_fine : exit_difference;
}

int run_repair(Configuration const& configuration, RepairText text, Format format) {
    auto const database = open_database(configuration);
    if (!database) return report(database.error());
    if (text.author.empty()) text.author = user_name();
    auto reader = open_reader(configuration);
    if (!reader) return report(reader.error());
    auto const repair = resolve_repair(text, **reader);
    if (!repair) return report(repair.error());
    auto const tell = [&](std::string const& printed) {
        if (format == Format::json) {
            print_line(boost::json::serialize(boost::json::object{{"success", true}, {"written", !text.dry_run}, {"changes", printed}}));
        } else {
            print_line(printed + (text.dry_run ? "nothing was written (--dry-run)" : written(text)));
        }
        return exit_fine;
    };
    if (service_holds(**database, repair->gateway)) {
        auto const answer = ask_service(**database, text.verb, to_json(text), nullptr, std::chrono::seconds(60), owner_of(**database, repair->gateway));
        if (!answer) return report(answer.error());
        return tell(*answer);
    }
    store::StoreOptions options;
    options.create = false;
    options.owner_is_gone = owner_is_gone;
    auto const store = (*database)->open_store(options);
    if (!store) return report(store.error());
    store::GatewayClaim claim;
    claim.gateway = repair->gateway;
    claim.owner = owner_name();
    claim.accounts = {repair->account};
    claim.paper = repair->paper;
    claim.now = clock_now().wall;
    auto const lease = (*store)->claim(claim);
    if (!lease) return report(lease.error());
    auto const done = carry_out_repair(**store, lease->gateway_id, lease->epoch, *repair, account_policy(configuration, repair->account), text.dry_run);
    (void)(*store)->release(lease->gateway_id, lease->epoch, clock_now().wall);
    if (!done) return report(done.error());
    return tell(model::print(*done));
}

}  // namespace possync::app

#include "http/answers.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "http/cursor.hpp"
#include "http/gate.hpp"
#include "http/response.hpp"
#include "query/json.hpp"
#include "query/pnl.hpp"

namespace possync::http {

namespace json = boost::json;
using base::ErrorCode;
using base::Result;
using base::Timestamp;
using query::Filter;
using query::ReadSnapshot;

namespace {

std::optional<std::string> find(Parameters const& parameters, std::string_view name) {
    for (auto const& [key, value] : parameters) {
        if (key == name) return value;
    }
    return std::nullopt;
}

Result<query::FilterText> filter_text(query::ViewInfo const& view, Parameters const& parameters, Timestamp now) {
    query::FilterText text;
    text.account = find(parameters, "account");
    text.symbol = find(parameters, "symbol");
    text.con_id = find(parameters, "con_id");
    text.status = find(parameters, "status");
    text.since = find(parameters, "since");
    text.until = find(parameters, "until");
    text.limit = find(parameters, "limit");
    text.sort = find(parameters, "sort");
    text.as_recorded = find(parameters, "as_recorded");
    text.position_id = find(parameters, "position_id");
    auto const as_of = find(parameters, "as_of");
    if (!as_of) return text;
    if (view.name == query::View<query::PositionRow>::name) {
        text.at = as_of;
        return text;
    }
    // What happens and stays: the moment's list ends with what happened then.
    if (text.until) return base::fail(ErrorCode::invalid_input, "as_of and until exclude each other");
    auto const moment = query::parse_moment(*as_of, now);
    if (!moment) return base::because("as_of", moment.error());
    text.until = base::to_rfc3339(*moment + base::Duration(1));
    return text;
}

struct Page {
    std::string items;
    std::optional<std::string> next;
};

template <typename Row>
Result<Page> read_page(query::Reader& reader, Filter filter, std::optional<PageCursor> const& cursor, std::size_t limit) {
    constexpr bool newest_last = query::View<Row>::filter.newest_last;
    bool const natural = filter.sort.empty() && !filter.at && !filter.as_recorded;
    auto const lost = [] {
        return base::fail(ErrorCode::invalid_input,
                          "the row where the page before ended is no longer there: begin again without a cursor");
    };
    std::vector<Row> rows;
    bool more = false;
    if (natural) {
        filter.limit = limit + 1;
        if (cursor) filter.beyond = cursor->place;
        POSSYNC_TRY(rows, query::read_rows<Row>(reader, filter));
        more = rows.size() > limit;
        if (more) newest_last ? rows.erase(rows.begin()) : rows.erase(rows.end() - 1);
    } else {
        // The order is known only when all rows are: decimals compare exactly, which no database does on text.
        filter.limit.reset();
        POSSYNC_TRY(rows, query::read_rows<Row>(reader, filter));
        if (cursor) {
            auto const found =
                std::find_if(rows.begin(), rows.end(), [&](Row const& row) { return query::place_of(row) == cursor->place; });
            if (found == rows.end()) return lost();
            rows.erase(rows.begin(), found + 1);
        }
        more = rows.size() > limit;
        if (more) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end());
    }
    Page page;
    if (more) {
        Row const& last = natural && newest_last ? rows.front() : rows.back();
        page.next = to_text(PageCursor{std::string(query::View<Row>::name), filter.sort, query::place_of(last)});
    }
    page.items = query::to_json(rows);
    return page;
}

Result<Page> read_page_of(query::ViewInfo const& view, query::Reader& reader, Filter const& filter,
                          std::optional<PageCursor> const& cursor, std::size_t limit) {
    using namespace query;
#define POSSYNC_READ_PAGE(Row)                                                                                                   \
    if (view.name == View<Row>::name) return read_page<Row>(reader, filter, cursor, limit);
    POSSYNC_FOR_EACH_VIEW(POSSYNC_READ_PAGE)
#undef POSSYNC_READ_PAGE
    return base::fail(ErrorCode::internal, fmt::format("there is no list of {}", view.name));
}

Result<std::string> accounts_of(query::Reader& reader, std::optional<std::string> const& account) {
    Filter filter;
    filter.account = account;
    POSSYNC_TRY(auto const accounts, reader.accounts(filter));
    json::array out;
    for (auto const& row : accounts) {
        json::object object{{"account", row.account}, {"revision", row.revision}, {"last_synced_at", nullptr}};
        if (row.last_synced_at) object["last_synced_at"] = base::to_rfc3339(*row.last_synced_at);
        out.push_back(std::move(object));
    }
    return json::serialize(out);
}

Answer list_answer(std::string const& items, std::optional<std::string> const& next, std::string const& accounts, Timestamp now) {
    std::string const said =
        fmt::format(R"({{"items": {}, "next": {}, "accounts": {})", items, next ? quoted(*next) : "null", accounts);
    return {std::make_shared<std::string const>(fmt::format(R"({}, "as_of": "{}"}})", said, base::to_rfc3339(now))),
            etag_of(said)};
}

}  // namespace

Timestamp wall_clock() {
    return {std::chrono::duration_cast<base::Duration>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

std::string etag_of(std::string_view text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
    return fmt::format("W/\"{}\"", base64_url({reinterpret_cast<char const*>(digest), 16}));
}

Result<void> check_parameters(Route const& route, Parameters const& parameters) {
    auto const known = parameters_of(route);
    for (auto const& [name, value] : parameters) {
        auto const found = std::find_if(known.begin(), known.end(), [&](ParameterInfo const& each) { return each.name == name; });
        if (found == known.end()) {
            std::string all;
            for (auto const& each : known)
                all += (all.empty() ? "" : ", ") + std::string(each.name);
            return base::fail(ErrorCode::invalid_input,
                              fmt::format("there is no parameter '{}' here; {}", name.substr(0, 60),
                                          all.empty() ? "there is none at all" : "the parameters are " + all));
        }
        if (std::count_if(parameters.begin(), parameters.end(), [&](auto const& each) { return each.first == name; }) > 1) {
            return base::fail(ErrorCode::invalid_input, fmt::format("'{}' is there twice", name));
        }
    }
    return {};
}

bool depends_on_time(Parameters const& parameters) {
    for (char const* name : {"since", "until", "as_of", "as_recorded"}) {
        auto const value = find(parameters, name);
        if (value && (*value == "now" || base::parse_duration(*value))) return true;
    }
    return false;
}

Result<Answer> answer_list(query::Reader& reader, Route const& route, Parameters const& parameters, Timestamp now) {
    query::ViewInfo const& view = route.view();
    POSSYNC_TRY(auto const text, filter_text(view, parameters, now));
    POSSYNC_TRY(Filter filter, query::parse_filter(view, text, now));
    std::size_t const limit = filter.limit.value_or(default_limit(view));
    if (limit > page_limit_max) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("limit is not from 1 to {}; go on with the cursor in `next`", page_limit_max));
    }
    std::optional<PageCursor> cursor;
    if (auto const asked = find(parameters, "cursor")) {
        cursor = parse_page_cursor(*asked);
        if (!cursor || cursor->view != view.name || cursor->sort != filter.sort) {
            return base::fail(ErrorCode::invalid_input, "the cursor is not one of this list in this order");
        }
    }
    POSSYNC_TRY(auto const snapshot, ReadSnapshot::begin(reader));
    POSSYNC_TRY(Page const page, read_page_of(view, reader, filter, cursor, limit));
    POSSYNC_TRY(std::string const accounts, accounts_of(reader, filter.account));
    return list_answer(page.items, page.next, accounts, now);
}

Result<Answer> answer_pnl(query::Reader& reader, Commands& commands, Parameters const& parameters, Timestamp now) {
    POSSYNC_TRY(auto const text, filter_text(query::view_info<query::PnlRow>(), parameters, now));
    POSSYNC_TRY(Filter const filter, query::parse_filter(query::view_info<query::PnlRow>(), text, now));
    POSSYNC_TRY(auto const grouping, query::parse_pnl_grouping(find(parameters, "by").value_or("day")));
    auto const method = find(parameters, "method").value_or("");
    if (!method.empty() && method != "average" && method != "fifo" && method != "lifo" && method != "hifo") {
        return base::fail(ErrorCode::invalid_input, "method is not one of average, fifo, lifo, hifo");
    }
    auto const kind = find(parameters, "view").value_or("economic");
    if (kind != "economic" && kind != "tax") return base::fail(ErrorCode::invalid_input, "view is not economic or tax");
    auto const total = find(parameters, "total").value_or("false");
    if (total != "true" && total != "false") return base::fail(ErrorCode::invalid_input, "total is not true or false");

    POSSYNC_TRY(auto const snapshot, ReadSnapshot::begin(reader));
    Filter of_closes = filter;
    of_closes.sort.clear();
    of_closes.limit.reset();
    POSSYNC_TRY(auto const closes, method.empty() && kind == "economic"
                                       ? reader.closes(of_closes)
                                       : commands.closes_by(method, kind == "tax", reader, of_closes));
    POSSYNC_TRY(std::string const accounts, accounts_of(reader, filter.account));
    if (total == "false") {
        POSSYNC_TRY(auto const rows, query::pnl_of(closes, filter, grouping));
        return list_answer(query::to_json(rows), std::nullopt, accounts, now);
    }
    POSSYNC_TRY(Filter const of_cash, query::parse_filter(query::view_info<query::CashTransactionRow>(), text, now));
    POSSYNC_TRY(auto const cash, reader.cash_transactions(of_cash));
    POSSYNC_TRY(auto const rates, reader.currency_rates());
    Filter of_account;
    of_account.account = filter.account;
    POSSYNC_TRY(auto const account_rows, reader.accounts(of_account));
    POSSYNC_TRY(auto const rows, query::totals(account_rows, closes, cash, rates));
    return list_answer(query::to_json(rows), std::nullopt, accounts, now);
}

}  // namespace possync::http

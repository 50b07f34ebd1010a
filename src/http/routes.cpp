#include "http/routes.hpp"

#include "query/filter.hpp"
#include "query/pnl.hpp"

namespace possync::http {

using query::view_info;

namespace {

template <typename Row>
query::ViewInfo const& view_of() {
    return view_info<Row>();
}

template <typename Row>
constexpr Route list(std::string_view path, std::string_view summary) {
    return {Method::get, path, Kind::list, Door::read, &view_of<Row>, summary};
}

constexpr std::array route_table{
    list<query::AccountRow>("/api/accounts", "The broker's accounts that this database follows"),
    list<query::PositionRow>("/api/positions", "Positions, open and closed; as_of for a moment of the past"),
    list<query::CloseRow>("/api/closes", "Reductions of positions with their realized P&L"),
    list<query::ExecutionRow>("/api/executions", "Fills, with commissions and corrections"),
    list<query::LotRow>("/api/lots", "What is left of each opening fill"),
    list<query::EventRow>("/api/events", "Every change of a position and its cause"),
    list<query::BreakRow>("/api/breaks", "Differences between broker and book"),
    list<query::RunRow>("/api/runs", "Syncs and how they ended"),
    list<query::CoverageRow>("/api/coverage", "Windows for which executions are known to be complete"),
    list<query::AdjustmentRow>("/api/adjustments", "Changes that are not fills: opening balances, splits, ..."),
    list<query::HistoryRow>("/api/history", "What each position was, and since when that was known"),
    list<query::InstrumentRow>("/api/instruments", "Contracts"),
    list<query::StatementRow>("/api/statements", "Statements that were imported"),
    list<query::CertificationRow>("/api/certifications", "Days on which the book was compared with a statement"),
    list<query::CertificationDifferenceRow>("/api/certification_differences", "What statements say and the book did not"),
    list<query::CashTransactionRow>("/api/cash_transactions", "Money that moved without a trade"),
    list<query::AccountValueRow>("/api/account_values", "The broker's account values, as sent"),
    list<query::SuccessionRow>("/api/instrument_successions", "What became of instruments"),
    list<query::CurrencyRateRow>("/api/currency_rates", "The statements' rates to the account's base currency"),
    Route{Method::get, "/api/pnl", Kind::pnl, Door::read, nullptr, "Realized P&L by day, symbol and account"},
    Route{Method::get, "/api/sync/status", Kind::status, Door::read, nullptr,
          "Gateways, accounts, their age and gate, and counters"},
    Route{Method::post, "/api/sync/positions", Kind::sync, Door::write, nullptr,
          "A complete sync, merged into one that is running"},
    Route{Method::post, "/api/sync/stats/reset", Kind::reset, Door::write, nullptr, "Set the counters to zero"},
    Route{Method::get, "/api/gate/{account}/{con_id}", Kind::gate, Door::read, nullptr,
          "Whether the book may be relied on for this position now"},
    Route{Method::get, "/api/why/position/{position_id}", Kind::why, Door::read, nullptr, "Why a position is what it is"},
    Route{Method::get, "/api/stream", Kind::stream, Door::stream, nullptr, "Committed changes as server-sent events"},
    Route{Method::post, "/api/session", Kind::log_in, Door::open, nullptr, "Exchange the token for a cookie"},
    Route{Method::delete_, "/api/session", Kind::log_out, Door::open, nullptr, "Forget the cookie"},
    Route{Method::get, "/api/openapi.json", Kind::description, Door::read, nullptr, "This description"},
    Route{Method::get, "/livez", Kind::livez, Door::open, nullptr, "Whether the process's threads answer"},
    Route{Method::get, "/readyz", Kind::readyz, Door::open, nullptr, "Whether it can be relied on"},
    Route{Method::get, "/metrics", Kind::metrics, Door::read, nullptr, "For Prometheus"},
    Route{Method::get, "/", Kind::page, Door::open, nullptr, "The page"},
};

std::string_view name_of(Method method) {
    switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::delete_: return "DELETE";
    case Method::other: return "";
    }
    return "";
}

/// The parts for which the pattern's {names} stand, or nothing.
std::optional<std::vector<std::string>> parts_of(std::string_view pattern, std::string_view path) {
    std::vector<std::string> parts;
    while (!pattern.empty() || !path.empty()) {
        auto const pattern_end = pattern.find('/');
        auto const path_end = path.find('/');
        auto const wanted = pattern.substr(0, pattern_end);
        auto const given = path.substr(0, path_end);
        if (wanted.starts_with('{')) {
            auto decoded = percent_decoded(given, false);
            if (!decoded || decoded->empty() || decoded->size() > 200) return std::nullopt;
            parts.push_back(std::move(*decoded));
        } else if (wanted != given) {
            return std::nullopt;
        }
        if ((pattern_end == std::string_view::npos) != (path_end == std::string_view::npos)) return std::nullopt;
        if (pattern_end == std::string_view::npos) break;
        pattern = pattern.substr(pattern_end + 1);
        path = path.substr(path_end + 1);
    }
    return parts;
}

constexpr ParameterInfo text(std::string_view name, std::string_view description) { return {name, "string", description, {}}; }
constexpr ParameterInfo whole(std::string_view name, std::string_view description) { return {name, "integer", description, {}}; }

}  // namespace

std::span<Route const> routes() { return route_table; }

Match match_route(Method method, std::string_view path) {
    Match match;
    if (method == Method::head) method = Method::get;
    for (Route const& route : route_table) {
        auto parts = parts_of(route.path, path);
        if (!parts) continue;
        if (route.method == method) {
            match.route = &route;
            match.parts = std::move(*parts);
            return match;
        }
        match.other_method = true;
        if (!match.allow.empty()) match.allow += ", ";
        match.allow += name_of(route.method);
        if (route.method == Method::get) match.allow += ", HEAD";
    }
    return match;
}

std::size_t default_limit(query::ViewInfo const& view) {
    return view.name == query::View<query::PositionRow>::name ? page_limit_max : 1000;
}

namespace {

/// Each row is of one moment and stays as it is, or is corrected: the rows up to a moment are the list as of then. Breaks are not
/// such rows: they begin and end, and their states in between are not kept.
bool lists_what_happened(query::ViewInfo const& view) {
    auto const& columns = view.filter;
    return columns.newest_last && !columns.from.empty() && (columns.from == columns.to || view.name == query::View<query::RunRow>::name);
}

}  // namespace

std::vector<ParameterInfo> parameters_of(Route const& route) {
    std::vector<ParameterInfo> parameters;
    auto const filters = [&](query::ViewInfo const& view) {
        auto const& columns = view.filter;
        if (!columns.account.empty()) parameters.push_back(text("account", "Only this account."));
        if (!columns.symbol.empty()) parameters.push_back(text("symbol", "Only this symbol, in upper or lower case."));
        if (!columns.con_id.empty()) parameters.push_back(whole("con_id", "Only this contract."));
        if (!columns.status.empty()) {
            parameters.push_back(text("status", "Only rows in this state."));
            if (!columns.status_words.empty()) parameters.back().words = query::words_of(columns.status_words);
        }
        if (!columns.from.empty()) {
            parameters.push_back(text("since", "From this moment on: 2026-11-23, 2026-11-23T14:30:00Z, or ago: 15m 24h 7d."));
            parameters.push_back(text("until", "Before this moment."));
        }
        if (!columns.position.empty()) parameters.push_back(whole("position_id", "Only rows of this position."));
        parameters.push_back(text("sort", "A column, -column for descending; else the natural order."));
    };
    switch (route.kind) {
    case Kind::list: {
        auto const& view = route.view();
        filters(view);
        if (view.name == query::View<query::PositionRow>::name) {
            parameters.push_back(text("as_of", "As they were at this moment."));
            parameters.push_back(text("as_recorded", "As this database knew them at this moment."));
        } else if (lists_what_happened(view)) {
            parameters.push_back(text("as_of", "What had happened by this moment, by what is known now."));
        }
        parameters.push_back(whole("limit", "At most so many rows, up to 10000; the newest of views in order of time."));
        parameters.push_back(text("cursor", "Go on from `next` of the page before."));
        break;
    }
    case Kind::pnl:
        parameters.push_back(text("by", "day, symbol, account, several with commas, or total. Default day."));
        parameters.push_back(text("method", "Over the whole history, instead of as the book was kept."));
        parameters.back().words = {"average", "fifo", "lifo", "hifo"};
        parameters.push_back(text("view", "economic, or tax: an option's premium in the cost of what it delivered."));
        parameters.back().words = {"economic", "tax"};
        parameters.push_back({"total", "boolean", "With cash transactions, and in the base currency; by account.", {}});
        filters(view_info<query::PnlRow>());
        parameters.push_back(text("as_of", "From what had happened by this moment, by what is known now."));
        parameters.push_back(whole("limit", "At most so many rows, the last ones unless sorted."));
        break;
    case Kind::sync: parameters.push_back(text("account", "Only this account.")); break;
    case Kind::stream:
        parameters.push_back(text("last_event_id", "Go on behind this event; as the header Last-Event-ID."));
        break;
    default: break;
    }
    return parameters;
}

}  // namespace possync::http

#include "query/filter.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "query/pnl.hpp"

namespace possync::query {

using base::ErrorCode;
using base::Result;
using base::Timestamp;

namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 60)) + "'"; }

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return upper(x) == upper(y); });
}

template <typename Function>
void for_each_word(std::string_view words, Function function) {
    while (!words.empty()) {
        auto const blank = words.find(' ');
        function(words.substr(0, blank));
        words = blank == std::string_view::npos ? std::string_view{} : words.substr(blank + 1);
    }
}

/// User's word for a view, for messages: "positions have no status".
std::unexpected<base::Error> does_not_apply(ViewInfo const& view, std::string_view option) {
    return base::fail(ErrorCode::invalid_input, "--" + std::string(option) + " does not apply to " +
                                                    std::string(view.name) + "; leave it out");
}

Result<void> check_text(std::string_view option, std::optional<std::string> const& value) {
    if (!value) return {};
    if (value->empty()) {
        return base::fail(ErrorCode::invalid_input,
                          "--" + std::string(option) + " is empty; give it a value");
    }
    // A NUL would end the text early inside the database and match something else than was written.
    if (value->find('\0') != std::string::npos || value->size() > 200) {
        return base::fail(ErrorCode::invalid_input, "--" + std::string(option) + " is not a plain word");
    }
    return {};
}

template <typename Integer>
Result<Integer> parse_whole(std::string_view option, std::string_view text, Integer low, Integer high) {
    Integer value{};
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && stop == text.data() + text.size() && value >= low && value <= high)
        return value;
    return base::fail(ErrorCode::invalid_input, "--" + std::string(option) + " " + quoted(text) +
                                                    " is not a whole number from " + std::to_string(low) +
                                                    " to " + std::to_string(high));
}

constexpr std::int64_t microseconds_of_day = 86'400'000'000;

base::Date day_of(Timestamp time) { return base::utc_local(time).date; }
Timestamp begin_of(base::Date day) { return {base::days_since_epoch(day) * microseconds_of_day}; }

/// Rows beyond a place in the natural order, where NULL comes first: "(a > $1 OR (a = $1 AND (b > $2)))".
template <typename Column, typename Parameter>
std::string beyond_condition(ViewInfo const& view, std::vector<std::string_view> const& order, std::size_t at,
                             std::vector<std::optional<std::string>> const& place, bool backwards, Column const& column,
                             Parameter const& parameter) {
    std::string const name = column(order[at]);
    bool const last = at + 1 == order.size();
    // Parameters are numbered in the order in which they stand in the text: this column's before the rest's.
    std::string const value = place[at] ? parameter(view.find(order[at])->type, *place[at]) : "";
    std::string const rest = last ? "" : beyond_condition(view, order, at + 1, place, backwards, column, parameter);
    if (!place[at]) {
        std::string const equal = name + " IS NULL";
        std::string const here = last ? "1 = 0" : "(" + equal + " AND " + rest + ")";
        return backwards ? here : "(" + name + " IS NOT NULL OR " + here + ")";
    }
    std::string condition = "(" + name + (backwards ? " < " : " > ") + value;
    if (backwards) condition += " OR " + name + " IS NULL";
    if (!last) condition += " OR (" + name + " = " + value + " AND " + rest + ")";
    return condition + ")";
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view list) {
    std::vector<std::string_view> words;
    for_each_word(list, [&](std::string_view word) { words.push_back(word); });
    return words;
}

Result<Timestamp> parse_moment(std::string_view text, Timestamp now) {
    if (text == "now") return now;
    if (auto const time = base::parse_rfc3339(text)) return *time;
    if (auto const duration = base::parse_duration(text)) return now - *duration;
    return base::fail(ErrorCode::invalid_input,
                      quoted(text) +
                          " is not a time; write 2026-11-23, 2026-11-23T14:30:00Z, or 24h, 7d for ago");
}

Result<Filter> parse_filter(ViewInfo const& view, FilterText const& text, Timestamp now) {
    Filter filter;
    filter.account = text.account;
    filter.symbol = text.symbol;
    filter.status = text.status;
    if (text.con_id) {
        POSSYNC_TRY(filter.con_id, parse_whole<std::int64_t>("con-id", *text.con_id, 1, INT64_MAX));
    }
    if (text.position_id) {
        POSSYNC_TRY(filter.position_id, parse_whole<std::int64_t>("position-id", *text.position_id, 1, INT64_MAX));
    }
    if (text.limit) {
        POSSYNC_TRY(filter.limit, parse_whole<std::size_t>("limit", *text.limit, 1, limit_max));
    }
    auto const moment = [&](std::string_view option, std::optional<std::string> const& word,
                            std::optional<Timestamp>& out) -> Result<void> {
        if (!word) return {};
        auto const time = parse_moment(*word, now);
        if (!time) return base::because("--" + std::string(option), time.error());
        out = *time;
        return {};
    };
    POSSYNC_TRY_VOID(moment("since", text.since, filter.since));
    POSSYNC_TRY_VOID(moment("until", text.until, filter.until));
    POSSYNC_TRY_VOID(moment("at", text.at, filter.at));
    POSSYNC_TRY_VOID(moment("as-recorded", text.as_recorded, filter.as_recorded));
    if (text.sort) {
        if (text.sort->empty()) return base::fail(ErrorCode::invalid_input, "--sort is empty; name a column");
        filter.sort = *text.sort;
    }
    return checked(view, std::move(filter));
}

Result<Filter> checked(ViewInfo const& view, Filter filter) {
    POSSYNC_TRY_VOID(check_text("account", filter.account));
    POSSYNC_TRY_VOID(check_text("symbol", filter.symbol));
    POSSYNC_TRY_VOID(check_text("status", filter.status));
    FilterColumns const& columns = view.filter;
    if (filter.account && columns.account.empty()) return does_not_apply(view, "account");
    if (filter.symbol && columns.symbol.empty()) return does_not_apply(view, "symbol");
    if (filter.con_id && columns.con_id.empty()) return does_not_apply(view, "con-id");
    if (filter.status && columns.status.empty()) return does_not_apply(view, "status");
    if (filter.since && columns.from.empty()) return does_not_apply(view, "since");
    if (filter.until && columns.from.empty()) return does_not_apply(view, "until");
    if (filter.position_id && columns.position.empty()) return does_not_apply(view, "position-id");
    if (filter.after_revision && columns.revision.empty()) return does_not_apply(view, "after-revision");
    if ((filter.after_id || filter.before_id) && columns.id.empty()) return does_not_apply(view, "after-id");
    if (filter.marked_after && columns.marked.empty()) return does_not_apply(view, "marked-after");
    if (filter.beyond) {
        if (!filter.sort.empty() || filter.beyond->size() != words_of(columns.order).size()) {
            return base::fail(ErrorCode::invalid_input, "the place to go on from is not one in the order of " + std::string(view.name));
        }
        auto const order = words_of(columns.order);
        for (std::size_t i = 0; i < order.size(); ++i) {
            auto const& value = (*filter.beyond)[i];
            if (!value) continue;
            POSSYNC_TRY_VOID(check_text("cursor", value->empty() ? std::optional<std::string>("-") : value));
            bool fits = true;
            switch (view.find(order[i])->type) {
                case ColumnType::integer: fits = value_of<std::int64_t>(*value).has_value(); break;
                case ColumnType::decimal: fits = value_of<base::Decimal>(*value).has_value(); break;
                case ColumnType::boolean: fits = value_of<bool>(*value).has_value(); break;
                case ColumnType::timestamp: fits = value_of<Timestamp>(*value).has_value(); break;
                case ColumnType::date: fits = value_of<base::Date>(*value).has_value(); break;
                case ColumnType::text: break;
            }
            if (!fits) return base::fail(ErrorCode::invalid_input, "the place to go on from is not one of " + std::string(view.name));
        }
    }
    if (filter.since && filter.until && *filter.since >= *filter.until) {
        return base::fail(ErrorCode::invalid_input, "--since " + base::to_rfc3339(*filter.since) +
                                                        " is not before --until " +
                                                        base::to_rfc3339(*filter.until));
    }
    if (filter.status && !columns.status_words.empty()) {
        std::string_view found;
        for_each_word(columns.status_words, [&](std::string_view word) {
            if (equal_ignoring_case(word, *filter.status)) found = word;
        });
        if (found.empty()) {
            return base::fail(ErrorCode::invalid_input, "--status " + quoted(*filter.status) +
                                                            " is not one of " +
                                                            std::string(columns.status_words));
        }
        filter.status = std::string(found);
    }
    if (filter.limit && (*filter.limit == 0 || *filter.limit > limit_max)) {
        return base::fail(ErrorCode::invalid_input, "--limit is not from 1 to " + std::to_string(limit_max));
    }
    if (!filter.sort.empty()) {
        std::string_view column = filter.sort;
        if (column.front() == '-') column.remove_prefix(1);
        if (view.find(column) == nullptr) {
            std::string names;
            for (auto const& candidate : view.columns) names += " " + std::string(candidate.name);
            return base::fail(ErrorCode::invalid_input, "--sort " + quoted(filter.sort) +
                                                            " is not a column of " + std::string(view.name) +
                                                            ":" + names);
        }
    }
    if (filter.at || filter.as_recorded) {
        std::string_view const option = filter.at ? "at" : "as-recorded";
        if (view.name != View<PositionRow>::name) return does_not_apply(view, option);
        if (filter.position_id || filter.after_revision || filter.marked_after || filter.beyond) {
            return base::fail(ErrorCode::invalid_input, "--" + std::string(option) + " shows one moment of all positions; leave out what chooses among them");
        }
        if (filter.since || filter.until) {
            return base::fail(ErrorCode::invalid_input,
                              "--" + std::string(option) +
                                  " shows one moment; leave out --since and --until");
        }
        if (!filter.at) filter.at = filter.as_recorded;
    }
    return filter;
}

namespace {

constexpr std::string_view of_its_events = "v.position_id IN (SELECT e.position_id FROM position_events e WHERE e.event_id BETWEEN $1 AND $2)";

Select select_of_revision(ViewInfo const& view, RevisionKey const& key, std::string_view condition) {
    Select select = make_select(view, {});
    auto const from = select.sql.find(" FROM ");
    select.sql = select.sql.substr(0, from) + " FROM " + std::string(view.name) + " v WHERE " + std::string(condition);
    select.parameters = {{std::nullopt, *key.first_event_id}, {std::nullopt, *key.last_event_id}};
    select.reversed = false;
    return select;
}

}  // namespace

Select select_events(ViewInfo const& view, RevisionKey const& key) {
    return select_of_revision(view, key, "v.event_id BETWEEN $1 AND $2 ORDER BY v.event_id");
}

Select select_changed_positions(ViewInfo const& view, RevisionKey const& key) {
    return select_of_revision(view, key, std::string(of_its_events) + " ORDER BY v.position_id");
}

Select select_written_closes(ViewInfo const& view, RevisionKey const& key) {
    auto select = select_of_revision(view, key, std::string(of_its_events) + " AND v.revision = $3 ORDER BY v.close_id");
    select.parameters.push_back({std::nullopt, key.revision});
    return select;
}

Select make_select(ViewInfo const& view, Filter const& filter) {
    FilterColumns const& columns = view.filter;
    Select select;
    // Columns are written v."name": "right" is a keyword, and a quoted name alone would be taken for a text
    // by SQLite where no such column exists.
    auto const column = [](std::string_view name) { return "v.\"" + std::string(name) + "\""; };
    auto const parameter = [&select](SelectParameter value) {
        select.parameters.push_back(std::move(value));
        return "$" + std::to_string(select.parameters.size());
    };
    auto const text = [&parameter](std::string value) { return parameter({std::move(value), 0}); };

    select.sql = "SELECT";
    char const* separator = " ";
    for (auto const& info : view.columns) {
        select.sql += separator + column(info.name);
        separator = ", ";
    }
    select.sql += " FROM " + std::string(view.name) + " v";
    char const* keyword = " WHERE ";
    auto const where = [&](std::string const& condition) {
        select.sql += keyword + condition;
        keyword = " AND ";
    };
    if (filter.account) where(column(columns.account) + " = " + text(*filter.account));
    if (filter.symbol) {
        // SQLite's and PostgreSQL's upper() agree on ASCII; only that is folded.
        std::string folded = *filter.symbol;
        std::transform(folded.begin(), folded.end(), folded.begin(), upper);
        std::string const wanted = text(std::move(folded));
        std::string const is = "upper(" + column(columns.symbol) + ") = " + wanted;
        where(columns.other_symbol.empty() ? is : "(" + is + " OR upper(" + column(columns.other_symbol) + ") = " + wanted + ")");
    }
    if (filter.con_id) {
        std::string const wanted = parameter({std::nullopt, *filter.con_id});
        std::string const is = column(columns.con_id) + " = " + wanted;
        where(columns.other_con_id.empty() ? is : "(" + is + " OR " + column(columns.other_con_id) + " = " + wanted + ")");
    }
    if (filter.status) where(column(columns.status) + " = " + text(*filter.status));
    auto const whole = [&parameter](std::int64_t value) { return parameter({std::nullopt, value}); };
    if (filter.position_id) where(column(columns.position) + " = " + whole(*filter.position_id));
    if (filter.after_revision) where(column(columns.revision) + " > " + whole(*filter.after_revision));
    if (filter.after_id) where(column(columns.id) + " > " + whole(*filter.after_id));
    if (filter.before_id) where(column(columns.id) + " < " + whole(*filter.before_id));
    if (filter.marked_after) where(column(columns.marked) + " > " + text(base::to_rfc3339(*filter.marked_after)));
    if (filter.beyond) {
        auto const value = [&](ColumnType type, std::string const& written) {
            return type == ColumnType::integer ? whole(*value_of<std::int64_t>(written)) : text(written);
        };
        where(beyond_condition(view, words_of(columns.order), 0, *filter.beyond, columns.newest_last, column, value));
    }
    if (filter.since || filter.until) {
        bool const moment = columns.from == columns.to;
        bool const days = view.find(columns.from)->type == ColumnType::date;
        std::string const from = columns.from_else.empty() ? column(columns.from)
                                                           : "coalesce(" + column(columns.from) + ", " +
                                                                 column(columns.from_else) + ")";
        if (filter.since) {
            std::string const since = text(days ? base::to_string(day_of(*filter.since)) : base::to_rfc3339(*filter.since));
            // A stretch of time must reach past `since`; its own begin may be later.
            where(moment ? from + " >= " + since
                         : "(" + column(columns.to) + " IS NULL OR " + column(columns.to) + " >= " + since +
                               ")");
        }
        if (filter.until) {
            // A day has begun before every moment of it but the first.
            bool const within = days && *filter.until != begin_of(day_of(*filter.until));
            std::string const before =
                from + (within ? " <= " : " < ") +
                text(days ? base::to_string(day_of(*filter.until)) : base::to_rfc3339(*filter.until));
            where(moment ? before : "(" + from + " IS NULL OR " + before + ")");
        }
    }

    bool const limited = filter.limit && filter.sort.empty();
    select.reversed = limited && columns.newest_last;
    std::string order;
    for_each_word(columns.order, [&](std::string_view name) {
        // SQLite puts NULL first and PostgreSQL last: said here for both.
        order += (order.empty() ? " ORDER BY " : ", ") + column(name) +
                 (select.reversed ? " DESC NULLS LAST" : " ASC NULLS FIRST");
    });
    select.sql += order;
    if (limited) {
        select.sql += " LIMIT " + parameter({std::nullopt, static_cast<std::int64_t>(*filter.limit)});
    }
    return select;
}

namespace {

template <typename Value>
int compare_optional(std::optional<Value> const& a, std::optional<Value> const& b, bool descending) {
    if (!a || !b) return static_cast<int>(!a) - static_cast<int>(!b);
    int const order = compare_values(*a, *b);
    return descending ? -order : order;
}

template <typename Value>
int compare_optional(Value const& a, Value const& b, bool descending) {
    int const order = compare_values(a, b);
    return descending ? -order : order;
}

}  // namespace

template <typename Row>
void sort_rows(std::vector<Row>& rows, Filter const& filter) {
    if (filter.sort.empty()) return;
    bool const descending = filter.sort.front() == '-';
    std::string_view const name = std::string_view(filter.sort).substr(descending ? 1 : 0);
    for_each_column<Row>([&](auto const& column) {
        if (column.name != name) return;
        // Indices are sorted, with the old place as last word: stable, and rows of thirty columns move once.
        std::vector<std::size_t> places(rows.size());
        std::iota(places.begin(), places.end(), std::size_t{0});
        std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
            int const order = compare_optional(rows[a].*column.member, rows[b].*column.member, descending);
            return order != 0 ? order < 0 : a < b;
        });
        if (filter.limit && places.size() > *filter.limit) places.resize(*filter.limit);
        std::vector<Row> sorted;
        sorted.reserve(places.size());
        for (std::size_t const place : places) sorted.push_back(std::move(rows[place]));
        rows = std::move(sorted);
    });
}

#define POSSYNC_SORT_ROWS(Row) template void sort_rows<Row>(std::vector<Row>&, Filter const&);
POSSYNC_FOR_EACH_ROW(POSSYNC_SORT_ROWS)
#undef POSSYNC_SORT_ROWS

bool same_symbol(std::string_view a, std::string_view b) {
    auto const upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return upper(x) == upper(y); });
}

}  // namespace possync::query

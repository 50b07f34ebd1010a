// Filters of the reading commands and of the API: the words a user writes become a checked Filter, and a
// Filter with sort order becomes a choice among rows. Both faces use this one parser, so they accept the same
// words.
//
// A filter that does not apply to a view is an error, never silently ignored: a total over rows that were not
// filtered is worse than no total. Nothing here reads a clock; "7d" counts back from the `now` that is handed
// in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "query/column.hpp"

namespace possync::query {

/// What to show. Unset members do not restrict.
struct Filter {
    std::optional<std::string> account;  ///< the broker's code, exact
    std::optional<std::string> symbol;   ///< exact but for upper and lower case of ASCII letters
    std::optional<std::int64_t> con_id;
    std::optional<std::string> status;     ///< a word of the view's status column, in the view's spelling
    std::optional<base::Timestamp> since;  ///< rows that last beyond or begin at this time
    std::optional<base::Timestamp> until;  ///< rows that begin before this time
    /// At most so many rows: the first of the sort order; without one, the last of views in order of time.
    std::optional<std::size_t> limit;
    std::string sort;  ///< column; "-column" for descending; empty: the view's natural order. NULLs come last
    std::optional<base::Timestamp> at;           ///< positions only: as they were at this time
    std::optional<base::Timestamp> as_recorded;  ///< positions only: as this database knew them at this time

    std::optional<std::int64_t> position_id;        ///< rows of this position
    std::optional<std::int64_t> after_revision;     ///< rows that a later revision of their account wrote
    std::optional<std::int64_t> after_id;           ///< rows with a higher id of their own
    std::optional<std::int64_t> before_id;          ///< rows with a lower one
    std::optional<base::Timestamp> marked_after;    ///< rows whose mark is younger
    /// Where a page before this one ended: its last row's columns of the natural order, as text, NULL unset. What follows it in
    /// natural order is read; in views in order of time, where the newest come first, what precedes it.
    std::optional<std::vector<std::optional<std::string>>> beyond;

    bool operator==(Filter const&) const = default;
};

/// The words of a list that is separated by blanks, as in FilterColumns.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view list);

/// Values of the columns of a row's natural order, as Filter::beyond wants them.
template <typename Row>
[[nodiscard]] std::vector<std::optional<std::string>> place_of(Row const& row) {
    std::vector<std::optional<std::string>> place;
    for (std::string_view const name : words_of(View<Row>::filter.order)) {
        for_each_column<Row>([&](auto const& column) {
            if (column.name != name) return;
            auto const& value = row.*column.member;
            if constexpr (std::remove_cvref_t<decltype(column)>::nullable) {
                value ? place.emplace_back(text_of(*value)) : place.emplace_back(std::nullopt);
            } else {
                place.emplace_back(text_of(value));
            }
        });
    }
    return place;
}

/// As filter.symbol compares: exact but for upper and lower case of ASCII letters.
[[nodiscard]] bool same_symbol(std::string_view a, std::string_view b);

/// The same as typed on a command line or in a URL.
struct FilterText {
    std::optional<std::string> account;
    std::optional<std::string> symbol;
    std::optional<std::string> con_id;
    std::optional<std::string> status;
    std::optional<std::string> since;
    std::optional<std::string> until;
    std::optional<std::string> limit;
    std::optional<std::string> sort;
    std::optional<std::string> at;
    std::optional<std::string> as_recorded;
    std::optional<std::string> position_id;
};

/// Most rows that one answer may be limited to.
inline constexpr std::size_t limit_max = 10'000'000;

/// A moment: "2026-11-23" (midnight UTC), RFC 3339, "now", or a time ago as "90s", "15m", "24h", "7d".
/// Errors: invalid_input naming the text and the forms.
[[nodiscard]] base::Result<base::Timestamp> parse_moment(std::string_view text, base::Timestamp now);

/// Parses and checks every word against the view. `as_recorded` without `at` is taken for both: what was
/// known then of that same moment. Errors: invalid_input, one line that names the option and what it may be.
[[nodiscard]] base::Result<Filter> parse_filter(ViewInfo const& view, FilterText const& text,
                                                base::Timestamp now);

/// Checks a Filter that was made by hand. Errors as parse_filter; status is put into the view's spelling.
[[nodiscard]] base::Result<Filter> checked(ViewInfo const& view, Filter filter);

/// One parameter of a select.
struct SelectParameter {
    std::optional<std::string> text;  ///< else `integer`
    std::int64_t integer = 0;
    bool operator==(SelectParameter const&) const = default;
};

/// SQL for the view's rows under account, symbol, con_id, status, since, until, and for limit where the order
/// is the natural one. Placeholders are $1, $2, ... in order, as PostgreSQL writes them and SQLite accepts
/// them. Rows come in natural order, except when `reversed`: then newest first, for the reader to turn round.
struct Select {
    std::string sql;
    std::vector<SelectParameter> parameters;
    bool reversed = false;
};
/// Precondition: `filter` passed checked() for this view. Times compare as text, which is right because the
/// views write them in one fixed form; numbers are never compared as text, see sort_rows.
[[nodiscard]] Select make_select(ViewInfo const& view, Filter const& filter);

/// One committed change set of an account. Events are numbered in the order of recording; those of one revision are all that lie
/// between two numbers.
struct RevisionKey {
    std::int64_t revision = 0;
    std::optional<std::int64_t> first_event_id;  ///< unset, with the last: a revision without events
    std::optional<std::int64_t> last_event_id;
};
/// The events of a revision; the positions they speak of; of those the closes that the revision wrote. Precondition: there are
/// events.
[[nodiscard]] Select select_events(ViewInfo const& view, RevisionKey const& key);
[[nodiscard]] Select select_changed_positions(ViewInfo const& view, RevisionKey const& key);
[[nodiscard]] Select select_written_closes(ViewInfo const& view, RevisionKey const& key);

/// -1, 0, 1 by value, exact for decimals; NULL is greater than everything.
template <typename Value>
int compare_values(Value const& a, Value const& b) {
    return a < b ? -1 : (b < a ? 1 : 0);
}

/// Sorts by filter.sort (stable, exact, NULLs last both ways) and cuts to filter.limit. Without a sort order
/// nothing is done: make_select has ordered and limited already. Defined for the rows of views.hpp.
template <typename Row>
void sort_rows(std::vector<Row>& rows, Filter const& filter);

}  // namespace possync::query

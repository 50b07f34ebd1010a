// Rows as CSV (RFC 4180): a header of the view's columns, CRLF after each record, fields with a comma, quote,
// CR or LF in quotes, quotes doubled. NULL is an empty field and an empty text is "" (quoted), so that
// nothing is lost on the way back. The values are those of JSON: exact decimals, RFC 3339 times, true and
// false.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "query/pnl.hpp"
#include "query/views.hpp"

namespace possync::query {

/// Header and rows. Defined for every row of POSSYNC_FOR_EACH_ROW.
template <typename Row>
[[nodiscard]] std::string to_csv(std::vector<Row> const& rows);

/// The reverse, exact. Columns are found by the header's names, in any order; unknown ones are ignored,
/// missing ones are errors. Errors: invalid_input naming line and column.
template <typename Row>
[[nodiscard]] base::Result<std::vector<Row>> parse_csv(std::string_view text);

/// One record: unset is an empty field without quotes.
struct CsvRecord {
    std::vector<std::optional<std::string>> fields;
    std::size_t line = 1;  ///< of its first character
    bool operator==(CsvRecord const&) const = default;
};

/// Splits any RFC 4180 text; LF alone ends a record too, a byte order mark and blank lines are skipped.
/// Errors: invalid_input with the line, for a quote that is not closed or stands inside a plain field.
[[nodiscard]] base::Result<std::vector<CsvRecord>> split_csv(std::string_view text);

/// Appends one field as it has to be written.
void append_csv_field(std::string& out, std::optional<std::string_view> field);

}  // namespace possync::query

// Rows as JSON: an array of objects with exactly the view's columns, in their order. Decimals are strings (a
// JSON number would be read as binary floating point), NULL is null, booleans are true and false, times are
// RFC 3339 UTC with microseconds, integers are numbers (all of ours are below 2^53 or the broker's own ids).
//
// The JSON library is used in the .cpp only. Text that is not UTF-8 is repaired with U+FFFD, never passed on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "query/pnl.hpp"
#include "query/views.hpp"

namespace possync::query {

/// "[{...},\n{...}]": one row a line, so that line tools work too. Defined for every row of
/// POSSYNC_FOR_EACH_ROW.
template <typename Row>
[[nodiscard]] std::string to_json(std::vector<Row> const& rows);

/// One row as an object.
template <typename Row>
[[nodiscard]] std::string to_json(Row const& row);

/// The reverse, exact. Unknown members are ignored (views gain columns). Errors: invalid_input naming row and
/// column.
template <typename Row>
[[nodiscard]] base::Result<std::vector<Row>> parse_json(std::string_view text);

/// Valid UTF-8: every byte that is part of no character becomes U+FFFD.
[[nodiscard]] std::string repaired_utf8(std::string_view text);

}  // namespace possync::query

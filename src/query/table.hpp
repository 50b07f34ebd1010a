// Rows as a table for people: a choice of columns that suits a terminal, numbers aligned at the decimal
// point, narrower when the terminal is. For machines there are JSON and CSV; a table rounds (money to 2
// decimals, prices to 4) and may leave columns out.
//
// Text from outside cannot steer the terminal: control characters and broken UTF-8 are replaced. Nothing here
// asks what the terminal is: width and colour are handed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/pnl.hpp"
#include "query/views.hpp"

namespace possync::query {

struct TableOptions {
    std::optional<std::size_t> width;  ///< columns of the terminal; unset (a pipe): as wide as it takes
    bool colour = false;               ///< bold headings; gains green, losses red
};

/// The view's rows as lines, each ended by "\n"; "(no rows)" without any. Positions, closes and P&L end with
/// one line of totals per currency that says how many parts are unknown. Defined for every row of
/// POSSYNC_FOR_EACH_ROW.
template <typename Row>
[[nodiscard]] std::string to_table(std::vector<Row> const& rows, TableOptions const& options);

/// The names of the view's columns that its table can show.
template <typename Row>
[[nodiscard]] std::vector<std::string_view> table_columns();

// --- building blocks, for tables that are not of a view
// -----------------------------------------------------------

enum class Alignment {
    left,
    right,
    point,  ///< numbers: decimal points under each other
};

struct GridColumn {
    std::string heading;
    Alignment alignment = Alignment::left;
    int rank = 0;             ///< 0: always there; else the highest leaves first when the terminal is narrow
    bool hide_empty = false;  ///< not shown when no cell says anything
    bool may_cut = false;     ///< long text: cut with an ellipsis before other columns leave
};

struct GridCell {
    std::string text;
    bool says_nothing = false;  ///< NULL, empty, or a count of zero
    int sign = 0;               ///< colours it, where colour is on
};

struct Grid {
    std::vector<GridColumn> columns;
    std::vector<std::vector<GridCell>> rows;  ///< as many cells as columns
};

/// Headings and rows, without "(no rows)".
[[nodiscard]] std::string render(Grid const& grid, TableOptions const& options);

/// "1,234.50": rounded half-even to two decimals, thousands apart.
[[nodiscard]] std::string money_text(base::Decimal const& value);
/// "150.00", "203.3333", "0.00001234": two to four decimals, up to eight below 1.
[[nodiscard]] std::string price_text(base::Decimal const& value);
/// "2026-11-23 14:31:05Z": whole seconds, cut.
[[nodiscard]] std::string time_text(base::Timestamp time);
/// "12s", "5m 3s", "3h 20m", "2d 4h".
[[nodiscard]] std::string age_text(std::int64_t seconds);
/// One line that is safe on a terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace possync::query

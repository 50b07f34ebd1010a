// What a check of a database or a comparison with the broker found: rows that are no view, but are shown like one.
#pragma once

#include <string>

#include "query/views.hpp"

namespace possync::query {

/// A row that does not follow from its facts.
struct FindingRow {
    std::string account;  ///< empty: of the database itself
    std::string where;
    std::string what;
    bool operator==(FindingRow const&) const = default;
};

template <>
struct View<FindingRow> {
    static constexpr std::string_view name = "findings";
    static constexpr std::string_view description = "Rows that do not follow from their facts.";
    static constexpr auto columns = std::tuple{
        Column{"account", &FindingRow::account, "The broker's account code; empty: the database itself."},
        Column{"where", &FindingRow::where, "The row."},
        Column{"what", &FindingRow::what, "What does not hold, with both values."},
    };
    static constexpr FilterColumns filter = {.account = "account", .order = "account where"};
};

/// A position in which broker (or a list of the user's own) and book differ.
struct DifferenceRow {
    std::string account;
    std::int64_t con_id = 0;
    std::string symbol;
    OptionalDecimal broker_quantity;  ///< NULL: not in the list
    OptionalDecimal book_quantity;    ///< NULL: not in the book
    OptionalDecimal broker_average_price;
    OptionalDecimal book_average_price;
    std::string cause;  ///< what the next sync would call it
    std::string detail;
    bool operator==(DifferenceRow const&) const = default;
};

template <>
struct View<DifferenceRow> {
    static constexpr std::string_view name = "differences";
    static constexpr std::string_view description = "Positions in which broker and book differ now.";
    static constexpr auto columns = std::tuple{
        Column{"account", &DifferenceRow::account, "The broker's account code."},
        Column{"con_id", &DifferenceRow::con_id, "The broker's contract number."},
        Column{"symbol", &DifferenceRow::symbol, "Symbol."},
        Column{"broker_quantity", &DifferenceRow::broker_quantity, "Signed; NULL: not in the list."},
        Column{"book_quantity", &DifferenceRow::book_quantity, "Signed; NULL: not in the book."},
        Column{"broker_average_price", &DifferenceRow::broker_average_price, "Quoted unit, with the broker's commissions in it."},
        Column{"book_average_price", &DifferenceRow::book_average_price, "Quoted unit, without commissions."},
        Column{"cause", &DifferenceRow::cause, "What the next sync would call the change."},
        Column{"detail", &DifferenceRow::detail, "Why."},
    };
    static constexpr FilterColumns filter = {.account = "account", .symbol = "symbol", .con_id = "con_id", .order = "account con_id"};
};

}  // namespace possync::query

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
    OptionalText local_symbol;        ///< the contract's own
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
        Column{"local_symbol", &DifferenceRow::local_symbol, "The contract's own symbol."},
        Column{"broker_quantity", &DifferenceRow::broker_quantity, "Signed; NULL: not in the list."},
        Column{"book_quantity", &DifferenceRow::book_quantity, "Signed; NULL: not in the book."},
        Column{"broker_average_price", &DifferenceRow::broker_average_price, "Quoted unit, with the broker's commissions in it."},
        Column{"book_average_price", &DifferenceRow::book_average_price, "Quoted unit, without commissions."},
        Column{"cause", &DifferenceRow::cause, "What the next sync would call the change."},
        Column{"detail", &DifferenceRow::detail, "Why."},
    };
    static constexpr FilterColumns filter = {.account = "account", .symbol = "symbol", .con_id = "con_id", .order = "account con_id"};
};

/// One imported statement, and what it did.
struct ImportRow {
    std::string account;
    OptionalDate from_date;
    OptionalDate to_date;
    std::int64_t trades = 0;
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
    std::int64_t cash_transactions = 0;
    std::int64_t corrected = 0;
    std::int64_t open = 0;
    std::int64_t unknown = 0;
    std::int64_t revision = 0;
    OptionalDate certified_through;
    std::string source;
    bool operator==(ImportRow const&) const = default;
};

template <>
struct View<ImportRow> {
    static constexpr std::string_view name = "imports";
    static constexpr std::string_view description = "Statements that were imported.";
    static constexpr auto columns = std::tuple{
        Column{"account", &ImportRow::account, "The broker's account code."},
        Column{"from_date", &ImportRow::from_date, "First day of the statement."},
        Column{"to_date", &ImportRow::to_date, "Last day."},
        Column{"trades", &ImportRow::trades, "Trades it lists."},
        Column{"positions_created", &ImportRow::positions_created, "Positions that its import opened."},
        Column{"positions_updated", &ImportRow::positions_updated, "Positions that it changed."},
        Column{"positions_closed", &ImportRow::positions_closed, "Positions that it closed."},
        Column{"cash_transactions", &ImportRow::cash_transactions, "Dividends, interest, fees, deposits ... it lists."},
        Column{"corrected", &ImportRow::corrected, "Differences that it corrected in the book."},
        Column{"open", &ImportRow::open, "Differences that remain; see `possync certify`."},
        Column{"unknown", &ImportRow::unknown, "Parts that this program does not know; they are kept."},
        Column{"revision", &ImportRow::revision, "The account's revision afterwards."},
        Column{"certified_through", &ImportRow::certified_through, "Last day through which all is matched; NULL: none."},
        Column{"source", &ImportRow::source, "The file."},
    };
    static constexpr FilterColumns filter = {.account = "account", .order = "account from_date"};
};

/// Something that a person was told and that is still so.
struct RaisedAlertRow {
    std::string condition;
    OptionalText account;
    std::string gateway;
    OptionalTime raised_at;
    std::int64_t reminders = 0;
    std::string text;
    bool operator==(RaisedAlertRow const&) const = default;
};

template <>
struct View<RaisedAlertRow> {
    static constexpr std::string_view name = "raised";
    static constexpr std::string_view description = "Alerts that are raised.";
    static constexpr auto columns = std::tuple{
        Column{"condition", &RaisedAlertRow::condition, "What kind of alert it is."},
        Column{"account", &RaisedAlertRow::account, "The broker's account code; NULL: the gateway as a whole."},
        Column{"gateway", &RaisedAlertRow::gateway, "Configured name of the gateway."},
        Column{"raised_at", &RaisedAlertRow::raised_at, "When it was told first."},
        Column{"reminders", &RaisedAlertRow::reminders, "How often it was told again."},
        Column{"text", &RaisedAlertRow::text, "In words."},
    };
    static constexpr FilterColumns filter = {.account = "account", .order = "raised_at condition account"};
};

}  // namespace possync::query

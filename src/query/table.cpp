#include "query/table.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/check.hpp"
#include "query/json.hpp"

namespace possync::query {

using base::Decimal;

namespace {

constexpr std::size_t cut_width =
    24;  ///< what a column that may be cut asks for while others may have to leave
constexpr std::string_view gap = "  ";

enum class Format { plain, quantity, price, money, gain, percent };

struct TableColumn {
    std::string_view name;
    std::string_view heading;
    Format format = Format::plain;
    int rank = 0;
    bool hide_empty = false;
    bool may_cut = false;
};

constexpr bool hide_empty = true;
constexpr bool may_cut = true;

template <typename Row>
struct Table;

template <>
struct Table<AccountRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account"},
        TableColumn{"gateway", "gateway", Format::plain, 3},
        TableColumn{"base_currency", "currency", Format::plain, 2},
        TableColumn{"is_paper", "paper", Format::plain, 1},
        TableColumn{"revision", "revision"},
        TableColumn{"last_synced_at", "last synced"},
        TableColumn{"certified_through", "certified through", Format::plain, 4, hide_empty},
    };
};

template <>
struct Table<InstrumentRow> {
    static constexpr std::array columns{
        TableColumn{"con_id", "con_id"},
        TableColumn{"symbol", "symbol"},
        TableColumn{"local_symbol", "contract", Format::plain, 3, hide_empty},
        TableColumn{"sec_type", "type"},
        TableColumn{"currency", "currency"},
        TableColumn{"primary_exchange", "exchange", Format::plain, 6, hide_empty},
        TableColumn{"multiplier", "multiplier", Format::quantity, 1},
        TableColumn{"price_scale", "scale", Format::quantity, 2, hide_empty},
        TableColumn{"expiry", "expiry", Format::plain, 4, hide_empty},
        TableColumn{"strike", "strike", Format::price, 4, hide_empty},
        TableColumn{"right", "right", Format::plain, 4, hide_empty},
        TableColumn{"under_con_id", "underlying", Format::plain, 7, hide_empty},
    };
};

template <>
struct Table<PositionRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account", Format::plain, 8},
        TableColumn{"symbol", "symbol"},
        TableColumn{"local_symbol", "contract", Format::plain, 4, hide_empty},
        TableColumn{"sec_type", "type", Format::plain, 1},
        TableColumn{"status", "status", Format::plain, 5},
        TableColumn{"quantity", "quantity", Format::quantity},
        TableColumn{"average_price", "average", Format::price},
        TableColumn{"current_price", "price", Format::price, 6, hide_empty},
        TableColumn{"market_value", "value", Format::money, 7, hide_empty},
        TableColumn{"unrealized_pnl", "unrealized", Format::gain, 2, hide_empty},
        TableColumn{"unrealized_pnl_pct", "%", Format::percent, 10, hide_empty},
        TableColumn{"realized_pnl", "realized", Format::gain},
        TableColumn{"unknown_closes", "unknown", Format::plain, 0, hide_empty},
        TableColumn{"commissions", "commissions", Format::money, 12, hide_empty},
        TableColumn{"currency", "currency", Format::plain, 3},
        TableColumn{"opened_at", "opened", Format::plain, 13, hide_empty},
        TableColumn{"closed_at", "closed", Format::plain, 11, hide_empty},
        TableColumn{"missing_since", "missing since", Format::plain, 0, hide_empty},
    };
};

template <>
struct Table<CloseRow> {
    static constexpr std::array columns{
        TableColumn{"closed_at", "closed"},
        TableColumn{"account", "account", Format::plain, 8},
        TableColumn{"symbol", "symbol"},
        TableColumn{"side", "side", Format::plain, 3},
        TableColumn{"quantity_closed", "quantity", Format::quantity},
        TableColumn{"entry_price", "entry", Format::price, 5},
        TableColumn{"exit_price", "exit", Format::price, 4},
        TableColumn{"realized_pnl", "realized", Format::gain},
        TableColumn{"realized_pnl_pct", "%", Format::percent, 9, hide_empty},
        TableColumn{"commissions", "commissions", Format::money, 10, hide_empty},
        TableColumn{"net_realized_pnl", "net", Format::gain, 2, hide_empty},
        TableColumn{"estimated_realized_pnl", "estimated", Format::gain, 1, hide_empty},
        TableColumn{"currency", "currency", Format::plain, 3},
        TableColumn{"is_full_close", "full", Format::plain, 7},
        TableColumn{"cause", "cause", Format::plain, 6},
        TableColumn{"order_ref", "order ref", Format::plain, 11, hide_empty, may_cut},
    };
};

template <>
struct Table<EventRow> {
    static constexpr std::array columns{
        TableColumn{"recorded_at", "recorded"},
        TableColumn{"revision", "revision", Format::plain, 6},
        TableColumn{"account", "account", Format::plain, 5},
        TableColumn{"symbol", "symbol"},
        TableColumn{"kind", "event"},
        TableColumn{"cause", "cause", Format::plain, 1},
        TableColumn{"quantity_before", "from", Format::quantity},
        TableColumn{"quantity_after", "to", Format::quantity},
        TableColumn{"average_price_before", "average from", Format::price, 3},
        TableColumn{"average_price_after", "average to", Format::price, 2},
        TableColumn{"occurred_at", "occurred", Format::plain, 4},
        TableColumn{"exec_id", "execution", Format::plain, 8, hide_empty},
    };
};

template <>
struct Table<ExecutionRow> {
    static constexpr std::array columns{
        TableColumn{"time", "time"},
        TableColumn{"account", "account", Format::plain, 7},
        TableColumn{"symbol", "symbol"},
        TableColumn{"side", "side"},
        TableColumn{"shares", "shares", Format::quantity},
        TableColumn{"price", "price", Format::price},
        TableColumn{"commission", "commission", Format::price, 1},
        TableColumn{"commission_currency", "currency", Format::plain, 3},
        TableColumn{"exchange", "exchange", Format::plain, 8, hide_empty},
        TableColumn{"client_id", "client", Format::plain, 6},
        TableColumn{"order_ref", "order ref", Format::plain, 9, hide_empty, may_cut},
        TableColumn{"booked", "booked", Format::plain, 2},
        TableColumn{"cause", "cause", Format::plain, 4, hide_empty},
        TableColumn{"superseded_by", "superseded by", Format::plain, 4, hide_empty},
        TableColumn{"exec_id", "execution", Format::plain, 5},
    };
};

template <>
struct Table<LotRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account", Format::plain, 3},
        TableColumn{"symbol", "symbol"},
        TableColumn{"opened_at", "opened"},
        TableColumn{"quantity", "quantity", Format::quantity, 1},
        TableColumn{"remaining_quantity", "remaining", Format::quantity},
        TableColumn{"price", "price", Format::price},
        TableColumn{"open_exec_id", "execution", Format::plain, 4, hide_empty},
    };
};

template <>
struct Table<RunRow> {
    static constexpr std::array columns{
        TableColumn{"started_at", "started"},
        TableColumn{"finished_at", "finished", Format::plain, 8},
        TableColumn{"gateway", "gateway", Format::plain, 7},
        TableColumn{"account", "account"},
        TableColumn{"trigger", "trigger", Format::plain, 2},
        TableColumn{"outcome", "outcome"},
        TableColumn{"repeats", "times", Format::plain, 4},
        TableColumn{"positions_created", "created", Format::plain, 3},
        TableColumn{"positions_updated", "updated", Format::plain, 3},
        TableColumn{"positions_closed", "closed", Format::plain, 3},
        TableColumn{"broker_positions", "at broker", Format::plain, 5},
        TableColumn{"revision", "revision", Format::plain, 6},
        TableColumn{"error", "error", Format::plain, 1, hide_empty, may_cut},
    };
};

template <>
struct Table<BreakRow> {
    static constexpr std::array columns{
        TableColumn{"break_id", "break"},
        TableColumn{"account", "account", Format::plain, 5},
        TableColumn{"symbol", "symbol"},
        TableColumn{"kind", "kind"},
        TableColumn{"class", "class", Format::plain, 4},
        TableColumn{"state", "state"},
        TableColumn{"broker_value", "broker", Format::quantity},
        TableColumn{"book_value", "book", Format::quantity},
        TableColumn{"opened_at", "since", Format::plain, 2},
        TableColumn{"closed_at", "until", Format::plain, 3, hide_empty},
        TableColumn{"detail", "detail", Format::plain, 6, hide_empty, may_cut},
    };
};

template <>
struct Table<CoverageRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account"}, TableColumn{"stream", "stream", Format::plain, 2},
        TableColumn{"from_time", "from"},  TableColumn{"to_time", "to"},
        TableColumn{"state", "state"},     TableColumn{"source", "source", Format::plain, 1},
    };
};

template <>
struct Table<AccountValueRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account"},
        TableColumn{"key", "key"},
        TableColumn{"currency", "currency", Format::plain, 0, hide_empty},
        TableColumn{"value", "value"},
        TableColumn{"updated_at", "updated", Format::plain, 1},
    };
};

template <>
struct Table<AdjustmentRow> {
    static constexpr std::array columns{
        TableColumn{"adjustment_id", "adjustment"},
        TableColumn{"account", "account", Format::plain, 4},
        TableColumn{"symbol", "symbol"},
        TableColumn{"cause", "cause"},
        TableColumn{"quantity", "quantity", Format::quantity},
        TableColumn{"price", "price", Format::price},
        TableColumn{"value", "value", Format::money, 8, hide_empty},
        TableColumn{"ratio", "ratio", Format::plain, 0, hide_empty},
        TableColumn{"effective_at", "effective", Format::plain, 3},
        TableColumn{"recorded_at", "recorded", Format::plain, 5},
        TableColumn{"author", "author", Format::plain, 6},
        TableColumn{"note", "note", Format::plain, 7, hide_empty, may_cut},
        TableColumn{"undone_by", "undone by", Format::plain, 0, hide_empty},
    };
};

template <>
struct Table<HistoryRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account", Format::plain, 4},
        TableColumn{"symbol", "symbol"},
        TableColumn{"quantity", "quantity", Format::quantity},
        TableColumn{"average_price", "average", Format::price},
        TableColumn{"realized_pnl", "realized", Format::gain},
        TableColumn{"valid_from", "valid from"},
        TableColumn{"valid_to", "valid to"},
        TableColumn{"recorded_from", "recorded from", Format::plain, 2},
        TableColumn{"recorded_to", "recorded to", Format::plain, 1},
    };
};

template <>
struct Table<StatementRow> {
    static constexpr std::array columns{
        TableColumn{"account", "account"},
        TableColumn{"from_date", "from"},
        TableColumn{"to_date", "to"},
        TableColumn{"trades", "trades"},
        TableColumn{"sections", "sections", Format::plain, 5, !hide_empty, may_cut},
        TableColumn{"query_name", "query", Format::plain, 4, hide_empty},
        TableColumn{"generated_at", "generated", Format::plain, 3, hide_empty},
        TableColumn{"imported_at", "imported", Format::plain, 2},
        TableColumn{"source", "file", Format::plain, 1, hide_empty, may_cut},
    };
};

template <>
struct Table<CertificationRow> {
    static constexpr std::array columns{
        TableColumn{"trade_date", "trade date"},
        TableColumn{"account", "account", Format::plain, 4},
        TableColumn{"state", "state"},
        TableColumn{"executions", "executions", Format::plain, 2},
        TableColumn{"positions", "positions", Format::plain, 3},
        TableColumn{"lots", "lots", Format::plain, 3},
        TableColumn{"statement_realized_pnl", "realized", Format::gain, 1, hide_empty},
        TableColumn{"corrected", "corrected"},
        TableColumn{"open", "open"},
    };
};

template <>
struct Table<CertificationDifferenceRow> {
    static constexpr std::array columns{
        TableColumn{"trade_date", "trade date"},
        TableColumn{"account", "account", Format::plain, 4},
        TableColumn{"symbol", "symbol"},
        TableColumn{"kind", "difference"},
        TableColumn{"state", "state"},
        TableColumn{"statement_value", "statement"},
        TableColumn{"book_value", "book"},
        TableColumn{"subject", "subject", Format::plain, 3, hide_empty},
        TableColumn{"cause", "cause", Format::plain, 2, hide_empty, may_cut},
    };
};

template <>
struct Table<CashTransactionRow> {
    static constexpr std::array columns{
        TableColumn{"report_date", "date"},
        TableColumn{"account", "account", Format::plain, 5},
        TableColumn{"type", "type"},
        TableColumn{"symbol", "symbol", Format::plain, 0, hide_empty},
        TableColumn{"amount", "amount", Format::gain},
        TableColumn{"currency", "currency"},
        TableColumn{"fx_rate_to_base", "rate", Format::price, 3, hide_empty},
        TableColumn{"settle_date", "settles", Format::plain, 4, hide_empty},
        TableColumn{"ex_date", "ex date", Format::plain, 6, hide_empty},
        TableColumn{"description", "description", Format::plain, 2, hide_empty, may_cut},
        TableColumn{"transaction_id", "transaction", Format::plain, 7},
    };
};

template <>
struct Table<SuccessionRow> {
    static constexpr std::array columns{
        TableColumn{"effective_date", "effective"},
        TableColumn{"account", "account", Format::plain, 4},
        TableColumn{"type", "type"},
        TableColumn{"old_symbol", "from"},
        TableColumn{"old_con_id", "conId", Format::plain, 3},
        TableColumn{"new_symbol", "to"},
        TableColumn{"new_con_id", "conId", Format::plain, 3},
        TableColumn{"ratio", "ratio", Format::plain, 0, hide_empty},
        TableColumn{"cost_share", "cost share", Format::quantity, 1, hide_empty},
        TableColumn{"action_id", "action", Format::plain, 5, hide_empty},
    };
};

template <>
struct Table<CurrencyRateRow> {
    static constexpr std::array columns{
        TableColumn{"date", "date"},
        TableColumn{"account", "account", Format::plain, 1},
        TableColumn{"currency", "currency"},
        TableColumn{"rate", "rate", Format::quantity},
    };
};

template <>
struct Table<FindingRow> {
    static constexpr std::array columns = {
        TableColumn{"account", "account"},
        TableColumn{"where", "where"},
        TableColumn{"what", "what"},
    };
};

template <>
struct Table<DifferenceRow> {
    static constexpr std::array columns = {
        TableColumn{"account", "account"},
        TableColumn{"symbol", "symbol"},
        TableColumn{"local_symbol", "contract", Format::plain, 4, hide_empty},
        TableColumn{"con_id", "conId", Format::plain, 3},
        TableColumn{"broker_quantity", "broker", Format::quantity},
        TableColumn{"book_quantity", "book", Format::quantity},
        TableColumn{"broker_average_price", "broker avg", Format::price, 2},
        TableColumn{"book_average_price", "book avg", Format::price, 2},
        TableColumn{"cause", "cause"},
        TableColumn{"detail", "detail", Format::plain, 1},
    };
};

template <>
struct Table<ImportRow> {
    static constexpr std::array columns = {
        TableColumn{"account", "account"},
        TableColumn{"from_date", "from"},
        TableColumn{"to_date", "to"},
        TableColumn{"trades", "trades"},
        TableColumn{"positions_created", "created", Format::plain, 2},
        TableColumn{"positions_updated", "updated", Format::plain, 2},
        TableColumn{"positions_closed", "closed", Format::plain, 2},
        TableColumn{"cash_transactions", "cash", Format::plain, 4},
        TableColumn{"corrected", "corrected"},
        TableColumn{"open", "open"},
        TableColumn{"unknown", "unknown", Format::plain, 3},
        TableColumn{"revision", "revision", Format::plain, 5},
        TableColumn{"certified_through", "certified through"},
        TableColumn{"source", "file", Format::plain, 1},
    };
};

template <>
struct Table<RaisedAlertRow> {
    static constexpr std::array columns = {
        TableColumn{"condition", "condition"},
        TableColumn{"account", "account"},
        TableColumn{"gateway", "gateway", Format::plain, 3},
        TableColumn{"raised_at", "since"},
        TableColumn{"reminders", "reminders", Format::plain, 4},
        TableColumn{"text", "text", Format::plain, 1},
    };
};

template <>
struct Table<TotalRow> {
    static constexpr std::array columns = {
        TableColumn{"account", "account"},
        TableColumn{"kind", "kind"},
        TableColumn{"amount", "amount", Format::gain},
        TableColumn{"currency", "currency"},
        TableColumn{"unknown", "unknown", Format::plain, 0, hide_empty},
        TableColumn{"rate", "rate", Format::quantity, 1},
        TableColumn{"base_amount", "in base", Format::gain},
        TableColumn{"base_currency", "base"},
        TableColumn{"counts", "counts", Format::plain, 2},
    };
};

template <>
struct Table<PnlRow> {
    static constexpr std::array columns{
        TableColumn{"day", "day", Format::plain, 0, hide_empty},
        TableColumn{"account", "account", Format::plain, 0, hide_empty},
        TableColumn{"symbol", "symbol", Format::plain, 0, hide_empty},
        TableColumn{"closes", "closes", Format::plain, 2},
        TableColumn{"realized_pnl", "realized", Format::gain},
        TableColumn{"unknown_closes", "unknown", Format::plain, 0, hide_empty},
        TableColumn{"commissions", "commissions", Format::money, 3, hide_empty},
        TableColumn{"net_realized_pnl", "net", Format::gain, 1, hide_empty},
        TableColumn{"estimated_realized_pnl", "estimated", Format::gain, 4, hide_empty},
        TableColumn{"currency", "currency"},
    };
};

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // every byte that begins a character
    }));
}

std::string cut(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return std::string(text);
    std::size_t end = 0;
    for (std::size_t characters = 0; end < text.size(); ++end) {
        bool const begins = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U;
        if (begins && characters++ == width - 1) break;
    }
    return std::string(text.substr(0, end)) + "\u2026";
}

/// Columns after the decimal point, the point included.
std::size_t after_point(std::string_view text) {
    auto const point = text.find('.');
    return point == std::string_view::npos ? 0 : text.size() - point;
}

/// A sum that may lack parts.
struct Total {
    Decimal sum;
    std::size_t unknown = 0;
    bool fits = true;

    void add(OptionalDecimal const& part) {
        if (!part) {
            ++unknown;
            return;
        }
        try {
            if (fits) sum += *part;
        } catch (base::DecimalOverflow const&) {
            fits = false;
        }
    }
    [[nodiscard]] std::string text() const {
        std::string out = fits ? money_text(sum) : "(too large)";
        if (unknown != 0) out += " + " + std::to_string(unknown) + " unknown";
        return out;
    }
};

std::string counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

template <typename Row>
std::string totals_of(std::vector<Row> const&) {
    return {};
}

std::string totals_of(std::vector<PositionRow> const& rows) {
    struct Sums {
        std::size_t open = 0;
        Total unrealized;
        Total realized;
        bool counted = true;  ///< how many closes are unknown is known
    };
    std::map<std::string, Sums> sums;
    for (PositionRow const& row : rows) {
        Sums& group = sums[row.currency];
        if (row.status == "OPEN") {
            ++group.open;
            group.unrealized.add(row.unrealized_pnl);
        }
        // The position's own sum counts what it lacks; a NULL sum without a count is one unknown.
        auto const unknown = row.unknown_closes.value_or(0);
        group.counted = group.counted && row.unknown_closes;
        if (row.realized_pnl || unknown == 0) group.realized.add(row.realized_pnl);
        group.realized.unknown += static_cast<std::size_t>(std::max<std::int64_t>(unknown, 0));
    }
    std::string out;
    for (auto const& [currency, group] : sums) {
        out += printable(currency) + ": " + std::to_string(group.open) + " open";
        // Where nothing at all is marked there is no sum to show.
        if (group.unrealized.unknown < group.open) out += ", unrealized " + group.unrealized.text();
        out += ", realized " + group.realized.text();
        if (!group.counted) out += ", unknown closes not recorded";
        out += "\n";
    }
    return out;
}

std::string totals_of(std::vector<CloseRow> const& rows) {
    struct Sums {
        std::size_t closes = 0;
        Total realized;
        Total net;
    };
    std::map<std::string, Sums> sums;
    for (CloseRow const& row : rows) {
        Sums& group = sums[row.currency];
        ++group.closes;
        group.realized.add(row.realized_pnl);
        group.net.add(row.net_realized_pnl);
    }
    std::string out;
    for (auto const& [currency, group] : sums) {
        out += printable(currency) + ": " + counted(group.closes, "close") + ", realized " +
               group.realized.text() + ", net " + group.net.text() + "\n";
    }
    return out;
}

std::string totals_of(std::vector<PnlRow> const& rows) {
    struct Sums {
        std::size_t closes = 0;
        Total realized;
        Total net;
    };
    std::map<std::string, Sums> sums;
    auto const add = [](Total& total, OptionalDecimal const& sum, std::int64_t unknown) {
        if (sum) total.add(sum);
        total.unknown += static_cast<std::size_t>(unknown);
    };
    for (PnlRow const& row : rows) {
        Sums& group = sums[row.currency];
        group.closes += static_cast<std::size_t>(row.closes);
        add(group.realized, row.realized_pnl, row.unknown_closes);
        add(group.net, row.net_realized_pnl, row.unknown_net);
    }
    std::string out;
    for (auto const& [currency, group] : sums) {
        out += printable(currency) + ": " + counted(group.closes, "close") + ", realized " +
               group.realized.text() + ", net " + group.net.text() + "\n";
    }
    return out;
}

GridCell cell_of(std::string const& value, Format) { return {printable(value), value.empty(), 0}; }
GridCell cell_of(std::int64_t value, Format) { return {std::to_string(value), value == 0, 0}; }
GridCell cell_of(bool value, Format) { return {value ? "yes" : "no", !value, 0}; }
GridCell cell_of(base::Timestamp value, Format) { return {time_text(value), false, 0}; }
GridCell cell_of(base::Date value, Format) { return {base::to_string(value), false, 0}; }
GridCell cell_of(Decimal const& value, Format format) {
    switch (format) {
    case Format::money: return {money_text(value), false, 0};
    case Format::gain: return {money_text(value), false, value.sign()};
    case Format::percent: return {money_text(value), false, value.sign()};
    case Format::price: return {price_text(value), false, 0};
    case Format::plain:
    case Format::quantity: return {value.to_string(), false, 0};
    }
    return {};
}
template <typename Value>
GridCell cell_of(std::optional<Value> const& value, Format format) {
    if (value) return cell_of(*value, format);
    return {std::is_same_v<Value, std::string> ? "" : "-", true, 0};
}

Alignment alignment_of(ColumnType type, Format format) {
    if (type == ColumnType::integer) return Alignment::right;
    if (type != ColumnType::decimal) return Alignment::left;
    return format == Format::price || format == Format::quantity ? Alignment::point : Alignment::right;
}

template <typename Row>
bool is_excluded(Row const&) {
    return false;
}
/// That it was booked is no longer so when the operator took it out.
bool is_excluded(ExecutionRow const& row) { return row.excluded; }

/// A contract's own name says something only where it is not the symbol again.
void drop_repeated_symbols(Grid& grid, std::size_t symbol, std::size_t contract) {
    for (auto& row : grid.rows) {
        if (row[symbol].text == row[contract].text) row[contract] = {"", true, 0};
    }
}

/// The account may leave a narrow table only where it is the same in every row.
void keep_if_it_differs(Grid& grid, std::size_t account) {
    bool const differs = std::any_of(grid.rows.begin(), grid.rows.end(), [&](auto const& row) {
        return row[account].text != grid.rows.front()[account].text;
    });
    if (differs) grid.columns[account].rank = 0;
}

}  // namespace

std::string money_text(Decimal const& value) {
    std::string const text = value.rounded(2).to_string();
    auto const point = std::min(text.find('.'), text.size());
    std::string out;
    for (std::size_t i = 0; i < point; ++i) {
        bool const digit_before = i > 0 && text[i - 1] != '-';
        if (digit_before && (point - i) % 3 == 0) out += ',';
        out += text[i];
    }
    std::string fraction = point < text.size() ? text.substr(point + 1) : "";
    fraction.resize(2, '0');
    return out + "." + fraction;
}

std::string price_text(Decimal const& value) {
    std::string text = value.rounded(value.abs() < Decimal(1) ? 8 : 4).to_string();
    auto point = text.find('.');
    if (point == std::string::npos) {
        point = text.size();
        text += '.';
    }
    while (text.size() - point <= 2) text += '0';
    return text;
}

std::string time_text(base::Timestamp time) {
    std::string text = base::to_rfc3339(time);
    text.resize(std::min<std::size_t>(text.size(), 19));
    std::replace(text.begin(), text.end(), 'T', ' ');
    return text + "Z";
}

std::string age_text(std::int64_t seconds) {
    if (seconds < 0) return "-" + age_text(seconds == INT64_MIN ? INT64_MAX : -seconds);
    auto const pair = [](std::int64_t large, char const* large_unit, std::int64_t small,
                         char const* small_unit) {
        std::string text = std::to_string(large) + large_unit;
        if (small != 0) text += " " + std::to_string(small) + small_unit;
        return text;
    };
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return pair(seconds / 60, "m", seconds % 60, "s");
    if (seconds < 86400) return pair(seconds / 3600, "h", seconds % 3600 / 60, "m");
    return pair(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string printable(std::string_view text) {
    std::string const valid = repaired_utf8(text);
    std::string out;
    out.reserve(valid.size());
    for (std::size_t i = 0; i < valid.size(); ++i) {
        auto const byte = static_cast<unsigned char>(valid[i]);
        if (byte == '\n' || byte == '\r' || byte == '\t') {
            out += ' ';
        } else if (byte < 0x20 || byte == 0x7F) {
            out += '?';
        } else if (byte == 0xC2 && i + 1 < valid.size() && static_cast<unsigned char>(valid[i + 1]) < 0xA0) {
            out += '?';  // U+0080..U+009F: terminals take them for control sequences
            ++i;
        } else {
            out += valid[i];
        }
    }
    return out;
}

std::string render(Grid const& grid, TableOptions const& options) {
    struct Shown {
        std::size_t index;
        std::size_t width;    ///< wanted
        std::size_t natural;  ///< of the longest cell
        std::size_t decimals;
    };
    std::vector<Shown> shown;
    for (std::size_t c = 0; c < grid.columns.size(); ++c) {
        GridColumn const& column = grid.columns[c];
        Shown entry{c, 0, 0, 0};
        bool empty = true;
        std::size_t before = 0;
        for (auto const& row : grid.rows) {
            CHECK(row.size() == grid.columns.size());
            GridCell const& cell = row[c];
            empty = empty && cell.says_nothing;
            std::size_t const decimals = column.alignment == Alignment::point ? after_point(cell.text) : 0;
            entry.decimals = std::max(entry.decimals, decimals);
            before = std::max(before, width_of(cell.text) - decimals);
        }
        if (empty && column.hide_empty) continue;
        entry.natural = std::max(before + entry.decimals, width_of(column.heading));
        bool const cuttable = column.may_cut && options.width;
        entry.width =
            cuttable ? std::min(entry.natural, std::max(cut_width, width_of(column.heading))) : entry.natural;
        shown.push_back(entry);
    }

    if (options.width) {
        auto const total = [&] {
            std::size_t sum = 0;
            for (auto const& entry : shown) sum += entry.width + gap.size();
            return sum < gap.size() ? 0 : sum - gap.size();
        };
        std::vector<Shown> left_out;
        while (total() > *options.width) {
            auto leaves = shown.end();
            for (auto entry = shown.begin(); entry != shown.end(); ++entry) {
                int const rank = grid.columns[entry->index].rank;
                if (rank > 0 && (leaves == shown.end() || rank >= grid.columns[leaves->index].rank))
                    leaves = entry;
            }
            if (leaves == shown.end()) break;
            left_out.push_back(*leaves);
            shown.erase(leaves);
        }
        // A narrow column may fit where a wider one had to leave; the last to leave is the first to come
        // back.
        for (auto entry = left_out.rbegin(); entry != left_out.rend(); ++entry) {
            if (total() + gap.size() + entry->width > *options.width) continue;
            auto const place = std::find_if(shown.begin(), shown.end(),
                                            [&](Shown const& other) { return other.index > entry->index; });
            shown.insert(place, *entry);
        }
        // What is left over goes to the text that was cut.
        for (auto& entry : shown) {
            std::size_t const used = total();
            if (used < *options.width)
                entry.width += std::min(entry.natural - entry.width, *options.width - used);
        }
    }

    auto const coloured = [&](std::string const& text, char const* code) {
        return options.colour && *code != '\0' ? "\x1b[" + std::string(code) + "m" + text + "\x1b[0m" : text;
    };
    std::string out;
    auto const write_line = [&](auto&& text_at, auto&& code_at) {
        std::string blanks;  // written only before something that follows: lines do not end in blanks
        for (auto const& entry : shown) {
            GridColumn const& column = grid.columns[entry.index];
            std::string const text = cut(text_at(entry), entry.width);
            std::size_t pad_after = 0;
            if (column.alignment == Alignment::point && text != "-") {
                pad_after = entry.decimals - std::min(entry.decimals, after_point(text));
            }
            std::size_t const pad = entry.width - std::min(entry.width, width_of(text));
            pad_after = std::min(pad_after, pad);
            if (column.alignment == Alignment::left) pad_after = pad;
            if (text.empty()) {
                blanks.append(entry.width, ' ');
            } else {
                out += blanks;
                out.append(pad - pad_after, ' ');
                out += coloured(text, code_at(entry));
                blanks.assign(pad_after, ' ');
            }
            blanks += gap;
        }
        out += '\n';
    };
    // Headings of numbers stand at the right edge, whatever the decimals beneath them.
    for (std::string blanks; auto const& entry : shown) {
        GridColumn const& column = grid.columns[entry.index];
        std::size_t const pad = entry.width - width_of(column.heading);
        bool const left = column.alignment == Alignment::left;
        out += blanks;
        if (!left) out.append(pad, ' ');
        out += coloured(column.heading, "1");
        blanks.assign(left ? pad : 0, ' ');
        blanks += gap;
    }
    out += '\n';
    for (auto const& row : grid.rows) {
        write_line([&](Shown const& entry) -> std::string const& { return row[entry.index].text; },
                   [&](Shown const& entry) {
                       int const sign = row[entry.index].sign;
                       return sign < 0 ? "31" : sign > 0 ? "32" : "";
                   });
    }
    return out;
}

template <typename Row>
std::string to_table(std::vector<Row> const& rows, TableOptions const& options) {
    if (rows.empty()) return "(no rows)\n";
    Grid grid;
    grid.rows.resize(rows.size());
    std::optional<std::size_t> symbol;
    std::optional<std::size_t> contract;
    std::optional<std::size_t> account;
    for (TableColumn const& choice : Table<Row>::columns) {
        for_each_column<Row>([&](auto const& column) {
            if (column.name != choice.name) return;
            if (choice.name == "symbol") symbol = grid.columns.size();
            if (choice.name == "local_symbol") contract = grid.columns.size();
            if (choice.name == "account") account = grid.columns.size();
            grid.columns.push_back({std::string(choice.heading), alignment_of(column.type, choice.format),
                                    choice.rank, choice.hide_empty, choice.may_cut});
            for (std::size_t r = 0; r < rows.size(); ++r) {
                grid.rows[r].push_back(cell_of(rows[r].*column.member, choice.format));
                if (choice.name == "booked" && is_excluded(rows[r])) grid.rows[r].back().text = "excluded";
            }
        });
    }
    if (symbol && contract) drop_repeated_symbols(grid, *symbol, *contract);
    if (account) keep_if_it_differs(grid, *account);
    return render(grid, options) + totals_of(rows);
}

template <typename Row>
std::vector<std::string_view> table_columns() {
    std::vector<std::string_view> names;
    for (TableColumn const& choice : Table<Row>::columns) names.push_back(choice.name);
    return names;
}

#define POSSYNC_TABLE_ROWS(Row)                                                                    \
    template std::string to_table<Row>(std::vector<Row> const& rows, TableOptions const& options); \
    template std::vector<std::string_view> table_columns<Row>();
POSSYNC_FOR_EACH_ROW(POSSYNC_TABLE_ROWS)
#undef POSSYNC_TABLE_ROWS

}  // namespace possync::query

#include "dump.hpp"

#include <fmt/format.h>

namespace possync::scenarios {

namespace {

std::string show(std::string const& text) { return text.empty() ? "-" : text; }
std::string show(base::Decimal const& value) { return value.to_string(); }
std::string show(base::Timestamp time) { return base::to_rfc3339(time); }
std::string show(base::Date date) { return base::to_string(date); }
std::string show(model::Ratio ratio) { return to_string(ratio); }
std::string show(int value) { return std::to_string(value); }
std::string show(std::int64_t value) { return std::to_string(value); }
template <typename Value>
std::string show(std::optional<Value> const& value) {
    return value ? show(*value) : "null";
}
/// Ids count from the account's beginning.
std::string id(model::RowId number) { return fmt::format("#{}", number & 0xFFFFFFFF); }

/// "kind field=value field=value\n", fields that say nothing left out.
class Line {
public:
    explicit Line(std::string kind) : text_(std::move(kind)) {}
    template <typename Value>
    Line& add(char const* name, Value const& value) {
        std::string const shown = show(value);
        if (shown != "null" && shown != "-") text_ += fmt::format(" {}={}", name, shown);
        return *this;
    }
    Line& flag(char const* name, bool value) {
        if (value) text_ += fmt::format(" {}", name);
        return *this;
    }
    std::string end() { return text_ + "\n"; }

private:
    std::string text_;
};

std::string word(std::string_view text) { return std::string(text); }

}  // namespace

std::string dump(model::ChangeSet const& c) {
    std::string out = fmt::format("revision {} at {} next {}\n", c.base_revision + 1, show(c.recorded_at), c.next_id);
    for (auto const& shared : c.instruments) {
        auto const& i = *shared;
        out += Line("  instrument").add("con_id", i.con_id).add("symbol", i.symbol).add("local", i.local_symbol).add("type", i.sec_type)
                   .add("currency", i.currency).add("multiplier", i.multiplier).add("scale", i.price_scale).add("expiry", i.expiry)
                   .add("strike", i.strike).add("right", i.right).add("under", i.under_con_id).add("under_type", i.under_sec_type)
                   .flag("known", i.details_known).end();
    }
    for (auto const& e : c.executions) {
        out += Line("  execution").add("id", e.exec_id).add("con_id", e.con_id).add("time", e.time).add("side", word(to_string(e.side)))
                   .add("shares", e.shares).add("price", e.price).add("ref", e.order_ref).add("client", e.client_id).add("commission", e.commission)
                   .add("in", e.commission_currency).add("claim", e.broker_realized_pnl).add("booking", word(to_string(e.booking)))
                   .add("superseded_by", e.superseded_by).add("transaction", e.transaction_id)
                   .add("sequence", e.sequence == 0 ? "" : std::to_string(e.sequence))
                   .add("cause", e.cause ? word(to_string(*e.cause)) : "").flag("excluded", e.excluded).add("trade_date", e.trade_date).add("recorded", e.recorded_at).end();
    }
    for (auto const& a : c.adjustments) {
        out += Line("  adjustment").add("id", id(a.adjustment_id)).add("con_id", a.con_id).add("cause", word(to_string(a.cause))).add("quantity", a.quantity)
                   .add("price", a.price).add("value", a.value).add("basis", word(to_string(a.basis))).add("estimated", a.estimated_price).add("ratio", a.ratio)
                   .add("effective", a.effective_at).add("recorded", a.recorded_at).add("author", a.author).add("note", a.note)
                   .add("reference", a.reference).add("acquired", a.acquired_at).add("undone", a.undone_at).add("by", a.undone_by).end();
    }
    for (auto const& p : c.positions) {
        out += Line("  position").add("id", id(p.position_id)).add("con_id", p.con_id).add("quantity", p.quantity).add("average", p.average_price)
                   .add("cost", p.cost).add("realized", p.realized_pnl).add("commissions", p.commissions).add("net", p.net_realized_pnl)
                   .add("estimated", p.estimated_realized_pnl).add("unknown", p.unknown_closes).add("opened", p.opened_at).add("closed", p.closed_at)
                   .add("by", p.opening_fact).add("chain", p.chain_fact).add("revision", p.revision).end();
    }
    for (auto const& x : c.closes) {
        out += Line("  close").add("id", id(x.close_id)).add("position", id(x.position_id)).add("con_id", x.con_id).add("quantity", x.quantity_closed)
                   .add("side", word(to_string(x.side))).add("entry", x.entry_price).add("exit", x.exit_price).add("realized", x.realized_pnl)
                   .add("pct", x.realized_pnl_pct).add("commissions", x.commissions).add("net", x.net_realized_pnl).add("estimated", x.estimated_realized_pnl)
                   .add("claim", x.broker_realized_pnl).add("at", x.closed_at).add("trade_date", x.trade_date).flag("full", x.is_full_close)
                   .add("cause", word(to_string(x.cause))).add("basis", word(to_string(x.basis))).add("exec", x.exec_id).add("ref", x.order_ref)
                   .add("by", x.closing_fact).end();
    }
    for (auto const& l : c.lots) {
        out += Line("  lot").add("id", id(l.lot_id)).add("position", id(l.position_id)).add("con_id", l.con_id).add("by", l.opening_fact)
                   .add("exec", l.open_exec_id).add("opened", l.opened_at).add("quantity", l.quantity).add("remaining", l.remaining_quantity)
                   .add("price", l.price).end();
    }
    for (auto const row : c.removed_positions) out += "  removed position " + id(row) + "\n";
    for (auto const row : c.removed_closes) out += "  removed close " + id(row) + "\n";
    for (auto const row : c.removed_lots) out += "  removed lot " + id(row) + "\n";
    for (auto const& h : c.history_ends) out += Line("  ends").add("position", id(h.position_id)).add("from", h.valid_from).end();
    for (auto const& h : c.history) {
        out += Line("  history").add("position", id(h.position_id)).add("from", h.valid_from).add("to", h.valid_to).add("quantity", h.quantity)
                   .add("average", h.average_price).add("realized", h.realized_pnl).add("commissions", h.commissions).end();
    }
    for (auto const& e : c.events) {
        out += Line("  event").add("id", id(e.event_id)).add("position", id(e.position_id)).add("con_id", e.con_id).add("kind", word(to_string(e.kind)))
                   .add("cause", word(to_string(e.cause))).add("quantity", show(e.quantity_before) + "->" + show(e.quantity_after))
                   .add("average", show(e.average_price_before) + "->" + show(e.average_price_after)).add("occurred", e.occurred_at).add("exec", e.exec_id).end();
    }
    for (auto const& b : c.breaks) {
        out += Line("  break").add("id", id(b.break_id)).add("con_id", b.con_id).add("kind", word(to_string(b.kind))).add("class", word(to_string(b.break_class)))
                   .add("state", word(to_string(b.state))).add("broker", b.broker_value).add("book", b.book_value).add("opened", b.opened_at)
                   .add("closed", b.closed_at).add("looks", b.looks).add("changed", b.last_change_at).add("detail", b.detail).end();
    }
    return out;
}

}  // namespace possync::scenarios

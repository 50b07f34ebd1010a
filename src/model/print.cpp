#include "model/print.hpp"

#include <map>

#include <fmt/format.h>

namespace possync::model {

namespace {

template <typename Value>
std::string show(std::optional<Value> const& value) {
    return value ? value->to_string() : "unknown";
}
std::string show(std::optional<base::Timestamp> const& time) { return time ? base::to_rfc3339(*time) : "unknown"; }

}  // namespace

std::string print(ChangeSet const& change_set) {
    std::map<ConId, std::string> symbols;
    for (auto const& row : change_set.instruments) symbols[row.con_id()] = row->local_symbol.empty() ? row->symbol : row->local_symbol;
    auto name = [&](ConId con_id) {
        auto const found = symbols.find(con_id);
        return found == symbols.end() ? fmt::format("conId {}", con_id) : fmt::format("{} ({})", found->second, con_id);
    };
    std::string text = fmt::format("account {}: revision {}\n", change_set.account_id, change_set.base_revision + 1);
    for (auto const& row : change_set.instruments) {
        text += fmt::format("  instrument  {} {} {} x{}\n", name(row.con_id()), row->sec_type, row->currency, row->multiplier.to_string());
    }
    for (auto const& row : change_set.executions) {
        text += fmt::format("  execution   {} {} {} {} @ {} {}, commission {}\n", row.exec_id, name(row.con_id), to_string(row.side),
                            row.shares.to_string(), row.price.to_string(), to_string(row.booking), show(row.commission));
    }
    for (auto const& row : change_set.adjustments) {
        text += fmt::format("  adjustment  {} {} {} @ {}{}\n", name(row.con_id), to_string(row.cause), row.quantity.to_string(),
                            show(row.price), row.in_force() ? "" : ", withdrawn: " + row.undone_by);
    }
    for (auto const& row : change_set.positions) {
        text += fmt::format("  position    {} {} @ {}, realized {}, unknown closes {}\n", name(row.con_id), row.quantity.to_string(),
                            show(row.average_price), row.realized_pnl.to_string(), row.unknown_closes);
    }
    for (auto const& row : change_set.closes) {
        text += fmt::format("  close       {} {} at {}, entry {}, realized {}, cause {}{}\n", name(row.con_id),
                            row.quantity_closed.to_string(), show(row.exit_price), show(row.entry_price), show(row.realized_pnl),
                            to_string(row.cause), row.is_full_close ? ", full" : "");
    }
    for (auto const& row : change_set.lots) {
        text += fmt::format("  lot         {} {} of {} @ {}\n", name(row.con_id), row.remaining_quantity.to_string(),
                            row.quantity.to_string(), show(row.price));
    }
    for (auto const& row : change_set.events) {
        text += fmt::format("  event       {} {} {} -> {}, cause {}, at {}\n", name(row.con_id), to_string(row.kind),
                            row.quantity_before.to_string(), row.quantity_after.to_string(), to_string(row.cause),
                            show(row.occurred_at));
    }
    for (auto const& row : change_set.history) {
        text += fmt::format("  history     position {} {} from {} to {}\n", row.position_id, row.quantity.to_string(),
                            base::to_rfc3339(row.valid_from), row.valid_to ? base::to_rfc3339(*row.valid_to) : "now");
    }
    for (auto const& row : change_set.breaks) {
        text += fmt::format("  break       {} {} {}: broker {}, book {}\n", name(row.con_id), to_string(row.kind),
                            to_string(row.state), show(row.broker_value), show(row.book_value));
    }
    auto removed = [&](char const* what, std::vector<RowId> const& ids) {
        if (!ids.empty()) text += fmt::format("  superseded  {} {}\n", ids.size(), what);
    };
    removed("positions", change_set.removed_positions);
    removed("closes", change_set.removed_closes);
    removed("lots", change_set.removed_lots);
    return text;
}

}  // namespace possync::model

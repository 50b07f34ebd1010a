#include "app/results.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "model/print.hpp"

namespace possync::app {

std::vector<query::SyncResult> query_results(std::vector<sync::SyncResult> const& results) {
    std::vector<query::SyncResult> out;
    for (auto const& result : results) {
        query::SyncResult row;
        row.success = result.success;
        row.account = result.account;
        row.trigger = std::string(to_string(result.trigger));
        row.positions_created = result.positions_created;
        row.positions_updated = result.positions_updated;
        row.positions_closed = result.positions_closed;
        row.broker_positions = result.broker_positions;
        row.book_positions = result.book_positions;
        row.duration_seconds = static_cast<double>(result.duration.count()) / 1e6;
        if (!result.success) row.error = result.error;
        row.warnings = result.warnings;
        row.pending = result.pending;
        if (result.revision > 0) row.revision = result.revision;
        out.push_back(std::move(row));
    }
    return out;
}

std::vector<std::string> printed(std::vector<model::ChangeSet> const& change_sets) {
    std::vector<std::string> texts;
    for (auto const& change_set : change_sets) texts.push_back(model::print(change_set));
    return texts;
}

std::string sync_answer(std::vector<query::SyncResult> const& results, std::optional<std::vector<std::string>> const& would_write) {
    std::string text = query::to_json(results);
    if (!would_write) return text;
    boost::json::array texts;
    for (auto const& each : *would_write) texts.emplace_back(boost::json::string(each));
    text.pop_back();
    return text + ", \"would_write\": " + boost::json::serialize(texts) + "}";
}

std::vector<query::DifferenceRow> difference_rows(std::vector<sync::SyncFinished::Differences> const& differences) {
    std::vector<query::DifferenceRow> rows;
    for (auto const& account : differences) {
        for (auto const& each : account.rows) {
            query::DifferenceRow row;
            row.account = account.account;
            row.con_id = each.instrument.con_id();
            row.symbol = each.instrument->symbol;
            if (!each.instrument->local_symbol.empty()) row.local_symbol = each.instrument->local_symbol;
            row.broker_quantity = each.broker_quantity;
            row.book_quantity = each.book_quantity;
            row.broker_average_price = each.broker_average_price;
            row.book_average_price = each.book_average_price;
            row.cause = each.cause;
            row.detail = each.detail;
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

query::Statistics query_statistics(sync::Statistics const& statistics) {
    query::Statistics out;
    out.total_syncs = statistics.total_syncs;
    out.successful_syncs = statistics.successful_syncs;
    out.failed_syncs = statistics.failed_syncs;
    out.positions_created = statistics.positions_created;
    out.positions_updated = statistics.positions_updated;
    out.positions_closed = statistics.positions_closed;
    out.callback_triggers = statistics.callback_triggers;
    if (!statistics.last_error.empty()) out.last_error = statistics.last_error;
    out.last_sync_time = statistics.last_sync_time;
    return out;
}

}  // namespace possync::app

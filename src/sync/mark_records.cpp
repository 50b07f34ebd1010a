#include "sync/mark_records.hpp"

#include <map>

#include "ledger/value.hpp"

namespace possync::sync {

using model::ConId;

void add_unsaved_marks(AccountState& account, Commit& effect) {
    std::map<ConId, model::Position const*> changed_positions;
    std::map<ConId, model::Instrument const*> changed_instruments;
    for (auto const& change_set : effect.change_sets) {
        if (change_set->account_id != account.book.account_id) continue;
        for (auto const& changed : change_set->instruments) changed_instruments[changed.con_id] = &changed;
        for (auto const& changed : change_set->positions) changed_positions[changed.con_id] = &changed;
    }
    for (ConId const con_id : account.unsaved_marks) {
        model::Position const* position = nullptr;
        model::Instrument const* instrument = nullptr;
        if (auto const found = account.book.instruments.find(con_id); found != account.book.instruments.end()) {
            instrument = &found->second.instrument;
            if (!found->second.positions.empty()) position = &found->second.positions.back();
        }
        if (auto const found = changed_instruments.find(con_id); found != changed_instruments.end()) {
            instrument = found->second;
        }
        if (auto const found = changed_positions.find(con_id); found != changed_positions.end()) position = found->second;
        if (instrument == nullptr) continue;
        model::MarkRecord record;
        record.account_id = account.book.account_id;
        record.con_id = con_id;
        if (auto const cost = account.average_costs.find(con_id); cost != account.average_costs.end()) {
            record.broker_avg_cost = cost->second;
        }
        if (auto const mark = account.marks.find(con_id); mark != account.marks.end()) {
            record.current_price = mark->second.price;
            record.marked_at = mark->second.marked_at;
            record.mark_source = "portfolio";
            record.broker_unrealized_pnl = mark->second.broker_unrealized_pnl;
            if (position != nullptr && position->open()) {
                auto const value = ledger::value_at(*position, *instrument, mark->second.price);
                record.market_value = value.market_value;
                record.unrealized_pnl = value.unrealized_pnl;
                record.unrealized_pnl_pct = value.unrealized_pnl_pct;
            }
        }
        effect.marks.push_back(std::move(record));
    }
    account.unsaved_marks.clear();
}

}  // namespace possync::sync

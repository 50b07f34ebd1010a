#include "sync/mark_records.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "ledger/value.hpp"

namespace possync::sync {

using model::ConId;

namespace {

/// Finds ascending keys in a map whose elements lie side by side: the next one is mostly near, as at a first sync, where all of them are
/// asked for.
template <typename Map>
class Walk {
public:
    explicit Walk(Map const& map) : at_(map.begin()), end_(map.end()) {}
    auto const* find(ConId con_id) {
        auto from = at_;
        for (std::ptrdiff_t step = 1; at_ != end_ && at_->first < con_id; step *= 2) {
            from = at_ + 1;
            at_ += std::min(step, end_ - at_);
        }
        at_ = std::lower_bound(from, at_, con_id, [](auto const& each, ConId key) { return each.first < key; });
        return at_ != end_ && at_->first == con_id ? &at_->second : nullptr;
    }

private:
    typename Map::const_iterator at_;
    typename Map::const_iterator end_;
};

ConId con_id_of(model::SharedInstrument const& instrument) { return instrument.con_id(); }
ConId con_id_of(model::Position const& position) { return position.con_id; }

/// The last row of each instrument in a change set, asked for in ascending order. They are mostly in that order already.
template <typename Row>
class LastRows {
public:
    explicit LastRows(std::vector<Row> const& rows) {
        rows_.reserve(rows.size());
        for (auto const& row : rows) rows_.emplace_back(con_id_of(row), &row);
        std::sort(rows_.begin(), rows_.end());
    }
    Row const* find(ConId con_id) {
        Row const* found = nullptr;
        for (; at_ < rows_.size() && rows_[at_].first <= con_id; ++at_) {
            if (rows_[at_].first == con_id) found = rows_[at_].second;
        }
        return found;
    }

private:
    std::vector<std::pair<ConId, Row const*>> rows_;
    std::size_t at_ = 0;
};

}  // namespace

void add_unsaved_marks(AccountState& account, Commit& effect) {
    if (account.unsaved_marks.empty()) return;
    static model::ChangeSet const none;
    model::ChangeSet const* change_set = &none;
    for (auto const& each : effect.change_sets) {
        if (each->account_id == account.book.account_id) change_set = each.get();
    }
    LastRows changed_instruments(change_set->instruments);
    LastRows changed_positions(change_set->positions);
    Walk books(account.book.instruments);
    Walk costs(account.average_costs);
    effect.marks.reserve(effect.marks.size() + account.unsaved_marks.size());
    for (ConId const con_id : account.unsaved_marks) {
        model::Position const* position = nullptr;
        model::Instrument const* instrument = nullptr;
        if (auto const* const known = books.find(con_id)) {
            instrument = &*known->instrument;
            if (!known->positions.empty()) position = &known->positions.back();
        }
        if (auto const* const changed = changed_instruments.find(con_id)) instrument = &**changed;
        if (auto const* const changed = changed_positions.find(con_id)) position = changed;
        if (instrument == nullptr) continue;
        model::MarkRecord record;
        record.account_id = account.book.account_id;
        record.con_id = con_id;
        if (auto const* const cost = costs.find(con_id)) record.broker_avg_cost = *cost;
        if (auto const found = account.marks.find(con_id); found != account.marks.end()) {
            model::Mark const& mark = found->second;
            record.current_price = mark.price;
            record.marked_at = mark.marked_at;
            record.mark_source = "portfolio";
            record.broker_unrealized_pnl = mark.broker_unrealized_pnl;
            if (position != nullptr && position->open()) {
                auto const value = ledger::value_at(*position, *instrument, mark.price);
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

#include "sync/assembler.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/planted_bug.hpp"

namespace possync::sync {

void SnapshotAssembler::begin(std::int64_t connection_number, std::int64_t request_number) {
    discard();
    building_ = true;
    connection_number_ = connection_number;
    request_number_ = request_number;
}

void SnapshotAssembler::add(std::string_view account, model::BrokerRow row) {
    CHECK(building_);
    if (last_rows_ == nullptr || (account != last_account_ && !POSSYNC_PLANTED_BUG(rows_cross_accounts))) {
        auto found = accounts_.find(account);
        if (found == accounts_.end()) found = accounts_.emplace(std::string(account), Rows{}).first;
        last_account_ = found->first;
        last_rows_ = &found->second;
    }
    auto const con_id = row->instrument.con_id();
    auto& [rows, held, ascending] = *last_rows_;
    ascending = ascending && (rows.empty() || rows.back().con_id < con_id);
    held += !row->quantity.is_zero();
    rows.push_back({con_id, rows.size(), std::move(row)});
}

void SnapshotAssembler::spoil(std::string_view account) {
    if (building_) spoiled_.emplace(account);
}

std::optional<std::map<std::string, model::CompleteSnapshot>> SnapshotAssembler::complete(
    std::int64_t connection_number, std::vector<std::string> const& accounts) {
    if (!building_ || connection_number != connection_number_) return std::nullopt;
    std::map<std::string, model::CompleteSnapshot> result;
    for (auto const& account : accounts) {
        if (spoiled_.contains(account)) continue;
        model::CompleteSnapshot snapshot;
        snapshot.connection_number_ = connection_number_;
        snapshot.request_number_ = request_number_;
        if (auto const found = accounts_.find(account); found != accounts_.end()) {
            Rows& all = found->second;
            if (!all.ascending) keep_last_of_each(all.rows, all.held);
            snapshot.rows_.reserve(all.rows.size());
            for (auto& each : all.rows) snapshot.rows_.push_back(std::move(each.row));
            snapshot.held_ = all.held;
        }
        result.emplace(account, std::move(snapshot));
    }
    discard();
    return result;
}

void SnapshotAssembler::keep_last_of_each(std::vector<Row>& rows, int& held) {
    std::sort(rows.begin(), rows.end(),
              [](Row const& a, Row const& b) { return std::pair(a.con_id, a.order) < std::pair(b.con_id, b.order); });
    std::vector<Row> kept;
    kept.reserve(rows.size());
    held = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i + 1 < rows.size() && rows[i + 1].con_id == rows[i].con_id) continue;
        held += !rows[i].row->quantity.is_zero();
        kept.push_back(std::move(rows[i]));
    }
    rows = std::move(kept);
}

void SnapshotAssembler::discard() {
    building_ = false;
    accounts_.clear();
    spoiled_.clear();
    last_rows_ = nullptr;
}

}  // namespace possync::sync

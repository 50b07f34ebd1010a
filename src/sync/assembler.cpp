#include "sync/assembler.hpp"

#include <utility>

namespace possync::sync {

void SnapshotAssembler::begin(std::int64_t connection_number, std::int64_t request_number) {
    discard();
    building_ = true;
    connection_number_ = connection_number;
    request_number_ = request_number;
}

void SnapshotAssembler::add(std::string_view account, model::BrokerPosition position) {
    if (!building_) return;
    auto found = rows_.find(account);
    if (found == rows_.end()) found = rows_.emplace(std::string(account), std::map<model::ConId, model::BrokerPosition>{}).first;
    auto const con_id = position.instrument.con_id;
    found->second.insert_or_assign(con_id, std::move(position));
}

std::optional<std::map<std::string, model::CompleteSnapshot>> SnapshotAssembler::complete(
    std::int64_t connection_number, std::vector<std::string> const& accounts) {
    if (!building_ || connection_number != connection_number_) return std::nullopt;
    std::map<std::string, model::CompleteSnapshot> result;
    for (auto const& account : accounts) {
        model::CompleteSnapshot snapshot;
        snapshot.connection_number_ = connection_number_;
        snapshot.request_number_ = request_number_;
        if (auto const found = rows_.find(account); found != rows_.end()) snapshot.positions_ = std::move(found->second);
        result.emplace(account, std::move(snapshot));
    }
    discard();
    return result;
}

void SnapshotAssembler::discard() {
    building_ = false;
    rows_.clear();
}

}  // namespace possync::sync

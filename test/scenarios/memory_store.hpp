// A Store in memory, for tests that ask what the service decides and not how a database keeps it. Same contract.
#pragma once

#include <map>

#include "store/store.hpp"

namespace possync::scenarios {

class MemoryStore final : public store::Store {
public:
    base::Result<store::GatewayLease> claim(store::GatewayClaim const& claim) override {
        store::GatewayLease lease;
        lease.gateway_id = 1;
        if (owner_ != claim.owner) ++epoch_;
        owner_ = claim.owner;
        lease.epoch = epoch_;
        for (auto const& code : claim.accounts) {
            auto [at, added] = ids_.try_emplace(code, static_cast<model::AccountId>(ids_.size() + 1));
            if (added) {
                books_[at->second].account_id = at->second;
                books_[at->second].account = code;
            }
            lease.accounts.push_back({at->second, code});
        }
        return lease;
    }
    base::Result<void> release(int, std::int64_t epoch, base::Timestamp) override {
        if (epoch != epoch_) return base::fail(base::ErrorCode::conflict, "another service took over");
        owner_.clear();
        return {};
    }
    base::Result<void> beat(store::Heartbeat const&) override { return {}; }
    base::Result<void> leave(std::string const&) override { return {}; }
    base::Result<store::Fleet> fleet(base::Timestamp) override { return store::Fleet{}; }
    base::Result<model::AccountBook> load(model::AccountId account, base::Timestamp, base::Duration) override {
        return books_.at(account);
    }
    base::Result<model::LastRecords> load_last_records(model::AccountId account) override {
        model::LastRecords last;
        for (auto const& [unused, mark] : marks_[account]) last.marks.push_back(mark);
        if (auto const found = covered_to_.find(account); found != covered_to_.end()) last.covered_to = found->second;
        return last;
    }
    base::Result<model::InstrumentBook> load_history(model::AccountId account, model::ConId con_id, base::Timestamp) override {
        auto const& instruments = books_.at(account).instruments;
        auto const found = instruments.find(con_id);
        return found == instruments.end() ? model::InstrumentBook{} : found->second;
    }
    base::Result<model::StatementClaims> load_claims(model::AccountId account, base::Date since) override {
        model::StatementClaims claims;
        claims.statements = statements_[account].statements;
        for (auto const& position : statements_[account].positions) {
            if (position.date >= since) claims.positions.push_back(position);
        }
        for (auto const& trade : statements_[account].trades) {
            if (trade.trade_date >= since) claims.trades.push_back(trade);
        }
        claims.certifications = statements_[account].certifications;
        for (auto const& difference : statements_[account].differences) {
            if (difference.trade_date >= since) claims.differences.push_back(difference);
        }
        if (auto const found = synced_at_.find(account); found != synced_at_.end()) claims.last_synced_at = found->second;
        if (auto const found = live_since_.find(account); found != live_since_.end()) claims.live_since = found->second;
        return claims;
    }
    base::Result<std::vector<model::ConId>> instruments_moved(model::AccountId account, base::Timestamp from, base::Timestamp to) override {
        std::vector<model::ConId> moved;
        auto const within = [&](std::optional<base::Timestamp> time) { return time && *time >= from && *time < to; };
        for (auto const& [con_id, book] : books_.at(account).instruments) {
            bool const any = std::any_of(book.executions.begin(), book.executions.end(), [&](auto const& e) { return within(e.time); }) ||
                             std::any_of(book.adjustments.begin(), book.adjustments.end(), [&](auto const& a) { return within(a.effective_at); });
            if (any) moved.push_back(con_id);
        }
        return moved;
    }
    base::Result<void> commit(store::CommitRequest const& request) override {
        if (request.epoch != epoch_ || owner_.empty()) return base::fail(base::ErrorCode::conflict, "another service took over");
        for (auto const& change_set : request.change_sets) {
            if (books_.at(change_set->account_id).revision != change_set->base_revision) {
                return base::fail(base::ErrorCode::conflict, "another revision");
            }
        }
        for (auto const& change_set : request.change_sets) model::apply(books_.at(change_set->account_id), *change_set);
        for (auto const& records : request.statements) model::apply(statements_[records.account_id], records);
        for (auto const& window : request.coverage) {
            if (window.source != "statement") {
                auto const since = live_since_.try_emplace(window.account_id, window.from_time).first;
                since->second = std::min(since->second, window.from_time);
            }
            if (window.state == "complete") covered_to_[window.account_id] = std::max(covered_to_[window.account_id], window.to_time);
        }
        for (auto const& freshness : request.freshness) synced_at_[freshness.account_id] = freshness.last_synced_at;
        for (auto const& mark : request.marks) marks_[mark.account_id][mark.con_id] = mark;
        return {};
    }
    /// What is kept of statements, for a test to look at.
    [[nodiscard]] model::StatementRecords const& statement_records(model::AccountId account) { return statements_[account]; }
    base::Result<std::vector<store::OperatorRequest>> pending_requests(std::string const&) override { return std::vector<store::OperatorRequest>{}; }
    base::Result<void> finish_request(std::int64_t, bool, std::string const&, base::Timestamp) override { return {}; }

private:
    std::int64_t epoch_ = 0;
    std::string owner_;
    std::map<std::string, model::AccountId> ids_;
    std::map<model::AccountId, model::AccountBook> books_;
    std::map<model::AccountId, std::map<model::ConId, model::MarkRecord>> marks_;
    std::map<model::AccountId, base::Timestamp> covered_to_;
    std::map<model::AccountId, base::Timestamp> synced_at_;
    std::map<model::AccountId, base::Timestamp> live_since_;
    std::map<model::AccountId, model::StatementRecords> statements_;
};

}  // namespace possync::scenarios

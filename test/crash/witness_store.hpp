// A Store that remembers what was acknowledged. Passes everything on; what the store under it said was done is what must be
// found after any crash, and nothing may be found that was never asked for.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "store/store.hpp"

namespace possync::crash {

struct Witness {
    std::map<model::AccountId, model::Revision> acknowledged;
    std::map<model::AccountId, model::Revision> attempted;
    std::map<int, std::int64_t> epochs;   ///< granted, by gateway
    std::set<model::AccountId> accounts;  ///< granted
    std::set<std::int64_t> answered;      ///< operator requests
};

class WitnessStore final : public store::Store {
public:
    WitnessStore(std::unique_ptr<store::Store> store, Witness& witness) : store_(std::move(store)), witness_(witness) {}

    base::Result<store::GatewayLease> claim(store::GatewayClaim const& claim) override {
        auto lease = store_->claim(claim);
        if (lease) {
            auto& epoch = witness_.epochs[lease->gateway_id];
            epoch = std::max(epoch, lease->epoch);
            for (auto const& each : lease->accounts)
                witness_.accounts.insert(each.account_id);
        }
        return lease;
    }
    base::Result<void> release(int gateway_id, std::int64_t epoch, base::Timestamp now) override {
        return store_->release(gateway_id, epoch, now);
    }
    base::Result<void> beat(store::Heartbeat const& beat) override { return store_->beat(beat); }
    base::Result<void> leave(std::string const& owner) override { return store_->leave(owner); }
    base::Result<store::Fleet> fleet(base::Timestamp now) override { return store_->fleet(now); }
    base::Result<model::AccountBook> load(model::AccountId account, base::Timestamp now, base::Duration history) override {
        return store_->load(account, now, history);
    }
    base::Result<model::LastRecords> load_last_records(model::AccountId account) override {
        return store_->load_last_records(account);
    }
    base::Result<model::InstrumentBook> load_history(model::AccountId account, model::ConId con_id,
                                                     base::Timestamp since) override {
        return store_->load_history(account, con_id, since);
    }
    base::Result<model::StatementClaims> load_claims(model::AccountId account, base::Date since) override {
        return store_->load_claims(account, since);
    }
    base::Result<std::vector<model::ConId>> instruments_moved(model::AccountId account, base::Timestamp from,
                                                              base::Timestamp to) override {
        return store_->instruments_moved(account, from, to);
    }
    base::Result<void> commit(store::CommitRequest const& request) override {
        for (auto const& change_set : request.change_sets)
            note(witness_.attempted, *change_set);
        POSSYNC_TRY_VOID(store_->commit(request));
        for (auto const& change_set : request.change_sets)
            note(witness_.acknowledged, *change_set);
        return {};
    }
    base::Result<std::vector<store::OperatorRequest>> pending_requests(std::string const& service) override {
        return store_->pending_requests(service);
    }
    base::Result<void> finish_request(std::int64_t id, bool ok, std::string const& answer, base::Timestamp now) override {
        POSSYNC_TRY_VOID(store_->finish_request(id, ok, answer, now));
        witness_.answered.insert(id);
        return {};
    }

private:
    static void note(std::map<model::AccountId, model::Revision>& revisions, model::ChangeSet const& change_set) {
        auto& revision = revisions[change_set.account_id];
        revision = std::max(revision, change_set.base_revision + 1);
    }

    std::unique_ptr<store::Store> store_;
    Witness& witness_;
};

}  // namespace possync::crash

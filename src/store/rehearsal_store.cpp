#include "store/rehearsal_store.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "store/claim_rules.hpp"

namespace possync::store {

using base::Result;
using base::Timestamp;
using model::AccountId;

namespace {

class RehearsalStore final : public Store {
public:
    RehearsalStore(std::string name, StoreOptions options) : name_(std::move(name)), options_(std::move(options)) {}

    Result<void> read(DataSource& source) {
        POSSYNC_TRY(bool const exists, source.exists());
        if (!exists) return {};
        POSSYNC_TRY(store_, source.open_store(options_));
        POSSYNC_TRY(gateways_, source.gateways({}));
        POSSYNC_TRY(auto const reader, source.open_reader());
        POSSYNC_TRY(accounts_, reader->accounts());
        for (auto const& account : accounts_)
            next_id_ = std::max(next_id_, static_cast<AccountId>(account.account_id) + 1);
        return {};
    }

    Result<GatewayLease> claim(GatewayClaim const& claim) override {
        GatewayState gateway;
        gateway.gateway = claim.gateway;
        auto const known =
            std::find_if(gateways_.begin(), gateways_.end(), [&](auto const& each) { return each.gateway == claim.gateway; });
        if (known != gateways_.end()) gateway = *known;
        gateway.remaining = gateway.lease_until - claim.now;
        POSSYNC_TRY_VOID(check_claim(name_, claim, gateway, nullptr, options_.owner_is_gone));
        GatewayLease lease;
        lease.gateway_id = known != gateways_.end() ? known->gateway_id : static_cast<int>(gateways_.size()) + 1;
        lease.epoch = gateway.epoch + 1;
        for (auto const& code : claim.accounts) {
            auto const found =
                std::find_if(accounts_.begin(), accounts_.end(), [&](auto const& each) { return each.account == code; });
            if (found != accounts_.end()) {
                POSSYNC_TRY(bool const ours, check_account(name_, claim, code, found->gateway, found->is_paper, lease.warnings));
                if (ours) lease.accounts.push_back({static_cast<AccountId>(found->account_id), code});
                continue;
            }
            auto const id =
                std::find_if(invented_.begin(), invented_.end(), [&](auto const& each) { return each.second == code; });
            AccountId const account_id = id != invented_.end() ? id->first : next_id_++;
            invented_.emplace(account_id, code);
            lease.accounts.push_back({account_id, code});
        }
        return lease;
    }

    Result<void> release(int, std::int64_t, Timestamp) override { return {}; }
    Result<void> beat(Heartbeat const&) override { return {}; }
    Result<void> leave(std::string const&) override { return {}; }
    Result<Fleet> fleet(Timestamp) override { return Fleet{}; }

    Result<model::AccountBook> load(AccountId account, Timestamp now, base::Duration history) override {
        auto const invented = invented_.find(account);
        if (invented == invented_.end() && store_) return store_->load(account, now, history);
        model::AccountBook book;
        book.account_id = account;
        if (invented != invented_.end()) book.account = invented->second;
        return book;
    }
    Result<model::LastRecords> load_last_records(AccountId account) override {
        if (!is_stored(account)) return model::LastRecords{};
        return store_->load_last_records(account);
    }
    Result<model::InstrumentBook> load_history(AccountId account, model::ConId con_id, Timestamp since) override {
        if (!is_stored(account)) return model::InstrumentBook{};
        return store_->load_history(account, con_id, since);
    }
    Result<model::StatementClaims> load_claims(AccountId account, base::Date since) override {
        if (!is_stored(account)) return model::StatementClaims{};
        return store_->load_claims(account, since);
    }
    Result<std::vector<model::ConId>> instruments_moved(AccountId account, Timestamp from, Timestamp to) override {
        if (!is_stored(account)) return std::vector<model::ConId>{};
        return store_->instruments_moved(account, from, to);
    }

    Result<void> commit(CommitRequest const&) override { return {}; }
    Result<std::vector<OperatorRequest>> pending_requests(std::string const&) override { return std::vector<OperatorRequest>{}; }
    Result<void> finish_request(std::int64_t, bool, std::string const&, Timestamp) override { return {}; }

private:
    [[nodiscard]] bool is_stored(AccountId account) const { return store_ && !invented_.contains(account); }

    std::string name_;
    StoreOptions options_;
    std::unique_ptr<Store> store_;
    std::vector<GatewayState> gateways_;
    std::vector<query::AccountRow> accounts_;
    std::map<AccountId, std::string> invented_;
    AccountId next_id_ = 1;
};

}  // namespace

Result<std::unique_ptr<Store>> open_rehearsal(DataSource& source, StoreOptions options) {
    options.create = options.migrate = false;
    auto store = std::make_unique<RehearsalStore>(source.name(), options);
    POSSYNC_TRY_VOID(store->read(source));
    return store;
}

}  // namespace possync::store

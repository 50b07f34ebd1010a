#include "app/store_work.hpp"

namespace possync::app {

sync::Event carry_out(store::Store& store, sync::Claim const& claim, Owner const& owner, base::Timestamp now,
                      store::GatewayLease& lease) {
    store::GatewayClaim wanted;
    wanted.gateway = owner.gateway;
    wanted.owner = owner.name;
    wanted.accounts = claim.accounts;
    wanted.paper = claim.paper;
    wanted.now = now;
    wanted.lease = owner.lease;
    wanted.share = owner.share;
    auto granted = store.claim(wanted);
    if (!granted) {
        sync::ClaimFailed failed{granted.error(), {}};
        if (failed.error.code != base::ErrorCode::conflict) return failed;
        auto const fleet = store.fleet(now);
        if (!fleet) return failed;
        for (auto const& gateway : fleet->gateways) {
            if (gateway.gateway == owner.gateway && !gateway.owner.empty()) failed.free_in = gateway.remaining;
        }
        return failed;
    }
    lease = *granted;
    sync::Claimed claimed;
    claimed.epoch = lease.epoch;
    for (auto const& account : lease.accounts)
        claimed.accounts.push_back({account.account_id, account.account});
    claimed.warnings = lease.warnings;
    claimed.registered = !claim.accounts.empty();
    return claimed;
}

sync::Event carry_out(store::Store& store, sync::LoadBook const& load, base::Timestamp now) {
    auto book = store.load(load.account_id, now, history_kept);
    if (!book) return sync::LoadFailed{load.account_id, book.error()};
    auto last = store.load_last_records(load.account_id);
    if (!last) return sync::LoadFailed{load.account_id, last.error()};
    return sync::BookLoaded{std::move(*book), std::move(*last)};
}

sync::Event carry_out(store::Store& store, sync::Commit commit, store::GatewayLease const& lease, base::Timestamp now) {
    store::CommitRequest request;
    request.gateway_id = lease.gateway_id;
    request.epoch = lease.epoch;
    request.now = now;
    request.change_sets = std::move(commit.change_sets);
    request.runs = std::move(commit.runs);
    request.marks = std::move(commit.marks);
    request.values = std::move(commit.values);
    request.coverage = std::move(commit.coverage);
    request.freshness = std::move(commit.freshness);
    auto const done = store.commit(request);
    if (!done) return sync::CommitFailed{commit.commit_number, done.error()};
    return sync::Committed{commit.commit_number};
}

}  // namespace possync::app

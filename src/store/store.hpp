// The Store is where change sets become durable: one transaction per commit, fenced by the gateway's epoch and the
// account's revision. Implementations (sqlite/, later postgres/) hold exactly one writing connection and are used
// from one thread. Readers do not come through here: query::Reader opens its own read-only connection.
//
// The contract, tested on every implementation by contract_test: load(commit(db, cs)) == apply(load(db), cs).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/certification.hpp"
#include "model/change_set.hpp"
#include "model/records.hpp"
#include "store/sharing.hpp"

namespace possync::store {

/// How long a claim lasts after its last renewal, where nobody says otherwise.
inline constexpr base::Duration default_lease{30'000'000};

/// What a service says of itself when it takes a gateway. Before it connects it names no accounts: the claim is for the right
/// to connect. After the handshake it claims again, with them.
///
/// `now` is the time of leases where all services share one clock, as on one host. A store that services of several hosts
/// reach must take its server's time instead: two hosts' clocks are never compared.
struct GatewayClaim {
    std::string gateway;                ///< configured name, unique in a database
    std::string owner;                  ///< host:pid:start, for messages
    std::vector<std::string> accounts;  ///< the broker's managed accounts it wants to write; empty: not known yet
    std::optional<bool> paper;          ///< what the gateway serves, once known; remembered, a mismatch is refused
    base::Timestamp now;
    base::Duration lease = default_lease;  ///< the claim ends this long after its last renewal
    bool share = false;  ///< leave a free gateway to the service that may_take() names; that is a conflict too
};

struct ClaimedAccount {
    model::AccountId account_id = 0;
    std::string account;
    bool operator==(ClaimedAccount const&) const = default;
};

/// A granted claim. `epoch` is the fence: every commit carries it, a rival's claim raises it.
struct GatewayLease {
    int gateway_id = 0;
    std::int64_t epoch = 0;
    std::vector<ClaimedAccount> accounts;
    std::vector<std::string> warnings;  ///< accounts that another gateway owns
};

/// A running service says that it lives, and which gateways it would serve.
struct Heartbeat {
    std::string owner;
    std::vector<std::string> gateways;
    base::Timestamp now;                   ///< see GatewayClaim
    base::Duration lease = default_lease;  ///< the service counts as alive for so long
};

/// One transaction: everything in it or nothing.
struct CommitRequest {
    int gateway_id = 0;
    std::int64_t epoch = 0;
    base::Timestamp now;
    std::vector<model::SharedChangeSet> change_sets;  ///< at most one per account
    std::vector<model::SyncRun> runs;
    std::vector<model::MarkRecord> marks;
    std::vector<model::AccountValue> values;
    std::vector<model::CoverageWindow> coverage;  ///< replaces a window of the same (account, stream, from_time)
    std::vector<model::Freshness> freshness;
    std::vector<model::StatementRecords> statements;  ///< beside a change set or without; kept as model::apply says
};

/// Something the operator asked of a running service through the database (ruling: one writer).
struct OperatorRequest {
    std::int64_t request_id = 0;
    std::string verb;       ///< sync, explain, exclude, undo, reset_statistics
    std::string arguments;  ///< JSON object
    std::string author;
    base::Timestamp asked_at;
    std::string service;  ///< the owner it is for; empty: whichever service sees it first
};

class Store {
public:
    virtual ~Store() = default;

    /// Takes or renews the lease, and registers the accounts where they are named. Errors: refused (paper/live mismatch with
    /// what the database remembers), conflict (another live owner, or another's turn), io, unavailable.
    [[nodiscard]] virtual base::Result<GatewayLease> claim(GatewayClaim const& claim) = 0;
    /// Gives the lease back so that the next owner need not wait for its end.
    [[nodiscard]] virtual base::Result<void> release(int gateway_id, std::int64_t epoch, base::Timestamp now) = 0;

    /// Keeps the service's row alive, with a row for each gateway it names; forgets services that are long dead.
    [[nodiscard]] virtual base::Result<void> beat(Heartbeat const& beat) = 0;
    /// The service ends: the others need not wait for its row to die.
    [[nodiscard]] virtual base::Result<void> leave(std::string const& owner) = 0;
    /// Who lives and who holds what, by the clock that leases go by.
    [[nodiscard]] virtual base::Result<Fleet> fleet(base::Timestamp now) = 0;

    /// The account's book: open positions with their facts, and everything of the last `history` before `now`.
    [[nodiscard]] virtual base::Result<model::AccountBook> load(model::AccountId account, base::Timestamp now,
                                                                base::Duration history) = 0;
    [[nodiscard]] virtual base::Result<model::LastRecords> load_last_records(model::AccountId account) = 0;
    /// The instrument's book back to its last flat point at or before `since`; empty, with conId 0, for one that was never seen.
    [[nodiscard]] virtual base::Result<model::InstrumentBook> load_history(model::AccountId account, model::ConId con_id,
                                                                          base::Timestamp since) = 0;

    /// What statements said and how far a service followed: all that were imported; positions, trades and differences from the day
    /// `since` on.
    [[nodiscard]] virtual base::Result<model::StatementClaims> load_claims(model::AccountId account, base::Date since) = 0;

    /// Instruments with executions or adjustments in [from, to), by conId.
    [[nodiscard]] virtual base::Result<std::vector<model::ConId>> instruments_moved(model::AccountId account, base::Timestamp from,
                                                                                   base::Timestamp to) = 0;

    /// Commits atomically. Errors: conflict when epoch or a base_revision is not the database's (nothing is written:
    /// load and plan again), unavailable (locked), io (disk full, read-only; nothing is written).
    [[nodiscard]] virtual base::Result<void> commit(CommitRequest const& request) = 0;

    /// Called between jobs, when none waits: what would otherwise have to be done within some commit. Never fails for the caller;
    /// what goes wrong is met again by the next commit.
    virtual void tidy() {}

    /// Pending operator requests for `service` or for anybody, oldest first; `finish_request` records the answer.
    [[nodiscard]] virtual base::Result<std::vector<OperatorRequest>> pending_requests(std::string const& service) = 0;
    [[nodiscard]] virtual base::Result<void> finish_request(std::int64_t request_id, bool ok, std::string const& answer,
                                                            base::Timestamp now) = 0;
};

}  // namespace possync::store

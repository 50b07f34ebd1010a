// The Store on PostgreSQL: what a service or a one-shot `sync` opens to write, and the calls by which other processes reach the
// writer through the database.
//
// One connection, one thread. A commit is one round trip: BEGIN, the fence, every table as one `unnest`, COMMIT. The fence is the
// gateway's row: its epoch says who may write, its count of commits says which commit this is. Where the connection breaks while
// a COMMIT is under way, the store reconnects and asks that row whether the commit happened, and shuts the door behind it, so
// that what may still be on the way to the server cannot happen afterwards.
//
// Plain SQL: no advisory locks, no LISTEN, no COPY, no sequences. Serialization failures and deadlocks are tried again (Session).
#pragma once

#include <memory>
#include <vector>

#include "store/data_source.hpp"
#include "store/postgres/session.hpp"
#include "store/store.hpp"

namespace possync::store {

struct PostgresOptions : StoreOptions {
    postgres::ConnectionOptions connection;
    /// How long a commit in doubt is asked after before the answer is that nobody knows (`timeout`).
    base::Duration doubt_patience{30'000'000};
    /// Leases go by the server's clock, because services of several hosts share it; tests hand in their own time.
    bool server_time = true;
};

/// Errors: not_found, refused, unavailable, as DataSource::open_store says.
[[nodiscard]] base::Result<std::unique_ptr<Store>> open_postgres_store(postgres::Address const& address,
                                                                       PostgresOptions const& options = {});

namespace postgres {

/// For one writer, as a command makes it; gives the request's id.
[[nodiscard]] base::Result<void> reset_statistics(Session& session, base::Timestamp now);
[[nodiscard]] base::Result<std::int64_t> submit_operator_request(Session& session, OperatorRequest const& request);
[[nodiscard]] base::Result<OperatorAnswer> operator_answer(Session& session, std::int64_t request_id);
[[nodiscard]] base::Result<std::vector<GatewayState>> gateways(Session& session);
/// As DataSource::rebind.
[[nodiscard]] base::Result<void> rebind(Session& session, Rebinding const& rebinding, OwnerIsGone const& owner_is_gone);
/// Broken references and revisions with holes, a line each.
[[nodiscard]] base::Result<std::vector<std::string>> check(Session& session);

}  // namespace postgres

}  // namespace possync::store

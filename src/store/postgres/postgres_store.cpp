#include "store/postgres/postgres_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "store/claim_rules.hpp"
#include "store/postgres/commit_writer.hpp"
#include "store/postgres/migrations.hpp"
#include "store/postgres/postgres_load.hpp"
#include "store/postgres/postgres_statements.hpp"
#include "store/rows.hpp"
#include "store/sql_outbox.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;
using base::Timestamp;
using model::AccountId;
using postgres::Connection;
using postgres::Parameters;
using postgres::Row;
using postgres::Session;

namespace postgres {
namespace {

/// $1: the time that leases go by; NULL: the server's.
constexpr std::string_view state_columns = "gateway_id, name, is_paper, epoch, owner, lease_until, lease_length, "
                                           "(extract(epoch FROM lease_until - coalesce($1, now())) * 1000000)::bigint";

GatewayState read_state(Row& row) {
    GatewayState state;
    state.gateway_id = row.small_integer();
    state.gateway = row.text();
    state.paper = row.optional_boolean();
    state.epoch = row.integer();
    state.owner = row.text();
    state.lease_until = row.time();
    state.lease = base::Duration(row.integer());
    state.remaining = base::Duration(row.integer());
    return state;
}

Result<std::vector<GatewayState>> read_gateways(Connection& connection, std::optional<Timestamp> now) {
    std::vector<GatewayState> gateways;
    POSSYNC_TRY_VOID(connection.each(
        fmt::format("SELECT {} FROM gateway ORDER BY name", state_columns),
        [&](Row& row) { gateways.push_back(read_state(row)); }, now));
    return gateways;
}

}  // namespace
}  // namespace postgres

namespace {

class PostgresStore final : public Store {
public:
    PostgresStore(postgres::Address const& address, PostgresOptions options)
        : session_(address, options.connection), options_(std::move(options)) {}

    Result<void> open() {
        if (options_.migrate) {
            if (!options_.create) {
                POSSYNC_TRY(int const version, postgres::schema_version(session_));
                if (version == 0) return postgres::require_current(session_, postgres::embedded_migrations());
            }
            POSSYNC_TRY(auto const unused, postgres::migrate(session_, postgres::embedded_migrations()));
            (void)unused;
            return {};
        }
        return postgres::require_current(session_, postgres::embedded_migrations());
    }

    Result<GatewayLease> claim(GatewayClaim const& claim) override {
        std::int64_t commits = 0;
        auto lease = numbering([&](Connection& connection) { return claim_in(connection, claim, commits); });
        if (lease) commits_[lease->gateway_id] = commits;
        return lease;
    }

    Result<void> release(int gateway_id, std::int64_t epoch, Timestamp now) override {
        return session_.transaction(postgres::begin_writing, [&](Connection& connection) -> Result<void> {
            POSSYNC_TRY(auto const released, connection.run("UPDATE gateway SET owner = NULL, lease_until = coalesce($3, now()) "
                                                            "WHERE gateway_id = $1 AND epoch = $2",
                                                            gateway_id, epoch, time_or_server(now)));
            if (released == 1) return {};
            return base::fail(ErrorCode::conflict, "the gateway was taken over by another service in the meantime");
        });
    }

    Result<void> beat(Heartbeat const& beat) override {
        return numbering([&](Connection& connection) -> Result<void> {
            auto const now = time_or_server(beat.now);
            auto const names = [&] {
                postgres::Array array(postgres::Type::text);
                for (auto const& gateway : beat.gateways)
                    array.add(gateway);
                return array;
            };
            auto const with_names = [&](auto const&... values) {
                Parameters parameters = Parameters::of(values...);
                parameters.add(names());
                return parameters;
            };
            connection.add(
                "INSERT INTO service (owner, started_at, live_until) VALUES ($1, coalesce($2, now()), coalesce($2, now()) + $3 * "
                "interval '1 microsecond') ON CONFLICT (owner) DO UPDATE SET live_until = excluded.live_until",
                Parameters::of(beat.owner, now, beat.lease.count()));
            connection.add("DELETE FROM service_gateway WHERE owner = $1 AND NOT gateway = ANY($2::text[])",
                           with_names(beat.owner));
            connection.add("INSERT INTO service_gateway (owner, gateway) SELECT $1, r.name FROM unnest($2::text[]) AS r(name) "
                           "ON CONFLICT DO NOTHING",
                           with_names(beat.owner));
            connection.add(
                "INSERT INTO gateway (gateway_id, name, epoch, lease_until, lease_length) SELECT (SELECT "
                "coalesce(max(gateway_id), "
                "0) FROM gateway) + row_number() OVER (ORDER BY r.name), r.name, 0, coalesce($1, now()), $2 FROM (SELECT "
                "DISTINCT "
                "name FROM unnest($3::text[]) AS u(name)) r WHERE NOT EXISTS (SELECT 1 FROM gateway g WHERE g.name = r.name)",
                with_names(now, beat.lease.count()));
            connection.add("DELETE FROM service WHERE live_until < coalesce($1, now()) - $2 * interval '1 microsecond'",
                           Parameters::of(now, beat.lease.count()));
            return {};
        });
    }

    Result<void> leave(std::string const& owner) override {
        return session_.transaction(postgres::begin_writing, [&](Connection& connection) -> Result<void> {
            connection.add("DELETE FROM service WHERE owner = $1", Parameters::of(owner));
            return {};
        });
    }

    Result<Fleet> fleet(Timestamp now) override {
        return session_.transaction(postgres::begin_reading,
                                    [&](Connection& connection) { return fleet_in(connection, time_or_server(now)); });
    }

    Result<model::AccountBook> load(AccountId account, Timestamp now, base::Duration history) override {
        return session_.transaction(postgres::begin_reading, [&](Connection& connection) -> Result<model::AccountBook> {
            model::AccountBook book;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT account_id, code, revision, next_id FROM account WHERE account_id = $1",
                [&](Row& row) {
                    book.account_id = static_cast<AccountId>(row.integer());
                    book.account = row.text();
                    book.revision = row.integer();
                    book.next_id = row.integer();
                },
                account));
            if (book.account_id == 0)
                return base::fail(ErrorCode::not_found, fmt::format("there is no account number {}", account));
            planned_[account] = {book.revision, book.next_id};
            POSSYNC_TRY(book.instruments, postgres::load_instruments(connection, account, now - history, std::nullopt));
            POSSYNC_TRY(book.breaks, postgres::load_unresolved_breaks(connection, account));
            return book;
        });
    }

    Result<model::LastRecords> load_last_records(AccountId account) override {
        return session_.transaction(postgres::begin_reading, [&](Connection& connection) -> Result<model::LastRecords> {
            static std::string const marks =
                fmt::format("SELECT {} FROM mark WHERE account_id = $1 ORDER BY con_id", rows::mark_columns);
            model::LastRecords last;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT max(to_time) FROM coverage_window WHERE account_id = $1 AND stream = 'executions' AND state = 'complete'",
                [&](Row& row) { last.covered_to = row.optional_time(); }, account));
            POSSYNC_TRY_VOID(
                connection.each(marks, [&](Row& row) { last.marks.push_back(rows::read_mark(row, account)); }, account));
            return last;
        });
    }

    Result<model::InstrumentBook> load_history(AccountId account, model::ConId con_id, Timestamp since) override {
        return session_.transaction(postgres::begin_reading, [&](Connection& connection) -> Result<model::InstrumentBook> {
            POSSYNC_TRY(auto const known, connection.integer("SELECT 1 FROM instrument WHERE con_id = $1", con_id));
            if (!known) return model::InstrumentBook{};
            POSSYNC_TRY(auto books, postgres::load_instruments(connection, account, since, con_id));
            return std::move(books[con_id]);
        });
    }

    Result<model::StatementClaims> load_claims(AccountId account, base::Date since) override {
        return session_.transaction(postgres::begin_reading, [&](Connection& connection) {
            return postgres::load_statement_claims(connection, account, since);
        });
    }

    Result<std::vector<model::ConId>> instruments_moved(AccountId account, Timestamp from, Timestamp to) override {
        return session_.transaction(postgres::begin_reading, [&](Connection& connection) -> Result<std::vector<model::ConId>> {
            std::vector<model::ConId> moved;
            POSSYNC_TRY_VOID(connection.each(
                "SELECT con_id FROM execution WHERE account_id = $1 AND time >= $2 AND time < $3 "
                "UNION SELECT con_id FROM adjustment WHERE account_id = $1 AND effective_at >= $2 AND effective_at < $3 ORDER BY "
                "1",
                [&](Row& row) { moved.push_back(row.integer()); }, account, from, to));
            return moved;
        });
    }

    Result<void> commit(CommitRequest const& request) override {
        if (request.change_sets.empty() && request.runs.empty() && request.marks.empty() && request.values.empty() &&
            request.coverage.empty() && request.freshness.empty() && request.statements.empty()) {
            return {};
        }
        auto next_ids = next_ids_of(request);
        for (int attempt = 0;; ++attempt) {
            POSSYNC_TRY(std::int64_t const commits, commits_of(request.gateway_id));
            bool const forgets_runs = !request.runs.empty() && (!forgot_runs_at_ || request.now - *forgot_runs_at_ >= forget_runs_every);
            auto const done = session_.transaction(postgres::begin_writing, [&](Connection& connection) -> Result<void> {
                postgres::queue_commit(connection, request, {commits, time_or_server(request.now), next_ids});
                for (auto const& records : request.statements) {
                    POSSYNC_TRY_VOID(postgres::queue_statement_records(connection, records));
                }
                if (forgets_runs) forget_old_runs(connection, request.now);
                return {};
            });
            if (done) {
                if (forgets_runs) forgot_runs_at_ = request.now;
                commits_[request.gateway_id] = commits + 1;
                for (auto const& change_set : request.change_sets)
                    planned_[change_set->account_id] = {change_set->base_revision + 1, change_set->next_id};
                return {};
            }
            if (session_.last_state() == postgres::unique_state && !std::exchange(next_ids, {}).empty()) continue;
            if (session_.in_doubt()) {
                commits_.erase(request.gateway_id);
                return find_out(request, commits, done.error());
            }
            if (session_.last_state() != postgres::fence_state) {
                commits_.erase(request.gateway_id);  // what the gateway's row says is asked again
                return done;
            }
            POSSYNC_TRY(bool const again, why_fenced(request, commits));
            if (!again || attempt == 3)
                return base::fail(ErrorCode::conflict, "others commit for this gateway at the same time; load again");
        }
    }

    Result<std::vector<OperatorRequest>> pending_requests(std::string const& service) override {
        POSSYNC_TRY(Connection* const connection, session_.connection());
        std::vector<OperatorRequest> requests;
        POSSYNC_TRY_VOID(
            connection->each(rows::pending_requests, [&](Row& row) { requests.push_back(rows::read_request(row)); }, service));
        return requests;
    }

    Result<void> finish_request(std::int64_t request_id, bool ok, std::string const& answer, Timestamp now) override {
        return session_.transaction(postgres::begin_writing, [&](Connection& connection) -> Result<void> {
            POSSYNC_TRY(auto const changed,
                        connection.run("UPDATE operator_request SET status = $2, answer = $3, answered_at = $4 "
                                       "WHERE request_id = $1 AND status = 'pending'",
                                       request_id, ok ? "done" : "failed", answer, now));
            if (changed == 1) return {};
            return base::fail(ErrorCode::not_found, fmt::format("there is no pending request {}", request_id));
        });
    }

private:
    [[nodiscard]] std::string const& name() const { return session_.address().shown; }

    [[nodiscard]] std::optional<Timestamp> time_or_server(Timestamp now) const {
        return options_.server_time ? std::nullopt : std::optional(now);
    }

    /// A transaction that numbers gateways or accounts: two services may meet one for the first time at once, and the second one
    /// looks again.
    template <typename Body>
    auto numbering(Body body) -> std::invoke_result_t<Body, Connection&> {
        for (int attempt = 0;; ++attempt) {
            auto done = session_.transaction(postgres::begin_writing, body);
            if (!done && session_.last_state() == "23505" && attempt < 20) continue;
            return done;
        }
    }

    Result<GatewayLease> claim_in(Connection& connection, GatewayClaim const& claim, std::int64_t& commits) {
        auto const now = time_or_server(claim.now);
        GatewayState state;
        state.gateway = claim.gateway;
        commits = 0;
        POSSYNC_TRY_VOID(connection.each(
            fmt::format("SELECT {}, commits FROM gateway WHERE name = $2 FOR UPDATE", postgres::state_columns),
            [&](Row& row) {
                state = postgres::read_state(row);
                commits = row.integer();
            },
            now, claim.gateway));
        std::optional<Fleet> fleet;
        if (claim.share) {
            POSSYNC_TRY(fleet, fleet_in(connection, now));
        }
        POSSYNC_TRY_VOID(check_claim(name(), claim, state, fleet ? &*fleet : nullptr, options_.owner_is_gone));
        GatewayLease lease;
        lease.gateway_id = state.gateway_id;
        lease.epoch = state.owner == claim.owner ? state.epoch : state.epoch + 1;
        if (lease.gateway_id == 0) {
            POSSYNC_TRY(auto const last, connection.integer("SELECT max(gateway_id) FROM gateway"));
            lease.gateway_id = static_cast<int>(last.value_or(0)) + 1;
            POSSYNC_TRY_VOID(
                connection.run("INSERT INTO gateway (gateway_id, name, is_paper, epoch, owner, lease_until, lease_length) "
                               "VALUES ($1, $2, $3, $4, $5, coalesce($6, now()) + $7 * interval '1 microsecond', $7)",
                               lease.gateway_id, claim.gateway, claim.paper, lease.epoch, claim.owner, now, claim.lease.count()));
        } else {
            POSSYNC_TRY_VOID(connection.run(
                "UPDATE gateway SET epoch = $2, owner = $3, lease_until = coalesce($4, now()) + $5 * interval '1 microsecond', "
                "lease_length = $5, is_paper = coalesce(is_paper, $6) WHERE gateway_id = $1",
                lease.gateway_id, lease.epoch, claim.owner, now, claim.lease.count(), claim.paper));
        }
        for (auto const& account : claim.accounts)
            POSSYNC_TRY_VOID(claim_account(connection, claim, account, lease));
        return lease;
    }

    Result<Fleet> fleet_in(Connection& connection, std::optional<Timestamp> now) {
        Fleet fleet;
        POSSYNC_TRY_VOID(connection.each(
            "SELECT s.owner, (extract(epoch FROM coalesce($1, now()) - s.started_at) * 1000000)::bigint, g.gateway FROM service "
            "s LEFT JOIN "
            "service_gateway g ON g.owner = s.owner WHERE s.live_until > coalesce($1, now()) ORDER BY s.owner, g.gateway",
            [&](Row& row) {
                std::string owner = row.text();
                base::Duration const live_for(row.integer());
                std::string gateway = row.text();
                if (fleet.services.empty() || fleet.services.back().owner != owner) {
                    if (options_.owner_is_gone && options_.owner_is_gone(owner)) return;
                    fleet.services.push_back({std::move(owner), {}, live_for});
                }
                if (!gateway.empty()) fleet.services.back().gateways.push_back(std::move(gateway));
            },
            now));
        POSSYNC_TRY(fleet.gateways, postgres::read_gateways(connection, now));
        forget_the_dead(fleet, options_.owner_is_gone);
        return fleet;
    }

    Result<void> claim_account(Connection& connection, GatewayClaim const& claim, std::string const& code, GatewayLease& lease) {
        AccountId account_id = 0;
        bool paper = *claim.paper;
        std::string gateway = claim.gateway;
        POSSYNC_TRY_VOID(connection.each(
            "SELECT a.account_id, a.is_paper, g.name FROM account a JOIN gateway g USING (gateway_id) WHERE a.code = $1",
            [&](Row& row) {
                account_id = static_cast<AccountId>(row.integer());
                paper = row.boolean();
                gateway = row.text();
            },
            code));
        POSSYNC_TRY(bool const ours, check_account(name(), claim, code, gateway, paper, lease.warnings));
        if (!ours) return {};
        if (account_id == 0) {
            POSSYNC_TRY(auto const last, connection.integer("SELECT max(account_id) FROM account"));
            account_id = static_cast<AccountId>(last.value_or(0)) + 1;
            POSSYNC_TRY_VOID(
                connection.run("INSERT INTO account (account_id, code, gateway_id, is_paper) VALUES ($1, $2, $3, $4)", account_id,
                               code, lease.gateway_id, *claim.paper));
        }
        lease.accounts.push_back({account_id, code});
        return {};
    }

    /// How many commits the gateway has seen, as far as this store knows; asked where it does not.
    Result<std::int64_t> commits_of(int gateway_id) {
        auto const known = commits_.find(gateway_id);
        if (known != commits_.end()) return known->second;
        POSSYNC_TRY(Connection* const connection, session_.connection());
        POSSYNC_TRY(auto const commits, connection->integer("SELECT commits FROM gateway WHERE gateway_id = $1", gateway_id));
        commits_[gateway_id] = commits.value_or(0);
        return commits.value_or(0);
    }

    /// As the database has them on the revisions that the request was planned on, where this store knows.
    [[nodiscard]] std::map<AccountId, std::int64_t> next_ids_of(CommitRequest const& request) const {
        std::map<AccountId, std::int64_t> known;
        for (auto const& change_set : request.change_sets) {
            auto const found = planned_.find(change_set->account_id);
            if (found != planned_.end() && found->second.revision == change_set->base_revision)
                known[change_set->account_id] = found->second.next_id;
        }
        return known;
    }

    struct GatewayRow {
        std::string gateway;
        std::string owner;
        std::int64_t epoch = 0;
        std::int64_t commits = 0;
    };
    static Result<GatewayRow> read_gateway(Connection& connection, std::string_view sql, int gateway_id) {
        GatewayRow found;
        found.gateway = fmt::format("number {}", gateway_id);
        POSSYNC_TRY_VOID(connection.each(
            sql,
            [&](Row& row) {
                found.gateway = row.text();
                found.owner = row.text();
                found.epoch = row.integer();
                found.commits = row.integer();
            },
            gateway_id));
        return found;
    }

    [[nodiscard]] static base::Error taken_over(GatewayRow const& found, std::int64_t ours) {
        return {ErrorCode::conflict,
                fmt::format("gateway {} was taken over by {} (epoch {}, ours was {}): only one service may write for "
                            "a gateway; this one must claim it again",
                            found.gateway, found.owner.empty() ? "nobody" : found.owner, found.epoch, ours)};
    }

    /// After the fence did not hold: the error that says why, or true when only this store's count was old.
    Result<bool> why_fenced(CommitRequest const& request, std::int64_t commits) {
        POSSYNC_TRY(Connection* const connection, session_.connection());
        POSSYNC_TRY(auto const found,
                    read_gateway(*connection, "SELECT name, owner, epoch, commits FROM gateway WHERE gateway_id = $1",
                                 request.gateway_id));
        if (found.epoch != request.epoch || found.owner.empty()) return std::unexpected(taken_over(found, request.epoch));
        commits_[request.gateway_id] = found.commits;
        for (auto const& change_set : request.change_sets) {
            std::string state = "not in the database";
            bool good = false;
            POSSYNC_TRY_VOID(connection->each(
                "SELECT code, revision, gateway_id FROM account WHERE account_id = $1",
                [&](Row& row) {
                    std::string const code = row.text();
                    auto const revision = row.integer();
                    bool const ours = row.integer() == request.gateway_id;
                    good = ours && revision == change_set->base_revision;
                    state = fmt::format("{} at revision {}{}", code, revision, ours ? "" : " and belongs to another gateway");
                },
                change_set->account_id));
            if (good) continue;
            return base::fail(
                ErrorCode::conflict,
                fmt::format("the changes of account {} were planned on revision {}, the account is {}: load the book and "
                            "plan again",
                            change_set->account_id, change_set->base_revision, state));
        }
        for (auto const& records : request.statements) {
            POSSYNC_TRY(auto const owner,
                        connection->integer("SELECT gateway_id FROM account WHERE account_id = $1", records.account_id));
            if (owner == request.gateway_id) continue;
            return base::fail(
                ErrorCode::conflict,
                fmt::format("account {} does not belong to the gateway that would write its statements", records.account_id));
        }
        return found.commits != commits;
    }

    /// The connection broke while the COMMIT was under way. The gateway's row tells: its count says which commit was the last
    /// under our epoch. Taking the row waits for what the server still does for the broken connection, and moving its count on
    /// keeps out what did not get that far.
    Result<void> find_out(CommitRequest const& request, std::int64_t commits, base::Error const& why) {
        auto const deadline = std::chrono::steady_clock::now() + options_.doubt_patience;
        for (auto pause = std::chrono::milliseconds(20);; pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
            auto const happened = session_.transaction(postgres::begin_writing, [&](Connection& connection) -> Result<bool> {
                POSSYNC_TRY(auto const found,
                            read_gateway(connection,
                                         "SELECT name, owner, epoch, commits FROM gateway WHERE gateway_id = $1 FOR UPDATE",
                                         request.gateway_id));
                if (found.epoch != request.epoch) {
                    // Somebody took over since. What we wrote carries our epoch.
                    for (auto const& change_set : request.change_sets) {
                        POSSYNC_TRY(auto const epoch,
                                    connection.integer("SELECT epoch FROM outbox WHERE account_id = $1 AND revision = $2",
                                                       change_set->account_id, change_set->base_revision + 1));
                        return epoch == request.epoch;
                    }
                    return false;
                }
                if (found.commits != commits) return found.commits == commits + 1;
                POSSYNC_TRY_VOID(
                    connection.run("UPDATE gateway SET commits = commits + 2 WHERE gateway_id = $1", request.gateway_id));
                return false;
            });
            if (happened) {
                if (*happened) return {};
                return base::fail(why.code, why.message + "; the commit did not happen, nothing was written");
            }
            // What the server refuses stays refused; what is away may come back.
            bool const away = happened.error().code == ErrorCode::unavailable || happened.error().code == ErrorCode::timeout;
            if (!away || std::chrono::steady_clock::now() + pause > deadline) {
                return base::fail(ErrorCode::timeout,
                                  fmt::format("{}; whether the commit happened is not known, because {}: load the book again",
                                              why.message, happened.error().message));
            }
            std::this_thread::sleep_for(pause);
        }
    }

    /// Runs, and what operators asked. With a commit that writes a run anyway.
    static constexpr base::Duration forget_runs_every = std::chrono::hours(1);
    void forget_old_runs(Connection& connection, Timestamp now) const {
        connection.add("DELETE FROM sync_run WHERE finished_at < $1", Parameters::of(now - options_.run_retention));
        connection.add("DELETE FROM operator_request WHERE asked_at < $1", Parameters::of(now - options_.run_retention));
    }

    Session session_;
    PostgresOptions options_;
    std::map<int, std::int64_t> commits_;
    struct Planned {
        model::Revision revision = 0;
        std::int64_t next_id = 0;
    };
    std::map<AccountId, Planned> planned_;  ///< the account as it was last loaded or committed
    std::optional<Timestamp> forgot_runs_at_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(postgres::Address const& address, PostgresOptions const& options) {
    auto store = std::make_unique<PostgresStore>(address, options);
    POSSYNC_TRY_VOID(store->open());
    return store;
}

namespace postgres {

Result<void> reset_statistics(Session& session, Timestamp now) {
    POSSYNC_TRY_VOID(require_current(session, embedded_migrations()));
    return session.transaction(begin_writing, [&](Connection& connection) -> Result<void> {
        POSSYNC_TRY_VOID(connection.run("INSERT INTO database_info (key, value) VALUES ('statistics_since', $1) "
                                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                                        base::to_rfc3339(now)));
        return {};
    });
}

Result<std::int64_t> submit_operator_request(Session& session, OperatorRequest const& request) {
    POSSYNC_TRY_VOID(require_current(session, embedded_migrations()));
    for (int attempt = 0;; ++attempt) {
        auto const id = session.transaction(begin_writing, [&](Connection& connection) -> Result<std::int64_t> {
            POSSYNC_TRY(auto const last, connection.integer("SELECT max(request_id) FROM operator_request"));
            std::int64_t const next = last.value_or(0) + 1;
            POSSYNC_TRY_VOID(connection.run(
                "INSERT INTO operator_request (request_id, verb, arguments, author, asked_at, service) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                next, request.verb, request.arguments, request.author, request.asked_at, TextOrNull{request.service}));
            return next;
        });
        // Somebody asked at the same moment and has that number.
        if (!id && session.last_state() == "23505" && attempt < 20) continue;
        return id;
    }
}

Result<OperatorAnswer> operator_answer(Session& session, std::int64_t request_id) {
    POSSYNC_TRY(Connection* const connection, session.connection());
    std::optional<OperatorAnswer> answer;
    POSSYNC_TRY_VOID(connection->each(
        "SELECT status <> 'pending', status = 'done', answer FROM operator_request WHERE request_id = $1",
        [&](Row& row) {
            answer.emplace();
            answer->answered = row.boolean();
            answer->ok = row.boolean();
            answer->answer = row.text();
        },
        request_id));
    if (!answer) return base::fail(ErrorCode::not_found, fmt::format("there is no request {}", request_id));
    return *answer;
}

Result<std::vector<GatewayState>> gateways(Session& session) {
    POSSYNC_TRY_VOID(require_current(session, embedded_migrations()));
    POSSYNC_TRY(Connection* const connection, session.connection());
    return read_gateways(*connection, std::nullopt);
}

Result<void> rebind(Session& session, Rebinding const& rebinding, OwnerIsGone const& owner_is_gone) {
    POSSYNC_TRY_VOID(require_current(session, embedded_migrations()));
    return session.transaction(begin_writing, [&](Connection& connection) -> Result<void> {
        POSSYNC_TRY(auto const states, read_gateways(connection, std::nullopt));
        POSSYNC_TRY(auto const gateway_id, check_rebinding(session.address().shown, rebinding, states, owner_is_gone));
        POSSYNC_TRY_VOID(connection.run("UPDATE gateway SET is_paper = $2 WHERE gateway_id = $1", gateway_id, rebinding.paper));
        for (auto const& account : rebinding.accounts)
            POSSYNC_TRY_VOID(connection.run("UPDATE account SET gateway_id = $1 WHERE code = $2", gateway_id, account));
        // Whoever still believes to hold a lease finds out at its next commit.
        POSSYNC_TRY_VOID(connection.run("UPDATE gateway SET epoch = epoch + 1, owner = NULL, lease_until = now()"));
        return {};
    });
}

namespace {

/// Columns that refer to rows of another table: the server does not watch over these.
struct Reference {
    std::string_view from;
    std::string_view column;
    std::string_view to;
    std::string_view key;
};
constexpr Reference references[] = {
    {"execution", "account_id", "account", "account_id"},
    {"execution", "con_id", "instrument", "con_id"},
    {"adjustment", "account_id", "account", "account_id"},
    {"adjustment", "con_id", "instrument", "con_id"},
    {"position", "account_id", "account", "account_id"},
    {"position", "con_id", "instrument", "con_id"},
    {"position_close", "position_id", "position", "position_id"},
    {"lot", "position_id", "position", "position_id"},
    {"position_event", "position_id", "position", "position_id"},
    {"position_version", "position_id", "position", "position_id"},
    {"break", "account_id", "account", "account_id"},
    {"break", "con_id", "instrument", "con_id"},
    {"mark", "account_id", "account", "account_id"},
    {"mark", "con_id", "instrument", "con_id"},
    {"account_value", "account_id", "account", "account_id"},
    {"coverage_window", "account_id", "account", "account_id"},
    {"outbox", "account_id", "account", "account_id"},
    {"statement", "account_id", "account", "account_id"},
};

}  // namespace

Result<std::vector<std::string>> check(Session& session) {
    POSSYNC_TRY_VOID(require_current(session, embedded_migrations()));
    return session.transaction(begin_reading, [&](Connection& connection) -> Result<std::vector<std::string>> {
        std::vector<std::string> wrong;
        for (auto const& reference : references) {
            POSSYNC_TRY(auto const lost,
                        connection.integer(
                            fmt::format("SELECT count(*) FROM {} f WHERE f.{} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {} t "
                                        "WHERE t.{} = f.{})",
                                        reference.from, reference.column, reference.to, reference.key, reference.column)));
            if (lost.value_or(0) != 0) {
                wrong.push_back(
                    fmt::format("{} rows of {} refer to rows of {} that do not exist", *lost, reference.from, reference.to));
            }
        }
        POSSYNC_TRY_VOID(check_outbox(connection, wrong));
        return wrong;
    });
}

}  // namespace postgres

}  // namespace possync::store

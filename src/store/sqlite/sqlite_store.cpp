#include "store/sqlite/sqlite_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/planted_bug.hpp"
#include "base/point.hpp"
#include "store/claim_rules.hpp"
#include "store/references.hpp"
#include "store/rows.hpp"
#include "store/sqlite/row_writer.hpp"
#include "store/sqlite/sqlite_load.hpp"
#include "store/sqlite/sqlite_statements.hpp"
#include "store/sqlite/upsert.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;
using base::Timestamp;
using model::AccountId;
using sqlite::Database;
using sqlite::insert;
using sqlite::Row;
using sqlite::RowSql;
using sqlite::RowWriter;
using sqlite::TextOrNull;
using sqlite::Transaction;
using sqlite::upsert;
using sqlite::write_rows;

namespace {

TextOrNull or_null(std::string const& text) { return {text}; }
TextOrNull or_null(std::string&&) = delete;  // it would be gone when it is written
std::optional<model::ConId> or_null(model::ConId con_id) {
    return con_id == 0 ? std::nullopt : std::optional(con_id);
}

}  // namespace

Result<std::vector<GatewayState>> sqlite_gateways(Database& database, Timestamp now) {
    std::vector<GatewayState> gateways;
    POSSYNC_TRY_VOID(database.each(
        "SELECT gateway_id, name, is_paper, epoch, owner, lease_until, lease_length FROM gateway ORDER BY name", [&](Row& row) {
            GatewayState state;
            state.gateway_id = row.small_integer();
            state.gateway = row.text();
            if (auto const paper = row.optional_integer()) state.paper = *paper != 0;
            state.epoch = row.integer();
            state.owner = row.text();
            state.lease_until = row.time();
            state.lease = base::Duration(row.integer());
            state.remaining = state.lease_until - now;
            gateways.push_back(std::move(state));
        }));
    return gateways;
}

namespace {

/// An error where something is not there.
Result<void> check_references(Database& database, References const& references) {
    auto const all_known = [&](std::vector<std::int64_t> const& ids, std::string_view what, std::string_view ask) -> Result<void> {
        for (auto const id : ids) {
            POSSYNC_TRY(auto const known, database.integer(ask, id));
            if (known) continue;
            return base::fail(ErrorCode::internal, fmt::format("a commit names {} {}, which does not exist; nothing was written", what, id));
        }
        return {};
    };
    POSSYNC_TRY_VOID(all_known(references.account_ids, "account", "SELECT 1 FROM account WHERE account_id = ?1"));
    POSSYNC_TRY_VOID(all_known(references.con_ids, "instrument with conId", "SELECT 1 FROM instrument WHERE con_id = ?1"));
    return all_known(references.position_ids, "position", "SELECT 1 FROM position WHERE position_id = ?1");
}

/// Writes one commit inside the caller's transaction.
class CommitWriter {
public:
    CommitWriter(Database& database, CommitRequest const& request) : database_(database), request_(request) {}

    Result<void> write() {
        POSSYNC_TRY_VOID(check_fence());
        for (auto const& run : request_.runs) POSSYNC_TRY_VOID(write_run(run));
        for (auto const& change_set : request_.change_sets) POSSYNC_TRY_VOID(write_change_set(*change_set));
        for (auto const& records : request_.statements) POSSYNC_TRY_VOID(write_statement(records));
        POSSYNC_TRY_VOID(write_marks());
        POSSYNC_TRY_VOID(write_values());
        POSSYNC_TRY_VOID(write_coverage());
        return write_freshness();
    }

private:
    Result<void> check_fence() {
        std::string name = fmt::format("number {}", request_.gateway_id);
        std::string owner;
        std::int64_t epoch = 0;
        std::int64_t length = 0;
        Timestamp until;
        POSSYNC_TRY_VOID(database_.each(
            "SELECT name, owner, epoch, lease_until, lease_length FROM gateway WHERE gateway_id = ?1",
            [&](Row& row) {
                name = row.text();
                owner = row.text();
                epoch = row.integer();
                until = row.time();
                length = row.integer();
            },
            request_.gateway_id));
        if ((epoch != request_.epoch || owner.empty()) && !POSSYNC_PLANTED_BUG(epoch_not_checked)) {
            return base::fail(
                ErrorCode::conflict,
                fmt::format("gateway {} was taken over by {} (epoch {}, ours was {}): only one service may "
                            "write for a gateway; this one must claim it again",
                            name, owner.empty() ? "nobody" : owner, epoch, request_.epoch));
        }
        // Commits renew the lease, but not each of them touches its row for that.
        if (until - request_.now >= base::Duration(length / 2)) return {};
        return database_.run("UPDATE gateway SET lease_until = ?2 WHERE gateway_id = ?1", request_.gateway_id,
                             request_.now + base::Duration(length));
    }

    /// An unchanged run that follows an unchanged run of the same trigger is counted in its row, where no reset came between.
    Result<void> write_run(model::SyncRun const& run) {
        std::optional<std::int64_t> const account =
            run.account_id == 0 ? std::nullopt : std::optional<std::int64_t>(run.account_id);
        std::int64_t id = run.sync_run_id;
        bool streak = false;
        if (id == 0 && run.outcome == model::Outcome::unchanged) {
            POSSYNC_TRY_VOID(database_.each(
                "SELECT sync_run_id, gateway = ?2 AND \"trigger\" = ?3 AND outcome = 'unchanged' AND started_at >= "
                "coalesce((SELECT CAST(value AS INTEGER) FROM database_info WHERE key = 'statistics_since'), started_at) "
                "FROM sync_run "
                "WHERE account_id IS ?1 "
                "ORDER BY sync_run_id DESC LIMIT 1",
                [&](Row& row) {
                    id = row.integer();
                    streak = row.boolean();
                },
                account, run.gateway, to_string(run.trigger)));
            if (!streak) id = 0;
        }
        if (streak) {
            return database_.run(
                "UPDATE sync_run SET repeats = repeats + ?2, finished_at = ?3, broker_positions = ?4, error "
                "= ?5, revision = ?6 "
                "WHERE sync_run_id = ?1",
                id, run.repeats, run.finished_at, run.broker_positions, or_null(run.error), run.revision);
        }
        POSSYNC_TRY_VOID(database_.run(
            "INSERT OR REPLACE INTO sync_run (sync_run_id, gateway, account_id, account, \"trigger\", "
            "started_at, finished_at, outcome, positions_created, positions_updated, positions_closed, "
            "broker_positions, repeats, error, revision) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            id == 0 ? std::nullopt : std::optional(id), run.gateway, account, or_null(run.account),
            to_string(run.trigger), run.started_at, run.finished_at, to_string(run.outcome),
            run.positions_created, run.positions_updated, run.positions_closed, run.broker_positions,
            run.repeats, or_null(run.error), run.revision));
        if (account) run_of_account_[run.account_id] = database_.last_insert_id();
        return {};
    }

    Result<void> write_change_set(model::ChangeSet const& change_set) {
        POSSYNC_TRY_VOID(advance(change_set));
        POSSYNC_TRY_VOID(write_facts(change_set));
        POSSYNC_TRY_VOID(write_positions(change_set));
        POSSYNC_TRY_VOID(write_history(change_set));
        POSSYNC_TRY_VOID(write_events(change_set));
        POSSYNC_TRY_VOID(write_breaks(change_set));
        if (POSSYNC_PLANTED_BUG(notification_apart)) return {};
        return write_notification(change_set);
    }

public:
    Result<void> write_notifications() {
        for (auto const& change_set : request_.change_sets) POSSYNC_TRY_VOID(write_notification(*change_set));
        return {};
    }

private:

    /// What delivery to the outside goes by: `account:revision` names it, its events are all with numbers in between.
    Result<void> write_notification(model::ChangeSet const& change_set) {
        std::optional<std::int64_t> first;
        std::optional<std::int64_t> last;
        for (auto const& event : change_set.events) {
            first = std::min(first.value_or(event.event_id), event.event_id);
            last = std::max(last.value_or(event.event_id), event.event_id);
        }
        return database_.run(
            "INSERT INTO outbox (account_id, revision, recorded_at, sync_run_id, first_event_id, last_event_id) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            change_set.account_id, change_set.base_revision + 1, change_set.recorded_at,
            run_of(change_set.account_id), first, last);
    }

    Result<void> advance(model::ChangeSet const& change_set) {
        POSSYNC_TRY_VOID(database_.run(
            "UPDATE account SET revision = ?3 + 1, next_id = ?4 "
            "WHERE account_id = ?1 AND gateway_id = ?2 AND revision = ?3",
            change_set.account_id, request_.gateway_id, change_set.base_revision, change_set.next_id));
        if (database_.changes() == 1) {
            POSSYNC_POINT("store.revision.advanced");
            return POSSYNC_PLANTED_BUG(revision_first) ? database_.execute("COMMIT; BEGIN IMMEDIATE") : Result<void>();
        }
        std::string found = "not in the database";
        POSSYNC_TRY_VOID(database_.each(
            "SELECT code, revision, gateway_id FROM account WHERE account_id = ?1",
            [&](Row& row) {
                std::string const code = row.text();
                found = fmt::format("{} at revision {}", code, row.integer());
                if (row.integer() != request_.gateway_id) found += " and belongs to another gateway";
            },
            change_set.account_id));
        return base::fail(
            ErrorCode::conflict,
            fmt::format("the changes of account {} were planned on revision {}, the account is {}: load "
                        "the book and plan again",
                        change_set.account_id, change_set.base_revision, found));
    }

    Result<void> write_facts(model::ChangeSet const& change_set) {
        // What the contract data said is not forgotten when another account meets the instrument without
        // them.
        static RowSql const put_instrument = upsert(
            "instrument", "con_id",
            "con_id, symbol, local_symbol, sec_type, currency, exchange, primary_exchange, "
            "trading_class, multiplier, price_scale, expiry, strike, \"right\", under_con_id, time_zone, "
            "under_sec_type, details_known",
            "WHERE excluded.details_known OR NOT instrument.details_known");
        POSSYNC_TRY_VOID(write_rows(database_, put_instrument, change_set.instruments, [&](RowWriter& instrument, model::SharedInstrument const& shared) {
            model::Instrument const& i = *shared;
            return instrument.add(i.con_id, i.symbol, or_null(i.local_symbol), i.sec_type,
                i.currency, or_null(i.exchange), or_null(i.primary_exchange),
                or_null(i.trading_class), i.multiplier, i.price_scale,
                or_null(i.expiry), i.strike, or_null(i.right), i.under_con_id,
                or_null(i.time_zone), or_null(i.under_sec_type), i.details_known);
        }));
        static RowSql const put_execution =
            upsert("execution", "account_id, exec_id",
                   "account_id, exec_id, con_id, time, time_text, side, shares, price, exchange, order_id, "
                   "perm_id, client_id, order_ref, model_code, cum_qty, last_liquidity, liquidation, "
                   "exercise_type, commission, commission_currency, broker_realized_pnl, booking, "
                   "superseded_by, excluded, recorded_at, trade_date, cause, transaction_id, sequence");
        POSSYNC_TRY_VOID(write_rows(database_, put_execution, change_set.executions, [&](RowWriter& execution, auto const& e) {
            std::optional<std::string_view> const cause = e.cause ? std::optional(to_string(*e.cause)) : std::nullopt;
            return execution.add(change_set.account_id, e.exec_id, e.con_id, e.time, or_null(e.time_text), to_string(e.side),
                e.shares, e.price, or_null(e.exchange), e.order_id, e.perm_id, e.client_id,
                or_null(e.order_ref), or_null(e.model_code), e.cum_qty, e.last_liquidity, e.liquidation,
                e.exercise_type, e.commission, or_null(e.commission_currency), e.broker_realized_pnl,
                to_string(e.booking), or_null(e.superseded_by), e.excluded, e.recorded_at, e.trade_date,
                cause, or_null(e.transaction_id), e.sequence);
        }));
        static RowSql const put_adjustment = upsert(
            "adjustment", "adjustment_id",
            "adjustment_id, account_id, con_id, cause, quantity, price, basis, estimated_price, ratio, "
            "effective_at, recorded_at, author, note, undone_at, undone_by, value, reference, "
            "acquired_at");
        std::deque<std::string> ratios;
        POSSYNC_TRY_VOID(write_rows(database_, put_adjustment, change_set.adjustments, [&](RowWriter& adjustment, auto const& a) {
            std::optional<std::string_view> ratio;
            if (a.ratio) ratio = ratios.emplace_back(to_string(*a.ratio));
            return adjustment.add(a.adjustment_id, change_set.account_id, a.con_id,
                to_string(a.cause), a.quantity, a.price, to_string(a.basis),
                a.estimated_price, ratio, a.effective_at, a.recorded_at,
                a.author, or_null(a.note), a.undone_at, or_null(a.undone_by), a.value,
                or_null(a.reference), a.acquired_at);
        }));
        return {};
    }

    Result<void> write_positions(model::ChangeSet const& change_set) {
        for (auto const id : change_set.removed_lots) {
            POSSYNC_TRY_VOID(database_.run("DELETE FROM lot WHERE lot_id = ?1", id));
        }
        for (auto const id : change_set.removed_closes) {
            POSSYNC_TRY_VOID(database_.run("UPDATE position_close SET superseded_at = ?2 WHERE close_id = ?1",
                                           id, change_set.recorded_at));
        }
        for (auto const id : change_set.removed_positions) {
            POSSYNC_TRY_VOID(database_.run("UPDATE position SET superseded_at = ?2 WHERE position_id = ?1",
                                           id, change_set.recorded_at));
        }
        static RowSql const put_position = upsert(
            "position", "position_id",
            "position_id, account_id, con_id, quantity, average_price, cost, realized_pnl, commissions, "
            "net_realized_pnl, estimated_realized_pnl, unknown_closes, opened_at, closed_at, "
            "opening_fact, chain_fact, revision",
            ", superseded_at = NULL");
        POSSYNC_TRY_VOID(write_rows(database_, put_position, change_set.positions, [&](RowWriter& position, auto const& p) {
            TextOrNull const chain{p.chain_fact == p.opening_fact ? std::string_view() : p.chain_fact};
            return position.add(p.position_id, change_set.account_id, p.con_id, p.quantity,
                p.average_price, p.cost, p.realized_pnl, p.commissions,
                p.net_realized_pnl, p.estimated_realized_pnl, p.unknown_closes,
                p.opened_at, p.closed_at, p.opening_fact, chain, p.revision);
        }));
        static RowSql const put_close =
            upsert("position_close", "close_id",
                   "close_id, position_id, quantity_closed, side, entry_price, exit_price, realized_pnl, "
                   "realized_pnl_pct, commissions, net_realized_pnl, estimated_realized_pnl, "
                   "broker_realized_pnl, closed_at, trade_date, is_full_close, cause, basis, exec_id, "
                   "order_ref, closing_fact, revision",
                   ", superseded_at = NULL");
        POSSYNC_TRY_VOID(write_rows(database_, put_close, change_set.closes, [&](RowWriter& close, auto const& c) {
            return close.add(c.close_id, c.position_id, c.quantity_closed, to_string(c.side),
                c.entry_price, c.exit_price, c.realized_pnl, c.realized_pnl_pct,
                c.commissions, c.net_realized_pnl, c.estimated_realized_pnl,
                c.broker_realized_pnl, c.closed_at, c.trade_date, c.is_full_close,
                to_string(c.cause), to_string(c.basis), or_null(c.exec_id),
                or_null(c.order_ref), c.closing_fact, change_set.base_revision + 1);
        }));
        static RowSql const put_lot = upsert(
            "lot", "lot_id",
            "lot_id, position_id, opening_fact, open_exec_id, opened_at, quantity, remaining_quantity, "
            "price");
        POSSYNC_TRY_VOID(write_rows(database_, put_lot, change_set.lots, [&](RowWriter& lot, auto const& l) {
            return lot.add(l.lot_id, l.position_id, l.opening_fact, or_null(l.open_exec_id),
                l.opened_at, l.quantity, l.remaining_quantity, l.price);
        }));
        return {};
    }

    Result<void> write_history(model::ChangeSet const& change_set) {
        for (auto const& end : change_set.history_ends) {
            POSSYNC_TRY_VOID(
                database_.run("UPDATE position_version SET recorded_to = ?3 "
                              "WHERE position_id = ?1 AND valid_from = ?2 AND recorded_to IS NULL",
                              end.position_id, end.valid_from, change_set.recorded_at));
        }
        static RowSql const add_version =
            insert("position_version", "position_id, valid_from, revision, step, valid_to, quantity, average_price, realized_pnl, commissions, recorded_from");
        std::int64_t step = 0;
        POSSYNC_TRY_VOID(write_rows(database_, add_version, change_set.history, [&](RowWriter& version, auto const& h) {
            return version.add(h.position_id, h.valid_from, change_set.base_revision + 1, ++step,
                h.valid_to, h.quantity, h.average_price, h.realized_pnl,
                h.commissions, change_set.recorded_at);
        }));
        return {};
    }

    Result<void> write_events(model::ChangeSet const& change_set) {
        auto const run = run_of(change_set.account_id);
        static RowSql const add_event =
            insert("position_event", "event_id, position_id, revision, kind, cause, quantity_before, quantity_after, average_price_before, "
                                     "average_price_after, occurred_at, recorded_at, sync_run_id, exec_id");
        POSSYNC_TRY_VOID(write_rows(database_, add_event, change_set.events, [&](RowWriter& event, auto const& e) {
            return event.add(e.event_id, e.position_id, change_set.base_revision + 1,
                to_string(e.kind), to_string(e.cause), e.quantity_before,
                e.quantity_after, e.average_price_before, e.average_price_after,
                e.occurred_at, change_set.recorded_at, run, or_null(e.exec_id));
        }));
        return {};
    }

    Result<void> write_breaks(model::ChangeSet const& change_set) {
        static RowSql const put_break =
            upsert("break", "break_id",
                   "break_id, account_id, con_id, kind, class, state, broker_value, book_value, opened_at, "
                   "closed_at, looks, last_change_at, detail");
        return write_rows(database_, put_break, change_set.breaks, [&](RowWriter& row, auto const& b) {
            return row.add(b.break_id, change_set.account_id, or_null(b.con_id), to_string(b.kind), to_string(b.break_class),
                to_string(b.state), b.broker_value, b.book_value, b.opened_at, b.closed_at, b.looks, b.last_change_at, b.detail);
        });
    }

    Result<void> write_statement(model::StatementRecords const& records) {
        POSSYNC_TRY(auto const owner, database_.integer("SELECT gateway_id FROM account WHERE account_id = ?1", records.account_id));
        if (owner != request_.gateway_id) {
            return base::fail(ErrorCode::conflict,
                              fmt::format("account {} does not belong to the gateway that would write its statements",
                                          records.account_id));
        }
        return sqlite::write_statement_records(database_, records);
    }

    Result<void> write_marks() {
        static RowSql const put_mark =
            upsert("mark", "account_id, con_id",
                   "account_id, con_id, broker_avg_cost, current_price, market_value, unrealized_pnl, "
                   "unrealized_pnl_pct, broker_unrealized_pnl, marked_at, mark_source");
        POSSYNC_TRY_VOID(write_rows(database_, put_mark, request_.marks, [&](RowWriter& mark, auto const& m) {
            return mark.add(m.account_id, m.con_id, m.broker_avg_cost,
                m.current_price, m.market_value, m.unrealized_pnl,
                m.unrealized_pnl_pct, m.broker_unrealized_pnl, m.marked_at,
                or_null(m.mark_source));
        }));
        return {};
    }

    Result<void> write_values() {
        for (auto const& v : request_.values) {
            POSSYNC_TRY_VOID(
                database_.run("INSERT INTO account_value (account_id, key, currency, value, updated_at) "
                              "VALUES (?1, ?2, ?3, ?4, ?5) "
                              "ON CONFLICT (account_id, key, currency) DO UPDATE SET value = "
                              "excluded.value, updated_at = excluded.updated_at",
                              v.account_id, v.key, v.currency, v.value, v.updated_at));
        }
        return {};
    }

    Result<void> write_coverage() {
        for (auto const& w : request_.coverage) {
            POSSYNC_TRY_VOID(
                database_.run("INSERT OR REPLACE INTO coverage_window (account_id, stream, from_time, "
                              "to_time, state, source) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                              w.account_id, w.stream, w.from_time, w.to_time, w.state, w.source));
        }
        return {};
    }

    Result<void> write_freshness() {
        for (auto const& f : request_.freshness) {
            POSSYNC_TRY_VOID(database_.run(
                "UPDATE account SET last_synced_at = ?2, base_currency = coalesce(?3, base_currency) "
                "WHERE account_id = ?1",
                f.account_id, f.last_synced_at, or_null(f.base_currency)));
        }
        return {};
    }

    [[nodiscard]] std::optional<std::int64_t> run_of(AccountId account) const {
        auto const found = run_of_account_.find(account);
        return found == run_of_account_.end() ? std::nullopt : std::optional(found->second);
    }

    Database& database_;
    CommitRequest const& request_;
    std::map<AccountId, std::int64_t> run_of_account_;
};

class SqliteStore final : public Store {
public:
    SqliteStore(std::string path, SqliteOptions options, std::unique_ptr<Database> database)
        : path_(std::move(path)), options_(std::move(options)), database_(std::move(database)) {}

    static Result<std::unique_ptr<Database>> connect(std::string const& path, SqliteOptions const& options) {
        if (POSSYNC_PLANTED_BUG(log_removed_at_opening)) options.files->remove(path + "-wal");
        auto const mode = options.create ? Database::Mode::create : Database::Mode::read_write;
        POSSYNC_TRY(auto database, Database::open(path, {mode, options.busy_timeout, options.files}));
        if (options.migrate) {
            POSSYNC_TRY_VOID(sqlite::migrate(*database, sqlite::embedded_migrations(), sqlite::embedded_schema()));
        } else {
            POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
            POSSYNC_TRY_VOID(database->use_write_ahead_log());
        }
        // What a commit refers to is checked at once. Nothing else that is written here refers to rows that may be missing, and what
        // ON DELETE would take away is taken away by hand.
        POSSYNC_TRY_VOID(database->execute("PRAGMA foreign_keys = OFF"));
        return database;
    }

    Result<GatewayLease> claim(GatewayClaim const& claim) override {
        return in_transaction([&](Database& database) { return claim_in(database, claim); });
    }

    Result<void> release(int gateway_id, std::int64_t epoch, Timestamp now) override {
        return in_transaction([&](Database& database) -> Result<void> {
            POSSYNC_TRY_VOID(database.run(
                "UPDATE gateway SET owner = NULL, lease_until = ?3 WHERE gateway_id = ?1 AND epoch = ?2",
                gateway_id, epoch, now));
            if (database.changes() == 1) return {};
            return base::fail(ErrorCode::conflict,
                              "the gateway was taken over by another service in the meantime");
        });
    }

    Result<void> beat(Heartbeat const& beat) override {
        return in_transaction([&](Database& database) -> Result<void> {
            POSSYNC_TRY_VOID(database.run(
                "INSERT INTO service (owner, started_at, live_until) VALUES (?1, ?2, ?3) "
                "ON CONFLICT (owner) DO UPDATE SET live_until = excluded.live_until",
                beat.owner, beat.now, beat.now + beat.lease));
            std::vector<std::string> left;
            POSSYNC_TRY_VOID(database.each(
                "SELECT gateway FROM service_gateway WHERE owner = ?1", [&](Row& row) { left.push_back(row.text()); }, beat.owner));
            for (auto const& gateway : beat.gateways) {
                if (std::erase(left, gateway) > 0) continue;
                POSSYNC_TRY_VOID(database.run("INSERT OR IGNORE INTO service_gateway (owner, gateway) VALUES (?1, ?2)", beat.owner, gateway));
                POSSYNC_TRY_VOID(database.run("INSERT OR IGNORE INTO gateway (name, epoch, lease_until, lease_length) VALUES (?1, 0, ?2, ?3)",
                                              gateway, beat.now, beat.lease.count()));
            }
            for (auto const& gateway : left) {
                POSSYNC_TRY_VOID(database.run("DELETE FROM service_gateway WHERE owner = ?1 AND gateway = ?2", beat.owner, gateway));
            }
            auto const dead = beat.now - beat.lease;  // foreign keys are off: what they would have served goes first
            POSSYNC_TRY_VOID(database.run("DELETE FROM service_gateway WHERE owner IN (SELECT owner FROM service WHERE live_until < ?1)", dead));
            return database.run("DELETE FROM service WHERE live_until < ?1", dead);
        });
    }

    Result<void> leave(std::string const& owner) override {
        return in_transaction([&](Database& database) -> Result<void> {
            POSSYNC_TRY_VOID(database.run("DELETE FROM service_gateway WHERE owner = ?1", owner));
            return database.run("DELETE FROM service WHERE owner = ?1", owner);
        });
    }

    Result<Fleet> fleet(Timestamp now) override {
        return in_transaction([&](Database& database) { return fleet_in(database, now); }, Access::reading);
    }

    Result<model::AccountBook> load(AccountId account, Timestamp now, base::Duration history) override {
        return in_transaction(
            [&](Database& database) -> Result<model::AccountBook> {
                model::AccountBook book;
                POSSYNC_TRY_VOID(database.each(
                    "SELECT account_id, code, revision, next_id FROM account WHERE account_id = ?1",
                    [&](Row& row) {
                        book.account_id = static_cast<AccountId>(row.integer());
                        book.account = row.text();
                        book.revision = row.integer();
                        book.next_id = row.integer();
                    },
                    account));
                if (book.account_id == 0) {
                    return base::fail(ErrorCode::not_found,
                                      fmt::format("account number {} is not in database {}", account, path_));
                }
                POSSYNC_TRY(book.instruments,
                            sqlite::load_instruments(database, account, now - history, std::nullopt));
                POSSYNC_TRY(book.breaks, sqlite::load_unresolved_breaks(database, account));
                return book;
            },
            Access::reading);
    }

    Result<model::LastRecords> load_last_records(AccountId account) override {
        return in_transaction(
            [&](Database& database) -> Result<model::LastRecords> {
                model::LastRecords last;
                POSSYNC_TRY_VOID(database.each(
                    "SELECT max(to_time) FROM coverage_window WHERE account_id = ?1 AND stream = 'executions' AND state = 'complete'",
                    [&](Row& row) { last.covered_to = row.optional_time(); }, account));
                static std::string const marks =
                    fmt::format("SELECT {} FROM mark WHERE account_id = ?1 ORDER BY con_id", rows::mark_columns);
                POSSYNC_TRY_VOID(
                    database.each(marks, [&](Row& row) { last.marks.push_back(rows::read_mark(row, account)); }, account));
                return last;
            },
            Access::reading);
    }

    Result<model::InstrumentBook> load_history(AccountId account, model::ConId con_id,
                                               Timestamp since) override {
        return in_transaction(
            [&](Database& database) -> Result<model::InstrumentBook> {
                POSSYNC_TRY(auto const known, database.integer("SELECT 1 FROM instrument WHERE con_id = ?1", con_id));
                if (!known) return model::InstrumentBook{};
                POSSYNC_TRY(auto books, sqlite::load_instruments(database, account, since, con_id));
                return std::move(books[con_id]);
            },
            Access::reading);
    }

    Result<model::StatementClaims> load_claims(AccountId account, base::Date since) override {
        return in_transaction([&](Database& database) { return sqlite::load_statement_claims(database, account, since); },
                              Access::reading);
    }

    Result<std::vector<model::ConId>> instruments_moved(AccountId account, Timestamp from, Timestamp to) override {
        return in_transaction(
            [&](Database& database) -> Result<std::vector<model::ConId>> {
                std::vector<model::ConId> moved;
                // The index goes by instrument: each is asked for its first fill in the time, none is read whole.
                POSSYNC_TRY_VOID(database.each(
                    "SELECT i.con_id FROM instrument i WHERE EXISTS (SELECT 1 FROM execution e WHERE e.account_id = ?1 AND "
                    "e.con_id = i.con_id AND e.time >= ?2 AND e.time < ?3) "
                    "UNION SELECT con_id FROM adjustment WHERE account_id = ?1 AND effective_at >= ?2 AND effective_at < ?3 ORDER BY 1",
                    [&](Row& row) { moved.push_back(row.integer()); }, account, from, to));
                return moved;
            },
            Access::reading);
    }

    Result<void> commit(CommitRequest const& request) override {
        if (request.change_sets.empty() && request.runs.empty() && request.marks.empty() &&
            request.values.empty() && request.coverage.empty() && request.freshness.empty() && request.statements.empty()) {
            return {};
        }
        POSSYNC_TRY_VOID(commit_rows(request));
        if (!POSSYNC_PLANTED_BUG(notification_apart)) return {};
        return in_transaction([&](Database& database) { return CommitWriter(database, request).write_notifications(); });
    }

    Result<void> commit_rows(CommitRequest const& request) {
        return in_transaction([&](Database& database) -> Result<void> {
            POSSYNC_TRY_VOID(CommitWriter(database, request).write());
            POSSYNC_TRY_VOID(check_references(database, references_of(request)));
            POSSYNC_POINT("store.rows.written");
            if (request.runs.empty()) return {};
            return forget_old_runs(database, request.now);
        });
    }

    void tidy() override {
        if (database_ && !database_->unusable() && log_renewed_) database_->shorten_log();
    }

    Result<std::vector<OperatorRequest>> pending_requests(std::string const& service) override {
        POSSYNC_TRY(Database * database, connection());
        std::vector<OperatorRequest> requests;
        POSSYNC_TRY_VOID(database->each(
            rows::pending_requests, [&](Row& row) { requests.push_back(rows::read_request(row)); }, service));
        return requests;
    }

    Result<void> finish_request(std::int64_t request_id, bool ok, std::string const& answer,
                                Timestamp now) override {
        return in_transaction([&](Database& database) -> Result<void> {
            POSSYNC_TRY_VOID(
                database.run("UPDATE operator_request SET status = ?2, answer = ?3, answered_at = ?4 "
                             "WHERE request_id = ?1 AND status = 'pending'",
                             request_id, ok ? "done" : "failed", answer, now));
            if (database.changes() == 1) return {};
            return base::fail(ErrorCode::not_found,
                              fmt::format("there is no pending request {}", request_id));
        });
    }

private:
    enum class Access { reading, writing };

    /// The connection, made anew where the last one became unusable.
    Result<Database*> connection() {
        if (database_ && database_->unusable()) database_.reset();
        if (!database_) {
            // The file was there before: if it is gone now, an empty one must not take its place.
            SqliteOptions options = options_;
            options.create = false;
            POSSYNC_TRY(database_, connect(path_, options));
            log_renewed_ = false;
            reopened_ = true;
        }
        return database_.get();
    }

    /// Runs `body` in one transaction; its error or that of the commit rolls everything back.
    template <typename Body>
    auto in_transaction(Body body, Access access = Access::writing) -> std::invoke_result_t<Body, Database&> {
        POSSYNC_TRY(Database * database, connection());
        if (access == Access::reading) {
            POSSYNC_TRY(Transaction transaction, Transaction::begin_reading(*database));
            return body(*database);
        }
        POSSYNC_TRY_VOID(renew_log(*database));
        POSSYNC_TRY(Transaction transaction, Transaction::begin(*database));
        POSSYNC_POINT("store.transaction.begun");
        auto result = body(*database);
        if (!result) return result;
        POSSYNC_POINT("store.commit.before");
        auto const committed = transaction.commit();
        POSSYNC_POINT("store.commit.after");
        if (!committed && !POSSYNC_PLANTED_BUG(commit_error_ignored)) return std::unexpected(committed.error());
        return result;
    }

    /// Before the first write. After an error of the disk it must succeed; otherwise a reader in the way only defers it.
    Result<void> renew_log(Database& database) {
        if (log_renewed_ || POSSYNC_PLANTED_BUG(log_not_renewed)) return {};
        POSSYNC_TRY(bool const renewed, database.renew_write_ahead_log());
        if (!renewed && reopened_) {
            return base::fail(ErrorCode::unavailable,
                              fmt::format("after an error of the disk database {} is written again once its readers let go", path_));
        }
        log_renewed_ = true;
        return {};
    }

    Result<GatewayLease> claim_in(Database& database, GatewayClaim const& claim) {
        GatewayState state;
        state.gateway = claim.gateway;
        POSSYNC_TRY_VOID(database.each(
            "SELECT gateway_id, owner, epoch, lease_until, is_paper, lease_length FROM gateway WHERE name = ?1",
            [&](Row& row) {
                state.gateway_id = row.small_integer();
                state.owner = row.text();
                state.epoch = row.integer();
                state.lease_until = row.time();
                if (auto const known = row.optional_integer()) state.paper = *known != 0;
                state.lease = base::Duration(row.integer());
                state.remaining = state.lease_until - claim.now;
            },
            claim.gateway));
        std::optional<Fleet> fleet;
        if (claim.share) {
            POSSYNC_TRY(fleet, fleet_in(database, claim.now));
        }
        POSSYNC_TRY_VOID(check_claim(path_, claim, state, fleet ? &*fleet : nullptr, options_.owner_is_gone));
        GatewayLease lease;
        lease.gateway_id = state.gateway_id;
        lease.epoch = state.owner == claim.owner ? state.epoch : state.epoch + 1;
        Timestamp const end = claim.now + claim.lease;
        if (lease.gateway_id == 0) {
            POSSYNC_TRY_VOID(
                database.run("INSERT INTO gateway (name, is_paper, epoch, owner, lease_until, lease_length) "
                             "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                             claim.gateway, claim.paper, lease.epoch, claim.owner, end, claim.lease.count()));
            lease.gateway_id = static_cast<int>(database.last_insert_id());
        } else {
            POSSYNC_TRY_VOID(
                database.run("UPDATE gateway SET epoch = ?2, owner = ?3, lease_until = ?4, "
                             "lease_length = ?5, is_paper = coalesce(is_paper, ?6) WHERE gateway_id = ?1",
                             lease.gateway_id, lease.epoch, claim.owner, end, claim.lease.count(), claim.paper));
        }
        for (auto const& account : claim.accounts)
            POSSYNC_TRY_VOID(claim_account(database, claim, account, lease));
        return lease;
    }

    Result<Fleet> fleet_in(Database& database, Timestamp now) {
        Fleet fleet;
        POSSYNC_TRY_VOID(database.each(
            "SELECT owner, started_at FROM service WHERE live_until > ?1 ORDER BY owner",
            [&](Row& row) {
                LiveService service;
                service.owner = row.text();
                service.live_for = now - row.time();
                if (options_.owner_is_gone && options_.owner_is_gone(service.owner)) return;
                fleet.services.push_back(std::move(service));
            },
            now));
        for (auto& service : fleet.services) {
            POSSYNC_TRY_VOID(database.each(
                "SELECT gateway FROM service_gateway WHERE owner = ?1 ORDER BY gateway",
                [&](Row& row) { service.gateways.push_back(row.text()); }, service.owner));
        }
        POSSYNC_TRY(fleet.gateways, sqlite_gateways(database, now));
        forget_the_dead(fleet, options_.owner_is_gone);
        return fleet;
    }

    Result<void> claim_account(Database& database, GatewayClaim const& claim, std::string const& code,
                               GatewayLease& lease) {
        AccountId account_id = 0;
        bool paper = *claim.paper;
        std::string gateway = claim.gateway;
        POSSYNC_TRY_VOID(database.each(
            "SELECT account_id, account.is_paper, name FROM account JOIN gateway USING (gateway_id) WHERE code = ?1",
            [&](Row& row) {
                account_id = static_cast<AccountId>(row.integer());
                paper = row.boolean();
                gateway = row.text();
            },
            code));
        POSSYNC_TRY(bool const ours, check_account(path_, claim, code, gateway, paper, lease.warnings));
        if (!ours) return {};
        if (account_id == 0) {
            POSSYNC_TRY_VOID(
                database.run("INSERT INTO account (code, gateway_id, is_paper) VALUES (?1, ?2, ?3)", code,
                             lease.gateway_id, *claim.paper));
            account_id = static_cast<AccountId>(database.last_insert_id());
        }
        lease.accounts.push_back({account_id, code});
        return {};
    }

    /// Runs, and what operators asked. Once an hour, with a commit that writes a run anyway.
    Result<void> forget_old_runs(Database& database, Timestamp now) {
        constexpr base::Duration hour{3'600'000'000};
        if (forgot_runs_at_ && now - *forgot_runs_at_ < hour) return {};
        POSSYNC_TRY_VOID(
            database.run("DELETE FROM sync_run WHERE finished_at < ?1", now - options_.run_retention));
        POSSYNC_TRY_VOID(
            database.run("DELETE FROM operator_request WHERE asked_at < ?1", now - options_.run_retention));
        forgot_runs_at_ = now;
        return {};
    }

    std::string path_;
    SqliteOptions options_;
    std::unique_ptr<Database> database_;
    bool log_renewed_ = false;
    bool reopened_ = false;  ///< after an error of the disk
    std::optional<Timestamp> forgot_runs_at_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(std::string const& path, SqliteOptions const& options) {
    POSSYNC_TRY(auto database, SqliteStore::connect(path, options));
    return std::make_unique<SqliteStore>(path, options, std::move(database));
}

Result<MigrationReport> migrate_sqlite(std::string const& path, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::create, .files = &files}));
    return sqlite::migrate(*database, sqlite::embedded_migrations(), sqlite::embedded_schema());
}

Result<int> sqlite_schema_version(std::string const& path, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_only, .files = &files}));
    return sqlite::schema_version(*database);
}

Result<std::unique_ptr<Database>> open_sqlite_for_reading(std::string const& path, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_only, .files = &files}));
    POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
    return database;
}

Result<void> reset_sqlite_statistics(std::string const& path, Timestamp now, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_write, .files = &files}));
    POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
    return database->run("INSERT OR REPLACE INTO database_info (key, value) VALUES ('statistics_since', CAST(?1 AS TEXT))", now);
}

Result<std::int64_t> submit_operator_request(std::string const& path, OperatorRequest const& request,
                                             sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_write, .files = &files}));
    POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
    POSSYNC_TRY_VOID(database->run(
        "INSERT INTO operator_request (verb, arguments, author, asked_at, service) VALUES (?1, ?2, ?3, ?4, ?5)",
        request.verb, request.arguments, request.author, request.asked_at, or_null(request.service)));
    return database->last_insert_id();
}

Result<OperatorAnswer> operator_answer(std::string const& path, std::int64_t request_id, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, open_sqlite_for_reading(path, files));
    std::optional<OperatorAnswer> answer;
    POSSYNC_TRY_VOID(database->each(
        "SELECT status <> 'pending', status = 'done', answer FROM operator_request WHERE request_id = ?1",
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

Result<std::vector<GatewayState>> sqlite_gateways(std::string const& path, Timestamp now, sqlite::FileSystem const& files) {
    POSSYNC_TRY(auto database, open_sqlite_for_reading(path, files));
    return sqlite_gateways(*database, now);
}

}  // namespace possync::store

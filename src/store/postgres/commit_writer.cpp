#include "store/postgres/commit_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "store/references.hpp"

namespace possync::store::postgres {

using base::Timestamp;
using model::AccountId;

namespace {

TextOrNull or_null(std::string const& text) { return {text}; }
std::optional<model::ConId> or_null(model::ConId con_id) { return con_id == 0 ? std::nullopt : std::optional(con_id); }

/// Of rows with the same key only the last: one statement cannot write a row twice.
template <typename Item, typename Key>
std::vector<Item const*> last_of_each(std::vector<Item const*> items, Key key) {
    bool ascending = true;
    for (std::size_t i = 1; i < items.size() && ascending; ++i)
        ascending = key(*items[i - 1]) < key(*items[i]);
    if (ascending) return items;
    std::set<std::invoke_result_t<Key, Item const&>> seen;
    std::vector<Item const*> kept;
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        if (seen.insert(key(**item)).second) kept.push_back(*item);
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
}
template <typename Item>
std::vector<Item const*> pointers(std::vector<Item> const& items) {
    std::vector<Item const*> all;
    all.reserve(items.size());
    for (auto const& item : items)
        all.push_back(&item);
    return all;
}

constexpr std::string_view instrument_columns =
    "con_id bigint, symbol text, local_symbol text, sec_type text, currency text, exchange text, primary_exchange text, "
    "trading_class text, multiplier numeric, price_scale numeric, expiry text, strike numeric, \"right\" text, under_con_id "
    "bigint, "
    "time_zone text, under_sec_type text, details_known boolean";
constexpr std::string_view execution_columns =
    "account_id bigint, exec_id text, con_id bigint, time timestamptz, time_text text, side text, shares numeric, price numeric, "
    "exchange text, order_id bigint, perm_id bigint, client_id bigint, order_ref text, model_code text, cum_qty numeric, "
    "last_liquidity bigint, liquidation boolean, exercise_type bigint, commission numeric, commission_currency text, "
    "broker_realized_pnl numeric, booking text, superseded_by text, excluded boolean, recorded_at timestamptz, trade_date date, "
    "cause text, transaction_id text, sequence bigint";
constexpr std::string_view adjustment_columns =
    "adjustment_id bigint, account_id bigint, con_id bigint, cause text, quantity numeric, price numeric, basis text, "
    "estimated_price numeric, ratio text, effective_at timestamptz, recorded_at timestamptz, author text, note text, "
    "undone_at timestamptz, undone_by text, value numeric, reference text, acquired_at timestamptz";
constexpr std::string_view position_columns =
    "position_id bigint, account_id bigint, con_id bigint, quantity numeric, average_price numeric, cost numeric, "
    "realized_pnl numeric, commissions numeric, net_realized_pnl numeric, estimated_realized_pnl numeric, unknown_closes bigint, "
    "opened_at timestamptz, closed_at timestamptz, opening_fact text, chain_fact text, revision bigint";
constexpr std::string_view close_columns =
    "close_id bigint, position_id bigint, quantity_closed numeric, side text, entry_price numeric, exit_price numeric, "
    "realized_pnl numeric, realized_pnl_pct numeric, commissions numeric, net_realized_pnl numeric, "
    "estimated_realized_pnl numeric, broker_realized_pnl numeric, closed_at timestamptz, trade_date date, is_full_close boolean, "
    "cause text, basis text, exec_id text, order_ref text, closing_fact text, revision bigint";
constexpr std::string_view lot_columns =
    "lot_id bigint, position_id bigint, opening_fact text, open_exec_id text, opened_at timestamptz, quantity numeric, "
    "remaining_quantity numeric, price numeric";
constexpr std::string_view version_columns =
    "position_id bigint, valid_from timestamptz, revision bigint, step bigint, valid_to timestamptz, quantity numeric, "
    "average_price numeric, realized_pnl numeric, commissions numeric, recorded_from timestamptz";
constexpr std::string_view event_columns =
    "event_id bigint, position_id bigint, revision bigint, kind text, cause text, quantity_before numeric, quantity_after "
    "numeric, "
    "average_price_before numeric, average_price_after numeric, occurred_at timestamptz, recorded_at timestamptz, exec_id text";
constexpr std::string_view break_columns =
    "break_id bigint, account_id bigint, con_id bigint, kind text, class text, state text, broker_value numeric, "
    "book_value numeric, opened_at timestamptz, closed_at timestamptz, looks bigint, last_change_at timestamptz, detail text";
constexpr std::string_view mark_columns =
    "account_id bigint, con_id bigint, broker_avg_cost numeric, current_price numeric, market_value numeric, "
    "unrealized_pnl numeric, unrealized_pnl_pct numeric, broker_unrealized_pnl numeric, marked_at timestamptz, mark_source text";
constexpr std::string_view value_columns = "account_id bigint, key text, currency text, value text, updated_at timestamptz";
constexpr std::string_view coverage_columns =
    "account_id bigint, stream text, from_time timestamptz, to_time timestamptz, state text, source text";

/// Number of a sync: the gateway's own count, which is asked once, `back` before the last that this commit numbers.
constexpr std::string_view run_number =
    "(SELECT g.gateway_id * 4294967296 + g.runs FROM gateway g WHERE g.gateway_id = ${}) - r.run_back";

class CommitQueue {
public:
    CommitQueue(Connection& connection, CommitRequest const& request, Fence const& fence)
        : connection_(connection), request_(request), fence_(fence) {}

    void queue() {
        fence_gateway();
        fence_accounts();
        for (std::size_t i = 0; i < request_.runs.size(); ++i)
            run(request_.runs[i], request_.runs.size() - 1 - i);
        instruments();
        facts();
        positions();
        history();
        events();
        breaks();
        outbox();
        records();
        references();
    }

private:
    template <typename Visit>
    void each_change_set(Visit visit) {
        for (auto const& change_set : request_.change_sets)
            visit(*change_set);
    }

    void put(std::string const& sql, Batch& batch) {
        if (!batch.empty()) send(sql, batch.take());
    }
    void send(std::string const& sql, Parameters parameters) {
        connection_.add(sql, std::move(parameters));
        connection_.push();
    }

    template <typename Rows>
    [[nodiscard]] std::size_t count(Rows rows) const {
        std::size_t sum = 0;
        for (auto const& change_set : request_.change_sets)
            sum += ((*change_set).*rows).size();
        return sum;
    }
    /// From this id on, the account's rows are new.
    [[nodiscard]] model::RowId first_new(model::ChangeSet const& change_set) const {
        auto const known = fence_.next_ids.find(change_set.account_id);
        return known == fence_.next_ids.end() ? std::numeric_limits<model::RowId>::max()
                                              : model::row_id(change_set.account_id, known->second);
    }

    /// Also renews the lease, when half of it is over: the row is written anyway.
    void fence_gateway() {
        Parameters parameters = Parameters::of(request_.gateway_id, request_.epoch, fence_.commits, fence_.now,
                                               static_cast<std::int64_t>(request_.runs.size()));
        connection_.add(
            "WITH ours AS (UPDATE gateway SET commits = commits + 1, runs = runs + $5, lease_until = CASE WHEN lease_until - "
            "coalesce($4, now()) < lease_length / 2 * interval '1 microsecond' THEN coalesce($4, now()) + lease_length * "
            "interval '1 "
            "microsecond' ELSE lease_until END WHERE gateway_id = $1 AND epoch = $2 AND commits = $3 AND owner IS NOT NULL "
            "RETURNING "
            "gateway_id) SELECT 1 / (SELECT count(*) FROM ours)",
            std::move(parameters));
    }

    void fence_accounts() {
        if (!request_.change_sets.empty()) {
            Batch batch("account_id bigint, base_revision bigint, next_id bigint");
            each_change_set([&](auto const& c) { batch.add(c.account_id, c.base_revision, c.next_id); });
            auto const count = static_cast<std::int64_t>(batch.size());
            Parameters parameters = batch.take();
            parameters.add(request_.gateway_id);
            parameters.add(count);
            connection_.add(
                "WITH moved AS (UPDATE account a SET revision = r.base_revision + 1, next_id = r.next_id FROM "
                "unnest($1::bigint[], "
                "$2::bigint[], $3::bigint[]) AS r(account_id, base_revision, next_id) WHERE a.account_id = r.account_id AND "
                "a.gateway_id = $4 AND a.revision = r.base_revision RETURNING a.account_id) SELECT 1 / (CASE WHEN (SELECT "
                "count(*) "
                "FROM moved) = $5 THEN 1 ELSE 0 END)",
                std::move(parameters));
        }
        if (request_.statements.empty()) return;
        Array accounts(Type::bigint);
        for (auto const& records : request_.statements)
            accounts.add(records.account_id);
        Parameters parameters;
        parameters.add(std::move(accounts));
        parameters.add(request_.gateway_id);
        connection_.add(
            "SELECT 1 / (CASE WHEN (SELECT count(*) FROM unnest($1::bigint[]) AS r(account_id) JOIN account a ON a.account_id = "
            "r.account_id AND a.gateway_id = $2) = cardinality($1::bigint[]) THEN 1 ELSE 0 END)",
            std::move(parameters));
    }

    /// An unchanged run that follows an unchanged run of the same trigger is counted in its row, where no reset came between.
    void run(model::SyncRun const& run, std::size_t back) {
        bool const unchanged = run.outcome == model::Outcome::unchanged && run.sync_run_id == 0;
        std::optional<std::int64_t> const account =
            run.account_id == 0 ? std::nullopt : std::optional<std::int64_t>(run.account_id);
        static std::string const form =
            "WITH last AS (SELECT sync_run_id, gateway, \"trigger\", outcome, started_at FROM sync_run WHERE {} AND $16 ORDER BY sync_run_id "
            "DESC "
            "LIMIT 1), streak AS (UPDATE sync_run s SET repeats = s.repeats + $14, finished_at = $8, broker_positions = $13, "
            "error = $15, revision = $17 FROM last l WHERE s.sync_run_id = l.sync_run_id AND l.gateway = $3 AND l.\"trigger\" = "
            "$6 AND "
            "l.outcome = 'unchanged' AND l.started_at >= "
            "coalesce((SELECT value::timestamptz FROM database_info WHERE key = 'statistics_since'), l.started_at) RETURNING s.sync_run_id) "
            "INSERT INTO sync_run (sync_run_id, gateway, account_id, account, \"trigger\", started_at, finished_at, outcome, "
            "positions_created, positions_updated, positions_closed, broker_positions, repeats, error, revision) "
            "SELECT coalesce($18, g.gateway_id * 4294967296 + g.runs - $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
            "$15, "
            "$17 FROM gateway g WHERE g.gateway_id = $1 AND NOT EXISTS (SELECT 1 FROM streak)";
        static std::string const of_account = fmt::format(fmt::runtime(form), "account_id = $4");
        static std::string const of_none = fmt::format(fmt::runtime(form), "account_id IS NULL AND $4::bigint IS NULL");
        std::optional<std::int64_t> const own_number = run.sync_run_id == 0 ? std::nullopt : std::optional(run.sync_run_id);
        connection_.add(account ? of_account : of_none,
                        Parameters::of(request_.gateway_id, static_cast<std::int64_t>(back), run.gateway, account,
                                       or_null(run.account), to_string(run.trigger), run.started_at, run.finished_at,
                                       to_string(run.outcome), run.positions_created, run.positions_updated, run.positions_closed,
                                       run.broker_positions, run.repeats, or_null(run.error), unchanged, run.revision,
                                       own_number));
        if (account && !unchanged) run_back_[run.account_id] = static_cast<std::int64_t>(back);
    }

    [[nodiscard]] std::optional<std::int64_t> run_of(AccountId account) const {
        auto const found = run_back_.find(account);
        return found == run_back_.end() ? std::nullopt : std::optional(found->second);
    }

    /// What the contract data said is not forgotten when another account meets the instrument without them. In the order of their
    /// keys: two gateways that meet the same instruments then wait for each other instead of locking each other out.
    void instruments() {
        struct Met {
            model::ConId con_id;
            std::size_t place;
            model::Instrument const* instrument;
        };
        std::vector<Met> found;
        each_change_set([&](auto const& change_set) {
            for (auto const& i : change_set.instruments)
                found.push_back({i.con_id(), found.size(), &*i});
        });
        std::sort(found.begin(), found.end(),
                  [](auto const& a, auto const& b) { return std::pair(a.con_id, a.place) < std::pair(b.con_id, b.place); });
        std::size_t kept = 0;
        for (auto const& met : found) {
            bool const again = kept > 0 && found[kept - 1].con_id == met.con_id;
            if (!again)
                found[kept++] = met;
            else if (met.instrument->details_known || !found[kept - 1].instrument->details_known)
                found[kept - 1] = met;
        }
        found.resize(kept);
        Batch batch(instrument_columns, found.size());
        for (auto const& met : found) {
            auto const& i = *met.instrument;
            batch.add(i.con_id, i.symbol, or_null(i.local_symbol), i.sec_type, i.currency, or_null(i.exchange),
                      or_null(i.primary_exchange), or_null(i.trading_class), i.multiplier, i.price_scale, or_null(i.expiry),
                      i.strike, or_null(i.right), i.under_con_id, or_null(i.time_zone), or_null(i.under_sec_type),
                      i.details_known);
        }
        static std::string const sql =
            upsert("instrument", "con_id", instrument_columns, "WHERE excluded.details_known OR NOT instrument.details_known");
        put(sql, batch);
    }

    void facts() {
        Batch executions(execution_columns);
        Batch new_executions(execution_columns, count(&model::ChangeSet::executions));
        Batch adjustments(adjustment_columns);
        Batch new_adjustments(adjustment_columns, count(&model::ChangeSet::adjustments));
        each_change_set([&](auto const& change_set) {
            auto const account = change_set.account_id;
            bool const base_is_known = fence_.next_ids.contains(account);
            for (auto const* each :
                 last_of_each(pointers(change_set.executions), [](auto const& e) { return std::string_view(e.exec_id); })) {
                auto const& e = *each;
                std::optional<std::string_view> const cause = e.cause ? std::optional(to_string(*e.cause)) : std::nullopt;
                // Recorded by this change set, so new; one of another at the same microsecond is met as a key that is there.
                auto& rows = base_is_known && e.recorded_at == change_set.recorded_at ? new_executions : executions;
                rows.add(account, e.exec_id, e.con_id, e.time, or_null(e.time_text), to_string(e.side), e.shares, e.price,
                         or_null(e.exchange), e.order_id, e.perm_id, e.client_id, or_null(e.order_ref),
                         or_null(e.model_code), e.cum_qty, e.last_liquidity, e.liquidation, e.exercise_type, e.commission,
                         or_null(e.commission_currency), e.broker_realized_pnl, to_string(e.booking),
                         or_null(e.superseded_by), e.excluded, e.recorded_at, e.trade_date, cause,
                         or_null(e.transaction_id), e.sequence);
            }
            for (auto const* each :
                 last_of_each(pointers(change_set.adjustments), [](auto const& a) { return a.adjustment_id; })) {
                auto const& a = *each;
                std::optional<std::string> const ratio = a.ratio ? std::optional(to_string(*a.ratio)) : std::nullopt;
                auto& rows = a.adjustment_id < first_new(change_set) ? adjustments : new_adjustments;
                rows.add(a.adjustment_id, account, a.con_id, to_string(a.cause), a.quantity, a.price, to_string(a.basis),
                         a.estimated_price, ratio, a.effective_at, a.recorded_at, a.author, or_null(a.note), a.undone_at,
                         or_null(a.undone_by), a.value, or_null(a.reference), a.acquired_at);
            }
        });
        static std::string const put_executions = upsert("execution", "account_id, exec_id", execution_columns);
        static std::string const put_adjustments = upsert("adjustment", "adjustment_id", adjustment_columns);
        static std::string const add_adjustments = insert("adjustment", adjustment_columns);
        static std::string const add_executions = insert("execution", execution_columns);
        put(put_executions, executions);
        put(add_executions, new_executions);
        put(put_adjustments, adjustments);
        put(add_adjustments, new_adjustments);
    }

    void positions() {
        Array removed_lots(Type::bigint);
        Batch removed_closes("id bigint, at timestamptz");
        Batch removed_positions("id bigint, at timestamptz");
        each_change_set([&](auto const& change_set) {
            for (auto const id : change_set.removed_lots)
                removed_lots.add(id);
            for (auto const id : change_set.removed_closes)
                removed_closes.add(id, change_set.recorded_at);
            for (auto const id : change_set.removed_positions)
                removed_positions.add(id, change_set.recorded_at);
        });
        if (removed_lots.size() > 0) {
            Parameters ids;
            ids.add(std::move(removed_lots));
            connection_.add("DELETE FROM lot WHERE lot_id = ANY($1::bigint[])", std::move(ids));
        }
        put("UPDATE position_close c SET superseded_at = r.at FROM unnest($1::bigint[], $2::timestamptz[]) AS r(id, at) "
            "WHERE c.close_id = r.id",
            removed_closes);
        put("UPDATE position p SET superseded_at = r.at FROM unnest($1::bigint[], $2::timestamptz[]) AS r(id, at) "
            "WHERE p.position_id = r.id",
            removed_positions);
        position_rows();
        close_rows();
        lot_rows();
    }

    void position_rows() {
        Batch positions(position_columns);
        Batch new_positions(position_columns, count(&model::ChangeSet::positions));
        each_change_set([&](auto const& change_set) {
            auto const first = first_new(change_set);
            for (auto const& p : change_set.positions) {
                TextOrNull const chain{p.chain_fact == p.opening_fact ? std::string_view() : p.chain_fact};
                auto& rows = p.position_id < first ? positions : new_positions;
                rows.add(p.position_id, change_set.account_id, p.con_id, p.quantity, p.average_price, p.cost, p.realized_pnl,
                         p.commissions, p.net_realized_pnl, p.estimated_realized_pnl, p.unknown_closes, p.opened_at, p.closed_at,
                         p.opening_fact, chain, p.revision);
            }
        });
        static std::string const put_positions = upsert("position", "position_id", position_columns, ", superseded_at = NULL");
        static std::string const add_positions = insert("position", position_columns);
        put(put_positions, positions);
        put(add_positions, new_positions);
    }

    void close_rows() {
        Batch closes(close_columns);
        Batch new_closes(close_columns, count(&model::ChangeSet::closes));
        each_change_set([&](auto const& change_set) {
            auto const first = first_new(change_set);
            for (auto const& c : change_set.closes) {
                auto& rows = c.close_id < first ? closes : new_closes;
                rows.add(c.close_id, c.position_id, c.quantity_closed, to_string(c.side), c.entry_price, c.exit_price,
                         c.realized_pnl, c.realized_pnl_pct, c.commissions, c.net_realized_pnl, c.estimated_realized_pnl,
                         c.broker_realized_pnl, c.closed_at, c.trade_date, c.is_full_close, to_string(c.cause),
                         to_string(c.basis), or_null(c.exec_id), or_null(c.order_ref), c.closing_fact,
                         change_set.base_revision + 1);
            }
        });
        static std::string const put_closes = upsert("position_close", "close_id", close_columns, ", superseded_at = NULL");
        static std::string const add_closes = insert("position_close", close_columns);
        put(put_closes, closes);
        put(add_closes, new_closes);
    }

    void lot_rows() {
        Batch lots(lot_columns);
        Batch new_lots(lot_columns, count(&model::ChangeSet::lots));
        each_change_set([&](auto const& change_set) {
            auto const first = first_new(change_set);
            for (auto const& l : change_set.lots) {
                auto& rows = l.lot_id < first ? lots : new_lots;
                rows.add(l.lot_id, l.position_id, l.opening_fact, or_null(l.open_exec_id), l.opened_at, l.quantity,
                         l.remaining_quantity, l.price);
            }
        });
        static std::string const put_lots = upsert("lot", "lot_id", lot_columns);
        static std::string const add_lots = insert("lot", lot_columns);
        put(put_lots, lots);
        put(add_lots, new_lots);
    }

    void history() {
        constexpr std::string_view end_columns = "position_id bigint, valid_from timestamptz, at timestamptz";
        Batch ends(end_columns, count(&model::ChangeSet::history_ends));
        Batch versions(version_columns, count(&model::ChangeSet::history));
        each_change_set([&](auto const& change_set) {
            for (auto const& end : change_set.history_ends)
                ends.add(end.position_id, end.valid_from, change_set.recorded_at);
            std::int64_t step = 0;
            for (auto const& h : change_set.history) {
                versions.add(h.position_id, h.valid_from, change_set.base_revision + 1, ++step, h.valid_to, h.quantity,
                             h.average_price, h.realized_pnl, h.commissions, change_set.recorded_at);
            }
        });
        static std::string const end_versions =
            fmt::format("UPDATE position_version v SET recorded_to = r.at FROM {} WHERE v.position_id = r.position_id AND "
                        "v.valid_from = r.valid_from AND v.recorded_to IS NULL",
                        unnest(end_columns));
        put(end_versions, ends);
        static std::string const add_versions = insert("position_version", version_columns);
        put(add_versions, versions);
    }

    void events() {
        std::string const columns = fmt::format("{}, run_back bigint", event_columns);
        Batch events(columns, count(&model::ChangeSet::events));
        each_change_set([&](auto const& change_set) {
            auto const run = run_of(change_set.account_id);
            for (auto const& e : change_set.events) {
                events.add(e.event_id, e.position_id, change_set.base_revision + 1, to_string(e.kind), to_string(e.cause),
                           e.quantity_before, e.quantity_after, e.average_price_before, e.average_price_after, e.occurred_at,
                           change_set.recorded_at, or_null(e.exec_id), run);
            }
        });
        if (events.empty()) return;
        static std::string const sql =
            fmt::format("INSERT INTO position_event ({}, sync_run_id) SELECT {}, {} FROM {}", names(event_columns),
                        names(event_columns), fmt::format(fmt::runtime(run_number), 14), unnest(columns));
        Parameters parameters = events.take();
        parameters.add(request_.gateway_id);
        send(sql, std::move(parameters));
    }

    void breaks() {
        Batch batch(break_columns);
        each_change_set([&](auto const& change_set) {
            for (auto const& b : change_set.breaks) {
                batch.add(b.break_id, change_set.account_id, or_null(b.con_id), to_string(b.kind), to_string(b.break_class),
                          to_string(b.state), b.broker_value, b.book_value, b.opened_at, b.closed_at, b.looks, b.last_change_at,
                          b.detail);
            }
        });
        static std::string const sql = upsert("break", "break_id", break_columns);
        put(sql, batch);
    }

    void outbox() {
        static constexpr std::string_view columns = "account_id bigint, revision bigint, recorded_at timestamptz, first_event_id "
                                                    "bigint, last_event_id bigint, run_back bigint";
        Batch batch(columns);
        each_change_set([&](auto const& change_set) {
            std::optional<model::RowId> first;
            std::optional<model::RowId> last;
            for (auto const& event : change_set.events) {
                first = std::min(first.value_or(event.event_id), event.event_id);
                last = std::max(last.value_or(event.event_id), event.event_id);
            }
            batch.add(change_set.account_id, change_set.base_revision + 1, change_set.recorded_at, first, last,
                      run_of(change_set.account_id));
        });
        if (batch.empty()) return;
        static std::string const sql = fmt::format(
            "INSERT INTO outbox (account_id, revision, recorded_at, first_event_id, last_event_id, sync_run_id, epoch) SELECT "
            "account_id, revision, recorded_at, first_event_id, last_event_id, {}, $8 FROM {}",
            fmt::format(fmt::runtime(run_number), 7), unnest(columns));
        Parameters parameters = batch.take();
        parameters.add(request_.gateway_id);
        parameters.add(request_.epoch);
        connection_.add(sql, std::move(parameters));
    }

    void records() {
        std::set<AccountId> without_marks;
        each_change_set([&](auto const& c) {
            if (c.base_revision == 0 && fence_.next_ids.contains(c.account_id)) without_marks.insert(c.account_id);
        });
        Batch marks(mark_columns);
        Batch new_marks(mark_columns, without_marks.empty() ? 0 : request_.marks.size());
        for (auto const* m :
             last_of_each(pointers(request_.marks), [](auto const& each) { return std::tuple(each.account_id, each.con_id); })) {
            auto& rows = without_marks.contains(m->account_id) ? new_marks : marks;
            rows.add(m->account_id, m->con_id, m->broker_avg_cost, m->current_price, m->market_value, m->unrealized_pnl,
                     m->unrealized_pnl_pct, m->broker_unrealized_pnl, m->marked_at, or_null(m->mark_source));
        }
        static std::string const put_marks = upsert("mark", "account_id, con_id", mark_columns);
        static std::string const add_marks = insert("mark", mark_columns);
        put(put_marks, marks);
        put(add_marks, new_marks);

        Batch values(value_columns);
        for (auto const* v : last_of_each(pointers(request_.values), [](auto const& each) {
                 return std::tuple(each.account_id, std::string_view(each.key), std::string_view(each.currency));
             })) {
            values.add(v->account_id, v->key, v->currency, v->value, v->updated_at);
        }
        static std::string const put_values = upsert("account_value", "account_id, key, currency", value_columns);
        put(put_values, values);

        Batch coverage(coverage_columns);
        for (auto const* w : last_of_each(pointers(request_.coverage), [](auto const& each) {
                 return std::tuple(each.account_id, std::string_view(each.stream), each.from_time.microseconds);
             })) {
            coverage.add(w->account_id, w->stream, w->from_time, w->to_time, w->state, w->source);
        }
        static std::string const put_coverage = upsert("coverage_window", "account_id, stream, from_time", coverage_columns);
        put(put_coverage, coverage);

        Batch freshness("account_id bigint, last_synced_at timestamptz, base_currency text");
        for (auto const* f : last_of_each(pointers(request_.freshness), [](auto const& each) { return each.account_id; })) {
            freshness.add(f->account_id, f->last_synced_at, or_null(f->base_currency));
        }
        put("UPDATE account a SET last_synced_at = r.last_synced_at, base_currency = coalesce(r.base_currency, a.base_currency) "
            "FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS r(account_id, last_synced_at, base_currency) "
            "WHERE a.account_id = r.account_id",
            freshness);
    }

    void references() {
        auto const ask = [&](std::vector<std::int64_t> const& ids, std::string_view what, std::string_view table, std::string_view key) {
            if (ids.empty()) return;
            Array array(Type::bigint, ids.size());
            for (auto const id : ids)
                array.add(id);
            Parameters parameters;
            parameters.add(std::move(array));
            connection_.add(fmt::format("SELECT CASE WHEN count(*) = cardinality($1::bigint[]) THEN 0 ELSE ('a row refers to {} that is not "
                                        "there' || count(*))::bigint END FROM {} WHERE {} = ANY($1::bigint[])",
                                        what, table, key),
                            std::move(parameters));
        };
        auto const named = references_of(request_);
        ask(named.account_ids, "an account", "account", "account_id");
        ask(named.con_ids, "an instrument", "instrument", "con_id");
        ask(named.position_ids, "a position", "position", "position_id");
    }

    Connection& connection_;
    CommitRequest const& request_;
    Fence const& fence_;
    std::map<AccountId, std::int64_t> run_back_;
};

}  // namespace

void queue_commit(Connection& connection, CommitRequest const& request, Fence const& fence) {
    CommitQueue(connection, request, fence).queue();
}

}  // namespace possync::store::postgres

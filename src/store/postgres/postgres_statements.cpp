#include "store/postgres/postgres_statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "store/rows.hpp"

namespace possync::store::postgres {

using base::Date;
using base::Result;
using model::AccountId;
using model::CertificationDifference;
using model::StatementPosition;
using model::StatementRecords;

namespace {

TextOrNull or_null(std::string const& text) { return {text}; }
std::optional<model::ConId> or_null(model::ConId con_id) { return con_id == 0 ? std::nullopt : std::optional(con_id); }

constexpr std::string_view statement_columns =
    "account_id bigint, from_date date, to_date date, generated_at timestamptz, query_name text, source text, sections text, "
    "trades bigint, imported_at timestamptz";
constexpr std::string_view position_columns =
    "account_id bigint, date date, number bigint, con_id bigint, is_lot boolean, quantity numeric, cost_price numeric, "
    "cost_money numeric, mark_price numeric, fx_rate_to_base numeric, opened_at timestamptz, originating_transaction_id text";
constexpr std::string_view trade_columns = "account_id bigint, con_id bigint, trade_date date, exec_id text, transaction_id "
                                           "text, quantity numeric, realized_pnl numeric";
constexpr std::string_view cash_columns =
    "account_id bigint, transaction_id text, type text, con_id bigint, symbol text, currency text, amount numeric, "
    "fx_rate_to_base numeric, time timestamptz, report_date date, settle_date date, ex_date date, action_id text, description "
    "text";
constexpr std::string_view succession_columns =
    "account_id bigint, action_id text, old_con_id bigint, new_con_id bigint, effective_date date, type text, ratio text, "
    "cost_share numeric";
constexpr std::string_view rate_columns = "account_id bigint, date date, currency text, rate numeric";
constexpr std::string_view certification_columns =
    "account_id bigint, trade_date date, state text, executions bigint, positions bigint, lots bigint, "
    "statement_realized_pnl numeric, corrected bigint, \"open\" bigint";
constexpr std::string_view difference_columns = "account_id bigint, trade_date date, kind text, con_id bigint, subject text, "
                                                "state text, statement_value text, book_value text, "
                                                "cause text";

/// The rows of a table in one statement; of rows with the same key the last counts.
template <typename Key>
class Rows {
public:
    explicit Rows(std::string_view columns) : columns_(columns) {}
    void put(Key key, std::function<void(Batch&)> row) { rows_[std::move(key)] = std::move(row); }
    void queue(Connection& connection, std::string const& sql) {
        if (rows_.empty()) return;
        Batch batch(columns_);
        for (auto const& [unused, row] : rows_)
            row(batch);
        connection.add(sql, batch.take());
    }

private:
    std::string_view columns_;
    std::map<Key, std::function<void(Batch&)>> rows_;
};

class StatementQueue {
public:
    StatementQueue(Connection& connection, StatementRecords const& records) : connection_(connection), records_(records) {}

    Result<void> queue() {
        statements();
        POSSYNC_TRY_VOID(positions());
        trades();
        cash();
        successions();
        rates();
        certifications();
        POSSYNC_TRY_VOID(differences());
        remainders();
        if (!records_.base_currency.empty()) {
            connection_.add("UPDATE account SET base_currency = $2 WHERE account_id = $1 AND base_currency IS DISTINCT FROM $2",
                            Parameters::of(account(), records_.base_currency));
        }
        return {};
    }

private:
    [[nodiscard]] AccountId account() const { return records_.account_id; }

    void statements() {
        static std::string const sql =
            upsert_changed("statement", "account_id, from_date, to_date", statement_columns, "imported_at");
        Rows<std::tuple<Date, Date>> all(statement_columns);
        for (auto const& s : records_.statements) {
            all.put({s.from, s.to}, [&](Batch& batch) {
                batch.add(account(), s.from, s.to, s.generated_at, or_null(s.query_name), or_null(s.source), s.sections, s.trades,
                          records_.imported_at);
            });
        }
        all.queue(connection_, sql);
    }

    /// A day is written as a whole, because its rows have no key; and only where anything differs.
    Result<void> positions() {
        std::map<Date, std::vector<StatementPosition>> days;
        for (auto const date : records_.position_dates)
            days[date];
        for (auto const& position : records_.positions) {
            days[position.date].push_back(position);
            days[position.date].back().line = 0;
        }
        if (days.empty()) return {};
        static std::string const stored = fmt::format(
            "SELECT {} FROM statement_position WHERE account_id = $1 AND date = ANY($2::date[]) ORDER BY date, number",
            rows::statement_position_columns);
        Array dates(Type::date);
        for (auto const& [date, unused] : days)
            dates.add(date);
        Parameters wanted = Parameters::of(account());
        wanted.add(std::move(dates));
        connection_.add(stored, std::move(wanted));
        POSSYNC_TRY(auto const answers, connection_.flush());
        std::map<Date, std::vector<StatementPosition>> before;
        POSSYNC_TRY_VOID(answers.back().each([&](Row& row) {
            auto position = rows::read_statement_position(row);
            before[position.date].push_back(std::move(position));
        }));
        Array changed(Type::date);
        Batch batch(position_columns);
        for (auto& [date, positions] : days) {
            std::sort(positions.begin(), positions.end(), model::comes_before);
            if (before[date] == positions) continue;
            changed.add(date);
            int number = 0;
            for (auto const& p : positions) {
                batch.add(account(), date, ++number, p.con_id, p.is_lot, p.quantity, p.cost_price, p.cost_money, p.mark_price,
                          p.fx_rate_to_base, p.opened_at, or_null(p.originating_transaction_id));
            }
        }
        if (changed.size() == 0) return {};
        Parameters gone = Parameters::of(account());
        gone.add(std::move(changed));
        connection_.add("DELETE FROM statement_position WHERE account_id = $1 AND date = ANY($2::date[])", std::move(gone));
        static std::string const insert = fmt::format("INSERT INTO statement_position ({}) SELECT * FROM {}",
                                                      names(position_columns), unnest(position_columns));
        if (!batch.empty()) connection_.add(insert, batch.take());
        return {};
    }

    void trades() {
        static std::string const sql =
            upsert_changed("statement_trade", "account_id, con_id, trade_date, exec_id", trade_columns);
        Rows<std::tuple<model::ConId, Date, std::string_view>> all(trade_columns);
        for (auto const& t : records_.trades) {
            all.put({t.con_id, t.trade_date, t.exec_id}, [&](Batch& batch) {
                batch.add(account(), t.con_id, t.trade_date, t.exec_id, t.transaction_id, t.quantity, t.realized_pnl);
            });
        }
        all.queue(connection_, sql);
    }

    void cash() {
        static std::string const sql = upsert_changed("cash_transaction", "account_id, transaction_id", cash_columns);
        Rows<std::string_view> all(cash_columns);
        for (auto const& c : records_.cash) {
            all.put(c.transaction_id, [&](Batch& batch) {
                batch.add(account(), c.transaction_id, c.type, or_null(c.con_id), or_null(c.symbol), c.currency, c.amount,
                          c.fx_rate_to_base, c.time, c.report_date, c.settle_date, c.ex_date, or_null(c.action_id),
                          or_null(c.description));
            });
        }
        all.queue(connection_, sql);
    }

    void successions() {
        static std::string const sql =
            upsert_changed("instrument_succession", "account_id, action_id, old_con_id, new_con_id", succession_columns);
        Rows<std::tuple<std::string_view, model::ConId, model::ConId>> all(succession_columns);
        for (auto const& s : records_.successions) {
            all.put({s.action_id, s.old_con_id, s.new_con_id}, [&](Batch& batch) {
                std::optional<std::string> const ratio = s.ratio ? std::optional(to_string(*s.ratio)) : std::nullopt;
                batch.add(account(), s.action_id, s.old_con_id, s.new_con_id, s.effective_date, s.type, ratio, s.cost_share);
            });
        }
        all.queue(connection_, sql);
    }

    void rates() {
        static std::string const sql = upsert_changed("currency_rate", "account_id, date, currency", rate_columns);
        Rows<std::tuple<Date, std::string_view>> all(rate_columns);
        for (auto const& r : records_.rates) {
            all.put({r.date, r.currency}, [&](Batch& batch) { batch.add(account(), r.date, r.currency, r.rate); });
        }
        all.queue(connection_, sql);
    }

    void certifications() {
        static std::string const sql = upsert_changed("certification", "account_id, trade_date", certification_columns);
        Rows<Date> all(certification_columns);
        for (auto const& c : records_.certifications) {
            all.put(c.trade_date, [&](Batch& batch) {
                batch.add(account(), c.trade_date, to_string(c.state), c.executions, c.positions, c.lots,
                          c.statement_realized_pnl, c.corrected, c.open);
            });
        }
        all.queue(connection_, sql);
    }

    /// Open ones of judged days go, unless they are found again.
    Result<void> differences() {
        using Key = std::tuple<Date, std::string_view, model::ConId, std::string_view>;
        Rows<Key> all(difference_columns);
        std::set<Key> found;
        for (auto const& d : records_.differences) {
            Key const key{d.trade_date, to_string(d.kind), d.con_id, d.subject};
            found.insert(key);
            all.put(key, [&](Batch& batch) {
                batch.add(account(), d.trade_date, to_string(d.kind), d.con_id, d.subject, to_string(d.state),
                          or_null(d.statement_value), or_null(d.book_value), or_null(d.cause));
            });
        }
        if (!records_.judged_dates.empty()) {
            Array dates(Type::date);
            for (auto const date : records_.judged_dates)
                dates.add(date);
            Parameters wanted = Parameters::of(account());
            wanted.add(std::move(dates));
            connection_.add("SELECT trade_date, kind, con_id, subject FROM certification_difference "
                            "WHERE account_id = $1 AND trade_date = ANY($2::date[]) AND state = 'open'",
                            std::move(wanted));
            POSSYNC_TRY(auto const answers, connection_.flush());
            Batch gone("trade_date date, kind text, con_id bigint, subject text");
            POSSYNC_TRY_VOID(answers.back().each([&](Row& row) {
                Date const date = row.parsed(base::parse_date);
                std::string const kind = row.text();
                auto const con_id = row.integer();
                std::string const subject = row.text();
                if (!found.contains({date, kind, con_id, subject})) gone.add(date, kind, con_id, subject);
            }));
            if (!gone.empty()) {
                Parameters keys = gone.take();
                keys.add(account());
                connection_.add(
                    "DELETE FROM certification_difference d USING unnest($1::date[], $2::text[], $3::bigint[], $4::text[]) AS "
                    "r(trade_date, kind, con_id, subject) WHERE d.account_id = $5 AND d.trade_date = r.trade_date AND "
                    "d.kind = r.kind AND d.con_id = r.con_id AND d.subject = r.subject",
                    std::move(keys));
            }
        }
        static std::string const sql =
            upsert_changed("certification_difference", "account_id, trade_date, kind, con_id, subject", difference_columns);
        all.queue(connection_, sql);
        return {};
    }

    void remainders() {
        Batch batch("account_id bigint, section text, content text");
        for (auto const& r : records_.remainders)
            batch.add(account(), r.section, r.content);
        if (batch.empty()) return;
        connection_.add(
            "INSERT INTO statement_remainder (account_id, section, digest, content) SELECT account_id, section, md5(content), "
            "content FROM unnest($1::bigint[], $2::text[], $3::text[]) AS r(account_id, section, content) ON CONFLICT DO "
            "NOTHING",
            batch.take());
    }

    Connection& connection_;
    StatementRecords const& records_;
};

}  // namespace

Result<void> queue_statement_records(Connection& connection, StatementRecords const& records) {
    return StatementQueue(connection, records).queue();
}

Result<model::StatementClaims> load_statement_claims(Connection& connection, AccountId account, Date since) {
    static std::string const statements =
        fmt::format("SELECT {} FROM statement WHERE account_id = $1 ORDER BY from_date, to_date", rows::statement_columns);
    static std::string const positions =
        fmt::format("SELECT {} FROM statement_position WHERE account_id = $1 AND date >= $2 ORDER BY date, number",
                    rows::statement_position_columns);
    static std::string const trades = fmt::format(
        "SELECT {} FROM statement_trade WHERE account_id = $1 AND trade_date >= $2 ORDER BY con_id, trade_date, exec_id",
        rows::statement_trade_columns);
    static std::string const certifications =
        fmt::format("SELECT {} FROM certification WHERE account_id = $1 ORDER BY trade_date", rows::certification_columns);
    static std::string const differences =
        fmt::format("SELECT {} FROM certification_difference WHERE account_id = $1 AND trade_date >= $2 "
                    "ORDER BY trade_date, kind, con_id, subject",
                    rows::difference_columns);
    connection.add(statements, Parameters::of(account));
    connection.add(positions, Parameters::of(account, since));
    connection.add(trades, Parameters::of(account, since));
    connection.add(certifications, Parameters::of(account));
    connection.add(differences, Parameters::of(account, since));
    connection.add("SELECT last_synced_at, (SELECT min(from_time) FROM coverage_window WHERE account_id = $1 AND source <> "
                   "'statement') FROM account WHERE account_id = $1",
                   Parameters::of(account));
    POSSYNC_TRY(auto const answers, connection.flush());
    auto const* answer = answers.data() + (answers.size() - 6);
    model::StatementClaims claims;
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) { claims.statements.push_back(rows::read_statement(row)); }));
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) { claims.positions.push_back(rows::read_statement_position(row)); }));
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) { claims.trades.push_back(rows::read_statement_trade(row)); }));
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) { claims.certifications.push_back(rows::read_certification(row)); }));
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) { claims.differences.push_back(rows::read_difference(row)); }));
    POSSYNC_TRY_VOID((answer++)->each([&](Row& row) {
        claims.last_synced_at = row.optional_time();
        claims.live_since = row.optional_time();
    }));
    return claims;
}

}  // namespace possync::store::postgres

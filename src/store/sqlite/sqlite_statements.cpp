#include "store/sqlite/sqlite_statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "store/rows.hpp"
#include "store/sqlite/upsert.hpp"

namespace possync::store::sqlite {

using base::Date;
using base::Result;
using model::AccountId;
using model::CertificationDifference;
using model::StatementPosition;
using model::StatementRecords;

namespace {

TextOrNull or_null(std::string const& text) { return {text}; }
std::optional<model::ConId> or_null(model::ConId con_id) { return con_id == 0 ? std::nullopt : std::optional(con_id); }

std::string const positions_since =
    fmt::format("SELECT {} FROM statement_position WHERE account_id = ?1 AND date >= ?2 AND date <= ?3 ORDER BY date, number",
                rows::statement_position_columns);

class StatementWriter {
public:
    StatementWriter(Database& database, StatementRecords const& records) : database_(database), records_(records) {}

    Result<void> write() {
        POSSYNC_TRY_VOID(write_statements());
        POSSYNC_TRY_VOID(write_positions());
        POSSYNC_TRY_VOID(write_trades());
        POSSYNC_TRY_VOID(write_cash());
        POSSYNC_TRY_VOID(write_successions());
        POSSYNC_TRY_VOID(write_rates());
        POSSYNC_TRY_VOID(write_certifications());
        POSSYNC_TRY_VOID(write_differences());
        POSSYNC_TRY_VOID(write_remainders());
        if (records_.base_currency.empty()) return {};
        return database_.run("UPDATE account SET base_currency = ?2 WHERE account_id = ?1 AND base_currency IS NOT ?2", account(),
                             records_.base_currency);
    }

private:
    [[nodiscard]] AccountId account() const { return records_.account_id; }

    Result<void> write_statements() {
        static std::string const put = upsert_changed(
            "statement", "account_id, from_date, to_date",
            "account_id, from_date, to_date, generated_at, query_name, source, sections, trades, imported_at", "imported_at");
        for (auto const& s : records_.statements) {
            POSSYNC_TRY_VOID(database_.run(put, account(), s.from, s.to, s.generated_at, or_null(s.query_name), or_null(s.source),
                                           s.sections, s.trades, records_.imported_at));
        }
        return {};
    }

    /// A day is written as a whole, because its rows have no key; and only where anything differs.
    Result<void> write_positions() {
        std::map<Date, std::vector<StatementPosition>> days;
        for (auto const date : records_.position_dates) days[date];
        for (auto const& position : records_.positions) {
            days[position.date].push_back(position);
            days[position.date].back().line = 0;
        }
        POSSYNC_TRY(Statement* const stored, database_.statement(positions_since));
        POSSYNC_TRY(Statement* const put, database_.statement(
            "INSERT INTO statement_position (account_id, date, number, con_id, is_lot, quantity, cost_price, cost_money, mark_price, "
            "fx_rate_to_base, opened_at, originating_transaction_id) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
        for (auto& [date, positions] : days) {
            std::sort(positions.begin(), positions.end(), model::comes_before);
            std::vector<StatementPosition> before;
            POSSYNC_TRY_VOID(stored->each([&](Row& row) { before.push_back(rows::read_statement_position(row)); }, account(), date, date));
            if (before == positions) continue;
            POSSYNC_TRY_VOID(
                database_.run("DELETE FROM statement_position WHERE account_id = ?1 AND date = ?2", account(), date));
            int number = 0;
            for (auto const& p : positions) {
                POSSYNC_TRY_VOID(put->run(account(), date, ++number, p.con_id, p.is_lot, p.quantity, p.cost_price, p.cost_money,
                                          p.mark_price, p.fx_rate_to_base, p.opened_at, or_null(p.originating_transaction_id)));
            }
        }
        return {};
    }

    Result<void> write_trades() {
        static std::string const put = upsert_changed("statement_trade", "account_id, con_id, trade_date, exec_id",
                                                      "account_id, con_id, trade_date, exec_id, transaction_id, quantity, realized_pnl");
        POSSYNC_TRY(Statement* const statement, database_.statement(put));
        for (auto const& t : records_.trades) {
            POSSYNC_TRY_VOID(statement->run(account(), t.con_id, t.trade_date, t.exec_id, t.transaction_id, t.quantity, t.realized_pnl));
        }
        return {};
    }

    Result<void> write_cash() {
        static std::string const put = upsert_changed(
            "cash_transaction", "account_id, transaction_id",
            "account_id, transaction_id, type, con_id, symbol, currency, amount, fx_rate_to_base, time, report_date, settle_date, "
            "ex_date, action_id, description");
        POSSYNC_TRY(Statement* const statement, database_.statement(put));
        for (auto const& c : records_.cash) {
            POSSYNC_TRY_VOID(statement->run(account(), c.transaction_id, c.type, or_null(c.con_id), or_null(c.symbol), c.currency,
                                            c.amount, c.fx_rate_to_base, c.time, c.report_date, c.settle_date, c.ex_date,
                                            or_null(c.action_id), or_null(c.description)));
        }
        return {};
    }

    Result<void> write_successions() {
        static std::string const put =
            upsert_changed("instrument_succession", "account_id, action_id, old_con_id, new_con_id",
                           "account_id, action_id, old_con_id, new_con_id, effective_date, type, ratio, cost_share");
        for (auto const& s : records_.successions) {
            std::optional<std::string> const ratio = s.ratio ? std::optional(to_string(*s.ratio)) : std::nullopt;
            POSSYNC_TRY_VOID(database_.run(put, account(), s.action_id, s.old_con_id, s.new_con_id, s.effective_date, s.type, ratio,
                                           s.cost_share));
        }
        return {};
    }

    Result<void> write_rates() {
        static std::string const put =
            upsert_changed("currency_rate", "account_id, date, currency", "account_id, date, currency, rate");
        POSSYNC_TRY(Statement* const statement, database_.statement(put));
        for (auto const& r : records_.rates) POSSYNC_TRY_VOID(statement->run(account(), r.date, r.currency, r.rate));
        return {};
    }

    Result<void> write_certifications() {
        static std::string const put = upsert_changed(
            "certification", "account_id, trade_date",
            "account_id, trade_date, state, executions, positions, lots, statement_realized_pnl, corrected, \"open\"");
        POSSYNC_TRY(Statement* const statement, database_.statement(put));
        for (auto const& c : records_.certifications) {
            POSSYNC_TRY_VOID(statement->run(account(), c.trade_date, to_string(c.state), c.executions, c.positions, c.lots,
                                            c.statement_realized_pnl, c.corrected, c.open));
        }
        return {};
    }

    /// Open ones of judged days go, unless they are found again.
    Result<void> write_differences() {
        using Key = std::tuple<std::string_view, model::ConId, std::string_view>;
        std::map<Date, std::set<Key>> found;
        for (auto const& d : records_.differences) found[d.trade_date].emplace(to_string(d.kind), d.con_id, d.subject);
        for (auto const date : records_.judged_dates) {
            std::vector<CertificationDifference> gone;
            POSSYNC_TRY_VOID(database_.each(
                "SELECT kind, con_id, subject FROM certification_difference "
                "WHERE account_id = ?1 AND trade_date = ?2 AND state = 'open'",
                [&](Row& row) {
                    CertificationDifference d;
                    d.kind = row.parsed(model::parse_difference_kind);
                    d.con_id = row.integer();
                    d.subject = row.text();
                    if (!found[date].contains({to_string(d.kind), d.con_id, d.subject})) gone.push_back(std::move(d));
                },
                account(), date));
            for (auto const& d : gone) {
                POSSYNC_TRY_VOID(
                    database_.run("DELETE FROM certification_difference "
                                  "WHERE account_id = ?1 AND trade_date = ?2 AND kind = ?3 AND con_id = ?4 AND subject = ?5",
                                  account(), date, to_string(d.kind), d.con_id, d.subject));
            }
        }
        static std::string const put =
            upsert_changed("certification_difference", "account_id, trade_date, kind, con_id, subject",
                           "account_id, trade_date, kind, con_id, subject, state, statement_value, book_value, cause");
        POSSYNC_TRY(Statement* const statement, database_.statement(put));
        for (auto const& d : records_.differences) {
            POSSYNC_TRY_VOID(statement->run(account(), d.trade_date, to_string(d.kind), d.con_id, d.subject, to_string(d.state),
                                            or_null(d.statement_value), or_null(d.book_value), or_null(d.cause)));
        }
        return {};
    }

    Result<void> write_remainders() {
        for (auto const& r : records_.remainders) {
            POSSYNC_TRY_VOID(database_.run(
                "INSERT INTO statement_remainder (account_id, section, content) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", account(),
                r.section, r.content));
        }
        return {};
    }

    Database& database_;
    StatementRecords const& records_;
};

}  // namespace

Result<void> write_statement_records(Database& database, StatementRecords const& records) {
    return StatementWriter(database, records).write();
}

Result<model::StatementClaims> load_statement_claims(Database& database, AccountId account, Date since) {
    static std::string const statements = fmt::format(
        "SELECT {} FROM statement WHERE account_id = ?1 ORDER BY from_date, to_date", rows::statement_columns);
    static std::string const trades =
        fmt::format("SELECT {} FROM statement_trade WHERE account_id = ?1 AND trade_date >= ?2 ORDER BY con_id, trade_date, exec_id",
                    rows::statement_trade_columns);
    static std::string const certifications =
        fmt::format("SELECT {} FROM certification WHERE account_id = ?1 ORDER BY trade_date", rows::certification_columns);
    static std::string const differences =
        fmt::format("SELECT {} FROM certification_difference WHERE account_id = ?1 AND trade_date >= ?2 "
                    "ORDER BY trade_date, kind, con_id, subject",
                    rows::difference_columns);
    model::StatementClaims claims;
    POSSYNC_TRY_VOID(
        database.each(statements, [&](Row& row) { claims.statements.push_back(rows::read_statement(row)); }, account));
    POSSYNC_TRY_VOID(database.each(
        positions_since, [&](Row& row) { claims.positions.push_back(rows::read_statement_position(row)); }, account, since,
        "9999-12-31"));
    POSSYNC_TRY_VOID(
        database.each(trades, [&](Row& row) { claims.trades.push_back(rows::read_statement_trade(row)); }, account, since));
    POSSYNC_TRY_VOID(database.each(
        certifications, [&](Row& row) { claims.certifications.push_back(rows::read_certification(row)); }, account));
    POSSYNC_TRY_VOID(
        database.each(differences, [&](Row& row) { claims.differences.push_back(rows::read_difference(row)); }, account, since));
    POSSYNC_TRY_VOID(database.each(
        "SELECT last_synced_at, (SELECT min(from_time) FROM coverage_window WHERE account_id = ?1 AND source <> 'statement') "
        "FROM account WHERE account_id = ?1",
        [&](Row& row) {
            claims.last_synced_at = row.optional_time();
            claims.live_since = row.optional_time();
        },
        account));
    return claims;
}

}  // namespace possync::store::sqlite

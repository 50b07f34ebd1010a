#include "store/postgres/postgres_load.hpp"

#include <fmt/format.h>

#include "store/book_loader.hpp"
#include "store/rows.hpp"

namespace possync::store::postgres {

using base::Result;
using base::Timestamp;
using model::AccountId;
using model::ConId;
using model::RowId;

namespace {

constexpr std::string_view waiting_facts =
    "SELECT con_id, effective_at FROM adjustment WHERE adjustment_id >= $1 AND adjustment_id < $2 AND undone_at IS NULL AND "
    "cause IN ('settling', 'unexplained') AND effective_at IS NOT NULL AND ($3::bigint IS NULL OR con_id = $3) "
    "UNION ALL SELECT e.con_id, min(e.time) FROM break b JOIN execution e ON e.account_id = b.account_id AND e.con_id = b.con_id "
    "WHERE b.account_id = $4 AND b.kind = 'fill_without_position' AND b.state IN ('settling', 'open') AND ($3::bigint IS NULL OR "
    "b.con_id = $3) AND e.booking = 'pending' AND e.superseded_by IS NULL AND NOT e.excluded GROUP BY e.con_id";
constexpr std::string_view position_chains =
    "SELECT position_id, con_id, coalesce(chain_fact, opening_fact), CASE WHEN quantity = 0 THEN closed_at END FROM position "
    "WHERE position_id >= $1 AND position_id < $2 AND superseded_at IS NULL AND ($3::bigint IS NULL OR con_id = $3) "
    "ORDER BY position_id";
std::string const positions_of_account = fmt::format(
    "SELECT {} FROM position WHERE position_id >= $1 AND position_id < $2 AND superseded_at IS NULL AND ($3::bigint IS "
    "NULL OR con_id = $3) ORDER BY position_id",
    rows::position_columns);
std::string const closes_of_positions =
    fmt::format("SELECT {} FROM position_close WHERE position_id = ANY($1::bigint[]) AND superseded_at IS NULL ORDER BY close_id",
                rows::close_columns);
std::string const lots_of_account =
    fmt::format("SELECT {} FROM lot WHERE lot_id >= $1 AND lot_id < $2 ORDER BY lot_id", rows::lot_columns);
std::string const adjustments_of_account = fmt::format(
    "SELECT {} FROM adjustment WHERE adjustment_id >= $1 AND adjustment_id < $2 AND ($3::bigint IS NULL OR con_id = $3) "
    "ORDER BY adjustment_id",
    rows::adjustment_columns);
std::string const executions_since_time =
    fmt::format("SELECT {} FROM execution e WHERE e.account_id = $1 AND e.time >= $2 AND ($3::bigint IS NULL OR e.con_id = $3)",
                rows::execution_columns);
// All corrections of one fill: ids that are ROOT or begin with "ROOT." ('/' is the character after '.').
std::string const executions_of_root =
    fmt::format("SELECT {} FROM unnest($2::text[]) AS r(root) JOIN execution e ON e.account_id = $1 AND e.exec_id >= r.root AND "
                "e.exec_id < (r.root || '/') COLLATE \"C\"",
                rows::execution_columns);
std::string const executions_of_stretches = fmt::format(
    "SELECT {} FROM unnest($2::bigint[], $3::timestamptz[]) AS r(con_id, since) JOIN execution e ON e.account_id = $1 AND "
    "e.con_id = r.con_id AND e.time >= r.since AND e.time < $4",
    rows::execution_columns);
std::string const instruments_by_con_id =
    fmt::format("SELECT {} FROM instrument WHERE con_id = ANY($1::bigint[])", rows::instrument_columns);
std::string const unresolved_breaks =
    fmt::format("SELECT {} FROM break WHERE account_id = $1 AND state IN ('settling', 'open')", rows::break_columns);

Array ids(std::vector<std::int64_t> const& all) {
    Array array(Type::bigint);
    for (auto const id : all)
        array.add(id);
    return array;
}

class PostgresBookRows final : public BookRows {
public:
    PostgresBookRows(Connection& connection, AccountId account, std::optional<ConId> only)
        : connection_(connection), account_(account), only_(only), first_id_(model::row_id(account, 0)),
          end_id_(model::row_id(account + 1, 0)) {}

    Result<void> waiting(std::function<void(ConId, Timestamp)> const& take) override {
        return connection_.each(
            waiting_facts,
            [&](Row& row) {
                ConId const con_id = row.integer();
                take(con_id, row.time());
            },
            first_id_, end_id_, only_, account_);
    }
    Result<void> chains(Chain const& take) override {
        return connection_.each(
            position_chains,
            [&](Row& row) {
                RowId const id = row.integer();
                ConId const con_id = row.integer();
                std::string chain = row.text();
                take(id, con_id, std::move(chain), row.optional_time());
            },
            first_id_, end_id_, only_);
    }
    Result<void> positions(std::function<void(model::Position)> const& take) override {
        return connection_.each(
            positions_of_account, [&](Row& row) { take(rows::read_position(row)); }, first_id_, end_id_, only_);
    }
    Result<void> closes(std::vector<RowId> const& positions, std::function<void(model::Close)> const& take) override {
        if (positions.empty()) return {};
        return each_of(closes_of_positions, [&](Row& row) { take(rows::read_close(row)); }, ids(positions));
    }
    Result<void> lots(std::function<void(model::Lot)> const& take) override {
        return connection_.each(lots_of_account, [&](Row& row) { take(rows::read_lot(row)); }, first_id_, end_id_);
    }
    Result<void> adjustments(std::function<void(model::Adjustment)> const& take) override {
        return connection_.each(
            adjustments_of_account, [&](Row& row) { take(rows::read_adjustment(row)); }, first_id_, end_id_, only_);
    }
    Result<void> executions_since(Timestamp cutoff, std::function<void(model::Execution)> const& take) override {
        return connection_.each(
            executions_since_time, [&](Row& row) { take(rows::read_execution(row)); }, account_, cutoff, only_);
    }
    Result<void> executions_of_roots(std::vector<std::string> const& roots,
                                     std::function<void(model::Execution)> const& take) override {
        if (roots.empty()) return {};
        Array array(Type::text);
        for (auto const& root : roots)
            array.add(root);
        return each_of(executions_of_root, [&](Row& row) { take(rows::read_execution(row)); }, account_, std::move(array));
    }
    Result<void> executions_before(std::vector<Stretch> const& stretches, Timestamp until,
                                   std::function<void(model::Execution)> const& take) override {
        if (stretches.empty()) return {};
        Array con_ids(Type::bigint);
        Array since(Type::timestamptz);
        for (auto const& stretch : stretches) {
            con_ids.add(stretch.con_id);
            since.add(stretch.from);
        }
        return each_of(
            executions_of_stretches, [&](Row& row) { take(rows::read_execution(row)); }, account_, std::move(con_ids),
            std::move(since), until);
    }
    Result<void> break_instruments(std::function<void(ConId)> const& take) override {
        return connection_.each(
            "SELECT con_id FROM break WHERE account_id = $1 AND con_id IS NOT NULL AND state IN ('settling', 'open')",
            [&](Row& row) { take(row.integer()); }, account_);
    }
    Result<void> instruments(std::vector<ConId> const& con_ids, std::function<void(model::Instrument)> const& take) override {
        if (con_ids.empty()) return {};
        return each_of(instruments_by_con_id, [&](Row& row) { take(rows::read_instrument(row)); }, ids(con_ids));
    }

private:
    template <typename Read, typename... Values>
    Result<void> each_of(std::string_view sql, Read read, Values&&... values) {
        Parameters parameters;
        (parameters.add(std::forward<Values>(values)), ...);
        connection_.add(sql, std::move(parameters));
        POSSYNC_TRY(auto const answers, connection_.flush());
        return answers.back().each(read);
    }

    Connection& connection_;
    AccountId account_;
    std::optional<ConId> only_;
    RowId first_id_;
    RowId end_id_;
};

}  // namespace

Result<model::InstrumentBooks> load_instruments(Connection& connection, AccountId account, Timestamp cutoff,
                                                                std::optional<ConId> con_id) {
    PostgresBookRows book_rows(connection, account, con_id);
    return store::load_instruments(book_rows, cutoff, con_id);
}

Result<std::map<RowId, model::Break>> load_unresolved_breaks(Connection& connection, AccountId account) {
    std::map<RowId, model::Break> breaks;
    POSSYNC_TRY_VOID(connection.each(
        unresolved_breaks,
        [&](Row& row) {
            model::Break b = rows::read_break(row);
            breaks.emplace(b.break_id, std::move(b));
        },
        account));
    return breaks;
}

}  // namespace possync::store::postgres

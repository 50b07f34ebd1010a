#include "store/sqlite/sqlite_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "query/time_travel.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;
using query::Filter;
using sqlite::Database;
using sqlite::Statement;

namespace {

/// Reads one column into a member; false when it does not hold such a value.
template <typename Value>
bool read_value(sqlite::Row const& row, int index, Value& out) {
    if constexpr (query::IsOptional<Value>::value) {
        if (row.is_null(index)) {
            out.reset();
            return true;
        }
        return read_value(row, index, out.emplace());
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        out = row.integer_at(index);
        return row.type(index) == SQLITE_INTEGER;
    } else if constexpr (std::is_same_v<Value, bool>) {
        out = row.integer_at(index) != 0;
        return row.type(index) == SQLITE_INTEGER;
    } else {
        if (row.type(index) != SQLITE_TEXT) return false;
        auto parsed = query::value_of<Value>(row.text_at(index));
        if (parsed) out = std::move(*parsed);
        return parsed.has_value();
    }
}

class SqliteReader final : public query::Reader {
public:
    explicit SqliteReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    Result<int> schema_version() override { return sqlite::schema_version(*database_); }

    Result<std::vector<query::AccountRow>> accounts(Filter const& filter) override {
        return rows<query::AccountRow>(filter);
    }
    Result<std::vector<query::InstrumentRow>> instruments(Filter const& filter) override {
        return rows<query::InstrumentRow>(filter);
    }
    Result<std::vector<query::PositionRow>> positions(Filter const& filter) override {
        if (filter.at || filter.as_recorded) return positions_of_the_past(filter);
        return rows<query::PositionRow>(filter);
    }
    Result<std::vector<query::CloseRow>> closes(Filter const& filter) override {
        return rows<query::CloseRow>(filter);
    }
    Result<std::vector<query::EventRow>> events(Filter const& filter) override {
        return rows<query::EventRow>(filter);
    }
    Result<std::vector<query::ExecutionRow>> executions(Filter const& filter) override {
        return rows<query::ExecutionRow>(filter);
    }
    Result<std::vector<query::LotRow>> lots(Filter const& filter) override {
        return rows<query::LotRow>(filter);
    }
    Result<std::vector<query::RunRow>> runs(Filter const& filter) override {
        return rows<query::RunRow>(filter);
    }
    Result<std::vector<query::BreakRow>> breaks(Filter const& filter) override {
        return rows<query::BreakRow>(filter);
    }
    Result<std::vector<query::CoverageRow>> coverage(Filter const& filter) override {
        return rows<query::CoverageRow>(filter);
    }
    Result<std::vector<query::AccountValueRow>> account_values(Filter const& filter) override {
        return rows<query::AccountValueRow>(filter);
    }
    Result<std::vector<query::AdjustmentRow>> adjustments(Filter const& filter) override {
        return rows<query::AdjustmentRow>(filter);
    }
    Result<std::vector<query::HistoryRow>> history(Filter const& filter) override {
        return rows<query::HistoryRow>(filter);
    }
    Result<std::vector<query::StatementRow>> statements(Filter const& filter) override {
        return rows<query::StatementRow>(filter);
    }
    Result<std::vector<query::CertificationRow>> certifications(Filter const& filter) override {
        return rows<query::CertificationRow>(filter);
    }
    Result<std::vector<query::CertificationDifferenceRow>> certification_differences(Filter const& filter) override {
        return rows<query::CertificationDifferenceRow>(filter);
    }
    Result<std::vector<query::CashTransactionRow>> cash_transactions(Filter const& filter) override {
        return rows<query::CashTransactionRow>(filter);
    }
    Result<std::vector<query::SuccessionRow>> successions(Filter const& filter) override {
        return rows<query::SuccessionRow>(filter);
    }
    Result<std::vector<query::CurrencyRateRow>> currency_rates(Filter const& filter) override {
        return rows<query::CurrencyRateRow>(filter);
    }

    Result<std::vector<query::GatewayStatus>> gateways() override {
        std::vector<query::GatewayStatus> gateways;
        POSSYNC_TRY_VOID(database_->each(
            "SELECT name, is_paper, owner, lease_until FROM gateway ORDER BY gateway_id", [&](sqlite::Row& row) {
                query::GatewayStatus gateway;
                gateway.gateway = row.text();
                if (auto const paper = row.optional_integer()) gateway.is_paper = *paper != 0;
                if (std::string owner = row.text(); !owner.empty()) {
                    gateway.owner = std::move(owner);
                    gateway.lease_until = row.time();
                }
                gateways.push_back(std::move(gateway));
            }));
        return gateways;
    }

    Result<std::int64_t> committed_state() override {
        POSSYNC_TRY(auto const version, database_->integer("PRAGMA data_version"));
        return version.value_or(0);
    }

    Result<void> begin_snapshot() override {
        // Snapshots nest: the outermost one decides what is seen.
        if (snapshot_depth_ == 0) {
            POSSYNC_TRY(auto transaction, sqlite::Transaction::begin_reading(*database_));
            snapshot_.emplace(std::move(transaction));
        }
        ++snapshot_depth_;
        return {};
    }

    void end_snapshot() override {
        CHECK(snapshot_depth_ > 0);
        if (--snapshot_depth_ == 0) snapshot_.reset();
    }

private:
    /// An account that does not exist is a typing error, not an empty answer.
    Result<void> require_account(std::string const& account) {
        std::string known;
        bool found = false;
        POSSYNC_TRY_VOID(
            database_->each("SELECT account FROM accounts ORDER BY account", [&](sqlite::Row& row) {
                std::string const code = row.text();
                found = found || code == account;
                known += (known.empty() ? "" : ", ") + code;
            }));
        if (found) return {};
        return base::fail(ErrorCode::not_found,
                          fmt::format("unknown account '{}'; this database has {}", account.substr(0, 40),
                                      known.empty() ? "none yet: run `possync sync` first" : known));
    }

    template <typename Row>
    Result<std::vector<Row>> rows(Filter const& wanted) {
        query::ViewInfo const& view = query::view_info<Row>();
        POSSYNC_TRY(Filter const filter, query::checked(view, wanted));
        if (filter.account) POSSYNC_TRY_VOID(require_account(*filter.account));
        query::Select const select = query::make_select(view, filter);
        POSSYNC_TRY(Statement* const statement, database_->statement(select.sql));
        CHECK(statement->parameter_count() == static_cast<int>(select.parameters.size()));
        for (std::size_t i = 0; i < select.parameters.size(); ++i) {
            auto const& parameter = select.parameters[i];
            int const index = static_cast<int>(i) + 1;
            if (parameter.text) {
                statement->bind_copy(index, *parameter.text);
            } else {
                statement->bind_copy(index, parameter.integer);
            }
        }
        std::vector<Row> found;
        std::optional<base::Error> error;
        POSSYNC_TRY_VOID(statement->each_bound([&](sqlite::Row& in) {
            if (error) return;
            Row& row = found.emplace_back();
            int index = 0;
            query::for_each_column<Row>([&](auto const& column) {
                if (!read_value(in, index, row.*column.member) && !error) {
                    error = base::Error{
                        ErrorCode::io,
                        fmt::format("database {}: {}.{} holds '{}', which is no {}; run `possync verify`",
                                    database_->path(), view.name, column.name, query_text(in, index),
                                    query::to_string(column.type))};
                }
                ++index;
            });
        }));
        if (error) return std::unexpected(*error);
        if (select.reversed) std::reverse(found.begin(), found.end());
        query::sort_rows(found, filter);
        return found;
    }

    static std::string query_text(sqlite::Row const& row, int index) {
        return row.is_null(index) ? "NULL" : std::string(row.text_at(index).substr(0, 60));
    }

    Result<std::vector<query::PositionRow>> positions_of_the_past(Filter const& wanted) {
        POSSYNC_TRY(Filter const filter, query::checked(query::view_info<query::PositionRow>(), wanted));
        POSSYNC_TRY(auto const held, query::ReadSnapshot::begin(*this));
        // The same choice of rows everywhere, but for what only the result can be asked: status, sort and
        // limit.
        Filter of_instrument;
        of_instrument.symbol = filter.symbol;
        of_instrument.con_id = filter.con_id;
        Filter of_account;
        of_account.account = filter.account;
        Filter both = of_instrument;
        both.account = filter.account;
        query::TimeTravelInput input;
        POSSYNC_TRY(input.history, rows<query::HistoryRow>(query::history_filter(filter)));
        POSSYNC_TRY(input.accounts, rows<query::AccountRow>(of_account));
        POSSYNC_TRY(input.instruments, rows<query::InstrumentRow>(of_instrument));
        POSSYNC_TRY(input.positions, rows<query::PositionRow>(both));
        if (!filter.as_recorded) {
            POSSYNC_TRY(input.closes, rows<query::CloseRow>(both));
        }
        return query::positions_at(input, filter);
    }

    std::unique_ptr<Database> database_;
    std::optional<sqlite::Transaction> snapshot_;
    int snapshot_depth_ = 0;
};

}  // namespace

Result<std::unique_ptr<query::Reader>> open_sqlite_reader(std::string const& path) {
    auto database = open_sqlite_for_reading(path);
    if (!database && database.error().code == ErrorCode::not_found) {
        return base::fail(
            ErrorCode::not_found,
            fmt::format("database {} does not exist; run `possync sync` or `possync migrate` first", path));
    }
    if (!database) return std::unexpected(database.error());
    return make_sqlite_reader(std::move(*database));
}

std::unique_ptr<query::Reader> make_sqlite_reader(std::unique_ptr<Database> database) {
    return std::make_unique<SqliteReader>(std::move(database));
}

}  // namespace possync::store

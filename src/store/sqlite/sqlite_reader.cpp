#include "store/sqlite/sqlite_reader.hpp"

#include <fmt/format.h>

#include <optional>

#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/view_reader.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;
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

class SqliteReader final : public ViewReader<SqliteReader> {
public:
    explicit SqliteReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    Result<int> schema_version() override { return sqlite::schema_version(*database_); }

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

    Result<std::optional<base::Timestamp>> statistics_since() override {
        POSSYNC_TRY(auto const since,
                    database_->integer("SELECT CAST(value AS INTEGER) FROM database_info WHERE key = 'statistics_since'"));
        return since ? std::optional(base::Timestamp{*since}) : std::nullopt;
    }

    Result<std::int64_t> committed_state() override {
        POSSYNC_TRY(auto const version, database_->integer("PRAGMA data_version"));
        return version.value_or(0);
    }

private:
    friend class ViewReader<SqliteReader>;

    Result<void> hold_state() {
        POSSYNC_TRY(auto transaction, sqlite::Transaction::begin_reading(*database_));
        snapshot_.emplace(std::move(transaction));
        return {};
    }
    void let_go() { snapshot_.reset(); }

    Result<std::vector<std::string>> account_codes() {
        std::vector<std::string> codes;
        POSSYNC_TRY_VOID(
            database_->each("SELECT code FROM account ORDER BY code", [&](sqlite::Row& row) { codes.push_back(row.text()); }));
        return codes;
    }

    template <typename Row>
    Result<std::vector<Row>> select(query::ViewInfo const& view, query::Select const& select) {
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
        return found;
    }

    static std::string query_text(sqlite::Row const& row, int index) {
        return row.is_null(index) ? "NULL" : std::string(row.text_at(index).substr(0, 60));
    }

    std::unique_ptr<Database> database_;
    std::optional<sqlite::Transaction> snapshot_;
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

#include "store/postgres/postgres_reader.hpp"

#include <fmt/format.h>

#include "store/postgres/migrations.hpp"
#include "store/view_reader.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;
using postgres::Connection;
using postgres::Session;

namespace {

/// Reads one column into a member; false when it does not hold such a value.
template <typename Value>
bool read_value(postgres::Row const& row, int index, Value& out) {
    if constexpr (query::IsOptional<Value>::value) {
        if (row.is_null(index)) {
            out.reset();
            return true;
        }
        return read_value(row, index, out.emplace());
    } else {
        if (row.is_null(index)) return false;
        std::string_view const text = row.text_at(index);
        if constexpr (std::is_same_v<Value, bool>) {
            out = text == "t";
            return text == "t" || text == "f";
        } else if constexpr (std::is_same_v<Value, base::Timestamp>) {
            auto const time = postgres::parse_server_time(text);
            if (time) out = *time;
            return time.has_value();
        } else {
            auto parsed = query::value_of<Value>(text);
            if (parsed) out = std::move(*parsed);
            return parsed.has_value();
        }
    }
}

class PostgresReader final : public ViewReader<PostgresReader> {
public:
    explicit PostgresReader(std::unique_ptr<Session> session) : session_(std::move(session)) {}

    Result<int> schema_version() override { return postgres::schema_version(*session_); }

    Result<std::vector<query::GatewayStatus>> gateways() override {
        POSSYNC_TRY(Connection* const connection, this->connection());
        std::vector<query::GatewayStatus> gateways;
        POSSYNC_TRY_VOID(connection->each("SELECT name, is_paper, owner, lease_until FROM gateway ORDER BY gateway_id",
                                          [&](postgres::Row& row) {
                                              query::GatewayStatus gateway;
                                              gateway.gateway = row.text();
                                              gateway.is_paper = row.optional_boolean();
                                              if (std::string owner = row.text(); !owner.empty()) {
                                                  gateway.owner = std::move(owner);
                                                  gateway.lease_until = row.time();
                                              }
                                              gateways.push_back(std::move(gateway));
                                          }));
        return gateways;
    }

    Result<std::optional<base::Timestamp>> statistics_since() override {
        POSSYNC_TRY(Connection* const connection, this->connection());
        std::optional<base::Timestamp> since;
        POSSYNC_TRY_VOID(connection->each("SELECT value::timestamptz FROM database_info WHERE key = 'statistics_since'",
                                          [&](postgres::Row& row) { since = row.time(); }));
        return since;
    }

    /// Every commit moves its gateway's count, every new owner its epoch: no row is shared by all writers for this.
    Result<std::int64_t> committed_state() override {
        POSSYNC_TRY(Connection* const connection, this->connection());
        POSSYNC_TRY(auto const sum, connection->integer("SELECT sum(commits + epoch)::bigint FROM gateway"));
        return sum.value_or(0);
    }

private:
    friend class ViewReader<PostgresReader>;

    /// A state that is held is held on this connection: when that is gone, so is the state, and the caller is told.
    Result<Connection*> connection() {
        if (held_ != nullptr && (held_->broken() || !held_->alive())) {
            return base::fail(ErrorCode::unavailable,
                              fmt::format("the connection to {} was lost while reading; read again", session_->address().shown));
        }
        return session_->connection();
    }

    Result<void> hold_state() {
        POSSYNC_TRY(Connection* const connection, session_->connection());
        POSSYNC_TRY_VOID(connection->run(postgres::begin_reading));
        held_ = connection;
        return {};
    }
    void let_go() {
        if (held_->broken() || !held_->run("COMMIT")) session_->close();
        held_ = nullptr;
    }

    Result<std::vector<std::string>> account_codes() {
        POSSYNC_TRY(Connection* const connection, this->connection());
        std::vector<std::string> codes;
        POSSYNC_TRY_VOID(
            connection->each("SELECT code FROM account ORDER BY code", [&](postgres::Row& row) { codes.push_back(row.text()); }));
        return codes;
    }

    template <typename Row>
    Result<std::vector<Row>> select(query::ViewInfo const& view, query::Select const& select) {
        POSSYNC_TRY(Connection* const connection, this->connection());
        postgres::Parameters parameters;
        for (auto const& parameter : select.parameters) {
            parameters.add_untyped(parameter.text ? *parameter.text : std::to_string(parameter.integer));
        }
        connection->add(select.sql, std::move(parameters));
        POSSYNC_TRY(auto const answers, connection->flush());
        auto const& answer = answers.back();
        std::vector<Row> found(static_cast<std::size_t>(answer.rows()));
        std::optional<base::Error> error;
        for (int i = 0; i < answer.rows() && !error; ++i) {
            postgres::Row const in = answer.row(i);
            int index = 0;
            query::for_each_column<Row>([&](auto const& column) {
                if (!read_value(in, index, found[static_cast<std::size_t>(i)].*column.member) && !error) {
                    error = base::Error{ErrorCode::io,
                                        fmt::format("database {}: {}.{} holds '{}', which is no {}; run `possync verify`",
                                                    session_->address().shown, view.name, column.name,
                                                    in.is_null(index) ? "NULL" : in.text_at(index).substr(0, 60),
                                                    query::to_string(column.type))};
                }
                ++index;
            });
        }
        if (error) return std::unexpected(*error);
        return found;
    }

    std::unique_ptr<Session> session_;
    Connection* held_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<query::Reader>> open_postgres_reader(postgres::Address const& address,
                                                            postgres::ConnectionOptions options) {
    options.read_only = true;
    auto session = std::make_unique<Session>(address, options);
    POSSYNC_TRY_VOID(postgres::require_current(*session, postgres::embedded_migrations()));
    return std::make_unique<PostgresReader>(std::move(session));
}

}  // namespace possync::store

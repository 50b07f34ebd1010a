#include "store/postgres/postgres_outbox.hpp"

#include "store/postgres/postgres_reader.hpp"
#include "store/sql_alert_log.hpp"
#include "store/sql_outbox.hpp"

namespace possync::store {

using base::Result;
using postgres::Connection;
using postgres::Session;

namespace {

class PostgresEngine {
public:
    PostgresEngine(postgres::Address address, postgres::ConnectionOptions options, std::unique_ptr<query::Reader> reader)
        : session_(std::make_unique<Session>(std::move(address), options)), reader_(std::move(reader)) {}

    template <typename Body>
    auto transaction(Body body) -> std::invoke_result_t<Body, Connection&> {
        return session_->transaction(postgres::begin_writing, body);
    }
    template <typename Body>
    auto read(Body body) -> std::invoke_result_t<Body, Connection&> {
        return session_->transaction(postgres::begin_reading, body);
    }
    Result<query::Reader*> reader() { return reader_.get(); }

private:
    std::unique_ptr<Session> session_;
    std::unique_ptr<query::Reader> reader_;
};

}  // namespace

Result<std::unique_ptr<Outbox>> open_postgres_outbox(postgres::Address const& address, postgres::ConnectionOptions options) {
    POSSYNC_TRY(auto reader, open_postgres_reader(address, options));
    return std::make_unique<SqlOutbox<PostgresEngine>>(PostgresEngine(address, options, std::move(reader)));
}

Result<std::unique_ptr<AlertLog>> open_postgres_alert_log(postgres::Address const& address, postgres::ConnectionOptions options) {
    return std::make_unique<SqlAlertLog<PostgresEngine>>(PostgresEngine(address, options, nullptr));
}

}  // namespace possync::store

#include "store/sqlite/sqlite_outbox.hpp"

#include "store/sql_alert_log.hpp"
#include "store/sql_outbox.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_reader.hpp"

namespace possync::store {

using base::Result;
using sqlite::Database;
using sqlite::Transaction;

namespace {

class SqliteEngine {
public:
    SqliteEngine(std::unique_ptr<Database> database, std::unique_ptr<query::Reader> reader)
        : database_(std::move(database)), reader_(std::move(reader)) {}

    template <typename Body>
    auto transaction(Body body) -> std::invoke_result_t<Body, Database&> {
        POSSYNC_TRY(Transaction transaction, Transaction::begin(*database_));
        auto result = body(*database_);
        if (result) POSSYNC_TRY_VOID(transaction.commit());
        return result;
    }
    template <typename Body>
    auto read(Body body) -> std::invoke_result_t<Body, Database&> {
        POSSYNC_TRY(Transaction transaction, Transaction::begin_reading(*database_));
        return body(*database_);
    }
    Result<query::Reader*> reader() { return reader_.get(); }

private:
    std::unique_ptr<Database> database_;
    std::unique_ptr<query::Reader> reader_;
};

}  // namespace

namespace {

Result<std::unique_ptr<Database>> open_beside_the_store(std::string const& path) {
    POSSYNC_TRY(auto database, Database::open(path, {.mode = Database::Mode::read_write}));
    POSSYNC_TRY_VOID(sqlite::require_current(*database, sqlite::embedded_migrations()));
    POSSYNC_TRY_VOID(database->use_write_ahead_log());
    return database;
}

}  // namespace

Result<std::unique_ptr<Outbox>> open_sqlite_outbox(std::string const& path) {
    POSSYNC_TRY(auto database, open_beside_the_store(path));
    POSSYNC_TRY(auto reader, open_sqlite_reader(path));
    return std::make_unique<SqlOutbox<SqliteEngine>>(SqliteEngine(std::move(database), std::move(reader)));
}

Result<std::unique_ptr<AlertLog>> open_sqlite_alert_log(std::string const& path) {
    POSSYNC_TRY(auto database, open_beside_the_store(path));
    return std::make_unique<SqlAlertLog<SqliteEngine>>(SqliteEngine(std::move(database), nullptr));
}

}  // namespace possync::store

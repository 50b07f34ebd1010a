#include "store/postgres/postgres_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "store/contract_test.hpp"
#include "store/outbox_contract_test.hpp"
#include "store/postgres/migrations.hpp"
#include "store/postgres/postgres_outbox.hpp"
#include "store/postgres/postgres_reader.hpp"
#include "store/postgres/test_schema.hpp"
#include "store/reader_contract_test.hpp"

namespace possync::store {
namespace {

PostgresOptions test_options() {
    PostgresOptions options;
    options.server_time = false;
    return options;
}

class PostgresSubject final : public contract::Subject {
public:
    PostgresSubject() { open(); }
    Store& store() override { return *store_; }
    void reopen() override {
        store_.reset();
        open();
    }
    base::Result<std::int64_t> ask(std::string const& verb, std::string const& service) override {
        OperatorRequest request;
        request.verb = verb;
        request.arguments = "{}";
        request.author = "test";
        request.service = service;
        return postgres::submit_operator_request(session_, request);
    }
    model::StatementRecords statement_records(model::AccountId account) override;
    base::Result<void> reset_statistics(base::Timestamp now) override { return postgres::reset_statistics(session_, now); }
    base::Result<std::vector<std::string>> check() override { return postgres::check(session_); }
    void execute(std::string const& sql) override { EXPECT_TRUE(schema_->connect()->execute(sql).has_value()); }
    std::unique_ptr<query::Reader> open_reader() override { return open_postgres_reader(schema_->address()).value(); }
    std::unique_ptr<Outbox> open_outbox() override { return open_postgres_outbox(schema_->address()).value(); }
    std::unique_ptr<AlertLog> open_alert_log() override { return open_postgres_alert_log(schema_->address()).value(); }
    bool refuses_a_reader(std::string const& sql) override {
        postgres::ConnectionOptions reading;
        reading.read_only = true;
        auto const connection = postgres::Connection::open(schema_->address(), reading).value();
        return !connection->execute(sql) && connection->last_state() == "25006";
    }
    std::vector<std::string> columns_of(std::string_view view) override {
        std::vector<std::string> found;
        auto const read = schema_->connect()->each(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
            [&](postgres::Row& row) { found.push_back(row.text()); }, schema_->name(), view);
        EXPECT_TRUE(read.has_value());
        return found;
    }
    /// Of all tables but the gateway's, whose row every commit touches.
    std::int64_t rows_written() override {
        auto const connection = schema_->connect();
        EXPECT_TRUE(connection->execute("SELECT pg_stat_force_next_flush()").has_value());
        // What the store's connection did is counted when it is idle next: it is closed for that.
        reopen();
        for (std::int64_t last = -1;;) {
            auto const sum =
                schema_->connect()->integer("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables "
                                           "WHERE schemaname = $1 AND relname <> 'gateway'",
                                           schema_->name());
            EXPECT_TRUE(sum.has_value()) << sum.error().message;
            if (*sum == last) return last;
            last = sum->value_or(0);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }

private:
    void open() {
        auto opened = open_postgres_store(schema_->address(), test_options());
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        store_ = std::move(*opened);
    }
    postgres::EmptyTables schema_;
    postgres::Session session_{schema_->address(), {}};
    std::unique_ptr<Store> store_;
};

model::StatementRecords PostgresSubject::statement_records(model::AccountId account) {
    auto const connection = schema_->connect();
    return contract::read_statement_records(*store_, account, [&](std::string const& sql, auto read) {
        auto const done = connection->each(sql, read, account);
        EXPECT_TRUE(done.has_value()) << done.error().message;
    });
}

}  // namespace

namespace contract {
auto const on_postgres = testing::Values(SubjectFactory([] { return std::make_unique<PostgresSubject>(); }));
INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, on_postgres);
INSTANTIATE_TEST_SUITE_P(Postgres, ReaderContract, on_postgres);
INSTANTIATE_TEST_SUITE_P(Postgres, OutboxContract, on_postgres);
}  // namespace contract
}  // namespace possync::store

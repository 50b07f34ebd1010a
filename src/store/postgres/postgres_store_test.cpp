#include "store/postgres/postgres_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "store/contract_test.hpp"
#include "store/postgres/migrations.hpp"
#include "store/postgres/test_schema.hpp"

namespace possync::store {
namespace {

using postgres::Row;

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
    /// Of all tables but the gateway's, whose row every commit touches.
    std::int64_t rows_written() override {
        auto const connection = schema_.connect();
        EXPECT_TRUE(connection->execute("SELECT pg_stat_force_next_flush()").has_value());
        // What the store's connection did is counted when it is idle next: it is closed for that.
        reopen();
        for (std::int64_t last = -1;;) {
            auto const sum =
                schema_.connect()->integer("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables "
                                           "WHERE schemaname = $1 AND relname <> 'gateway'",
                                           schema_.name());
            EXPECT_TRUE(sum.has_value()) << sum.error().message;
            if (*sum == last) return last;
            last = sum->value_or(0);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }

private:
    void open() {
        auto opened = open_postgres_store(schema_.address(), test_options());
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        store_ = std::move(*opened);
    }
    postgres::TestSchema schema_;
    postgres::Session session_{schema_.address(), {}};
    std::unique_ptr<Store> store_;
};

model::StatementRecords PostgresSubject::statement_records(model::AccountId account) {
    using base::parse_date;
    model::StatementRecords records;
    records.account_id = account;
    auto const claims = store_->load_claims(account, {1970, 1, 1});
    EXPECT_TRUE(claims.has_value()) << claims.error().message;
    records.statements = claims->statements;
    records.positions = claims->positions;
    records.trades = claims->trades;
    records.certifications = claims->certifications;
    records.differences = claims->differences;
    auto const connection = schema_.connect();
    auto const each = [&](std::string_view sql, auto read) {
        auto const done = connection->each(sql, read, account);
        EXPECT_TRUE(done.has_value()) << done.error().message;
    };
    each("SELECT transaction_id, type, con_id, symbol, currency, amount, fx_rate_to_base, time, report_date, settle_date, "
         "ex_date, "
         "action_id, description FROM cash_transaction WHERE account_id = $1 ORDER BY transaction_id",
         [&](Row& row) {
             auto& c = records.cash.emplace_back();
             c.transaction_id = row.text();
             c.type = row.text();
             c.con_id = row.optional_integer().value_or(0);
             c.symbol = row.text();
             c.currency = row.text();
             c.amount = row.decimal();
             c.fx_rate_to_base = row.optional_decimal();
             c.time = row.optional_time();
             c.report_date = row.parsed(parse_date);
             c.settle_date = row.optional_parsed(parse_date);
             c.ex_date = row.optional_parsed(parse_date);
             c.action_id = row.text();
             c.description = row.text();
         });
    each("SELECT old_con_id, new_con_id, effective_date, action_id, type, ratio, cost_share FROM instrument_succession "
         "WHERE account_id = $1 ORDER BY action_id, old_con_id, new_con_id",
         [&](Row& row) {
             auto& s = records.successions.emplace_back();
             s.old_con_id = row.integer();
             s.new_con_id = row.integer();
             s.effective_date = row.parsed(parse_date);
             s.action_id = row.text();
             s.type = row.text();
             s.ratio = row.optional_parsed(model::parse_ratio);
             s.cost_share = row.optional_decimal();
         });
    each("SELECT date, currency, rate FROM currency_rate WHERE account_id = $1 ORDER BY date, currency", [&](Row& row) {
        auto& r = records.rates.emplace_back();
        r.date = row.parsed(parse_date);
        r.currency = row.text();
        r.rate = row.decimal();
    });
    each("SELECT section, content FROM statement_remainder WHERE account_id = $1 ORDER BY section, content", [&](Row& row) {
        std::string section = row.text();
        records.remainders.push_back({std::move(section), 0, row.text()});
    });
    each("SELECT base_currency FROM account WHERE account_id = $1", [&](Row& row) { records.base_currency = row.text(); });
    return records;
}

}  // namespace

namespace contract {
INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract,
                         testing::Values(SubjectFactory([] { return std::make_unique<PostgresSubject>(); })));
}  // namespace contract
}  // namespace possync::store

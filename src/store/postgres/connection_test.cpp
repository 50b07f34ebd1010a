#include "store/postgres/connection.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <limits>

#include "store/postgres/session.hpp"
#include "store/postgres/test_schema.hpp"

namespace possync::store::postgres {
namespace {

using base::Decimal;
using base::ErrorCode;
using base::Timestamp;

TEST(PostgresUrl, IsTakenApart) {
    auto const full = parse_address("postgres://ann:p%40ss@db.example.com:5433/books?sslmode=verify-full&schema=fund_1").value();
    EXPECT_EQ(full.url, "postgresql://ann@db.example.com:5433/books?sslmode=verify-full");
    EXPECT_EQ(full.schema, "fund_1");
    EXPECT_EQ(full.shown, "postgresql://ann@db.example.com:5433/books?schema=fund_1");
    EXPECT_EQ(full.password.reveal(), "p@ss");
    auto const plain = parse_address("postgresql:///books").value();
    EXPECT_EQ(plain.schema, "possync");
    EXPECT_TRUE(plain.password.empty());
    EXPECT_EQ(parse_address("postgresql://h/b?password=geheim").value().password.reveal(), "geheim");
}

TEST(PostgresUrl, SaysWhatIsWrongWithoutThePassword) {
    for (auto const* const url :
         {"postgresql://ann:geheim@host", "postgresql://ann:geheim@host/", "postgresql://ann:geheim@host/b?nonsense=1",
          "postgresql://ann:geheim@host/b?schema=Bad", "postgresql://ann:geheim@host/b?schema=pg_x",
          "postgresql://ann:geheim@host/b?schema=", "postgresql://ann:geheim%4@host/b"}) {
        auto const parsed = parse_address(url);
        ASSERT_FALSE(parsed.has_value()) << url;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_input);
        EXPECT_EQ(parsed.error().message.find("geheim"), std::string::npos) << parsed.error().message;
    }
}

TEST(PostgresTime, IsReadAsTheServerWritesIt) {
    EXPECT_EQ(parse_server_time("2026-11-23 12:00:00+00").value(), (Timestamp{1'795'435'200'000'000}));
    EXPECT_EQ(parse_server_time("2026-11-23 12:00:00.5+00").value(), (Timestamp{1'795'435'200'500'000}));
    EXPECT_EQ(parse_server_time("1969-12-31 23:59:59.999999+00").value(), (Timestamp{-1}));
    EXPECT_EQ(parse_server_time("infinity").value().microseconds, std::numeric_limits<std::int64_t>::max());
    for (auto const* const text : {"", "2026-11-23", "2026-11-23 12:00:00", "2026-11-23 12:00:00+02", "2026-11-23 12:00:00.+00",
                                   "2026-11-23 12:00:00.1234567+00", "x026-11-23 12:00:00+00"}) {
        EXPECT_FALSE(parse_server_time(text).has_value()) << text;
    }
}

class PostgresConnection : public testing::Test {
protected:
    TestSchema schema_;
    std::unique_ptr<Connection> connection_ = schema_.connect();
};

TEST_F(PostgresConnection, ValuesComeBackAsTheyWent) {
    auto const time = Timestamp{1'795'435'200'000'001};
    auto const number = Decimal::parse("-99999999999999999999.123456789012345678").value();
    std::optional<std::int64_t> const none;
    auto const done = connection_->each(
        "SELECT $1::bigint, $2::text, $3::numeric, $4::timestamptz, $5::boolean, $6::date, $7::bigint, $8::text",
        [&](Row& row) {
            EXPECT_EQ(row.integer(), -7);
            EXPECT_EQ(row.text(), "it's \"\xc3\xa9\"");
            EXPECT_EQ(row.decimal(), number);
            EXPECT_EQ(row.time(), time);
            EXPECT_TRUE(row.boolean());
            EXPECT_EQ(row.parsed(base::parse_date), (base::Date{2026, 11, 23}));
            EXPECT_EQ(row.optional_integer(), std::nullopt);
            EXPECT_EQ(row.text(), "");
        },
        -7, "it's \"\xc3\xa9\"", number, time, true, base::Date{2026, 11, 23}, none, TextOrNull{""});
    EXPECT_TRUE(done.has_value()) << done.error().message;
}

TEST_F(PostgresConnection, WholeColumnsComeBackAsTheyWent) {
    constexpr std::string_view columns = "a bigint, b text, c numeric, d timestamptz, e boolean, f date";
    Batch batch(columns);
    for (int i = 0; i < 3000; ++i) {
        bool const some = i % 3 != 0;
        batch.add(i, some ? std::optional(std::string("x") + std::to_string(i)) : std::nullopt,
                  some ? std::optional(Decimal::from_parts(i, 2)) : std::nullopt,
                  some ? std::optional(Timestamp{i}) : std::nullopt, some, base::date_of_days(i));
    }
    connection_->add("SELECT * FROM " + unnest(columns), batch.take());
    auto const answers = connection_->flush();
    ASSERT_TRUE(answers.has_value()) << answers.error().message;
    int i = 0;
    auto const read = answers->back().each([&](Row& row) {
        bool const some = i % 3 != 0;
        EXPECT_EQ(row.integer(), i);
        EXPECT_EQ(row.text(), some ? "x" + std::to_string(i) : "");
        EXPECT_EQ(row.optional_decimal(), some ? std::optional(Decimal::from_parts(i, 2)) : std::nullopt);
        EXPECT_EQ(row.optional_time(), some ? std::optional(Timestamp{i}) : std::nullopt);
        EXPECT_EQ(row.boolean(), some);
        EXPECT_EQ(row.parsed(base::parse_date), base::date_of_days(i));
        ++i;
    });
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(i, 3000);
}

TEST_F(PostgresConnection, NumbersKeepEveryDigit) {
    std::vector<Decimal> numbers;
    for (auto const* const text : {"0",
                                   "1",
                                   "-1",
                                   "9999",
                                   "10000",
                                   "-10000",
                                   "0.1",
                                   "0.0001",
                                   "0.00001",
                                   "-0.000000000000000001",
                                   "12.5",
                                   "1234.5678",
                                   "100000000.00000001",
                                   "99999999999999999999.999999999999999999",
                                   "-99999999999999999999999999999999999999",
                                   "18446744073709551615",
                                   "18446744073709551616",
                                   "922337203685477.5807",
                                   "0.999999999999999999",
                                   "20000.000000000002"})
        numbers.push_back(Decimal::parse(text).value());
    for (int scale = 0; scale <= Decimal::scale_max; ++scale) {
        for (std::int64_t digits = 1; digits < 1'000'000'000'000'000'000; digits = digits * 7 + 3)
            numbers.push_back(Decimal::from_parts(scale % 2 == 0 ? digits : -digits, scale));
    }
    constexpr std::string_view columns = "number numeric, text text";
    Batch batch(columns);
    for (auto const& number : numbers)
        batch.add(number, number.to_string());
    connection_->add("SELECT number, number::text, text FROM " + unnest(columns), batch.take());
    auto const answers = connection_->flush();
    ASSERT_TRUE(answers.has_value()) << answers.error().message;
    std::size_t i = 0;
    auto const read = answers->back().each([&](Row& row) {
        EXPECT_EQ(row.decimal(), numbers[i++]);
        std::string const shown = row.text();
        EXPECT_EQ(shown, row.text());  // also the number of decimals that are shown
    });
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(i, numbers.size());
}

TEST_F(PostgresConnection, TextThatTheServerCannotHoldIsMadeFit) {
    std::string const bad = std::string("a\0b", 3) + "\xff\xc3\xa9\xed\xa0\x80";
    auto const done =
        connection_->each("SELECT $1::text", [](Row& row) { EXPECT_EQ(row.text().substr(0, 4), "a\xef\xbf\xbd"); }, bad);
    EXPECT_TRUE(done.has_value()) << done.error().message;
}

TEST_F(PostgresConnection, WhatIsQueuedBehindAnErrorDoesNotRun) {
    ASSERT_TRUE(connection_->execute("CREATE SCHEMA " + schema_.name() + "; CREATE TABLE t (x bigint)").has_value());
    connection_->add("INSERT INTO t VALUES (1)");
    connection_->add("SELECT 1 / 0");
    connection_->add("INSERT INTO t VALUES (2)");
    auto const failed = connection_->flush();
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(connection_->last_state(), "22012");
    EXPECT_EQ(connection_->failed(), 1);
    EXPECT_FALSE(connection_->broken());
    // Without BEGIN the statements of one flush are one transaction: the first insert is gone too.
    EXPECT_EQ(connection_->integer("SELECT count(*) FROM t").value(), 0);
    EXPECT_TRUE(connection_->run("INSERT INTO t VALUES (2)").has_value());  // prepared in vain before, prepared again
    EXPECT_EQ(connection_->integer("SELECT count(*) FROM t").value(), 1);
}

TEST_F(PostgresConnection, AnAnswerThatDoesNotComeIsATimeout) {
    ConnectionOptions impatient;
    impatient.deadline = base::Duration(300'000);
    auto const connection = Connection::open(schema_.address(), impatient).value();
    auto const begun = std::chrono::steady_clock::now();
    auto const late = connection->run("SELECT pg_sleep(30)");
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().code, ErrorCode::timeout);
    EXPECT_TRUE(connection->broken());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
    // The server was asked to stop, and did.
    std::int64_t running = 1;
    for (int i = 0; i < 50 && running != 0; ++i) {
        running =
            connection_
                ->integer("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%' AND state = 'active'")
                .value()
                .value_or(0);
    }
    EXPECT_EQ(running, 0);
}

TEST_F(PostgresConnection, SaysWhyNobodyIsLetIn) {
    auto const reach = [](std::string const& url) { return Connection::open(parse_address(url).value(), {}).error(); };
    EXPECT_EQ(reach("postgresql://ann:geheim@127.0.0.1:1/books").code, ErrorCode::unavailable);
    std::string other = test_server();
    other.replace(other.rfind('/') + 1, std::string::npos, "no_such_database");
    auto const missing = reach(other);
    EXPECT_EQ(missing.code, ErrorCode::not_found);
    EXPECT_NE(missing.message.find("createdb"), std::string::npos) << missing.message;
    std::string stranger = test_server();
    stranger.replace(stranger.find("tester"), 6, "stranger");
    EXPECT_EQ(reach(stranger).code, ErrorCode::refused) << reach(stranger).message;
}

TEST_F(PostgresConnection, AHostThatDoesNotAnswerCostsOnlyItsPartOfTheTime) {
    // Somebody listens and never says a word.
    int const silent = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(silent, reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(silent, 1), 0);
    ASSERT_EQ(::getsockname(silent, reinterpret_cast<sockaddr*>(&address), &length), 0);
    std::string url = test_server();
    url.insert(url.find('@') + 1, fmt::format("127.0.0.1:{},127.0.0.1:1,", ntohs(address.sin_port)));
    ConnectionOptions options;
    options.connect_deadline = base::Duration(600'000);
    auto const opened = Connection::open(parse_address(url + "?target_session_attrs=read-write").value(), options);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    // Nobody of them is a standby.
    auto const refused = Connection::open(parse_address(url + "?target_session_attrs=read-only").value(), options);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    ::close(silent);
}

TEST_F(PostgresConnection, ASessionComesBackAfterTheServerHungUp) {
    Session session(schema_.address(), {});
    auto const process = session.connection().value()->integer("SELECT pg_backend_pid()").value();
    ASSERT_TRUE(connection_->run("SELECT pg_terminate_backend($1::integer)", process).has_value());
    // Broken at once, or as soon as the server's goodbye has arrived: the next connection is another.
    for (int i = 0; i < 100; ++i) {
        auto const now = session.connection().value()->integer("SELECT pg_backend_pid()");
        if (now && *now != process) return;
    }
    FAIL() << "still the connection that the server closed";
}

TEST_F(PostgresConnection, ASerializationFailureIsTriedAgain) {
    ASSERT_TRUE(connection_->execute("CREATE SCHEMA " + schema_.name() + "; CREATE TABLE t (x bigint); INSERT INTO t VALUES (1)")
                    .has_value());
    Session session(schema_.address(), {});
    int runs = 0;
    auto const done =
        session.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ", [&](Connection& connection) -> base::Result<void> {
            ++runs;
            POSSYNC_TRY(auto const x, connection.integer("SELECT x FROM t"));
            if (runs == 1) EXPECT_TRUE(connection_->run("UPDATE t SET x = x + 10").has_value());
            POSSYNC_TRY(auto const changed, connection.run("UPDATE t SET x = $1", *x + 1));
            EXPECT_EQ(changed, 1);
            return {};
        });
    EXPECT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(connection_->integer("SELECT x FROM t").value(), 12);
}

}  // namespace
}  // namespace possync::store::postgres

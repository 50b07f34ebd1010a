// A schema of its own for one test, on the server that the test run started (test/postgres/server.py); dropped at the end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "store/postgres/connection.hpp"

namespace possync::store::postgres {

/// URL of the test run's server: what POSSYNC_TEST_POSTGRES names is a file that holds it. Empty: the test was started by hand
/// without.
inline std::string test_server() {
    char const* const file = std::getenv("POSSYNC_TEST_POSTGRES");
    if (file == nullptr) return {};
    std::ifstream in(file);
    std::string url;
    std::getline(in, url);
    return url;
}

class TestSchema {
public:
    TestSchema() {
        static std::atomic<int> count = 0;
        name_ = fmt::format("test_{}_{}", ::getpid(), ++count);
        url_ = fmt::format("{}?schema={}", test_server(), name_);
        auto address = parse_address(url_);
        if (!address)
            ADD_FAILURE() << address.error().message << "; start the test with ctest, which starts a server";
        else
            address_ = *address;
    }
    TestSchema(TestSchema const&) = delete;
    TestSchema& operator=(TestSchema const&) = delete;
    ~TestSchema() {
        auto const connection = Connection::open(address_, {});
        if (connection) (void)(*connection)->execute(fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", name_));
    }
    [[nodiscard]] std::string const& url() const { return url_; }
    [[nodiscard]] std::string const& name() const { return name_; }
    [[nodiscard]] Address const& address() const { return address_; }
    [[nodiscard]] std::unique_ptr<Connection> connect() const { return Connection::open(address_, {}).value(); }

private:
    std::string name_;
    std::string url_;
    Address address_;
};

/// A schema with our tables, emptied and used again by the next test: making them takes the server longer than most tests.
class EmptyTables {
public:
    EmptyTables() {
        if (pool().empty()) {
            schema_ = std::make_unique<TestSchema>();
            return;
        }
        schema_ = std::move(pool().back());
        pool().pop_back();
        auto const connection = schema_->connect();
        std::string script;  // who refers to a table was made after it
        auto const listed = connection->each(
            "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname <> 'database_info' ORDER BY oid DESC",
            [&](Row& row) { script += fmt::format("DELETE FROM {};", row.text()); }, schema_->name());
        EXPECT_TRUE(listed && connection->execute(script)) << "the tables cannot be emptied";
    }
    EmptyTables(EmptyTables const&) = delete;
    EmptyTables& operator=(EmptyTables const&) = delete;
    ~EmptyTables() { pool().push_back(std::move(schema_)); }
    [[nodiscard]] TestSchema& operator*() const { return *schema_; }
    TestSchema* operator->() const { return schema_.get(); }

private:
    static std::vector<std::unique_ptr<TestSchema>>& pool() {
        static std::vector<std::unique_ptr<TestSchema>> schemas;
        return schemas;
    }
    std::unique_ptr<TestSchema> schema_;
};

}  // namespace possync::store::postgres

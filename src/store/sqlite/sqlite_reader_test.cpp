#include "store/sqlite/sqlite_reader.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/test_directory.hpp"

namespace possync::store {
namespace {

using base::ErrorCode;
using query::Filter;

TEST(OpenSqliteReader, NeverMakesAFile) {
    sqlite::TestDirectory const directory;
    std::string const path = directory.file("absent.db");
    auto const reader = open_sqlite_reader(path);
    ASSERT_FALSE(reader.has_value());
    EXPECT_EQ(reader.error().code, ErrorCode::not_found);
    EXPECT_EQ(reader.error().message,
              "database " + path + " does not exist; run `possync sync` or `possync migrate` first");
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(open_sqlite_reader(directory.path()).error().code, ErrorCode::invalid_input);
}

TEST(OpenSqliteReader, RefusesOtherSchemas) {
    sqlite::TestDirectory const directory;
    std::string const path = directory.file("possync.db");
    std::ofstream(path).close();  // an empty file is a database of schema 0
    auto older = open_sqlite_reader(path);
    ASSERT_FALSE(older.has_value());
    EXPECT_EQ(older.error().code, ErrorCode::refused);
    EXPECT_NE(older.error().message.find("run `possync migrate`"), std::string::npos)
        << older.error().message;
    EXPECT_EQ(std::filesystem::file_size(path), 0U);  // and it was not migrated

    ASSERT_TRUE(migrate_sqlite(path).has_value());
    EXPECT_TRUE(open_sqlite_reader(path).has_value());
    {
        auto database = sqlite::Database::open(path, {.mode = sqlite::Database::Mode::read_write});
        ASSERT_TRUE((*database)->execute("PRAGMA user_version = 999").has_value());
    }
    auto newer = open_sqlite_reader(path);
    ASSERT_FALSE(newer.has_value());
    EXPECT_EQ(newer.error().code, ErrorCode::refused);
    EXPECT_NE(newer.error().message.find("999"), std::string::npos) << newer.error().message;
    EXPECT_NE(newer.error().message.find("newer possync"), std::string::npos) << newer.error().message;
}

TEST(OpenSqliteReader, AnEmptyDatabaseHasNoRows) {
    sqlite::TestDirectory const directory;
    std::string const path = directory.file("possync.db");
    ASSERT_TRUE(migrate_sqlite(path).has_value());
    auto const reader = open_sqlite_reader(path);
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ((*reader)->positions(), std::vector<query::PositionRow>{});
    EXPECT_EQ(query::read_status(**reader, {0}), query::Status{});
    Filter filter;
    filter.account = "DU1";
    EXPECT_EQ((*reader)->positions(filter).error().message,
              "unknown account 'DU1'; this database has none yet: run `possync sync` first");
}

}  // namespace
}  // namespace possync::store

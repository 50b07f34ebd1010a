#include "store/sqlite/migrations.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/test_directory.hpp"

namespace possync::store::sqlite {
namespace {

using base::ErrorCode;

constexpr Migration first{1, "0001_t", "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1);"};
constexpr Migration second{2, "0002_b", "ALTER TABLE t ADD COLUMN b TEXT; UPDATE t SET b = 'new';"};
constexpr Migration broken{2, "0002_broken", "UPDATE t SET a = 9; CREATE TABLE t (a);"};

class MigrationsTest : public testing::Test {
protected:
    std::unique_ptr<Database> open(std::string const& path) {
        Database::Options options;
        options.mode = Database::Mode::create;
        auto opened = Database::open(path, options);
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return std::move(*opened);
    }
    std::unique_ptr<Database> open() { return open(path_); }

    TestDirectory directory_;
    std::string path_ = directory_.file("p.db");
};

TEST_F(MigrationsTest, EmbeddedOnesAreNumberedWithoutGaps) {
    auto const migrations = embedded_migrations();
    ASSERT_FALSE(migrations.empty());
    for (std::size_t i = 0; i < migrations.size(); ++i) {
        EXPECT_EQ(migrations[i].number, static_cast<int>(i) + 1);
        EXPECT_FALSE(migrations[i].sql.empty());
    }
}

TEST_F(MigrationsTest, ANewDatabaseGetsAllOfThemAndNoBackup) {
    std::vector const steps{first, second};
    auto const database = open();
    EXPECT_EQ(schema_version(*database).value(), 0);
    EXPECT_EQ(migrate(*database, steps).value(), (MigrationReport{0, 2, ""}));
    EXPECT_EQ(schema_version(*database).value(), 2);
    EXPECT_EQ(database->integer("SELECT count(*) FROM t WHERE b = 'new'").value(), 1);
    EXPECT_EQ(migrate(*database, steps).value(), (MigrationReport{2, 2, ""}));  // again changes nothing
}

/// Tables, indices and views, in the order in which they can be made.
std::string schema_of(Database& database) {
    std::string all;
    EXPECT_TRUE(database
                    .each("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
                          [&](Row& row) { all += row.text() + ";\n\n"; })
                    .has_value());
    return all;
}

/// To write schema.sql anew after a migration was added: POSSYNC_UPDATE_EXPECTED=1 once, and look at the difference.
TEST_F(MigrationsTest, ANewDatabaseIsMadeOfWhatAllMigrationsAmountTo) {
    auto const migrated = open();
    ASSERT_TRUE(migrate(*migrated, embedded_migrations()).has_value());
    std::string const path = std::string(POSSYNC_SOURCE_DIR) + "/src/store/sqlite/schema.sql";
    std::string const head =
        "-- The schema of a new database: what all of migrations/ amount to. Made by migrations_test.cpp, which says how; the comments\n"
        "-- on tables, columns and views stand where they were first written.\n\n";
    if (std::getenv("POSSYNC_UPDATE_EXPECTED") != nullptr) std::ofstream(path) << head << schema_of(*migrated);
    std::ifstream file(path);
    EXPECT_EQ(std::string((std::istreambuf_iterator<char>(file)), {}), head + schema_of(*migrated));

    auto const made = open(directory_.file("new.db"));
    int const newest = static_cast<int>(embedded_migrations().size());
    EXPECT_EQ(migrate(*made, embedded_migrations(), embedded_schema()).value(), (MigrationReport{0, newest, ""}));
    EXPECT_EQ(schema_of(*made), schema_of(*migrated));
    EXPECT_EQ(schema_version(*made).value(), newest);
    // No migration puts rows into a new database, so that none are missing here.
    std::vector<std::string> tables;
    ASSERT_TRUE(migrated->each("SELECT name FROM sqlite_schema WHERE type = 'table'", [&](Row& row) { tables.push_back(row.text()); }).has_value());
    for (auto const& table : tables) {
        EXPECT_EQ(migrated->integer("SELECT count(*) FROM " + table).value(), made->integer("SELECT count(*) FROM " + table).value()) << table;
    }
}

TEST_F(MigrationsTest, AnOlderDatabaseIsCopiedFirst) {
    auto const database = open();
    ASSERT_TRUE(migrate(*database, std::vector{first}).has_value());
    auto const report = migrate(*database, std::vector{first, second});
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_EQ(*report, (MigrationReport{1, 2, path_ + ".backup-v1"}));
    auto const backup = open(report->backup);
    EXPECT_EQ(schema_version(*backup).value(), 1);
    EXPECT_EQ(backup->integer("SELECT a FROM t").value(), 1);
    EXPECT_EQ(backup->integer("SELECT count(*) FROM pragma_table_info('t')").value(), 1);
    EXPECT_NE(::access((report->backup + ".partial").c_str(), F_OK), 0);
}

TEST_F(MigrationsTest, WithoutABackupNothingIsMigrated) {
    auto const database = open();
    ASSERT_TRUE(migrate(*database, std::vector{first}).has_value());
    ASSERT_TRUE(std::filesystem::create_directory(path_ + ".backup-v1"));  // in the way of the copy
    auto const migrated = migrate(*database, std::vector{first, second});
    ASSERT_FALSE(migrated.has_value());
    EXPECT_NE(migrated.error().message.find("backup"), std::string::npos) << migrated.error().message;
    EXPECT_EQ(schema_version(*database).value(), 1);
    EXPECT_FALSE(database->in_transaction());
}

TEST_F(MigrationsTest, AFailingOneLeavesTheOldSchemaWhole) {
    auto const database = open();
    ASSERT_TRUE(migrate(*database, std::vector{first}).has_value());
    auto const migrated = migrate(*database, std::vector{first, broken});
    ASSERT_FALSE(migrated.has_value());
    EXPECT_NE(migrated.error().message.find("0002_broken"), std::string::npos) << migrated.error().message;
    EXPECT_EQ(schema_version(*database).value(), 1);
    EXPECT_EQ(database->integer("SELECT a FROM t").value(), 1);
    EXPECT_TRUE(migrate(*database, std::vector{first, second}).has_value());
}

TEST_F(MigrationsTest, ANewerDatabaseIsRefusedNamingBothVersions) {
    {
        auto const database = open();
        ASSERT_TRUE(migrate(*database, embedded_migrations()).has_value());
        ASSERT_TRUE(database->execute("PRAGMA user_version = 99").has_value());
    }
    for (auto const& error : {open_sqlite_store(path_).error(), migrate_sqlite(path_).error(),
                              open_sqlite_for_reading(path_).error()}) {
        EXPECT_EQ(error.code, ErrorCode::refused);
        EXPECT_NE(error.message.find("99"), std::string::npos) << error.message;
        EXPECT_NE(error.message.find("up to " + std::to_string(embedded_migrations().size())),
                  std::string::npos)
            << error.message;
    }
    EXPECT_EQ(sqlite_schema_version(path_).value(), 99);
}

TEST_F(MigrationsTest, AnotherProgramsDatabaseIsLeftAlone) {
    ASSERT_TRUE(open()->execute("CREATE TABLE notes (a); PRAGMA user_version = 1").has_value());
    for (auto const& error : {open_sqlite_store(path_).error(), migrate_sqlite(path_).error(),
                              sqlite_schema_version(path_).error()}) {
        EXPECT_EQ(error.code, ErrorCode::refused);
        EXPECT_NE(error.message.find("another program"), std::string::npos) << error.message;
    }
    auto const database = open();
    EXPECT_EQ(database->integer("SELECT count(*) FROM sqlite_schema").value(), 1);
    std::string mode;
    ASSERT_TRUE(database->each("PRAGMA journal_mode", [&](Row& row) { mode = row.text(); }).has_value());
    EXPECT_EQ(mode, "delete");
}

TEST_F(MigrationsTest, OpeningWithoutLeaveToMigrateSaysWhatToRun) {
    SqliteOptions options;
    options.migrate = false;
    auto const opened = open_sqlite_store(path_, options);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::refused);
    EXPECT_NE(opened.error().message.find("possync migrate"), std::string::npos) << opened.error().message;
    ASSERT_TRUE(migrate_sqlite(path_).has_value());
    EXPECT_TRUE(open_sqlite_store(path_, options).has_value());
}

TEST_F(MigrationsTest, ReadersOfAnEmptyFileAreToldToMigrate) {
    std::ofstream(path_).close();
    EXPECT_EQ(sqlite_schema_version(path_).value(), 0);
    EXPECT_EQ(open_sqlite_for_reading(path_).error().code, ErrorCode::refused);
    EXPECT_EQ(std::filesystem::file_size(path_), 0u);
}

/// Databases as earlier programs made them, kept as SQL dumps: each must still open, migrate and load.
TEST_F(MigrationsTest, EverySchemaEverReleasedStillOpens) {
    std::string const folder = std::string(POSSYNC_SOURCE_DIR) + "/src/store/sqlite/testdata";
    for (int version = 1; version <= static_cast<int>(embedded_migrations().size()); ++version) {
        std::string const name = "schema_" + std::to_string(version) + ".sql";
        std::ifstream dump(folder + "/" + name);
        ASSERT_TRUE(dump.is_open()) << name << " is missing: keep a dump of every schema";
        std::string const sql((std::istreambuf_iterator<char>(dump)), {});
        std::string const path = directory_.file(name + ".db");
        {
            Database::Options options;
            options.mode = Database::Mode::create;
            auto const database = Database::open(path, options);
            ASSERT_TRUE(database.has_value());
            auto const restored = (*database)->execute(sql);
            ASSERT_TRUE(restored.has_value()) << name << ": " << restored.error().message;
        }
        auto const store = open_sqlite_store(path);
        ASSERT_TRUE(store.has_value()) << store.error().message;
        auto const book = (*store)->load(1, {1'795'435'200'000'000}, base::Duration(691'200'000'000));
        ASSERT_TRUE(book.has_value()) << name << ": " << book.error().message;
        EXPECT_EQ(book->account, "DU1234567");
        EXPECT_EQ(book->revision, 2);
        ASSERT_EQ(book->instruments.size(), 1u);
        auto const& instrument = book->instruments.begin()->second;
        EXPECT_EQ(instrument.instrument->symbol, "AAPL");
        ASSERT_EQ(instrument.positions.size(), 1u);
        EXPECT_EQ(instrument.positions[0].quantity, base::Decimal(40));
        EXPECT_EQ(instrument.positions[0].realized_pnl, base::Decimal(600));
        ASSERT_EQ(instrument.executions.size(), 2u);
        EXPECT_EQ(instrument.executions[1].cause,
                  version < 3 ? std::nullopt : std::optional(model::Cause::assignment));
        EXPECT_EQ((*store)->load_claims(1, {2026, 11, 1})->positions.size(), version < 3 ? 0u : 1u);
        EXPECT_EQ(instrument.closes.size(), 1u);
        EXPECT_EQ(instrument.lots.size(), 1u);
        EXPECT_EQ(book->breaks.size(), 1u);
        EXPECT_EQ(sqlite_schema_version(path).value(), static_cast<int>(embedded_migrations().size()));
    }
}

/// A run that failed before a list came was kept as one that showed no positions.
TEST_F(MigrationsTest, WhatAFailedRunDidNotSeeIsUnknownAfterwards) {
    std::ifstream dump(std::string(POSSYNC_SOURCE_DIR) + "/src/store/sqlite/testdata/schema_5.sql");
    auto const database = open();
    ASSERT_TRUE(database->execute(std::string((std::istreambuf_iterator<char>(dump)), {})).has_value());
    auto const run = [&](int number, std::string_view outcome, int positions) {
        ASSERT_TRUE(database
                        ->run("INSERT INTO sync_run VALUES (?1, 'paper', 1, 'DU1234567', 'manual', 5, 6, ?2, 0, 0, 0, ?3, 1, NULL, NULL)",
                              number, outcome, positions)
                        .has_value());
    };
    run(3, "failed", 0);
    run(4, "failed", 2);
    run(5, "unchanged", 0);
    ASSERT_TRUE(migrate(*database, embedded_migrations()).has_value());
    auto const shown = [&](int number) { return database->integer("SELECT broker_positions FROM sync_runs WHERE sync_run_id = ?1", number).value(); };
    EXPECT_EQ(shown(2), 1);
    EXPECT_EQ(shown(3), std::nullopt);
    EXPECT_EQ(database->integer("SELECT count(*) FROM sync_runs WHERE broker_positions IS NULL").value(), 1);
    EXPECT_EQ(shown(4), 2);
    EXPECT_EQ(shown(5), 0);
}

}  // namespace
}  // namespace possync::store::sqlite

#include "store/sqlite/database.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "store/sqlite/test_directory.hpp"

namespace possync::store::sqlite {
namespace {

using base::Decimal;
using base::ErrorCode;
using base::Timestamp;

Database::Options with(Database::Mode mode) {
    Database::Options options;
    options.mode = mode;
    options.busy_timeout = base::Duration(50'000);
    return options;
}

class DatabaseTest : public testing::Test {
protected:
    std::unique_ptr<Database> open(Database::Mode mode = Database::Mode::create) {
        auto opened = Database::open(path_, with(mode));
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return opened ? std::move(*opened) : nullptr;
    }
    base::Error open_error(std::string const& path, Database::Mode mode) {
        auto const opened = Database::open(path, with(mode));
        EXPECT_FALSE(opened.has_value());
        return opened ? base::Error{} : opened.error();
    }

    TestDirectory directory_;
    std::string path_ = directory_.file("a.db");
};

bool mentions(base::Error const& error, std::string_view text) {
    return error.message.find(text) != std::string::npos;
}

TEST_F(DatabaseTest, ValuesComeBackAsTheyWent) {
    auto const database = open();
    ASSERT_TRUE(database->execute("CREATE TABLE t (a, b, c, d, e, f, g); -- comment\n").has_value());
    ASSERT_TRUE(database
                    ->run("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", 7, true, std::string("x'y"),
                          TextOrNull{""}, Decimal::parse("-12.50").value(), std::optional<Decimal>(),
                          Timestamp{123})
                    .has_value());
    EXPECT_EQ(database->changes(), 1);
    int rows = 0;
    ASSERT_TRUE(database
                    ->each("SELECT * FROM t",
                           [&](Row& row) {
                               ++rows;
                               EXPECT_EQ(row.count(), 7);
                               EXPECT_EQ(row.name(2), "c");
                               EXPECT_EQ(row.integer(), 7);
                               EXPECT_TRUE(row.boolean());
                               EXPECT_EQ(row.text(), "x'y");
                               EXPECT_TRUE(row.is_null(3));
                               EXPECT_EQ(row.text(), "");
                               EXPECT_EQ(row.text_at(4), "-12.5");
                               EXPECT_EQ(row.decimal(), Decimal::parse("-12.5").value());
                               EXPECT_EQ(row.optional_decimal(), std::nullopt);
                               EXPECT_EQ(row.optional_time(), Timestamp{123});
                           })
                    .has_value());
    EXPECT_EQ(rows, 1);
}

TEST_F(DatabaseTest, AnUnreadableValueIsAnErrorThatNamesTheColumn) {
    auto const database = open();
    ASSERT_TRUE(
        database->execute("CREATE TABLE t (quantity TEXT); INSERT INTO t VALUES ('many')").has_value());
    auto const read = database->each("SELECT quantity FROM t", [](Row& row) { row.decimal(); });
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::io);
    EXPECT_TRUE(mentions(read.error(), "quantity")) << read.error().message;
    EXPECT_TRUE(database->run("DROP TABLE t").has_value());  // no statement is left in the middle of a row
}

TEST_F(DatabaseTest, StatementsArePreparedOnce) {
    auto const database = open();
    auto const first = database->statement("SELECT 1");
    auto const second = database->statement(std::string("SELECT ") + "1");
    ASSERT_TRUE(first.has_value() && second.has_value());
    EXPECT_EQ(*first, *second);
    auto const wrong = database->statement("SELEKT");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().code, ErrorCode::internal);
}

TEST_F(DatabaseTest, ComposedStatementsBindOneByOne) {
    auto const database = open();
    auto statement = database->prepare("SELECT ?1 || ?2");
    ASSERT_TRUE(statement.has_value());
    statement->bind_copy(1, std::string("a"));
    statement->bind_copy(2, std::int64_t{5});
    std::string found;
    ASSERT_TRUE(statement->each_bound([&](Row& row) { found = row.text(); }).has_value());
    EXPECT_EQ(found, "a5");
}

TEST_F(DatabaseTest, ATransactionWithoutCommitRollsBack) {
    auto const database = open();
    ASSERT_TRUE(database->execute("CREATE TABLE t (a)").has_value());
    {
        auto transaction = Transaction::begin(*database);
        ASSERT_TRUE(transaction.has_value());
        ASSERT_TRUE(database->run("INSERT INTO t VALUES (1)").has_value());
    }
    EXPECT_EQ(database->integer("SELECT count(*) FROM t").value(), 0);
    {
        auto transaction = Transaction::begin(*database);
        ASSERT_TRUE(transaction.has_value());
        ASSERT_TRUE(database->run("INSERT INTO t VALUES (1)").has_value());
        ASSERT_TRUE(transaction->commit().has_value());
    }
    EXPECT_EQ(database->integer("SELECT count(*) FROM t").value(), 1);
}

TEST_F(DatabaseTest, FileIsPrivate) {
    auto const database = open();
    ASSERT_TRUE(database->use_write_ahead_log().has_value());
    ASSERT_TRUE(database->execute("CREATE TABLE t (a)").has_value());
    for (auto const* suffix : {"", "-wal", "-shm"}) {
        struct stat status{};
        ASSERT_EQ(::stat((path_ + suffix).c_str(), &status), 0) << suffix;
        EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
    }
}

TEST_F(DatabaseTest, EveryCommitIsFlushed) {
    auto const database = open();
    ASSERT_TRUE(database->use_write_ahead_log().has_value());
    EXPECT_EQ(database->integer("PRAGMA synchronous").value(), 2);
    EXPECT_EQ(database->integer("PRAGMA foreign_keys").value(), 1);
    std::string mode;
    ASSERT_TRUE(database->each("PRAGMA journal_mode", [&](Row& row) { mode = row.text(); }).has_value());
    EXPECT_EQ(mode, "wal");
}

TEST_F(DatabaseTest, ReadersNeitherCreateNorWrite) {
    auto const error = open_error(path_, Database::Mode::read_only);
    EXPECT_EQ(error.code, ErrorCode::not_found);
    EXPECT_TRUE(mentions(error, "possync migrate")) << error.message;
    EXPECT_NE(::access(path_.c_str(), F_OK), 0);
    EXPECT_EQ(open_error(path_, Database::Mode::read_write).code, ErrorCode::not_found);

    ASSERT_TRUE(open()->execute("CREATE TABLE t (a)").has_value());
    auto const reader = open(Database::Mode::read_only);
    auto const written = reader->run("INSERT INTO t VALUES (1)");
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().code, ErrorCode::io);
    EXPECT_TRUE(mentions(written.error(), "read-only"));
}

TEST_F(DatabaseTest, WrongFilesAreNamedForWhatTheyAre) {
    auto const directory = open_error(directory_.path(), Database::Mode::create);
    EXPECT_EQ(directory.code, ErrorCode::invalid_input);
    EXPECT_TRUE(mentions(directory, "is a directory")) << directory.message;

    auto const missing_folder = open_error(directory_.file("no/such/folder.db"), Database::Mode::create);
    EXPECT_EQ(missing_folder.code, ErrorCode::io);
    EXPECT_TRUE(mentions(missing_folder, "folder exists")) << missing_folder.message;

    EXPECT_EQ(open_error("", Database::Mode::create).code, ErrorCode::invalid_input);

    std::string const text = directory_.file("notes.txt");
    std::ofstream(text) << std::string(5000, 'x');
    auto const not_a_database = open_error(text, Database::Mode::create);
    EXPECT_EQ(not_a_database.code, ErrorCode::invalid_input);
    EXPECT_TRUE(mentions(not_a_database, "is not a SQLite database")) << not_a_database.message;

    EXPECT_EQ(open_error("/dev/null", Database::Mode::create).code, ErrorCode::invalid_input);
}

TEST_F(DatabaseTest, DamageIsNoticed) {
    {
        auto const database = open();
        ASSERT_TRUE(database->execute("CREATE TABLE t (a); CREATE TABLE u (a)").has_value());
    }
    {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(100);
        file << std::string(300, '\xee');  // the header stays, the first table does not
    }
    auto const opened = Database::open(path_, with(Database::Mode::read_write));
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::io);
    EXPECT_TRUE(mentions(opened.error(), "damaged")) << opened.error().message;
}

TEST_F(DatabaseTest, ALockedDatabaseIsUnavailable) {
    auto const first = open();
    ASSERT_TRUE(first->use_write_ahead_log().has_value());
    auto const second = open();
    auto const held = Transaction::begin(*first);
    ASSERT_TRUE(held.has_value());
    auto const refused = Transaction::begin(*second);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(mentions(refused.error(), "locked")) << refused.error().message;
    EXPECT_TRUE(second->integer("SELECT count(*) FROM sqlite_schema").has_value());  // reading goes on
}

TEST_F(DatabaseTest, AFullDiskIsAnErrorAndPasses) {
    auto const database = open();
    ASSERT_TRUE(database->execute("CREATE TABLE t (a); PRAGMA max_page_count = 4").has_value());
    auto const fill = [&]() -> base::Result<void> {
        POSSYNC_TRY(Transaction transaction, Transaction::begin(*database));
        POSSYNC_TRY_VOID(database->run("INSERT INTO t VALUES (zeroblob(100000))"));
        return transaction.commit();
    };
    auto const filled = fill();
    ASSERT_FALSE(filled.has_value());
    EXPECT_EQ(filled.error().code, ErrorCode::io);
    EXPECT_TRUE(mentions(filled.error(), "full")) << filled.error().message;
    EXPECT_FALSE(database->unusable());
    EXPECT_FALSE(database->in_transaction());
    ASSERT_TRUE(database->execute("PRAGMA max_page_count = 1000").has_value());
    EXPECT_TRUE(fill().has_value());
}

/// Runs `body` in a child process without root's privileges; what it returns is the exit status.
template <typename Body>
int as_ordinary_user(Body body) {
    pid_t const child = ::fork();
    if (child == 0) {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(99);
        ::_exit(body());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(DatabaseTest, AfterAnInputOutputErrorTheConnectionIsUnusable) {
    ASSERT_TRUE(open()->execute("CREATE TABLE t (a)").has_value());
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0777), 0);
    ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
    int const status = as_ordinary_user([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        auto const opened = Database::open(path_, with(Database::Mode::read_write));
        if (!opened || (*opened)->unusable()) return 1;
        rlimit const tight{4096, RLIM_INFINITY};  // stands for a disk that fails
        if (::setrlimit(RLIMIT_FSIZE, &tight) != 0) return 2;
        auto const written = (*opened)->run("INSERT INTO t VALUES (zeroblob(100000))");
        if (written || written.error().code != ErrorCode::io) return 3;
        return (*opened)->unusable() ? 0 : 4;
    });
    EXPECT_EQ(status, 0);
}

TEST_F(DatabaseTest, WithoutPermissionTheErrorSaysSo) {
    ASSERT_TRUE(open()->execute("CREATE TABLE t (a)").has_value());
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
    int const status = as_ordinary_user([&] {
        auto const opened = Database::open(path_, with(Database::Mode::read_write));
        if (opened || opened.error().code != ErrorCode::io || !mentions(opened.error(), "may not be written"))
            return 1;
        auto const made = Database::open(directory_.file("new.db"), with(Database::Mode::create));
        if (made || made.error().code != ErrorCode::io || !mentions(made.error(), "cannot be created"))
            return 2;
        return Database::open(path_, with(Database::Mode::read_only)) ? 0 : 3;
    });
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace possync::store::sqlite

// The disk itself: what programs see, what survives, and that SQLite works on it as on any other.
#include "faulty_disk/disk.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "store/sqlite/sqlite_store.hpp"

namespace possync::faulty_disk {
namespace {

using store::sqlite::Database;

std::unique_ptr<Database> open(Process const& process, Database::Mode mode = Database::Mode::create) {
    auto opened = Database::open("a.db", {.mode = mode, .files = &process});
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
}

std::int64_t rows(Database& database) { return database.integer("SELECT count(*) FROM t").value().value(); }

/// Ten commits of one row; how many were reported as done.
int insert_ten(Database& database) {
    int done = 0;
    for (int i = 0; i < 10; ++i)
        done += database.run("INSERT INTO t VALUES (?1, hex(zeroblob(700)))", i).has_value();
    return done;
}

void make_table(Disk& disk) {
    Process process(disk);
    auto const database = open(process);
    ASSERT_TRUE(database->use_write_ahead_log().has_value());
    ASSERT_TRUE(database->execute("CREATE TABLE t (a INTEGER, b TEXT)").has_value());
}

std::int64_t rows_after_restart(Disk& disk) {
    Process process(disk);
    auto const database = open(process);
    std::string integrity;
    EXPECT_TRUE(database->each("PRAGMA integrity_check", [&](auto& row) { integrity = row.text(); }).has_value());
    EXPECT_EQ(integrity, "ok");
    return rows(*database);
}

TEST(Disk, ConnectionsOfTwoProcessesShareTheWriteAheadLog) {
    Disk disk(1);
    make_table(disk);
    Process first(disk);
    Process second(disk);
    auto const writer = open(first);
    auto const reader = open(second, Database::Mode::read_only);
    EXPECT_EQ(insert_ten(*writer), 10);
    EXPECT_EQ(rows(*reader), 10);
    EXPECT_TRUE(disk.exists("a.db-wal"));
    ASSERT_TRUE(writer->run("BEGIN IMMEDIATE").has_value());
    auto const before = disk.time();
    auto const rival = open(second);
    EXPECT_EQ(rival->run("BEGIN IMMEDIATE").error().code, base::ErrorCode::unavailable);
    EXPECT_GE(disk.time() - before, std::chrono::seconds(4)) << "waiting for a lock lets the disk's clock run";
}

// --- GatheringVfs, which the product has over the machine's files and the processes here over the disk

/// Writes of the log during what `act` does.
template <typename Act>
std::vector<std::string> log_writes(Disk& disk, Act act) {
    disk.keep_log();
    auto const before = disk.log().size();
    act();
    std::vector<std::string> found;
    for (std::size_t i = before; i < disk.log().size(); ++i) {
        if (disk.log()[i].find("write a.db-wal") != std::string::npos) found.push_back(disk.log()[i]);
    }
    return found;
}

TEST(GatheringVfs, ACommitOfManyPagesWritesItsLogInOnePiece) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto const database = open(process);
    ASSERT_TRUE(database->run("INSERT INTO t VALUES (0, '')").has_value());  // the header of the log
    auto const writes = log_writes(disk, [&] {
        ASSERT_TRUE(database->run("BEGIN").has_value());
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(database->run("INSERT INTO t VALUES (?1, hex(zeroblob(1500)))", i).has_value());
        ASSERT_TRUE(database->run("COMMIT").has_value());
    });
    EXPECT_EQ(writes.size(), 1u);
    EXPECT_EQ(rows(*database), 21);
}

TEST(GatheringVfs, WhatDoesNotFitInMemoryIsReadBackFromTheLog) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto const database = open(process);
    ASSERT_TRUE(database->execute("PRAGMA cache_size = 5").has_value());
    ASSERT_TRUE(database->run("BEGIN").has_value());
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(database->run("INSERT INTO t VALUES (?1, hex(zeroblob(1500)))", i).has_value());
    EXPECT_EQ(rows(*database), 300);
    ASSERT_TRUE(database->run("ROLLBACK").has_value());
    EXPECT_EQ(rows(*database), 0);
    EXPECT_EQ(insert_ten(*database), 10);
    EXPECT_EQ(rows_after_restart(disk), 10);
}

TEST(Disk, TheLastOneThatClosesCleansUp) {
    Disk disk(1);
    make_table(disk);
    EXPECT_EQ(disk.paths(), std::vector<std::string>{"a.db"});
}

TEST(Disk, AKilledProcessLosesItsLocksAndNothingThatItWrote) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto database = open(process);
    EXPECT_EQ(insert_ten(*database), 10);
    ASSERT_TRUE(database->run("BEGIN IMMEDIATE").has_value());
    ASSERT_TRUE(database->run("DELETE FROM t").has_value());
    process.kill();
    EXPECT_FALSE(database->run("COMMIT").has_value());
    EXPECT_EQ(rows_after_restart(disk), 10);
}

TEST(Disk, APowerCutTakesWhatWasNotSyncedAndNoMore) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Disk disk(seed);
        make_table(disk);
        Process process(disk);
        auto database = open(process);
        EXPECT_EQ(insert_ten(*database), 10);
        disk.lose_power(seed);
        database.reset();
        EXPECT_EQ(rows_after_restart(disk), 10) << "seed " << seed;
    }
}

/// The disk can tell a database that does not flush from one that does: else it would prove nothing.
TEST(Disk, APowerCutShowsThatSynchronousNormalLosesCommits) {
    int lost = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Disk disk(seed);
        make_table(disk);
        Process process(disk);
        auto database = open(process);
        ASSERT_TRUE(database->execute("PRAGMA synchronous = NORMAL").has_value());
        EXPECT_EQ(insert_ten(*database), 10);
        disk.lose_power(seed);
        database.reset();
        lost += rows_after_restart(disk) < 10;
    }
    EXPECT_GT(lost, 20);
}

TEST(Disk, EveryCrashPointOfACommit) {
    for (auto const effect : {Effect::crash_before, Effect::crash_after, Effect::crash_torn}) {
        bool ended = false;
        for (std::int64_t at = 1; !ended; ++at) {
            Disk disk(static_cast<std::uint64_t>(at));
            make_table(disk);
            int done = 0;
            {
                Process process(disk);
                auto const database = open(process);
                disk.set_fault({.effect = effect, .at = at, .seed = static_cast<std::uint64_t>(at)});
                done = insert_ten(*database);
                ended = !process.stopped();
                disk.lose_power(static_cast<std::uint64_t>(at));
            }
            disk.clear_faults();
            auto const found = rows_after_restart(disk);
            EXPECT_GE(found, done) << to_string(effect) << " at " << at;
            EXPECT_LE(found, done + 1) << to_string(effect) << " at " << at;
        }
    }
}

TEST(Disk, FaultsAreErrorsAndTheirEndIsTheirEnd) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto const database = open(process);
    for (auto const effect : {Effect::error_before, Effect::error_after, Effect::short_write, Effect::disk_full}) {
        disk.set_fault({.effect = effect, .operations = only(Operation::write), .count = lasting});
        EXPECT_EQ(database->run("INSERT INTO t VALUES (1, 'x')").error().code, base::ErrorCode::io) << to_string(effect);
        EXPECT_TRUE(disk.fired());
        disk.clear_faults();
        EXPECT_TRUE(database->run("INSERT INTO t VALUES (1, 'x')").has_value()) << to_string(effect);
    }
    disk.set_quota(disk.read("a.db")->size());
    EXPECT_NE(database->run("INSERT INTO t VALUES (1, hex(zeroblob(90000)))").error().message.find("is full"), std::string::npos);
    disk.set_quota({});
    EXPECT_EQ(rows(*database), 4);
}

/// What the kernel drops when a sync fails: visible until the power goes, though a later sync of the file succeeds.
TEST(Disk, AForgottenWriteIsSeenUntilThePowerGoes) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto database = open(process);
    EXPECT_TRUE(database->run("INSERT INTO t VALUES (0, 'x')").has_value());
    disk.set_fault({.effect = Effect::sync_forgets, .operations = only(Operation::sync)});
    EXPECT_FALSE(database->run("INSERT INTO t VALUES (1, 'x')").has_value());
    process.kill();  // before SQLite can write it again
    database.reset();
    {
        Process again(disk);
        auto const reopened = open(again);
        EXPECT_EQ(rows(*reopened), 2) << "it is in the log, as far as anyone can see";
        again.kill();
    }
    disk.lose_power(Damage::all_kept, 1);
    EXPECT_EQ(rows_after_restart(disk), 1);
}

TEST(Disk, ACreatedFileIsThereForSureOnlyOnceItsFolderWasSynced) {
    Disk disk(1);
    {
        Process process(disk);
        ASSERT_TRUE(process.make_ready("new", store::sqlite::FileSystem::Use::create).has_value());
        disk.lose_power(Damage::all_lost, 1);
    }
    EXPECT_FALSE(disk.exists("new"));
    Process process(disk);
    ASSERT_TRUE(process.replace_by_empty("new.partial").has_value());
    ASSERT_TRUE(process.put_in_place("new.partial", "new").has_value());
    disk.lose_power(Damage::all_lost, 1);
    EXPECT_EQ(disk.paths(), std::vector<std::string>{"new"});
}

TEST(Disk, AnImageGivesBackWhatWasAndWhatWasNotSynced) {
    Disk disk(1);
    make_table(disk);
    Process process(disk);
    auto database = open(process);
    EXPECT_EQ(insert_ten(*database), 10);
    disk.set_fault({.effect = Effect::crash_before, .operations = only(Operation::sync)});
    EXPECT_FALSE(database->run("DELETE FROM t").has_value());
    database.reset();
    auto const image = disk.image();
    EXPECT_EQ(rows_after_restart(disk), 0) << "written, though not synced";
    disk.restore(image);
    disk.lose_power(Damage::all_lost, 1);
    EXPECT_EQ(rows_after_restart(disk), 10);
}

TEST(Disk, TheSameSeedDoesTheSame) {
    auto const run = [](std::uint64_t seed) {
        Disk disk(seed);
        disk.keep_log();
        make_table(disk);
        Process process(disk);
        auto database = open(process);
        EXPECT_EQ(insert_ten(*database), 10);
        disk.set_fault({.effect = Effect::crash_torn, .at = 5, .seed = seed});
        EXPECT_LT(insert_ten(*database), 10);
        disk.lose_power(seed);
        return std::pair(disk.log(), disk.read("a.db-wal"));
    };
    EXPECT_EQ(run(3), run(3));
    EXPECT_NE(run(3), run(4));
}

/// A migration, a claim: what the store does with files.
TEST(Disk, TheStoreWorksOnIt) {
    Disk disk(1);
    Process process(disk);
    store::SqliteOptions options;
    options.files = &process;
    {
        auto store = store::open_sqlite_store("book.db", options);
        ASSERT_TRUE(store.has_value()) << store.error().message;
        store::GatewayClaim claim;
        claim.gateway = "g";
        claim.owner = "me";
        claim.accounts = {"DU1"};
        claim.paper = true;
        claim.now = disk.time();
        ASSERT_TRUE((*store)->claim(claim).has_value());
    }
    auto const again = store::open_sqlite_for_reading("book.db", process);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ((*again)->integer("SELECT count(*) FROM account").value(), 1);
}

}  // namespace
}  // namespace possync::faulty_disk

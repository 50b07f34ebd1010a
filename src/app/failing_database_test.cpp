// Every command on a database that fails it: each of its statements in turn, and each of its tables lost in turn. A command that
// needed it says so in one line that names the database, with exit status 1 and nothing on stdout that a program could take for
// the answer; one that writes has written all or nothing; and the same command works again afterwards.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/import_flex.hpp"
#include "app/log.hpp"
#include "app/output.hpp"
#include "app/recorded_database_testing.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/statement_faults_testing.hpp"

namespace possync::app {
namespace {

using store::sqlite::StatementFaults;
using testing::HasSubstr;

struct Said {
    int status = 0;
    std::string out;
    std::string error;
};

enum class Kind {
    list,     ///< the same answer each time, of one view
    reads,    ///< the same answer each time
    clock,    ///< reads, and tells ages
    writes,   ///< all or nothing
    findings  ///< tells what is wrong among its findings on stdout
};

struct Command {
    std::string name;
    Kind kind = Kind::reads;
    std::function<int()> run;
};

Said said_by(Command const& command) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Said said;
    said.status = command.run();
    said.out = testing::internal::GetCapturedStdout();
    said.error = testing::internal::GetCapturedStderr();
    return said;
}

std::vector<Command> commands(Configuration const& configuration = recorded().configuration(recorded().database())) {
    std::vector<Command> all;
    auto add = [&](std::string name, Kind kind, std::function<int()> run) {
        all.push_back({std::move(name), kind, std::move(run)});
    };
    for (std::string const table : {"positions", "closes", "lots", "executions", "events", "breaks", "runs", "accounts",
                                    "instruments", "coverage", "adjustments", "account_values", "certifications", "differences",
                                    "cash", "successions", "statements", "currency_rates"}) {
        add(table, Kind::list, [=] { return run_table(configuration, table, {}, Format::json); });
    }
    query::FilterText past;
    past.at = "2026-11-25T13:41:43Z";
    add("positions --at", Kind::reads, [=] { return run_table(configuration, "positions", past, Format::table); });
    add("export", Kind::reads, [=] {
        int const status = run_export(configuration, "positions", recorded().output(), {}, Format::csv);
        bool const there = std::filesystem::exists(recorded().output());
        EXPECT_EQ(there, status == exit_fine) << "a file that is not the whole answer";
        EXPECT_FALSE(std::filesystem::exists(recorded().output() + ".partial"));
        std::filesystem::remove(recorded().output());
        return status;
    });
    PnlCommand pnl;
    add("pnl", Kind::reads, [=] { return run_pnl(configuration, pnl, Format::table); });
    pnl.total = true;
    add("pnl --total", Kind::reads, [=] { return run_pnl(configuration, pnl, Format::table); });
    pnl.total = false;
    pnl.method = "lifo";
    pnl.view = "tax";
    add("pnl --method --view tax", Kind::reads, [=] { return run_pnl(configuration, pnl, Format::json); });
    add("status", Kind::clock, [=] { return run_status(configuration, "", false, Format::json); });
    add("status --reset", Kind::clock, [=] { return run_status(configuration, "DU0000001", true, Format::table); });
    add("diff --against", Kind::reads, [=] { return run_diff_against(configuration, recorded().list(), "", Format::json); });
    add("verify", Kind::reads, [=] { return run_verify(configuration, Format::table); });
    add("certify", Kind::reads, [=] { return run_certify(configuration, "", "", Format::json); });
    add("alert list", Kind::reads, [=] { return run_alert_list(configuration, Format::json); });
    add("migrate", Kind::reads, [=] { return run_migrate(configuration, Format::table); });
    add("doctor", Kind::findings, [=] { return run_doctor(configuration, Format::table); });
    RepairText exclude;
    exclude.verb = "exclude";
    exclude.subject = "0000e0d5.69dd0008.01.01";
    exclude.author = "test";
    add("exclude", Kind::writes, [=] { return run_repair(configuration, exclude, Format::json); });
    RepairText dry = exclude;
    dry.dry_run = true;
    add("exclude --dry-run", Kind::clock, [=] { return run_repair(configuration, dry, Format::table); });
    RepairText undo;
    undo.verb = "undo";
    undo.subject = exclude.subject;
    undo.author = "test";
    add("undo", Kind::reads, [=] { return run_repair(configuration, undo, Format::table); });  // nothing is excluded: it says so
    ImportOptions import;
    import.paths = {recorded().statement()};
    add("import-flex", Kind::writes, [=] { return run_import_flex(configuration, import, Format::json); });
    ImportOptions next;
    next.paths = {recorded().next_statement()};
    add("import-flex of the next day", Kind::writes, [=] { return run_import_flex(configuration, next, Format::json); });
    return all;
}

/// How much the database holds of its books.
std::string books() {
    std::string text;
    auto const database = store::sqlite::Database::open(recorded().database(), {}).value();
    for (char const* table :
         {"position", "execution", "adjustment", "position_close", "lot", "\"break\"", "position_event", "certification",
          "certification_difference", "cash_transaction", "statement", "statement_trade", "outbox"}) {
        text +=
            fmt::format("{} {}, ", table, database->integer(fmt::format("SELECT count(*) FROM {}", table)).value().value_or(0));
    }
    return text + fmt::format("revisions {}", database->integer("SELECT sum(revision) FROM account").value().value_or(0));
}

std::string start_of(Command const& command) { return command.name == "import-flex" ? recorded().before() : recorded().after(); }

/// `fine` is what it said when nothing failed.
void check_failure(Command const& command, Said const& fine, Said const& said) {
    if (command.kind == Kind::findings && said.error.empty()) {
        EXPECT_THAT(said.out, testing::ContainsRegex("BAD [^\n]*" + recorded().database())) << "a finding is missing";
        EXPECT_EQ(said.status, exit_failed);
        return;
    }
    EXPECT_EQ(said.status, exit_failed) << said.out << said.error;
    EXPECT_TRUE(said.error.starts_with("possync: ")) << said.error;
    EXPECT_EQ(std::count(said.error.begin(), said.error.end(), '\n'), 1) << said.error;
    EXPECT_THAT(said.error, HasSubstr(recorded().database()));
    EXPECT_EQ(said.out, "");
    EXPECT_NE(said.out + said.error, fine.out + fine.error);
}

/// Without what other processes change: the room on the disk.
std::string lasting(std::string text) {
    if (auto const at = text.find(" MiB free"); at != std::string::npos)
        text.erase(text.rfind('\n', at), text.find('\n', at) - text.rfind('\n', at));
    return text;
}

bool same(Command const& command, Said const& one, Said const& other) {
    return one.status == other.status && one.error == other.error &&
           (command.kind == Kind::clock || lasting(one.out) == lasting(other.out));
}

TEST(FailingDatabase, EachStatementThatFailsIsToldAndLeavesAllOrNothing) {
    set_up_log("error", "text");
    StatementFaults faults;
    recorded().restore(recorded().after());
    faults.fail_at(0);
    ASSERT_TRUE(open_reader(recorded().configuration(recorded().database())).has_value());
    int const of_opening = faults.seen();
    ASSERT_GT(of_opening, 3);
    for (auto const& command : commands()) {
        SCOPED_TRACE(command.name);
        auto const from = start_of(command);
        recorded().restore(from);
        auto const untouched = books();
        faults.fail_at(0);
        auto const fine = said_by(command);
        int const statements = faults.seen();
        auto const written = books();
        EXPECT_EQ(untouched != written, command.kind == Kind::writes) << fine.out << fine.error;
        int failed = 0;
        // Opening is the same for all lists: the first of them is enough for that.
        for (int n = command.kind == Kind::list && command.name != "positions" ? of_opening : 1; n <= statements; ++n) {
            SCOPED_TRACE(n);
            recorded().restore(from);  // a lease that could not be given back is this process's, which lives
            faults.fail_at(n);
            auto const said = said_by(command);
            faults.fail_at(0);
            if (command.kind == Kind::writes) {
                auto const now = books();
                if (now != untouched && now != written) {
                    // A statement and what it changes of its neighbours' verdicts are two transactions: the same statement completes it.
                    EXPECT_THAT(command.name, testing::StartsWith("import-flex")) << now;
                    EXPECT_NE(said.status, exit_fine) << "half of it, and nobody is told";
                    EXPECT_EQ(said_by(command).status, exit_fine);
                    EXPECT_EQ(books(), written) << "the same again does not complete it";
                }
            }
            if (same(command, fine, said)) continue;
            if (command.kind == Kind::writes && said.status == exit_fine) continue;  // it tells the same with other times
            ++failed;
            check_failure(command, fine, said);
            if (HasFailure()) return;
        }
        EXPECT_GT(failed, 0) << "nothing that it asks matters";
        recorded().restore(from);
        auto const again = said_by(command);
        EXPECT_EQ(again.status, fine.status) << again.error;
    }
}

TEST(FailingDatabase, WhoeverNeedsALostTableSaysSo) {
    set_up_log("error", "text");
    std::vector<std::string> tables;
    {
        auto const database = store::sqlite::Database::open(recorded().after(), {}).value();
        ASSERT_TRUE(database
                        ->each("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
                               [&](auto& row) { tables.push_back(row.text()); })
                        .has_value());
    }
    ASSERT_GT(tables.size(), 20U);
    auto all = commands();
    // Lists ask what src/store/sqlite/sqlite_lost_table_test.cpp asks for each table.
    std::erase_if(all, [](Command const& command) { return command.kind == Kind::list; });
    std::map<std::string, Said> fine;
    for (auto const& command : all) {
        recorded().restore(start_of(command));
        fine[command.name] = said_by(command);
    }
    int needed_tables = 0;
    for (auto const& table : tables) {
        SCOPED_TRACE(table);
        auto const rename = [&](std::string const& one, std::string const& other) {
            auto const database =
                store::sqlite::Database::open(recorded().database(), {.mode = store::sqlite::Database::Mode::read_write}).value();
            // Views keep the name that they were written with, as they would where the table is gone.
            auto const done =
                database->execute(fmt::format("PRAGMA legacy_alter_table = ON; ALTER TABLE \"{}\" RENAME TO \"{}\"", one, other));
            ASSERT_TRUE(done.has_value()) << done.error().message;
        };
        std::string from;
        std::string whole;
        int failed = 0;
        for (auto const& command : all) {
            SCOPED_TRACE(command.name);
            if (from != start_of(command) || command.kind == Kind::writes) {
                from = start_of(command);
                recorded().restore(from);
                whole = books();
                rename(table, "lost_table");
            }
            auto const said = said_by(command);
            bool const needed =
                !same(command, fine[command.name], said) && !(command.kind == Kind::writes && said.status == exit_fine);
            if (needed) {
                ++failed;
                check_failure(command, fine[command.name], said);
            }
            if (command.kind == Kind::writes) {
                rename("lost_table", table);
                if (needed) {
                    EXPECT_EQ(books(), whole) << "a part was written";
                }
                from.clear();
            }
        }
        if (failed > 0) ++needed_tables;
    }
    EXPECT_GT(needed_tables, 15);
}

TEST(FailingDatabase, WithoutItsPasswordNothingIsAsked) {
    recorded().restore(recorded().after());
    auto configuration = recorded().configuration(recorded().database());
    configuration.database_password_file = recorded().database() + ".password";
    for (auto const& command : commands(configuration)) {
        SCOPED_TRACE(command.name);
        auto const said = said_by(command);
        if (command.kind == Kind::findings) {
            EXPECT_EQ(said.status, exit_failed);
            EXPECT_THAT(said.out, testing::ContainsRegex("BAD +database +database.password_file [^\n]*cannot be"));
            continue;
        }
        EXPECT_EQ(said.status, exit_usage);
        EXPECT_THAT(said.error, testing::StartsWith("possync: database.password_file " + configuration.database_password_file));
        EXPECT_EQ(std::count(said.error.begin(), said.error.end(), '\n'), 1) << said.error;
        EXPECT_EQ(said.out, "");
    }
}

}  // namespace
}  // namespace possync::app

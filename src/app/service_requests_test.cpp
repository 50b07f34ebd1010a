// A service in this process, on a simulated gateway and a real file: what is asked of it through the database, the signal to read
// its log level anew, and what of it fails while the database does.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/gateway_server.hpp"
#include "app/import_flex.hpp"
#include "app/log.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "app/temporary_folder.hpp"
#include "store/open/open.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/statement_faults_testing.hpp"

namespace possync::app {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

/// Whether it holds soon.
bool soon(auto const& holds) {
    auto const end = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < end) {
        if (holds()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return holds();
}

/// A gateway with two invented accounts on a port of its own.
class Gateway {
public:
    explicit Gateway(int first_account = 1000001) {
        GatewayServerOptions options;
        options.day.first_account = first_account;
        options.port = 0;
        options.pace = 0s;
        options.day.accounts = 2;
        options.day.positions = 3;
        server_ = std::make_unique<GatewayServer>(options);
        EXPECT_TRUE(server_->open().has_value());
        thread_ = std::thread([this] { server_->run(); });
    }
    ~Gateway() {
        server_->stop();
        thread_.join();
    }
    [[nodiscard]] int port() const { return server_->port(); }

private:
    std::unique_ptr<GatewayServer> server_;
    std::thread thread_;
};

class Running : public testing::Test {
protected:
    Running() : folder_(TemporaryFolder::make().value()) {
        set_up_log("error", "text");
        configuration_.database_url = store::url_of_file(folder_.file("book.db"));
        configuration_.gateways.front().name = "sim";
        configuration_.gateways.front().port = gateway_.port();
        configuration_.http_listen = "";
        configuration_.source = folder_.file("possync.toml");
    }
    void start() {
        ServiceOptions options;
        options.serve_operator_requests = true;
        options.handle_signals = true;
        options.on_log = [](std::string const&, sync::Log const&) {};
        service_ = std::make_unique<Service>(configuration_, options);
        auto const opened = service_->open();
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        thread_ = std::thread([this] { service_->run(); });
        ASSERT_TRUE(soon([this] { return synced() == 2; }));
    }
    ~Running() override {
        if (!thread_.joinable()) return;
        service_->stop();
        thread_.join();
    }
    [[nodiscard]] std::unique_ptr<store::DataSource> database() const { return open_database(configuration_).value(); }
    [[nodiscard]] std::vector<query::AccountRow> accounts() const {
        auto const reader = open_reader(configuration_);
        if (!reader) return {};
        return (*reader)->accounts().value_or(std::vector<query::AccountRow>{});
    }
    [[nodiscard]] int synced() const {
        int count = 0;
        for (auto const& row : accounts())
            count += row.last_synced_at.has_value();
        return count;
    }
    /// What it answers, and whether that is success.
    std::pair<bool, std::string> ask(std::string const& verb, std::string const& arguments) {
        bool ok = false;
        auto const answer = ask_service(*database(), verb, arguments, &ok, 20s, owner_name());
        EXPECT_TRUE(answer.has_value()) << answer.error().message;
        return {ok, answer.value_or("")};
    }

    TemporaryFolder folder_;
    Gateway gateway_;
    Configuration configuration_;
    std::unique_ptr<Service> service_;
    std::thread thread_;
};

TEST_F(Running, EachRequestIsAnsweredAndWhatIsNoneIsRefused) {
    start();
    auto const account = accounts().at(0).account;
    auto const revisions = [this] {
        std::int64_t sum = 0;
        for (auto const& row : accounts())
            sum += row.revision;
        return sum;
    };
    auto const before = revisions();
    std::ofstream(folder_.file("other.xml"))
        << R"(<FlexQueryResponse><FlexStatements><FlexStatement accountId="U99" fromDate="20261125" toDate="20261125"/></FlexStatements></FlexQueryResponse>)";
    std::ofstream(folder_.file("none.xml")) << "<FlexQueryResponse><FlexStatements/></FlexQueryResponse>";
    struct Case {
        char const* verb;
        std::string arguments;
        bool ok;
        std::string says;
    };
    Case const table[] = {
        {"sync", "{}", true, account},
        {"sync", fmt::format(R"({{"account":"{}","dry_run":true}})", account), true, R"(, "would_write": []})"},
        {"sync", R"({"account":"DU9"})", false, "DU9"},
        {"sync", R"({"account":5,"dry_run":"yes"})", true, account},
        {"sync", "no JSON", true, account},
        {"sync", "[]", true, account},
        {"diff", R"({"account":"","dry_run":true})", true, "[]"},
        {"diff", "{}", true, "[]"},
        {"diff", R"({"account":"DU9"})", false, "DU9"},
        {"status", "{}", true, R"("gateway":"sim","connected":true)"},
        {"exclude", "no JSON", false, "the request is not a JSON object"},
        {"exclude", R"({"verb":"exclude","subject":"zzz"})", false, "there is no execution zzz"},
        {"explain", R"({"verb":"explain","subject":"5","cause":"luck"})", false, "'luck' is not a cause"},
        {"undo", R"({"verb":"undo","subject":"7"})", false, "there is nothing with the id 7"},
        {"undo", fmt::format(R"({{"verb":"undo","subject":"{}"}})", accounts().at(0).account_id << 32 | 999), false,
         "there is no adjustment"},
        {"import_flex", "{}", false, "the request names no files"},
        {"import_flex", R"({"paths":["/nowhere.xml"]})", false, "there is no file /nowhere.xml"},
        {"import_flex", fmt::format(R"({{"paths":["{}"]}})", folder_.file("none.xml")), false, "holds no statement"},
        {"import_flex", fmt::format(R"({{"paths":["{}"]}})", folder_.file("other.xml")), false,
         "which this database does not follow"},
        {"dance", "{}", false, "this version of the service does not do 'dance'"},
    };
    for (auto const& each : table) {
        SCOPED_TRACE(each.verb + (" " + each.arguments));
        auto const [ok, answer] = ask(each.verb, each.arguments);
        EXPECT_EQ(ok, each.ok) << answer;
        EXPECT_THAT(answer, HasSubstr(each.says));
    }
    EXPECT_EQ(revisions(), before) << "none of that changes a book";
    EXPECT_GT(service_->status().at(0).statistics.total_syncs, 2);
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_status(configuration_, "", true, Format::json), exit_fine);
    auto const printed = json::parse(testing::internal::GetCapturedStdout());
    EXPECT_EQ(printed.at("gateways").at(0).at("connected"), true);
    EXPECT_EQ(printed.at("statistics").at("total_syncs"), 0);
    EXPECT_EQ(service_->status().at(0).statistics.total_syncs, 0) << "the counters were to be reset";
    EXPECT_TRUE(ask("sync", "{}").first);
    auto const counted = [this] { return query::read_status(*open_reader(configuration_).value(), clock_now().wall)->statistics.total_syncs; };
    EXPECT_TRUE(soon([&] { return counted() == 2; })) << counted();
    service_->reset_statistics();  // as the HTTP API asks
    EXPECT_TRUE(soon([&] { return counted() == 0; })) << counted();
}

TEST_F(Running, CountersBeginAnewWithoutAServiceToo) {
    auto const counted_by = [](auto const& command) {
        testing::internal::CaptureStdout();
        EXPECT_EQ(command(), exit_fine);
        return json::parse(testing::internal::GetCapturedStdout());
    };
    auto const sync = [&] { counted_by([this] { return run_sync(configuration_, {}, Format::json); }); };
    auto const total = [&](bool reset) {
        return counted_by([&] { return run_status(configuration_, "", reset, Format::json); }).at("statistics").at("total_syncs").as_int64();
    };
    sync();
    sync();
    sync();
    EXPECT_EQ(total(false), 6);
    EXPECT_EQ(total(true), 0);
    EXPECT_EQ(total(false), 0);
    sync();
    EXPECT_EQ(total(false), 2);
}

/// The answer is what was done, though writing it down failed for a while: nothing is done twice.
TEST_F(Running, WhatWasDoneIsDoneOnceThoughTheAnswerCouldNotBeWritten) {
    store::sqlite::StatementFaults faults;
    start();
    auto const syncs = [this] { return service_->status().at(0).statistics.total_syncs; };
    EXPECT_TRUE(ask("sync", "{}").first);  // by then the first one is counted
    auto const before = syncs();
    EXPECT_TRUE(ask("sync", "{}").first);
    auto const once = syncs() - before;
    ASSERT_GT(once, 0);
    faults.fail_like("UPDATE operator_request");
    std::thread mends([&] {
        EXPECT_TRUE(soon([&] { return syncs() > before + once; }));
        std::this_thread::sleep_for(1s);  // it is found pending again
        faults.fail_at(0);
    });
    EXPECT_TRUE(ask("sync", "{}").first);
    mends.join();
    EXPECT_EQ(syncs(), before + 2 * once);
}

TEST_F(Running, WhoAsksAServiceThatEndsDoesNotWaitForItsAnswer) {
    start();
    store::OperatorRequest request;
    request.verb = "status";
    request.arguments = "{}";
    request.author = "test";
    request.asked_at = clock_now().wall;
    auto const id = database()->submit_operator_request(request).value();
    service_->stop();  // most likely before it has looked
    thread_.join();
    service_.reset();
    EXPECT_TRUE(database()->operator_answer(id).value().answered);
}

/// While the database does not answer, what is to be asked of it does not pile up.
TEST_F(Running, ADatabaseThatIsAwayForLongIsNotAskedEverMore) {
    configuration_.fleet_lease = 600ms;
    start();
    auto blocks = store::sqlite::Database::open(folder_.file("book.db"), {.mode = store::sqlite::Database::Mode::read_write}).value();
    ASSERT_TRUE(soon([&] { return blocks->execute("BEGIN IMMEDIATE").has_value(); }));
    std::this_thread::sleep_for(3s);
    EXPECT_LT(service_->store_jobs(), 6U);
    ASSERT_TRUE(blocks->execute("ROLLBACK").has_value());
}

/// A gateway that another service holds is not written for by this one, whatever it is asked.
TEST_F(Running, WhatItDoesNotHoldItDoesNotImport) {
    start();
    auto configuration = configuration_;
    std::ofstream(folder_.file("day.xml"))
        << R"(<FlexQueryResponse><FlexStatements><FlexStatement accountId="DU77" fromDate="20261125" toDate="20261125"><Trades/></FlexStatement></FlexStatements></FlexQueryResponse>)";
    ImportOptions options;
    options.paths = {folder_.file("day.xml")};
    options.account = "DU77";
    auto const [ok, answer] = ask("import_flex", to_json(options));
    EXPECT_TRUE(ok) << answer;
    EXPECT_EQ(accounts().size(), 3U) << "an account that only statements tell of";
    auto const through_schedule = import_through_service(configuration_);
    FlexQueryConfig query;
    query.account = "DU77";
    EXPECT_TRUE(through_schedule(folder_.file("day.xml"), query).has_value());
    EXPECT_FALSE(through_schedule(folder_.file("no.xml"), query).has_value());
    configuration_.database_password_file = folder_.file("no-password");
    EXPECT_FALSE(import_through_service(configuration_)(folder_.file("day.xml"), query).has_value());
    configuration_ = configuration;
}

TEST_F(Running, ASignalReadsTheLogLevelAnewAndABadConfigurationIsTold) {
    start();
    auto const after_signal = [&](std::string const& text, char const* event) {
        std::ofstream(configuration_.source) << text;
        set_log_level("info");
        testing::internal::CaptureStderr();
        std::raise(SIGHUP);
        std::string said;
        // The log is flushed as it is written; what it says is looked at once the level is what it will be.
        std::this_thread::sleep_for(300ms);
        said = testing::internal::GetCapturedStderr();
        EXPECT_THAT(said, HasSubstr(event));
        return said;
    };
    EXPECT_THAT(after_signal("[log]\nlevel = \"info\"\n", "service.reloaded"),
                HasSubstr("log level info; other changes take a restart"));
    EXPECT_THAT(after_signal("[log]\nlevel = \"loud\"\n", "service.reload_failed"), HasSubstr("loud"));
    std::ofstream(configuration_.source) << "";
    EXPECT_EQ(ask("status", "{}").first, true) << "it goes on";
    std::raise(SIGTERM);
    thread_.join();
    EXPECT_TRUE(service_->status().at(0).state == "stopped") << service_->status().at(0).state;
}

/// Whatever fails at the start, the service says why, or gets over it: in the end it follows the broker.
TEST_F(Running, AFirstSyncGetsOverWhicheverStatementFails) {
    store::sqlite::StatementFaults faults;
    int failed = 0;
    int fine = 0;
    for (int n = 1; fine == 0; n += n < 30 ? 4 : 13) {
        SCOPED_TRACE(n);
        for (char const* end : {"", "-wal", "-shm"})
            std::filesystem::remove(folder_.file("book.db") + end);
        faults.fail_at(n);
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        int const status = run_sync(configuration_, {}, Format::json);
        faults.fail_at(0);
        auto const out = testing::internal::GetCapturedStdout();
        auto const error = testing::internal::GetCapturedStderr();
        if (status != exit_fine) {
            ++failed;
            EXPECT_EQ(status, exit_failed);
            EXPECT_THAT(error, testing::StartsWith("possync: "));
            EXPECT_THAT(error, HasSubstr(folder_.file("book.db")));
        } else {
            ++fine;
            EXPECT_THAT(out, HasSubstr("\"success\": true"));
        }
        // A lease that could not be given back would be a dead process's; this one lives.
        if (auto behind =
                store::sqlite::Database::open(folder_.file("book.db"), {.mode = store::sqlite::Database::Mode::read_write})) {
            (void)(*behind)->execute("UPDATE gateway SET owner = '', lease_until = 0");
        }
        testing::internal::CaptureStdout();
        EXPECT_EQ(run_sync(configuration_, {}, Format::json), exit_fine) << "it does not get over it";
        (void)testing::internal::GetCapturedStdout();
        EXPECT_EQ(synced(), 2);
        testing::internal::CaptureStdout();
        EXPECT_EQ(run_verify(configuration_, Format::table), exit_fine) << testing::internal::GetCapturedStdout();
        (void)testing::internal::GetCapturedStdout();
    }
    EXPECT_GT(failed, 3);
}

struct Said {
    int status = 0;
    std::string out;
    std::string error;
};

Said said_by(auto const& run) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Said said;
    said.status = run();
    said.out = testing::internal::GetCapturedStdout();
    said.error = testing::internal::GetCapturedStderr();
    return said;
}

/// One line on stderr, nothing half done.
void expect_refused(Said const& said, int status, std::string const& says) {
    EXPECT_EQ(said.status, status) << said.out << said.error;
    EXPECT_THAT(said.error, testing::StartsWith("possync: "));
    EXPECT_THAT(said.error, HasSubstr(says));
    EXPECT_EQ(std::count(said.error.begin(), said.error.end(), '\n'), 1) << said.error;
}

TEST_F(Running, WithoutAServiceTheCommandsAskTheGatewayThemselves) {
    auto const diff = [&](Format format) { return said_by([&] { return run_diff(configuration_, "", format); }); };
    auto const sync = [&](bool dry_run, Format format, std::string account = {}) {
        SyncCommand command;
        command.dry_run = dry_run;
        command.account = std::move(account);
        return said_by([&] { return run_sync(configuration_, command, format); });
    };
    auto const planned = sync(true, Format::table);
    EXPECT_EQ(planned.status, exit_fine) << planned.error;
    EXPECT_THAT(planned.out, HasSubstr("opening_balance"));
    EXPECT_FALSE(std::filesystem::exists(folder_.file("book.db"))) << "a dry run writes nothing";
    EXPECT_THAT(json::parse(sync(true, Format::json).out).at("success").as_bool(), true);
    EXPECT_EQ(diff(Format::json).status, exit_difference);
    EXPECT_EQ(sync(false, Format::table).status, exit_fine);
    EXPECT_EQ(diff(Format::table).out, "broker and book are equal\n");
    EXPECT_EQ(diff(Format::json).out, "[]\n");
    EXPECT_EQ(sync(true, Format::table).out, "nothing would be written: the book equals the broker\n");
    auto const unknown = sync(false, Format::json, "DU9");
    expect_refused(unknown, exit_failed, "DU9");
    // Nobody is there: each says so once, and the book stays as it is.
    auto const before = accounts();
    configuration_.gateways.front().port = 1;
    expect_refused(diff(Format::table), exit_failed, "127.0.0.1:1");
    expect_refused(sync(false, Format::json), exit_failed, "127.0.0.1:1");
    auto const table = sync(false, Format::table);
    expect_refused(table, exit_failed, "127.0.0.1:1");
    EXPECT_THAT(table.out, HasSubstr("failed"));
    EXPECT_THAT(table.out, testing::Not(HasSubstr("127.0.0.1:1"))) << "said twice on a terminal";
    EXPECT_EQ(accounts(), before);
}

TEST_F(Running, SetupWritesAConfigurationThatWorksOrNone) {
    SetupCommand command;
    command.ports = {gateway_.port()};
    command.output = folder_.file("possync.toml");
    command.yes = true;
    auto const setup = [&] { return said_by([&] { return run_setup(command); }); };
    command.ports = {1};
    expect_refused(setup(), exit_failed, "127.0.0.1:1: nothing answers");
    EXPECT_FALSE(std::filesystem::exists(command.output));
    command.ports = {gateway_.port()};
    command.yes = false;
    expect_refused(setup(), exit_usage, "nobody is there to ask: say --yes");
    EXPECT_FALSE(std::filesystem::exists(command.output));
    command.yes = true;
    command.output = folder_.file("no/folder/possync.toml");
    expect_refused(setup(), exit_usage, "the folder " + folder_.file("no/folder") + " is not there; make it first");
    command.output = folder_.file("possync.toml");
    command.database = "mysql://x";
    expect_refused(setup(), exit_usage, "database.url");
    command.database.clear();
    auto const done = setup();
    EXPECT_EQ(done.status, exit_fine) << done.error;
    EXPECT_THAT(done.out, HasSubstr("the first sync would write (nothing is written now):"));
    EXPECT_THAT(done.out, HasSubstr("3 positions at the broker, 3 opened"));
    EXPECT_THAT(done.out, HasSubstr("wrote " + command.output));
    auto const written = load_configuration(command.output, {});
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(written->gateways.front().port, gateway_.port());
    EXPECT_EQ(written->gateways.front().expect, sync::Expect::paper);
    EXPECT_EQ(said_by([&] { return run_sync(*written, {}, Format::json); }).status, exit_fine)
        << "what setup wrote does not work";
    expect_refused(setup(), exit_usage, "is there already; --force replaces it");
    command.force = true;
    EXPECT_EQ(setup().status, exit_fine);
    // Two of a kind are told apart by their ports.
    Gateway const other(2000001);
    command.ports = {gateway_.port(), other.port()};
    expect_refused(setup(), exit_failed, "the dry run failed: ");  // the database knows the accounts as those of the one
    EXPECT_EQ(load_configuration(command.output, {}).value().gateways.size(), 1U) << "what was there stays";
    command.database = store::url_of_file(folder_.file("two.db"));
    EXPECT_EQ(setup().status, exit_fine);
    auto const both = load_configuration(command.output, {});
    ASSERT_TRUE(both) << both.error().message;
    ASSERT_EQ(both->gateways.size(), 2U);
    EXPECT_EQ(both->gateways[1].name, fmt::format("paper-{}", other.port()));

    // What the gateway serves and what the database knows are the same: nothing is to be changed.
    command.rebind = "nobody";
    auto const rebind = [&](Configuration const& configuration) {
        return said_by([&] { return run_rebind(configuration, command); });
    };
    expect_refused(rebind(*written), exit_usage, "the configuration has no gateway nobody; it has paper");
    command.rebind = "paper";
    auto const same = rebind(*written);
    EXPECT_EQ(same.status, exit_fine) << same.error;
    EXPECT_THAT(same.out,
                testing::AllOf(HasSubstr("knows it as paper"), HasSubstr(" stays\n"), HasSubstr("nothing has to be changed\n")));
    auto moved = *written;
    moved.gateways.front().expect = sync::Expect::live;
    expect_refused(rebind(moved), exit_failed, "serves paper accounts, and expect says live");
    moved = *written;
    moved.gateways.front().port = 1;
    expect_refused(rebind(moved), exit_failed, "nothing answers");
    moved = *written;
    moved.gateways.front().name = command.rebind = "other";
    command.yes = false;
    expect_refused(rebind(moved), exit_usage, "nobody is there to ask");
    command.yes = true;
    expect_refused(said_by([&] { return run_sync(moved, {}, Format::json); }), exit_failed,
                   "none of the gateway's accounts is this database's to write");
    auto const done_so = rebind(moved);
    EXPECT_EQ(done_so.status, exit_fine) << done_so.error;
    EXPECT_THAT(done_so.out,
                testing::AllOf(HasSubstr("goes from gateway paper to other\n"), HasSubstr("done; the next sync goes by it\n")));
    auto const synced_so = said_by([&] { return run_sync(moved, {}, Format::json); });
    EXPECT_EQ(synced_so.status, exit_fine) << synced_so.error;
    moved.gateways.front().accounts = {"DU1000001"};
    EXPECT_THAT(rebind(moved).out, testing::Not(HasSubstr("DU1000002 stays")));
}

TEST_F(Running, TheDemoShowsABookThatLivesAndEnds) {
    DemoCommand demo;
    demo.pace = "soon";
    expect_refused(said_by([&] { return run_demo(demo, "test"); }), exit_usage, "soon");
    demo.pace = "50ms";
    demo.seconds = 1;
    demo.listen = "127.0.0.1:0";
    demo.database = folder_.file("no/folder/demo.db");
    expect_refused(said_by([&] { return run_demo(demo, "test"); }), exit_failed, folder_.file("no/folder/demo.db"));
    demo.database = folder_.file("demo.db");
    demo.listen = "nowhere";
    expect_refused(said_by([&] { return run_demo(demo, "test"); }), exit_usage, "'nowhere' is no address to listen on");
    demo.listen = "127.0.0.1:0";
    demo.seconds = 5;  // it shows the book every two
    auto const said = said_by([&] { return run_demo(demo, "test"); });
    EXPECT_EQ(said.status, exit_fine) << said.error;
    EXPECT_THAT(said.out, testing::AllOf(HasSubstr("a SIMULATED gateway, invented accounts and trades"),
                                         HasSubstr(", page http://127.0.0.1:"), HasSubstr("at the broker: "),
                                         HasSubstr("DU1000001"), testing::EndsWith("demo stopped\n")));
    demo.database.clear();
    demo.listen = "off";
    demo.seconds = 1;
    auto const temporary = said_by([&] { return run_demo(demo, "test"); });
    EXPECT_EQ(temporary.status, exit_fine) << temporary.error;
    EXPECT_THAT(temporary.out, testing::Not(HasSubstr(", page ")));
}

TEST_F(Running, TheDoctorFindsWhatDoesNotFit) {
    auto const doctor = [&] { return said_by([&] { return run_doctor(configuration_, Format::table); }); };
    auto const behind = [&](std::string const& sql) {
        auto const database =
            store::sqlite::Database::open(folder_.file("book.db"), {.mode = store::sqlite::Database::Mode::read_write}).value();
        ASSERT_TRUE(database->execute(sql).has_value()) << sql;
    };
    ASSERT_EQ(said_by([&] { return run_sync(configuration_, {}, Format::json); }).status, exit_fine);
    // A lease of a process that is gone is no service: the gateway itself is asked.
    auto const far = (clock_now().wall + 1h).microseconds;
    auto const host = owner_name().substr(0, owner_name().find(':'));
    behind(fmt::format("UPDATE gateway SET owner = '{}:999999999:1', lease_until = {}", host, far));
    auto const fine = doctor();
    EXPECT_EQ(fine.status, exit_fine) << fine.out;
    EXPECT_THAT(fine.out, testing::ContainsRegex("ok +gateway sim +[^\n]* answers, server version [0-9]+, paper accounts: "));
    behind(fmt::format("UPDATE gateway SET owner = 'elsewhere:1:1', lease_until = {}, lease_length = 7200000000", far));
    EXPECT_THAT(doctor().out,
                testing::ContainsRegex("BAD +gateway sim +served by elsewhere:1:1: it does not say whether it is connected"));
    configuration_.gateways.clear();
    configuration_.report_zone = "Mars/Olympus";
    EXPECT_THAT(doctor().out,
                testing::ContainsRegex("BAD +report zone +'Mars/Olympus' is not in this machine's time zone database"));
    configuration_.report_zone = "America/New_York";
    configuration_.flex_queries = {{"1", "DU1"}};
    EXPECT_THAT(doctor().out, testing::ContainsRegex("BAD +flex +queries are configured and no token"));
    configuration_.flex_token_file = folder_.file("token");
    EXPECT_THAT(doctor().out,
                testing::ContainsRegex("BAD +flex.token_file +[^\n]*cannot be found; make it, or correct flex.token_file"));
    std::ofstream(configuration_.flex_token_file) << "0123456789abcdef";
    std::filesystem::permissions(configuration_.flex_token_file, std::filesystem::perms(0644));
    EXPECT_THAT(doctor().out, testing::ContainsRegex("BAD +flex.token_file +[^\n]*can be read by others; chmod 600"));
    std::filesystem::permissions(configuration_.flex_token_file, std::filesystem::perms(0600));
    EXPECT_EQ(doctor().status, exit_fine);
    behind("PRAGMA user_version = 999");
    EXPECT_THAT(doctor().out, testing::ContainsRegex("BAD +[a-z]+ +[^\n]*999"));
    std::filesystem::remove(folder_.file("book.db"));
    EXPECT_THAT(doctor().out, HasSubstr("does not exist yet; the first sync makes it"));
}

TEST_F(Running, AReplayWhoseDatabaseFailsSaysSo) {
    ReplayCommand replay;
    replay.recording = std::string(POSSYNC_SOURCE_DIR) + "/test/recordings/service-day.rec";
    auto const run = [&] { return said_by([&] { return run_replay(replay, Format::json); }); };
    auto const fine = run();
    EXPECT_EQ(fine.status, exit_fine) << fine.error;
    store::sqlite::StatementFaults faults;
    for (char const* text : {"FROM positions v", "FROM position_closes v", "FROM executions v", "user_version"}) {
        faults.fail_like(text);
        auto const said = run();
        faults.fail_at(0);
        if (said.status == exit_fine) {
            EXPECT_EQ(said.out, fine.out) << text;
            continue;
        }
        expect_refused(said, exit_failed, "replay.db");
        EXPECT_EQ(said.out, "") << text;
    }
    EXPECT_EQ(run().out, fine.out);
    replay.database = folder_.file("no/folder/day.db");
    EXPECT_NE(run().status, exit_fine);
    replay.recording = folder_.file("none.rec");
    expect_refused(run(), exit_usage, "none.rec");
}

TEST(Record, AGatewaysAddressIsHostAndPort) {
    for (char const* bad : {"", "127.0.0.1", ":4002", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:40x", "127.0.0.1:0",
                            "127.0.0.1:70000", "127.0.0.1:-1"}) {
        RecordCommand record;
        record.gateway = bad;
        record.output = "/nowhere/x.rec";
        expect_refused(said_by([&] { return run_record(record); }), exit_usage, "is no gateway; write HOST:PORT");
    }
    RecordCommand record;
    record.limit = "much";
    record.output = "/nowhere/x.rec";
    expect_refused(said_by([&] { return run_record(record); }), exit_usage, "is no size");
    record.limit = "64M";
    EXPECT_NE(said_by([&] { return run_record(record); }).status, exit_fine);
}

/// Whose lease may be taken over at once: only that of a process of this machine that is known to be gone.
TEST(Owner, IsKnownToBeGoneOnlyWhereThatIsCertain) {
    auto const mine = owner_name();
    EXPECT_TRUE(owner_lives_here(mine));
    EXPECT_FALSE(owner_is_gone(mine));
    auto const host = mine.substr(0, mine.find(':'));
    EXPECT_TRUE(owner_is_gone(mine + "1")) << "the number of the process was given to another";
    EXPECT_TRUE(owner_is_gone(host + ":999999999:1"));

    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    auto const child = ::fork();
    if (child == 0) {
        auto const name = owner_name();
        ::_exit(::write(ends[1], name.data(), name.size()) > 0 ? 0 : 1);
    }
    ASSERT_GT(child, 0);
    ::close(ends[1]);
    std::array<char, 256> name{};
    ASSERT_GT(::read(ends[0], name.data(), name.size() - 1), 0);
    siginfo_t how{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &how, WEXITED | WNOWAIT), 0);  // it ended, and nobody took note
    EXPECT_TRUE(owner_is_gone(name.data()));
    EXPECT_FALSE(owner_lives_here(name.data()));
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
    for (std::string const& other : {std::string(), std::string("x"), host, host + ":1", host + ":0:1", host + ":-5:1",
                                     host + ":x:1", "elsewhere" + mine, std::string("elsewhere:999999999:1")}) {
        EXPECT_FALSE(owner_is_gone(other)) << other;
        EXPECT_FALSE(owner_lives_here(other)) << other;
    }
}

}  // namespace
}  // namespace possync::app

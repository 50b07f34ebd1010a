// What is typed at the commands, and what a running service answers them: words that mean nothing are told in one line with exit
// status 2 before anything is read, and an answer that a service of another version gives is never taken for success.
#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/import_flex.hpp"
#include "app/log.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/recorded_database_testing.hpp"
#include "app/repair.hpp"
#include "app/service.hpp"
#include "query/result.hpp"
#include "store/sqlite/database.hpp"

namespace possync::app {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

struct Said {
    int status = 0;
    std::string out;
    std::string error;
};

Said said_by(std::function<int()> const& run) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Said said;
    said.status = run();
    said.out = testing::internal::GetCapturedStdout();
    said.error = testing::internal::GetCapturedStderr();
    return said;
}

Configuration book() { return recorded().configuration(recorded().database()); }

/// One line on stderr, nothing else.
void expect_refused(Said const& said, int status, std::string const& says) {
    EXPECT_EQ(said.status, status) << said.out << said.error;
    EXPECT_THAT(said.error, testing::StartsWith("possync: "));
    EXPECT_EQ(std::count(said.error.begin(), said.error.end(), '\n'), 1) << said.error;
    EXPECT_THAT(said.error, HasSubstr(says));
    EXPECT_EQ(said.out, "");
}

TEST(CommandInput, PnlIsAskedInWordsThatThereAre) {
    recorded().restore(recorded().after());
    struct Bad {
        char const* says;
        std::function<void(PnlCommand&)> change;
    };
    for (auto const& [says, change] : {Bad{"yesterday", [](PnlCommand& pnl) { pnl.filter.since = "yesterday"; }},
                                       Bad{"'week'", [](PnlCommand& pnl) { pnl.grouping = "week"; }},
                                       Bad{"--method best is not one of", [](PnlCommand& pnl) { pnl.method = "best"; }},
                                       Bad{"--view nice is not economic or tax", [](PnlCommand& pnl) { pnl.view = "nice"; }},
                                       Bad{"--sort", [](PnlCommand& pnl) { pnl.filter.sort = "size"; }}}) {
        PnlCommand pnl;
        change(pnl);
        expect_refused(said_by([&] { return run_pnl(book(), pnl, Format::table); }), exit_usage, says);
    }
    PnlCommand unknown;
    unknown.filter.account = "DU9";
    expect_refused(said_by([&] { return run_pnl(book(), unknown, Format::table); }), exit_failed, "DU0000001");
}

/// Whatever prices them, the closes are those that the filter names.
TEST(CommandInput, AnotherMethodTakesTheSameClosesAsTheBook) {
    recorded().restore(recorded().after());
    auto const rows = [](PnlCommand const& pnl) {
        auto const said = said_by([&] { return run_pnl(book(), pnl, Format::json); });
        EXPECT_EQ(said.status, exit_fine) << said.error;
        return boost::json::parse(said.out).as_array().size();
    };
    struct Case {
        char const* name;
        std::function<void(query::FilterText&)> filter;
    };
    std::size_t some = 0;
    for (auto const& [name, filter] :
         {Case{"all", [](auto&) {}}, Case{"one account", [](auto& text) { text.account = "DU0000002"; }},
          Case{"one symbol", [](auto& text) { text.symbol = "msft"; }},
          Case{"a symbol that was never closed", [](auto& text) { text.symbol = "ES"; }},
          Case{"since then", [](auto& text) { text.since = "2026-11-25T13:41:44Z"; }},
          Case{"since later", [](auto& text) { text.since = "2026-11-25T13:41:45Z"; }},
          Case{"until then", [](auto& text) { text.until = "2026-11-25T13:41:44Z"; }},
          Case{"until later", [](auto& text) { text.until = "2026-11-25T13:41:45Z"; }}}) {
        PnlCommand pnl;
        pnl.grouping = "account,symbol";
        filter(pnl.filter);
        auto const kept = rows(pnl);
        some += kept;
        pnl.method = "average";
        EXPECT_EQ(rows(pnl), kept) << name;
        pnl.method = "";
        pnl.view = "tax";
        EXPECT_EQ(rows(pnl), kept) << name << ", tax view";
    }
    EXPECT_GT(some, 4U);
}

TEST(CommandInput, CertifyTellsOneAccountAndOneTime) {
    recorded().restore(recorded().after());
    auto const certify = [](std::string account, std::string since) {
        return said_by([=] { return run_certify(book(), account, since, Format::table); });
    };
    auto const bad = certify("", "yesterday");
    expect_refused(bad, exit_usage, "yesterday");
    EXPECT_EQ(certify("", "").status, exit_difference);
    auto const other = certify("DU0000002", "");
    EXPECT_EQ(other.status, exit_fine);
    EXPECT_THAT(other.out, HasSubstr("account DU0000002: no statement was imported; every number is provisional"));
    EXPECT_THAT(other.out, testing::Not(HasSubstr("DU0000001")));
    EXPECT_EQ(certify("DU0000001", "2026-11-25").status, exit_difference);
    EXPECT_EQ(certify("DU0000001", "2026-11-26").status, exit_fine) << "nothing was judged since then";
}

TEST(CommandInput, AListThatCannotBeReadIsToldWithItsLine) {
    recorded().restore(recorded().before());
    std::string const file = recorded().database() + ".csv";
    auto const diff = [&](std::string const& text, std::string const& account = "") {
        std::ofstream(file, std::ios::binary) << text;
        return said_by([&] { return run_diff_against(book(), file, account, Format::json); });
    };
    struct Bad {
        char const* text;
        char const* says;
    };
    for (auto const& [text, says] :
         {Bad{"", ".csv is empty; begin it with a heading"}, Bad{"\n\n", "is empty"},
          Bad{"account,symbol\n", ".csv:1: the heading must name quantity"},
          Bad{"account,quantity\n", ".csv:1: the heading must name quantity, and con_id or symbol"},
          Bad{"symbol,quantity\nKO,many\n", ".csv:2: quantity 'many' is not a number"},
          Bad{"symbol,quantity\nKO\n", ".csv:2: quantity '' is not a number"},
          Bad{"con_id,quantity\nKO,1\n", ".csv:2: con_id 'KO' is not a whole number"},
          Bad{"con_id,quantity\r\n\r\n12x,1\r\n", ".csv:3: con_id '12x' is not a whole number"},
          Bad{"con_id,symbol,quantity\n,,1\n", ".csv:2: it names neither con_id nor symbol"},
          Bad{"symbol,quantity\n\"KO\\z\",1\n", ".csv:2: "},
          Bad{"symbol,quantity\nAAPL,1\n", ".csv:2: AAPL is held more than once (DU0000001 STK AAPL con_id 265598; "}}) {
        SCOPED_TRACE(text);
        expect_refused(diff(text), exit_usage, says);
    }
    std::filesystem::remove(file);
    expect_refused(said_by([&] { return run_diff_against(book(), file, "", Format::json); }), exit_usage,
                   "cannot be read: No such file");
    // One account's list says nothing of the other.
    auto const positions =
        diff("account,symbol,quantity\nDU0000002,KO,5\nDU0000001,MGCG7,11\nDU0000001,KO,80\n,TSLA,70\nDU0000001,NOPE,0\n",
             "DU0000001");
    EXPECT_EQ(positions.status, exit_difference);
    EXPECT_THAT(positions.out, testing::Not(HasSubstr("DU0000002")));
    auto const rows = boost::json::parse(positions.out).as_array();
    ASSERT_FALSE(rows.empty());
    for (auto const& row : rows)
        EXPECT_EQ(row.at("detail"), "not in the list");
}

TEST(CommandInput, ARepairIsStatedInWordsThatThereAre) {
    recorded().restore(recorded().after());
    RepairText explain;
    explain.verb = "explain";
    explain.subject = "4294967318";
    explain.cause = "transfer";
    explain.author = "test";
    struct Bad {
        int status;
        char const* says;
        std::function<void(RepairText&)> change;
    };
    for (auto const& [status, says, change] :
         {Bad{exit_usage, "'x' is not the id of a break or an adjustment", [](RepairText& text) { text.subject = "x"; }},
          Bad{exit_usage, "'12x' is not the id", [](RepairText& text) { text.subject = "12x"; }},
          Bad{exit_usage, "'0' is not the id", [](RepairText& text) { text.subject = "0"; }},
          Bad{exit_usage, "'99999999999999999999' is not the id",
              [](RepairText& text) { text.subject = "99999999999999999999"; }},
          Bad{exit_usage, "'luck' is not a cause; state one of", [](RepairText& text) { text.cause = "luck"; }},
          Bad{exit_usage, "--price 'cheap' is not a number", [](RepairText& text) { text.price = "cheap"; }},
          Bad{exit_usage, "--ratio '4' is not a ratio; write 4:1", [](RepairText& text) { text.ratio = "4"; }},
          Bad{exit_failed, "there is nothing with the id 5 in this database", [](RepairText& text) { text.subject = "5"; }},
          Bad{exit_usage, "'alter' is not explain, exclude or undo", [](RepairText& text) { text.verb = "alter"; }},
          Bad{exit_failed, "there is no execution zzz", [](RepairText& text) { text.verb = "exclude", text.subject = "zzz"; }},
          Bad{exit_failed, "there is no execution 0000e0d5.69dd0008.01.01", [](RepairText& text) {
                  text.verb = "exclude", text.subject = "0000e0d5.69dd0008.01.01", text.account = "DU0000002";
              }}}) {
        SCOPED_TRACE(says);
        RepairText text = explain;
        change(text);
        expect_refused(said_by([&] { return run_repair(book(), text, Format::table); }), status, says);
    }
    // Undone by the number of an event: that of a fill says what to do instead, that of an adjustment finds it.
    auto const reader = open_reader(book()).value();
    auto const undo = [&](std::int64_t id) {
        RepairText text;
        text.verb = "undo";
        text.subject = std::to_string(id);
        text.author = "test";
        text.dry_run = true;
        return said_by([&] { return run_repair(book(), text, Format::table); });
    };
    int of_fill = 0;
    int of_adjustment = 0;
    for (auto const& event : reader->events().value()) {
        auto const said = undo(event.event_id);
        if (event.exec_id && event.cause == "execution") {
            ++of_fill;
            expect_refused(said, exit_usage,
                           fmt::format("event {} came of execution {}; exclude that instead", event.event_id, *event.exec_id));
        } else if (event.cause == "opening_balance" && event.kind == "opened") {
            ++of_adjustment;
            EXPECT_EQ(said.error.find("came of no adjustment"), std::string::npos) << said.error;
        }
    }
    EXPECT_GT(of_fill, 3);
    EXPECT_GT(of_adjustment, 3);
}

TEST(CommandInput, WhatOneProcessAsksOfAnotherIsReadOrRefused) {
    for (char const* bad : {"", "[]", "1", "{", "null"}) {
        EXPECT_FALSE(parse_repair(bad)) << bad;
        EXPECT_FALSE(parse_import_options(bad)) << bad;
    }
    EXPECT_FALSE(parse_import_options(R"({"account": "DU1"})"));
    EXPECT_FALSE(parse_import_options(R"({"paths": "a"})"));
    auto const options = parse_import_options(R"({"paths": ["a", 1, "b"], "account": 3})");
    ASSERT_TRUE(options);
    EXPECT_EQ(options->paths, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options->account, "");
    auto const repair = parse_repair(R"({"verb": "undo", "subject": 5, "dry_run": "yes"})");
    ASSERT_TRUE(repair);
    EXPECT_EQ(repair->verb, "undo");
    EXPECT_EQ(repair->subject, "");
    EXPECT_FALSE(repair->dry_run);
    RepairText text;
    text.verb = "explain";
    text.note = "as \"told\"";
    text.dry_run = true;
    auto const back = parse_repair(to_json(text));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->note, text.note);
    EXPECT_TRUE(back->dry_run);
}

TEST(CommandInput, AFileThatCannotBeWrittenIsNotThere) {
    recorded().restore(recorded().after());
    auto const folder = recorded().database() + ".folder";
    expect_refused(said_by([&] { return run_export(book(), "positions", folder + "/out.csv", {}, Format::csv); }), exit_failed,
                   folder + "/out.csv cannot be written: No such file");
    std::filesystem::create_directories(folder + "/out.csv/taken");
    expect_refused(said_by([&] { return run_export(book(), "positions", folder + "/out.csv", {}, Format::csv); }), exit_failed,
                   "cannot be written: Is a directory");
    EXPECT_FALSE(std::filesystem::exists(folder + "/out.csv.partial"));
    std::filesystem::remove_all(folder);
}

/// A database that somebody edited: what cannot be read is told with its place, and never shown as something else.
TEST(CommandInput, AValueThatIsNoneIsToldWithItsColumn) {
    struct Damage {
        char const* sql;
        char const* table;
        char const* says;
    };
    for (auto const& [sql, table, says] :
         {Damage{"UPDATE position SET quantity = 'many'", "positions",
                 "positions.quantity holds 'many', which is no decimal; run `possync verify`"},
          Damage{"UPDATE execution SET shares = ''", "executions", "executions.shares holds '', which is no decimal"},
          Damage{"UPDATE certification SET trade_date = '2026-02-30'", "certifications",
                 "certifications.trade_date holds '2026-02-30', which is no date"},
          Damage{"UPDATE position_close SET trade_date = 'soon'", "closes", "trade_date holds 'soon', which is no date"}}) {
        SCOPED_TRACE(sql);
        recorded().restore(recorded().after());
        {
            auto const behind =
                store::sqlite::Database::open(recorded().database(), {.mode = store::sqlite::Database::Mode::read_write}).value();
            auto const done = behind->execute(std::string("PRAGMA ignore_check_constraints = ON; ") + sql);
            ASSERT_TRUE(done.has_value()) << done.error().message;
        }
        expect_refused(said_by([name = std::string(table)] { return run_table(book(), name, {}, Format::json); }), exit_failed,
                       says);
        auto const verified = said_by([] { return run_verify(book(), Format::json); });
        EXPECT_NE(verified.status, exit_fine) << "verify does not see it: " << verified.out;
    }
}

TEST(CommandInput, APastBeforeTheBookBeganIsNotShownAsHoldingNothing) {
    recorded().restore(recorded().before());
    auto const positions = [](char const* at, char const* as_recorded, Format format = Format::table) {
        query::FilterText filter;
        filter.at = at;
        if (as_recorded != nullptr) filter.as_recorded = as_recorded;
        return said_by([=] { return run_table(book(), "positions", filter, format); });
    };
    auto const before = positions("2020-01-01", nullptr);
    EXPECT_EQ(before.status, exit_fine);
    EXPECT_THAT(before.out, HasSubstr("the book of DU0000001 begins at 2026-11-25 "));
    EXPECT_THAT(before.out, HasSubstr("the book of DU0000002 begins at 2026-11-25 "));
    EXPECT_THAT(positions("2026-11-25T23:00:00Z", "2026-11-24").out, HasSubstr("begins at"));
    EXPECT_THAT(positions("2026-11-25T23:00:00Z", nullptr).out, testing::Not(HasSubstr("begins at")));
    EXPECT_EQ(positions("2020-01-01", nullptr, Format::json).out, "[]\n");
}

TEST(CommandInput, AlertsThatAreRaisedAreListedAndOthersAreNot) {
    recorded().restore(recorded().after());
    auto const list = [](Format format) { return said_by([=] { return run_alert_list(book(), format); }); };
    EXPECT_EQ(list(Format::table).out, "nothing is raised\n");
    auto const log = open_database(book()).value()->open_alert_log().value();
    store::AlertEntry entry;
    auto const now = clock_now().wall;
    entry.alerts = {{"quantity_break", "DU0000001", "8894", "gateway", "80 there, 0 here", now, std::nullopt, now, 0, 0},
                    {"gateway_down", "", "gateway", "gateway", "gone", now - 1h, std::nullopt, now, 2, 0},
                    {"quantity_break", "DU0000002", "1", "gateway", "was so", now - 2h, now - 1h, now, 0, 0}};
    ASSERT_TRUE(log->record(entry).has_value());
    auto const rows = boost::json::parse(list(Format::json).out).as_array();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].at("condition"), "gateway_down");
    EXPECT_EQ(rows[0].at("account"), nullptr);
    EXPECT_EQ(rows[1].at("account"), "DU0000001");
    EXPECT_THAT(list(Format::table).out, HasSubstr("80 there, 0 here"));
}

// --- statements ------------------------------------------------------------------------------------------------------------

std::string statement_of(std::string const& account, std::string const& sections, std::string const& date = "20261125") {
    return fmt::format(
        R"(<FlexStatement accountId="{}" fromDate="{}" toDate="{}" whenGenerated="20261126;050000">{}</FlexStatement>)", account,
        date, date, sections);
}
std::string file_of(std::string const& statements) {
    return "<FlexQueryResponse><FlexStatements>" + statements + "</FlexStatements></FlexQueryResponse>";
}

class Statements : public testing::Test {
protected:
    Statements() : folder_(TemporaryFolder::make().value()) { recorded().restore(recorded().before()); }
    std::string write(std::string const& name, std::string const& text) const {
        auto const path = folder_.file(name);
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    std::string pack(std::string const& name, std::string const& text) const {
        auto const path = folder_.file(name);
        gzFile const file = gzopen(path.c_str(), "wb");
        gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
        gzclose(file);
        return path;
    }
    static Said import(std::string const& path, Configuration const& configuration = book(), std::string const& account = {}) {
        return said_by([&] {
            ImportOptions options;
            options.paths = {path};
            options.account = account;
            return run_import_flex(configuration, options, Format::table);
        });
    }
    TemporaryFolder folder_;
};

TEST_F(Statements, WhatHoldsNoneIsToldWithItsPath) {
    expect_refused(import(folder_.file("none.xml")), exit_usage, "there is no file " + folder_.file("none.xml"));
    std::filesystem::create_directory(folder_.file("empty"));
    expect_refused(import(folder_.file("empty")), exit_usage, "there is no .xml or .xml.gz file in " + folder_.file("empty"));
    expect_refused(import(write("nothing.xml", file_of(""))), exit_usage,
                   "nothing.xml holds no statement; is it a Flex query's XML?");
    expect_refused(import(write("list.csv", "a,b")), exit_usage, "list.csv:1:1: this is not XML");
    auto const packed = pack("day.xml.gz", file_of(statement_of("DU0000001", "<Trades/>")));
    auto const whole = std::filesystem::file_size(packed);
    std::filesystem::resize_file(packed, whole / 2);
    expect_refused(import(packed), exit_usage, "day.xml.gz: the compressed file is cut off; fetch it again");
    std::string broken = "\x1f\x8b\x08" + std::string(40, 'x');
    expect_refused(import(write("broken.xml.gz", broken)), exit_usage, "broken.xml.gz cannot be read: ");
}

TEST_F(Statements, AFolderIsImportedByNameAndWhatWasDoneBeforeAnErrorIsToldToo) {
    std::filesystem::create_directory(folder_.file("year"));
    write("year/b.xml", file_of(statement_of("DU0000002", "<Trades/>")));
    pack("year/a.xml.gz", file_of(statement_of("DU0000001", "<Trades/>")));
    write("year/notes.txt", "not for possync");
    auto const said = import(folder_.file("year"));
    EXPECT_EQ(said.status, exit_fine) << said.error;
    EXPECT_LT(said.out.find("a.xml.gz"), said.out.find("b.xml")) << said.out;
    EXPECT_THAT(said.out, testing::Not(HasSubstr("notes")));
    auto const half = import(write(
        "two.xml", file_of(statement_of("DU0000001", "<Trades/>") + statement_of("DU0000001", "<Trades><Trade/></Trades>"))));
    EXPECT_EQ(half.status, exit_usage);
    EXPECT_THAT(half.out, HasSubstr("two.xml"));
    EXPECT_THAT(half.error, HasSubstr("possync: after 1 imported statements: two.xml:1:"));
    EXPECT_EQ(std::count(half.error.begin(), half.error.end(), '\n'), 1) << half.error;
}

TEST_F(Statements, AnAccountIsBoundToTheGatewayThatMayHaveItOrRefused) {
    auto const live = write("live.xml", file_of(statement_of("U7", "<Trades/>")));
    auto const paper = write("paper.xml", file_of(statement_of("DU7", "<Trades/>")));
    auto const accounts = [] { return open_reader(book()).value()->accounts().value().size(); };
    expect_refused(import(live), exit_failed,
                   "account U7, which this database does not follow; if it is yours, import with --account U7");
    auto two = book();
    two.gateways.resize(2);
    two.gateways[1].name = "other";
    expect_refused(import(paper, two, "DU7"), exit_failed,
                   "account DU7 could be of several gateways; name it in the accounts of its [[gateway]]");
    auto expects = book();
    expects.gateways[0].expect = sync::Expect::paper;
    expect_refused(import(live, expects, "U7"), exit_failed,
                   "account U7 is a live account, gateway gateway expects paper; nothing was written");
    expects.gateways[0].expect = sync::Expect::live;
    expect_refused(import(paper, expects, "DU7"), exit_failed,
                   "account DU7 is a paper account, gateway gateway expects live; nothing was written");
    expects.gateways[0].accounts = {"DU7"};
    expect_refused(import(paper, expects), exit_failed, "gateway gateway expects live");
    EXPECT_EQ(accounts(), 2U);
    expects.gateways[0].expect = sync::Expect::paper;
    EXPECT_EQ(import(paper, expects).status, exit_fine);
    auto configured = book();
    configured.accounts.resize(1);
    configured.accounts[0].code = "DU8";
    EXPECT_EQ(import(write("configured.xml", file_of(statement_of("DU8", "<Trades/>"))), configured).status, exit_fine);
    EXPECT_EQ(accounts(), 4U);
}

TEST_F(Statements, ManyDifferencesAreToldInPartAndSaysWhereTheRestIs) {
    std::string positions = "<OpenPositions>";
    for (int i = 1; i <= 30; ++i) {
        positions += fmt::format(
            R"(<OpenPosition conid="{}" assetCategory="STK" symbol="S{}" currency="USD" reportDate="20261125" position="5" costBasisPrice="1" costBasisMoney="5"/>)",
            900000 + i, i);
    }
    auto const said = import(write("many.xml", file_of(statement_of("DU0000001", positions + "</OpenPositions>"))));
    EXPECT_EQ(said.status, exit_fine) << said.error;
    std::size_t told = 0;
    for (auto at = said.out.find("DU0000001 2026-11-25 "); at != std::string::npos;
         at = said.out.find("DU0000001 2026-11-25 ", at + 1))
        ++told;
    EXPECT_EQ(told, 20U);
    EXPECT_THAT(said.out, testing::ContainsRegex("\\.\\.\\. and [0-9]+ more; see `possync differences`"));
}

// --- a running service -------------------------------------------------------------------------------------------------

/// Holds the gateway of the recorded database in this process, and answers what it is told to.
class OtherService {
public:
    using Answer = std::pair<bool, std::string>;
    explicit OtherService(std::function<Answer(store::OperatorRequest const&)> answer)
        : store_(open_database(book()).value()->open_store({}).value()), answer_(std::move(answer)) {
        store::GatewayClaim claim;
        claim.gateway = "gateway";
        claim.owner = owner_name();
        claim.accounts = {"DU0000001", "DU0000002"};
        claim.paper = true;
        claim.now = clock_now().wall;
        claim.lease = 10min;
        auto const granted = store_->claim(claim);
        EXPECT_TRUE(granted.has_value()) << granted.error().message;
        thread_ = std::thread([this] {
            while (!ending_) {
                for (auto const& request : store_->pending_requests(owner_name()).value()) {
                    auto const [ok, text] = answer_(request);
                    EXPECT_TRUE(store_->finish_request(request.request_id, ok, text, clock_now().wall).has_value());
                }
                std::this_thread::sleep_for(10ms);
            }
        });
    }
    ~OtherService() {
        ending_ = true;
        thread_.join();
    }

private:
    std::unique_ptr<store::Store> store_;
    std::function<Answer(store::OperatorRequest const&)> answer_;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

TEST(CommandInput, WhatARunningServiceAnswersIsTheCommandsAnswer) {
    set_up_log("error", "text");
    recorded().restore(recorded().after());
    OtherService::Answer answer;
    std::string asked;
    OtherService const service([&](store::OperatorRequest const& request) {
        asked = request.verb;
        return request.verb == "status" ? OtherService::Answer{true, "[]"} : answer;
    });
    auto const sync = [](std::string account, Format format) {
        SyncCommand command;
        command.account = std::move(account);
        return said_by([=] { return run_sync(book(), command, format); });
    };
    query::SyncResult result;
    result.success = true;
    result.account = "DU0000001";
    result.trigger = "manual";
    std::string const fine = query::to_json(std::vector{result});
    answer = {true, fine};
    auto said = sync("DU0000001", Format::table);
    EXPECT_EQ(said.status, exit_fine) << said.error;
    EXPECT_EQ(asked, "sync");
    EXPECT_THAT(said.out, testing::StartsWith("synced by the running service\n"));
    EXPECT_THAT(said.out, HasSubstr("DU0000001"));
    EXPECT_EQ(sync("", Format::json).out, fine + "\n");
    // What fails is said on stderr too, whoever reads the rest.
    result.success = false;
    result.error = "the gateway is away";
    auto second = result;
    second.account = "DU0000002";
    answer = {false, query::to_json(std::vector{result, second})};
    for (auto const format : {Format::table, Format::json}) {
        said = sync("", format);
        EXPECT_EQ(said.status, exit_failed);
        EXPECT_EQ(said.error, "possync: DU0000001: the gateway is away\npossync: DU0000002: the gateway is away\n");
        EXPECT_THAT(said.out, HasSubstr("DU0000002"));
    }
    answer = {false, R"({"results":[]})"};
    for (auto const format : {Format::table, Format::json}) {
        said = sync("", format);
        EXPECT_EQ(said.status, exit_failed);
        EXPECT_EQ(said.error, "possync: the running service did not say why it failed; see its log\n");
    }
    // Of a version that answers otherwise: what it said is there, and no row is invented.
    for (char const* text : {"", "no JSON", "[]", "{}", R"({"results":[{"success":"yes"}]})"}) {
        answer = {true, text};
        EXPECT_THAT(sync("", Format::table).out, testing::Not(HasSubstr("DU0000001"))) << text;
    }

    auto const diff = [] { return said_by([] { return run_diff(book(), "", Format::table); }); };
    answer = {true, "[]"};
    EXPECT_EQ(diff().status, exit_fine);
    EXPECT_EQ(asked, "diff");
    answer = {true, "no rows"};
    EXPECT_EQ(diff().status, exit_usage) << "what is no list of differences says nothing";

    RepairText exclude;
    exclude.verb = "exclude";
    exclude.subject = "0000e0d5.69dd0008.01.01";
    auto const repair = [&](Format format) { return said_by([&] { return run_repair(book(), exclude, format); }); };
    answer = {true, "position 1\n"};
    EXPECT_EQ(repair(Format::table).out, "position 1\nwritten; `possync undo` takes it back\n");
    exclude.verb = "undo";
    EXPECT_EQ(repair(Format::table).out, "position 1\nwritten; `possync exclude 0000e0d5.69dd0008.01.01` takes it back\n");
    exclude.verb = "exclude";
    EXPECT_EQ(repair(Format::json).out, "{\"success\":true,\"written\":true,\"changes\":\"position 1\\n\"}\n");
    struct Refusal {
        char const* text;
        int status;
        char const* says;
    };
    for (auto const& [text, status, says] :
         {Refusal{R"({"error":"invalid_input","message":"that changes nothing"})", exit_usage, "possync: that changes nothing\n"},
          Refusal{R"({"error":"conflict","message":"not now"})", exit_failed, "possync: not now\n"},
          Refusal{R"({"error":"of another version","message":"no"})", exit_failed, "possync: no\n"},
          Refusal{R"({"error":1,"message":"no"})", exit_failed, R"({"error":1,"message":"no"})"},
          Refusal{R"({"error":"io"})", exit_failed, R"({"error":"io"})"},
          Refusal{R"({"error":"io","message":5})", exit_failed, R"("message":5)"},
          Refusal{R"({"message":"no"})", exit_failed, "no"}, Refusal{"[1]", exit_failed, "[1]"},
          Refusal{"simply no", exit_failed, "possync: simply no\n"}}) {
        answer = {false, text};
        expect_refused(repair(Format::table), status, says);
    }

    ImportOptions import;
    import.paths = {recorded().statement()};
    auto const imported = [&](std::vector<std::string> paths, Format format) {
        ImportOptions options;
        options.paths = std::move(paths);
        return said_by([&] { return run_import_flex(book(), options, format); });
    };
    expect_refused(imported({"-"}, Format::table), exit_failed, "a running service imports files, not standard input");
    std::string const row =
        R"([{"account":"DU0000001","from_date":"2026-11-25","to_date":"2026-11-25","trades":1,"positions_created":1,"positions_updated":0,"positions_closed":0,)"
        R"("cash_transactions":1,"corrected":0,"open":OPEN,"unknown":0,"revision":6,"certified_through":null,"source":"day.xml"}])";
    for (bool const open : {false, true}) {
        std::string text = row;
        text.replace(text.find("OPEN"), 4, open ? "2" : "0");
        answer = {true, text};
        said = imported({recorded().statement()}, Format::table);
        EXPECT_EQ(said.status, exit_fine) << said.error;
        EXPECT_THAT(said.out, testing::StartsWith("imported by the running service\n"));
        EXPECT_EQ(said.out.find("what is open") != std::string::npos, open) << said.out;
    }
    answer = {true, "nothing that this program knows"};
    EXPECT_EQ(imported({recorded().statement()}, Format::table).status, exit_usage);
}

TEST(CommandInput, WhatAServiceSaysOfItsGatewayIsShownWhereItIsUnderstood) {
    query::Status status;
    status.gateways.resize(1);
    status.gateways[0].gateway = "gateway";
    auto const untouched = status.gateways[0];
    for (char const* text :
         {"", "no JSON", "{}", "[1]", "[{}]", R"([{"gateway":1}])", R"([{"gateway":"other","connected":true}])"}) {
        auto told = status;
        add_live_status(told, text);
        EXPECT_EQ(told.gateways[0], untouched) << text;
    }
    auto told = status;
    add_live_status(
        told,
        R"([{"gateway":"gateway","connected":"yes","stale":1,"stale_since":"soon","server_version":"old","state":5,"last_error":null}])");
    EXPECT_EQ(told.gateways[0], untouched);
    add_live_status(
        told,
        R"([{"gateway":"gateway","connected":true,"stale":false,"stale_since":"2026-11-25T13:41:44Z","server_version":0,"state":"ready","last_error":"was away"}])");
    EXPECT_EQ(told.gateways[0].connected, true);
    EXPECT_EQ(told.gateways[0].state, "ready");
    EXPECT_EQ(told.gateways[0].last_error, "was away");
    EXPECT_FALSE(told.gateways[0].server_version) << "0 is no version";

    recorded().restore(recorded().after());
    std::string answer;
    OtherService const service([&](store::OperatorRequest const&) { return OtherService::Answer{true, answer}; });
    struct Case {
        char const* answer;
        char const* doctor;  ///< what it says of the gateway
    };
    for (auto const& [text, says] :
         {Case{R"([{"gateway":"gateway","owned":true,"connected":true,"stale":false,"server_version":219}])",
               "ok +gateway gateway [^\n]*: connected, server version 219"},
          Case{R"([{"gateway":"gateway","owned":true,"connected":true,"stale":true}])",
               "BAD +gateway gateway [^\n]*connected, but nothing new comes"},
          Case{R"([{"gateway":"gateway","owned":true,"connected":false,"last_error":"refused"}])",
               "BAD +gateway gateway [^\n]*not connected: refused"},
          Case{R"([{"gateway":"gateway","owned":false,"connected":true}])",
               "BAD +gateway gateway [^\n]*it does not say whether it is connected"},
          Case{R"([{"gateway":"gateway","owned":"yes","connected":true},1])", "it does not say whether"},
          Case{R"({"gateway":"gateway"})", "it does not say whether"}, Case{"no JSON", "it does not say whether"}}) {
        answer = text;
        auto const said = said_by([] { return run_doctor(book(), Format::table); });
        EXPECT_THAT(said.out, testing::ContainsRegex(says)) << text;
        EXPECT_THAT(said.out, HasSubstr(owner_name()));
    }
}

TEST(CommandInput, AServiceThatDoesNotAnswerIsToldAfterAWhile) {
    recorded().restore(recorded().after());
    auto const database = open_database(book()).value();
    auto const answer = ask_service(*database, "sync", "{}", nullptr, 150ms, "nobody:1:1");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, base::ErrorCode::timeout);
    EXPECT_THAT(answer.error().message, HasSubstr("did not answer within 150ms; see its log"));
}

}  // namespace
}  // namespace possync::app

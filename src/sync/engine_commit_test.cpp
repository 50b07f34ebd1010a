// Commits between and behind syncs: what comes by itself, what rides along, and what becomes of it when the store refuses.
#include "sync/engine.hpp"

#include "sync/engine_testing.hpp"

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Decimal;
using base::ErrorCode;

/// Times many shares: too many digits.
Decimal const far_too_much = *Decimal::parse("9000000000000000000000000000000");
constexpr std::int64_t many_shares = 9'000'000'000'000'000'000;

struct Telling : Synced {
    using Synced::Synced;
    void value(std::string_view key, std::string_view text, std::string_view currency = "EUR") {
        say(tws::AccountValue{key, text, currency, "DU1"});
    }
    void price(std::int64_t con_id, std::int64_t amount) {
        tws::PortfolioValue portfolio;
        portfolio.account = "DU1";
        portfolio.contract.con_id = con_id;
        portfolio.contract.sec_type = "STK";
        portfolio.position = Decimal(100);
        portfolio.market_price = Decimal(amount);
        say(portfolio);
    }
};

// --- what rides along --------------------------------------------------------------------------------------------------------

TEST(EngineCommit, WhatAFailedCommitTookAlongIsWrittenByTheNextAndNewerValuesWin) {
    Telling story;
    story.values.clear();
    story.marks.clear();
    story.value("NetLiquidation", "1000");
    story.value("TotalCashValue", "5");
    story.price(5, 11);
    story.fail_next_commit = ErrorCode::io;
    story.pass(5s);
    EXPECT_TRUE(story.logged("store.failed"));
    EXPECT_TRUE(story.values.empty());
    story.value("NetLiquidation", "1001");
    story.pass(6s);
    std::map<std::string, std::string> written;
    for (auto const& each : story.values)
        written[each.key] += each.value + ";";
    EXPECT_EQ(written["NetLiquidation"], "1001;") << "once, and the newer one";
    EXPECT_EQ(written["TotalCashValue"], "5;");
    ASSERT_EQ(story.marks.size(), 1u);
    EXPECT_EQ(story.marks[0].current_price, Decimal(11));
}

TEST(EngineCommit, CoverageOfAFailedCommitIsNotLostAndNotDoubled) {
    Synced story;
    story.coverage.clear();
    story.serving = true;
    story.shown = {{"DU1", 5, 100}, {"DU2", 5, 200}};
    for (int i = 0; i < 3; ++i) {
        story.fail_next_commit = ErrorCode::io;
        story.pass_alive(5min);
    }
    story.pass_alive(5min + 10s);
    std::map<model::AccountId, std::set<std::int64_t>> begins;
    for (auto const& each : story.coverage)
        begins[each.account_id].insert(each.from_time.microseconds);
    ASSERT_EQ(begins.size(), 2u);
    for (auto const& [account, all] : begins)
        EXPECT_EQ(all.size(), 1u) << account;
}

TEST(EngineCommit, CoverageIsNeverWrittenBeforeTheFillsOfItsTime) {
    Synced story;
    story.coverage.clear();
    story.sync();
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_FALSE(asked.empty());
    story.fill("a.01", "DU1", 5, "20261125-14:59:00", 7, asked[0].request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    story.pass(25s);  // and the list of positions does not come
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    for (auto const& each : story.coverage) EXPECT_NE(each.account_id, story.books.at("DU1").account_id) << "its fill is not in the book yet";
    story.lose_connection();
    story.pass(30s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 107}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(107));
    EXPECT_TRUE(std::ranges::any_of(story.coverage, [&](auto const& each) { return each.account_id == story.books.at("DU1").account_id; }));
}

// --- fills are asked for ------------------------------------------------------------------------------------------------------

TEST(EngineCommit, PushesInABurstAreAskedAboutTogetherAndTheLastOneToo) {
    Synced story;
    for (int i = 0; i < 20; ++i) {
        story.row("DU1", 5, 101 + i);
        story.answer_rest();
    }
    story.row("DU1", 5, 150);
    EXPECT_TRUE(story.take<tws::RequestExecutions>().empty()) << "asked a moment ago";
    story.pass(250ms);
    EXPECT_EQ(story.take<tws::RequestExecutions>().size(), 1u);
    story.row("DU1", 5, 151);
    story.pass(1s);
    EXPECT_TRUE(story.take<tws::RequestExecutions>().empty()) << "the answer is on its way";
}

TEST(EngineCommit, APushThatComesAsPatienceEndsIsAskedAboutAllTheSame) {
    Synced story;
    story.row("DU1", 5, 120);
    story.answer_rest();
    story.pass(4900ms);
    story.row("DU2", 5, 100);
    story.row("DU1", 5, 50);
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_EQ(asked.size(), 1u);
    story.pass(200ms);
    EXPECT_EQ(story.held("DU1", 5), Decimal(50)) << "patience ended";
    story.fill("a.01", "DU2", 5, "20261125-15:00:10", -100, asked[0].request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    EXPECT_EQ(story.held("DU2", 5), Decimal(100)) << "by what is asked about DU1's last push";
    story.pass(250ms);
    EXPECT_EQ(story.take<tws::RequestExecutions>().size(), 1u) << "it came behind the question";
}

// --- what runs say of it -----------------------------------------------------------------------------------------------------

TEST(EngineCommit, ARunByAPushCountsWhatTheBrokerHoldsBehindIt) {
    Synced story;
    auto const pushed = [&](std::int64_t con_id, std::int64_t quantity) {
        story.runs.clear();
        story.row("DU1", con_id, quantity);
        story.answer_rest();
        story.pass(6s);
        EXPECT_EQ(story.runs.size(), 1u);
        return story.runs.empty() ? std::nullopt : story.runs[0].broker_positions;
    };
    EXPECT_EQ(pushed(6, 10), 2);
    EXPECT_EQ(pushed(7, 10), 3);
    EXPECT_EQ(pushed(6, -10), 3) << "one is closed, one opened";
    EXPECT_EQ(pushed(7, 0), 2);
    // What lists do not show is in the book for a while yet.
    story.sync();
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 6), Decimal(-10));
    EXPECT_EQ(pushed(7, 10), 2);
    EXPECT_EQ(pushed(6, -10), 3) << "it is there again";
}

TEST(EngineCommit, ADiskThatIsFullForHoursLeavesAFewRuns) {
    Synced story;
    story.runs.clear();
    story.pass_alive(5min);
    for (int i = 0; i < 5; ++i) {
        story.fail_next_commit = ErrorCode::io;
        story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
        EXPECT_EQ(story.held("DU1", 5), Decimal(100));
        if (i == 2) {
            story.sync();  // by hand in between: a run of its own
        } else {
            story.pass_alive(6s);
        }
    }
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(90));
    int failures = 0;
    std::size_t rows = 0;
    for (auto const& run : story.runs) {
        if (run.account != "DU1" || run.outcome != model::Outcome::failed) continue;
        ++rows;
        failures += run.repeats;
        EXPECT_FALSE(run.revision);
    }
    EXPECT_EQ(failures, 5);
    EXPECT_LE(rows, 5u);
}

TEST(EngineCommit, TheBaseCurrencyIsThatOfTheNetLiquidation) {
    Telling story;
    story.value("NetLiquidation", "1", "BASE");
    story.value("NetLiquidation", "1", "");
    story.value("TotalCashValue", "1", "CHF");
    story.value("NetLiquidation", "1", "EUR");
    story.say(tws::AccountValue{"NetLiquidation", "1", "JPY", "DU9"});  // nobody's
    story.pass_alive(5min);
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    story.pass(6s);
    EXPECT_EQ(story.freshness.at("DU1").base_currency, "EUR");
}

// --- what comes by itself --------------------------------------------------------------------------------------------------

TEST(EngineCommit, WithoutACallbackWhatCameWaitsForTheSync) {
    EngineOptions options;
    options.on_position_update = false;
    Synced no_positions(options);
    no_positions.row("DU1", 5, 90);
    no_positions.pass(6s);
    EXPECT_EQ(no_positions.held("DU1", 5), Decimal(100));
    no_positions.pass_alive(5min);
    no_positions.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_EQ(no_positions.held("DU1", 5), Decimal(90));

    options.on_position_update = true;
    options.on_trade = false;
    Synced no_trades(options);
    no_trades.fill("a.01", "DU1", 5, "20261125-15:00:01", -10);
    no_trades.say(tws::CommissionReport{"a.01", Decimal(1), "USD", {}});
    no_trades.pass(6s);
    EXPECT_TRUE(no_trades.engine.book("DU1")->instruments.at(5).executions.empty());
    no_trades.row("DU1", 5, 90);
    no_trades.pass(6s);
    EXPECT_EQ(no_trades.held("DU1", 5), Decimal(90));
    EXPECT_EQ(no_trades.engine.book("DU1")->instruments.at(5).executions.at(0).commission, Decimal(1)) << "they are not lost";
}

TEST(EngineCommit, ACommissionThatCorrectsAnotherIsNewsAndARepeatedOneIsNone) {
    Synced story;
    story.fill("a.01", "DU1", 5, "20261125-15:00:01", -10);
    story.row("DU1", 5, 90);
    story.say(tws::CommissionReport{"a.01", Decimal(1), "USD", Decimal(5)});
    story.pass(1s);
    auto const told = [&] { return story.engine.book("DU1")->instruments.at(5).executions.at(0); };
    EXPECT_EQ(told().commission, Decimal(1));
    auto const revision = story.engine.book("DU1")->revision;
    story.say(tws::CommissionReport{"a.01", Decimal(1), "USD", Decimal(5)});
    story.pass(1s);
    EXPECT_EQ(story.engine.book("DU1")->revision, revision);
    story.say(tws::CommissionReport{"a.01", Decimal(1), "EUR", Decimal(5)});
    story.pass(1s);
    EXPECT_EQ(told().commission_currency, "EUR");
    story.say(tws::CommissionReport{"a.01", Decimal(1), "EUR", Decimal(6)});
    story.pass(1s);
    EXPECT_EQ(told().broker_realized_pnl, Decimal(6));
    story.say(tws::CommissionReport{"never-seen.01", Decimal(1), "EUR", {}});  // kept for the fill that may come
    story.pass(1s);
    EXPECT_FALSE(story.logged("sync.failed"));
}

TEST(EngineCommit, ACommissionThatTheDatabaseLostIsTakenAgain) {
    Synced story;
    story.fill("a.01", "DU1", 5, "20261125-15:00:01", -10);
    story.row("DU1", 5, 90);
    tws::CommissionReport const report{"a.01", Decimal(1), "USD", Decimal(5)};
    story.say(report);
    story.pass(1s);
    auto const commission = [&] { return story.engine.book("DU1")->instruments.at(5).executions.at(0).commission; };
    EXPECT_EQ(commission(), Decimal(1));
    // A server that failed over to a standby without the last commit, or a backup from before it.
    auto& lost = story.books["DU1"].instruments.at(5).executions.at(0);
    lost.commission.reset();
    lost.commission_currency.clear();
    lost.broker_realized_pnl.reset();
    story.step(BooksChanged{});
    EXPECT_EQ(commission(), std::nullopt);
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    story.say(report);
    story.pass(1s);
    EXPECT_EQ(commission(), Decimal(1));
}

TEST(EngineCommit, AReportThatCameWhileTheBooksWereLoadedFindsItsExecution) {
    Synced story;
    story.fill("a.01", "DU1", 5, "20261125-15:00:01", -10);
    story.row("DU1", 5, 90);
    story.pass(1s);
    story.loads_answered = false;
    story.step(BooksChanged{});
    story.say(tws::CommissionReport{"a.01", Decimal(1), "USD", Decimal(5)});
    for (auto const* name : {"DU1", "DU2"}) story.step(BookLoaded{story.books[name], {}});
    story.loads_answered = true;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    story.pass(1s);
    EXPECT_EQ(story.engine.book("DU1")->instruments.at(5).executions.at(0).commission, Decimal(1));
}

TEST(EngineCommit, ACommissionOfAnAccountThatLeftIsDropped) {
    Synced story;
    story.fill("a.01", "DU2", 5, "20261125-15:00:01", -10);
    story.row("DU2", 5, 190);
    story.pass(1s);
    story.lose_connection();
    story.pass(5s);
    story.connect("DU1");
    story.say(tws::CommissionReport{"a.01", Decimal(1), "USD", {}});
    story.list({{"DU1", 5, 100}});
    EXPECT_TRUE(story.logged("gateway.account_left", "DU2"));
}

TEST(EngineCommit, APushThatExactNumbersCannotHoldFailsByItself) {
    Synced story;
    tws::ExecutionDetails details;
    details.exec_id = "a.01";
    details.account = "DU1";
    details.contract.con_id = 5;
    details.contract.symbol = "SYM";
    details.contract.sec_type = "STK";
    details.contract.currency = "USD";
    details.time = "20261125-15:00:02";
    details.side = "BOT";
    details.shares = Decimal(many_shares);
    details.price = far_too_much;
    story.say(details);
    story.row("DU1", 5, 100 + many_shares);
    story.pass(6s);
    EXPECT_TRUE(story.logged("sync.failed", "DU1"));
    EXPECT_NE(story.text_of("sync.failed").find("exactly"), std::string::npos);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.engine.status().state, "ready");
    // Nor does a list with it bring the others down.
    story.pass_alive(5min);
    story.list({{"DU1", 5, 100 + many_shares}, {"DU2", 5, 210}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.held("DU2", 5), Decimal(210));
}

/// Passes time until a list is asked for, answering the rest.
bool asks_for_a_list(EngineStory& story) {
    for (int i = 0; i < 20; ++i) {
        if (!story.take<tws::RequestPositions>().empty()) return true;
        story.answer_rest();
        story.pass(500ms);
    }
    return false;
}

TEST(EngineCommit, AFirstSightLooksAgainWhileFillsAreYoung) {
    EngineStory story;
    story.connect("DU1");
    ASSERT_TRUE(asks_for_a_list(story));
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_EQ(asked.size(), 1u);
    story.fill("a.01", "DU1", 5, "20261125-14:59:58", 40, asked[0].request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    story.row("DU1", 5, 60);  // the list may be older than the fill
    story.say(tws::PositionEnd{});
    ASSERT_TRUE(asks_for_a_list(story));
    EXPECT_FALSE(story.synced_at("DU1"));
    story.row("DU1", 5, 100);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass(6s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    auto const& book = story.engine.book("DU1")->instruments.at(5);
    ASSERT_EQ(book.adjustments.size(), 1u);
    EXPECT_EQ(book.adjustments[0].quantity, Decimal(60)) << "the fill is counted once";
}

TEST(EngineCommit, AFirstSightOfManyInstrumentsDoesNotWaitForEachToBeDescribed) {
    EngineStory story;
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    story.say(tws::ExecutionDetailsEnd{asked.at(0).request_id});
    for (std::int64_t con_id = 1; con_id <= 201; ++con_id)
        story.row("DU1", con_id, 10);
    story.say(tws::PositionEnd{});
    EXPECT_TRUE(story.synced_at("DU1")) << "booked at once, described meanwhile";
    story.pass(1s);
    EXPECT_FALSE(story.take<tws::RequestContractData>().empty());
}

TEST(EngineCommit, ContractDataIsCommittedTogetherAndOnce) {
    EngineStory story;
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    story.say(tws::ExecutionDetailsEnd{asked.at(0).request_id});
    story.row("DU1", 5, 10);
    story.row("DU1", 6, 10);
    story.say(tws::PositionEnd{});
    story.pass(6s);  // the answers are late: booked without
    auto const requests = story.take<tws::RequestContractData>();
    ASSERT_EQ(requests.size(), 2u);
    for (auto const& request : requests) {
        auto const said = story.describe(request, [&](tws::ContractData& data) {
            data.time_zone = "America/New_York";
            data.under_con_id = request.con_id == 6 ? 600 : 0;
            data.price_magnifier = request.con_id == 6 ? 100 : 0;
        });
        story.say(said);  // of a request that has ended
    }
    auto const revision = story.engine.book("DU1")->revision;
    story.pass(6s);
    EXPECT_EQ(story.engine.book("DU1")->revision, revision + 1);
    auto const& instrument = *story.engine.book("DU1")->instruments.at(6).instrument;
    EXPECT_TRUE(instrument.details_known);
    EXPECT_EQ(instrument.under_con_id, 600);
    EXPECT_EQ(instrument.price_scale, *Decimal::parse("0.01"));
}

/// By far most of what is kept of a position is the description of what is held.
TEST(EngineCommit, AccountsThatHoldTheSameShareItsDescription) {
    EngineStory story;
    story.connect("DU1,DU2");
    auto const asked = story.take<tws::RequestExecutions>();
    story.say(tws::ExecutionDetailsEnd{asked.at(0).request_id});
    story.row("DU1", 5, 10);
    story.row("DU2", 5, 20);
    story.say(tws::PositionEnd{});
    story.pass(6s);
    auto const description = [&](char const* account) { return &*story.engine.book(account)->instruments.at(5).instrument; };
    EXPECT_EQ(description("DU1"), description("DU2")) << "as the rows of the list have it";
    EXPECT_FALSE(description("DU1")->details_known);

    auto const requests = story.take<tws::RequestContractData>();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].con_id, 5);
    story.describe(requests[0], [](tws::ContractData& data) { data.time_zone = "America/New_York"; });
    story.pass(6s);
    EXPECT_TRUE(description("DU1")->details_known);
    EXPECT_EQ(description("DU1"), description("DU2")) << "as the contract data has it";

    for (auto const* name : {"DU1", "DU2"}) {  // as it is read from a database, for each account
        auto& instrument = story.books[name].instruments.at(5).instrument;
        instrument = model::Instrument(*instrument);
    }
    story.step(BooksChanged{});
    EXPECT_EQ(description("DU1"), description("DU2")) << "as the database has it";
}

// --- lists and lost rows -----------------------------------------------------------------------------------------------------

TEST(EngineCommit, WhatIsLostDuringAListIsToldOncePerAccount) {
    Synced story;
    story.pass_alive(5min);
    story.row("DU1", 5, std::nullopt);
    story.row("DU1", 6, std::nullopt);
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    EXPECT_EQ(std::count_if(story.log.begin(), story.log.end(), [](Log const& line) { return line.event == "positions.lost"; }),
              1);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

TEST(EngineCommit, WhatIsAskedForIsNotAskedForAgain) {
    Synced story;
    story.pass_alive(5min);
    story.row("DU1", 5, 100);
    story.row("DU1", 9, 10);
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    for (auto const& request : story.take<tws::RequestExecutions>())
        story.say(tws::ExecutionDetailsEnd{request.request_id});
    story.pass(6s);  // booked without a description: the answer is late
    EXPECT_EQ(story.take<tws::RequestContractData>().size(), 1u);
    story.fill("a.01", "DU1", 9, "20261125-15:00:01", 1);
    story.sync();
    story.row("DU1", 5, 100);
    story.row("DU1", 9, 11);
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    for (auto const& request : story.take<tws::RequestExecutions>())
        story.say(tws::ExecutionDetailsEnd{request.request_id});
    story.pass(6s);
    EXPECT_EQ(story.held("DU1", 9), Decimal(11));
    EXPECT_TRUE(story.take<tws::RequestContractData>().empty());
}

TEST(EngineCommit, FillsThatWereOnTheirWayWhenTheBrokerWasLostProveNothingAfterwards) {
    Synced story;
    story.sync();
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_FALSE(asked.empty());
    story.coverage.clear();
    story.error(1100);
    story.error(1102);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    EXPECT_TRUE(story.logged("executions.incomplete"));
    story.pass(6s);
    EXPECT_TRUE(story.coverage.empty());
}

TEST(EngineCommit, APushThatALaterListReplacedWaitsForNothing) {
    Synced story;
    story.row("DU1", 5, 70);  // no fill explains it: it waits for one
    story.sync();
    story.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});  // which the account's reset leaves undecided
    story.pass(10s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_FALSE(story.logged("position.unexplained"));
}

TEST(EngineCommit, ARowThatNamesNoAccountMakesNothingKnownOfAny) {
    Synced story;
    story.row("", 5, std::nullopt);
    EXPECT_TRUE(story.logged("positions.lost"));
    EXPECT_EQ(story.text_of("positions.lost").find("what this account holds"), std::string::npos);
    story.pass_alive(21s);
    ASSERT_FALSE(story.take<tws::RequestPositions>().empty()) << "looked for in a new list";
    story.row("", 5, std::nullopt);
    story.row("DU1", 5, 90);
    story.row("DU2", 5, 190);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass_alive(6s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.held("DU2", 5), Decimal(200));
}

TEST(EngineCommit, FillsOfMidnightProveNeitherDay) {
    EngineStory story;
    story.now.wall = *base::parse_rfc3339("2026-11-25T23:59:59Z");
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    story.row("DU1", 5, 100);
    story.say(tws::PositionEnd{});
    story.pass(2s);
    story.say(tws::ExecutionDetailsEnd{asked.at(0).request_id});
    story.answer_rest();
    story.pass(6s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_TRUE(story.coverage.empty());
}

TEST(EngineCommit, FillsFromBeforeTheHoleAreKnownAlready) {
    EngineStory story;
    story.covered_to["DU1"] = *base::parse_rfc3339("2026-11-23T16:00:00Z");
    auto& book = story.books["DU1"];
    book.account = "DU1";
    book.account_id = 1;
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_EQ(asked.size(), 1u);
    story.fill("old.01", "DU1", 5, "20261120-17:00:00", 10, asked[0].request_id);
    story.fill("new.01", "DU1", 5, "20261124-17:00:00", 10, asked[0].request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    story.row("DU1", 5, 100);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass(6s);
    auto const& executions = story.engine.book("DU1")->instruments.at(5).executions;
    ASSERT_EQ(executions.size(), 1u);
    EXPECT_EQ(executions[0].exec_id, "new.01");
}

TEST(EngineCommit, WhatIsHeldByNobodyHereIsPassedOver) {
    Synced story;
    story.row("DU9", 5, 1);
    story.fill("z.01", "DU9", 5, "20261125-15:00:01", 10);
    tws::PortfolioValue portfolio;
    portfolio.account = "DU9";
    portfolio.contract.con_id = 5;
    portfolio.contract.sec_type = "STK";
    portfolio.market_price = Decimal(5);
    story.say(portfolio);
    story.pass(6s);
    EXPECT_FALSE(story.logged("sync.failed"));
    EXPECT_EQ(story.engine.book("DU9"), nullptr);
}

TEST(EngineCommit, ACostThatMovesAloneIsWrittenWithoutARevision) {
    Synced story;
    auto const revision = story.engine.book("DU1")->revision;
    story.marks.clear();
    tws::Position position;
    position.account = "DU1";
    position.contract.con_id = 5;
    position.contract.symbol = "SYM";
    position.contract.sec_type = "STK";
    position.contract.currency = "USD";
    position.position = Decimal(100);
    position.average_cost = Decimal(11);
    story.say(position);
    position.average_cost.reset();  // and one that says none changes nothing
    story.say(position);
    story.pass_alive(5min);
    position.average_cost = Decimal(11);
    story.say(position);
    position.account = "DU2";
    position.position = Decimal(200);
    position.average_cost = Decimal(10);
    story.say(position);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass(6s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    for (auto const& event : story.books["DU1"].instruments.at(5).executions)
        ADD_FAILURE() << event.exec_id;
    EXPECT_LE(story.engine.book("DU1")->revision, revision + 1) << "at most the break that says that the costs differ";
    ASSERT_FALSE(story.marks.empty());
    EXPECT_EQ(story.marks.back().broker_avg_cost, Decimal(11));
}

// --- found by the simulation -----------------------------------------------------------------------------------------------

/// A position pushed behind the list of the first sight counted as held before, and its fill stayed without a position.
TEST(EngineCommit, AFirstSightLooksAgainWhileTheAccountMoves) {
    EngineStory story;
    story.connect("DU1");
    int looks = 0;
    while (!story.synced_at("DU1") && asks_for_a_list(story) && ++looks < 20) {
        auto const executions = story.take<tws::RequestExecutions>();
        story.row("DU1", 5, 100 + looks);
        story.say(tws::PositionEnd{});
        story.row("DU1", 5, 101 + looks);  // moves on before the fills of the day are told
        for (auto const& request : executions)
            story.say(tws::ExecutionDetailsEnd{request.request_id});
    }
    story.pass(6s);
    EXPECT_TRUE(story.synced_at("DU1")) << "one that trades without a pause is taken up at last";
    EXPECT_EQ(looks, 8);
}

/// An account that met an instrument by a push did not take up the contract data which another account had.
TEST(EngineCommit, WhatIsPushedIsDescribedByWhatAnotherAccountKnows) {
    EngineStory story;
    story.connect("DU1,DU2");
    auto const executions = story.take<tws::RequestExecutions>();
    story.say(tws::ExecutionDetailsEnd{executions.at(0).request_id});
    story.row("DU1", 5, 100);
    story.row("DU2", 6, 100);
    story.say(tws::PositionEnd{});
    story.pass(1s);
    for (auto const& request : story.take<tws::RequestContractData>()) {
        story.describe(request, [](tws::ContractData& data) {
            data.contract.currency = "GBP";
            data.price_magnifier = 100;
        });
    }
    story.pass(6s);
    story.row("DU2", 5, 10);
    story.pass(6s);
    ASSERT_TRUE(story.engine.book("DU2")->instruments.contains(5));
    auto const& instrument = *story.engine.book("DU2")->instruments.at(5).instrument;
    EXPECT_TRUE(instrument.details_known);
    EXPECT_EQ(instrument.price_scale, *Decimal::parse("0.01"));
}

}  // namespace
}  // namespace possync::sync

// The engine against a gateway that is away, late, wrong or lying. What happens to positions when all goes well is told by the
// scenarios in test/scenarios.
#include "sync/engine.hpp"

#include "sync/engine_testing.hpp"

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Decimal;

// --- lists with holes ----------------------------------------------------------------------------------------------------

TEST(Engine, AnUnreadableRowLeavesItsAccountAsItWasAndTheOthersGoOn) {
    Synced story;
    auto const before = story.synced_at("DU1");
    story.pass_alive(5min);
    story.list({{"DU1", 5, std::nullopt}, {"DU2", 5, 150}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.synced_at("DU1"), before);
    EXPECT_TRUE(story.logged("sync.failed", "DU1"));
    EXPECT_EQ(story.held("DU2", 5), Decimal(150));
    EXPECT_GT(story.synced_at("DU2"), before);
}

TEST(Engine, ALostPushIsLookedForInANewList) {
    Synced story;
    story.row("DU1", 5, std::nullopt);
    EXPECT_TRUE(story.logged("positions.lost", "DU1"));
    story.pass_alive(21s);
    story.list({{"DU1", 5, 70}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(70));
}

/// The rest of a failed list must not be taken for the next one: its End would close whatever came before the next began.
TEST(Engine, TheEndOfAFailedListDoesNotEndTheNext) {
    Synced story;
    story.pass_alive(5min);
    EXPECT_EQ(story.take<tws::RequestPositions>().size(), 1u);
    story.row("DU1", 0, 5);  // a row without a contract
    story.answer_rest();
    story.pass_alive(20s);
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty());  // still on its way: nothing new is asked for
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.held("DU2", 5), Decimal(200));
}

// --- one writer per gateway ----------------------------------------------------------------------------------------------

TEST(Engine, TheLeaseIsTakenBeforeTheGatewayIsConnectedTo) {
    EngineStory story;
    story.rival = "host:2:2";
    story.step(Start{});
    EXPECT_FALSE(story.opening);
    EXPECT_EQ(story.engine.status().state, "standby");
    EXPECT_EQ(story.engine.status().last_error, "the gateway is served by host:2:2");
    EXPECT_FALSE(story.engine.status().owned);
    ASSERT_EQ(story.claims.size(), 1u);
    EXPECT_TRUE(story.claims[0].accounts.empty());
    EXPECT_FALSE(story.claims[0].paper.has_value());
    story.pass(25s);
    EXPECT_EQ(story.claims.size(), 3u);  // each third of the lease
    EXPECT_EQ(std::count_if(story.log.begin(), story.log.end(), [](auto& line) { return line.event == "gateway.standby"; }), 1);
    EXPECT_FALSE(story.opening);
    story.sync();
    ASSERT_FALSE(story.answers.empty());
    EXPECT_NE(story.answers.back().results.at(0).error.find("host:2:2"), std::string::npos);

    story.rival.clear();
    story.pass(10s);
    EXPECT_TRUE(story.opening);
    EXPECT_TRUE(story.logged("gateway.taken"));
    EXPECT_TRUE(story.engine.status().owned);
}

TEST(Engine, AStandbyLooksWhenTheLeaseEnds) {
    EngineStory story;
    story.rival = "host:2:2";
    story.free_in = 3s;
    story.step(Start{});
    story.rival.clear();
    story.pass(2900ms);
    EXPECT_FALSE(story.opening);
    story.pass(200ms);
    EXPECT_TRUE(story.opening);
}

TEST(Engine, TheLeaseIsRenewedWhileTheGatewayIsAway) {
    EngineStory story;
    story.step(Start{});
    story.step(SocketFailed{"refused"});
    for (int i = 0; i < 60; ++i) {
        story.pass(1s);
        if (std::exchange(story.opening, false)) story.step(SocketFailed{"refused"});
    }
    EXPECT_EQ(std::count_if(story.claims.begin(), story.claims.end(), [](auto& claim) { return claim.renewal; }), 6);
}

TEST(Engine, ARenewalThatIsRefusedEndsTheConnectionAndWritesNothingMore) {
    Synced story;
    story.rival = "host:2:2";
    story.pass_alive(11s);
    EXPECT_TRUE(story.logged("gateway.lease_lost"));
    EXPECT_TRUE(story.logged("gateway.standby"));
    EXPECT_EQ(story.engine.status().state, "standby");
    EXPECT_FALSE(story.engine.status().connected);
    EXPECT_EQ(story.releases, 0);  // there is nothing to give back
}

TEST(Engine, AProcessThatWasPausedLosesWhenItCommits) {
    Synced story;
    story.commits_answered = false;
    story.row("DU1", 5, 70);
    story.pass(6s);
    ASSERT_FALSE(story.commits.empty());
    story.rival = "host:2:2";
    story.step(CommitFailed{story.commits.back(), {base::ErrorCode::conflict, "gateway was taken over"}});
    EXPECT_TRUE(story.logged("gateway.lease_lost"));
    EXPECT_EQ(story.engine.status().state, "standby");
    auto const commits = story.commits.size();
    story.pass(5s);
    EXPECT_EQ(story.commits.size(), commits);
}

TEST(Engine, AConflictUnderTheOwnLeaseLoadsTheBookAndGoesOn) {
    Synced story;
    story.commits_answered = false;
    story.row("DU1", 5, 70);
    story.pass(6s);
    ASSERT_FALSE(story.commits.empty());
    story.commits_answered = true;
    story.step(CommitFailed{story.commits.back(), {base::ErrorCode::conflict, "another revision"}});
    EXPECT_EQ(story.engine.status().state, "ready");
    EXPECT_FALSE(story.logged("gateway.lease_lost"));
}

TEST(Engine, ARenewalWithAnotherEpochBeginsAnew) {
    Synced story;
    story.books["DU1"].next_id += 7;  // somebody had the gateway in between, and wrote
    story.epoch = 3;
    auto const commits = story.commits.size();
    story.row("DU1", 5, 70);  // heard before, and perhaps older than what they wrote
    story.pass_alive(11s);
    story.pass(10s);
    EXPECT_EQ(story.commits.size(), commits);
    EXPECT_TRUE(story.engine.status().owned);
    story.connect("DU1,DU2");
    EXPECT_EQ(story.engine.book("DU1")->next_id, story.books["DU1"].next_id);
}

TEST(Engine, AGatewayIsHandedOverAtAQuietMoment) {
    Synced story;
    story.pass_alive(5min);  // a sync is under way
    story.step(Yield{true});
    EXPECT_EQ(story.releases, 0);
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    story.pass(3s);
    EXPECT_EQ(story.releases, 1);
    EXPECT_EQ(story.engine.status().state, "standby");
    EXPECT_FALSE(story.engine.status().owned);
    // It comes back as any other: with the books as they then are.
    story.pass(11s);
    EXPECT_TRUE(story.engine.status().owned);
}

TEST(Engine, WhatIsNoLongerWantedIsNotHandedOver) {
    Synced story;
    story.pass_alive(5min);
    story.step(Yield{true});
    story.step(Yield{false});
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    story.pass(6s);
    EXPECT_EQ(story.releases, 0);
    EXPECT_EQ(story.engine.status().state, "ready");
}

TEST(Engine, TheLeaseIsGivenBackAtTheEnd) {
    Synced story;
    story.step(Stop{});
    EXPECT_EQ(story.releases, 1);
    EngineStory standby;
    standby.rival = "host:2:2";
    standby.step(Start{});
    standby.step(Stop{});
    EXPECT_EQ(standby.releases, 0);
}

TEST(Engine, ASingleSyncFailsWhereTheGatewayIsAnothers) {
    EngineOptions options;
    options.one_shot = true;
    EngineStory story(options);
    story.rival = "host:2:2";
    story.sync();
    story.step(Start{});
    EXPECT_FALSE(story.opening);
    EXPECT_EQ(story.engine.status().state, "stopped");
}

// --- what may be old -----------------------------------------------------------------------------------------------------

TEST(Engine, NothingCountsAsSyncedWhileTheGatewayIsWithoutItsBroker) {
    for (std::int64_t const code : {1100, 2110}) {
        Synced story;
        auto const before = story.synced_at("DU1");
        auto const lost = story.now.wall;
        story.error(code);
        EXPECT_TRUE(story.engine.status().stale);
        EXPECT_EQ(story.engine.status().stale_since, lost);
        story.pass_alive(8min);
        story.error(code);  // repeated: since the first
        EXPECT_EQ(story.engine.status().stale_since, lost);
        EXPECT_TRUE(story.take<tws::RequestPositions>().empty()) << "a list of now would be a list of then";
        EXPECT_EQ(story.synced_at("DU1"), before);
        story.sync();
        ASSERT_EQ(story.answers.size(), 1u);
        EXPECT_FALSE(story.answers[0].results[0].success);
        EXPECT_NE(story.answers[0].results[0].error.find("may be old since " + base::to_rfc3339(lost)), std::string::npos);
        story.error(1102);
        EXPECT_FALSE(story.engine.status().stale);
        EXPECT_FALSE(story.engine.status().stale_since);
        story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
        EXPECT_GT(story.synced_at("DU1"), before);
        EXPECT_EQ(story.held("DU1", 5), Decimal(90));
    }
}

TEST(Engine, AListThatWasOnItsWayWhenTheBrokerWasLostDoesNotCount) {
    for (bool const restored : {true, false}) {
        Synced story;
        auto const before = story.synced_at("DU1");
        story.pass_alive(5min);
        ASSERT_EQ(story.take<tws::RequestPositions>().size(), 1u);
        story.error(1100);
        story.row("DU2", 5, 200);
        if (restored) story.error(1102);
        story.say(tws::PositionEnd{});  // without DU1's position
        story.answer_rest();
        story.pass_alive(1s);
        EXPECT_EQ(story.synced_at("DU1"), before);
        EXPECT_FALSE(story.logged("position.missing"));
        EXPECT_EQ(story.held("DU1", 5), Decimal(100));
        if (!restored) continue;
        story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});  // asked for again at once
        EXPECT_GT(story.synced_at("DU1"), before);
    }
}

TEST(Engine, PricesThatMayBeOldAreNoPricesOfNow) {
    Synced story;
    auto const price = [&](char const* account, std::int64_t value) {
        tws::PortfolioValue portfolio;
        portfolio.account = account;
        portfolio.contract.con_id = 5;
        portfolio.contract.sec_type = "STK";
        portfolio.position = Decimal(100);
        portfolio.market_price = Decimal(value);
        story.say(portfolio);
        story.pass_alive(6s);
    };
    story.marks.clear();
    story.error(1100);
    price("DU1", 11);
    EXPECT_TRUE(story.marks.empty());
    story.error(1102);
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    price("DU1", 12);
    ASSERT_FALSE(story.marks.empty());
    EXPECT_EQ(story.marks.back().current_price, Decimal(12));
    story.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    story.marks.clear();
    price("DU1", 13);
    EXPECT_TRUE(story.marks.empty());
    price("DU2", 13);
    EXPECT_FALSE(story.marks.empty());
}

TEST(Engine, SilenceIsStaleBeforeItIsALoss) {
    Synced story;
    auto const heard = story.now.wall;
    story.say(tws::CurrentTime{story.now.wall.microseconds / 1'000'000});
    story.pass(50s);
    EXPECT_FALSE(story.engine.status().stale);
    story.pass(6s);
    EXPECT_TRUE(story.engine.status().stale);
    EXPECT_TRUE(story.engine.status().connected);
    EXPECT_EQ(story.engine.status().stale_since, heard);
    story.pass(30s);
    EXPECT_FALSE(story.engine.status().connected);
    EXPECT_EQ(story.engine.status().stale_since, heard);
    story.pass(10s);
    story.connect("DU1,DU2");
    EXPECT_FALSE(story.engine.status().stale);
}

TEST(Engine, ALostConnectionIsStaleSinceItWasHeardLast) {
    Synced story;
    story.say(tws::CurrentTime{story.now.wall.microseconds / 1'000'000});
    auto const heard = story.now.wall;
    story.pass(20s);
    story.lose_connection();
    story.pass(5h);
    EXPECT_TRUE(story.engine.status().stale);
    EXPECT_EQ(story.engine.status().stale_since, heard);
    EXPECT_EQ(story.engine.status().accounts.size(), 2u);
}

/// 2110 is also what a client hears that connects while the gateway is offline, maybe before its accounts are named.
TEST(Engine, AGatewayThatIsOfflineWhenConnectedToIsStale) {
    for (bool const early : {true, false}) {
        EngineStory story;
        story.step(Start{});
        story.started = true;
        story.greet();
        if (early) story.error(2110), story.error(2110);
        story.say(tws::ManagedAccounts{"DU1"});
        story.say(tws::NextValidId{1});
        if (!early) {
            story.error(2110);
            story.say(tws::PositionEnd{});  // of the list that it asked for before it knew
            story.answer_rest();
        }
        EXPECT_TRUE(story.engine.status().stale) << early;
        story.asked.clear();
        story.pass_alive(5min);
        EXPECT_FALSE(story.synced_at("DU1"));
        story.error(1101);
        story.list({{"DU1", 5, 1}});
        EXPECT_FALSE(story.engine.status().stale);
    }
}

TEST(Engine, AnAccountThatIsBeingResetStaysAsItWas) {
    Synced story;
    auto const before = story.synced_at("DU1");
    story.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    story.pass_alive(5min);
    story.list({{"DU2", 5, 250}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.synced_at("DU1"), before);
    EXPECT_FALSE(story.logged("position.missing"));
    EXPECT_EQ(story.held("DU2", 5), Decimal(250));
    // A new connection knows nothing of it.
    story.lose_connection();
    story.pass(2s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 60}, {"DU2", 5, 250}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(60));
}

// --- accounts that come and go -------------------------------------------------------------------------------------------

TEST(Engine, AnAccountThatLeavesIsUnknownAndNotEmpty) {
    for (bool const while_connected : {true, false}) {
        Synced story;
        auto const freshness = story.freshness.at("DU1").last_synced_at;
        if (while_connected) {
            story.say(tws::ManagedAccounts{"DU2,DU3"});
        } else {
            story.lose_connection();
        }
        story.pass(2s);
        story.connect("DU2,DU3");
        story.list({{"DU2", 5, 201}, {"DU3", 7, 1}});
        story.serving = true;
        story.shown = {{"DU2", 5, 201}, {"DU3", 7, 1}};
        story.pass_alive(30min);
        EXPECT_TRUE(story.logged("gateway.account_left", "DU1"));
        EXPECT_EQ(story.books.at("DU1").instruments.at(5).positions.back().quantity, Decimal(100));
        EXPECT_EQ(story.freshness.at("DU1").last_synced_at, freshness);
        EXPECT_EQ(story.held("DU2", 5), Decimal(201));
        EXPECT_EQ(story.held("DU3", 7), Decimal(1));
        // And it comes back as it was left.
        story.lose_connection();
        story.pass(5s);
        story.connect("DU1,DU2,DU3");
        EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    }
}

// --- executions ----------------------------------------------------------------------------------------------------------

std::vector<std::string> windows(EngineStory const& story) {
    std::vector<std::string> result;
    for (auto const& each : story.coverage) {
        result.push_back(base::to_rfc3339(each.from_time).substr(5, 11) + " " + base::to_rfc3339(each.to_time).substr(5, 11) +
                         " " + each.state);
    }
    return result;
}

/// Down since Monday afternoon; it is Wednesday.
struct BackAfterTwoDays : EngineStory {
    explicit BackAfterTwoDays(int server_version = 226, model::AccountBook const& known = {}) {
        covered_to["DU1"] = *base::parse_rfc3339("2026-11-23T16:00:00Z");
        auto& book = books["DU1"] = known;
        book.account = "DU1";
        book.account_id = 1;
        connect("DU1", server_version);
        executions = take<tws::RequestExecutions>();
    }
    void finish(std::int64_t held = 100) {
        row("DU1", 5, held);
        say(tws::PositionEnd{});
        answer_rest();
        pass(3s);
        answer_rest();
        pass_alive(8s);
    }
    std::vector<tws::RequestExecutions> executions;
};

TEST(Engine, AHoleInTheCoverageIsAskedForAndClosedByWhatComes) {
    BackAfterTwoDays story;
    ASSERT_EQ(story.executions.size(), 1u);
    EXPECT_EQ(story.executions[0].last_days, 2);
    story.fill("a.01", "DU1", 5, "20261123-17:00:00", 10, story.executions[0].request_id);
    story.say(tws::ExecutionDetailsEnd{story.executions[0].request_id});
    story.finish();
    EXPECT_EQ(windows(story), (std::vector<std::string>{"11-23T00:00 11-25T15:00 complete"}));
    EXPECT_FALSE(story.logged("executions.unknown"));
    // Asked once a connection; later pulls are about today.
    story.sync();
    auto const later = story.take<tws::RequestExecutions>();
    ASSERT_FALSE(later.empty());
    EXPECT_EQ(later[0].last_days, 0);
}

TEST(Engine, AFillThatIsKnownProvesItsDayToo) {
    EngineStory before;
    before.connect("DU1");
    before.list({{"DU1", 5, 100}});
    before.fill("a.01", "DU1", 5, "20261125-15:00:01", 10);
    before.row("DU1", 5, 110);
    before.pass(1s);
    auto book = before.books["DU1"];
    ASSERT_EQ(book.instruments.at(5).executions.size(), 1u);
    book.instruments.at(5).executions[0].time = *base::parse_rfc3339("2026-11-23T17:00:00Z");

    BackAfterTwoDays story(226, book);
    ASSERT_EQ(story.executions.size(), 1u);
    EXPECT_EQ(story.executions[0].last_days, 2);
    story.fill("a.01", "DU1", 5, "20261123-17:00:00", 10, story.executions[0].request_id);
    story.say(tws::ExecutionDetailsEnd{story.executions[0].request_id});
    story.finish(110);
    EXPECT_EQ(windows(story), (std::vector<std::string>{"11-23T00:00 11-25T15:00 complete"}));
}

TEST(Engine, DaysThatNoFillProvesStayUnknown) {
    BackAfterTwoDays story;
    story.fill("a.01", "DU1", 5, "20261124-17:00:00", 10, story.executions[0].request_id);
    story.say(tws::ExecutionDetailsEnd{story.executions[0].request_id});
    story.finish();
    EXPECT_EQ(windows(story), (std::vector<std::string>{"11-23T16:00 11-24T00:00 unknown", "11-24T00:00 11-25T15:00 complete"}));
    EXPECT_TRUE(story.logged("executions.unknown"));
}

/// The last list came before the hole: what it says of a quiet moment only the next one can tell.
TEST(Engine, AMinuteRoundMidnightIsAsGoodAsSeenWhenTheNextListShowsThatNothingMoved) {
    for (bool const moved : {false, true}) {
        SCOPED_TRACE(moved);
        EngineStory story;
        story.now.wall = *base::parse_rfc3339("2026-11-25T23:00:00Z");
        story.connect("DU1");
        story.list({{"DU1", 5, 100}});
        story.serving = true;
        story.shown = {{"DU1", 5, 100}};
        story.pass_alive(59min);
        if (moved) story.shown = {{"DU1", 5, 140}};
        story.coverage.clear();
        story.pass_alive(6min);
        std::map<base::Timestamp, model::CoverageWindow> known;
        for (auto const& each : story.coverage) known[each.from_time] = each;
        auto const hole = std::ranges::find_if(known, [](auto const& each) { return each.second.to_time == *base::parse_rfc3339("2026-11-26T00:00:00Z"); });
        ASSERT_NE(hole, known.end());
        EXPECT_EQ(hole->second.state, moved ? "unknown" : "complete");
        EXPECT_EQ(hole->second.source, moved ? "pull" : "snapshot");
        EXPECT_EQ(story.logged("executions.unknown"), moved);
    }
}

TEST(Engine, AnErrorOrSilenceAboutPastDaysFallsBackToToday) {
    for (bool const refused : {true, false}) {
        BackAfterTwoDays story;
        if (refused) {
            story.error(321, story.executions[0].request_id);
        } else {
            story.pass(11s);
        }
        auto const again = story.take<tws::RequestExecutions>();
        ASSERT_EQ(again.size(), 1u) << refused;
        EXPECT_EQ(again[0].last_days, 0);
        story.say(tws::ExecutionDetailsEnd{again[0].request_id});
        story.finish();
        EXPECT_EQ(windows(story),
                  (std::vector<std::string>{"11-23T16:00 11-25T00:00 unknown", "11-25T00:00 11-25T15:00 complete"}));
        EXPECT_TRUE(story.synced_at("DU1"));
        EXPECT_FALSE(story.logged("sync.failed"));
        EXPECT_FALSE(story.logged("executions.incomplete"));
    }
}

TEST(Engine, OldGatewaysAreAskedForTodayOnly) {
    BackAfterTwoDays story(199);
    ASSERT_EQ(story.executions.size(), 1u);
    EXPECT_EQ(story.executions[0].last_days, 0);
    story.say(tws::ExecutionDetailsEnd{story.executions[0].request_id});
    story.finish();
    EXPECT_EQ(story.coverage.size(), 2u);
    EXPECT_EQ(story.coverage[0].state, "unknown");
}

TEST(Engine, AnUnreadableExecutionProvesNothingAndPositionsCommitAllTheSame) {
    EngineStory story;
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    story.fill("a.01", "DU1", 5, "some time yesterday", 10, asked.at(0).request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    story.row("DU1", 5, 100);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass(6s);
    EXPECT_TRUE(story.coverage.empty());
    EXPECT_TRUE(story.logged("executions.incomplete"));
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

TEST(Engine, ExecutionsAreAskedForShortlyBeforeTheDailyRestart) {
    EngineStory story;
    story.connect("DU1");
    auto const settings = story.take<tws::RequestSettings>();
    ASSERT_EQ(settings.size(), 1u);
    tws::GatewaySettings answer;
    answer.request_id = settings[0].request_id;
    answer.logoff.time = "03:30";
    answer.logoff.period = "PM";
    story.say(answer);
    story.serving = true;
    story.shown = {{"DU1", 5, 100}};
    story.pass_alive(28min + 40s);  // between two scheduled syncs
    story.serving = false;
    std::vector<std::string> asked_at;
    while (story.now.wall < *base::parse_rfc3339("2026-11-25T15:29:20Z")) {
        if (!story.take<tws::RequestExecutions>().empty()) asked_at.push_back(base::to_rfc3339(story.now.wall).substr(11, 8));
        story.pass(1s);
    }
    EXPECT_EQ(asked_at, std::vector<std::string>{"15:29:00"});
}

// --- asking and waking ---------------------------------------------------------------------------------------------------

/// A list that takes longer than the interval: EngineStory fails a test whose engine wants to be woken at once for ever.
TEST(Engine, ASlowListDoesNotKeepTheMachineBusy) {
    EngineOptions options;
    options.interval = 10s;
    EngineStory story(options);
    story.connect("DU1");
    story.list({{"DU1", 5, 100}});
    story.pass_alive(10s);
    EXPECT_EQ(story.take<tws::RequestPositions>().size(), 1u);
    story.pass_alive(25s);
    story.row("DU1", 5, 100);
    story.say(tws::PositionEnd{});
    story.answer_rest();
    story.pass_alive(1s);
    EXPECT_EQ(story.take<tws::RequestPositions>().size(), 1u);  // the one that became due meanwhile
}

TEST(Engine, FillsOfAnAccountThatWasNeverSyncedWait) {
    EngineStory story;
    story.connect("DU1");
    story.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    story.list({{"DU1", 5, 100}});
    EXPECT_FALSE(story.synced_at("DU1"));
    story.fill("a.01", "DU1", 5, "20261125-15:00:00", 10);
    story.pass_alive(1min);
    EXPECT_FALSE(story.synced_at("DU1"));
}

TEST(Engine, DisabledMeansThatOnlySyncsAskedForHappen) {
    EngineOptions options;
    options.enabled = false;
    EngineStory story(options);
    story.connect("DU1");
    story.error(1100);
    story.error(1102);
    story.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    story.say(tws::AccountValue{"AccountReady", "true", "", "DU1"});
    story.pass_alive(1h);
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty());
    EXPECT_TRUE(story.take<tws::RequestExecutions>().empty());
}

TEST(Engine, ACommitThatFailsWhileDisconnectedDoesNotPretendToBeConnected) {
    Synced story;
    story.commits_answered = false;
    story.pass_alive(5min);
    story.list({{"DU1", 5, 99}, {"DU2", 5, 200}});
    ASSERT_EQ(story.commits.size(), 1u);
    story.lose_connection();
    story.step(CommitFailed{story.commits[0], {base::ErrorCode::conflict, "somebody else wrote"}});
    EXPECT_FALSE(story.engine.status().connected);
    story.commits_answered = true;
    story.pass(5s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 98}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(98));
}

TEST(Engine, AWeekendWithoutAGatewayIsAFewLines) {
    Synced story;
    story.lose_connection();
    while (story.now.steady < 1000s + 48h) {
        story.pass(5s);
        if (std::exchange(story.opening, false)) story.step(SocketFailed{"Connection refused"});
    }
    auto const lines =
        std::count_if(story.log.begin(), story.log.end(), [](Log const& line) { return line.event == "gateway.connect_failed"; });
    EXPECT_GT(lines, 200);
    EXPECT_LT(lines, 300);  // one in ten minutes
}

TEST(Engine, TheReasonForRefusingAGatewayIsKept) {
    EngineOptions options;
    options.expect = Expect::live;
    EngineStory story(options);
    story.connect("DU1");
    EXPECT_EQ(story.engine.status().state, "stopped");
    EXPECT_NE(story.engine.status().last_error.find("configured as live"), std::string::npos);
    story.sync();
    ASSERT_EQ(story.answers.size(), 1u);
    EXPECT_NE(story.answers[0].results[0].error.find("configured as live"), std::string::npos);
}

TEST(Engine, ARedirectionIsFatalAndSaysWhereTo) {
    EngineStory story;
    story.step(Start{});
    story.step(SocketOpened{});
    std::string bytes;
    tws::append_frame(bytes, std::string("-1\0other.example:4001\0", 22));
    story.step(BytesReceived{bytes});
    EXPECT_EQ(story.engine.status().state, "stopped");
    EXPECT_NE(story.text_of("gateway.connect_failed").find("other.example:4001"), std::string::npos);
}

}  // namespace
}  // namespace possync::sync

// What is asked of the engine from outside: syncs by hand, dry runs, single runs, starting and stopping, and what it answers when
// it cannot. The gateway and the store are those of engine_testing.hpp.
#include "sync/engine.hpp"

#include "sync/engine_testing.hpp"

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Decimal;
using base::ErrorCode;

EngineOptions once() {
    EngineOptions options;
    options.one_shot = true;
    return options;
}

// --- phases --------------------------------------------------------------------------------------------------------------

TEST(EngineRequests, EachPhaseIsToldAndASyncAskedForMeanwhileWaitsOrFails) {
    EngineStory story;
    story.claims_answered = story.loads_answered = false;
    EXPECT_EQ(story.engine.status().state, "stopped");
    EXPECT_FALSE(story.result(story.sync()).success);
    story.step(Start{});
    story.started = true;
    EXPECT_EQ(story.engine.status().state, "claiming");
    auto const early = story.sync();
    story.step(Start{});  // twice is once
    EXPECT_EQ(story.claims.size(), 1u);
    story.claims_answered = true;
    story.step(Claimed{1, {}, {}, false});
    EXPECT_EQ(story.engine.status().state, "connecting");
    EXPECT_NE(story.result(story.sync()).error.find("is not connected"), std::string::npos);
    story.claims_answered = false;
    story.greet();
    story.say(tws::ManagedAccounts{"DU1"});
    story.say(tws::NextValidId{1});
    EXPECT_EQ(story.engine.status().state, "registering");
    EXPECT_TRUE(story.engine.status().connected);
    auto& book = story.books["DU1"];
    book.account = "DU1";
    book.account_id = 1;
    story.step(Claimed{1, {{1, "DU1"}}, {}, true});
    EXPECT_EQ(story.engine.status().state, "loading");
    EXPECT_TRUE(story.engine.status().connected);
    EXPECT_EQ(story.engine.book("DU1"), nullptr) << "not loaded yet";
    EXPECT_EQ(story.engine.book("DU9"), nullptr);
    auto const late = story.sync("DU1");
    BookLoaded loaded;
    loaded.book = book;
    story.step(loaded);
    EXPECT_EQ(story.engine.status().state, "ready");
    story.list({{"DU1", 5, 100}});
    EXPECT_TRUE(story.result(early).success);
    EXPECT_TRUE(story.result(late).success);
}

TEST(EngineRequests, ABookThatCannotBeLoadedEndsTheConnectionNotTheService) {
    EngineStory story;
    story.fail_next_load = ErrorCode::io;
    story.connect("DU1");
    EXPECT_TRUE(story.logged("gateway.unusable"));
    EXPECT_EQ(story.engine.status().state, "connecting");
    EXPECT_NE(story.engine.status().last_error.find("the book cannot be loaded: the file is damaged"), std::string::npos);
    story.pass(5s);
    story.connect("DU1");
    EXPECT_EQ(story.engine.status().state, "ready");
}

TEST(EngineRequests, WhatIsLoadedForNobodyIsPassedOver) {
    Synced story;
    BookLoaded stranger;
    stranger.book.account = "DU9";
    story.step(stranger);
    BookLoaded again;  // after a repair elsewhere the same book comes while nothing waits for it
    again.book = story.books["DU1"];
    story.step(again);
    EXPECT_EQ(story.engine.status().state, "ready");
    EXPECT_EQ(story.engine.book("DU9"), nullptr);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

TEST(EngineRequests, PricesAndCostsOfBeforeTheRestartAreKnown) {
    EngineStory story;
    model::MarkRecord priced;
    priced.con_id = 5;
    priced.broker_avg_cost = Decimal(10);
    priced.current_price = Decimal(12);
    priced.marked_at = story.now.wall;
    model::MarkRecord half;
    half.con_id = 6;
    half.current_price = Decimal(12);
    model::MarkRecord cost_only;
    cost_only.con_id = 7;
    cost_only.broker_avg_cost = Decimal(10);
    story.known_marks["DU1"] = {priced, half, cost_only};
    story.connect("DU1");
    story.list({{"DU1", 5, 100}, {"DU1", 7, 10}});
    story.pass(6s);
    // The commit of the first sight writes them beside the new positions.
    ASSERT_EQ(story.marks.size(), 2u);
    EXPECT_EQ(story.marks[0].current_price, Decimal(12));
    EXPECT_EQ(story.marks[0].broker_avg_cost, Decimal(10));
    EXPECT_EQ(story.marks[1].current_price, std::nullopt);
}

// --- accounts ------------------------------------------------------------------------------------------------------------

TEST(EngineRequests, AGatewayWhoseAccountsAreAnothersIsNotServed) {
    EngineStory story;
    story.not_ours = {"DU1"};
    story.connect("DU1");
    EXPECT_TRUE(story.logged("gateway.account_ignored"));
    EXPECT_NE(story.text_of("gateway.unusable").find("none of the gateway's accounts"), std::string::npos);
    auto const told = story.log.size();
    story.pass_alive(10min);
    EXPECT_EQ(story.log.size(), told) << "once is enough";
    EXPECT_FALSE(story.opening) << "nor does it connect again and again";
    EXPECT_FALSE(story.engine.status().connected) << "it is not followed";
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty());
    auto const asked = story.sync();
    EXPECT_EQ(story.result(asked).error_code, ErrorCode::refused);
    EXPECT_EQ(story.result(asked).error, story.engine.status().refusal);

    story.lose_connection();
    story.not_ours.clear();
    story.pass_alive(10s);
    story.connect("DU1");
    story.list({{"DU1", 5, 100}});
    story.pass(6s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    EXPECT_EQ(story.engine.status().last_error, "");
    EXPECT_EQ(story.engine.status().refusal, "");
}

TEST(EngineRequests, WhatWasAskedInVainIsWrittenBesideAGatewayWithNothingToServe) {
    EngineStory story;
    story.not_ours = {"DU1"};
    story.step(Start{});
    story.started = true;
    story.step(SocketFailed{"Connection refused"});
    story.sync();
    story.pass(2s);
    story.connect("DU1");
    story.pass(6s);
    ASSERT_EQ(story.runs.size(), 1u);
    EXPECT_EQ(story.runs[0].outcome, model::Outcome::failed);
}

TEST(EngineRequests, OnlyTheConfiguredAccountsAreWritten) {
    EngineOptions options;
    options.accounts = {"DU2", "DU7"};
    EngineStory story(options);
    story.connect("DU1,DU2");
    EXPECT_TRUE(story.logged("gateway.account_unknown", "DU7"));
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    EXPECT_EQ(story.engine.book("DU1"), nullptr);
    EXPECT_EQ(story.held("DU2", 5), Decimal(200));
    options.accounts = {"DU7"};
    EngineStory nobody(options);
    nobody.connect("DU1,DU2");
    EXPECT_NE(nobody.text_of("gateway.unusable").find("its accounts are DU1, DU2"), std::string::npos);
    EXPECT_EQ(nobody.engine.status().state, "stopped");
}

TEST(EngineRequests, PaperAndLiveAreToldApartBeforeAnythingIsWritten) {
    struct Row {
        Expect expect;
        char const* accounts;
        bool served;
    };
    for (auto const& [expect, accounts, served] :
         {Row{Expect::paper, "DU1", true}, Row{Expect::live, "U1", true}, Row{Expect::any, "U1", true},
          Row{Expect::paper, "U1", false}, Row{Expect::live, "DU1", false}}) {
        EngineOptions options;
        options.expect = expect;
        EngineStory story(options);
        story.connect(accounts);
        EXPECT_EQ(story.engine.status().state, served ? "ready" : "stopped") << accounts;
        EXPECT_EQ(story.releases, served ? 0 : 1) << accounts;
    }
}

TEST(EngineRequests, EachAccountHasItsOwnRules) {
    EngineOptions options;
    options.account_options["DU1"] = {model::CostBasis::lifo, std::nullopt};
    options.account_options["DU2"] = {std::nullopt, ledger::OnMissing::warn};
    Synced story(options);
    story.serving = true;
    story.shown = {{"DU1", 6, 1}, {"DU2", 6, 1}};
    story.pass_alive(40min);
    EXPECT_EQ(story.held("DU1", 5), Decimal(0)) << "closed, missing at the broker";
    EXPECT_EQ(story.held("DU2", 5), Decimal(200)) << "on_missing = warn keeps it";
}

// --- syncs by hand ---------------------------------------------------------------------------------------------------------

TEST(EngineRequests, ASyncNamesTheAccountsThereAre) {
    Synced story;
    auto const unknown = story.sync("DU9");
    EXPECT_EQ(story.result(unknown).error, "there is no account DU9; the accounts are DU1, DU2");
    EXPECT_EQ(story.result(unknown).error_code, ErrorCode::not_found);
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty()) << "nobody is left to look for";
    auto const one = story.sync("DU2");
    story.list({{"DU1", 5, 90}, {"DU2", 5, 190}});
    EXPECT_EQ(story.answers.back().results.size(), 1u);
    EXPECT_EQ(story.result(one).account, "DU2");
    EXPECT_EQ(story.held("DU1", 5), Decimal(90)) << "all are looked at all the same";
}

TEST(EngineRequests, WhatIsAskedDuringASyncIsAnsweredByTheNext) {
    Synced story;
    auto const first = story.sync();
    EXPECT_TRUE(story.engine.status().sync_running);
    auto const second = story.sync();
    auto const third = story.sync();
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(first).success);
    EXPECT_EQ(story.answers.size(), 1u);
    story.list({{"DU1", 5, 80}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(second).success);
    EXPECT_TRUE(story.result(third).success);
    EXPECT_EQ(story.held("DU1", 5), Decimal(80));
}

TEST(EngineRequests, ADryRunTellsWhatItWouldWriteAndWritesNothing) {
    Synced story;
    auto const revision = story.engine.book("DU1")->revision;
    auto const dry = story.sync("", true);
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(dry).success);
    ASSERT_EQ(story.answers.back().would_write.size(), 1u);
    ASSERT_EQ(story.answers.back().differences.size(), 1u);
    EXPECT_EQ(story.answers.back().differences[0].account, "DU1");
    EXPECT_EQ(story.engine.book("DU1")->revision, revision);
}

TEST(EngineRequests, WhatOnlyLooksAndWhatWritesAreAnsweredEachByItsOwn) {
    Synced story;
    story.sync();
    auto const dry = story.sync("", true);
    auto const writing = story.sync();
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    story.list({{"DU1", 5, 80}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(writing).changed);
    EXPECT_EQ(story.held("DU1", 5), Decimal(80));
    story.list({{"DU1", 5, 70}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(dry).success);
    EXPECT_EQ(story.answers.back().would_write.size(), 1u);
    EXPECT_EQ(story.held("DU1", 5), Decimal(80));
}

TEST(EngineRequests, WhoOnlyLooksAgainAndAgainDelaysNoSync) {
    Synced story;
    story.serving = true;
    story.shown = {{"DU1", 5, 90}, {"DU2", 5, 200}};
    for (int i = 0; i < 31; ++i) {
        story.pass_alive(10s);
        story.sync("", true);
        story.serve();
    }
    EXPECT_EQ(story.answers.size(), 31u);
    EXPECT_EQ(story.held("DU1", 5), Decimal(90)) << "five minutes have passed";
}

/// At the start, and behind a reconnect, the first sync is the service's own.
TEST(EngineRequests, ADryRunThatWaitsForTheGatewayDoesNotTakeTheFirstSyncsPlace) {
    EngineStory story;
    story.loads_answered = false;
    story.connect("DU1");
    auto const dry = story.sync("", true);
    story.loads_answered = true;
    story.step(BookLoaded{story.books["DU1"], {}});
    story.list({{"DU1", 5, 100}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    story.list({{"DU1", 5, 90}});
    EXPECT_EQ(story.answers.back().request_number, dry);
    EXPECT_EQ(story.answers.back().would_write.size(), 1u);

    auto const second = story.sync("", true);
    story.say(tws::ErrorMessage{-1, 1101, "text", "", 0});  // restored, data lost: a look of its own is due
    story.list({{"DU1", 5, 90}});
    EXPECT_EQ(story.answers.back().request_number, second);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    story.list({{"DU1", 5, 90}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(90));
}

TEST(EngineRequests, WhatIsPushedDuringADryRunIsWrittenByASyncBehindIt) {
    Synced story;
    auto const dry = story.sync("", true);
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}, {"DU1", 5, 60}});  // the last row is a push while the list comes
    EXPECT_TRUE(story.result(dry).success);
    EXPECT_EQ(story.held("DU1", 5), base::Decimal(100));
    story.pass_alive(std::chrono::seconds(30));
    story.list({{"DU1", 5, 60}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), base::Decimal(60));
}

TEST(EngineRequests, WhatIsPushedWhileSomebodyLooksIsNotLost) {
    Synced story;
    story.row("DU1", 5, 90);
    story.answer_rest();
    story.row("DU2", 5, 0);
    story.sync("", true);
    story.list({{"DU1", 5, 80}});  // moved on meanwhile; nothing of DU2
    EXPECT_EQ(story.answers.back().would_write.size(), 2u);
    story.pass(5s);
    EXPECT_EQ(story.held("DU1", 5), Decimal(80));
    EXPECT_EQ(story.held("DU2", 5), Decimal(0));
}

TEST(EngineRequests, ADryRunThatFailsIsNoFailedSync) {
    Synced story;
    story.runs.clear();
    auto const dry = story.sync("", true);
    story.lose_connection();
    EXPECT_FALSE(story.result(dry).success);
    EXPECT_EQ(story.engine.statistics().failed_syncs, 0);
    story.pass(30s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    story.pass(6s);
    EXPECT_TRUE(std::ranges::none_of(story.runs, [](auto const& run) { return run.outcome == model::Outcome::failed; }));
}

TEST(EngineRequests, WhoAskedHearsOfItWhenItIsWrittenHowFreshTheBookIs) {
    Synced story;
    story.pass_alive(1min);
    story.freshness.clear();
    story.commits_answered = false;
    auto const asked = story.sync();
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.answers.empty());
    EXPECT_EQ(story.freshness["DU1"].last_synced_at, story.synced_at("DU1"));
    ASSERT_EQ(story.commits.size(), 1u);
    story.commits_answered = true;
    story.step(Committed{story.commits[0]});
    EXPECT_TRUE(story.result(asked).success);
    EXPECT_FALSE(story.result(asked).changed);

    auto const in_vain = story.sync();
    story.fail_next_commit = ErrorCode::io;
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    EXPECT_EQ(story.result(in_vain).error, "not now");
}

// --- asked in vain -------------------------------------------------------------------------------------------------------

TEST(EngineRequests, ASingleSyncThatFindsNoGatewayLeavesARunAndThenGivesTheLeaseBack) {
    for (bool const disk_full : {false, true}) {
        EngineStory story(once());
        story.step(Start{});
        auto const asked = story.sync();
        if (disk_full) story.fail_next_commit = ErrorCode::io;
        story.step(SocketFailed{"Connection refused"});
        EXPECT_FALSE(story.result(asked).success);
        EXPECT_TRUE(story.finished);
        EXPECT_EQ(story.releases, 1);
        if (disk_full) {
            EXPECT_TRUE(story.runs.empty());
            continue;
        }
        ASSERT_EQ(story.runs.size(), 1u);
        EXPECT_EQ(story.runs[0].outcome, model::Outcome::failed);
        EXPECT_EQ(story.runs[0].trigger, model::Trigger::manual);
        EXPECT_EQ(story.runs[0].account, "");
        EXPECT_EQ(story.runs[0].account_id, 0);
        EXPECT_NE(story.runs[0].error.find("Connection refused"), std::string::npos);
    }
}

TEST(EngineRequests, WhoAsksWhileTheGatewayIsAwayLeavesARun) {
    Synced story;
    story.runs.clear();
    story.lose_connection();
    story.step(SocketFailed{"Connection refused"});
    story.sync();
    story.sync("DU1");
    story.sync("", true);      // only looks
    story.sync("DU9");         // of another gateway, for all that is known
    EXPECT_EQ(story.engine.statistics().failed_syncs, 3);
    story.fail_next_commit = ErrorCode::io;
    story.pass(6s);
    EXPECT_TRUE(story.runs.empty());
    story.pass(6s);
    ASSERT_EQ(story.runs.size(), 1u);
    EXPECT_EQ(story.runs[0].repeats, 2);
    story.pass(10s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(90)) << "and all goes on";
}

TEST(EngineRequests, WhoAsksInVainForAnAccountThatWasNotChosenLeavesNoTrace) {
    EngineOptions options;
    options.accounts = {"DU1", "DU3"};
    EngineStory story(options);
    story.connect("DU1,DU2,DU3");
    story.list({{"DU1", 5, 100}, {"DU3", 5, 300}});
    story.pass(6s);
    story.runs.clear();
    story.lose_connection();
    for (char const* const account : {"DU2", "DU1", "DU3", "DU3"}) story.sync(account);
    story.pass(6s);
    ASSERT_EQ(story.runs.size(), 1u);
    EXPECT_EQ(story.runs[0].repeats, 3);
    EXPECT_EQ(story.runs[0].account_id, 0);

    EngineStory unclaimed;  // not even the gateway is its own yet
    unclaimed.fail_next_claim = ErrorCode::unavailable;
    unclaimed.step(Start{});
    unclaimed.sync();
    unclaimed.pass(6s);
    EXPECT_TRUE(unclaimed.runs.empty());
}

TEST(EngineRequests, FailedRunsOfAFullDiskAreOneRowForEachCause) {
    Synced story;
    story.runs.clear();
    auto const in_vain = [&] {
        for (int attempt = 0; attempt < 3; ++attempt) {
            story.fail_next_commit = ErrorCode::io;
            story.sync("DU1");
            story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
        }
    };
    in_vain();
    story.fail_next_commit = ErrorCode::io;
    story.row("DU2", 6, 10);
    story.answer_rest();
    story.pass(3s);
    in_vain();
    story.pass(10s);
    int rows = 0;
    int attempts = 0;
    for (auto const& run : story.runs) {
        if (run.outcome != model::Outcome::failed) continue;
        ++rows;
        attempts += run.repeats;
    }
    EXPECT_EQ(rows, 3) << "not one for every attempt";
    EXPECT_GE(attempts, 6);
}

TEST(EngineRequests, WhatTheDatabaseRefusesToRegisterIsSaid) {
    EngineStory story;
    story.step(Start{});
    story.started = true;
    story.fail_next_claim = ErrorCode::refused;
    story.connect("U1");
    EXPECT_TRUE(story.logged("gateway.unusable"));
    EXPECT_EQ(story.engine.status().refusal, "the database is away");
    EXPECT_FALSE(story.engine.status().connected);
}

TEST(EngineRequests, AGatewayWithNothingToServeIsHandedOverAtOnce) {
    EngineStory story;
    story.not_ours = {"DU1"};
    story.connect("DU1");
    ASSERT_EQ(story.releases, 0);
    story.step(Yield{true});
    EXPECT_EQ(story.releases, 1);
    EXPECT_EQ(story.engine.status().state, "standby");
    EXPECT_EQ(story.engine.status().refusal, "") << "what its accounts are is another's to say";
}

/// A list is newer than what was pushed before it, also where it is only looked at.
TEST(EngineRequests, WhatADryRunsListContradictsIsNotWrittenBehindIt) {
    Synced story;
    auto const looks = story.sync("DU1", true);
    story.take<tws::RequestPositions>();
    story.row("DU1", 6, 10);
    story.row("DU1", 6, std::int64_t{0});
    story.row("DU1", 5, 100);
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    for (int i = 0; i < 8; ++i) {
        story.answer_rest();
        story.pass(1s);
    }
    EXPECT_TRUE(story.result(looks).success);
    EXPECT_EQ(story.held("DU1", 6), Decimal(0));
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

TEST(EngineRequests, WhatAFailedSyncDoesNotKnowIsNotNothing) {
    Synced story;
    auto const broken = story.sync("DU1");
    story.lose_connection();
    EXPECT_FALSE(story.result(broken).broker_positions);
    EXPECT_EQ(story.result(broken).book_positions, 1);
    auto const in_vain = story.sync("DU1");
    EXPECT_FALSE(story.result(in_vain).broker_positions);
    EXPECT_EQ(story.result(in_vain).book_positions, 1) << "it is at hand all the same";
    auto const of_all = story.sync();
    EXPECT_FALSE(story.result(of_all).book_positions);
    story.pass(30s);
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 100}, {"DU1", 6, 7}, {"DU2", 5, 200}});
    auto const unwritten = story.sync("DU1");
    story.fail_next_commit = ErrorCode::io;
    story.list({{"DU1", 5, 100}, {"DU2", 5, 200}, {"DU1", 7, 1}});
    EXPECT_FALSE(story.result(unwritten).success);
    EXPECT_EQ(story.result(unwritten).broker_positions, 2);
    EXPECT_EQ(story.result(unwritten).book_positions, 2) << "nothing of it is in the book";
}

TEST(EngineRequests, AMistypedAccountIsNoFailedSync) {
    Synced story;
    story.runs.clear();
    auto const asked = story.sync("NOPE");
    EXPECT_FALSE(story.result(asked).success);
    EXPECT_EQ(story.engine.statistics().failed_syncs, 0);
    EXPECT_EQ(story.engine.statistics().last_error, "");
    story.pass(6s);
    EXPECT_TRUE(story.runs.empty());
}

TEST(EngineRequests, ASyncMayLeaveRealizedPnlOut) {
    Synced story;
    auto const without = story.sync("", false, false);
    auto const asked = story.take<tws::RequestExecutions>();
    ASSERT_FALSE(asked.empty());
    story.fill("a.01", "DU1", 5, "20261125-14:00:00", -40, asked[0].request_id);
    story.say(tws::ExecutionDetailsEnd{asked[0].request_id});
    story.list({{"DU1", 5, 60}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(without).success);
    ASSERT_EQ(story.engine.book("DU1")->instruments.at(5).closes.size(), 1u);
    EXPECT_FALSE(story.engine.book("DU1")->instruments.at(5).closes[0].realized_pnl);
}

TEST(EngineRequests, ASyncThatMeetsAConflictIsMadeAgain) {
    Synced story;
    auto const asked = story.sync();
    story.fail_next_commit = ErrorCode::conflict;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.answers.empty()) << "who asked hears of what was written";
    story.pass(2s);
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(asked).success);
    EXPECT_EQ(story.held("DU1", 5), Decimal(90));
}

TEST(EngineRequests, StatisticsBeginAnewWhenAsked) {
    Synced story;
    EXPECT_GT(story.engine.statistics().total_syncs, 0);
    story.step(ResetStatistics{});
    EXPECT_EQ(story.engine.statistics().total_syncs, 0);
}

TEST(EngineRequests, ARepairElsewhereIsLoadedAtOnceOrWithTheNextConnection) {
    Synced story;
    story.books["DU1"].next_id += 5;
    story.step(BooksChanged{});
    EXPECT_EQ(story.engine.book("DU1")->next_id, story.books["DU1"].next_id);
    auto const last_trigger = [&] {
        story.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
        story.pass(6s);
        return story.runs.back().trigger;
    };
    EXPECT_EQ(last_trigger(), model::Trigger::manual) << "somebody did it";
    story.lose_connection();
    story.books["DU1"].next_id += 5;
    story.step(BooksChanged{});
    EXPECT_NE(story.engine.book("DU1")->next_id, story.books["DU1"].next_id);
    story.pass(5s);
    story.connect("DU1,DU2");
    EXPECT_EQ(story.engine.book("DU1")->next_id, story.books["DU1"].next_id);
    EXPECT_EQ(last_trigger(), model::Trigger::reconnect);
}

TEST(EngineRequests, AListFromBeforeARepairElsewhereIsAskedForAnew) {
    Synced story;
    auto const asked = story.sync();
    story.take<tws::RequestPositions>();
    story.row("DU1", 5, 90);  // the list is on its way
    story.books["DU1"].next_id += 5;
    story.step(BooksChanged{});
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    for (int i = 0; i < 2; ++i) {  // executions, then contract data
        story.answer_rest();
        story.pass(1s);
    }
    EXPECT_EQ(story.held("DU1", 5), Decimal(100)) << "what was written elsewhere may know more than this list";
    EXPECT_TRUE(story.answers.empty());
    story.list({{"DU1", 5, 60}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(asked).success);
    EXPECT_EQ(story.held("DU1", 5), Decimal(60));
}

// --- the lease -----------------------------------------------------------------------------------------------------------

TEST(EngineRequests, ADatabaseThatIsAwayIsNoRival) {
    EngineStory story;
    story.fail_next_claim = ErrorCode::unavailable;
    story.step(Start{});
    EXPECT_TRUE(story.logged("gateway.claim_failed"));
    EXPECT_EQ(story.engine.status().state, "claiming");
    story.fail_next_claim = ErrorCode::unavailable;
    story.pass(11s);
    EXPECT_EQ(story.engine.status().state, "claiming");
    story.pass(11s);
    EXPECT_TRUE(story.opening);

    Synced connected;
    connected.fail_next_claim = ErrorCode::unavailable;  // the next renewal
    connected.pass_alive(11s);
    EXPECT_TRUE(connected.logged("gateway.claim_failed"));
    EXPECT_EQ(connected.engine.status().state, "ready");

    EngineStory registering;
    registering.step(Start{});
    registering.started = true;
    registering.greet();
    registering.fail_next_claim = ErrorCode::unavailable;
    registering.say(tws::ManagedAccounts{"DU1"});
    registering.say(tws::NextValidId{1});
    EXPECT_TRUE(registering.logged("gateway.unusable"));
    EXPECT_EQ(registering.engine.status().state, "connecting");
}

TEST(EngineRequests, WhenTheDatabaseIsAwayAfterAConflictTheBookIsLoadedAllTheSame) {
    Synced story;
    story.pass_alive(5min);
    story.fail_next_commit = ErrorCode::conflict;
    story.fail_next_claim = ErrorCode::unavailable;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.logged("sync.conflict"));
    EXPECT_TRUE(story.logged("gateway.claim_failed"));
    EXPECT_EQ(story.engine.status().state, "ready");
}

TEST(EngineRequests, AnAnswerToAClaimThatComesAfterTheEndGivesTheLeaseBack) {
    EngineOptions options;
    options.expect = Expect::live;
    EngineStory story(options);
    story.connect("DU1");  // refused: paper
    EXPECT_EQ(story.releases, 1);
    story.step(Claimed{7, {}, {}, false});
    EXPECT_EQ(story.releases, 2);
    story.step(ClaimFailed{{ErrorCode::conflict, "another"}, std::nullopt});
    EXPECT_EQ(story.engine.status().state, "stopped");
}

TEST(EngineRequests, AHandoverWaitsForWhatIsUnderWay) {
    Synced story;
    story.commits_answered = false;
    story.row("DU1", 5, 90);
    story.pass(1s);
    story.step(Yield{true});
    EXPECT_EQ(story.releases, 0) << "what came is written first";
    story.pass(5s);
    ASSERT_FALSE(story.commits.empty());
    EXPECT_EQ(story.releases, 0) << "the commit is answered first";
    story.commits_answered = true;
    story.step(Committed{story.commits.back()});
    story.pass(1s);
    EXPECT_EQ(story.releases, 1);

    EngineStory away;
    away.step(Start{});
    away.step(SocketFailed{"refused"});
    away.step(Yield{true});
    EXPECT_EQ(away.releases, 1) << "where there is no connection nothing is under way";
}

TEST(EngineRequests, AHandoverWritesWhatWaitsForACommitToRideOn) {
    Synced story;
    story.say(tws::AccountValue{"NetLiquidation", "1000", "EUR", "DU1"});
    story.commits_answered = false;
    story.step(Yield{true});
    ASSERT_EQ(story.commits.size(), 1u);
    EXPECT_EQ(story.releases, 0);
    story.step(Committed{story.commits[0]});
    EXPECT_EQ(story.releases, 1);
    ASSERT_FALSE(story.values.empty());
    EXPECT_EQ(story.values.back().value, "1000");
}

TEST(EngineRequests, AHandoverWaitsForRequestsAndForAnswersOfTheStore) {
    Synced story;
    story.pass_alive(5min);
    story.commits_answered = false;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    auto const asked = story.sync();  // during the commit
    story.step(Yield{true});
    story.commits_answered = true;
    story.step(Committed{story.commits.at(0)});
    EXPECT_EQ(story.releases, 0) << "who asked is answered first";
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    EXPECT_TRUE(story.result(asked).success);
    story.pass(3s);
    EXPECT_EQ(story.releases, 1);

    Synced renewing;
    renewing.claims_answered = false;
    renewing.pass_alive(11s);
    renewing.step(Yield{true});
    EXPECT_EQ(renewing.releases, 0) << "whose the gateway is will be known with the answer";
    renewing.step(Claimed{1, {}, {}, false});
    EXPECT_EQ(renewing.releases, 1);

    Synced loading;
    loading.loads_answered = false;
    loading.step(BooksChanged{});
    loading.step(Yield{true});
    EXPECT_EQ(loading.releases, 0);
    auto const waiting = loading.sync();
    loading.row("DU1", 5, std::nullopt);  // what happens meanwhile waits for the books
    loading.say(tws::AccountValue{"AccountReady", "false", "", "DU1"});
    loading.say(tws::AccountValue{"AccountReady", "true", "", "DU1"});
    EXPECT_TRUE(loading.take<tws::RequestPositions>().empty());
    for (auto const* name : {"DU1", "DU2"}) loading.step(BookLoaded{loading.books[name], {}});
    loading.loads_answered = true;
    loading.list({{"DU1", 5, 100}, {"DU2", 5, 200}});
    EXPECT_TRUE(loading.result(waiting).success);

    EngineStory standby;
    standby.rival = "host:2:2";
    standby.step(Start{});
    standby.step(Yield{true});
    EXPECT_EQ(standby.releases, 0) << "what is not ours is not handed over";
}

TEST(EngineRequests, AGatewayThatComesBackIsReadAnew) {
    Synced story;
    story.step(Yield{true});
    story.pass(1s);
    ASSERT_EQ(story.releases, 1);
    story.step(Yield{false});
    story.pass(11s);
    story.books["DU1"].next_id += 9;  // the other service wrote meanwhile
    story.connect("DU1,DU2");
    story.list({{"DU1", 5, 110}, {"DU2", 5, 200}});
    EXPECT_EQ(story.held("DU1", 5), Decimal(110));
    EXPECT_GE(story.engine.book("DU1")->next_id, story.books["DU1"].next_id);
}

TEST(EngineRequests, AnotherEpochWhileTheGatewayIsAwayLoadsNothingYet) {
    EngineStory story;
    story.step(Start{});
    story.step(SocketFailed{"refused"});
    story.epoch = 3;
    story.pass(11s);
    EXPECT_EQ(story.engine.status().state, "connecting");
}

TEST(EngineRequests, ALeaseThatIsLostDuringASyncFailsIt) {
    Synced story;
    auto const asked = story.sync();
    story.rival = "host:2:2";
    story.pass_alive(11s);
    EXPECT_NE(story.result(asked).error.find("host:2:2"), std::string::npos);
    EXPECT_EQ(story.engine.status().state, "standby");
}

TEST(EngineRequests, ADisabledScheduleStillAnswersWhoAsks) {
    EngineOptions options;
    options.enabled = false;
    EngineStory story(options);
    story.loads_answered = false;
    story.books["DU1"].account = "DU1";
    story.books["DU1"].account_id = 1;
    story.connect("DU1");
    auto const asked = story.sync();
    BookLoaded loaded;
    loaded.book = story.books["DU1"];
    story.step(loaded);
    story.list({{"DU1", 5, 100}});
    EXPECT_TRUE(story.result(asked).success);
    story.fill("a.01", "DU1", 5, "20261125-15:00:01", -10);
    story.say(tws::CommissionReport{"a.01", Decimal(1), "USD", {}});
    story.row("DU1", 5, 90);
    story.pass_alive(1min);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
    auto const lost = story.sync();
    story.lose_connection();
    EXPECT_FALSE(story.result(lost).success);
    story.pass(5s);
    story.take<tws::RequestPositions>();
    story.loads_answered = true;
    story.connect("DU1");
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty());
}

TEST(EngineRequests, ABookThatCannotBeLoadedDuringASyncFailsIt) {
    Synced story;
    auto const asked = story.sync();
    story.fail_next_load = ErrorCode::io;
    story.step(BooksChanged{});
    EXPECT_NE(story.result(asked).error.find("the book cannot be loaded"), std::string::npos);
}

// --- the end -------------------------------------------------------------------------------------------------------------

TEST(EngineRequests, StoppingAnswersEverybodyAndWritesWhatCame) {
    Synced story;
    auto const running = story.sync();
    auto const waiting = story.sync();
    story.commits_answered = false;
    story.say(tws::AccountValue{"NetLiquidation", "1000", "EUR", "DU1"});
    story.step(Stop{});
    EXPECT_NE(story.result(running).error.find("stopping"), std::string::npos);
    EXPECT_NE(story.result(waiting).error.find("stopping"), std::string::npos);
    EXPECT_FALSE(story.finished);
    story.say(tws::PositionEnd{});  // of the list that nobody waits for any more
    story.pass(1s);
    story.step(Claimed{1, {}, {}, false});  // a renewal that was under way
    ASSERT_EQ(story.commits.size(), 1u);
    story.step(Committed{story.commits[0]});
    EXPECT_TRUE(story.finished);
    EXPECT_EQ(story.releases, 1);
}

TEST(EngineRequests, StoppingDuringACommitWaitsForIt) {
    Synced story;
    story.pass_alive(5min);
    story.commits_answered = false;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    ASSERT_EQ(story.commits.size(), 1u);
    EXPECT_TRUE(story.engine.status().sync_running);
    story.step(Committed{99});  // nobody's
    story.step(CommitFailed{99, {ErrorCode::io, "nobody's"}});
    story.step(Stop{});
    EXPECT_FALSE(story.finished);
    story.step(Committed{story.commits[0]});
    EXPECT_TRUE(story.finished);
    story.step(Committed{story.commits[0]});
    EXPECT_EQ(story.held("DU1", 5), Decimal(90));
}

TEST(EngineRequests, WhatFailedWhileACommitWasUnderWayIsWrittenBehindIt) {
    Synced story;
    auto const asked = story.sync();
    story.say(tws::AccountValue{"NetLiquidation", "1000", "EUR", "DU1"});
    story.commits_answered = false;
    story.pass(6s);  // values do not wait for the list
    ASSERT_EQ(story.commits.size(), 1u);
    story.step(Stop{});
    EXPECT_NE(story.result(asked).error.find("stopping"), std::string::npos);
    story.step(Yield{true});  // too late for that
    EXPECT_FALSE(story.finished);
    story.step(Committed{story.commits[0]});
    ASSERT_EQ(story.commits.size(), 2u) << "the sync that failed is a run as any other";
    EXPECT_FALSE(story.finished);
    story.step(Committed{story.commits[1]});
    EXPECT_TRUE(story.finished);
}

// --- a single run --------------------------------------------------------------------------------------------------------

TEST(EngineRequests, ASingleRunLooksTwiceWhereSomethingIsUnexplained) {
    EngineStory story(once());
    auto& book = story.books["DU1"];
    book.account = "DU1";
    book.account_id = 1;
    {
        EngineStory before;
        before.connect("DU1");
        before.list({{"DU1", 5, 100}});
        book = before.books["DU1"];
    }
    story.step(Start{});
    story.started = true;
    auto const asked = story.sync();
    story.connect("DU1");
    story.list({{"DU1", 5, 70}});
    EXPECT_TRUE(story.answers.empty()) << "a second look comes first";
    story.list({{"DU1", 5, 70}});
    EXPECT_TRUE(story.result(asked).success);
    EXPECT_TRUE(story.finished);
    EXPECT_EQ(story.books["DU1"].instruments.at(5).positions.back().quantity, Decimal(70));
}

TEST(EngineRequests, ASingleRunThatFindsNothingToWriteIsARunAllTheSame) {
    EngineStory before;
    before.connect("DU1");
    before.list({{"DU1", 5, 100}});
    EngineStory story(once());
    story.books["DU1"] = before.books["DU1"];
    story.connect("DU1");
    story.list({{"DU1", 5, 100}});
    EXPECT_TRUE(story.finished);
    ASSERT_EQ(story.runs.size(), 1u);
    EXPECT_EQ(story.runs[0].outcome, model::Outcome::unchanged);
}

TEST(EngineRequests, ASingleRunOfManyInstrumentsDescribesThemAnotherTime) {
    EngineStory story(once());
    story.connect("DU1");
    auto const asked = story.take<tws::RequestExecutions>();
    story.say(tws::ExecutionDetailsEnd{asked.at(0).request_id});
    for (std::int64_t con_id = 1; con_id <= 201; ++con_id)
        story.row("DU1", con_id, 10);
    story.say(tws::PositionEnd{});
    EXPECT_TRUE(story.finished);
    EXPECT_EQ(story.books["DU1"].instruments.size(), 201u);
    EXPECT_TRUE(story.take<tws::RequestContractData>().empty());
}

TEST(EngineRequests, ASingleRunEndsWithItsFailure) {
    for (bool const refused : {true, false}) {
        EngineStory story(once());
        story.step(Start{});
        story.started = true;
        auto const asked = story.sync();
        if (refused) {
            story.step(SocketFailed{"Connection refused"});
        } else {
            story.fail_next_commit = ErrorCode::conflict;
            story.connect("DU1");
            story.list({{"DU1", 5, 70}});
        }
        EXPECT_FALSE(story.result(asked).success) << refused;
        EXPECT_TRUE(story.finished) << refused;
    }
}

// --- found by the simulation -----------------------------------------------------------------------------------------------

/// The answer to a renewal, late because of a slow disk, was taken for the claim of the next connection.
TEST(EngineRequests, ALateRenewalIsNotTheClaimOfTheNextConnection) {
    Synced story;
    story.claims_answered = false;
    story.pass_alive(11s);  // a renewal is sent and not answered
    auto const sent = story.claims.size();
    story.lose_connection();
    story.pass(5s);
    story.connect("DU1,DU2");
    ASSERT_GT(story.claims.size(), sent);
    EXPECT_EQ(story.engine.status().state, "registering");
    story.step(Claimed{1, {}, {}, false});  // the renewal's
    EXPECT_EQ(story.engine.status().state, "registering");
    Claimed registered{1, {{story.books["DU1"].account_id, "DU1"}, {story.books["DU2"].account_id, "DU2"}}, {}, true};
    story.step(registered);
    EXPECT_EQ(story.engine.status().state, "ready");
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

/// The accounts that a commit is about must not move: a registration of the connection before waits for nothing.
TEST(EngineRequests, ARegistrationOfTheConnectionBeforeIsPassedOverWhileACommitIsUnderWay) {
    Synced story;
    story.pass_alive(5min);
    story.commits_answered = false;
    story.list({{"DU1", 5, 90}, {"DU2", 5, 200}});
    ASSERT_EQ(story.commits.size(), 1u);
    story.claims_answered = false;
    story.lose_connection();
    story.pass(5s);
    story.connect("DU1,DU2");
    Claimed registered{1, {{story.books["DU1"].account_id, "DU1"}, {story.books["DU2"].account_id, "DU2"}}, {}, true};
    story.step(registered);
    EXPECT_EQ(story.engine.status().state, "registering");
    story.step(Committed{story.commits[0]});
    story.step(registered);
    EXPECT_EQ(story.engine.status().state, "ready");
    EXPECT_EQ(story.held("DU1", 5), Decimal(90));
}

}  // namespace
}  // namespace possync::sync

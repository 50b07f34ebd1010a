// Messages a book can do nothing with, or only half: each is named where it matters and never guessed. What the feed makes of
// good ones is told by the scenarios.
#include "sync/broker_feed.hpp"

#include "base/check.hpp"
#include "sync/engine_testing.hpp"

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Decimal;

TEST(BrokerFeed, AFillThatCannotBeReadIsNamed) {
    struct Row {
        char const* what;
        char const* exec_id;
        char const* side;
        bool shares;
        bool price;
        char const* time;
    };
    for (auto const& row :
         {Row{"no quantity", "a.01", "BOT", false, true, "20261125-15:00:00"},
          Row{"no price", "a.01", "BOT", true, false, "20261125-15:00:00"},
          Row{"no id", "", "BOT", true, true, "20261125-15:00:00"},
          Row{"no side", "a.01", "HELD", true, true, "20261125-15:00:00"}, Row{"no time", "a.01", "SLD", true, true, "noon"}}) {
        Synced story;
        tws::ExecutionDetails details;
        details.exec_id = row.exec_id;
        details.account = "DU1";
        details.contract.con_id = 5;
        details.contract.sec_type = "STK";
        details.contract.currency = "USD";
        details.time = row.time;
        details.side = row.side;
        if (row.shares) details.shares = Decimal(1);
        if (row.price) details.price = Decimal(1);
        story.say(details);
        story.pass(6s);
        EXPECT_TRUE(story.logged("execution.unreadable")) << row.what;
        EXPECT_TRUE(story.engine.book("DU1")->instruments.at(5).executions.empty()) << row.what;
    }
}

TEST(BrokerFeed, BothWordsForASideAreRead) {
    Synced story;
    for (auto const* side : {"BUY", "SELL"}) {
        tws::ExecutionDetails details;
        std::string const exec_id = std::string(side) + ".01";
        details.exec_id = exec_id;
        details.account = "DU1";
        details.contract.con_id = 5;
        details.contract.symbol = "SYM";
        details.contract.sec_type = "STK";
        details.contract.currency = "USD";
        details.time = "20261125-15:00:00";
        details.side = side;
        details.shares = Decimal(3);
        details.price = Decimal(10);
        story.say(details);
    }
    story.row("DU1", 5, 100);
    story.pass(6s);
    EXPECT_EQ(story.engine.book("DU1")->instruments.at(5).executions.size(), 2u);
    EXPECT_EQ(story.held("DU1", 5), Decimal(100));
}

TEST(BrokerFeed, APriceOfNothingIsOneForOptionsAlone) {
    struct Row {
        char const* sec_type;
        std::optional<std::int64_t> price;
        std::int64_t con_id;
        bool taken;
    };
    for (auto const& [sec_type, price, con_id, taken] :
         {Row{"STK", 12, 5, true}, Row{"STK", 0, 5, false}, Row{"OPT", 0, 5, true}, Row{"FOP", 0, 5, true},
          Row{"WAR", 0, 5, true}, Row{"STK", std::nullopt, 5, false}, Row{"STK", 12, 0, false}}) {
        Synced story;
        story.marks.clear();
        tws::PortfolioValue portfolio;
        portfolio.account = "DU1";
        portfolio.contract.con_id = con_id;
        portfolio.contract.sec_type = sec_type;
        if (price) portfolio.market_price = Decimal(*price);
        story.say(portfolio);
        story.pass(6s);
        EXPECT_EQ(!story.marks.empty(), taken) << sec_type;
    }
}

TEST(BrokerFeed, ContractDataThatDoesNotComeIsTold) {
    Synced story;
    story.pass_alive(5min);
    story.row("DU1", 5, 100);
    story.row("DU1", 9, 10);
    story.row("DU2", 5, 200);
    story.say(tws::PositionEnd{});
    for (auto const& request : story.take<tws::RequestExecutions>())
        story.say(tws::ExecutionDetailsEnd{request.request_id});
    story.pass(1s);
    auto const requests = story.take<tws::RequestContractData>();
    ASSERT_EQ(requests.size(), 1u);
    story.say(tws::ContractDataEnd{requests[0].request_id});  // an End without data
    story.pass(1s);
    EXPECT_NE(story.text_of("instrument.unresolved").find("knows no such contract"), std::string::npos);
}

TEST(BrokerFeed, SettingsThatMakeTheGatewaySayLessAreAdvisedAgainst) {
    auto told = [](auto&& change) {
        EngineStory story;
        story.connect("DU1");
        auto const settings = story.take<tws::RequestSettings>();
        CHECK(settings.size() == 1u);
        tws::GatewaySettings answer;
        answer.request_id = settings[0].request_id;
        answer.api.settings.read_only_api = true;
        change(answer);
        story.log.clear();
        story.say(answer);
        std::string all;
        for (auto const& line : story.log) {
            if (line.event == "gateway.settings") all += line.text + "\n";
        }
        return all;
    };
    EXPECT_EQ(told([](auto&) {}), "");
    EXPECT_NE(told([](auto& s) { s.api.settings.round_account_values = true; }).find("whole numbers"), std::string::npos);
    EXPECT_NE(told([](auto& s) { s.api.settings.bulk_data_timeout = 9; }).find("cuts long lists off after 9 s"),
              std::string::npos);
    EXPECT_EQ(told([](auto& s) { s.api.settings.bulk_data_timeout = 10; }), "");
    EXPECT_NE(told([](auto& s) { s.api.settings.read_only_api = false; }).find("accepts orders"), std::string::npos);
    EXPECT_NE(told([](auto& s) { s.api.settings.master_client_id = 5; }).find("master client id is 5"), std::string::npos);
    EXPECT_EQ(told([](auto& s) { s.api.settings.master_client_id = 71; }), "");
    EXPECT_NE(told([](auto& s) { s.logoff = {"11:45", "PM", ""}; }).find("shortly before"), std::string::npos);
    auto const unreadable = told([](auto& s) { s.logoff = {"midnight", "", ""}; });
    EXPECT_NE(unreadable.find("daily at midnight"), std::string::npos);
    EXPECT_EQ(unreadable.find("shortly before"), std::string::npos);
}

TEST(BrokerFeed, AClockThatIsOffIsToldOnceAConnection) {
    for (std::int64_t const off : {-90, 90}) {
        Synced story;
        auto const lines = [&] {
            return std::count_if(story.log.begin(), story.log.end(),
                                 [](Log const& line) { return line.event == "gateway.clock"; });
        };
        story.say(tws::CurrentTime{story.now.wall.microseconds / 1'000'000 + off});
        story.say(tws::CurrentTime{story.now.wall.microseconds / 1'000'000 + off});
        EXPECT_EQ(lines(), 1);
        EXPECT_NE(story.text_of("gateway.clock").find(off > 0 ? "90 s ahead of" : "90 s behind"), std::string::npos);
    }
}

/// One list of all accounts is refused beyond fifty: they are asked for one by one.
TEST(BrokerFeed, ManyAccountsAreListedOneByOne) {
    std::string names;
    for (int i = 0; i < 51; ++i)
        names += (i == 0 ? "DU" : ",DU") + std::to_string(100 + i);
    EngineStory story;
    story.connect(names);
    for (int round = 0; round < 60; ++round) {
        for (auto const& request : story.take<tws::RequestPositionsMulti>()) {
            tws::PositionMulti position;
            position.request_id = request.request_id;
            position.account = request.account;
            position.contract.con_id = 5;
            position.contract.symbol = "SYM";
            position.contract.sec_type = "STK";
            position.contract.currency = "USD";
            position.position = Decimal(7);
            position.average_cost = Decimal(10);
            story.say(position);
            story.say(tws::PositionMultiEnd{request.request_id});
        }
        story.answer_rest();
        story.pass(1s);
    }
    EXPECT_TRUE(story.take<tws::RequestPositions>().empty());
    EXPECT_EQ(story.held("DU100", 5), Decimal(7));
    EXPECT_EQ(story.held("DU150", 5), Decimal(7));
}

}  // namespace
}  // namespace possync::sync

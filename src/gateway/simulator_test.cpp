// What the simulated gateway answers, read back by the codec; the text and the binary protocol alike.
#include "gateway/simulator.hpp"

#include <set>

#include <gtest/gtest.h>

#include "gateway/gateway_testing.hpp"

namespace possync::gateway {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::dec;
using testing::Desk;
using Codes = std::vector<std::int64_t>;

class Answers : public ::testing::TestWithParam<int> {
protected:
    static int version() { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Versions, Answers, ::testing::Values(130, 176, 200, 206, 213, 226));

TEST_P(Answers, PositionsWithZeroRowsThenChanges) {
    Desk desk;
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    desk.broker.hold("DU1", 700, dec("0"), dec("0"));
    Client client(desk, 5, version());
    client.ask(tws::RequestPositions{});
    auto const rows = client.all<tws::Position>();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(*rows[0].position, dec("0"));
    EXPECT_EQ(rows[0].contract.exchange, "");  // derivatives have none
    EXPECT_EQ(*rows[1].average_cost, dec("190"));
    EXPECT_EQ(client.count<tws::PositionEnd>(), 1u);
    client.forget();
    desk.fill("1", "200");
    desk.simulator.push_position_before_commission("DU1", 265598);
    desk.simulator.push_position("DU1", 265598);
    client.receive();
    auto const pushed = client.all<tws::Position>();
    ASSERT_EQ(pushed.size(), 2u);
    EXPECT_EQ(*pushed[0].average_cost, dec("190.0990099"));   // (19000 + 200) / 101
    EXPECT_EQ(*pushed[1].average_cost, dec("190.10891089"));  // and 1 of commission
    client.ask(tws::CancelPositions{});
    client.forget();
    desk.simulator.push_position("DU1", 265598);
    client.receive();
    EXPECT_EQ(client.count<tws::Position>(), 0u);
}

TEST_P(Answers, ZeroRowsOfTodayOnlyAndVirtualFx) {
    Desk desk;
    SimulatedInstrument euro;
    euro.con_id = 12087792;
    euro.symbol = "EUR";
    euro.sec_type = "CASH";
    euro.local_symbol = "EUR.USD";
    desk.broker.add_instrument(euro);
    desk.broker.hold("DU1", 12087792, dec("20000"), dec("1.08"));
    desk.broker.hold("DU1", 700, dec("0"), dec("0"));
    desk.fill("5", "200");
    desk.fill("-5", "201");
    desk.simulator.options.zero_rows_of_today_only = true;
    Client client(desk, 5, version());
    client.ask(tws::RequestPositions{});
    ASSERT_EQ(client.count<tws::Position>(), 1u);
    EXPECT_EQ(client.all<tws::Position>()[0].contract.con_id, 265598);  // closed today
    client.forget();
    desk.simulator.options.virtual_fx_positions = true;
    client.ask(tws::RequestPositions{});
    EXPECT_EQ(client.count<tws::Position>(), 2u);
    client.forget();
    desk.pass(std::chrono::hours(24));
    client.ask(tws::RequestPositions{});
    EXPECT_EQ(client.count<tws::Position>(), 1u);
}

TEST_P(Answers, AListThatWasEncodedAheadIsTheListOfNow) {
    Desk desk;
    auto euro = desk.broker.instruments().at(265598);
    euro.con_id = 12087792;
    euro.sec_type = "CASH";
    desk.broker.add_instrument(euro);
    desk.broker.hold("DU1", 12087792, dec("20000"), dec("1.08"));
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    Client client(desk, 5, version());
    auto const quantities = [&] {
        client.forget();
        client.ask(tws::RequestPositions{});
        std::vector<std::string> all;
        for (auto const& row : client.all<tws::Position>()) all.push_back(row.position->to_string());
        return all;
    };
    desk.simulator.encode_lists();
    EXPECT_EQ(quantities(), (std::vector<std::string>{"100"}));
    desk.fill("-40", "200");
    desk.simulator.encode_lists();
    EXPECT_EQ(quantities(), (std::vector<std::string>{"60"}));
    desk.fill("5", "200");
    EXPECT_EQ(quantities(), (std::vector<std::string>{"65"})) << "without being encoded ahead";
    auto restated = desk.broker.instruments().at(265598);
    restated.local_symbol = "AAPL.NEW";
    desk.broker.add_instrument(restated);
    static_cast<void>(quantities());
    EXPECT_EQ(client.all<tws::Position>()[0].contract.local_symbol, "AAPL.NEW");
    auto const cost = *client.all<tws::Position>()[0].average_cost;
    auto const& last = desk.broker.fills().back();
    desk.broker.report_commission(last.exec_id, last.commission.value_or(base::Decimal(0)) + base::Decimal(65));
    static_cast<void>(quantities());
    EXPECT_EQ(*client.all<tws::Position>()[0].average_cost, cost + base::Decimal(1)) << "a commission that came late is part of the cost";
    desk.simulator.options.virtual_fx_positions = true;
    EXPECT_EQ(quantities(), (std::vector<std::string>{"65", "20000"}));
    desk.simulator.faults.empty_lists = true;
    desk.simulator.encode_lists();
    EXPECT_TRUE(quantities().empty());
    desk.simulator.faults = {};
    EXPECT_EQ(quantities(), (std::vector<std::string>{"65", "20000"}));
}

TEST_P(Answers, PositionsOfAnAccountAndOfAModel) {
    Desk desk;
    desk.broker.add_account("DU2");
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    desk.broker.hold("DU2", 265598, dec("7"), dec("190"));
    desk.broker.hold_in_model("DU1", "growth", 265598, dec("40"), dec("185"));
    Client client(desk, 5, version());
    client.ask(tws::RequestPositionsMulti{9, "DU1", ""});
    auto rows = client.all<tws::PositionMulti>();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].model_code, "");
    EXPECT_EQ(*rows[0].position, dec("100"));
    EXPECT_EQ(rows[1].model_code, "growth");
    EXPECT_EQ(client.all<tws::PositionMultiEnd>()[0].request_id, 9);
    client.forget();
    client.ask(tws::RequestPositionsMulti{10, "DU1", "growth"});
    rows = client.all<tws::PositionMulti>();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(*rows[0].position, dec("40"));
    client.forget();
    desk.simulator.push_position("DU1", 265598);
    client.receive();
    EXPECT_EQ(client.count<tws::PositionMulti>(), 1u);  // of 9; what moved is not said for the model
    client.ask(tws::CancelPositionsMulti{9});
    client.forget();
    desk.simulator.push_position("DU1", 265598);
    client.receive();
    EXPECT_EQ(client.count<tws::PositionMulti>(), 0u);
    client.ask(tws::RequestPositionsMulti{11, "", ""});
    client.ask(tws::RequestPositionsMulti{12, "DU9", ""});
    EXPECT_EQ(client.errors(), (Codes{321, 321}));
}

TEST_P(Answers, MoreThanFiftyAccountsGetNoCommonList) {
    Desk desk;
    for (int i = 0; i < 50; ++i)
        desk.broker.add_account("DU10" + std::to_string(i));
    Client client(desk, 5, version());
    client.ask(tws::RequestPositions{});
    client.ask(tws::RequestAccountSummary{3, "All", "NetLiquidation"});
    EXPECT_EQ(client.count<tws::PositionEnd>(), 0u);
    EXPECT_EQ(client.errors(), (Codes{321, 321}));
}

TEST_P(Answers, SummariesOfTagsAndLedgersAtMostTwo) {
    Desk desk;
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    Client client(desk, 5, version());
    client.ask(tws::RequestAccountSummary{1, "All", "NetLiquidation, TotalCashValue,NoSuchTag"});
    auto const lines = client.all<tws::AccountSummary>();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].tag, "NetLiquidation");
    EXPECT_EQ(lines[0].value, "120000");
    EXPECT_EQ(lines[0].currency, "USD");
    client.ask(tws::RequestAccountSummary{2, "All", "$LEDGER:ALL"});
    std::set<std::string> currencies;
    for (auto const& line : client.all<tws::AccountSummary>()) {
        if (line.request_id == 2) currencies.insert(std::string(line.currency));
    }
    EXPECT_EQ(currencies, (std::set<std::string>{"USD", "BASE"}));
    client.ask(tws::RequestAccountSummary{3, "All", "NetLiquidation"});
    EXPECT_EQ(client.errors(), Codes{322});
    client.ask(tws::CancelAccountSummary{2});
    client.ask(tws::RequestAccountSummary{3, "All", "NetLiquidation"});
    EXPECT_EQ(client.count<tws::AccountSummaryEnd>(), 3u);
    client.forget();
    desk.broker.set_price(265598, dec("210"));
    desk.pass(179s);
    client.receive();
    EXPECT_EQ(client.count<tws::AccountSummary>(), 0u);
    desk.pass(1s);
    client.receive();
    ASSERT_EQ(client.count<tws::AccountSummary>(), 2u);  // of 1 and 3; cash did not change
    EXPECT_EQ(client.all<tws::AccountSummary>()[0].value, "121000");
}

TEST_P(Answers, AccountUpdatesEveryThreeMinutes) {
    Desk desk;
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    Client client(desk, 5, version());
    client.ask(tws::RequestAccountUpdates{true, ""});
    EXPECT_EQ(client.all<tws::AccountValue>()[1].key, "AccountReady");
    ASSERT_EQ(client.count<tws::PortfolioValue>(), 1u);
    EXPECT_EQ(*client.all<tws::PortfolioValue>()[0].unrealized_pnl, dec("1000"));
    EXPECT_EQ(client.count<tws::AccountDownloadEnd>(), 1u);
    client.forget();
    desk.pass(400s);
    client.receive();
    EXPECT_TRUE(client.frames().empty());  // nothing changed
    desk.broker.set_price(265598, dec("201"));
    desk.pass(180s);
    client.receive();
    ASSERT_EQ(client.count<tws::PortfolioValue>(), 1u);
    EXPECT_EQ(*client.all<tws::PortfolioValue>()[0].market_value, dec("20100"));
    EXPECT_EQ(client.count<tws::AccountDownloadEnd>(), 0u);
    EXPECT_GT(client.count<tws::AccountValue>(), 0u);
    client.forget();
    desk.simulator.set_account_ready(false, desk.now);
    client.receive();
    EXPECT_EQ(client.all<tws::AccountValue>()[0].value, "false");
    client.ask(tws::RequestAccountUpdates{false, "DU1"});
    client.forget();
    desk.broker.set_price(265598, dec("202"));
    desk.pass(400s);
    client.receive();
    EXPECT_TRUE(client.frames().empty());
}

TEST_P(Answers, AccountUpdatesOfOneAccountAtATime) {
    Desk desk;
    desk.broker.add_account("DU2");
    Client first(desk, 5, version());
    Client second(desk, 6, version());
    first.ask(tws::RequestAccountUpdates{true, ""});
    EXPECT_EQ(first.errors(), Codes{321});  // which of two?
    first.ask(tws::RequestAccountUpdates{true, "DU1"});
    first.ask(tws::RequestAccountUpdates{true, "DU2"});
    EXPECT_EQ(first.errors(), (Codes{321, 2100}));
    second.ask(tws::RequestAccountUpdates{true, "DU2"});
    EXPECT_EQ(second.errors(), Codes{});
    second.ask(tws::RequestAccountUpdates{true, "DU1"});
    EXPECT_EQ(second.errors(), Codes{2101});
    desk.simulator.options.switch_subscription = true;
    desk.simulator.bytes(
        2,
        [] {
            std::string bytes;
            tws::encode(bytes, tws::RequestAccountUpdates{true, "DU1"}, version());
            return bytes;
        }(),
        desk.now);
    first.receive();
    EXPECT_EQ(first.errors(), (Codes{321, 2100, 2100}));
}

TEST_P(Answers, ValuesOfSeveralAccounts) {
    Desk desk;
    desk.broker.add_account("DU2");
    Client client(desk, 5, version());
    client.ask(tws::RequestAccountUpdatesMulti{4, "All", "", true});
    std::set<std::string> accounts;
    for (auto const& line : client.all<tws::AccountUpdateMulti>()) {
        accounts.insert(std::string(line.account));
        EXPECT_NE(line.key, "BuyingPower");
    }
    EXPECT_EQ(accounts, (std::set<std::string>{"DU1", "DU2"}));
    EXPECT_EQ(client.count<tws::AccountUpdateMultiEnd>(), 1u);
    client.ask(tws::CancelAccountUpdatesMulti{4});
    EXPECT_EQ(desk.simulator.next_deadline(), std::nullopt);
}

TEST_P(Answers, PnlOnceASecond) {
    Desk desk;
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    Client client(desk, 5, version());
    client.ask(tws::RequestPnlSingle{1, "DU1", 999});
    desk.pass(5s);
    client.receive();
    EXPECT_EQ(client.count<tws::PnlSingle>(), 0u);  // silence
    client.ask(tws::RequestPnl{2, "DU1", ""});
    client.ask(tws::RequestPnlSingle{3, "DU1", 265598});
    EXPECT_EQ(client.all<tws::Pnl>()[0].daily_pnl, std::nullopt);  // not known yet
    desk.broker.set_price(265598, dec("201.5"));
    desk.fill("-50", "201.5", "1");
    desk.pass(3s);
    client.receive();
    ASSERT_EQ(client.count<tws::Pnl>(), 4u);
    ASSERT_EQ(client.count<tws::PnlSingle>(), 4u);
    auto const single = client.all<tws::PnlSingle>().back();
    EXPECT_EQ(*single.position, dec("50"));
    EXPECT_EQ(*single.daily_pnl, dec("149"));       // 100 * 1.5, less the commission
    EXPECT_EQ(*single.unrealized_pnl, dec("575"));  // 50 * 11.5
    if (version() >= 135) EXPECT_EQ(*single.realized_pnl, dec("574"));
    EXPECT_EQ(*client.all<tws::Pnl>().back().daily_pnl, dec("149"));
    client.ask(tws::CancelPnl{2});
    client.ask(tws::CancelPnlSingle{3});
    EXPECT_EQ(desk.simulator.next_deadline(), std::nullopt);
}

TEST_P(Answers, ExecutionsThenCommissionsThenTheEnd) {
    Desk desk;
    desk.fill("10", "200");
    desk.pass(10s);
    desk.fill("-4", "201");
    Client client(desk, 5, version());
    client.ask(tws::RequestExecutions{7, 0, "DU1", ""});
    std::vector<int> order;
    for (auto const& frame : client.frames()) {
        auto const decoded = tws::decode(frame, version());
        if (!decoded) continue;  // the answer to the handshake is no message
        if (std::holds_alternative<tws::ExecutionDetails>(*decoded)) order.push_back(11);
        if (std::holds_alternative<tws::CommissionReport>(*decoded)) order.push_back(59);
        if (std::holds_alternative<tws::ExecutionDetailsEnd>(*decoded)) order.push_back(55);
    }
    EXPECT_EQ(order, (std::vector<int>{11, 11, 59, 59, 55}));
    EXPECT_EQ(client.all<tws::CommissionReport>()[0].realized_pnl, std::nullopt);  // an opening
    EXPECT_EQ(*client.all<tws::CommissionReport>()[1].realized_pnl, dec("2.6"));
    auto const executions = client.all<tws::ExecutionDetails>();
    auto const& first = executions[0];
    EXPECT_EQ(first.exercise_type, version() >= 201 ? std::optional<std::int64_t>(-1) : std::nullopt);
    EXPECT_EQ(first.time, version() < 174 ? "20261123  14:30:00" : "20261123 14:30:00 UTC");

    auto const asked = [&](tws::RequestExecutions const& request) {
        client.forget();
        client.ask(request);
        return client.count<tws::ExecutionDetails>();
    };
    EXPECT_EQ(asked({8, 0, "", "20261123-14:30:05"}), 1u);
    EXPECT_EQ(asked({8, 0, "", "20261123 14:30:05"}), 1u);
    EXPECT_EQ(asked({8, 0, "", "14:30:05"}), 1u);
    EXPECT_EQ(asked({8, 0, "DU9", ""}), 0u);
    EXPECT_EQ(asked({8, 0, "", "", 0, "AAPL", "STK", "", "SELL"}), 1u);
    EXPECT_EQ(asked({8, 0, "", "", 0, "MSFT"}), 0u);
    EXPECT_EQ(asked({8, 3, "", ""}), 0u);
    EXPECT_EQ(asked({8, 0, "", "yesterday"}), 0u);
    EXPECT_EQ(client.errors(), Codes{10314});
    if (version() >= 200) EXPECT_EQ(asked({8, 0, "", "", 0, "", "", "", "", {20261120}}), 0u);
}

TEST_P(Answers, ExecutionsOfTheDayUnlessMoreAreKept) {
    Desk desk;
    desk.fill("10", "200");
    desk.pass(std::chrono::hours(24));
    Client client(desk, 5, version());
    client.ask(tws::RequestExecutions{7, 0, "", ""});
    EXPECT_EQ(client.count<tws::ExecutionDetails>(), 0u);
    EXPECT_EQ(client.count<tws::ExecutionDetailsEnd>(), 1u);
    desk.simulator.options.days_of_executions = 7;
    client.ask(tws::RequestExecutions{8, 0, "", "", 1});
    EXPECT_EQ(client.count<tws::ExecutionDetails>(), 1u);
    if (version() < 200) return;
    client.ask(tws::RequestExecutions{9, 0, "", "", 0, "", "", "", "", {20261123}});
    EXPECT_EQ(client.count<tws::ExecutionDetails>(), 2u);
}

TEST_P(Answers, ContractsByConIdOrByDescription) {
    Desk desk;
    SimulatedInstrument expired = desk.broker.instruments().at(700);
    expired.con_id = 701;
    expired.local_symbol = "SPY   261120C00650000";
    expired.expiry = "20261120";
    desk.broker.add_instrument(expired);
    Client client(desk, 5, version());
    client.ask(tws::RequestContractData{1, 265598});
    ASSERT_EQ(client.count<tws::ContractData>(), 1u);
    EXPECT_EQ(client.all<tws::ContractData>()[0].contract.symbol, "AAPL");
    EXPECT_EQ(client.count<tws::ContractDataEnd>(), 1u);
    client.ask(tws::RequestContractData{2, 4711});
    client.ask(tws::RequestContractData{3, 701});
    EXPECT_EQ(client.errors(), (Codes{200, 200}));
    EXPECT_EQ(client.count<tws::ContractDataEnd>(), 1u);
    client.forget();
    client.ask(tws::RequestContractData{4, 0, "SPY", "OPT", "202701", dec("650"), "C", "SMART", "USD"});
    ASSERT_EQ(client.count<tws::ContractData>(), 1u);
    EXPECT_EQ(client.all<tws::ContractData>()[0].contract.con_id, 700);
    client.ask(tws::RequestContractData{5, 0, "SPY", "OPT", "202701", dec("651"), "C", "SMART", "USD"});
    EXPECT_EQ(client.errors(), Codes{200});
}

TEST_P(Answers, FamilyCodesTimesAccountsAndSettings) {
    Desk desk;
    Client client(desk, 5, version());
    client.ask(tws::RequestFamilyCodes{});
    EXPECT_EQ(client.all<tws::FamilyCodes>()[0].codes, (std::vector<tws::FamilyCode>{{"*", ""}}));
    desk.broker.add_account("F445566");
    client.forget();
    client.ask(tws::RequestFamilyCodes{});
    EXPECT_EQ(client.all<tws::FamilyCodes>()[0].codes,
              (std::vector<tws::FamilyCode>{{"DU1", "F445566A"}, {"F445566", "F445566A"}}));
    client.ask(tws::RequestManagedAccounts{});
    EXPECT_EQ(client.all<tws::ManagedAccounts>()[0].accounts, "DU1,F445566");
    client.ask(tws::RequestCurrentTime{});
    EXPECT_EQ(client.all<tws::CurrentTime>()[0].seconds, 1795444200);
    if (version() >= 197) {
        client.ask(tws::RequestCurrentTimeInMillis{});
        EXPECT_EQ(client.all<tws::CurrentTimeInMillis>()[0].milliseconds, 1795444200000);
    }
    if (version() >= 219) {
        desk.simulator.options.virtual_fx_positions = true;
        client.ask(tws::RequestSettings{6});
        auto const settings = client.all<tws::GatewaySettings>();
        ASSERT_EQ(settings.size(), 1u);
        EXPECT_TRUE(settings[0].api.settings.read_only_api);
        EXPECT_TRUE(settings[0].api.settings.include_virtual_fx_positions);
    }
}

TEST_P(Answers, OrdersAreRefusedAndRaiseAnAlarm) {
    Desk desk;
    Client client(desk, 5, version());
    // placeOrder with order id 17, as text and as binary; then a request for open orders.
    std::string frame;
    if (version() < 201) {
        tws::append_frame(frame, std::string("3\00017\0", 5));
    } else if (version() < 203) {
        tws::append_frame(frame, std::string("\0\0\0\x03"
                                             "17\0",
                                             7));
    } else {
        tws::append_frame(frame, std::string("\0\0\0\xCB\x08\x11", 6));
    }
    client.raw(frame);
    ASSERT_EQ(client.errors(), Codes{321});
    for (auto const& error : client.all<tws::ErrorMessage>()) {
        if (error.code == 321) EXPECT_EQ(error.request_id, 17);
    }
    EXPECT_EQ(desk.simulator.alarms(), std::set<int>{3});
    client.raw([] {
        std::string other;
        tws::append_frame(other, version() < 201 ? std::string("5\0001\0", 4)
                                                 : std::string("\0\0\0\x05"
                                                               "1\0",
                                                               6));
        return other;
    }());
    EXPECT_EQ(desk.simulator.alarms(), (std::set<int>{3, 5}));
}

TEST_P(Answers, RequestsThatAreNotServedAreCounted) {
    Desk desk;
    Client client(desk, 5, version());
    auto const send = [&](int id) {
        std::string frame;
        tws::append_frame(frame, version() < 201 ? std::to_string(id) + std::string("\0001\0", 3)
                                                 : std::string("\0\0\0", 3) + static_cast<char>(id) + std::string("1\0", 2));
        client.raw(frame);
    };
    send(1);    // market data
    send(150);  // unknown to everybody
    EXPECT_EQ(client.errors(), (Codes{321, 321}));
    EXPECT_EQ(desk.simulator.not_served(), (std::map<int, int>{{1, 1}, {150, 1}}));
    client.forget();
    send(14);  // log level: nothing to say
    EXPECT_TRUE(client.frames().empty());
    send(8);
    EXPECT_EQ(client.count<tws::NextValidId>(), 1u);
    EXPECT_TRUE(desk.simulator.alarms().empty());
}

TEST_P(Answers, AGatewayNewerThanItsClientIsUnderstood) {
    SimulatorOptions options;
    options.newer_than_client = true;
    Desk desk(options);
    desk.broker.hold("DU1", 265598, dec("100"), dec("190"));
    desk.fill("10", "200");
    Client client(desk, 5, version());
    client.ask(tws::RequestPositions{});
    client.ask(tws::RequestExecutions{7, 0, "", ""});
    client.ask(tws::RequestAccountUpdates{true, "DU1"});
    client.ask(tws::RequestContractData{1, 265598});
    EXPECT_EQ(client.count<tws::Position>(), 1u);
    EXPECT_EQ(client.count<tws::ExecutionDetails>(), 1u);
    EXPECT_EQ(client.count<tws::PortfolioValue>(), 1u);
    EXPECT_EQ(client.count<tws::ContractData>(), 1u);
    EXPECT_GT(client.count<tws::UnknownMessage>(), 5u);
}

TEST_P(Answers, SameClientIdAndTooManyRequests) {
    Desk desk;
    Client first(desk, 5, version());
    Client second(desk, 5, version());
    EXPECT_EQ(second.errors(), Codes{326});
    EXPECT_TRUE(second.closed());
    desk.simulator.faults.client_ids_taken = {9};
    Client third(desk, 9, version());
    EXPECT_EQ(third.errors(), Codes{326});
    for (int i = 0; i < 60 && !first.closed(); ++i)
        first.ask(tws::RequestCurrentTime{});
    EXPECT_EQ(first.errors(), (Codes{100, 100, 100}));
    EXPECT_TRUE(first.closed());
    desk.simulator.options.reject_above_max_rate = false;
    Client fourth(desk, 11, version());
    for (int i = 0; i < 60; ++i)
        fourth.ask(tws::RequestCurrentTime{});
    EXPECT_EQ(fourth.errors(), Codes{});
}

TEST(Start, ComesInAnyOrder) {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SimulatorOptions options;
        options.start_seed = seed;
        Desk desk(options);
        Client client(desk, 5, 226);
        std::string order;
        for (std::size_t i = 1; i < client.frames().size(); ++i) {
            order += std::to_string(tws::decode(client.frames()[i], 226)->index()) + " ";
        }
        EXPECT_EQ(client.count<tws::ManagedAccounts>(), 1u);
        EXPECT_EQ(client.count<tws::NextValidId>(), 1u);
        orders.insert(order);
    }
    EXPECT_GT(orders.size(), 5u);
}

/// New York without a summer, for tests.
class NewYork final : public base::ZoneRules {
    base::Result<base::Timestamp> to_utc(std::string_view zone, base::LocalTime const& local) const override {
        return base::from_utc_local(local) + (zone == "UTC" ? 0h : 5h);
    }
    base::Result<base::LocalTime> to_local(std::string_view zone, base::Timestamp time) const override {
        return base::utc_local(time - (zone == "UTC" ? 0h : 5h));
    }
};

TEST(Zones, HandshakeMidnightAndExecutionTimes) {
    NewYork const zones;
    SimulatorOptions options;
    options.zone = "America/New_York";
    options.zone_text = "\xD6\xD0\xB9\xFA";  // not UTF-8
    options.zones = &zones;
    Desk desk(options);
    desk.fill("1", "200");
    Client client(desk, 5, 213);
    EXPECT_EQ(client.frames()[0], std::string("213\00020261123 09:30:00 \xD6\xD0\xB9\xFA\0", 27));
    auto const time = [&](int version) {
        Client other(desk, 100 + version, version);
        other.ask(tws::RequestExecutions{1, 0, "", ""});
        auto const found = other.all<tws::ExecutionDetails>();
        return found.empty() ? std::string("none") : std::string(found[0].time);
    };
    EXPECT_EQ(time(173), "20261123  09:30:00");
    EXPECT_EQ(time(176), "20261123 09:30:00 America/New_York");
    desk.simulator.options.execution_times = ExecutionTimes::utc;
    EXPECT_EQ(time(200), "20261123-14:30:00");
    EXPECT_EQ(time(214), "20261123-14:30:00Z");
    desk.simulator.options.execution_times = ExecutionTimes::instrument_zone;
    EXPECT_EQ(time(226), "20261123 09:30:00 US/Eastern");
    desk.pass(14h);  // 23:30 in New York, tomorrow in UTC
    EXPECT_EQ(time(224), "20261123 09:30:00 US/Eastern");
    desk.pass(1h);
    EXPECT_EQ(time(225), "none");
}

TEST(Notices, ChangedPortClosesTheConnection) {
    Desk desk;
    Client client(desk, 5, 226);
    desk.simulator.notice(1100, "Connectivity between IBKR and TWS has been lost.", desk.now);
    client.receive();
    EXPECT_EQ(client.errors(), Codes{1100});
    EXPECT_FALSE(client.closed());
    desk.simulator.notice(
        1300, "TWS socket port has been reset and this connection is being dropped. Please reconnect on the new port - 4003",
        desk.now);
    client.receive();
    EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace possync::gateway

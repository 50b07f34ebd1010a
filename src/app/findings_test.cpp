// What `possync doctor` and `possync setup` say of a gateway, by what it told.
#include "app/findings.hpp"

#include <gtest/gtest.h>

#include <functional>

#include <gmock/gmock.h>

namespace possync::app {
namespace {

using testing::HasSubstr;
using Level = Finding::Level;
using State = ProbeResult::State;

/// A gateway of which everything is well.
struct Told {
    GatewayConfig gateway;
    ProbeResult probe;
    Told() {
        gateway.name = "paper";
        gateway.client_id = 71;
        gateway.expect = sync::Expect::paper;
        gateway.accounts = {"DU1"};
        probe.state = State::ready;
        probe.host = "127.0.0.1";
        probe.port = 4002;
        probe.server_version = 219;
        probe.connection_time = "20261123 09:30:00 America/New_York";
        probe.accounts = {"DU1"};
        probe.paper = true;
        probe.settings.emplace();
        probe.settings->read_only_api = true;
        probe.settings->bulk_data_timeout = 30;
        probe.settings->master_client_id = 71;
        probe.clock_ahead_seconds = 0;
    }
};

TEST(Findings, AGatewayOfWhichEverythingIsWell) {
    Told const told;
    for (auto const& finding : gateway_findings(told.gateway, told.probe))
        EXPECT_EQ(finding.level, Level::ok) << finding.what << ": " << finding.text;
}

struct Case {
    char const* name;
    std::function<void(Told&)> change;
    Level level;
    char const* what;
    char const* text;  ///< part of it
};

TEST(Findings, EachThingThatIsWrongIsNamedWithWhatToDo) {
    Case const table[] = {
        {"nothing listens",
         [](Told& t) {
             t.probe.state = State::absent;
             t.probe.reason = "refused";
         },
         Level::bad, "gateway paper", "nothing answers (refused); start TWS or IB Gateway"},
        {"nor where nobody usually does",
         [](Told& t) {
             t.probe.state = State::absent;
             t.probe.port = 1;
         },
         Level::bad, "gateway paper", "check host and port"},
        {"no handshake", [](Told& t) { t.probe.state = State::silent; }, Level::bad, "gateway paper", "accept the prompt"},
        {"client id taken", [](Told& t) { t.probe.state = State::client_id_used; }, Level::bad, "gateway paper",
         "set another client_id"},
        {"no agreement",
         [](Told& t) {
             t.probe.state = State::unusable;
             t.probe.reason = "too old";
         },
         Level::bad, "gateway paper", ": too old"},
        {"nothing expected", [](Told& t) { t.gateway.expect = sync::Expect::any; }, Level::note, "expect",
         "set expect = \"paper\""},
        {"nothing expected of live",
         [](Told& t) {
             t.gateway.expect = sync::Expect::any;
             t.probe.paper = false;
         },
         Level::note, "expect", "set expect = \"live\""},
        {"live where paper is expected", [](Told& t) { t.probe.paper = false; }, Level::bad, "expect",
         "these are live accounts, expected paper"},
        {"paper where live is expected", [](Told& t) { t.gateway.expect = sync::Expect::live; }, Level::bad, "expect",
         "these are paper accounts, expected live"},
        {"an account of somebody else", [](Told& t) { t.gateway.accounts = {"DU1", "DU2", "DU3"}; }, Level::bad, "accounts",
         "does not manage DU2, DU3;"},
        {"many accounts of somebody else", [](Told& t) { t.gateway.accounts.assign(11, "DU2"); }, Level::bad, "accounts",
         "and 3 more"},
        {"very many accounts", [](Told& t) { t.probe.accounts.resize(51, "DU1"); }, Level::note, "accounts", "above 50"},
        {"away from the broker", [](Told& t) { t.probe.broker_away = "code 1100"; }, Level::bad, "broker",
         "lost its own connection to the broker: code 1100"},
        {"an old gateway", [](Told& t) { t.probe.settings.reset(); }, Level::note, "settings", "look at the settings yourself"},
        {"an old gateway's client id", [](Told& t) { t.probe.settings.reset(); }, Level::note, "client id", "71 is free"},
        {"orders are taken", [](Told& t) { t.probe.settings->read_only_api = false; }, Level::note, "read-only",
         "never sends any"},
        {"values are rounded", [](Told& t) { t.probe.settings->round_account_values = true; }, Level::bad, "settings",
         "rounds account values"},
        {"lists are cut off", [](Told& t) { t.probe.settings->bulk_data_timeout = 9; }, Level::bad, "settings", "after 9 s"},
        {"no master", [](Told& t) { t.probe.settings->master_client_id = 0; }, Level::note, "client id",
         "Set Master API client ID to 71"},
        {"it restarts", [](Told& t) { t.probe.settings->restarts_at = "11:45 PM"; }, Level::note, "restart", "11:45 PM"},
        {"no time", [](Told& t) { t.probe.clock_ahead_seconds.reset(); }, Level::note, "clock", "did not tell"},
        {"its clock is ahead", [](Told& t) { t.probe.clock_ahead_seconds = 3; }, Level::bad, "clock", "3 s ahead of"},
        {"its clock is behind", [](Told& t) { t.probe.clock_ahead_seconds = -3; }, Level::bad, "clock", "3 s behind"},
        {"two seconds are nothing", [](Told& t) { t.probe.clock_ahead_seconds = -2; }, Level::ok, "clock", "agree"},
        {"an ambiguous zone", [](Told& t) { t.probe.connection_time = "20261123 09:30:00 CST"; }, Level::bad, "time zone",
         "set time_zone of gateway paper"},
        {"the configured zone", [](Told& t) { t.gateway.time_zone = "America/New_York"; }, Level::ok, "time zone",
         "as configured"},
        {"another zone", [](Told& t) { t.gateway.time_zone = "Europe/Berlin"; }, Level::note, "time zone",
         "the gateway says America/New_York"},
        {"the configured zone, where the gateway's is ambiguous",
         [](Told& t) {
             t.gateway.time_zone = "Europe/Berlin";
             t.probe.connection_time = "20261123 09:30:00 CST";
         },
         Level::ok, "time zone", "as configured"},
    };
    for (auto const& each : table) {
        Told told;
        each.change(told);
        auto const findings = gateway_findings(told.gateway, told.probe);
        bool found = false;
        for (auto const& finding : findings) {
            if (finding.what != each.what || finding.level != each.level) continue;
            found = found || finding.text.find(each.text) != std::string::npos;
        }
        EXPECT_TRUE(found) << each.name << testing::PrintToString(findings.size());
        if (told.probe.state != State::ready)
            EXPECT_EQ(findings.size(), 1U) << "what it did not tell is not judged: " << each.name;
    }
}

TEST(Findings, UsualPortsHaveTheirProgram) {
    for (int const port : {4001, 4002, 7496, 7497, 4003, 4004})
        EXPECT_NE(usual_program(port), "") << port;
    EXPECT_EQ(usual_program(80), "");
}

}  // namespace
}  // namespace possync::app

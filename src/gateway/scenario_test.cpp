// Scenario files that cannot be played: one line that names file, line and form. What good ones do is told by test/scenarios.
#include "gateway/scenario.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include "gateway/gateway_testing.hpp"

namespace possync::gateway {
namespace {

/// Plays the lines; the first refusal, or nothing.
std::string refusal(std::string const& text, bool with_account = true) {
    testing::Desk desk;
    ScenarioPlayer player(desk.broker, desk.simulator, "day.scn");
    auto const steps = parse_scenario(
        (with_account ? "account DU1\ninstrument AAPL STK USD conid 1\n" : "instrument AAPL STK USD conid 1\n") + text,
        "day.scn");
    if (!steps) return steps.error().message;
    for (auto const& step : *steps) {
        if (auto const played = player.play(step, desk.now); !played) return played.error().message;
    }
    return "";
}

TEST(Scenario, WhatCannotBePlayedSaysWhereAndHow) {
    struct Row {
        char const* line;
        char const* says;
    };
    for (auto const& [line, says] : {
             Row{"sell AAPL", "day.scn:3: 'sell' begins no step; the steps are"},
             Row{"notice 1100 \"lost", "a quote is not closed"},
             Row{"fill MSFT buy 1 @ 1", "there is no instrument MSFT; write: fill NAME buy|sell QUANTITY @ PRICE"},
             Row{"fill AAPL hold 1 @ 1", "'sell' is missing"},
             Row{"fill AAPL buy many @ 1", "'many' is not a number"},
             Row{"fill AAPL buy 1 1", "'@' is missing"},
             Row{"fill AAPL buy", "words are missing"},
             Row{"fill AAPL buy 1 @ 1 for fun", "'for' is not understood"},
             Row{"fill AAPL buy 1 @ 1 account DU9", "there is no account DU9"},
             Row{"fill AAPL buy 1 @ 1 client 1.5", "1.5 is not whole"},
             Row{"instrument", "words are missing"},
             Row{"instrument X STK USD strike high", "'high' is not a number"},
             Row{"instrument X STK USD under NOTHING", "there is no instrument NOTHING"},
             Row{"instrument X STK USD size 5", "'size' is not understood"},
             Row{"hold AAPL 5 @ 1 since yesterday", "'yesterday' is not a time"},
             Row{"hold AAPL 5", "'@' is missing"},
             Row{"correct first price 5", "no fill is called first"},
             Row{"correct first", "'price' is missing"},
             Row{"cancel first", "no fill is called first"},
             Row{"fill AAPL buy 1 @ 1 as first\ncancel first\ncorrect first price 5", "first was taken back"},
             Row{"fill AAPL buy 1 @ 1 as first\ncancel first\ncancel first", "first was taken back"},
             Row{"commission first 5", "no fill is called first"},
             Row{"commission first five", "'five' is not a number"},
             Row{"entry AAPL split 5", "no such entry: split"},
             Row{"entry AAPL nonsense 5", "no such entry: nonsense"},
             Row{"entry AAPL expiry 5", "so many are not held"},
             Row{"split AAPL twice", "'twice' is not a ratio; write two whole numbers like 4:1"},
             Row{"split AAPL 2:1 into NOTHING", "there is no instrument NOTHING"},
             Row{"merge AAPL NOTHING 2:1", "there is no instrument NOTHING"},
             Row{"spinoff AAPL AAPL 2:1 5", "'cost' is missing"},
             Row{"transfer AAPL five", "'five' is not a number"},
             Row{"adjust AAPL 5 5", "'@' is missing"},
             Row{"price AAPL high", "'high' is not a number"},
             Row{"push AAPL", "it was never held"},
             Row{"push NOTHING", "there is no instrument NOTHING"},
             Row{"notice lost \"text\"", "'lost' is not a number"},
             Row{"disconnect soon", "'soon' is not a duration"},
             Row{"disconnect 5s 5s", "'5s' is not understood"},
             Row{"combo AAPL buy 1 @ 1", "it has no leg"},
             Row{"combo AAPL keep 1 @ 1", "'sell' is missing"},
             Row{"combo AAPL buy 1 @ 1 leg NOTHING buy 1 @ 1", "there is no instrument NOTHING"},
             Row{"allocate AAPL buy 5 @ 1 master F1 to DU1 4", "the shares are 4, not 5"},
             Row{"allocate AAPL keep 5 @ 1 master F1 to DU1 5", "'sell' is missing"},
             Row{"allocate AAPL buy 5 @ 1 master F1 to DU9 5", "there is no account DU9"},
             Row{"gateway nonsense on", "no such setting: nonsense"},
             Row{"gateway newer maybe", "'off' is missing"},
             Row{"gateway execution-times local", "no such zone: local"},
             Row{"gateway master-client x", "'x' is not a number"},
             Row{"fault nonsense", "no such fault: nonsense"},
             Row{"fault refuse maybe", "no such fault: refuse"},
             Row{"fault drop often", "often"},
             Row{"fault next nonsense", "no such kind of fault"},
             Row{"fault delay 0.01 soon", "'soon' is not a duration"},
             Row{"fault client-id 5 maybe", "'off' is missing"},
             Row{"fault vanish NOTHING", "there is no instrument NOTHING"},
             Row{"fault seed x", "'x' is not a number"},
             Row{"account", "words are missing"},
             Row{"account DU1 stays", "'stays' is not understood"},
         }) {
        auto const message = refusal(line);
        EXPECT_NE(message.find(says), std::string::npos) << line << "\n -> " << (message.empty() ? "played" : message);
        auto const last = 3 + std::count(line, line + std::strlen(line), '\n');
        EXPECT_EQ(message.rfind(fmt::format("day.scn:{}: ", last), 0), 0u) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

TEST(Scenario, WhatIsAnAccountsNeedsOne) {
    for (auto const* line : {"hold AAPL 5 @ 1", "combo AAPL buy 1 @ 1 leg AAPL buy 1 @ 1", "entry AAPL expiry 1",
                             "split AAPL 2:1", "merge AAPL AAPL 2:1", "spinoff AAPL AAPL 2:1 cost 5", "transfer AAPL 5",
                             "adjust AAPL 5 @ 1", "price AAPL 5", "push AAPL"}) {
        EXPECT_EQ(refusal(line, false), "day.scn:2: whose is that? write before it: account CODE") << line;
        EXPECT_EQ(refusal(std::string("account DU1 leaves\n") + line), "day.scn:4: whose is that? write before it: account CODE")
            << line;
    }
    EXPECT_NE(refusal("fill AAPL buy 1 @ 1", false).find("there is no account"), std::string::npos);
}

TEST(Scenario, SettingsAndFaultsAreTakenBack) {
    EXPECT_EQ(
        refusal("gateway virtual-fx on\ngateway virtual-fx off\ngateway zero-rows-of-today on\ngateway switch-subscription "
                "on\ngateway newer on\n"
                "gateway account-ready off\ngateway account-ready on\ngateway master-client 5\ngateway days-of-executions 3\n"
                "gateway execution-times utc\ngateway execution-times instrument\ngateway execution-times gateway\ngateway "
                "account-held DU1\n"
                "gateway account-held nobody\nfault refuse on\nfault refuse off\nfault client-id 5 on\nfault client-id 5 "
                "off\nfault close-after 3\n"
                "fault seed 5\nfault next drop\nfault next drop 3\nfault next delay 2 50ms\nfault delay 0.01 20ms\nfault "
                "none\nfault vanish AAPL\n"
                "disconnect\ndisconnect 5s\nnotice 1102 \"back # again\"  # a comment\n\t\n"),
        "");
}

}  // namespace
}  // namespace possync::gateway

#include "alert/calendar.hpp"

#include <gtest/gtest.h>

#include "alert/alert_testing.hpp"

namespace possync::alert {
namespace {

using namespace std::chrono_literals;

TEST(Session, IsReadAsItIsWritten) {
    EXPECT_EQ(parse_session("Mon-Fri 09:30-16:00"), (Session{0, 4, 9h + 30min, 16h}));
    EXPECT_EQ(parse_session("Sun-Thu 18:00-17:00"), (Session{6, 3, 18h, 17h}));
    EXPECT_EQ(parse_session("Sat 00:00-24:00"), (Session{5, 5, 0h, 24h}));
    for (auto const* bad : {"", "Mon", "Mon-Fri", "Mon-Fri 9:30-16:00", "Mo-Fr 09:30-16:00", "Mon-Fri 09:30",
                            "Mon-Fri 09:30-09:30", "Mon-Fri 24:00-08:00", "Mon-Fri 09:30-24:01", "Mon-Fri 09:60-16:00",
                            "Mon-Fri 09:30-16:00 ", "Mon-Fri-Sun 09:30-16:00"}) {
        EXPECT_FALSE(parse_session(bad)) << bad;
    }
}

TEST(Calendar, WatchesSessionsAndTheTimeBefore) {
    Calendar stocks;
    stocks.sessions = {*parse_session("Mon-Fri 09:30-16:00")};
    stocks.holidays = {{2026, 11, 26}};
    stocks.before = 30min;
    Calendar futures;
    futures.sessions = {*parse_session("Sun-Thu 18:00-17:00")};
    futures.before = 15min;
    struct Case {
        char const* now;  // UTC; New York is five hours behind
        bool stocks;
        bool futures;
    };
    for (auto const& each : {
             Case{"2026-11-25T13:59:59Z", false, true},   // Wednesday 08:59:59
             Case{"2026-11-25T14:00:00Z", true, true},    // half an hour before
             Case{"2026-11-25T20:59:59Z", true, true},    // 15:59:59
             Case{"2026-11-25T21:00:00Z", false, true},   // closed
             Case{"2026-11-25T22:30:00Z", false, false},  // 17:30: the futures' pause
             Case{"2026-11-25T22:45:00Z", false, true},   // a quarter before 18:00
             Case{"2026-11-26T15:00:00Z", false, true},   // Thanksgiving, a holiday of the stocks only
             Case{"2026-11-27T15:00:00Z", true, true},    // Friday
             Case{"2026-11-27T22:00:00Z", false, false},  // 17:00: Thursday's session of the futures is over, Friday has none
             Case{"2026-11-28T15:00:00Z", false, false},  // Saturday
             Case{"2026-11-29T22:44:59Z", false, false},  // Sunday
             Case{"2026-11-29T22:45:00Z", false, true}, Case{"2026-11-30T04:30:00Z", false, true},  // Sunday night
         }) {
        EXPECT_EQ(is_watched(stocks, NewYorkWinter(), at(each.now)), each.stocks) << each.now;
        EXPECT_EQ(is_watched(futures, NewYorkWinter(), at(each.now)), each.futures) << each.now;
    }
    Calendar unknown = stocks;
    unknown.zone = "Nowhere";
    EXPECT_TRUE(is_watched(unknown, NewYorkWinter(), at("2026-11-28T15:00:00Z"))) << "rather told too often";
    Calendar around_the_clock;
    around_the_clock.sessions = {*parse_session("Sat-Fri 00:00-24:00")};
    EXPECT_TRUE(is_watched(around_the_clock, NewYorkWinter(), at("2026-11-28T15:00:00Z")));
}

TEST(Calendar, KnowsWhenAGatewayRestarts) {
    auto const restarting = [](char const* now) {
        return is_restarting(23h + 45min, "America/New_York", 20min, NewYorkWinter(), at(now));
    };
    EXPECT_FALSE(restarting("2026-11-26T04:43:59Z"));
    EXPECT_TRUE(restarting("2026-11-26T04:44:00Z")) << "a minute early";
    EXPECT_TRUE(restarting("2026-11-26T05:04:59Z")) << "beyond midnight";
    EXPECT_FALSE(restarting("2026-11-26T05:05:00Z"));
    EXPECT_FALSE(is_restarting(23h, "Nowhere", 20min, NewYorkWinter(), at("2026-11-26T04:44:00Z")));
}

TEST(Calendar, CountsWeekdays) {
    EXPECT_EQ(weekdays_until({2026, 11, 25}, {2026, 11, 25}), 0);
    EXPECT_EQ(weekdays_until({2026, 11, 25}, {2026, 11, 27}), 2);
    EXPECT_EQ(weekdays_until({2026, 11, 27}, {2026, 11, 30}), 1) << "Friday to Monday";
    EXPECT_EQ(weekdays_until({2026, 11, 27}, {2026, 11, 28}), 0) << "Friday to Saturday";
    EXPECT_EQ(weekdays_until({2026, 11, 25}, {2026, 11, 24}), -1);
}

}  // namespace
}  // namespace possync::alert

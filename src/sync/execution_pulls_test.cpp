#include "sync/execution_pulls.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::Now;
using base::Timestamp;

/// A gateway five hours behind UTC, where no clock is ever put forward.
class FiveHoursBehind final : public base::ZoneRules {
public:
    base::Result<Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local) + 5h;
    }
    base::Result<base::LocalTime> to_local(std::string_view, Timestamp time) const override { return base::utc_local(time - 5h); }
};
FiveHoursBehind const zones;

Timestamp at(char const* text) { return *base::parse_rfc3339(text); }
Now now(char const* text) { return {at(text), Duration(at(text).microseconds)}; }

struct Pulls : ExecutionPulls {
    explicit Pulls(char const* connected_at = "2026-11-25T15:00:00Z") : ExecutionPulls(zones) {
        connected("zone", now(connected_at));
    }
};

TEST(ExecutionPulls, DaysAreThoseOfTheGatewaysZone) {
    Pulls const pulls;
    struct Case {
        char const* covered_to;
        char const* now;
        int days;
    };
    for (auto const& each : {
             Case{"2026-11-25T14:00:00Z", "2026-11-25T15:00:00Z", 0},
             Case{"2026-11-25T06:00:00Z", "2026-11-26T04:00:00Z", 0},  // 01:00 and 23:00 of one day
             Case{"2026-11-25T04:00:00Z", "2026-11-25T06:00:00Z", 1},  // 23:00 and 01:00
             Case{"2026-11-25T04:59:00Z", "2026-11-25T05:01:00Z", 0},  // the moment round midnight
             Case{"2026-11-20T15:00:00Z", "2026-11-25T15:00:00Z", 5}, Case{"2026-01-20T15:00:00Z", "2026-11-25T15:00:00Z", 7},
             Case{"2026-11-26T15:00:00Z", "2026-11-25T15:00:00Z", 0},  // a clock was put back
         }) {
        EXPECT_EQ(pulls.days_to_ask(at(each.covered_to), at(each.now)), each.days) << each.covered_to;
    }
    EXPECT_EQ(pulls.days_to_ask(std::nullopt, at("2026-11-25T15:00:00Z")), 0);
    Pulls nowhere;
    nowhere.connected("", now("2026-11-25T15:00:00Z"));
    EXPECT_EQ(nowhere.days_to_ask(at("2026-11-20T15:00:00Z"), at("2026-11-25T15:00:00Z")), 0);
}

TEST(ExecutionPulls, AnEndProvesTodayUntilItWasAsked) {
    Pulls pulls;
    pulls.asked(1, 0, now("2026-11-25T15:00:00Z"));
    auto const ended = pulls.ended(1, true, now("2026-11-25T15:00:09Z"));
    EXPECT_TRUE(ended.sure);
    EXPECT_EQ(ended.proved, (ProvedWindow{at("2026-11-25T05:00:00Z"), at("2026-11-25T15:00:00Z")}));
    EXPECT_FALSE(pulls.ended(1, true, now("2026-11-25T15:00:10Z")).sure);  // it ended already
}

TEST(ExecutionPulls, NothingIsProvedByHalfAnAnswerAnOldOneOrOneAcrossMidnight) {
    Pulls pulls;
    pulls.asked(1, 0, now("2026-11-25T15:00:00Z"));
    EXPECT_FALSE(pulls.ended(1, false, now("2026-11-25T15:00:09Z")).proved);
    pulls.asked(2, 0, now("2026-11-25T15:00:00Z"));
    pulls.doubt();
    EXPECT_FALSE(pulls.ended(2, true, now("2026-11-25T15:00:09Z")).sure);
    pulls.asked(3, 0, now("2026-11-26T04:59:59Z"));
    auto const across = pulls.ended(3, true, now("2026-11-26T05:00:01Z"));
    EXPECT_TRUE(across.sure);
    EXPECT_FALSE(across.proved);
    pulls.asked(4, 0, now("2026-11-25T15:00:00Z"));
    pulls.disconnected();
    EXPECT_FALSE(pulls.ended(4, true, now("2026-11-25T15:00:09Z")).sure);
    Pulls nowhere;
    nowhere.connected("", now("2026-11-25T15:00:00Z"));
    nowhere.asked(5, 0, now("2026-11-25T15:00:00Z"));
    EXPECT_TRUE(nowhere.ended(5, true, now("2026-11-25T15:00:01Z")).sure);
}

/// A gateway may accept days and serve today alone: only a fill of a day shows that it has that day.
TEST(ExecutionPulls, DaysBeforeTodayAreProvedByTheirFillsOnly) {
    struct Case {
        int days;
        char const* oldest;
        char const* from;
    };
    for (auto const& each : {
             Case{5, nullptr, "2026-11-25T05:00:00Z"},
             Case{5, "2026-11-25T06:00:00Z", "2026-11-25T05:00:00Z"},
             Case{5, "2026-11-23T20:00:00Z", "2026-11-23T05:00:00Z"},
             Case{5, "2026-11-20T20:00:00Z", "2026-11-20T05:00:00Z"},
             Case{1, "2026-11-20T20:00:00Z", "2026-11-24T05:00:00Z"},  // more than was asked for
             Case{0, "2026-11-20T20:00:00Z", "2026-11-25T05:00:00Z"},
         }) {
        Pulls pulls;
        pulls.asked(1, each.days, now("2026-11-25T15:00:00Z"));
        if (each.oldest != nullptr) (void)pulls.take(at(each.oldest), std::nullopt);
        (void)pulls.take(at("2026-11-25T14:00:00Z"), std::nullopt);
        auto const ended = pulls.ended(1, true, now("2026-11-25T15:00:01Z"));
        EXPECT_EQ(ended.days, each.days);
        ASSERT_TRUE(ended.proved);
        EXPECT_EQ(base::to_rfc3339(ended.proved->from), base::to_rfc3339(at(each.from))) << each.days;
    }
}

TEST(ExecutionPulls, FillsOfBeforeTheCoverageAreOfNoUse) {
    Pulls pulls;
    auto const covered_to = at("2026-11-23T18:00:00Z");
    EXPECT_TRUE(pulls.take(at("2026-11-01T15:00:00Z"), covered_to));  // nobody asked for days: a correction, maybe
    pulls.asked(1, 2, now("2026-11-25T15:00:00Z"));
    EXPECT_TRUE(pulls.take(at("2026-11-23T06:00:00Z"), covered_to));
    EXPECT_FALSE(pulls.take(at("2026-11-23T04:00:00Z"), covered_to));
    EXPECT_TRUE(pulls.take(at("2026-11-23T04:00:00Z"), std::nullopt));  // at first sight
}

TEST(ExecutionPulls, AskOnceMoreBeforeMidnightAndBeforeTheRestart) {
    Pulls pulls("2026-11-25T15:00:00Z");
    auto const steady = [](char const* text) { return Duration(at(text).microseconds); };
    EXPECT_EQ(pulls.last_chance_at(), steady("2026-11-26T04:59:00Z"));
    pulls.restarts_daily_at(23h + 45min, now("2026-11-25T15:00:01Z"));
    EXPECT_EQ(pulls.last_chance_at(), steady("2026-11-26T04:44:00Z"));
    pulls.last_chance_passed(now("2026-11-26T04:44:00Z"));
    EXPECT_EQ(pulls.last_chance_at(), steady("2026-11-26T04:59:00Z"));
    pulls.last_chance_passed(now("2026-11-26T04:59:00Z"));
    EXPECT_EQ(pulls.last_chance_at(), steady("2026-11-27T04:44:00Z"));
    pulls.disconnected();
    EXPECT_FALSE(pulls.last_chance_at());
}

TEST(ExecutionPulls, AHoleIsUnknownAndAShortOneMayBeClosedByQuantities) {
    ProvedWindow const proved{at("2026-11-25T05:00:00Z"), at("2026-11-25T15:00:00Z")};
    auto const hole = windows_gained(1, at("2026-11-24T20:00:00Z"), proved);
    ASSERT_EQ(hole.size(), 2u);
    EXPECT_EQ(hole[0].state, "unknown");
    EXPECT_EQ(hole[0].to_time, proved.from);
    EXPECT_EQ(hole[1].state, "complete");
    EXPECT_FALSE(closes_by_quantities(hole[0]));
    EXPECT_FALSE(closes_by_quantities(hole[1]));
    auto const moment = windows_gained(1, at("2026-11-25T04:59:00Z"), proved);
    ASSERT_EQ(moment.size(), 2u);
    EXPECT_EQ(moment[0].state, "unknown");
    EXPECT_TRUE(closes_by_quantities(moment[0]));
    EXPECT_EQ(windows_gained(1, at("2026-11-25T14:00:00Z"), proved).size(), 1u);
    EXPECT_EQ(windows_gained(1, std::nullopt, proved).size(), 1u);
}

/// Without a zone that anybody knows there are no days to speak of, and nothing is proved.
TEST(ExecutionPulls, AZoneThatNobodyKnowsProvesNothing) {
    class NoZones final : public base::ZoneRules {
    public:
        explicit NoZones(bool forward) : forward_(forward) {}
        base::Result<Timestamp> to_utc(std::string_view, base::LocalTime const&) const override { return base::fail(base::ErrorCode::not_found, "no zone"); }
        base::Result<base::LocalTime> to_local(std::string_view, Timestamp time) const override {
            if (forward_) return base::utc_local(time);
            return base::fail(base::ErrorCode::not_found, "no zone");
        }

    private:
        bool forward_;
    };
    for (bool const forward : {false, true}) {
        NoZones const none(forward);
        ExecutionPulls pulls(none);
        pulls.connected("zone", now("2026-11-25T15:00:00Z"));
        EXPECT_FALSE(pulls.last_chance_at());
        EXPECT_EQ(pulls.days_to_ask(at("2026-11-20T15:00:00Z"), at("2026-11-25T15:00:00Z")), forward ? 5 : 0);
        pulls.asked(1, 2, now("2026-11-25T15:00:00Z"));
        EXPECT_TRUE(pulls.take(at("2026-11-24T15:00:00Z"), at("2026-11-25T14:00:00Z")));
        auto const ended = pulls.ended(1, true, now("2026-11-25T15:00:05Z"));
        EXPECT_TRUE(ended.sure);
        EXPECT_FALSE(ended.proved);
    }
}

/// On the day when clocks are put forward midnight comes an hour sooner than a clock counts: it may come before the restart.
TEST(ExecutionPulls, TheNearestOfMidnightAndRestartCountsWhereADayIsShort) {
    class Spring final : public base::ZoneRules {
    public:
        base::Result<Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
            return base::from_utc_local(local) - (local.date > base::Date{2026, 3, 29} ? 1h : 0h);
        }
        base::Result<base::LocalTime> to_local(std::string_view, Timestamp time) const override { return base::utc_local(time); }
    };
    Spring const spring;
    ExecutionPulls pulls(spring);
    pulls.connected("zone", now("2026-03-29T10:00:00Z"));
    pulls.restarts_daily_at(23h + 30min, now("2026-03-29T10:00:00Z"));
    EXPECT_EQ(pulls.last_chance_at(), Duration(at("2026-03-29T22:59:00Z").microseconds));
}

/// Rules that know a part of time only, as a zone of which later years are not known.
TEST(ExecutionPulls, WhatThePartOfAZoneThatIsKnownDoesNotReachIsNotProved) {
    class Part final : public base::ZoneRules {
    public:
        Part(char const* from, char const* to) : from_(at(from)), to_(at(to)) {}
        base::Result<Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override { return known(base::from_utc_local(local)); }
        base::Result<base::LocalTime> to_local(std::string_view, Timestamp time) const override {
            if (!known(time)) return base::fail(base::ErrorCode::not_found, "not known then");
            return base::utc_local(time);
        }

    private:
        [[nodiscard]] base::Result<Timestamp> known(Timestamp time) const {
            if (time < from_ || time > to_) return base::fail(base::ErrorCode::not_found, "not known then");
            return time;
        }
        Timestamp from_;
        Timestamp to_;
    };
    Part const past("2026-01-01", "2026-11-24T12:00:00Z");
    ExecutionPulls ends(past);
    ends.connected("zone", now("2026-11-24T00:00:00Z"));
    EXPECT_EQ(ends.days_to_ask(at("2026-11-20T15:00:00Z"), at("2026-11-25T15:00:00Z")), 0);

    Part const afternoon("2026-11-24T12:00:00Z", "2026-12-24T12:00:00Z");  // from the middle of a day
    ExecutionPulls begins(afternoon);
    begins.connected("zone", now("2026-11-24T13:00:00Z"));
    EXPECT_EQ(begins.days_to_ask(at("2026-11-24T23:59:30Z"), at("2026-11-25T00:00:30Z")), 0);
    begins.asked(1, 2, now("2026-11-25T15:00:00Z"));
    EXPECT_TRUE(begins.take(at("2026-11-24T15:00:00Z"), std::nullopt));
    auto const ended = begins.ended(1, true, now("2026-11-25T15:00:05Z"));
    ASSERT_TRUE(ended.proved);
    EXPECT_EQ(ended.proved->from, at("2026-11-25T00:00:00Z")) << "the days before have no beginning that anybody knows";
}

TEST(ExecutionPulls, ReadsTheTimeOfTheDailyRestart) {
    EXPECT_EQ(time_of_day("11:45", "PM"), 23h + 45min);
    EXPECT_EQ(time_of_day("12:05", "AM"), Duration(5min));
    EXPECT_EQ(time_of_day("12:05", "PM"), 12h + 5min);
    EXPECT_EQ(time_of_day("23:45", ""), 23h + 45min);
    EXPECT_EQ(time_of_day("23:45:00", ""), 23h + 45min);
    for (auto const& [time, period] : {std::pair("", ""),
                                       {"11", "PM"},
                                       {"13:00", "PM"},
                                       {"0:10", "AM"},
                                       {"11:60", "PM"},
                                       {"11:45", "noon"},
                                       {"11:4x", ""},
                                       {"11.45", ""},
                                       {"11:", ""},
                                       {"11:-5", ""},
                                       {"24:00", ""},
                                       {"99999999999:00", ""},
                                       {"11:99999999999", ""},
                                       {"-1:00", ""}}) {
        EXPECT_FALSE(time_of_day(time, period)) << time << period;
    }
}

}  // namespace
}  // namespace possync::sync

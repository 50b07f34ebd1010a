#include "alert/rules.hpp"

#include <gtest/gtest.h>

#include "alert/alert_testing.hpp"

namespace possync::alert {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::Timestamp;

base::Decimal dec(std::string_view text) { return *base::Decimal::parse(text); }

/// A gateway with one account on a Wednesday at 11:00 in New York, in a session; nothing is wrong.
class Day {
public:
    Day() {
        settings.calendar.sessions = {*parse_session("Mon-Fri 09:30-16:00")};
        settings.calendar.before = 30min;
        settings.recovered_after = 1min;
        observed.started_at = at("2026-11-24T15:00:00Z");
        ObservedGateway gateway;
        gateway.gateway = "paper";
        gateway.address = "127.0.0.1:4002";
        gateway.connected = true;
        gateway.stale = false;
        observed.gateways = {gateway};
        query::AccountRow account;
        account.account = "DU1";
        account.gateway = "paper";
        observed.accounts = {account};
        go(Duration(0));
    }

    /// Time passes, and somebody looks. What it told, "kind condition".
    std::vector<std::string> go(Duration passed) {
        now = now + passed;
        observed.now = now;
        if (syncs) observed.accounts[0].last_synced_at = now;
        std::vector<std::string> gateways;
        for (auto const& gateway : observed.gateways)
            gateways.push_back(gateway.gateway);
        auto done =
            step(settings, alerts, findings(settings, zones, observed), gateways, is_watched(settings.calendar, zones, now), now);
        alerts = std::move(done.alerts);
        last = done.notes;
        kept = done.to_keep;
        observed.liquidations.clear();
        observed.assignments.clear();
        observed.new_accounts.clear();
        std::vector<std::string> told;
        for (auto const& note : done.notes)
            told.push_back(std::string(to_string(note.kind)) + " " + std::string(to_string(note.key.condition)));
        return told;
    }
    /// As after a restart: what only memory holds is gone.
    void restart() {
        std::erase_if(alerts, [](auto const& each) { return each.second.raised_at.microseconds == 0; });
        for (auto& [unused, alert] : alerts)
            alert.seen_since = alert.gone_since = std::nullopt;
        observed.started_at = now;
    }
    void lose_gateway() {
        observed.gateways[0].connected = false;
        observed.gateways[0].stale = true;
        observed.gateways[0].stale_since = now;
        observed.gateways[0].last_error = "Connection refused";
    }
    void find_gateway() {
        observed.gateways[0].connected = true;
        observed.gateways[0].stale = false;
        observed.gateways[0].stale_since.reset();
    }
    void add_break(std::string kind, std::int64_t con_id) {
        query::BreakRow row;
        row.account = "DU1";
        row.con_id = con_id;
        row.symbol = "AAPL";
        row.kind = std::move(kind);
        row.break_class = "alert";
        row.state = "open";
        row.broker_value = dec("90");
        row.book_value = dec("100");
        row.opened_at = now;
        observed.breaks.push_back(row);
    }

    NewYorkWinter zones;
    Settings settings;
    Observed observed;
    Alerts alerts;
    Timestamp now = at("2026-11-25T16:00:00Z");
    bool syncs = true;
    std::vector<Note> last;
    std::vector<Key> kept;
};

using Told = std::vector<std::string>;

TEST(Rules, SayNothingWhileNothingIsWrong) {
    Day day;
    EXPECT_EQ(day.go(1h), Told{});
    EXPECT_TRUE(day.kept.empty());
}

TEST(Rules, ABreakIsToldOnceAfterFiveMinutesAndAgainWhenItIsOver) {
    Day day;
    day.add_break("quantity", 265598);
    EXPECT_EQ(day.go(4min + 59s), Told{});
    EXPECT_EQ(day.go(1s), Told{"raised quantity_break"});
    EXPECT_EQ(day.last[0].text,
              "account DU1: broker and book differ in AAPL, quantity: broker 90, book 100, since 2026-11-25 16:00 UTC");
    EXPECT_EQ(day.last[0].key, (Key{Condition::quantity_break, "DU1", "265598"}));
    EXPECT_EQ(day.go(1min), Told{});
    day.restart();
    EXPECT_EQ(day.go(1min), Told{}) << "a restart does not repeat";
    day.observed.breaks.clear();
    EXPECT_EQ(day.go(1s), Told{});
    EXPECT_EQ(day.go(59s), Told{}) << "not before it has been gone for a while";
    EXPECT_EQ(day.go(1s), Told{"recovered quantity_break"});
    EXPECT_EQ(day.last[0].text.substr(0, 28), "over, after 3 min: account D");
    EXPECT_EQ(day.go(1min), Told{});
}

TEST(Rules, ABreakThatIsGoneForAMomentIsTheSame) {
    Day day;
    day.add_break("missing", 7);
    EXPECT_EQ(day.go(6min), Told{"raised quantity_break"});
    auto const breaks = day.observed.breaks;
    day.observed.breaks.clear();
    EXPECT_EQ(day.go(30s), Told{});
    day.observed.breaks = breaks;
    EXPECT_EQ(day.go(45s), Told{});
    day.observed.breaks.clear();
    EXPECT_EQ(day.go(30s), Told{});
    EXPECT_EQ(day.go(30s), Told{});
    EXPECT_EQ(day.go(30s), Told{"recovered quantity_break"});
}

TEST(Rules, WhatComesBackSoonMustLastLongerEachTime) {
    Day day;
    day.settings.break_after = 0s;
    auto const flap = [&](Duration lasts) {
        day.add_break("quantity", 7);
        (void)day.go(1s);
        auto told = day.go(lasts);
        day.observed.breaks.clear();
        (void)day.go(1s);
        auto const over = day.go(1min);
        told.insert(told.end(), over.begin(), over.end());
        return told;
    };
    EXPECT_EQ(flap(1s), Told{"recovered quantity_break"}) << "told at once, at the first look";
    EXPECT_EQ(flap(4min), Told{}) << "back within the hour, and not for five minutes";
    EXPECT_EQ(flap(5min), (Told{"raised quantity_break", "recovered quantity_break"}));
    EXPECT_EQ(flap(9min), Told{}) << "now ten minutes";
    EXPECT_EQ(flap(10min), (Told{"raised quantity_break", "recovered quantity_break"}));
    day.go(1h);
    day.add_break("quantity", 7);
    EXPECT_EQ(day.go(1s), Told{"raised quantity_break"}) << "after a quiet hour as at first";
}

TEST(Rules, RemindersComeEverMoreRarely) {
    Day day;
    day.add_break("quantity", 7);
    EXPECT_EQ(day.go(5min), Told{"raised quantity_break"});
    EXPECT_EQ(day.go(59min), Told{});
    EXPECT_EQ(day.go(1min), Told{"reminder quantity_break"});
    EXPECT_EQ(day.last[0].text.substr(0, 20), "still, after 60 min:");
    EXPECT_EQ(day.go(1h + 59min), Told{});
    EXPECT_EQ(day.go(1min), Told{"reminder quantity_break"});
    EXPECT_EQ(day.go(4h), Told{}) << "it is night: nobody is woken again";
    Day never;
    never.settings.remind_after = 0s;
    never.add_break("quantity", 7);
    EXPECT_EQ(never.go(5min), Told{"raised quantity_break"});
    EXPECT_EQ(never.go(2h), Told{});
}

TEST(Rules, TheGuardIsToldAtOnce) {
    Day day;
    day.add_break("guard", 0);
    day.observed.breaks[0].con_id.reset();
    EXPECT_EQ(day.go(1s), Told{"raised guard"});
}

TEST(Rules, AGatewayThatIsAwayInASessionIsTold) {
    Day day;
    day.lose_gateway();
    EXPECT_EQ(day.go(1min + 59s), Told{});
    EXPECT_EQ(day.go(1s), Told{"raised stale"});
    EXPECT_EQ(day.last[0].text, "gateway paper (127.0.0.1:4002) is not connected since 2026-11-25 16:00 UTC: Connection refused");
    day.find_gateway();
    (void)day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered stale"});
}

TEST(Rules, AGatewayThatNeverCameIsAsOldAsTheService) {
    Day day;
    day.restart();
    day.observed.gateways[0].stale = true;
    day.observed.gateways[0].connected = false;
    EXPECT_EQ(day.go(1min), Told{});
    EXPECT_EQ(day.go(1min), Told{"raised stale"});
}

TEST(Rules, NightsAndWeekendsAreExpectedUntilTheNextSession) {
    Day day;
    day.go(6h);  // 17:00 in New York
    day.lose_gateway();
    EXPECT_EQ(day.go(1h), Told{});
    EXPECT_EQ(day.go(14h + 59min), Told{}) << "08:59 on Thursday";
    EXPECT_EQ(day.go(1min), Told{"raised stale"}) << "half an hour before the session";
    EXPECT_EQ(day.go(10min), Told{});
    // What was raised is not forgotten in the evening, and told as over whenever it is.
    day.go(10h);
    EXPECT_EQ(day.alerts.size(), 1u);
    day.find_gateway();
    day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered stale"});
    Day friday;
    friday.go(48h + 6h);
    friday.lose_gateway();
    EXPECT_EQ(friday.go(48h), Told{}) << "Sunday";
    EXPECT_EQ(friday.go(15h + 59min), Told{});
    EXPECT_EQ(friday.go(1min), Told{"raised stale"}) << "Monday 09:00";
}

TEST(Rules, TheGatewaysOwnRestartIsExpected) {
    Day day;
    day.observed.gateways[0].restarts_at = 11h + 30min;  // in the session, in New York
    day.go(30min);
    day.lose_gateway();
    EXPECT_EQ(day.go(9min), Told{});
    day.find_gateway();
    EXPECT_EQ(day.go(1min), Told{});
    day.go(23h + 50min);  // the next day's
    day.lose_gateway();
    EXPECT_EQ(day.go(9min), Told{});
    EXPECT_EQ(day.go(1min), Told{"raised stale"}) << "it takes longer than it may";
}

TEST(Rules, AnAccountThatNobodySyncsIsToldThoughItsGatewayIsThere) {
    Day day;
    day.syncs = false;
    EXPECT_EQ(day.go(12min), Told{});
    EXPECT_EQ(day.go(1min), Told{"raised stale"});
    EXPECT_EQ(day.last[0].key, (Key{Condition::stale, "DU1", ""}));
    Day off;
    off.settings.syncs = false;
    off.syncs = false;
    EXPECT_EQ(off.go(5h), Told{});
}

TEST(Rules, ARestartWhileTheGatewayIsAwayIsNotTheEndOfThat) {
    Day day;
    day.lose_gateway();
    EXPECT_EQ(day.go(2min), Told{"raised stale"});
    day.restart();
    day.observed.gateways[0].stale_since.reset();  // the new process never heard it
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(day.go(1min), Told{}) << "it is away as before";
    day.find_gateway();
    (void)day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered stale"});
}

TEST(Rules, AGatewayThatComesBackHasTimeToSyncItsAccounts) {
    Day day;
    day.lose_gateway();
    day.syncs = false;
    EXPECT_EQ(day.go(2min), Told{"raised stale"});
    EXPECT_EQ(day.go(30min), Told{});
    day.find_gateway();
    day.observed.gateways[0].fresh_since = day.now;
    EXPECT_EQ(day.go(1s), Told{}) << "its first sync is under way";
    EXPECT_EQ(day.go(1min), Told{"recovered stale"});
    EXPECT_EQ(day.go(11min + 58s), Told{});
    EXPECT_EQ(day.go(1s), Told{"raised stale"}) << "it had its turn";
    EXPECT_EQ(day.last[0].key, (Key{Condition::stale, "DU1", ""}));
}

TEST(Rules, AnAccountThatIsNotSyncedIsNotSoUntilItIs) {
    Day day;
    day.syncs = false;
    EXPECT_EQ(day.go(13min), Told{"raised stale"});
    day.restart();
    EXPECT_EQ(day.go(1min), Told{}) << "nobody synced it by a restart";
    EXPECT_EQ(day.go(1min), Told{});
    day.lose_gateway();
    EXPECT_EQ(day.go(1min), Told{}) << "nor by its gateway's being away";
    EXPECT_EQ(day.go(1min), Told{"raised stale"}) << "the gateway's";
    EXPECT_EQ(day.last[0].key.account, "");
    day.find_gateway();
    day.syncs = true;
    (void)day.go(1s);
    EXPECT_EQ(day.go(1min), (Told{"recovered stale", "recovered stale"}));
}

TEST(Rules, WhatIsRaisedGoesWithItsAccountToAnotherGateway) {
    Day day;
    day.add_break("quantity", 7);
    EXPECT_EQ(day.go(5min), Told{"raised quantity_break"});
    day.observed.gateways[0].gateway = "other";
    day.observed.accounts[0].gateway = "other";
    EXPECT_EQ(day.go(1min), Told{});
    day.observed.breaks.clear();
    (void)day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered quantity_break"});
    EXPECT_EQ(day.last[0].gateway, "other");
}

TEST(Rules, AClockThatIsSetBackHoldsUpNothing) {
    Day day;
    day.add_break("quantity", 7);
    EXPECT_EQ(day.go(5min), Told{"raised quantity_break"});
    EXPECT_EQ(day.go(-30min), Told{});
    EXPECT_EQ(day.go(10min), Told{}) << "it is not over";
    day.observed.breaks.clear();
    day.go(1s);
    EXPECT_EQ(day.go(-1h), Told{});
    EXPECT_EQ(day.go(1min), Told{"recovered quantity_break"});
    day.add_break("guard", 8);
    EXPECT_EQ(day.go(1s), Told{"raised guard"});
    EXPECT_EQ(day.go(-30min), Told{});
    EXPECT_EQ(day.go(1h), Told{"reminder guard"});
}

TEST(Rules, ALoginOfTheWrongKindIsToldAtAnyTime) {
    Day day;
    day.go(48h + 48h);  // Sunday
    day.lose_gateway();
    day.observed.gateways[0].refusal = "configured as paper and serves live accounts (U1)";
    EXPECT_EQ(day.go(1s), Told{"raised refused"});
    EXPECT_EQ(day.last[0].text,
              "gateway paper (127.0.0.1:4002) is not followed: configured as paper and serves live accounts (U1)");
}

TEST(Rules, WhatHappensIsToldOnce) {
    Day day;
    query::ExecutionRow forced;
    forced.account = "DU1";
    forced.exec_id = "0001.01";
    forced.symbol = "AAPL";
    forced.side = "SLD";
    forced.shares = dec("100");
    forced.price = dec("149.5");
    forced.liquidation = true;
    query::EventRow assigned;
    assigned.account = "DU1";
    assigned.event_id = 12;
    assigned.symbol = "SPY";
    assigned.cause = "assignment";
    assigned.quantity_before = dec("-2");
    assigned.quantity_after = dec("0");
    day.observed.liquidations = {forced};
    day.observed.assignments = {assigned};
    day.observed.new_accounts = {"DU1"};
    EXPECT_EQ(day.go(1s), (Told{"happened liquidation", "happened assignment", "happened new_account"}));
    EXPECT_EQ(day.last[0].text, "account DU1: the broker liquidated: SLD 100 AAPL @ 149.5");
    EXPECT_EQ(day.last[1].text, "account DU1: assignment: SPY went from -2 to 0");
    EXPECT_EQ(day.kept.size(), 3u);
    day.observed.liquidations = {forced};
    EXPECT_EQ(day.go(1s), Told{}) << "the same again is no news";
    EXPECT_EQ(day.go(2min), Told{}) << "what happened is not over afterwards";
}

TEST(Rules, UnknownProfitIsRaisedUntilItIsKnown) {
    Day day;
    query::PositionRow position;
    position.account = "DU1";
    position.position_id = 42;
    position.symbol = "SPY";
    position.local_symbol = "SPY 261218C00700000";
    day.observed.unknown_pnl = {position};
    EXPECT_EQ(day.go(1s), Told{"raised unknown_pnl"});
    EXPECT_EQ(day.go(3h), Told{}) << "no reminder: it waits for a statement";
    day.observed.unknown_pnl.clear();
    day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered unknown_pnl"});
}

TEST(Rules, OptionsAreToldTwoWeekdaysBeforeTheyExpireAndNotAtNight) {
    auto const option = [](char const* name, char const* quantity, base::Date expiry) {
        query::PositionRow row;
        row.account = "DU1";
        row.symbol = row.local_symbol.emplace(name);
        row.quantity = dec(quantity);
        return ExpiringPosition{row, expiry};
    };
    Day day;
    day.observed.expiring = {option("SPY A", "-2", {2026, 11, 30}), option("SPY B", "1", {2026, 11, 30}),
                             option("SPY C", "1", {2026, 12, 18})};
    EXPECT_EQ(day.go(1s), Told{}) << "Wednesday: Monday is the third weekday";
    EXPECT_EQ(day.go(13h), Told{}) << "Thursday, after midnight";
    EXPECT_EQ(day.go(9h), Told{"raised expiring"}) << "09:00";
    EXPECT_EQ(day.last[0].text, "account DU1: 2 option positions expire on 2026-11-30: SPY A -2, SPY B 1");
    EXPECT_EQ(day.go(1h), Told{});
    day.observed.expiring.erase(day.observed.expiring.begin(), day.observed.expiring.begin() + 2);
    day.go(1s);
    EXPECT_EQ(day.go(5min), Told{}) << "that they are gone is no news";
    EXPECT_TRUE(day.alerts.begin()->second.cleared_at);
}

TEST(Rules, WhatAnotherServiceAnswersForStaysAsItIs) {
    Day day;
    day.add_break("quantity", 7);
    EXPECT_EQ(day.go(5min), Told{"raised quantity_break"});
    auto const gateways = std::exchange(day.observed.gateways, {});
    day.observed.breaks.clear();
    EXPECT_EQ(day.go(5h), Told{});
    EXPECT_FALSE(day.alerts.begin()->second.cleared_at);
    day.observed.gateways = gateways;
    day.go(1s);
    EXPECT_EQ(day.go(1min), Told{"recovered quantity_break"});
}

TEST(Rules, WordsReadBack) {
    for (auto const condition : all_conditions())
        EXPECT_EQ(parse_condition(to_string(condition)), condition);
    EXPECT_FALSE(parse_condition("nonsense"));
}

}  // namespace
}  // namespace possync::alert

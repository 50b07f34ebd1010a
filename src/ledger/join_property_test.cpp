// Properties of joining: whatever a statement says and whatever the book holds, right or wrong, certain laws hold. The inputs are drawn
// so that they speak of the same few instruments, fills and days; a statement and a book that share nothing would meet nowhere.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "ledger/certify.hpp"
#include "ledger/ledger_testing.hpp"
#include "ledger/verify.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Cause;
using model::ConId;
using model::Execution;
using model::StatementTrade;

constexpr ConId share = 1, other = 2, call = 3, pence = 4, currency = 5, future = 6, child = 7;
constexpr std::array all_con_ids{share, other, call, pence, currency, future, child};
constexpr Date first_day{2026, 11, 16};  // a Monday

Policy policy() {
    Policy made;
    made.fold.zones = &eastern_winter;
    made.fold.report_zone = "America/New_York";
    return made;
}

model::Instrument instrument(ConId con_id) {
    auto made = stock(con_id, "S" + std::to_string(con_id));
    if (con_id == call) {
        made.sec_type = "OPT";
        made.multiplier = 100;
        made.right = "C";
        made.strike = dec("100");
        made.expiry = "20261118";
        made.under_con_id = share;
    }
    if (con_id == pence) {
        made.currency = "GBP";
        made.price_scale = dec("0.01");
    }
    if (con_id == currency) made.sec_type = "CASH";
    if (con_id == future) {
        made.sec_type = "FUT";
        made.multiplier = 50;
    }
    return made;
}

int number(int low, int high) { return *rc::gen::inRange(low, high); }
bool chance(int percent) { return number(0, 100) < percent; }
template <typename T>
T one_of(std::vector<T> choices) {
    return choices[static_cast<std::size_t>(number(0, static_cast<int>(choices.size())))];
}
ConId any_con_id() { return all_con_ids[static_cast<std::size_t>(number(0, static_cast<int>(all_con_ids.size())))]; }
Date any_day(int before = 1, int after = 4) { return day_after(first_day, number(-before, after)); }
/// Morning, noon, the evening session, on the very second or not.
Timestamp any_time(Date date) {
    auto const hour = one_of<std::int64_t>({8, 11, 12, 15, 17, 19, 23});
    return *eastern_winter.to_utc("", {date, (hour * 3600 + number(0, 2)) * 1'000'000});
}
Decimal any_quantity() { return one_of<Decimal>({Decimal(10), Decimal(-10), Decimal(4), Decimal(-6), Decimal(1), Decimal(-1)}); }
Decimal any_price() { return one_of<Decimal>({Decimal(100), dec("100.5"), Decimal(7), Decimal(0)}); }
std::optional<Decimal> any_money() { return chance(30) ? std::nullopt : std::optional(one_of<Decimal>({Decimal(0), Decimal(1), dec("1.5"), Decimal(700)})); }
std::string exec_id(int n, int correction = 1) { return "e" + std::to_string(n) + ".0" + std::to_string(correction); }

/// A trade as a statement tells it. Of the same number most of it is the same whenever it is told.
StatementTrade told(int n) {
    StatementTrade trade;
    ConId const con_id = all_con_ids[static_cast<std::size_t>(n) % all_con_ids.size()];
    trade.con_id = con_id;
    trade.exec_id = chance(85) ? exec_id(n, chance(90) ? 1 : 2) : "";
    trade.transaction_id = chance(85) ? std::to_string(500 + n) : "";
    trade.trade_id = chance(70) ? "9" + std::to_string(n) : "";
    trade.trade_date = day_after(first_day, n % 3);
    trade.quantity = n % 2 == 0 ? Decimal(10) : Decimal(-4);
    trade.price = Decimal(100 + n % 3);
    if (chance(85)) trade.time = any_time(trade.trade_date);
    if (chance(40)) trade.money = base::multiply_rounded(*trade.price, trade.quantity.abs() * *model::price_factor(instrument(con_id)), 6);
    if (chance(70)) trade.commission = Decimal(1);
    if (chance(70)) trade.commission_currency = chance(90) ? "USD" : "EUR";
    if (chance(60)) trade.realized_pnl = one_of<Decimal>({Decimal(0), Decimal(12), Decimal(-3)});
    if (chance(15)) trade.cause = one_of<Cause>({Cause::exercise, Cause::assignment, Cause::expiry, Cause::cash_settlement, Cause::maturity, Cause::reinvestment});
    if (chance(8)) trade.quantity = any_quantity();
    if (chance(8)) trade.price = any_price();
    if (chance(4)) trade.quantity = Decimal(0);
    trade.corrects = chance(10);
    trade.order_id = number(0, 3);
    if (chance(30)) trade.order_ref = "ref";
    return trade;
}

model::Statement any_statement() {
    model::Statement s;
    s.account = "DU1";
    s.from = any_day(0, 2);
    s.to = day_after(s.from, number(0, 3));
    if (chance(50)) s.generated_at = any_time(day_after(s.to, number(0, 2)));
    s.has_trades = chance(90);
    s.has_option_events = chance(40);
    s.has_corporate_actions = s.has_transfers = true;
    s.has_positions = chance(80);
    s.has_lots = chance(60);
    for (ConId const con_id : all_con_ids) {
        auto described = instrument(con_id);
        if (chance(5)) described.multiplier = 10;
        if (chance(90)) s.instruments.push_back(described);
    }
    for (int n = 0; n < 10; ++n) {
        if (s.has_trades && chance(60)) s.trades.push_back(told(n));
    }
    for (int n = number(0, 3); n > 0; --n) {  // what takes a trade back: of this statement, of an earlier one, of none
        auto row = told(number(0, 10));
        row.cancels = true;
        row.quantity = -row.quantity;
        row.transaction_id = chance(80) ? "8" + std::to_string(number(0, 50)) : "";
        if (chance(60)) row.exec_id.clear();
        s.trades.push_back(row);
    }
    if (s.has_option_events) {
        for (int n = number(0, 3); n > 0; --n) {
            auto row = told(number(0, 10));
            row.transaction_id.clear();
            row.exec_id.clear();
            row.cause = one_of<Cause>({Cause::exercise, Cause::assignment, Cause::expiry});
            if (chance(50)) row.price.reset();
            s.option_events.push_back(row);
        }
    }
    for (int n = number(0, 3); n > 0; --n) {
        model::StatementClosedLot lot;
        lot.con_id = any_con_id();
        lot.trade_date = any_day();
        if (chance(80)) lot.opened_at = any_time(day_after(first_day, number(-9, 2)));
        lot.quantity = any_quantity();
        lot.cost = any_money();
        s.closed_lots.push_back(lot);
    }
    if (s.has_positions) {
        for (ConId const con_id : all_con_ids) {
            if (!chance(70)) continue;
            model::StatementPosition row;
            row.con_id = con_id;
            row.date = chance(90) ? s.to : any_day();
            row.quantity = one_of<Decimal>({Decimal(10), Decimal(-4), Decimal(6), Decimal(20), Decimal(0), Decimal(14)});
            row.cost_money = any_money();
            s.positions.push_back(row);
            if (!s.has_lots) continue;
            row.is_lot = true;
            if (chance(50)) {
                row.opened_at = any_time(day_after(first_day, number(-9, 2)));
                s.positions.push_back(row);
            } else {
                auto half = row;
                half.quantity = base::divide_rounded(row.quantity, Decimal(2), 2);
                half.opened_at = any_time(day_after(first_day, -7));
                s.positions.push_back(half);
                half.opened_at = chance(80) ? std::optional(any_time(day_after(first_day, -8))) : std::nullopt;
                s.positions.push_back(half);
            }
        }
    }
    for (int n = number(0, 3); n > 0; --n) {
        model::StatementCorporateAction action;
        action.action_id = chance(85) ? std::to_string(70 + number(0, 2)) : "";
        action.transaction_id = std::to_string(600 + n);
        action.type = one_of<std::string>({"FS", "RS", "TC", "SO", "SD", "BM", "IC", "HD", "RI", "TO", "XX"});
        action.con_id = one_of<ConId>({share, other, child, 0});
        if (chance(80)) action.time = any_time(s.from);
        action.report_date = s.from;
        action.quantity = one_of<Decimal>({Decimal(10), Decimal(-10), Decimal(30), Decimal(-6), Decimal(3)});
        action.proceeds = any_money();
        action.value = any_money();
        action.description = one_of<std::string>({"S1(US) SPLIT 4 FOR 1 (S1)", "S1 SPLIT 1 FOR 2", "S2(US) MERGED(Acquisition) FOR USD 10", "S1(US) SPINOFF 1 FOR 4 (S7)", ""});
        s.corporate_actions.push_back(action);
    }
    for (int n = number(0, 2); n > 0; --n) {
        model::StatementTransfer transfer;
        transfer.transaction_id = chance(70) ? std::to_string(700 + n) : "";
        transfer.type = "ACATS";
        transfer.direction = chance(70) ? "IN" : "OUT";
        transfer.con_id = one_of<ConId>({share, other, 0});
        if (chance(70)) transfer.time = any_time(s.from);
        transfer.date = s.from;
        transfer.quantity = one_of<Decimal>({Decimal(10), Decimal(-10), Decimal(4), Decimal(0)});
        s.transfers.push_back(transfer);
    }
    return s;
}

Execution known_fill(int n) {
    ConId const con_id = all_con_ids[static_cast<std::size_t>(n) % all_con_ids.size()];
    auto made = fill(exec_id(n), 0, n % 2 == 0 ? "10" : "-4", std::to_string(100 + n % 3), chance(70) ? "1" : "");
    made.con_id = con_id;
    made.time = any_time(day_after(first_day, n % 3));
    made.time_text = chance(90) ? "off the wire" : "";
    if (chance(90)) made.trade_date = day_after(first_day, n % 3);
    made.perm_id = number(0, 3);
    made.cum_qty = Decimal(number(0, 2));
    made.booking = model::never_booked(instrument(con_id).sec_type) ? model::Booking::never
                   : chance(90)                                     ? model::Booking::booked
                                                                    : model::Booking::pending;
    made.recorded_at = made.time;
    if (chance(20)) made.transaction_id = std::to_string((chance(80) ? 500 : 900) + n);
    if (!made.transaction_id.empty() && chance(60)) made.sequence = model::transaction_number(made.transaction_id);
    if (chance(10)) made.price = any_price();
    if (chance(5)) made.shares = Decimal(7);
    if (chance(5)) made.excluded = true;
    if (chance(8)) made.superseded_by = model::cancelled_mark(any_day(), chance(50) ? std::string(model::not_listed) : "8" + std::to_string(number(0, 50)));
    if (chance(8)) made.exercise_type = one_of<int>({0, 1, 2, 100, 102});
    if (chance(20)) made.order_ref = "mine";
    return made;
}

Adjustment known_adjustment(ConId con_id, model::RowId id) {
    Adjustment made;
    made.adjustment_id = id;
    made.con_id = con_id;
    made.cause = one_of<Cause>({Cause::opening_balance, Cause::split, Cause::expiry, Cause::exercise, Cause::assignment, Cause::transfer, Cause::missing_at_broker,
                                Cause::unexplained, Cause::manual, Cause::corporate_action});
    made.quantity = any_quantity();
    if (made.cause != Cause::opening_balance) made.effective_at = any_time(any_day());
    if (made.cause == Cause::split) {
        made.quantity = Decimal(0);
        made.ratio = one_of<model::Ratio>({{2, 1}, {4, 1}, {1, 2}});
    }
    if (chance(60)) made.price = Decimal(number(1, 120));
    made.basis = made.price ? model::Basis::broker : model::Basis::unknown;
    made.recorded_at = any_time(any_day());
    if (made.cause == Cause::transfer || made.cause == Cause::manual) made.author = "operator me";
    if (chance(10)) made.reference = made.cause == Cause::opening_balance ? "lot:2026-11-10" : "transfer:701";
    if (chance(10)) {
        made.undone_at = made.recorded_at;
        made.undone_by = "operator me";
    }
    return made;
}

template <typename Fact>
void sort_facts(std::vector<Fact>& facts) {
    std::sort(facts.begin(), facts.end(), [](Fact const& a, Fact const& b) { return order_of(a) < order_of(b); });
}

model::AccountBook any_book() {
    model::AccountBook book;
    book.account_id = 1;
    book.account = "DU1";
    book.revision = 1;
    book.next_id = 1000;
    IdAllocator ids(book.account_id, book.next_id);
    model::ChangeSet changes;
    changes.account_id = book.account_id;
    changes.base_revision = 1;
    std::map<ConId, InstrumentFacts> facts;
    for (int n = 0; n < 10; ++n) {
        if (!chance(60)) continue;
        auto const made = known_fill(n);
        facts[made.con_id].executions.push_back(made);
    }
    for (int n = number(0, 4); n > 0; --n) {
        ConId const con_id = one_of<ConId>({share, other, call, pence, future});
        auto const made = known_adjustment(con_id, model::row_id(1, 100 + n));
        auto& all = facts[con_id].adjustments;
        bool const has_rest = std::any_of(all.begin(), all.end(), [](auto const& a) { return a.provisional(); });
        if (!has_rest || !made.provisional()) all.push_back(made);  // the ledger keeps one at most
    }
    for (auto& [con_id, of] : facts) {
        auto described = instrument(con_id);
        described.details_known = chance(70);
        of.instrument = std::move(described);
        sort_facts(of.executions);
        sort_facts(of.adjustments);
        RC_ASSERT(diff({}, of, policy().fold, ids, changes).has_value());
    }
    changes.next_id = ids.next();
    model::apply(book, changes);
    return book;
}

StatementPart any_part(StatementIndex const& index, model::AccountBook const& book) {
    StatementPart part;
    part.index = &index;
    std::set<ConId> others;
    for (auto const& [con_id, unused] : book.instruments) others.insert(con_id);
    part.instruments = concerned(others, index);
    part.latest = chance(50);
    if (chance(40)) part.covered_until = chance(60) ? index.begin() : index.begin() - std::chrono::hours(72);
    part.listed_before = chance(30);
    part.outdated = chance(10);
    if (chance(60)) part.live_since = any_time(any_day());
    return part;
}

struct Joined {
    model::Statement statement = any_statement();
    model::AccountBook before = any_book();
    StatementIndex index{statement, rules.fold};
    StatementPart part = any_part(index, before);
    model::AccountBook after = before;
    std::vector<model::CertificationDifference> differences;

    Joined() { again(); }
    /// Joins with what the book is now; true when that changed something.
    bool again() {
        auto planned = plan_statement(after, part, at(1'000'000), rules);
        RC_ASSERT(planned.has_value());
        bool const changed = !planned->change_set.empty();
        if (changed) model::apply(after, planned->change_set);
        differences = std::move(planned->differences);
        return changed;
    }
    static inline Policy const rules = policy();
};

RC_GTEST_PROP(JoinProperty, TheRowsFollowFromTheFacts, ()) {
    Joined const joined;
    auto const findings = verify(joined.after, Joined::rules.fold);
    RC_ASSERT(findings.empty());
}

RC_GTEST_PROP(JoinProperty, NoFactVanishesAndWhatWasWithdrawnSaysByWhom, ()) {
    Joined const joined;
    for (auto const& [con_id, was] : joined.before.instruments) {
        auto const& now = joined.after.instruments.at(con_id);
        for (auto const& execution : was.executions) {
            RC_ASSERT(std::any_of(now.executions.begin(), now.executions.end(), [&](auto const& e) { return e.exec_id == execution.exec_id; }));
        }
        for (auto const& adjustment : was.adjustments) {
            auto const same = std::find_if(now.adjustments.begin(), now.adjustments.end(),
                                           [&](auto const& a) { return a.adjustment_id == adjustment.adjustment_id; });
            RC_ASSERT(same != now.adjustments.end());
            RC_ASSERT(same->in_force() || !same->undone_by.empty());
            RC_ASSERT(same->quantity == adjustment.quantity);
            RC_ASSERT(same->cause == adjustment.cause);
        }
    }
}

/// Of each fill at most one version counts, whatever was corrected, added or taken back.
RC_GTEST_PROP(JoinProperty, OneVersionOfAFillCounts, ()) {
    Joined const joined;
    for (auto const& [unused, now] : joined.after.instruments) {
        std::map<std::string, int> counting;
        std::set<std::string> names;
        for (auto const& execution : now.executions) {
            RC_ASSERT(names.insert(execution.exec_id).second);
            if (execution.superseded_by.empty()) RC_ASSERT(++counting[std::string(model::execution_root(execution.exec_id))] == 1);
        }
    }
}

/// Unless a difference is named, what is held at the end is what the statement lists.
RC_GTEST_PROP(JoinProperty, WhatIsHeldIsWhatIsListedOrIsNamed, ()) {
    Joined const joined;
    if (!joined.statement.has_positions || !joined.part.latest) return;
    for (ConId const con_id : joined.part.instruments) {
        if (model::never_booked(instrument(con_id).sec_type)) continue;
        auto const* total = joined.index.of(con_id).total_on(joined.index.position_date());
        auto const found = joined.after.instruments.find(con_id);
        if (found == joined.after.instruments.end() || found->second.positions.empty()) continue;
        Decimal const listed = total != nullptr ? total->quantity : Decimal(0);
        Decimal const held = found->second.positions.back().quantity;
        // What came behind what it lists is held beside it.
        auto const evening = std::min(joined.index.known_until(), evening_of(joined.index.position_date(), Joined::rules.fold));
        bool const later = std::any_of(found->second.executions.begin(), found->second.executions.end(), [&](auto const& e) {
            auto const taken_back = model::cancelled_on(e);
            bool const may_be_of_next_day = e.transaction_id.empty() && e.time >= joined.index.end() - std::chrono::hours(24);
            return e.time >= evening || may_be_of_next_day || (e.trade_date && *e.trade_date > joined.index.position_date()) ||
                   (taken_back && *taken_back > joined.index.position_date());
        });
        bool const moved_later = std::any_of(found->second.adjustments.begin(), found->second.adjustments.end(), [&](auto const& a) {
            return a.in_force() && !a.provisional() && a.effective_at && *a.effective_at >= evening;
        });
        if (later || moved_later) continue;
        bool const named = std::any_of(joined.differences.begin(), joined.differences.end(), [&](auto const& each) { return each.con_id == con_id; });
        RC_ASSERT(held == listed || named);
    }
}

/// The verdict is a function of what is kept: days in order, each difference counted in its day.
RC_GTEST_PROP(JoinProperty, EveryOpenDifferenceStandsInItsDay, ()) {
    Joined const joined;
    model::StatementClaims claims;
    for (int gap : {0, 7}) {
        model::StatementRecord record;
        record.from = day_after(joined.statement.from, gap);
        record.to = day_after(joined.statement.to, gap);
        record.sections = joined.statement.has_positions ? "Trades OpenPositions" : "Trades";
        claims.statements.push_back(record);
        if (chance(50)) break;
    }
    claims.positions = joined.statement.positions;
    for (ConId const con_id : joined.part.instruments) {
        for (auto& claim : trade_claims(joined.index, con_id)) claims.trades.push_back(std::move(claim));
    }
    std::sort(claims.trades.begin(), claims.trades.end(), [](auto const& a, auto const& b) { return a.con_id < b.con_id; });
    Date const since = chance(80) ? joined.statement.from : day_after(joined.statement.from);
    auto verdict = certify(joined.after, claims, since, Joined::rules.fold);
    RC_ASSERT(verdict.has_value());
    include(*verdict, joined.differences);
    std::map<Date, int> open;
    for (auto const& each : verdict->differences) open[each.trade_date] += each.state == model::DifferenceState::open;
    for (std::size_t i = 0; i < verdict->certifications.size(); ++i) {
        auto const& day = verdict->certifications[i];
        if (i > 0) RC_ASSERT(verdict->certifications[i - 1].trade_date < day.trade_date);
        RC_ASSERT(day.open == open[day.trade_date]);
        RC_ASSERT(day.state != model::CertificationState::matched || day.open == 0);
    }
}

}  // namespace
}  // namespace possync::ledger

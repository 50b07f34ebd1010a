// A statement against a book: planted faults of every kind, each found and named, and nothing named where nothing is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "ledger/certify.hpp"
#include "ledger/ledger_testing.hpp"
#include "ledger/tax_view.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Date;
using base::Decimal;
using base::Timestamp;
using model::Adjustment;
using model::Cause;
using model::ConId;
using model::DifferenceKind;
using model::DifferenceState;
using model::Execution;
using model::Statement;
using model::StatementTrade;

constexpr Date day{2026, 11, 18};
constexpr Date day_after{2026, 11, 19};
Timestamp when(std::string_view text) { return *base::parse_rfc3339(text); }
/// "10:30" on the day, in New York.
Timestamp clock_at(std::string_view text) { return when("2026-11-18T" + std::string(text) + ":00-05:00"); }

constexpr ConId aapl = 265598, msft = 272093, spy = 756733, put = 700001, nvda = 4815747, ko = 8894, call = 700002, tsla = 76792991;

model::Instrument option(ConId con_id, std::string symbol, std::string right, std::string_view strike, ConId under) {
    auto made = stock(con_id, std::move(symbol));
    made.sec_type = "OPT";
    made.multiplier = 100;
    made.right = std::move(right);
    made.strike = dec(strike);
    made.expiry = "20261118";
    made.under_con_id = under;
    return made;
}

StatementTrade trade(std::string transaction, std::string exec_id, ConId con_id, std::string_view time, std::string_view quantity,
                     std::string_view price, std::string_view commission, std::string_view realized, Cause cause = Cause::execution) {
    StatementTrade made;
    made.transaction_id = std::move(transaction);
    made.trade_id = "9" + made.transaction_id;
    made.exec_id = std::move(exec_id);
    made.con_id = con_id;
    made.time = clock_at(time);
    made.trade_date = day;
    made.quantity = dec(quantity);
    made.price = dec(price);
    made.commission = dec(commission);
    made.commission_currency = "USD";
    made.realized_pnl = dec(realized);
    made.cause = cause;
    return made;
}

model::StatementPosition listed(ConId con_id, std::string_view quantity, std::string_view cost, std::string_view opened = "") {
    model::StatementPosition made;
    made.con_id = con_id;
    made.date = day;
    made.quantity = dec(quantity);
    made.cost_money = dec(cost);
    made.is_lot = !opened.empty();
    if (made.is_lot) made.opened_at = when(opened);
    return made;
}

/// A statement of one day that lists trades of MSFT and nothing else; which ones is left to the test.
Statement trades_of_msft(Date date) {
    Statement s;
    s.account = "DU1";
    s.from = s.to = date;
    s.has_trades = true;
    s.instruments = {stock(msft, "MSFT")};
    return s;
}

/// A day of everything: trades that close older lots, an assignment, an expiry, a split, a transfer.
Statement statement_of_the_day() {
    Statement s;
    s.account = "DU1";
    s.from = s.to = day;
    s.has_trades = s.has_option_events = s.has_corporate_actions = s.has_transfers = s.has_positions = s.has_lots = true;
    s.instruments = {stock(aapl, "AAPL"), stock(msft, "MSFT"),  stock(spy, "SPY"),
                     stock(nvda, "NVDA"), stock(ko, "KO"),      stock(tsla, "TSLA"),
                     option(put, "SPY", "P", "570", spy), option(call, "TSLA", "C", "400", tsla)};
    s.trades = {trade("101", "a1.01", aapl, "10:00", "50", "150", "1", "0"),
                trade("102", "a2.01", aapl, "11:00", "-120", "155", "1.2", "797.4"),
                trade("103", "m1.01", msft, "12:00", "10", "400", "1", "0"),
                trade("201", "", put, "16:20", "2", "0", "0", "0", Cause::assignment),
                trade("202", "", spy, "16:20", "200", "570", "0", "0", Cause::assignment),
                trade("203", "", call, "16:20", "-1", "0", "0", "-201", Cause::expiry)};
    model::StatementClosedLot closed;
    auto add_closed = [&](ConId con_id, std::string_view opened, std::string_view quantity, std::string_view cost) {
        closed.con_id = con_id;
        closed.trade_date = day;
        closed.opened_at = when(opened);
        closed.quantity = dec(quantity);
        closed.cost = dec(cost);
        s.closed_lots.push_back(closed);
    };
    add_closed(aapl, "2026-10-01T15:00:00Z", "100", "14801");
    add_closed(put, "2026-11-02T15:00:00Z", "-2", "618");
    add_closed(call, "2026-11-03T15:00:00Z", "1", "201");
    model::StatementCorporateAction split;
    split.transaction_id = "301";
    split.action_id = "77";
    split.type = "FS";
    split.con_id = nvda;
    split.time = clock_at("09:00");
    split.report_date = day;
    split.quantity = dec("30");
    split.description = "NVDA(US67066G1040) SPLIT 4 FOR 1 (NVDA, NVIDIA CORP, US67066G1040)";
    s.corporate_actions = {split};
    model::StatementTransfer transfer;
    transfer.transaction_id = "401";
    transfer.type = "ACATS";
    transfer.direction = "IN";
    transfer.con_id = ko;
    transfer.time = clock_at("13:00");
    transfer.date = day;
    transfer.quantity = dec("25");
    s.transfers = {transfer};
    s.positions = {listed(aapl, "30", "4500.6"),
                   listed(aapl, "30", "4500.6", "2026-11-18T15:00:00Z"),
                   listed(msft, "10", "4001"),
                   listed(msft, "10", "4001", "2026-11-18T17:00:00Z"),
                   listed(spy, "200", "113382"),
                   listed(spy, "200", "113382", "2026-11-18T21:20:00Z"),
                   listed(nvda, "40", "4000"),
                   listed(ko, "25", "1500")};
    return s;
}

Policy policy() {
    Policy made;
    made.fold.zones = &eastern_winter;
    made.fold.report_zone = "America/New_York";
    return made;
}

std::set<ConId> held_or_moved(model::AccountBook const& book) {
    std::set<ConId> all;
    for (auto const& [con_id, unused] : book.instruments) all.insert(con_id);
    return all;
}

/// Imports like the command does: plan, commit, certify.
struct Import {
    std::vector<model::CertificationDifference> differences;
    std::vector<model::Certification> days;
    bool changed = false;
};

Import import(model::AccountBook& book, Statement const& statement, Policy const& rules, bool followed = true, bool latest = true,
              std::optional<Timestamp> covered_until = {}) {
    StatementIndex const index(statement, rules.fold);
    StatementPart part;
    part.index = &index;
    part.instruments = concerned(held_or_moved(book), index);
    part.latest = latest;
    part.covered_until = covered_until;
    if (followed) part.live_since = when("2026-11-18T00:00:00Z");
    auto const planned = plan_statement(book, part, when("2026-11-19T12:00:00Z"), rules);
    CHECK(planned.has_value());
    Import result;
    result.changed = !planned->change_set.empty();
    if (result.changed) model::apply(book, planned->change_set);
    model::StatementClaims claims;
    model::StatementRecord record;
    record.from = statement.from;
    record.to = statement.to;
    record.sections = statement.has_positions ? "Trades OpenPositions" : "Trades";
    claims.statements = {record};
    claims.positions = statement.positions;
    for (ConId const con_id : part.instruments) {
        for (auto& claim : trade_claims(index, con_id)) claims.trades.push_back(std::move(claim));
    }
    std::sort(claims.trades.begin(), claims.trades.end(), [](auto const& a, auto const& b) { return a.con_id < b.con_id; });
    auto const verdict = certify(book, claims, statement.from, rules.fold);
    CHECK(verdict.has_value());
    auto whole = *verdict;
    include(whole, planned->differences);
    result.differences = whole.differences;
    result.days = whole.certifications;
    return result;
}

model::AccountBook cold_start(Statement const& statement) {
    model::AccountBook book;
    book.account_id = 1;
    book.account = "DU1";
    (void)import(book, statement, policy(), false);
    return book;
}

/// The book that facts amount to, as a service would have it.
model::AccountBook refold(model::AccountBook const& from) {
    model::AccountBook book;
    book.account_id = from.account_id;
    book.account = from.account;
    book.revision = 1;
    book.next_id = from.next_id;
    IdAllocator ids(book.account_id, book.next_id);
    model::ChangeSet changes;
    changes.account_id = book.account_id;
    changes.base_revision = 1;
    for (auto const& [con_id, instrument] : from.instruments) {
        auto const done = diff({}, {instrument.instrument, instrument.executions, instrument.adjustments}, policy().fold, ids, changes);
        CHECK(done.has_value());
    }
    changes.next_id = ids.next();
    model::apply(book, changes);
    return book;
}

template <typename Fact>
void sort_facts(std::vector<Fact>& facts) {
    std::sort(facts.begin(), facts.end(), [](Fact const& a, Fact const& b) { return order_of(a) < order_of(b); });
}

/// What a service that missed nothing would know of the same day: fills off the wire, events inferred, the transfer explained by hand,
/// one lump for what was held at first sight.
model::AccountBook as_followed(model::AccountBook const& truth) {
    model::AccountBook book = truth;
    for (auto& [con_id, instrument] : book.instruments) {
        std::vector<Execution> executions;
        std::vector<Adjustment> adjustments;
        for (auto execution : instrument.executions) {
            if (execution.exec_id.starts_with("statement:")) {
                Adjustment inferred;
                inferred.adjustment_id = model::row_id(1, book.next_id++);
                inferred.con_id = con_id;
                inferred.cause = *execution.cause;
                inferred.quantity = execution.signed_quantity();
                inferred.price = execution.price;
                inferred.basis = model::Basis::estimated;
                inferred.effective_at = execution.time + std::chrono::hours(8);  // seen in the night
                adjustments.push_back(inferred);
                continue;
            }
            execution.time_text = "off the wire";
            execution.transaction_id.clear();
            execution.broker_realized_pnl.reset();
            executions.push_back(execution);
        }
        Adjustment lump;
        lump.adjustment_id = model::row_id(1, book.next_id++);
        lump.con_id = con_id;
        lump.cause = Cause::opening_balance;
        lump.basis = model::Basis::broker;
        Decimal value;
        for (auto adjustment : instrument.adjustments) {
            if (adjustment.cause == Cause::opening_balance) {
                lump.quantity += adjustment.quantity;
                value += *adjustment.value;
                continue;
            }
            if (adjustment.cause == Cause::transfer) {
                adjustment.author = "operator me";
                adjustment.basis = model::Basis::estimated;
                adjustment.value.reset();
            } else {
                adjustment.author = "possync";
            }
            adjustment.reference.clear();
            adjustments.push_back(adjustment);
        }
        if (!lump.quantity.is_zero()) {
            lump.price = base::divide_rounded(value, lump.quantity.abs() * *model::price_factor(*instrument.instrument), 10);
            adjustments.push_back(lump);
        }
        sort_facts(adjustments);
        instrument.executions = executions;
        instrument.adjustments = adjustments;
    }
    return refold(book);
}

std::string show(std::vector<model::CertificationDifference> const& differences) {
    std::string text;
    for (auto const& each : differences) {
        text += std::string(to_string(each.kind)) + " " + std::string(to_string(each.state)) + " conId " + std::to_string(each.con_id) + " " +
                each.subject + ": statement '" + each.statement_value + "', book '" + each.book_value + "' " + each.cause + "\n";
    }
    return text;
}

/// Positions that do not depend on how the facts came: quantity, average, gross and net P&L.
std::string positions_of(model::AccountBook const& book) {
    std::string text;
    auto show_value = [](std::optional<Decimal> const& value) { return value ? value->to_string() : "unknown"; };
    for (auto const& [con_id, instrument] : book.instruments) {
        for (auto const& position : instrument.positions) {
            text += instrument.instrument->symbol + " " + std::to_string(con_id) + " " + position.quantity.to_string() + " @ " +
                    show_value(position.average_price) + " realized " + position.realized_pnl.to_string() + " net " +
                    show_value(position.net_realized_pnl) + " unknown " + std::to_string(position.unknown_closes) + "\n";
        }
    }
    return text;
}

// --- what is right stays unnamed ------------------------------------------------------------------------------------------

TEST(Join, AnEmptyDatabaseTakesTheWholeStatement) {
    auto const book = cold_start(statement_of_the_day());
    EXPECT_EQ(positions_of(book),
              "KO 8894 25 @ 60 realized 0 net 0 unknown 0\n"
              "AAPL 265598 30 @ 148.6733333333 realized 759.2 net 757.2 unknown 0\n"
              "MSFT 272093 10 @ 400 realized 0 net 0 unknown 0\n"
              "SPY 700001 0 @ 3.09 realized 618 net 618 unknown 0\n"
              "TSLA 700002 0 @ 2.01 realized -201 net -201 unknown 0\n"
              "SPY 756733 200 @ 570 realized 0 net 0 unknown 0\n"
              "NVDA 4815747 40 @ 100 realized 0 net 0 unknown 0\n");
    EXPECT_TRUE(book.breaks.empty());
    auto const& lots = book.instruments.at(aapl).lots;
    ASSERT_EQ(lots.size(), 2u);
    EXPECT_EQ(lots[0].opened_at, when("2026-10-01T15:00:00Z"));
}

TEST(Join, AStatementOfAnEmptyDatabaseIsMatched) {
    model::AccountBook book;
    book.account_id = 1;
    auto const result = import(book, statement_of_the_day(), policy(), false);
    EXPECT_EQ(show(result.differences), "");
    ASSERT_EQ(result.days.size(), 1u);
    EXPECT_EQ(result.days[0].state, model::CertificationState::matched);
    EXPECT_EQ(result.days[0].executions, 6);
    EXPECT_EQ(result.days[0].positions, 5);
    EXPECT_EQ(result.days[0].lots, 3);
    EXPECT_EQ(result.days[0].statement_realized_pnl, dec("596.4"));
}

TEST(Join, TheSameStatementAgainChangesNothing) {
    auto book = cold_start(statement_of_the_day());
    auto const before = book;
    auto const again = import(book, statement_of_the_day(), policy());
    EXPECT_FALSE(again.changed);
    EXPECT_EQ(book, before);
    EXPECT_EQ(show(again.differences), "");
}

TEST(Join, ABookThatMissedNothingIsConfirmedWithoutAWord) {
    auto const truth = cold_start(statement_of_the_day());
    for (bool const latest : {true, false}) {
        auto book = as_followed(truth);
        auto const result = import(book, statement_of_the_day(), policy(), true, latest);
        EXPECT_EQ(show(result.differences), "");
        EXPECT_EQ(positions_of(book), positions_of(truth));
        EXPECT_TRUE(book.breaks.empty());
        EXPECT_EQ(result.days.at(0).state, model::CertificationState::matched);
        auto const before = book;
        EXPECT_FALSE(import(book, statement_of_the_day(), policy()).changed);
        EXPECT_EQ(book, before);
    }
}

// --- planted faults -------------------------------------------------------------------------------------------------------

/// The book is wrong; the statement corrects it, names what was wrong, and the book is then as if nothing had been.
struct BookFault {
    char const* what;
    std::function<void(model::AccountBook&)> plant;
    std::multiset<DifferenceKind> found;
};

Execution& fill_in(model::AccountBook& book, ConId con_id, std::string_view exec_id) {
    for (auto& execution : book.instruments.at(con_id).executions) {
        if (execution.exec_id == exec_id) return execution;
    }
    CHECK(false && "no such fill");
    std::abort();
}
Adjustment& adjustment_in(model::AccountBook& book, ConId con_id, Cause cause) {
    for (auto& adjustment : book.instruments.at(con_id).adjustments) {
        if (adjustment.cause == cause) return adjustment;
    }
    CHECK(false && "no such adjustment");
    std::abort();
}
void erase_fill(model::AccountBook& book, ConId con_id, std::string_view exec_id) {
    std::erase_if(book.instruments.at(con_id).executions, [&](Execution const& e) { return e.exec_id == exec_id; });
}
void erase_adjustment(model::AccountBook& book, ConId con_id, Cause cause) {
    std::erase_if(book.instruments.at(con_id).adjustments, [&](Adjustment const& a) { return a.cause == cause; });
}
/// What holds the quantity where a fact is gone: the service's own rest, or what it took for the reason.
void add_adjustment(model::AccountBook& book, ConId con_id, Cause cause, std::string_view quantity, std::string_view time) {
    Adjustment added;
    added.adjustment_id = model::row_id(1, book.next_id++);
    added.con_id = con_id;
    added.cause = cause;
    added.quantity = dec(quantity);
    added.effective_at = clock_at(time);
    auto& all = book.instruments.at(con_id).adjustments;
    all.push_back(added);
    sort_facts(all);
}

std::vector<BookFault> book_faults() {
    using K = DifferenceKind;
    return {
        {"a fill was lost", [](auto& b) { erase_fill(b, aapl, "a2.01"); add_adjustment(b, aapl, Cause::unexplained, "-120", "11:05"); },
         {K::execution_missing}},
        {"a fill was lost and the position taken for missing",
         [](auto& b) { erase_fill(b, msft, "m1.01"); }, {K::execution_missing}},
        {"two fills were lost, one rest stands for both",
         [](auto& b) {
             erase_fill(b, aapl, "a1.01");
             erase_fill(b, aapl, "a2.01");
             add_adjustment(b, aapl, Cause::missing_at_broker, "-70", "12:00");
         },
         {K::execution_missing, K::execution_missing, K::event_not_in_statement}},
        {"a fill has another price", [](auto& b) { fill_in(b, aapl, "a2.01").price = dec("154"); }, {K::execution_price}},
        {"a fill has another quantity",
         [](auto& b) { fill_in(b, msft, "m1.01").shares = dec("12"); add_adjustment(b, msft, Cause::unexplained, "-2", "13:00"); },
         {K::execution_quantity}},
        {"a fill has the other side",
         [](auto& b) { fill_in(b, msft, "m1.01").side = model::Side::sold; add_adjustment(b, msft, Cause::unexplained, "20", "13:00"); },
         {K::execution_side}},
        {"a fill counts twice under another id",
         [](auto& b) {
             auto twin = fill_in(b, msft, "m1.01");
             twin.exec_id = "m9.01";
             b.instruments.at(msft).executions.push_back(twin);
             add_adjustment(b, msft, Cause::unexplained, "-10", "13:00");
         },
         {K::execution_duplicated}},
        {"a fill is in the book that never was",
         [](auto& b) {
             auto other = fill_in(b, msft, "m1.01");
             other.exec_id = "m8.01";
             other.shares = dec("3");
             other.time = clock_at("12:30");
             b.instruments.at(msft).executions.push_back(other);
             add_adjustment(b, msft, Cause::unexplained, "-3", "13:00");
         },
         {K::execution_not_in_statement}},
        {"a fill has another trade date", [](auto& b) { fill_in(b, msft, "m1.01").trade_date = Date{2026, 11, 17}; }, {K::execution_trade_date}},
        {"a commission never came", [](auto& b) { fill_in(b, aapl, "a2.01").commission.reset(); }, {K::commission_missing}},
        {"a commission is another", [](auto& b) { fill_in(b, aapl, "a1.01").commission = dec("2.5"); }, {K::commission}},
        {"a commission is in another currency", [](auto& b) { fill_in(b, aapl, "a1.01").commission_currency = "EUR"; },
         {K::commission_currency}},
        {"the assignment was taken for an expiry",
         [](auto& b) { adjustment_in(b, put, Cause::assignment).cause = Cause::expiry; }, {K::event_cause}},
        {"the expiry was taken for missing",
         [](auto& b) { adjustment_in(b, call, Cause::expiry).cause = Cause::missing_at_broker; adjustment_in(b, call, Cause::missing_at_broker).price.reset(); },
         {K::event_cause}},
        {"the end of an option was not seen",
         [](auto& b) { erase_adjustment(b, call, Cause::expiry); add_adjustment(b, call, Cause::unexplained, "-1", "20:00"); },
         {K::event_missing}},
        {"the delivery has another price", [](auto& b) { adjustment_in(b, spy, Cause::assignment).price = dec("571"); }, {K::event_price}},
        {"the split was not seen",
         [](auto& b) { erase_adjustment(b, nvda, Cause::split); add_adjustment(b, nvda, Cause::unexplained, "30", "09:30"); }, {K::split_missing}},
        {"the split has another ratio",
         [](auto& b) { adjustment_in(b, nvda, Cause::split).ratio = model::Ratio{3, 1}; add_adjustment(b, nvda, Cause::unexplained, "10", "09:30"); },
         {K::split_ratio}},
        {"nobody explained the transfer",
         [](auto& b) { erase_adjustment(b, ko, Cause::transfer); add_adjustment(b, ko, Cause::unexplained, "25", "13:10"); },
         {K::transfer_missing}},
        {"the transfer was explained at another price", [](auto& b) { adjustment_in(b, ko, Cause::transfer).price = dec("55"); },
         {K::transfer_price}},
        {"the opening balance has another quantity",
         [](auto& b) { adjustment_in(b, aapl, Cause::opening_balance).quantity = dec("90"); add_adjustment(b, aapl, Cause::unexplained, "10", "15:00"); },
         {K::opening_quantity}},
        {"the opening balance has another price", [](auto& b) { adjustment_in(b, aapl, Cause::opening_balance).price = dec("140"); },
         {K::opening_price}},
        {"something was inferred that never happened",
         [](auto& b) {
             add_adjustment(b, msft, Cause::missing_at_broker, "-10", "18:00");
         },
         {K::event_not_in_statement}},
        {"two things were inferred that never happened",
         [](auto& b) {
             add_adjustment(b, msft, Cause::missing_at_broker, "-4", "18:00");
             add_adjustment(b, msft, Cause::missing_at_broker, "-6", "18:10");
         },
         {K::event_not_in_statement, K::event_not_in_statement}},
        {"two fills are in the book that never were, beside others like them",
         [](auto& b) {
             for (auto const& [id, shares, price] : {std::tuple{"m8.01", "3", "400"}, std::tuple{"m9.01", "4", "399"}}) {
                 auto other = fill_in(b, msft, "m1.01");
                 other.exec_id = id;
                 other.shares = dec(shares);
                 other.price = dec(price);
                 other.time = other.time + std::chrono::seconds(*id == 'm' ? 1 : 0);
                 b.instruments.at(msft).executions.push_back(other);
             }
             std::sort(b.instruments.at(msft).executions.begin(), b.instruments.at(msft).executions.end(),
                       [](auto const& x, auto const& y) { return order_of(x) < order_of(y); });
             add_adjustment(b, msft, Cause::unexplained, "-7", "13:00");
         },
         {K::execution_not_in_statement, K::execution_not_in_statement}},
        {"a fill of the same quantity at another price never was",
         [](auto& b) {
             auto other = fill_in(b, msft, "m1.01");
             other.exec_id = "m8.01";
             other.price = dec("399");
             b.instruments.at(msft).executions.push_back(other);
             add_adjustment(b, msft, Cause::unexplained, "-10", "13:00");
         },
         {K::execution_not_in_statement}},
        {"a fill of the same quantity and price at another time never was",
         [](auto& b) {
             auto other = fill_in(b, msft, "m1.01");
             other.exec_id = "m8.01";
             other.time = clock_at("12:30");
             b.instruments.at(msft).executions.push_back(other);
             add_adjustment(b, msft, Cause::unexplained, "-10", "13:00");
         },
         {K::execution_not_in_statement}},
        {"the transfer was explained without a price", [](auto& b) { adjustment_in(b, ko, Cause::transfer).price.reset(); }, {}},
        {"the opening balance has no price", [](auto& b) { adjustment_in(b, aapl, Cause::opening_balance).price.reset(); }, {}},
        {"a fill waits for its position",
         [](auto& b) {
             fill_in(b, msft, "m1.01").booking = model::Booking::pending;
             add_adjustment(b, msft, Cause::unexplained, "10", "12:05");
         },
         {}},
        {"what the operator stated of the same quantity is of another week",
         [](auto& b) {
             add_adjustment(b, ko, Cause::transfer, "25", "13:10");
             adjustment_in(b, ko, Cause::transfer).author = "operator me";
             for (auto& each : b.instruments.at(ko).adjustments) {
                 if (each.author == "operator me") continue;
                 each.effective_at = clock_at("13:10") - std::chrono::hours(24 * 30);
                 each.cause = Cause::opening_balance;
                 each.quantity = dec("0");
             }
         },
         {}},
    };
}

TEST(Join, EveryFaultOfTheBookIsNamedAndCorrected) {
    auto const truth = cold_start(statement_of_the_day());
    for (auto const& fault : book_faults()) {
        SCOPED_TRACE(fault.what);
        auto facts = as_followed(truth);
        fault.plant(facts);
        auto book = refold(facts);
        auto const result = import(book, statement_of_the_day(), policy());
        std::multiset<DifferenceKind> found;
        for (auto const& each : result.differences) {
            found.insert(each.kind);
            EXPECT_EQ(each.state, DifferenceState::corrected) << show({each});
        }
        EXPECT_EQ(found, fault.found) << show(result.differences);
        EXPECT_EQ(positions_of(book), positions_of(truth));
        EXPECT_EQ(result.days.at(0).state, model::CertificationState::matched);
        auto const before = book;
        auto const again = import(book, statement_of_the_day(), policy());
        EXPECT_FALSE(again.changed) << "importing again changed something";
        EXPECT_EQ(book, before);
        EXPECT_EQ(show(again.differences), "");
    }
}

/// The statement claims what does not follow: found, named, and left open.
struct StatementFault {
    char const* what;
    std::function<void(Statement&)> plant;
    std::multiset<DifferenceKind> found;
};

StatementTrade& trade_in(Statement& s, std::string_view transaction) {
    for (auto& each : s.trades) {
        if (each.transaction_id == transaction) return each;
    }
    CHECK(false && "no such trade");
    std::abort();
}
model::StatementPosition& position_in(Statement& s, ConId con_id, bool lot = false) {
    for (auto& each : s.positions) {
        if (each.con_id == con_id && each.is_lot == lot) return each;
    }
    CHECK(false && "no such position");
    std::abort();
}

std::vector<StatementFault> statement_faults() {
    using K = DifferenceKind;
    return {
        {"it realizes another cent", [](auto& s) { trade_in(s, "102").realized_pnl = dec("797.42"); }, {K::realized_pnl}},
        {"its lots were matched otherwise", [](auto& s) { trade_in(s, "102").realized_pnl = dec("733.32"); }, {K::realized_pnl}},
        {"it lists another quantity", [](auto& s) { position_in(s, msft).quantity = dec("11"); }, {K::position_quantity}},
        {"it lists a position nobody has",
         [](auto& s) { s.instruments.push_back(stock(555, "XYZ")); s.positions.push_back(listed(555, "7", "700")); }, {K::position_missing}},
        {"it does not list a position",
         [](auto& s) { std::erase_if(s.positions, [](auto const& p) { return p.con_id == msft; }); }, {K::position_not_in_statement}},
        {"it states another cost", [](auto& s) { position_in(s, msft).cost_money = dec("4002"); }, {K::position_cost}},
        {"a lot of it has another quantity", [](auto& s) { position_in(s, msft, true).quantity = dec("9"); }, {K::lot_quantity}},
        {"a lot of it has another cost", [](auto& s) { position_in(s, msft, true).cost_money = dec("4011"); }, {K::lot_cost}},
        {"a lot of it was opened at another time", [](auto& s) { position_in(s, msft, true).opened_at = when("2026-11-18T17:30:00Z"); },
         {K::lot_opened_at}},
        {"it has a lot more", [](auto& s) { s.positions.push_back(listed(msft, "1", "400", "2026-11-18T18:00:00Z")); }, {K::lot_missing}},
        {"it lacks a lot",
         [](auto& s) {
             position_in(s, msft, true).quantity = dec("4");
             position_in(s, msft, true).opened_at = when("2026-11-17T17:30:00Z");
         },
         {K::lot_missing, K::lot_not_in_statement}},
        {"a lot of it has no time", [](auto& s) { position_in(s, msft, true).opened_at.reset(); }, {}},  // nothing to tell lots apart by
        {"it states no cost", [](auto& s) { position_in(s, msft).cost_money.reset(); }, {}},
        {"it leaves a fill out that its positions contain", [](auto& s) { std::erase_if(s.trades, [](auto const& t) { return t.transaction_id == "103"; }); },
         {}},  // confirmed before: nothing is wrong
        {"it has a corporate action that decides nothing",
         [](auto& s) {
             auto action = s.corporate_actions[0];
             action.action_id = "78";
             action.type = "XX";
             action.con_id = msft;
             action.quantity = dec("5");
             action.description = "MSFT(US5949181045) SOMETHING NEW";
             s.corporate_actions.push_back(action);
             position_in(s, msft).quantity = dec("15");
             std::erase_if(s.positions, [](auto const& p) { return p.con_id == msft && p.is_lot; });
         },
         {K::corporate_action_undecided, K::position_quantity}},
        {"it calculates with another multiplier", [](auto& s) { for (auto& each : s.instruments) if (each.con_id == msft) each.multiplier = 10; }, {K::multiplier}},
        {"it says no multiplier", [](auto& s) { for (auto& each : s.instruments) if (each.con_id == msft) each.multiplier = 0; }, {}},
        {"it has a transfer of nothing",
         [](auto& s) {
             s.transfers.push_back(s.transfers[0]);
             s.transfers.back().transaction_id = "402";
             s.transfers.back().quantity = dec("0");
         },
         {}},
        {"it takes back a fill that the book does not have",
         [](auto& s) {
             auto cancel = trade("111", "", msft, "12:00", "-77", "400", "0", "0");
             cancel.cancels = true;
             s.trades.push_back(cancel);
         },
         {K::execution_cancelled}},
    };
}

TEST(Join, EveryFaultOfTheStatementIsNamedAndLeftOpen) {
    for (auto const& fault : statement_faults()) {
        SCOPED_TRACE(fault.what);
        auto book = cold_start(statement_of_the_day());
        auto statement = statement_of_the_day();
        fault.plant(statement);
        // A service follows the account: what the broker holds is not for the statement to say.
        auto const result = import(book, statement, policy(), true, false);
        std::multiset<DifferenceKind> found;
        for (auto const& each : result.differences) {
            found.insert(each.kind);
            EXPECT_EQ(each.state, DifferenceState::open) << show({each});
        }
        EXPECT_EQ(found, fault.found) << show(result.differences);
        EXPECT_EQ(result.days.at(0).state, fault.found.empty() ? model::CertificationState::matched : model::CertificationState::differs);
    }
}

TEST(Join, AnExcludedFillStaysExcludedAndIsNamed) {
    auto facts = as_followed(cold_start(statement_of_the_day()));
    fill_in(facts, msft, "m1.01").excluded = true;
    add_adjustment(facts, msft, Cause::unexplained, "10", "13:00");
    auto book = refold(facts);
    auto const result = import(book, statement_of_the_day(), policy(), true, false);
    ASSERT_FALSE(result.differences.empty());
    EXPECT_EQ(result.differences[0].kind, DifferenceKind::execution_excluded);
    EXPECT_TRUE(fill_in(book, msft, "m1.01").excluded);
}

TEST(Join, AFillOfAnotherInstrumentIsNamedAndNotCountedTwice) {
    auto book = cold_start(statement_of_the_day());
    auto statement = statement_of_the_day();
    trade_in(statement, "103").con_id = ko;
    auto const result = import(book, statement, policy(), true, false);
    ASSERT_FALSE(result.differences.empty());
    EXPECT_TRUE(std::any_of(result.differences.begin(), result.differences.end(),
                            [](auto const& each) { return each.kind == DifferenceKind::execution_instrument; }));
    EXPECT_EQ(book.instruments.at(ko).executions.size(), 0u);
}

/// Binary numbers print 400.0001 for 400: half a cent in all is no difference, and the fill stays as the wire told it.
TEST(Join, APriceWithinHalfACentOfTheWholeIsTheSame) {
    for (auto const& [price, same] : {std::pair{"400.0001", true}, std::pair{"400.0004", true}, std::pair{"400.001", false}}) {
        auto facts = as_followed(cold_start(statement_of_the_day()));
        fill_in(facts, msft, "m1.01").price = dec(price);
        auto book = refold(facts);
        auto const result = import(book, statement_of_the_day(), policy());
        bool const named = std::any_of(result.differences.begin(), result.differences.end(),
                                       [](auto const& each) { return each.kind == DifferenceKind::execution_price; });
        EXPECT_EQ(named, !same) << price;
    }
    // Of a price this small it is: half of it.
    auto facts = as_followed(cold_start(statement_of_the_day()));
    fill_in(facts, msft, "m1.01").price = dec("0.0001");
    auto book = refold(facts);
    auto statement = statement_of_the_day();
    trade_in(statement, "103").price = dec("0.0002");
    (void)import(book, statement, policy(), true, false);
    EXPECT_EQ(book.instruments.at(msft).executions.back().price, dec("0.0002"));
}

/// What the wire told as a fill with an exercise type is the entry in the books, where it is of about the same day.
TEST(Join, AnEntryThatTheWireBroughtAsAFillIsTheSame) {
    for (auto const& [days, quantity, same] : {std::tuple{0, "2", true}, std::tuple{5, "2", true}, std::tuple{20, "2", false}, std::tuple{0, "1", false}}) {
        auto facts = as_followed(cold_start(statement_of_the_day()));
        auto& option = facts.instruments.at(put);
        std::erase_if(option.adjustments, [](Adjustment const& a) { return a.cause == Cause::assignment; });
        Execution entry = fill("x1.01", 0, quantity, "0", "0");
        entry.con_id = put;
        entry.exercise_type = 100;
        entry.time_text = "off the wire";
        entry.time = clock_at("16:20") - std::chrono::hours(24 * days);
        option.executions = {entry};
        auto book = refold(facts);
        (void)import(book, statement_of_the_day(), policy(), true, false);
        bool const confirmed = fill_in(book, put, "x1.01").transaction_id == "201";
        EXPECT_EQ(confirmed, same) << days;
    }
}

/// A statement that comes late and again says what an earlier version of it said otherwise: its own version is amended, not doubled.
TEST(Join, AStatementThatIsMadeAnewAmendsItsOwnVersion) {
    for (bool const live : {true, false}) {
        auto book = live ? refold(as_followed(cold_start(statement_of_the_day()))) : cold_start(statement_of_the_day());
        auto statement = statement_of_the_day();
        trade_in(statement, "103").price = dec("401");
        (void)import(book, statement, policy(), true, false);
        auto const versions = book.instruments.at(msft).executions.size();
        EXPECT_EQ(versions, live ? 2u : 1u);
        trade_in(statement, "103").price = dec("402");
        trade_in(statement, "103").quantity = dec("-10");
        (void)import(book, statement, policy(), true, false);
        EXPECT_EQ(book.instruments.at(msft).executions.size(), versions);
        EXPECT_EQ(book.instruments.at(msft).executions.back().price, dec("402"));
        EXPECT_EQ(book.instruments.at(msft).executions.back().side, model::Side::sold);
        // And the same statement may take it back after all.
        auto back = trade("113", "m1.01", msft, "12:00", "10", "402", "0", "0");
        back.cancels = true;
        statement.trades.push_back(back);
        (void)import(book, statement, policy(), true, false);
        EXPECT_FALSE(book.instruments.at(msft).executions.back().in_force());
    }
}

/// Rows that take a trade back may carry no number of their own.
TEST(Join, ACancelWithoutANumberIsKeptUnderTheFillsName) {
    model::AccountBook book;
    book.account_id = 1;
    Statement next = trades_of_msft(day_after);
    auto cancel = trade("", "m1.01", msft, "12:00", "-10", "400", "-1", "0");
    cancel.cancels = true;
    next.trades = {cancel};
    (void)import(book, next, policy(), false);
    ASSERT_EQ(book.instruments.at(msft).executions.size(), 1u);
    EXPECT_EQ(book.instruments.at(msft).executions[0].exec_id, "m1,01-cancel");
    EXPECT_EQ(book.instruments.at(msft).executions[0].booking, model::Booking::never);
    (void)import(book, next, policy(), false);
    EXPECT_EQ(book.instruments.at(msft).executions.size(), 1u);
    // The statement of its day comes behind: what it took back never counts.
    (void)import(book, statement_of_the_day(), policy(), false, false);
    EXPECT_FALSE(fill_in(book, msft, "m1.01").in_force());
}

/// The row that took a trade back came first: it takes one trade back, of its price and quantity, and of a day before it.
TEST(Join, ACancelThatCameFirstTakesBackOneTradeThatIsLikeIt) {
    struct Row {
        char const* what;
        std::function<void(Statement&)> change;
        bool taken_back;
    };
    for (auto const& [what, change, taken_back] : std::vector<Row>{
             {"as it was", [](auto&) {}, true},
             {"at another price", [](auto& s) { trade_in(s, "103").price = dec("401"); }, false},
             {"of another quantity", [](auto& s) { trade_in(s, "103").quantity = dec("11"); }, false},
             {"of a later day", [](auto& s) { trade_in(s, "103").trade_date = Date{2026, 11, 25}; }, false},
             {"of a month before", [](auto& s) { trade_in(s, "103").trade_date = Date{2026, 10, 18}; }, false},
         }) {
        model::AccountBook book;
        book.account_id = 1;
        Statement next = trades_of_msft(day_after);
        auto cancel = trade("901", "", msft, "12:00", "-10", "400", "-1", "0");
        cancel.cancels = true;
        next.trades = {cancel};
        (void)import(book, next, policy(), false);
        auto s = statement_of_the_day();
        change(s);
        auto twin = trade_in(s, "103");
        twin.transaction_id = "104";
        twin.exec_id = "m2.01";
        s.trades.push_back(twin);
        (void)import(book, s, policy(), false, false);
        int in_force = 0;
        for (auto const& each : book.instruments.at(msft).executions) in_force += each.in_force() && each.booking == model::Booking::booked;
        EXPECT_EQ(in_force, taken_back ? 1 : 2) << what;
    }
}

/// Without a list of positions what was consumed tells what was held.
TEST(Join, ClosedLotsTellWhatWasHeldWherePositionsAreNotListed) {
    auto s = statement_of_the_day();
    s.has_positions = s.has_lots = false;
    s.positions.clear();
    model::StatementClosedLot undated;  // and one of which nobody knows since when
    undated.con_id = msft;
    undated.trade_date = day;
    undated.quantity = dec("3");
    undated.cost = dec("900");
    s.closed_lots.push_back(undated);
    auto of_the_day = undated;
    of_the_day.opened_at = clock_at("12:00");
    s.closed_lots.push_back(of_the_day);
    auto const book = cold_start(s);
    auto const& aapl_book = book.instruments.at(aapl);
    EXPECT_EQ(aapl_book.positions.back().quantity, dec("30"));
    EXPECT_TRUE(std::any_of(aapl_book.adjustments.begin(), aapl_book.adjustments.end(),
                            [](auto const& each) { return each.cause == Cause::opening_balance && each.quantity == dec("100"); }));
    EXPECT_EQ(book.instruments.at(msft).positions.back().quantity, dec("10")) << "what was opened within the day was not held before it";
}

TEST(Join, WhatIsHeldWithoutACostHasNone) {
    auto s = statement_of_the_day();
    s.instruments.push_back(stock(555, "XYZ"));
    s.positions.push_back(listed(555, "7", "700"));
    s.positions.back().cost_money.reset();
    auto const book = cold_start(s);
    EXPECT_EQ(book.instruments.at(555).positions.back().quantity, dec("7"));
    EXPECT_FALSE(book.instruments.at(555).positions.back().average_price);
}

/// An action that decides nothing about an instrument nobody held before: what is listed stays a difference, and no cost is invented.
TEST(Join, AnUndecidedActionOfSomethingNewOpensNothing) {
    auto s = statement_of_the_day();
    s.instruments.push_back(stock(555, "XYZ"));
    auto action = s.corporate_actions[0];
    action.action_id = "78";
    action.type = "XX";
    action.con_id = 555;
    action.quantity = dec("7");
    s.corporate_actions.push_back(action);
    s.positions.push_back(listed(555, "7", "700"));
    model::AccountBook book;
    book.account_id = 1;
    auto const result = import(book, s, policy(), false);
    EXPECT_NE(show(result.differences).find("corporate_action_undecided open conId 555"), std::string::npos) << show(result.differences);
}

TEST(Join, ABondThatMaturesAndFillsOfOneSecondInTheirOrder) {
    auto s = statement_of_the_day();
    auto bond = stock(556, "BOND");
    bond.sec_type = "BOND";
    s.instruments.push_back(bond);
    s.trades.push_back(trade("301", "", 556, "10:00", "-5", "100", "0", "0", Cause::maturity));
    for (int order : {7, 6}) {
        auto made = trade("", "k" + std::to_string(order) + ".01", msft, "15:00", "1", std::to_string(400 + order), "0", "0");
        made.order_id = order;
        s.trades.push_back(made);
    }
    auto const book = cold_start(s);
    EXPECT_EQ(*book.instruments.at(556).executions.at(0).cause, Cause::maturity);
    auto const& executions = book.instruments.at(msft).executions;
    ASSERT_EQ(executions.size(), 3u);
    EXPECT_EQ(executions[1].perm_id, 6);
    EXPECT_EQ(executions[2].perm_id, 7);
}

TEST(Join, DaysOfAnUnknownZoneAreThoseOfUtc) {
    auto rules = policy();
    rules.fold.report_zone = "nowhere";
    auto facts = as_followed(cold_start(statement_of_the_day()));
    auto other = fill_in(facts, msft, "m1.01");
    other.exec_id = "m8.01";
    other.shares = dec("3");
    facts.instruments.at(msft).executions.push_back(other);
    auto book = refold(facts);
    auto const result = import(book, statement_of_the_day(), rules);
    EXPECT_NE(show(result.differences).find("m8.01"), std::string::npos) << show(result.differences);
}

/// Monday's fill is taken back on Tuesday, on which another one like it is made, and Monday's statement never came: Tuesday's fill
/// stands, however often the statement comes, and whether a service saw it or not.
TEST(Join, ACancelOfWhatTheBookDoesNotKnowLeavesWhatTheStatementListsAlone) {
    for (bool const live : {false, true}) {
        model::AccountBook book;
        book.account_id = 1;
        Statement tuesday = trades_of_msft(day);
        auto cancel = trade("901", "", msft, "09:00", "-10", "400", "-1", "0");
        cancel.cancels = true;
        cancel.original_trade_id = "9050";
        tuesday.trades = {trade("103", "m1.01", msft, "12:00", "10", "400", "1", "0")};
        if (live) {
            (void)import(book, tuesday, policy(), false);
            book = refold(as_followed(book));
        }
        tuesday.trades.push_back(cancel);
        for (int again = 0; again < 3; ++again) {
            auto const result = import(book, tuesday, policy(), false);
            EXPECT_TRUE(fill_in(book, msft, "m1.01").in_force()) << live << again;
            EXPECT_NE(show(result.differences).find("execution_cancelled open"), std::string::npos) << show(result.differences);
        }
    }
}

/// What the statement corrected and the next one took back stays taken back, whichever of the two comes again.
TEST(Join, ACorrectedFillThatWasTakenBackStaysSo) {
    auto facts = as_followed(cold_start(statement_of_the_day()));
    fill_in(facts, msft, "m1.01").price = dec("390");
    auto book = refold(facts);
    (void)import(book, statement_of_the_day(), policy(), true, false);
    Statement next = trades_of_msft(day_after);
    auto cancel = trade("901", "m1.01", msft, "12:00", "-10", "400", "-1", "0");
    cancel.cancels = true;
    next.trades = {cancel};
    (void)import(book, next, policy(), true, false, when("2026-11-19T05:00:00Z"));
    auto const taken_back = book;
    for (auto const& again : {statement_of_the_day(), next, statement_of_the_day()}) {
        (void)import(book, again, policy(), true, false);
        EXPECT_EQ(book.instruments.at(msft).executions, taken_back.instruments.at(msft).executions);
    }
}

/// A fill was corrected, and the correction taken back, and of both only one statement tells: the fill that the gateway told is gone too.
TEST(Join, ACorrectionThatWasTakenBackTakesItsFillWithIt) {
    auto book = refold(as_followed(cold_start(statement_of_the_day())));
    ASSERT_TRUE(fill_in(book, msft, "m1.01").superseded_by.empty());
    Statement later = statement_of_the_day();
    std::erase_if(later.trades, [](auto const& each) { return each.exec_id == "m1.01"; });
    later.positions.clear();
    later.has_positions = false;
    auto corrected = trade("901", "m1.02", msft, "12:00", "10", "215", "-1", "0");
    auto cancel = corrected;
    cancel.transaction_id = "902";
    cancel.exec_id.clear();
    cancel.original_trade_id = corrected.trade_id = "T901";
    cancel.quantity = dec("-10");
    cancel.cancels = true;
    later.trades.push_back(corrected);
    later.trades.push_back(cancel);
    (void)import(book, later, policy(), true, false);
    EXPECT_TRUE(fill_in(book, msft, "m1.01").superseded_by.starts_with("cancelled:")) << fill_in(book, msft, "m1.01").superseded_by;
}

/// A statement lists a trade, takes it back, and may state what stands for it.
struct TakenBack {
    explicit TakenBack(StatementTrade listed) {
        s.account = "DU1";
        s.from = s.to = day;
        s.has_trades = true;
        s.instruments = {stock(msft, "MSFT"), stock(aapl, "AAPL")};
        auto cancel = listed;
        cancel.transaction_id += "9";
        cancel.exec_id.clear();
        cancel.original_trade_id = listed.trade_id;
        cancel.quantity = -listed.quantity;
        cancel.cancels = true;
        s.trades = {std::move(listed), std::move(cancel)};
    }
    void stands(StatementTrade correction) {
        correction.corrects = true;
        correction.original_trade_id = s.trades.front().trade_id;
        s.trades.push_back(std::move(correction));
    }
    Statement s;
};

TEST(Join, WhatTheBookNeverHadAndIsTakenBackIsKeptAsThat) {
    auto const followed = refold(as_followed(cold_start(statement_of_the_day())));
    TakenBack never_seen(trade("701", "m7.01", msft, "13:00", "5", "401", "1", "0"));
    auto book = followed;
    (void)import(book, never_seen.s, policy(), true, false);
    EXPECT_TRUE(fill_in(book, msft, "m7.01").superseded_by.starts_with("cancelled:"));
    EXPECT_EQ(positions_of(book), positions_of(followed));

    // Its correction tells all that is needed.
    never_seen.stands(trade("702", "m7.02", msft, "13:00", "4", "401", "1", "0"));
    book = followed;
    (void)import(book, never_seen.s, policy(), true, false);
    auto const& executions = book.instruments.at(msft).executions;
    EXPECT_TRUE(std::none_of(executions.begin(), executions.end(), [](auto const& each) { return each.exec_id == "m7.01"; }));
    EXPECT_TRUE(fill_in(book, msft, "m7.02").in_force());

    // Nor is there anything to keep of nothing, of what is never booked, and of a fill of another instrument.
    TakenBack const nothing(trade("701", "m7.01", msft, "13:00", "0", "401", "1", "0"));
    book = followed;
    (void)import(book, nothing.s, policy(), true, false);
    EXPECT_EQ(book.instruments.at(msft).executions.size(), followed.instruments.at(msft).executions.size());
    TakenBack const elsewhere(trade("701", "m1.01", aapl, "13:00", "5", "401", "1", "0"));
    book = followed;
    (void)import(book, elsewhere.s, policy(), true, false);
    EXPECT_EQ(book.instruments.at(aapl).executions.size(), followed.instruments.at(aapl).executions.size());
    TakenBack currency(trade("701", "c1.01", 12087792, "13:00", "5000", "1.05", "1", "0"));
    currency.s.instruments.push_back(stock(12087792, "EUR"));
    currency.s.instruments.back().sec_type = "CASH";
    book = followed;
    (void)import(book, currency.s, policy(), true, false);
    auto const found = book.instruments.find(12087792);
    EXPECT_TRUE(found == book.instruments.end() || found->second.executions.empty());
}

TEST(Join, AFillThatIsTakenBackBesideItsCorrectionGivesWayToIt) {
    auto const followed = refold(as_followed(cold_start(statement_of_the_day())));
    for (std::string const stands : {"m1.02", "m1.03"}) {
        auto book = followed;
        TakenBack told(trade("103", "m1.01", msft, "12:00", "10", "400", "1", "0"));
        told.stands(trade("104", stands, msft, "12:00", "9", "400", "1", "0"));
        (void)import(book, told.s, policy(), true, false);
        EXPECT_FALSE(fill_in(book, msft, "m1.01").in_force()) << stands;
        EXPECT_TRUE(fill_in(book, msft, stands).in_force()) << stands;
        // The correction is taken back as well, and a further one was told on the wire: that one stands.
        TakenBack const again(trade("105", "m1.02", msft, "12:00", "9", "400", "1", "0"));
        (void)import(book, again.s, policy(), true, false);
        EXPECT_EQ(fill_in(book, msft, stands).in_force(), stands == "m1.03") << stands;
    }
}

/// The statement of the next day takes the first fill of MSFT back and states what stands for it.
Statement correction_of_the_next_day(std::string const& exec_id, std::string const& price) {
    Statement next = trades_of_msft(day_after);
    auto back = trade("901", "", msft, "12:00", "-10", "400", "-1", "0");
    back.cancels = true;
    back.original_trade_id = "9103";
    auto stands = trade("902", exec_id, msft, "12:00", "10", price, "1", "0");
    stands.corrects = true;
    next.trades = {back, stands};
    return next;
}

/// The wire told a correction, the statement of the day before (which did not know it) came again and took its place, and the next one
/// takes the fill back and states that very correction: the wire's is it.
TEST(Join, ACorrectionOfTheWireStandsAgainWhenTheNextStatementStatesIt) {
    auto facts = as_followed(cold_start(statement_of_the_day()));
    auto& executions = facts.instruments.at(msft).executions;
    auto corrected = fill_in(facts, msft, "m1.01");
    corrected.exec_id = "m1.02";
    corrected.price = dec("390");
    fill_in(facts, msft, "m1.01").superseded_by = "m1.02";
    executions.push_back(corrected);
    auto book = refold(facts);
    (void)import(book, statement_of_the_day(), policy(), true, false);
    ASSERT_FALSE(fill_in(book, msft, "m1.02").in_force());
    for (std::string const price : {"390", "385"}) {  // or yet another one under the same id
        auto next_book = book;
        Statement const next = correction_of_the_next_day("m1.02", price);
        (void)import(next_book, next, policy(), true, true, when("2026-11-19T05:00:00Z"));
        std::set<std::string> ids;
        int in_force = 0;
        for (auto const& each : next_book.instruments.at(msft).executions) {
            EXPECT_TRUE(ids.insert(each.exec_id).second) << each.exec_id << " stands twice";
            in_force += each.in_force() && each.booking == model::Booking::booked;
        }
        EXPECT_EQ(in_force, 1) << price;
        EXPECT_EQ(fill_in(next_book, msft, "m1.02").in_force(), price == "390");
        EXPECT_EQ(next_book.instruments.at(msft).positions.back().average_price, dec(price));
        auto const before = next_book;
        (void)import(next_book, next, policy(), true, true, when("2026-11-19T05:00:00Z"));
        EXPECT_EQ(positions_of(next_book), positions_of(before));
    }
}

/// A statement of before lists a fill that was taken back since: what the operator excluded, and what another row stated, stays as it is.
TEST(Join, AnOlderStatementLeavesWhatIsNotItsOwnAlone) {
    auto const facts = as_followed(cold_start(statement_of_the_day()));
    for (bool const excluded : {true, false}) {
        auto changed = facts;
        auto& fill = fill_in(changed, msft, "m1.01");
        fill.superseded_by = model::cancelled_mark({2026, 11, 17}, "901");
        fill.excluded = excluded;
        if (!excluded) fill.transaction_id = "777";
        auto book = refold(changed);
        auto const before = fill_in(book, msft, "m1.01");
        (void)import(book, statement_of_the_day(), policy(), true, false);
        EXPECT_EQ(fill_in(book, msft, "m1.01").superseded_by, before.superseded_by) << excluded;
        EXPECT_FALSE(fill_in(book, msft, "m1.01").in_force());
    }
}

/// Neither numbers nor times tell which of two fills came first: their ids do, always the same way.
TEST(Join, FillsOfOneSecondWithoutNumbersStandByTheirIds) {
    std::vector<std::string> const ids{"x2.01", "x1.01", "x3.01"};
    Statement s = trades_of_msft(day);
    for (auto const& id : ids) s.trades.push_back(trade("", id, msft, "13:00", "1", "400", "1", "0"));
    auto const book = cold_start(s);
    std::vector<std::string> stand;
    for (auto const& each : book.instruments.at(msft).executions) stand.push_back(each.exec_id);
    EXPECT_EQ(stand, (std::vector<std::string>{"x1.01", "x2.01", "x3.01"}));
}

/// The broker moves a trade to another date: the first statement was no fault of the book.
TEST(Join, ATradeWhoseDateIsAmendedMovesWithoutAWord) {
    auto book = cold_start(statement_of_the_day());
    Statement amended = statement_of_the_day();
    amended.to = {2026, 11, 19};
    amended.has_positions = false;
    amended.positions.clear();
    for (auto& each : amended.trades) {
        if (each.exec_id == "m1.01") each.trade_date = {2026, 11, 19};
    }
    auto const done = import(book, amended, policy(), false);
    EXPECT_EQ(fill_in(book, msft, "m1.01").trade_date, (Date{2026, 11, 19}));
    EXPECT_EQ(show(done.differences).find("execution_trade_date"), std::string::npos);
}

/// What the exchange quotes in is not known before the contract data came; what the trade came to tells what the statement prints.
TEST(Join, PricesOfWhatNobodyDescribedYetAreInTheCurrency) {
    struct Row {
        char const* kind;
        char const* money;  ///< empty: the statement does not say
        bool on_the_wire;
        char const* expected;  ///< of 100 at 72.2
    };
    for (auto const& [kind, money, on_the_wire, expected] :
         {Row{"STK", "72.2", false, "0.722"}, Row{"STK", "7220", false, "72.2"}, Row{"STK", "", false, "72.2"}, Row{"CFD", "72.2", false, "0.722"},
          Row{"BOND", "72.2", false, "72.2"}, Row{"STK", "500", false, "72.2"}, Row{"STK", "72.2", true, "72.2"}}) {
        Statement s;
        s.account = "DU1";
        s.from = s.to = day;
        s.has_trades = true;
        s.instruments = {stock(msft, "VOD")};
        s.instruments[0].sec_type = kind;
        auto told = trade("701", "v1.01", msft, "12:00", "100", "72.2", "1", "0");
        if (*money != 0) told.money = dec(money);
        s.trades = {told};
        auto book = cold_start(s);
        if (on_the_wire) {
            auto facts = as_followed(book);
            fill_in(facts, msft, "v1.01").price = dec("72.2");  // in pence, which it does not say
            book = refold(facts);
            auto const done = import(book, s, policy());
            EXPECT_EQ(show(done.differences).find("execution_price"), std::string::npos) << show(done.differences);
        }
        EXPECT_EQ(fill_in(book, msft, "v1.01").price, dec(expected)) << kind << " " << money;
        EXPECT_TRUE(fill_in(book, msft, "v1.01").in_force());
    }
}

/// A query without the column says nothing of what was realized.
TEST(Join, WhatTheBrokerRealizedStaysWhereAnotherQueryDoesNotSay) {
    auto book = cold_start(statement_of_the_day());
    auto s = statement_of_the_day();
    for (auto& each : s.trades) each.realized_pnl.reset();
    (void)import(book, s, policy(), false);
    EXPECT_EQ(fill_in(book, aapl, "a2.01").broker_realized_pnl, dec("797.4"));
}

TEST(Join, ATradeThatIsTakenBackTwiceOverIsLeftToTheOperator) {
    auto facts = as_followed(cold_start(statement_of_the_day()));
    auto twin = fill_in(facts, msft, "m1.01");
    twin.exec_id = "m9.01";
    facts.instruments.at(msft).executions.push_back(twin);
    auto book = refold(facts);
    Statement next = trades_of_msft(day_after);
    auto cancel = trade("901", "", msft, "12:00", "-10", "400", "-1", "0");
    cancel.cancels = true;
    next.trades = {cancel};
    auto const result = import(book, next, policy(), true, false);
    EXPECT_NE(show(result.differences).find("exclude"), std::string::npos) << show(result.differences);
    EXPECT_TRUE(fill_in(book, msft, "m1.01").in_force());
    EXPECT_TRUE(fill_in(book, msft, "m9.01").in_force());
}

// --- corrections of the past ----------------------------------------------------------------------------------------------

TEST(Join, ATradeThatTheNextStatementTakesBackNoLongerCounts) {
    auto book = cold_start(statement_of_the_day());
    Statement next = trades_of_msft(day_after);
    auto cancel = trade("501", "m1.01", msft, "12:00", "-10", "400", "-1", "0");
    cancel.cancels = true;
    auto again = trade("502", "m7.01", msft, "12:00", "10", "401", "1", "0");
    again.corrects = true;
    next.trades = {cancel, again};
    auto const result = import(book, next, policy());
    auto const& position = book.instruments.at(msft).positions.back();
    EXPECT_EQ(position.quantity, dec("10"));
    EXPECT_EQ(position.average_price, dec("401"));
    EXPECT_TRUE(std::any_of(result.differences.begin(), result.differences.end(),
                            [](auto const& each) { return each.kind == DifferenceKind::execution_cancelled; }));
    auto const before = book;
    EXPECT_FALSE(import(book, next, policy()).changed);
    EXPECT_EQ(book, before);
}

/// The next day's statement takes the fill back and states what stands for it, under the id of the same fill or the next.
TEST(Join, ACorrectionOfAnEarlierDayCountsInsteadOfTheFill) {
    for (auto const& [exec_id, on_the_wire] : {std::pair("m1.01", false), std::pair("m1.02", false), std::pair("m1.01", true)}) {
        auto book = cold_start(statement_of_the_day());
        if (on_the_wire) book = refold(as_followed(book));
        Statement const next = correction_of_the_next_day(exec_id, "390");
        auto const done = import(book, next, policy(), true, true, when("2026-11-19T05:00:00Z"));
        auto const& position = book.instruments.at(msft).positions.back();
        EXPECT_EQ(position.quantity, dec("10"));
        EXPECT_EQ(position.average_price, dec("390"));
        ASSERT_FALSE(done.differences.empty());
        for (auto const& each : done.differences) EXPECT_EQ(each.trade_date, next.from) << to_string(each.kind);
        auto const first = std::find_if(done.differences.begin(), done.differences.end(), [](auto const& each) { return each.con_id == msft; });
        ASSERT_LT(first - done.differences.begin() + 1, std::ssize(done.differences));
        EXPECT_EQ(first[0].kind, DifferenceKind::execution_missing);
        EXPECT_EQ(first[1].kind, DifferenceKind::execution_cancelled);
        EXPECT_FALSE(import(book, next, policy(), true, true, when("2026-11-19T05:00:00Z")).changed);
        // What the statement of the day before says comes too late for that fill; of a day that was only followed it says more.
        EXPECT_EQ(import(book, statement_of_the_day(), policy(), true, false).changed, on_the_wire);
        EXPECT_EQ(book.instruments.at(msft).positions.back().average_price, dec("390"));
    }
}

/// Beside shares of the same kind that were bought: the cost of what came is what is listed less what the others cost.
TEST(Join, ATransferBesideTradesCostsWhatIsListedLessTheOthers) {
    Statement s = statement_of_the_day();
    s.trades.push_back(trade("104", "k1.01", ko, "14:00", "5", "70", "1", "0"));
    for (auto& position : s.positions) {
        if (position.con_id == ko) position.quantity = dec("30"), position.cost_money = dec("1851");
    }
    auto const book = cold_start(s);
    auto const& came = book.instruments.at(ko).adjustments;
    ASSERT_EQ(came.size(), 1u);
    EXPECT_EQ(came[0].value, dec("1500"));
    s.trades.push_back(trade("105", "k2.01", ko, "15:00", "-5", "70", "1", "0"));
    for (auto& position : s.positions) {
        if (position.con_id == ko) position.quantity = dec("25"), position.cost_money = dec("1551");
    }
    EXPECT_EQ(cold_start(s).instruments.at(ko).adjustments[0].value, std::nullopt);  // which of them were sold?
}

/// Fills that came behind the statement's evening, before any list: what it lists is not what is held now.
TEST(Join, WhatWasBoughtSinceIsHeldBesideWhatTheStatementLists) {
    auto facts = cold_start(statement_of_the_day());
    Execution bought = fill("n1.01", 0, "7", "151", "1");
    bought.con_id = aapl;
    bought.time = when("2026-11-20T15:00:00Z");
    facts.instruments.at(aapl).executions.push_back(bought);
    auto book = refold(facts);
    ASSERT_EQ(book.instruments.at(aapl).positions.back().quantity, dec("37"));
    (void)import(book, statement_of_the_day(), policy(), true, true);
    EXPECT_EQ(book.instruments.at(aapl).positions.back().quantity, dec("37"));
    EXPECT_TRUE(book.breaks.empty());
}

TEST(Join, StatementsInAnyOrderGiveTheSamePositions) {
    Statement before;
    before.account = "DU1";
    before.from = before.to = Date{2026, 10, 1};
    before.has_trades = before.has_positions = true;
    before.instruments = {stock(aapl, "AAPL"), stock(nvda, "NVDA")};
    auto bought = trade("51", "a0.01", aapl, "10:00", "100", "148", "1", "0");
    bought.time = when("2026-10-01T15:00:00Z");
    bought.trade_date = before.from;
    before.trades = {bought};
    before.positions = {listed(aapl, "100", "14801"), listed(nvda, "10", "4000")};
    for (auto& each : before.positions) each.date = before.to;
    auto forward = cold_start(before);
    (void)import(forward, statement_of_the_day(), policy(), false, true, when("2026-10-02T05:00:00Z"));
    auto backward = cold_start(statement_of_the_day());
    (void)import(backward, before, policy(), false, false);
    EXPECT_EQ(positions_of(forward), positions_of(backward));
    EXPECT_EQ(backward.instruments.at(aapl).positions.back().average_price, dec("148.6666666667"));
    EXPECT_TRUE(backward.breaks.empty());
}

/// The cost of what came is stated only where everything else at its side is known.
TEST(Join, TheCostOfATransferIsNotGuessed) {
    struct Row {
        char const* what;
        std::function<void(Statement&)> change;
        char const* value;  // empty: unknown
    };
    auto const ko_total = [](Statement& s) -> model::StatementPosition& { return position_in(s, ko); };
    auto const bought = [](Statement& s, std::string_view quantity, std::string_view commission) {
        s.trades.push_back(trade("104", "k1.01", ko, "14:00", quantity, "70", "1", "0"));
        s.trades.back().commission.reset();
        if (!commission.empty()) s.trades.back().commission = dec(commission);
    };
    for (auto const& [what, change, value] : std::vector<Row>{
             {"alone", [](auto&) {}, "1500"},
             {"without a number of its own", [](auto& s) { s.transfers[0].transaction_id.clear(); }, "1500"},
             {"nothing is listed", [](auto& s) { std::erase_if(s.positions, [](auto const& each) { return each.con_id == ko; }); }, ""},
             {"listed without a cost", [&](auto& s) { ko_total(s).cost_money.reset(); }, ""},
             {"two came",
              [&](auto& s) {
                  s.transfers.push_back(s.transfers[0]);
                  s.transfers.back().transaction_id = "402";
                  ko_total(s).quantity = dec("50");
              },
              ""},
             {"less is listed than came", [&](auto& s) { ko_total(s).quantity = dec("20"); }, ""},
             {"more is listed than is known of", [&](auto& s) { ko_total(s).quantity = dec("30"); }, ""},
             {"what was bought beside it has no known cost",
              [&](auto& s) { bought(s, "5", ""), ko_total(s).quantity = dec("30"), ko_total(s).cost_money = dec("1851"); }, ""},
             {"what was bought beside it costs all that is listed",
              [&](auto& s) { bought(s, "5", "1"), ko_total(s).quantity = dec("30"), ko_total(s).cost_money = dec("351"); }, ""},
         }) {
        auto s = statement_of_the_day();
        change(s);
        model::AccountBook book;
        book.account_id = 1;
        (void)import(book, s, policy(), false);
        std::optional<Decimal> found;
        for (auto const& each : book.instruments.at(ko).adjustments) {
            if (each.cause == Cause::transfer) found = each.value;
        }
        EXPECT_EQ(found ? found->to_string() : "", value) << what;
        EXPECT_FALSE(import(book, s, policy(), false).changed) << what;
    }
}

TEST(Join, OnlyTheInstrumentsThatAreAskedForAreJoined) {
    auto const s = statement_of_the_day();
    StatementIndex const index(s, policy().fold);
    model::AccountBook book;
    book.account_id = 1;
    StatementPart const part{&index, {msft}, true, std::nullopt, false, false, std::nullopt};
    auto const planned = plan_statement(book, part, when("2026-11-19T12:00:00Z"), policy());
    ASSERT_TRUE(planned.has_value());
    model::apply(book, planned->change_set);
    ASSERT_EQ(book.instruments.size(), 1u);
    EXPECT_TRUE(book.instruments.contains(msft));
}

TEST(Join, WhateverTheStatementNamesConcernsIt) {
    Statement s;
    s.from = s.to = day;
    s.instruments = {stock(1), stock(2), stock(3), stock(4)};
    s.positions = {listed(1, "5", "50", "2026-11-18T17:00:00Z")};  // a lot alone
    model::StatementTransfer transfer;
    transfer.con_id = 2;
    transfer.date = day;
    transfer.quantity = dec("1");
    s.transfers = {transfer};
    model::StatementClosedLot lot;
    lot.con_id = 3;
    lot.trade_date = day;
    s.closed_lots = {lot};
    StatementIndex const index(s, policy().fold);
    EXPECT_EQ(concerned({}, index), (std::vector<ConId>{1, 2, 3})) << "what is only described is none of its business";
    EXPECT_EQ(concerned({7}, index), (std::vector<ConId>{1, 2, 3, 7}));
}

// --- corporate actions ----------------------------------------------------------------------------------------------------

struct ActionCase {
    char const* what;
    std::vector<std::tuple<std::string, ConId, std::string>> rows;  // type, conId, quantity
    std::string description;
    std::string proceeds;
    std::vector<model::StatementPosition> after;
    std::string expected;
    bool breaks = false;
};

std::vector<ActionCase> action_cases() {
    std::vector<ActionCase> cases{
        {"a reverse split under a new number", {{"RS", 10, "-100"}, {"RS", 11, "10"}}, "OLD(US1) SPLIT 1 FOR 10 (NEW, NEW CO, US2)", "",
         {listed(11, "10", "2001")}, "OLD 10 0 @ 20 realized 0 net 0 unknown 0\nNEW 11 10 @ 200.1 realized 0 net 0 unknown 0\n"},
        {"a merger for shares", {{"TC", 10, "-100"}, {"TC", 11, "50"}}, "OLD(US1) MERGED(Acquisition) WITH US2 1 FOR 2", "",
         {listed(11, "50", "2001")}, "OLD 10 0 @ 20 realized 0 net 0 unknown 0\nNEW 11 50 @ 40.02 realized 0 net 0 unknown 0\n"},
        {"a merger for cash", {{"TC", 10, "-100"}}, "OLD(US1) MERGED(Acquisition) FOR USD 25.00 PER SHARE", "2500", {},
         "OLD 10 0 @ 20 realized 500 net 499 unknown 0\n"},
        {"delisted and worthless", {{"DW", 10, "-100"}}, "OLD(US1) DELISTED", "", {}, "OLD 10 0 @ 20 realized -2000 net -2001 unknown 0\n"},
        {"a stock dividend", {{"SD", 10, "5"}}, "OLD(US1) STOCK DIVIDEND 1 FOR 20", "", {listed(10, "105", "2001")},
         "OLD 10 105 @ 19.0476190476 realized 0 net 0 unknown 0\n"},
        {"a forward split that leaves a fraction", {{"FS", 10, "33"}}, "OLD(US1) SPLIT 4 FOR 3", "6", {listed(10, "133", "1996")},
         "OLD 10 133 @ 15.0000000004 realized 1.0000000499 net 0.9975000499 unknown 0\n"},
        {"a forward split whose fraction nobody says the price of", {{"FS", 10, "33"}}, "OLD(US1) SPLIT 4 FOR 3", "", {listed(10, "133", "1996")},
         "OLD 10 133 @ 15.0000000004 realized 0 net unknown unknown 1\n"},
        {"something that was never held goes for shares", {{"TC", 12, "-100"}, {"TC", 11, "50"}}, "THIRD(US3) MERGED WITH US2 1 FOR 2", "",
         {listed(10, "100", "2001"), listed(11, "50", "900")},
         "OLD 10 100 @ 20 realized 0 net 0 unknown 0\nNEW 11 50 @ unknown realized 0 net 0 unknown 0\n"
         "THIRD 12 0 @ unknown realized 0 net unknown unknown 1\n", true},
        {"a spin-off", {{"SO", 11, "25"}}, "OLD(US1) SPINOFF  1 FOR 4 (NEW, NEW CO, US2)", "", {listed(10, "100", "1601"), listed(11, "25", "400")},
         "OLD 10 100 @ 16 realized 0 net 0 unknown 0\nNEW 11 25 @ 16 realized 0 net 0 unknown 0\n"},
        {"cash and shares together are not guessed", {{"TC", 10, "-100"}, {"TC", 11, "50"}}, "OLD(US1) MERGED WITH US2 1 FOR 2 AND CASH", "300",
         {listed(11, "50", "1800")}, "OLD 10 0 @ 20 realized 0 net unknown unknown 1\nNEW 11 50 @ 36 realized 0 net 0 unknown 0\n", true},
        {"nothing says what was received", {{"TC", 10, "-100"}}, "OLD(US1) MERGED", "", {},
         "OLD 10 0 @ 20 realized 0 net unknown unknown 1\n", true},
        {"a split that does not say its ratio", {{"FS", 10, "100"}}, "OLD(US1) SPLIT", "", {listed(10, "200", "2001")},
         "OLD 10 200 @ 10.005 realized 0 net 0 unknown 0\n", true},
    };
    // The broker has many letters for the same thing.
    auto const as = [&](std::string const& type, std::string const& other) {
        for (auto const& each : std::vector(cases)) {
            if (std::get<0>(each.rows[0]) != type || each.breaks) continue;
            auto copy = each;
            for (auto& row : copy.rows) std::get<0>(row) = other;
            cases.push_back(std::move(copy));
        }
    };
    for (char const* type : {"TO", "IC", "CC", "CO", "SR", "CP"}) as("TC", type);
    as("SD", "HD");
    auto matured = cases[2];
    for (char const* type : {"BM", "TM", "BC", "PC"}) {
        std::get<0>(matured.rows[0]) = type;
        cases.push_back(matured);
    }
    return cases;
}

/// What the operator stated before the statement came is the same change: it is neither doubled nor asked for again.
TEST(Join, WhatTheOperatorStatedIsTheAction) {
    for (std::string const type : {"SD", "XX"}) {
        auto book = cold_start(statement_of_the_day());
        add_adjustment(book, msft, Cause::reinvestment, "5", "20:00");
        auto& stated = book.instruments.at(msft).adjustments.back();
        stated.author = "operator me";
        stated.price = dec("0");
        book = refold(book);
        Statement next;
        next.account = "DU1";
        next.from = next.to = day;
        next.has_corporate_actions = next.has_trades = true;
        next.instruments = {stock(msft, "MSFT")};
        auto of_the_day = statement_of_the_day();
        next.trades = {trade_in(of_the_day, "103")};
        model::StatementCorporateAction row;
        row.action_id = "88";
        row.type = type;
        row.con_id = msft;
        row.report_date = day;
        row.time = clock_at("20:25");
        row.quantity = dec("5");
        row.description = "MSFT STOCK DIVIDEND 1 FOR 2";
        next.corporate_actions = {row};
        auto const result = import(book, next, policy(), true, false);
        EXPECT_EQ(book.instruments.at(msft).positions.back().quantity, dec("15")) << type;
        EXPECT_EQ(show(result.differences).find("undecided"), std::string::npos) << show(result.differences);
    }
}

TEST(Join, CorporateActionsMoveCostAndNeverInventIt) {
    for (auto const& each : action_cases()) {
        SCOPED_TRACE(each.what);
        Statement before;
        before.account = "DU1";
        before.from = before.to = Date{2026, 11, 17};
        before.has_trades = before.has_positions = before.has_corporate_actions = true;
        before.instruments = {stock(10, "OLD"), stock(11, "NEW"), stock(12, "THIRD")};
        auto bought = trade("61", "o1.01", 10, "10:00", "100", "20", "1", "0");
        bought.time = when("2026-11-17T15:00:00Z");
        bought.trade_date = before.to;
        before.trades = {bought};
        before.positions = {listed(10, "100", "2001")};
        before.positions[0].date = before.to;
        auto book = cold_start(before);
        Statement s;
        s.account = "DU1";
        s.from = s.to = day;
        s.has_trades = s.has_positions = s.has_corporate_actions = true;
        s.instruments = before.instruments;
        for (auto const& [type, con_id, quantity] : each.rows) {
            model::StatementCorporateAction row;
            row.transaction_id = "7" + std::to_string(s.corporate_actions.size());
            row.action_id = "99";
            row.type = type;
            row.con_id = con_id;
            row.time = clock_at("20:25");
            row.report_date = day;
            row.quantity = dec(quantity);
            row.description = each.description;
            if (!each.proceeds.empty() && (row.quantity.is_negative() || type == "FS")) row.proceeds = dec(each.proceeds);
            s.corporate_actions.push_back(row);
        }
        s.positions = each.after;
        auto part_policy = policy();
        StatementIndex const index(s, part_policy.fold);
        StatementPart part{&index, concerned(held_or_moved(book), index), true, index.begin(), true, false, std::nullopt};
        auto const planned = plan_statement(book, part, when("2026-11-19T12:00:00Z"), part_policy);
        ASSERT_TRUE(planned.has_value());
        model::apply(book, planned->change_set);
        EXPECT_EQ(positions_of(book), each.expected);
        EXPECT_EQ(!book.breaks.empty(), each.breaks);
        part.instruments = concerned(held_or_moved(book), index);
        auto const again = plan_statement(book, part, when("2026-11-19T12:00:00Z"), part_policy);
        ASSERT_TRUE(again.has_value());
        EXPECT_TRUE(again->change_set.empty());
    }
}

// --- the two views --------------------------------------------------------------------------------------------------------

TEST(TaxView, ThePremiumOfAnAssignedPutLowersTheCostOfTheShares) {
    auto const book = cold_start(statement_of_the_day());
    FoldOptions options = policy().fold;
    auto const view = tax_view(book, options);
    ASSERT_TRUE(view.has_value());
    auto const& shares = book.instruments.at(spy);
    auto const& sold = book.instruments.at(put);
    options.tax_view = &*view;
    auto const taxed_option = fold(*sold.instrument, sold.executions, sold.adjustments, options);
    auto const taxed_shares = fold(*shares.instrument, shares.executions, shares.adjustments, options);
    EXPECT_EQ(taxed_option->closes.at(0).realized_pnl, dec("0"));
    EXPECT_EQ(taxed_shares->positions.back().cost, dec("113382"));
    options.tax_view = nullptr;
    EXPECT_EQ(fold(*sold.instrument, sold.executions, sold.adjustments, options)->closes.at(0).realized_pnl, dec("618"));
    EXPECT_EQ(fold(*shares.instrument, shares.executions, shares.adjustments, options)->positions.back().cost, dec("114000"));
}

}  // namespace
}  // namespace possync::ledger

// What certify says of days, gaps, claims and lots, one at a time. Whole statements against whole books: join_test.cpp.
#include "ledger/certify.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "ledger/ledger_testing.hpp"
#include "ledger/tax_view.hpp"

namespace possync::ledger {
namespace {

using namespace testing;
using base::Date;
using base::Decimal;
using model::CertificationState;
using model::DifferenceKind;

FoldOptions options() {
    FoldOptions made;
    made.zones = &utc_zones;
    made.report_zone = "UTC";
    return made;
}

model::StatementRecord statement(Date from, Date to) {
    model::StatementRecord record;
    record.from = from;
    record.to = to;
    record.sections = "Trades OpenPositions";
    return record;
}

base::Timestamp noon(Date date) { return base::from_utc_local({date, 12 * 3'600'000'000LL}); }

/// A stock whose fills ("10@100") come one day after the other, told by statements.
struct Book {
    model::AccountBook book;
    explicit Book(std::vector<std::string> const& texts, Date first = {2026, 11, 16}) {
        book.account_id = 1;
        book.revision = 1;
        auto& held = book.instruments[265598];
        held.instrument = stock();
        held.executions = fills(texts);
        Date date = first;
        for (auto& execution : held.executions) {
            execution.time = noon(date);
            execution.trade_date = date;
            execution.transaction_id = "t" + execution.exec_id;
            date = base::date_of_days(base::days_since_epoch(date) + 1);
        }
    }
    std::vector<model::Execution>& executions() { return book.instruments[265598].executions; }
    [[nodiscard]] Verdict certify(model::StatementClaims const& claims, Date since = {2026, 11, 1}) const {
        auto verdict = ledger::certify(book, claims, since, options());
        CHECK(verdict.has_value());
        return *verdict;
    }
};

std::vector<DifferenceKind> kinds(Verdict const& verdict) {
    std::vector<DifferenceKind> found;
    for (auto const& each : verdict.differences) found.push_back(each.kind);
    return found;
}

TEST(Certify, AGapIsAMissingBusinessDay) {
    Book const nothing({});
    model::StatementClaims claims;
    EXPECT_TRUE(nothing.certify(claims).certifications.empty());
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20}), statement({2026, 11, 23}, {2026, 11, 25})};
    EXPECT_TRUE(kinds(nothing.certify(claims)).empty());  // a weekend
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 25}), statement({2026, 11, 17}, {2026, 11, 18}), statement({2026, 11, 27}, {2026, 11, 27})};
    EXPECT_TRUE(kinds(nothing.certify(claims)).empty());  // one within another, and Thanksgiving
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 18}), statement({2026, 11, 20}, {2026, 11, 25})};
    auto const verdict = nothing.certify(claims);
    ASSERT_EQ(kinds(verdict), std::vector{DifferenceKind::statement_gap});
    EXPECT_EQ(verdict.differences[0].trade_date, (Date{2026, 11, 19}));
    EXPECT_EQ(certified_through(verdict.certifications), (Date{2026, 11, 18}));
    EXPECT_TRUE(kinds(nothing.certify(claims, {2026, 11, 23})).empty());  // before what was asked for
}

TEST(Certify, FillsOfDaysThatNoStatementCoversAreNotJudged) {
    Book const book({"10@100", "10@101", "10@102", "10@103"});  // the 16th to the 19th
    model::StatementClaims claims;
    EXPECT_TRUE(kinds(book.certify(claims)).empty());
    claims.statements = {statement({2026, 11, 17}, {2026, 11, 18})};
    claims.statements[0].sections = "Trades";
    auto const verdict = book.certify(claims);
    EXPECT_TRUE(kinds(verdict).empty());
    ASSERT_EQ(verdict.certifications.size(), 2u);
    for (auto const& day : verdict.certifications) {
        EXPECT_EQ(day.state, CertificationState::matched);
        EXPECT_EQ(day.executions, 1);
    }
    // Between two statements a fill makes its day doubtful.
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 16}), statement({2026, 11, 19}, {2026, 11, 19})};
    for (auto& each : claims.statements) each.sections = "Trades";
    auto const holes = book.certify(claims);
    EXPECT_EQ(certified_through(holes.certifications), (Date{2026, 11, 16}));
    EXPECT_FALSE(kinds(holes).empty());
    for (auto const& each : holes.differences) EXPECT_EQ(each.kind, DifferenceKind::statement_gap);
}

TEST(Certify, SaysHowTheBrokerMustHaveCalculated) {
    struct Row {
        char const* claim;
        char const* cause;
    };
    // Bought 10 at 100, 112 and 104, sold 10 at 120, each for a commission of 1.
    for (auto const& [claim, cause] : {Row{"198", ""}, Row{"158", "the broker matched its lots by last in, first out"}, Row{"78", "the broker matched its lots by highest in, first out"},
                                       Row{"144.6666666667", "the broker matched its lots by average cost"}, Row{"199", "the statement leaves the commission out"},
                                       Row{"7", nullptr}}) {
        Book book({"10@100 1", "10@112 1", "10@104 1", "-10@120 1"});
        for (auto& execution : book.executions()) execution.broker_realized_pnl = Decimal(0);
        book.executions().back().broker_realized_pnl = dec(claim);
        model::StatementClaims claims;
        claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
        claims.statements[0].sections = "Trades";
        auto const verdict = book.certify(claims);
        if (cause != nullptr && *cause == '\0') {
            EXPECT_TRUE(kinds(verdict).empty()) << claim;
            continue;
        }
        ASSERT_EQ(kinds(verdict), std::vector{DifferenceKind::realized_pnl}) << claim;
        EXPECT_EQ(verdict.differences[0].cause, cause == nullptr ? "" : cause);
        EXPECT_EQ(verdict.differences[0].book_value, "198");
    }
}

TEST(Certify, ListsThatAreNotThereSayNothingOfWhatIsNotHeld) {
    Book const flat({"10@100 1", "-10@110 1"});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    EXPECT_TRUE(kinds(flat.certify(claims)).empty());
    model::StatementPosition zero;
    zero.con_id = 7;
    zero.date = {2026, 11, 20};
    claims.positions = {zero};
    EXPECT_TRUE(kinds(flat.certify(claims)).empty());
    claims.positions[0].quantity = Decimal(3);
    EXPECT_EQ(kinds(flat.certify(claims)), std::vector{DifferenceKind::position_missing});
}

TEST(Certify, LotsNeedTimesAndCostsToDiffer) {
    Book const held({"10@100 1", "5@110 1"});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto const row = [](bool is_lot, char const* quantity, char const* cost, std::optional<base::Timestamp> opened) {
        model::StatementPosition made;
        made.con_id = 265598;
        made.date = {2026, 11, 20};
        made.is_lot = is_lot;
        made.quantity = dec(quantity);
        if (*cost != '\0') made.cost_money = dec(cost);
        made.opened_at = opened;
        return made;
    };
    auto const total = row(false, "15", "1552", {});
    claims.positions = {total, row(true, "10", "1001", noon({2026, 11, 16})), row(true, "5", "551", noon({2026, 11, 17}))};
    EXPECT_TRUE(kinds(held.certify(claims)).empty());
    EXPECT_EQ(held.certify(claims).certifications.back().lots, 2);
    claims.positions[1].cost_money.reset();  // says nothing
    EXPECT_TRUE(kinds(held.certify(claims)).empty());
    claims.positions[2].cost_money = dec("560");
    EXPECT_EQ(kinds(held.certify(claims)), std::vector{DifferenceKind::lot_cost});
    claims.positions[1].opened_at.reset();  // they cannot be told apart
    EXPECT_TRUE(kinds(held.certify(claims)).empty());

    // A commission that nobody knows leaves the cost open.
    Book unknown({"10@100", "5@110 1"});
    claims.positions = {total, row(true, "10", "1001", noon({2026, 11, 16})), row(true, "5", "551", noon({2026, 11, 17}))};
    auto const verdict = unknown.certify(claims);
    EXPECT_EQ(kinds(verdict), (std::vector{DifferenceKind::position_cost, DifferenceKind::lot_cost}));
    EXPECT_EQ(verdict.differences[0].cause, "a cost or a commission is not known");
}

TEST(Certify, WhatCannotBeCalculatedIsAnErrorAndNotTheEnd) {
    Book book({"10@100 1"});
    book.executions()[0].shares = dec("99999999999999999999999999999999999999");
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto const verdict = certify(book.book, claims, {2026, 11, 1}, options());
    ASSERT_FALSE(verdict.has_value());
    EXPECT_EQ(verdict.error().code, base::ErrorCode::out_of_range);

    auto& held = book.book.instruments[265598];  // an option that ended, on a stock that is there
    held.instrument = held.instrument.with([](auto& option) {
        option.sec_type = "OPT";
        option.right = "C";
        option.strike = Decimal(1);
        option.under_con_id = 1;
    });
    held.executions[0].cause = model::Cause::exercise;
    book.book.instruments[1].instrument = stock(1);
    EXPECT_EQ(tax_view(book.book, options()).error().code, base::ErrorCode::out_of_range);
    EXPECT_EQ(certify(book.book, claims, {2026, 11, 1}, options()).error().code, base::ErrorCode::out_of_range);
}

TEST(Certify, WhatOnlyJoiningKnowsIsKept) {
    for (auto const kind : {DifferenceKind::corporate_action_undecided, DifferenceKind::execution_cancelled, DifferenceKind::execution_instrument, DifferenceKind::multiplier}) {
        EXPECT_TRUE(told_by_joining(kind));
    }
    EXPECT_FALSE(told_by_joining(DifferenceKind::execution_price));
    EXPECT_EQ(certified_through({}), std::nullopt);
}

std::ptrdiff_t count(Verdict const& verdict, DifferenceKind kind) {
    return std::count_if(verdict.differences.begin(), verdict.differences.end(), [&](auto const& each) { return each.kind == kind; });
}

TEST(Certify, AnUnknownZoneLeavesFillsWithoutADayOfTheirOwn) {
    Book book({"10@100 1", "-10@110 1"});
    book.executions()[1].transaction_id.clear();  // of which no statement told the date
    model::Adjustment moved;
    moved.adjustment_id = 5;
    moved.cause = model::Cause::manual;
    moved.quantity = dec("3");
    moved.effective_at = noon({2026, 11, 18});
    book.book.instruments[265598].adjustments = {moved};
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto nowhere = options();
    nowhere.report_zone = "nowhere";
    auto verdict = certify(book.book, claims, {2026, 11, 1}, nowhere);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(kinds(*verdict), (std::vector{DifferenceKind::execution_not_in_statement, DifferenceKind::position_not_in_statement}));
    book.executions()[0].broker_realized_pnl = dec("0");
    auto dateless = book.executions()[0];
    dateless.exec_id = "f9.01";
    dateless.trade_date.reset();
    book.executions().push_back(dateless);
    book.executions()[1].trade_date.reset();  // nor anybody else
    verdict = certify(book.book, claims, {2026, 11, 1}, nowhere);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(count(*verdict, DifferenceKind::execution_not_in_statement), 0);
}

TEST(Certify, AFillOfFridayEveningIsOfMondayAndAHolidayIsNoDay) {
    Book book({"10@100 1"}, {2026, 11, 20});
    auto& execution = book.executions()[0];
    auto& instrument = book.book.instruments[265598].instrument;
    instrument = instrument.with([](auto& i) { i.sec_type = "FUT"; });
    execution.transaction_id.clear();
    execution.trade_date.reset();
    execution.time = base::from_utc_local({{2026, 11, 20}, 18 * 3'600'000'000LL});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    EXPECT_TRUE(kinds(book.certify(claims)).empty()) << "of the next trade date, which no statement covers yet";
    claims.statements.push_back(statement({2026, 11, 23}, {2026, 11, 24}));
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_not_in_statement), 1);
    // On the eve of Thanksgiving the next date is Friday's.
    execution.time = base::from_utc_local({{2026, 11, 25}, 12 * 3'600'000'000LL});
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 25})};
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_not_in_statement), 0);
}

TEST(Certify, SeveralFillsOfADayThatNothingCoversAreOneGap) {
    Book book({"10@100 1", "-4@100 1", "-6@100 1"});
    for (auto& execution : book.executions()) {
        execution.trade_date = Date{2026, 11, 18};
        execution.time = noon({2026, 11, 18});
    }
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 17}), statement({2026, 11, 19}, {2026, 11, 20})};
    auto const verdict = book.certify(claims);
    EXPECT_EQ(count(verdict, DifferenceKind::statement_gap), 1);
    // A weekend is no gap; fills on it are.
    for (auto& execution : book.executions()) {
        execution.trade_date = Date{2026, 11, 21};
        execution.time = noon({2026, 11, 21});
    }
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20}), statement({2026, 11, 23}, {2026, 11, 24})};
    auto const weekend = book.certify(claims);
    EXPECT_EQ(count(weekend, DifferenceKind::statement_gap), 1);
}

TEST(Certify, PositionsOfADayOnWhichNoStatementEndsAreNotJudged) {
    Book const nothing({});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto const row = [](Date date, model::ConId con_id, bool is_lot = false) {
        model::StatementPosition made;
        made.con_id = con_id;
        made.date = date;
        made.quantity = dec("5");
        made.is_lot = is_lot;
        return made;
    };
    claims.positions = {row({2026, 11, 17}, 7), row({2026, 11, 19}, 8), row({2026, 11, 19}, 9, true), row({2026, 11, 2}, 8)};
    claims.positions.push_back(row({2026, 11, 18}, 8));
    auto const verdict = nothing.certify(claims, {2026, 11, 10});
    ASSERT_EQ(kinds(verdict), std::vector{DifferenceKind::position_missing});
    EXPECT_EQ(verdict.differences[0].con_id, 8);
    EXPECT_EQ(verdict.differences[0].trade_date, (Date{2026, 11, 19})) << "the last day that any position names";
}

TEST(Certify, LotsHeldSinceNobodyKnowsWhenAreMatchedByQuantity) {
    Book book({"5@110 1"});
    model::Adjustment opening;
    opening.adjustment_id = 5;
    opening.cause = model::Cause::opening_balance;
    opening.quantity = dec("10");
    opening.price = dec("100");
    book.book.instruments[265598].adjustments = {opening};
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto const row = [](bool is_lot, char const* quantity, std::optional<base::Timestamp> opened) {
        model::StatementPosition made;
        made.con_id = 265598;
        made.date = {2026, 11, 20};
        made.is_lot = is_lot;
        made.quantity = dec(quantity);
        made.opened_at = opened;
        return made;
    };
    claims.positions = {row(false, "15", {}), row(true, "10", noon({2026, 1, 5})), row(true, "5", noon({2026, 11, 16}))};
    auto verdict = book.certify(claims);
    ASSERT_EQ(kinds(verdict), std::vector{DifferenceKind::lot_opened_at});
    EXPECT_EQ(verdict.differences[0].book_value, "");
    claims.positions[1].quantity = dec("9");
    verdict = book.certify(claims);
    EXPECT_EQ(kinds(verdict), (std::vector{DifferenceKind::lot_missing, DifferenceKind::lot_not_in_statement}));
    claims.positions = {row(true, "5", noon({2026, 11, 16}))};  // lots without a total say nothing of what is held
    EXPECT_EQ(kinds(book.certify(claims)), std::vector{DifferenceKind::position_not_in_statement});
}

TEST(Certify, WhatJoiningFoundIsPutOnItsDay) {
    Verdict verdict;
    model::CertificationDifference found;
    found.trade_date = {2026, 11, 18};
    found.kind = DifferenceKind::multiplier;
    found.state = model::DifferenceState::open;
    found.con_id = 1;
    include(verdict, {found});
    ASSERT_EQ(verdict.certifications.size(), 1u);
    EXPECT_EQ(verdict.certifications[0].state, CertificationState::differs);
    found.cause = "so it is";
    include(verdict, {found});  // again: it knows more
    ASSERT_EQ(verdict.differences.size(), 1u);
    EXPECT_EQ(verdict.differences[0].cause, "so it is");
    found.trade_date = {2026, 11, 17};
    found.state = model::DifferenceState::corrected;
    include(verdict, {found});
    ASSERT_EQ(verdict.certifications.size(), 2u);
    EXPECT_EQ(verdict.certifications[0].state, CertificationState::matched);
    EXPECT_EQ(verdict.certifications[0].corrected, 1);
    EXPECT_EQ(certified_through(verdict.certifications), (Date{2026, 11, 17}));
}

TEST(Certify, WhatStatementsCountMustCountInTheBook) {
    Book book({"10@100 1"});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    claims.trades = {{7, {2026, 11, 17}, "x.01", "t7", dec("5"), std::nullopt}};  // of an instrument that the book does not know
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_missing), 1);
    claims.trades = {{265598, {2026, 11, 16}, "f1.01", "tf1.01", dec("10"), std::nullopt}};
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_missing), 0);
    book.executions()[0].superseded_by = model::cancelled_mark({2026, 11, 17}, "901");  // the broker took it back
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_missing), 0);
    book.executions()[0].superseded_by = model::cancelled_mark({2026, 11, 17}, model::not_listed);  // this program did
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::execution_missing), 1);
}

TEST(Certify, WhatIsExcludedAndTakenBackNeverCounted) {
    Book book({"10@100 1", "-10@110 1"});
    book.executions()[1].superseded_by = model::cancelled_mark({2026, 11, 19}, "901");
    book.executions()[1].excluded = true;
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 18})};
    model::StatementPosition held;
    held.con_id = 265598;
    held.date = {2026, 11, 18};
    held.quantity = dec("10");
    claims.positions = {held};
    EXPECT_EQ(count(book.certify(claims), DifferenceKind::position_quantity) + count(book.certify(claims), DifferenceKind::position_missing), 0);
}

TEST(Certify, LotsOfOneSecondAreOneAndOfUnknownCostTogether) {
    Book held({"10@100 1", "5@110 1"});
    for (auto& execution : held.executions()) execution.time = noon({2026, 11, 16});
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 16}, {2026, 11, 20})};
    auto const row = [](bool is_lot, char const* quantity, char const* cost, std::optional<base::Timestamp> opened) {
        model::StatementPosition made;
        made.con_id = 265598;
        made.date = {2026, 11, 20};
        made.is_lot = is_lot;
        made.quantity = dec(quantity);
        if (*cost != 0) made.cost_money = dec(cost);
        made.opened_at = opened;
        return made;
    };
    claims.positions = {row(false, "15", "1552", {}), row(true, "10", "", noon({2026, 11, 16})), row(true, "5", "551", noon({2026, 11, 16}))};
    EXPECT_TRUE(held.certify(claims).differences.empty());
    claims.positions[1].cost_money = dec("1001");
    EXPECT_TRUE(held.certify(claims).differences.empty());
}

TEST(Certify, AFillOnACoveredWeekendThatNoStatementListsIsADifferenceOfThatDay) {
    Book book({"10@1 1"});
    auto& execution = book.executions()[0];
    auto& instrument = book.book.instruments[265598].instrument;
    instrument = instrument.with([](auto& i) { i.sec_type = "CRYPTO"; });
    execution.transaction_id.clear();
    execution.trade_date.reset();
    execution.time = noon({2026, 11, 14});  // a Saturday: of Monday
    model::StatementClaims claims;
    claims.statements = {statement({2026, 11, 9}, {2026, 11, 20})};
    auto const verdict = book.certify(claims);
    EXPECT_EQ(count(verdict, DifferenceKind::execution_not_in_statement), 1);
    execution.transaction_id = "t1";
    execution.trade_date = Date{2026, 11, 14};  // which a statement dates so
    claims.trades = {{265598, {2026, 11, 14}, "f1.01", "t1", dec("11"), std::nullopt}};
    auto const dated = book.certify(claims);
    EXPECT_EQ(count(dated, DifferenceKind::execution_quantity), 1);
    auto const day = std::find_if(dated.certifications.begin(), dated.certifications.end(), [](auto const& each) { return each.trade_date == Date{2026, 11, 14}; });
    ASSERT_NE(day, dated.certifications.end());
    EXPECT_EQ(day->state, CertificationState::differs);
}

}  // namespace
}  // namespace possync::ledger

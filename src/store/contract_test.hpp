// The contract of Store as tests, run on every implementation. A test file of an implementation includes this
// once and instantiates StoreContract with a factory of fresh, empty databases.
//
// The heart is one equation: load(commit(database, change_set)) == apply(load(database), change_set).
#pragma once

#include "store/contract_testing.hpp"

namespace possync::store::contract {

class StoreContract : public testing::TestWithParam<SubjectFactory> {
protected:
    std::unique_ptr<Subject> subject_ = GetParam()();
    Store& store() { return subject_->store(); }
};

TEST_P(StoreContract, EveryFieldSurvives) {
    Bench bench(*subject_);
    EXPECT_EQ(bench.load(), bench.books[0]);  // the empty account
    bench.commit_and_apply(full_change_set(bench));
    EXPECT_EQ(bench.load(), bench.books[0]);
    subject_->reopen();
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, EveryFieldCanBeUnknown) {
    Bench bench(*subject_);
    ChangeSet change_set = bench.change();
    change_set.instruments = {stock(1, "A")};
    change_set.executions = {fill("x.01", 1, after(-5), Side::bought, 1, 1)};
    change_set.positions = {episode(bench.id(1), 1, "x", std::nullopt)};
    change_set.closes = {close_of(change_set.positions[0], bench.id(2))};
    Lot lot;
    lot.lot_id = bench.id(3);
    lot.position_id = bench.id(1);
    lot.con_id = 1;
    change_set.lots = {lot};
    Break guard;  // of the whole account
    guard.break_id = bench.id(4);
    guard.kind = BreakKind::guard;
    change_set.breaks = {guard};
    bench.commit_and_apply(change_set);
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, ChangedRowsReplaceAndRemovedRowsLeave) {
    Bench bench(*subject_);
    bench.commit_and_apply(full_change_set(bench));
    ChangeSet change_set = bench.change();
    InstrumentBook const book_before = bench.books[0].instruments.at(700001);
    InstrumentBook const& book = book_before;
    change_set.executions = {book.executions[0]};
    change_set.executions[0].commission.reset();
    change_set.executions[0].superseded_by.clear();
    change_set.executions[0].exercise_type.reset();
    change_set.adjustments = {book.adjustments[0]};
    change_set.adjustments[0].undone_at.reset();
    change_set.adjustments[0].ratio.reset();
    change_set.positions = {book.positions[0]};
    change_set.positions[0].average_price.reset();
    change_set.positions[0].quantity = 3;
    change_set.removed_closes = {book.closes[0].close_id};
    change_set.removed_lots = {book.lots[0].lot_id};
    change_set.breaks = {bench.books[0].breaks.begin()->second};
    change_set.breaks[0].state = BreakState::resolved;
    bench.commit_and_apply(change_set);
    AccountBook const loaded = bench.load();
    EXPECT_EQ(loaded, bench.books[0]);
    EXPECT_TRUE(loaded.breaks.empty());
    EXPECT_TRUE(loaded.instruments.at(700001).closes.empty());

    change_set = bench.change();
    Position const removed = bench.books[0].instruments.at(700001).positions[0];
    change_set.removed_positions = {removed.position_id};
    bench.commit_and_apply(change_set);
    EXPECT_TRUE(bench.load().instruments.at(700001).positions.empty());
    EXPECT_EQ(bench.load(), bench.books[0]);

    change_set = bench.change();  // a removed row that is stated again is there again
    change_set.positions = {removed};
    change_set.closes = {book_before.closes[0]};
    bench.commit_and_apply(change_set);
    EXPECT_EQ(bench.load().instruments.at(700001).closes.size(), 1u);
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, RandomChangeSetsLoadAsApplied) {
    rc::detail::checkGTest([&] {
        auto const subject = GetParam()();
        Bench bench(*subject, {"DU1", "DU2"});
        auto const rounds = Draw::between(1, 12);
        for (std::int64_t round = 0; round < rounds; ++round) {
            auto const account = static_cast<std::size_t>(Draw::between(0, 1));
            ChangeSet const change_set = RandomChange(bench.books[account], bench.change(account)).make();
            bench.commit_and_apply(change_set);
            if (Draw::between(0, 9) == 0) subject->reopen();
            AccountBook loaded = bench.load(account);
            // Instruments are shared: what the other account learned of one is news to this one.
            for (auto& [con_id, book] : loaded.instruments) {
                RC_ASSERT(bench.books[account].instruments.contains(con_id));
                book.instrument = bench.books[account].instruments.at(con_id).instrument;
            }
            RC_ASSERT(loaded == bench.books[account]);
        }
    });
}

TEST_P(StoreContract, InstrumentsOfOneAccountLoadAsApplied) {
    rc::detail::checkGTest([&] {
        auto const subject = GetParam()();
        Bench bench(*subject);
        for (auto rounds = Draw::between(1, 6); rounds > 0; --rounds) {
            bench.commit_and_apply(RandomChange(bench.books[0], bench.change()).make());
        }
        RC_ASSERT(bench.load() == bench.books[0]);
    });
}

TEST_P(StoreContract, ManyRowsAtOnceLoadAsApplied) {  // written several at a time, and what is left over one by one
    rc::detail::checkGTest([&] {
        auto const subject = GetParam()();
        Bench bench(*subject);
        for (auto rounds = Draw::between(1, 3); rounds > 0; --rounds) {
            bench.commit_and_apply(RandomChange(bench.books[0], bench.change()).make(80));
        }
        RC_ASSERT(bench.load() == bench.books[0]);
    });
}

TEST_P(StoreContract, RowsOfEveryKindInAnyNumberAreNewAndChangeAtOnce) {
    Bench bench(*subject_);
    std::int64_t n = 0;
    for (int const count : {15, 16, 17, 33}) {
        ChangeSet made = bench.change();
        for (int i = 0; i < count; ++i) {
            ConId const con_id = 1000 * count + i;
            made.instruments.push_back(stock(con_id, "S" + std::to_string(i)));
            made.executions.push_back(fill("e" + std::to_string(con_id) + ".01", con_id, after(i), Side::bought, 10, number("1.5") + Decimal(i)));
            Adjustment split;
            split.adjustment_id = bench.id(++n);
            split.con_id = con_id;
            split.cause = Cause::split;
            split.ratio = model::Ratio{i + 2, 1};
            split.effective_at = split.recorded_at = after(1000 + i);
            made.adjustments.push_back(split);
            Position position = episode(bench.id(++n), con_id, fact_name(made.executions.back()), std::nullopt);
            position.average_price = number("0.25") + Decimal(i);
            made.positions.push_back(position);
            made.closes.push_back(close_of(position, bench.id(++n)));
            Lot lot;
            lot.lot_id = bench.id(++n);
            lot.position_id = position.position_id;
            lot.con_id = con_id;
            lot.opening_fact = position.opening_fact;
            lot.quantity = lot.remaining_quantity = Decimal(i + 1);
            made.lots.push_back(lot);
        }
        made.next_id = n + 1;
        bench.commit_and_apply(made);
        EXPECT_EQ(bench.load(), bench.books[0]) << count << " new ones";

        ChangeSet changed = bench.change();
        for (int i = 0; i < count; ++i) {
            auto const k = static_cast<std::size_t>(i);
            changed.instruments.push_back(made.instruments[k].with([](Instrument& described) { described.details_known = true; }));
            (changed.executions.emplace_back(made.executions[k])).commission = number("0.35") + Decimal(i);
            (changed.adjustments.emplace_back(made.adjustments[k])).ratio = model::Ratio{1, i + 2};
            (changed.positions.emplace_back(made.positions[k])).quantity = Decimal(20 + i);
            (changed.closes.emplace_back(made.closes[k])).realized_pnl = Decimal(-i);
            (changed.lots.emplace_back(made.lots[k])).price = number("3.25") + Decimal(i);
        }
        bench.commit_and_apply(changed);
        EXPECT_EQ(bench.load(), bench.books[0]) << count << " changed ones";
    }
}

TEST_P(StoreContract, StaleRevisionIsAConflictAndWritesNothing) {
    Bench bench(*subject_);
    ChangeSet const change_set = full_change_set(bench);
    bench.commit_and_apply(change_set);
    auto const again = bench.commit(change_set);
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, ErrorCode::conflict);
    EXPECT_NE(again.error().message.find(fmt::format("the account is {} at revision 1", bench.books[0].account)), std::string::npos) << again.error().message;
    ChangeSet ahead = bench.change();
    ++ahead.base_revision;
    EXPECT_EQ(bench.commit(ahead).error().code, ErrorCode::conflict);
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, OneStaleChangeSetHoldsBackTheOthers) {
    Bench bench(*subject_, {"DU1", "DU2"});
    ChangeSet const good = full_change_set(bench);
    ChangeSet stale = bench.change(1);
    stale.base_revision = 4;
    auto const committed = store().commit(bench.request({good, stale}));
    ASSERT_FALSE(committed.has_value());
    EXPECT_EQ(committed.error().code, ErrorCode::conflict);
    EXPECT_EQ(bench.load(0), bench.books[0]);

    stale.base_revision = 0;
    ASSERT_TRUE(store().commit(bench.request({good, stale})).has_value());
    EXPECT_EQ(bench.load(0).revision, 1);
    EXPECT_EQ(bench.load(1).revision, 1);
}

TEST_P(StoreContract, AnotherEpochIsAConflict) {
    Bench bench(*subject_);
    CommitRequest request = bench.request({bench.change()});
    ++request.epoch;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    request = bench.request({bench.change()});
    ++request.gateway_id;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    // Records beside the book are fenced too.
    request = bench.request({});
    --request.epoch;
    request.freshness = {{bench.books[0].account_id, noon, "USD"}};
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, AccountOfAnotherGatewayIsAConflict) {
    Bench bench(*subject_);
    auto const other = store().claim(claim_of("other", {"DU9"}));
    ASSERT_TRUE(other.has_value());
    CommitRequest request = bench.request({bench.change()});
    request.gateway_id = other->gateway_id;
    request.epoch = other->epoch;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
}

TEST_P(StoreContract, FailureInTheMiddleLeavesNothing) {
    Bench bench(*subject_);
    ChangeSet change_set = full_change_set(bench);
    change_set.events.push_back(change_set.events[0]);  // an id used twice fails late in the transaction
    ASSERT_FALSE(bench.commit(change_set).has_value());
    EXPECT_EQ(bench.load(), bench.books[0]);
    bench.commit_and_apply(full_change_set(bench));
    EXPECT_EQ(bench.load(), bench.books[0]);

    ChangeSet orphan = bench.change();
    orphan.positions = {
        episode(bench.id(9), 4711, "nobody", std::nullopt)};  // an instrument that does not exist
    ASSERT_FALSE(bench.commit(orphan).has_value());
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, ACommitIsHeldToItsReferencesWhateverItsSize) {
    Bench bench(*subject_);
    bench.commit_and_apply(full_change_set(bench));
    auto const with_rows = [&](int count, RowId position, ConId con_id) {
        ChangeSet change_set = bench.change();
        change_set.instruments = {stock(900001, "KO")};
        change_set.positions = {episode(bench.id(50), 900001, "somebody", std::nullopt)};
        for (int i = 1; i <= count; ++i) {
            Adjustment adjustment;
            adjustment.adjustment_id = bench.id(1000 + i);
            adjustment.con_id = i < count ? 900001 : con_id;
            adjustment.cause = Cause::manual;
            adjustment.quantity = 1;
            adjustment.recorded_at = noon;
            change_set.adjustments.push_back(adjustment);
            HistoryRow row;
            row.position_id = i < count ? bench.id(50) : position;
            row.valid_from = after(i);
            row.quantity = 1;
            change_set.history.push_back(row);
        }
        change_set.next_id = 2000;
        return change_set;
    };
    auto const before = bench.load();
    for (int const count : {1, 2, 600}) {
        EXPECT_FALSE(bench.commit(with_rows(count, bench.id(49), 900001)).has_value()) << "a position that does not exist";
        EXPECT_FALSE(bench.commit(with_rows(count, bench.id(50), 4711)).has_value()) << "an instrument that does not";
        CommitRequest marks = bench.request({with_rows(count, bench.id(50), 900001)});
        marks.marks.push_back({});
        marks.marks.back().account_id = bench.books[0].account_id;
        marks.marks.back().con_id = 4711;
        EXPECT_FALSE(store().commit(marks).has_value()) << "a price of nothing";
        marks.marks.back().con_id = 700001;
        marks.marks.back().account_id = 4711;
        EXPECT_FALSE(store().commit(marks).has_value()) << "a price of nobody";
        EXPECT_EQ(bench.load(), before);
    }
    // 2 and 700001 were written by the commit before this one.
    EXPECT_TRUE(bench.commit(with_rows(600, bench.id(2), 700001)).has_value());
}

TEST_P(StoreContract, ACommitWithoutChangesIsHeldToItsReferencesToo) {
    Bench bench(*subject_);
    bench.commit_and_apply(full_change_set(bench));
    CommitRequest marks = bench.request({});
    marks.marks.push_back({});
    marks.marks[0].account_id = bench.books[0].account_id;
    marks.marks[0].con_id = 700001;
    EXPECT_TRUE(store().commit(marks).has_value());
    marks.marks[0].con_id = 4711;
    EXPECT_FALSE(store().commit(marks).has_value());
    CommitRequest run = bench.request({});
    run.runs.push_back({});
    run.runs[0].gateway = "paper";
    run.runs[0].account_id = 4711;
    run.runs[0].account = "DU4711";
    EXPECT_FALSE(store().commit(run).has_value());
}

TEST_P(StoreContract, AnExecutionChangesWhereverTheClockStands) {
    Bench bench(*subject_);
    bench.commit_and_apply(full_change_set(bench));
    auto const commit = [&](std::optional<base::Decimal> commission) {
        ChangeSet change_set = bench.change();
        change_set.recorded_at = after(1);  // of every commit, as by a clock that was set back
        change_set.executions = {fill("c.01", 700001, after(-1), Side::bought, 1, 1)};
        change_set.executions[0].recorded_at = after(1);
        change_set.executions[0].commission = commission;
        bench.commit_and_apply(change_set);
        EXPECT_EQ(bench.load(), bench.books[0]);
    };
    commit(std::nullopt);
    commit(base::Decimal(2));
    commit(base::Decimal(3));
}

TEST_P(StoreContract, EmptyRequestNeedsNoTransaction) {
    CommitRequest request;
    request.gateway_id = 99;  // not even the fence is looked at
    EXPECT_TRUE(store().commit(request).has_value());
}

TEST_P(StoreContract, UnknownAccountIsNotFound) {
    EXPECT_EQ(store().load(77, noon, everything).error().code, ErrorCode::not_found);
}

TEST_P(StoreContract, ContractDataIsNotForgottenThroughAnotherAccount) {
    Bench bench(*subject_, {"DU1", "DU2"});
    bench.commit_and_apply(full_change_set(bench));
    ChangeSet other = bench.change(1);
    other.instruments = {stock(700001, "SPX")};  // as positions and fills describe it
    other.executions = {fill("z.01", 700001, after(-1), Side::bought, 1, 1)};
    ASSERT_TRUE(bench.commit(other).has_value());
    EXPECT_EQ(bench.load(0), bench.books[0]);
    EXPECT_TRUE(bench.load(1).instruments.at(700001).instrument->details_known);
}

TEST_P(StoreContract, TheWireImprovesWhatAStatementDescribedAndIsNotOverwrittenByIt) {
    Bench bench(*subject_);
    Instrument of_statement = stock(1, "SPX");
    of_statement.multiplier = 100;
    of_statement.under_con_id = 416904;
    auto const commit = [&](Instrument const& instrument) {
        ChangeSet change_set = bench.change();
        change_set.instruments = {instrument};
        change_set.executions = {fill("a.01", 1, after(-5), Side::bought, 1, 1)};
        bench.commit_and_apply(change_set);
    };
    commit(of_statement);
    EXPECT_EQ(bench.load().instruments.at(1).instrument, of_statement);
    Instrument of_wire = of_statement;
    of_wire.trading_class = "SPXW";
    of_wire.price_scale = number("0.01");
    of_wire.details_known = true;
    commit(of_wire);
    EXPECT_EQ(bench.load().instruments.at(1).instrument, of_wire);
    commit(of_statement);
    EXPECT_EQ(bench.load().instruments.at(1).instrument, of_wire);
}

// --- statements
// ------------------------------------------------------------------------------------------------------

inline StatementRecords full_records(AccountId account) {
    StatementRecords records;
    records.account_id = account;
    records.imported_at = after(1);
    records.statements = {{{2026, 11, 1}, {2026, 11, 20}, after(-9), "daily", "a.xml", "Trades OpenPositions", 17},
                          {{2026, 10, 1}, {2026, 10, 31}, std::nullopt, "", "", "Trades", 0}};
    records.position_dates = {{2026, 11, 20}, {2026, 11, 19}};
    StatementPosition const one_lot{700001,           {2026, 11, 20},   true,         number("-1.5"), number("12.25"), number("-1837.5"),
                          number("13.125"), number("1.0625"), after(-7000), "23456789012",  33};
    StatementPosition whole;
    whole.con_id = 700001;
    whole.date = {2026, 11, 20};
    whole.quantity = number("-3");
    records.positions = {one_lot, one_lot, whole};
    records.trades = {{265598, {2026, 11, 19}, "a.01", "501", number("-3"), number("12.5")},
                      {700001, {2026, 11, 20}, "statement:502", "502", 5, std::nullopt}};
    records.cash = {{"77", "Dividends", 700001, "SPX", "USD", number("12.34"), number("0.91"), after(-8000), {2026, 11, 18},
                     base::Date{2026, 11, 20}, base::Date{2026, 11, 3}, "98765", "it's 1.5% \"cash\""},
                    {"78", "Deposits/Withdrawals", 0, "", "EUR", number("-5"), {}, {}, {2026, 11, 19}, {}, {}, "", ""}};
    records.successions = {{700001, 700002, {2026, 11, 9}, "98765", "TC", Ratio{1, 2}, number("0.75")},
                           {700001, 700003, {2026, 11, 9}, "98765", "TC", std::nullopt, std::nullopt}};
    records.rates = {{{2026, 11, 20}, "EUR", number("1.0625")}, {{2026, 11, 19}, "EUR", number("1.0525")}};
    records.certifications = {{{2026, 11, 19}, CertificationState::matched, 3, 4, 5, number("-6.5"), 7, 0},
                              {{2026, 11, 20}, CertificationState::differs, 0, 0, 0, std::nullopt, 0, 8}};
    records.judged_dates = {{2026, 11, 19}, {2026, 11, 20}};
    records.differences = {
        {{2026, 11, 19}, DifferenceKind::commission, DifferenceState::corrected, 700001, "a.01", "1.25", "1.2", "came late"},
        {{2026, 11, 20}, DifferenceKind::position_missing, DifferenceState::open, 700001, "", "5", "", ""},
        {{2026, 11, 20}, DifferenceKind::statement_gap, DifferenceState::open, 0, "", "", "", ""}};
    records.remainders = {{"Trades/@novelty", 9, R"({"a": "1"})"}, {"Trades/@novelty", 10, R"({"a": "2"})"}};
    records.base_currency = "CHF";
    return records;
}

TEST_P(StoreContract, StatementRecordsAreKeptOnceAndReplacedByKey) {
    Bench bench(*subject_, {"DU1", "DU2"});
    AccountId const account = bench.books[0].account_id;
    StatementRecords kept;
    kept.account_id = account;
    auto const commit = [&](StatementRecords const& records) {
        CommitRequest request = bench.request({});
        request.statements = {records};
        auto const committed = store().commit(request);
        ASSERT_TRUE(committed.has_value()) << committed.error().message;
        apply(kept, records);
        EXPECT_EQ(subject_->statement_records(account), kept);
    };
    StatementRecords const first = full_records(account);
    commit(first);
    EXPECT_EQ(kept.positions.size(), 3u);
    subject_->reopen();
    EXPECT_EQ(subject_->statement_records(account), kept);
    EXPECT_TRUE(subject_->statement_records(bench.books[1].account_id).empty());

    std::int64_t const before = subject_->rows_written();
    StatementRecords again = first;
    again.imported_at = after(100);
    std::swap(again.positions[0], again.positions[2]);  // the order in a file says nothing
    again.remainders[0].line = 5;
    commit(again);
    EXPECT_EQ(subject_->rows_written(), before);

    StatementRecords later;
    later.account_id = account;
    later.imported_at = after(2);
    later.statements = {first.statements[0]};
    later.statements[0].trades = 18;
    later.position_dates = {{2026, 11, 20}};
    later.positions = {first.positions[2]};
    later.positions[0].quantity = 4;
    later.trades = {first.trades[0]};
    later.trades[0].quantity = -4;
    later.cash = {first.cash[0]};
    later.cash[0].amount = 13;
    later.cash[0].con_id = 0;
    later.cash[0].ex_date.reset();
    later.successions = {first.successions[0]};
    later.successions[0].cost_share.reset();
    later.rates = {{{2026, 11, 20}, "EUR", 2}, {{2026, 11, 20}, "GBP", 3}};
    later.certifications = {{{2026, 11, 20}, CertificationState::matched, 1, 1, 1, number("0.5"), 1, 0}};
    later.judged_dates = {{2026, 11, 19}, {2026, 11, 20}};
    later.differences = {first.differences[2]};
    later.differences[0].state = DifferenceState::corrected;
    later.remainders = {first.remainders[0], {"Novelty", 1, "{}"}};
    commit(later);
    EXPECT_EQ(kept.differences.size(), 2u);  // what was corrected stays, the position that was missing is no longer
    EXPECT_EQ(kept.positions.size(), 1u);
    EXPECT_EQ(kept.remainders.size(), 3u);
    StatementRecords again_judged;  // judged again, and nothing found: what was corrected is still told
    again_judged.account_id = account;
    again_judged.judged_dates = {{2026, 11, 19}, {2026, 11, 20}};
    again_judged.position_dates = {{2026, 11, 20}};
    commit(again_judged);
    EXPECT_EQ(kept.differences.size(), 2u);
    EXPECT_TRUE(kept.positions.empty());
}

TEST_P(StoreContract, StatementRecordsGoWithTheirChangeSetOrNotAtAll) {
    Bench bench(*subject_, {"DU1", "DU2"});
    AccountId const account = bench.books[0].account_id;
    ChangeSet stale = bench.change();
    stale.base_revision = 4;
    CommitRequest request = bench.request({stale});
    request.statements = {full_records(account)};
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    EXPECT_TRUE(subject_->statement_records(account).empty());
    request.change_sets = {share(bench.change())};
    --request.epoch;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    request.epoch = bench.lease.epoch;
    ASSERT_TRUE(store().commit(request).has_value());
    EXPECT_FALSE(subject_->statement_records(account).empty());

    auto const other = store().claim(claim_of("other", {"DU9"}));
    ASSERT_TRUE(other.has_value());
    request.change_sets.clear();
    request.gateway_id = other->gateway_id;
    request.epoch = other->epoch;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
    request.statements[0].account_id = 77;
    EXPECT_EQ(store().commit(request).error().code, ErrorCode::conflict);
}

TEST_P(StoreContract, ClaimsAreThoseOfStatementsAndPositionsFromADayOn) {
    Bench bench(*subject_);
    AccountId const account = bench.books[0].account_id;
    CommitRequest request = bench.request({});
    request.statements = {full_records(account)};
    request.statements[0].positions[0].date = {2026, 11, 19};
    ASSERT_TRUE(store().commit(request).has_value());
    StatementRecords kept;
    apply(kept, request.statements[0]);
    auto const since = [&](base::Date date) {
        auto claims = store().load_claims(account, date);
        EXPECT_TRUE(claims.has_value()) << claims.error().message;
        return claims.value_or(StatementClaims{});
    };
    EXPECT_EQ(since({2026, 1, 1}).statements, kept.statements);
    EXPECT_EQ(since({2026, 1, 1}).positions, kept.positions);
    EXPECT_EQ(since({2026, 11, 20}).statements, kept.statements);
    EXPECT_EQ(since({2026, 11, 20}).positions, (std::vector{kept.positions[1], kept.positions[2]}));
    EXPECT_EQ(since({2026, 1, 1}).trades, kept.trades);
    EXPECT_EQ(since({2026, 11, 20}).trades, (std::vector{kept.trades[1]}));
    EXPECT_TRUE(since({2026, 11, 21}).positions.empty());
    EXPECT_EQ(since({2026, 1, 1}).differences, kept.differences);
    EXPECT_EQ(since({2026, 11, 20}).differences, (std::vector{kept.differences[1], kept.differences[2]}));
    EXPECT_EQ(since({2026, 11, 21}).certifications, kept.certifications);
}

TEST_P(StoreContract, ClaimsTellSinceWhenAndUntilWhenAServiceFollowed) {
    Bench bench(*subject_, {"DU1", "DU2"});
    AccountId const account = bench.books[0].account_id;
    auto const claims = [&] { return store().load_claims(account, {2026, 1, 1}).value_or(StatementClaims{}); };
    EXPECT_EQ(claims().live_since, std::nullopt);
    EXPECT_EQ(claims().last_synced_at, std::nullopt);
    CommitRequest request = bench.request({});
    request.coverage = {{account, "executions", days_ago(30), days_ago(9), "complete", "statement"},
                        {account, "executions", days_ago(8), days_ago(7), "complete", "pull"},
                        {account, "executions", days_ago(7), days_ago(6), "unknown", "pull"},
                        {bench.books[1].account_id, "executions", days_ago(20), days_ago(7), "complete", "pull"}};
    model::Freshness fresh;
    fresh.account_id = account;
    fresh.last_synced_at = days_ago(1);
    request.freshness = {fresh};
    ASSERT_TRUE(store().commit(request).has_value());
    EXPECT_EQ(claims().live_since, days_ago(8));
    EXPECT_EQ(claims().last_synced_at, days_ago(1));
}

// --- what is loaded
// ------------------------------------------------------------------------------------------------

TEST_P(StoreContract, LoadsOpenAndLatelyClosedPositionsWithTheirFacts) {
    Bench bench(*subject_);
    ChangeSet change_set = bench.change();
    change_set.instruments = {stock(1, "OLD"), stock(2, "LATE"), stock(3, "OPEN"), stock(4, "FLIP"),
                              stock(5, "PENDING")};
    change_set.executions = {// Opened and closed long ago.
                             fill("old1.01", 1, days_ago(40), Side::bought, 10, 1),
                             fill("old2.01", 1, days_ago(30), Side::sold, 10, 2),
                             // Opened long ago, closed lately; an episode before that.
                             fill("late1.01", 2, days_ago(60), Side::bought, 10, 1),
                             fill("late2.01", 2, days_ago(50), Side::sold, 10, 1),
                             fill("late3.01", 2, days_ago(40), Side::bought, 10, 1),
                             fill("late4.01", 2, days_ago(2), Side::sold, 10, 2),
                             // Open since long ago, in the same second as the end of the episode before.
                             fill("open1.01", 3, days_ago(40), Side::bought, 10, 1),
                             fill("open2.01", 3, days_ago(30), Side::sold, 10, 1),
                             fill("open3.01", 3, days_ago(30), Side::bought, 10, 2),
                             // Flipped twice: the fold starts at the first.
                             fill("flip1.01", 4, days_ago(40), Side::bought, 10, 1),
                             fill("flip2.01", 4, days_ago(35), Side::sold, 20, 1),
                             fill("flip3.01", 4, days_ago(30), Side::bought, 20, 1),
                             // No position at all.
                             fill("pend1.01", 5, days_ago(20), Side::bought, 1, 1),
                             fill("pend2.01", 5, days_ago(1), Side::bought, 1, 1)};
    std::int64_t perm_id = 0;
    for (auto& execution : change_set.executions) execution.perm_id = ++perm_id;
    change_set.executions[12].booking = Booking::pending;
    change_set.executions[13].booking = Booking::pending;
    change_set.positions = {episode(bench.id(1), 1, "old1", days_ago(30)),
                            episode(bench.id(2), 2, "late1", days_ago(50)),
                            episode(bench.id(3), 2, "late3", days_ago(2)),
                            episode(bench.id(4), 3, "open1", days_ago(30)),
                            episode(bench.id(5), 3, "open3", std::nullopt),
                            episode(bench.id(6), 4, "flip1", days_ago(35)),
                            episode(bench.id(7), 4, "flip2", days_ago(30), "flip1"),
                            episode(bench.id(8), 4, "flip3", std::nullopt, "flip1")};
    change_set.positions[4].closed_at = days_ago(20);  // what holds counts, whatever the dates say
    for (auto const& position : change_set.positions) {
        change_set.closes.push_back(close_of(position, position.position_id + 10));
    }
    change_set.next_id = 20;
    bench.commit_and_apply(change_set);

    using Names = std::vector<std::string>;
    using Ids = std::vector<RowId>;
    auto const names = [](InstrumentBook const& book) {
        Names found;
        for (auto const& execution : book.executions) found.push_back(fact_name(execution));
        return found;
    };
    auto const ids = [&](InstrumentBook const& book) {
        Ids found;
        for (auto const& position : book.positions) found.push_back(position.position_id - bench.id(0));
        EXPECT_EQ(book.closes.size(), found.size());
        return found;
    };

    auto const loaded = bench.load(0, eight_days).instruments;
    EXPECT_FALSE(loaded.contains(1));
    ASSERT_EQ(loaded.size(), 4u);
    EXPECT_EQ(ids(loaded.at(2)), (Ids{3}));
    EXPECT_EQ(names(loaded.at(2)), (Names{"late3", "late4"}));
    EXPECT_EQ(ids(loaded.at(3)), (Ids{5}));
    EXPECT_EQ(names(loaded.at(3)), (Names{"open3"}));
    EXPECT_EQ(ids(loaded.at(4)), (Ids{6, 7, 8}));
    EXPECT_EQ(names(loaded.at(4)), (Names{"flip1", "flip2", "flip3"}));
    EXPECT_EQ(ids(loaded.at(5)), (Ids{}));
    EXPECT_EQ(names(loaded.at(5)), (Names{"pend2"}));

    auto const history = [&](ConId con_id, std::int64_t days) {
        auto book = store().load_history(bench.books[0].account_id, con_id, days_ago(days));
        EXPECT_TRUE(book.has_value());
        return book.value_or(InstrumentBook{});
    };
    EXPECT_EQ(names(history(2, 45)), (Names{"late3", "late4"}));
    EXPECT_EQ(names(history(2, 55)), (Names{"late1", "late2", "late3", "late4"}));
    EXPECT_EQ(ids(history(2, 55)), (Ids{2, 3}));
    EXPECT_EQ(names(history(1, 10)), (Names{}));
    EXPECT_EQ(names(history(1, 35)), (Names{"old1", "old2"}));
    EXPECT_EQ(history(1, 35).instrument->symbol, "OLD");
    EXPECT_EQ(history(2, 3000), bench.books[0].instruments.at(2));
    EXPECT_EQ(store().load_history(bench.books[0].account_id, 4711, noon)->instrument.con_id(), 0);
    EXPECT_EQ(bench.load(), bench.books[0]);
}

TEST_P(StoreContract, LoadsOpeningBalancesAndCorrectionsOfTheFirstFill) {
    Bench bench(*subject_);
    ChangeSet change_set = bench.change();
    change_set.instruments = {stock(1, "BALANCE"), stock(2, "CORRECTED")};
    Adjustment balance;
    balance.adjustment_id = bench.id(1);
    balance.con_id = 1;
    balance.cause = Cause::opening_balance;
    balance.quantity = 10;
    balance.recorded_at = days_ago(40);
    Adjustment withdrawn = balance;
    withdrawn.adjustment_id = bench.id(2);
    withdrawn.con_id = 2;
    withdrawn.undone_at = days_ago(1);
    change_set.adjustments = {balance, withdrawn};
    Execution original = fill("c.01", 2, days_ago(40), Side::bought, 10, 1);
    original.superseded_by = "c.02";
    Execution const correction = fill("c.02", 2, days_ago(39), Side::bought, 10, 2);
    change_set.executions = {original, correction, fill("b.01", 1, days_ago(20), Side::bought, 1, 1)};
    change_set.positions = {episode(bench.id(3), 1, fact_name(balance), std::nullopt),
                            episode(bench.id(4), 2, "c", std::nullopt)};
    change_set.next_id = 5;
    bench.commit_and_apply(change_set);
    EXPECT_EQ(bench.load(0, eight_days), bench.books[0]);
}

TEST_P(StoreContract, CorrectionsLoadInOneOrderHoweverTheyArrived) {
    Bench bench(*subject_);
    for (std::string const exec_id : {"c.02", "c.01", "c.03"}) {
        ChangeSet change_set = bench.change();
        change_set.instruments = {stock(1, "A")};
        change_set.executions = {fill(exec_id, 1, after(-5), Side::bought, 1, 1)};
        bench.commit_and_apply(change_set);
    }
    EXPECT_EQ(bench.load(), bench.books[0]);
}

// --- leases
// ----------------------------------------------------------------------------------------------------------

TEST_P(StoreContract, ClaimRegistersAccountsInOrder) {
    auto const lease = store().claim(claim_of("paper", {"DU2", "DU1"}));
    ASSERT_TRUE(lease.has_value());
    ASSERT_EQ(lease->accounts.size(), 2u);
    EXPECT_EQ(lease->accounts[0].account, "DU2");
    EXPECT_EQ(lease->accounts[1].account, "DU1");
    EXPECT_NE(lease->accounts[0].account_id, lease->accounts[1].account_id);
    EXPECT_TRUE(lease->warnings.empty());
    auto const book = store().load(lease->accounts[1].account_id, noon, everything);
    ASSERT_TRUE(book.has_value());
    EXPECT_EQ(book->account, "DU1");
}

TEST_P(StoreContract, AlertsAndTheirNotesAreKeptTogether) {
    Bench bench(*subject_);
    auto log = subject_->open_alert_log();
    AlertRow raised{"quantity_break", "DU1", "265598", "paper", "it's wrong", after(0), std::nullopt, after(1), 2, 3};
    AlertRow of_gateway{"stale", "", "paper", "paper", "away", after(0), after(5), after(5), 0, 0};
    AlertEntry entry;
    entry.alerts = {raised, of_gateway};
    entry.notes = {{0, "phone", "raised", "quantity_break", "DU1", "265598", "paper", "it's wrong", after(1)},
                   {0, "chat", "raised", "quantity_break", "DU1", "265598", "paper", "it's wrong", after(1)},
                   {0, "phone", "recovered", "stale", "", "paper", "paper", "back", after(5)}};
    entry.revisions = {{"DU1", 7}, {"DU2", 1}};
    ASSERT_TRUE(log->record(entry).has_value());
    ASSERT_TRUE(log->record({{}, {}, {{"DU1", 8}}}).has_value());
    subject_->reopen();
    log = subject_->open_alert_log();
    auto state = log->load(after(4));
    ASSERT_TRUE(state.has_value()) << state.error().message;
    EXPECT_EQ(state->alerts, (std::vector<AlertRow>{raised, of_gateway}));
    EXPECT_EQ(state->revisions, (std::map<std::string, std::int64_t>{{"DU1", 8}, {"DU2", 1}}));
    EXPECT_EQ(log->load(after(5))->alerts, std::vector<AlertRow>{raised}) << "cleared long ago";
    auto waiting = log->waiting("phone");
    ASSERT_TRUE(waiting.has_value() && waiting->size() == 2) << "each receiver has its own, in order";
    EXPECT_EQ((*waiting)[0].kind + (*waiting)[1].kind, "raisedrecovered");
    EXPECT_EQ((*waiting)[1].created_at, after(5));
    ASSERT_TRUE(log->sent({(*waiting)[0].note_id}, after(6)).has_value());
    EXPECT_EQ(log->waiting("phone")->size(), 1u);
    EXPECT_EQ(log->waiting("chat")->size(), 1u);
    // It clears, and comes back as the same row.
    raised.cleared_at = after(9);
    raised.text = "was wrong";
    ASSERT_TRUE(log->record({{raised}, {}, {}}).has_value());
    EXPECT_EQ(log->load(after(8))->alerts, std::vector<AlertRow>{raised});
    ASSERT_TRUE(log->prune(after(6)).has_value());
    EXPECT_TRUE(log->waiting("phone")->empty());
    EXPECT_EQ(log->load(after(0))->alerts, std::vector<AlertRow>{raised}) << "what cleared before is forgotten";
}

TEST_P(StoreContract, RenewalKeepsTheEpochAndARestartRaisesIt) {
    GatewayClaim claim = claim_of("paper", {"DU1"});
    auto const first = store().claim(claim);
    ASSERT_TRUE(first.has_value());
    claim.now = after(10);
    auto const renewed = store().claim(claim);
    ASSERT_TRUE(renewed.has_value());
    EXPECT_EQ(renewed->epoch, first->epoch);
    EXPECT_EQ(renewed->accounts, first->accounts);

    claim.owner = "host:2:2";
    claim.now = after(39);  // the renewed lease ends at 40
    auto const refused = store().claim(claim);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().message.find("host:1:1"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("2026-11-23T12:00:40"), std::string::npos)
        << refused.error().message;

    claim.now = after(40);
    auto const taken = store().claim(claim);
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->epoch, first->epoch + 1);
    EXPECT_EQ(taken->gateway_id, first->gateway_id);
    EXPECT_EQ(taken->accounts, first->accounts);
}

TEST_P(StoreContract, TheOldOwnerIsFencedOff) {
    Bench bench(*subject_);
    GatewayClaim rival = claim_of("paper", {"DU1"}, "host:2:2");
    rival.now = after(60);
    ASSERT_TRUE(store().claim(rival).has_value());
    auto const committed = bench.commit(full_change_set(bench));
    ASSERT_FALSE(committed.has_value());
    EXPECT_EQ(committed.error().code, ErrorCode::conflict);
    EXPECT_NE(committed.error().message.find("host:2:2"), std::string::npos) << committed.error().message;
    EXPECT_EQ(store().release(bench.lease.gateway_id, bench.lease.epoch, noon).error().code, ErrorCode::conflict);
}

TEST_P(StoreContract, ReleaseLetsTheNextOwnerInAtOnce) {
    Bench bench(*subject_);
    ASSERT_TRUE(store().release(bench.lease.gateway_id, bench.lease.epoch, noon).has_value());
    EXPECT_EQ(bench.commit(full_change_set(bench)).error().code, ErrorCode::conflict);
    auto const next = store().claim(claim_of("paper", {"DU1"}, "host:2:2"));
    ASSERT_TRUE(next.has_value());
    EXPECT_GT(next->epoch, bench.lease.epoch);
}

TEST_P(StoreContract, CommitsRenewTheLease) {
    Bench bench(*subject_);
    CommitRequest request = bench.request({bench.change()});
    request.now = after(20);  // the lease would end at 30
    ASSERT_TRUE(store().commit(request).has_value());
    GatewayClaim rival = claim_of("paper", {"DU1"}, "host:2:2");
    rival.now = after(49);
    EXPECT_FALSE(store().claim(rival).has_value());
    rival.now = after(50);
    EXPECT_TRUE(store().claim(rival).has_value());
}

TEST_P(StoreContract, PaperAndLiveAreNotMixed) {
    Bench bench(*subject_);
    GatewayClaim live = claim_of("paper", {"DU1"});
    live.paper = false;
    EXPECT_EQ(store().claim(live).error().code, ErrorCode::refused);
    EXPECT_TRUE(store().claim(claim_of("paper", {"DU1"})).has_value());
}

TEST_P(StoreContract, AnAccountStaysWithItsFirstGateway) {
    Bench bench(*subject_);
    auto const second_gateway = store().claim(claim_of("second", {"DU1", "DU2"}));
    ASSERT_TRUE(second_gateway.has_value());
    ASSERT_EQ(second_gateway->accounts.size(), 1u);
    EXPECT_EQ(second_gateway->accounts[0].account, "DU2");
    ASSERT_EQ(second_gateway->warnings.size(), 1u);
    EXPECT_NE(second_gateway->warnings[0].find("DU1"), std::string::npos);
    EXPECT_NE(second_gateway->warnings[0].find("paper"), std::string::npos);
}

TEST_P(StoreContract, AnOwnerAddsAccountsThatWereNeverSeen) {  // as an import of statements does, one after the other
    auto const first = store().claim(claim_of("paper", {"DU1"}));
    ASSERT_TRUE(first.has_value());
    auto const added = store().claim(claim_of("paper", {"DU2"}));
    ASSERT_TRUE(added.has_value());
    EXPECT_EQ(added->gateway_id, first->gateway_id);
    EXPECT_EQ(added->epoch, first->epoch);
    ASSERT_EQ(added->accounts.size(), 1u);
    EXPECT_EQ(store().load(added->accounts[0].account_id, noon, everything)->revision, 0);
    CommitRequest request;
    request.gateway_id = first->gateway_id;
    request.epoch = first->epoch;
    request.now = noon;
    for (auto const account : {first->accounts[0].account_id, added->accounts[0].account_id}) {
        request.statements.push_back(full_records(account));
    }
    EXPECT_TRUE(store().commit(request).has_value());
}

TEST_P(StoreContract, ARefusedClaimRegistersNothing) {
    ASSERT_TRUE(store().claim(claim_of("a", {"DU1"})).has_value());
    GatewayClaim live = claim_of("a", {"DU7"});
    live.paper = false;
    ASSERT_FALSE(store().claim(live).has_value());
    live.gateway = "b";
    auto const granted = store().claim(live);
    ASSERT_TRUE(granted.has_value());  // DU7 was not remembered as anything
    EXPECT_EQ(granted->accounts.size(), 1u);
}

TEST_P(StoreContract, AGatewayIsTakenBeforeItsAccountsAreKnown) {
    GatewayClaim claim = claim_of("paper", {});
    claim.paper.reset();
    auto const taken = store().claim(claim);
    ASSERT_TRUE(taken.has_value()) << taken.error().message;
    EXPECT_TRUE(taken->accounts.empty());
    EXPECT_FALSE(store().fleet(noon)->gateways[0].paper.has_value());
    claim.accounts = {"DU1"};
    EXPECT_EQ(store().claim(claim).error().code, ErrorCode::invalid_input);  // of what kind are they?
    auto const registered = store().claim(claim_of("paper", {"DU1"}));
    ASSERT_TRUE(registered.has_value());
    EXPECT_EQ(registered->epoch, taken->epoch);
    EXPECT_EQ(registered->accounts.size(), 1u);
    EXPECT_EQ(store().fleet(noon)->gateways[0].paper, true);
    claim.accounts.clear();
    EXPECT_TRUE(store().claim(claim).has_value());  // a renewal says nothing of paper and live
    EXPECT_EQ(store().fleet(noon)->gateways[0].paper, true);
}

TEST_P(StoreContract, TheFleetIsWhoLivesAndWhoHoldsWhat) {
    ASSERT_TRUE(store().claim(claim_of("a", {})).has_value());
    ASSERT_TRUE(store().beat({"host:1:1", {"b", "a"}, noon, Duration(30 * second)}).has_value());
    ASSERT_TRUE(store().beat({"host:2:2", {"b"}, after(5), Duration(30 * second)}).has_value());
    auto const fleet = store().fleet(after(10));
    ASSERT_TRUE(fleet.has_value());
    ASSERT_EQ(fleet->services.size(), 2u);
    EXPECT_EQ(fleet->services[0].owner, "host:1:1");
    EXPECT_EQ(fleet->services[0].gateways, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(fleet->services[0].live_for, Duration(10 * second));
    EXPECT_EQ(fleet->services[1].gateways, (std::vector<std::string>{"b"}));
    ASSERT_EQ(fleet->gateways.size(), 2u);
    EXPECT_EQ(fleet->gateways[0].owner, "host:1:1");
    EXPECT_EQ(fleet->gateways[0].remaining, Duration(20 * second));
    EXPECT_EQ(fleet->gateways[1].gateway, "b");
    EXPECT_EQ(fleet->gateways[1].owner, "");
    EXPECT_EQ(fleet->gateways[1].epoch, 0);
    EXPECT_EQ(fleet->gateways[1].remaining, Duration(-10 * second));  // it waits since somebody named it

    // Dead services are not of the fleet, and their leases are free.
    auto const later = store().fleet(after(31));
    ASSERT_EQ(later->services.size(), 1u);
    EXPECT_EQ(later->services[0].owner, "host:2:2");
    EXPECT_EQ(later->gateways[0].owner, "");

    // A service that ends, or no longer serves a gateway, says so.
    ASSERT_TRUE(store().beat({"host:2:2", {"c"}, after(31), Duration(30 * second)}).has_value());
    EXPECT_EQ(store().fleet(after(31))->services[0].gateways, (std::vector<std::string>{"c"}));
    auto const nothing_is_left_behind = [&] {
        auto const wrong = subject_->check();
        ASSERT_TRUE(wrong.has_value());
        EXPECT_TRUE(wrong->empty()) << wrong->front();
    };
    ASSERT_TRUE(store().beat({"host:2:2", {"c"}, after(62), Duration(30 * second)}).has_value());  // the first is long dead
    nothing_is_left_behind();
    ASSERT_TRUE(store().leave("host:2:2").has_value());
    EXPECT_TRUE(store().fleet(after(62))->services.empty());
    nothing_is_left_behind();
}

TEST_P(StoreContract, AFreeGatewayIsLeftToTheServiceWithRoom) {
    for (std::string const owner : {"host:1:1", "host:2:2"}) {
        ASSERT_TRUE(store().beat({owner, {"a", "b"}, noon, Duration(30 * second)}).has_value());
    }
    GatewayClaim first = claim_of("a", {});
    first.share = true;
    ASSERT_TRUE(store().claim(first).has_value());
    first.gateway = "b";
    auto const left = store().claim(first);
    ASSERT_FALSE(left.has_value());
    EXPECT_EQ(left.error().code, ErrorCode::conflict);
    EXPECT_NE(left.error().message.find("host:2:2"), std::string::npos) << left.error().message;
    GatewayClaim second_service = claim_of("b", {}, "host:2:2");
    second_service.share = true;
    ASSERT_TRUE(store().claim(second_service).has_value());
}

TEST_P(StoreContract, ARequestGoesToTheServiceThatItNames) {
    ASSERT_TRUE(subject_->ask("status", "").has_value());
    auto const for_second = subject_->ask("sync", "host:2:2");
    ASSERT_TRUE(for_second.has_value());
    auto const first = store().pending_requests("host:1:1");
    ASSERT_TRUE(first.has_value());
    ASSERT_EQ(first->size(), 1u);
    EXPECT_EQ((*first)[0].verb, "status");
    auto const second_service = store().pending_requests("host:2:2");
    ASSERT_EQ(second_service->size(), 2u);
    EXPECT_EQ((*second_service)[1].request_id, *for_second);
    EXPECT_EQ((*second_service)[1].service, "host:2:2");
}

TEST_P(StoreContract, ForgottenNotificationsAreNoDamageAndAHoleIs) {
    Bench bench(*subject_);
    auto const wrong = [&] {
        auto found = subject_->check();
        EXPECT_TRUE(found.has_value()) << found.error().message;
        return found ? found->size() : 0U;
    };
    EXPECT_EQ(wrong(), 0U);
    for (int i = 0; i < 4; ++i) bench.commit_and_apply(bench.change());
    EXPECT_EQ(wrong(), 0U);
    subject_->execute("DELETE FROM outbox WHERE revision = 1");
    EXPECT_EQ(wrong(), 0U);
    subject_->execute("DELETE FROM outbox WHERE revision = 3");
    EXPECT_EQ(wrong(), 1U);
    subject_->execute("DELETE FROM outbox");
    EXPECT_EQ(wrong(), 0U);
}

TEST_P(StoreContract, FinishingARequestThatIsNotThereIsNotFound) {
    auto const pending = store().pending_requests("host:1:1");
    ASSERT_TRUE(pending.has_value());
    EXPECT_TRUE(pending->empty());
    EXPECT_EQ(store().finish_request(1, true, "{}", noon).error().code, ErrorCode::not_found);
}

}  // namespace possync::store::contract

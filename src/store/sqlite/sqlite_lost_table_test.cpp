// A database that lost a table: for every table, everything that a store, a reader and an outbox can be asked. What needs the
// table says so, a commit writes nothing of its other parts, and once the table is back all is as it was.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/contract_testing.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "store/sqlite/sqlite_outbox.hpp"
#include "store/sqlite/sqlite_reader.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/test_directory.hpp"

namespace possync::store {
namespace {

using contract::after;
using contract::claim_of;
using contract::noon;
using contract::number;
using model::AccountId;

/// A file with a store, and a connection that acts behind its back.
AlertEntry a_raised_alert() {
    AlertEntry entry;
    entry.alerts = {{"quantity_break", "DU1", "265598", "paper", "10 here, 9 there", noon, std::nullopt, noon, 0, 0}};
    entry.notes = {{0, "phone", "raised", "quantity_break", "DU1", "265598", "paper", "10 here, 9 there", noon}};
    entry.revisions = {{"DU1", 1}};
    return entry;
}

class LostTable {
public:
    LostTable() : store_(open_sqlite_store(path()).value()) {
        behind_ = sqlite::Database::open(path(), {.mode = sqlite::Database::Mode::read_write}).value();
        lease_ = store_->claim(claim_of("paper", {"DU1"})).value();
        account_ = lease_.accounts.at(0).account_id;
        EXPECT_TRUE(outbox().add_sink("hook", noon).has_value());
        auto const first = commit(0);
        EXPECT_TRUE(first.has_value()) << first.error().message;
    }
    [[nodiscard]] std::vector<std::string> tables() {
        std::vector<std::string> found;
        EXPECT_TRUE(behind_
                        ->each("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
                               [&](sqlite::Row& row) { found.push_back(row.text()); })
                        .has_value());
        return found;
    }
    void rename(std::string const& from, std::string const& to) {
        // Views keep the name that they were written with, as they would where the table is gone.
        auto const done = behind_->execute("PRAGMA legacy_alter_table = ON; ALTER TABLE " + from + " RENAME TO " + to);
        ASSERT_TRUE(done.has_value()) << done.error().message;
    }
    [[nodiscard]] model::AccountBook book() {
        return store_->load(account_, noon, contract::everything).value_or(model::AccountBook{});
    }

    /// What may be asked, by name.
    [[nodiscard]] std::vector<std::pair<char const*, std::function<base::Result<void>()>>> operations();

private:
    [[nodiscard]] std::string path() const { return directory_.file("possync.db"); }
    [[nodiscard]] AlertLog& alerts() {
        if (!alerts_) alerts_ = open_sqlite_alert_log(path()).value();
        return *alerts_;
    }
    [[nodiscard]] Outbox& outbox() {
        if (!outbox_) outbox_ = open_sqlite_outbox(path()).value();
        return *outbox_;
    }
    [[nodiscard]] query::Reader& reader() {
        if (!reader_) reader_ = open_sqlite_reader(path()).value();
        return *reader_;
    }
    /// A purchase and everything that may ride beside it.
    base::Result<void> commit(model::Revision base_revision) {
        model::ChangeSet change_set;
        change_set.account_id = account_;
        change_set.base_revision = base_revision;
        change_set.recorded_at = after(base_revision + 1);
        std::int64_t n = 100 * (base_revision + 1);
        auto const id = [&] { return model::row_id(account_, n++); };
        model::ConId const con_id = 265598 + base_revision;
        change_set.instruments = {contract::stock(con_id, "AAPL")};
        std::string const exec_id = "a" + std::to_string(base_revision);
        change_set.executions = {
            contract::fill(exec_id + ".01", con_id, after(1), model::Side::bought, number("10"), number("150"))};
        model::Adjustment adjustment;
        adjustment.adjustment_id = id();
        adjustment.con_id = con_id;
        adjustment.quantity = number("5");
        adjustment.effective_at = after(2);
        change_set.adjustments = {adjustment};
        auto position = contract::episode(id(), con_id, exec_id, std::nullopt);
        change_set.positions = {position};
        change_set.closes = {contract::close_of(position, id())};
        model::Lot lot;
        lot.lot_id = id();
        lot.position_id = position.position_id;
        lot.con_id = con_id;
        lot.opening_fact = exec_id;
        lot.quantity = lot.remaining_quantity = number("10");
        change_set.lots = {lot};
        model::HistoryRow row;
        row.position_id = position.position_id;
        row.valid_from = after(1);
        row.quantity = number("10");
        change_set.history = {row};
        model::PositionEvent event;
        event.event_id = id();
        event.position_id = position.position_id;
        event.con_id = con_id;
        change_set.events = {event};
        model::Break open;
        open.break_id = id();
        open.con_id = con_id;
        change_set.breaks = {open};
        change_set.next_id = n;
        CommitRequest request;
        request.gateway_id = lease_.gateway_id;
        request.epoch = lease_.epoch;
        request.now = after(base_revision + 1);
        request.change_sets = {model::share(std::move(change_set))};
        model::SyncRun run;
        run.gateway = "paper";
        run.account = "DU1";
        run.account_id = account_;
        run.outcome = model::Outcome::committed;
        run.revision = base_revision + 1;
        model::SyncRun unchanged = run;
        unchanged.outcome = model::Outcome::unchanged;
        unchanged.revision.reset();
        request.runs = {run, unchanged};
        model::MarkRecord mark;
        mark.account_id = account_;
        mark.con_id = con_id;
        mark.current_price = number("151");
        request.marks = {mark};
        request.values = {{account_, "NetLiquidation", "USD", "1000", noon}};
        model::CoverageWindow window;
        window.account_id = account_;
        window.stream = "executions";
        window.from_time = noon;
        window.to_time = after(base_revision + 5);
        window.state = "complete";
        window.source = "pull";
        request.coverage = {window};
        request.freshness = {{account_, noon, "USD"}};
        model::StatementRecords records;
        records.account_id = account_;
        records.imported_at = noon;
        model::StatementRecord statement;
        statement.from = statement.to = {2026, 11, static_cast<unsigned>(20 + base_revision)};
        records.statements = {statement};
        model::StatementPosition listed;
        listed.con_id = con_id;
        listed.date = statement.to;
        listed.quantity = number("10");
        records.positions = {listed};
        records.trades = {{con_id, statement.to, exec_id + ".01", "501", number("10"), std::nullopt}};
        model::CashTransaction cash;
        cash.transaction_id = "c" + exec_id;
        cash.type = "Dividends";
        cash.currency = "USD";
        cash.report_date = statement.to;
        records.cash = {cash};
        records.successions = {{con_id, 700001, statement.to, "98765" + exec_id, "TC", std::nullopt, std::nullopt}};
        records.rates = {{statement.to, "EUR", number("1.06")}};
        records.certifications = {{statement.to, model::CertificationState::matched, 3, 4, 5, std::nullopt, 7, 0}};
        records.judged_dates = {statement.to};
        records.differences = {
            {statement.to, model::DifferenceKind::commission, model::DifferenceState::open, con_id, exec_id, "1", "2", ""}};
        records.remainders = {{"Trades/@x" + exec_id, 1, "{}"}};
        request.statements = {records};
        return store_->commit(request);
    }

    sqlite::TestDirectory directory_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<sqlite::Database> behind_;
    std::unique_ptr<Outbox> outbox_;
    std::unique_ptr<AlertLog> alerts_;
    std::unique_ptr<query::Reader> reader_;
    GatewayLease lease_;
    AccountId account_ = 0;
};

template <typename Value>
base::Result<void> whether(base::Result<Value> const& result) {
    if (!result) return std::unexpected(result.error());
    return {};
}

std::vector<std::pair<char const*, std::function<base::Result<void>()>>> LostTable::operations() {
    auto* const self = this;
    auto const ask = [self](std::string verb) {
        OperatorRequest request;
        request.verb = std::move(verb);
        request.arguments = "{}";
        request.author = "test";
        request.asked_at = noon;
        return submit_operator_request(self->path(), request);
    };
    query::Filter filter;
    filter.account = "DU1";
    filter.since = noon;
    BehindAccount const behind{account_, "DU1", 0, 1};
    Notification notification;
    notification.account_id = account_;
    notification.account = "DU1";
    notification.revision = 1;
    query::RevisionKey key;
    key.revision = 1;
    key.first_event_id = model::row_id(account_, 100);
    key.last_event_id = model::row_id(account_, 200);
    return {
        {"commit", [self] { return self->commit(1); }},
        {"load", [self] { return whether(self->store_->load(self->account_, noon, contract::everything)); }},
        {"load_last_records", [self] { return whether(self->store_->load_last_records(self->account_)); }},
        {"load_history", [self] { return whether(self->store_->load_history(self->account_, 265598, noon)); }},
        {"load_claims", [self] { return whether(self->store_->load_claims(self->account_, {2026, 11, 1})); }},
        {"instruments_moved", [self] { return whether(self->store_->instruments_moved(self->account_, noon, after(1000))); }},
        {"claim", [self] { return whether(self->store_->claim(claim_of("other", {"DU7"}, "host:9:9"))); }},
        {"beat", [self] { return self->store_->beat({"host:1:1", {"paper", "other"}, after(10), {}}); }},
        {"fleet", [self] { return whether(self->store_->fleet(noon)); }},
        {"ask", [ask] { return whether(ask("sync")); }},
        {"pending_requests", [self] { return whether(self->store_->pending_requests("host:1:1")); }},
        {"reset_statistics", [self] { return reset_sqlite_statistics(self->path(), noon); }},
        {"finish_request", [self] { return self->store_->finish_request(1, true, "{}", noon); }},
        {"accounts", [self, filter] { return whether(self->reader().accounts(query::Filter{})); }},
        {"instruments", [self] { return whether(self->reader().instruments()); }},
        {"positions", [self, filter] { return whether(self->reader().positions(filter)); }},
        {"positions in the past",
         [self] {
             query::Filter at;
             at.at = after(3);
             return whether(self->reader().positions(at));
         }},
        {"closes", [self, filter] { return whether(self->reader().closes(filter)); }},
        {"events", [self, filter] { return whether(self->reader().events(filter)); }},
        {"executions", [self, filter] { return whether(self->reader().executions(filter)); }},
        {"lots", [self] { return whether(self->reader().lots()); }},
        {"runs", [self, filter] { return whether(self->reader().runs(filter)); }},
        {"breaks", [self] { return whether(self->reader().breaks()); }},
        {"coverage", [self] { return whether(self->reader().coverage()); }},
        {"account_values", [self] { return whether(self->reader().account_values()); }},
        {"adjustments", [self] { return whether(self->reader().adjustments()); }},
        {"history", [self] { return whether(self->reader().history()); }},
        {"statements", [self] { return whether(self->reader().statements()); }},
        {"certifications", [self] { return whether(self->reader().certifications()); }},
        {"certification_differences", [self] { return whether(self->reader().certification_differences()); }},
        {"cash_transactions", [self] { return whether(self->reader().cash_transactions()); }},
        {"successions", [self] { return whether(self->reader().successions()); }},
        {"currency_rates", [self] { return whether(self->reader().currency_rates()); }},
        {"gateways", [self] { return whether(self->reader().gateways()); }},
        {"committed_state", [self] { return whether(self->reader().committed_state()); }},
        {"change", [self, key] { return whether(self->reader().change(key)); }},
        {"status", [self] { return whether(query::read_status(self->reader(), noon)); }},
        {"live status", [self] { return whether(query::read_live_status(self->reader(), noon, {})); }},
        {"P&L", [self] { return whether(query::read_pnl(self->reader(), {}, {})); }},
        {"add_sink", [self] { return self->outbox().add_sink("other", noon); }},
        {"behind", [self] { return whether(self->outbox().behind("hook", "host:1:1")); }},
        {"next", [self, behind] { return whether(self->outbox().next(behind, 5)); }},
        {"changed_rows", [self, notification] { return whether(self->outbox().changed_rows(notification)); }},
        {"queue", [self, behind] { return whether(self->outbox().queue("hook", behind)); }},
        {"acknowledge", [self] { return self->outbox().acknowledge("hook", self->account_, 1, noon); }},
        {"prune", [self] { return self->outbox().prune(noon, after(100)); }},
        {"alerts", [self] { return whether(self->alerts().load(noon)); }},
        {"record alerts", [self] { return self->alerts().record(a_raised_alert()); }},
        {"notes that wait", [self] { return whether(self->alerts().waiting("phone")); }},
        {"notes sent", [self] { return self->alerts().sent({1}, noon); }},
        {"prune alerts", [self] { return self->alerts().prune(noon); }},
        {"open a reader", [self] { return whether(open_sqlite_reader(self->path())); }},
        {"check", [self] { return whether(check_sqlite(self->path())); }},
        {"leave", [self] { return self->store_->leave("host:1:1"); }},
        {"release", [self] { return self->store_->release(self->lease_.gateway_id, self->lease_.epoch, noon); }},
    };
}

TEST(SqliteLostTable, WithAllTablesEverythingIsAnswered) {
    LostTable whole;
    for (auto const& [name, ask] : whole.operations()) {
        auto const answered = ask();
        EXPECT_TRUE(answered.has_value()) << name << ": " << answered.error().message;
    }
}

TEST(SqliteLostTable, WhatNeedsItSaysSoAndNothingIsHalfWritten) {
    std::vector<std::string> const tables = LostTable().tables();
    ASSERT_GT(tables.size(), 20u);
    for (auto const& table : tables) {
        SCOPED_TRACE(table);
        LostTable lost;
        auto const before = lost.book();
        ASSERT_EQ(before.revision, 1);
        lost.rename(table, "lost_table");
        int failed = 0;
        bool committed = false;
        for (auto const& [name, ask] : lost.operations()) {
            auto const answered = ask();
            if (std::string_view(name) == "commit") committed = answered.has_value();
            if (answered) continue;
            ++failed;
            EXPECT_FALSE(answered.error().message.empty()) << name;
            EXPECT_EQ(answered.error().message.find('\n'), std::string::npos) << name << ": " << answered.error().message;
        }
        EXPECT_GT(failed, 0) << "nobody needs it";
        lost.rename("lost_table", table);
        if (!committed) {
            EXPECT_EQ(lost.book(), before) << "a part of the commit was written";
        }
    }
}

}  // namespace
}  // namespace possync::store

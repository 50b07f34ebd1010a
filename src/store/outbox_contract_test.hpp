// What every Outbox must do, as tests; an implementation instantiates it as it does StoreContract.
#pragma once

#include "store/contract_testing.hpp"
#include "store/outbox.hpp"

namespace possync::store::contract {

class OutboxContract : public testing::TestWithParam<SubjectFactory> {
protected:
    void SetUp() override {
        subject_ = GetParam()();
        auto lease = subject_->store().claim(claim_of("paper", {"DU1"}));
        ASSERT_TRUE(lease.has_value());
        lease_ = std::move(*lease);
        outbox_ = subject_->open_outbox();
    }

    /// One more revision: position 100 is opened by the first, increased by the others.
    void commit(std::optional<base::Timestamp> recorded_at = std::nullopt) {
        model::ChangeSet change_set;
        change_set.account_id = lease_.accounts[0].account_id;
        change_set.base_revision = revision_;
        change_set.next_id = 1000 + 10 * (revision_ + 1);
        change_set.recorded_at = recorded_at.value_or(after(revision_ + 1));
        change_set.instruments = {stock(7, "A")};
        auto position = episode(100, 7, "e1", std::nullopt);
        position.quantity = base::Decimal(revision_ + 1);
        position.revision = revision_ + 1;
        change_set.positions = {position};
        model::PositionEvent event;
        event.event_id = 1000 + 10 * revision_;
        event.position_id = 100;
        event.con_id = 7;
        event.quantity_before = base::Decimal(revision_);
        event.quantity_after = base::Decimal(revision_ + 1);
        change_set.events = {event};
        CommitRequest request;
        request.gateway_id = lease_.gateway_id;
        request.epoch = lease_.epoch;
        request.now = noon;
        request.change_sets = {model::share(std::move(change_set))};
        auto const committed = subject_->store().commit(request);
        ASSERT_TRUE(committed.has_value()) << committed.error().message;
        ++revision_;
    }
    std::vector<Notification> pending(std::string const& sink) {
        auto const behind = outbox_->behind(sink, "host:1:1").value();
        return behind.empty() ? std::vector<Notification>{} : outbox_->next(behind[0], 100).value();
    }
    void acknowledge(std::string const& sink, model::Revision revision) {
        EXPECT_TRUE(outbox_->acknowledge(sink, lease_.accounts[0].account_id, revision, noon).has_value());
    }

    std::unique_ptr<Subject> subject_;
    std::unique_ptr<Outbox> outbox_;
    GatewayLease lease_;
    model::Revision revision_ = 0;
};

TEST_P(OutboxContract, ASinkHearsWhatIsCommittedAfterItCame) {
    commit();
    ASSERT_TRUE(outbox_->add_sink("new", noon).has_value());
    EXPECT_TRUE(pending("new").empty());
    commit();
    commit();
    ASSERT_TRUE(outbox_->add_sink("new", noon).has_value());  // as after a restart
    auto const next = pending("new");
    ASSERT_EQ(next.size(), 2u);
    EXPECT_EQ(next[0].account, "DU1");
    EXPECT_EQ(next[0].revision, 2);
    EXPECT_EQ(next[0].recorded_at, after(2));
    EXPECT_FALSE(next[0].gap_from.has_value());
    EXPECT_EQ(next[1].revision, 3);
}

TEST_P(OutboxContract, RowsAreTheRevisionsOwn) {
    ASSERT_TRUE(outbox_->add_sink("s", noon).has_value());
    commit();
    commit();
    auto const next = pending("s");
    ASSERT_EQ(next.size(), 2u);
    auto const first = outbox_->changed_rows(next[0]);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    ASSERT_EQ(first->events.size(), 1u);
    EXPECT_EQ(first->events[0].revision, 1);
    EXPECT_EQ(first->events[0].quantity_after, base::Decimal(1));
    ASSERT_EQ(first->positions.size(), 1u);
    EXPECT_EQ(first->positions[0].revision, 2);  // as it stands now
    EXPECT_TRUE(first->closes.empty());
}

TEST_P(OutboxContract, CursorsOnlyMoveOn) {
    ASSERT_TRUE(outbox_->add_sink("s", noon).has_value());
    commit();
    commit();
    acknowledge("s", 2);
    acknowledge("s", 1);  // by one that was paused
    EXPECT_TRUE(pending("s").empty());
}

TEST_P(OutboxContract, OnlyTheOwnerOfTheGatewayDelivers) {
    ASSERT_TRUE(outbox_->add_sink("s", noon).has_value());
    commit();
    EXPECT_TRUE(outbox_->behind("s", "host:2:2")->empty());
    EXPECT_EQ(outbox_->behind("s", "host:1:1")->size(), 1u);
}

TEST_P(OutboxContract, WhatIsForgottenBecomesAGap) {
    ASSERT_TRUE(outbox_->add_sink("s", noon).has_value());
    for (int i = 0; i < 4; ++i)
        commit();
    acknowledge("s", 1);
    ASSERT_TRUE(outbox_->prune(after(4), {}).has_value());  // revisions 1 to 3 are too old
    auto const next = pending("s");
    ASSERT_EQ(next.size(), 2u);
    EXPECT_EQ(next[0].gap_from, 2);
    EXPECT_EQ(next[0].revision, 3);
    EXPECT_EQ(next[1].revision, 4);
    ASSERT_TRUE(outbox_->prune(after(5), {}).has_value());  // all of them
    auto const all = pending("s");
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].gap_from, 2);
    EXPECT_EQ(all[0].revision, 4);
}

TEST_P(OutboxContract, WhatEverySinkHasIsForgottenAndNothingElse) {
    ASSERT_TRUE(outbox_->add_sink("a", noon).has_value());
    ASSERT_TRUE(outbox_->add_sink("b", noon).has_value());
    for (int i = 0; i < 3; ++i)
        commit();
    acknowledge("a", 3);
    acknowledge("b", 1);
    ASSERT_TRUE(outbox_->prune({}, after(10)).has_value());
    auto const next = pending("b");
    ASSERT_EQ(next.size(), 2u);
    EXPECT_FALSE(next[0].gap_from.has_value());
    EXPECT_EQ(outbox_->next({lease_.accounts[0].account_id, "DU1", 0, 3}, 10).value()[0].gap_from, 1);  // revision 1 is gone
}

TEST_P(OutboxContract, AClockThatWasSetBackLeavesNoHoleThatNobodyIsToldOf) {
    ASSERT_TRUE(outbox_->add_sink("s", noon).has_value());
    commit(after(1));
    commit(after(20));
    commit(after(3));
    commit(after(30));
    ASSERT_TRUE(outbox_->prune(after(10), {}).has_value());
    auto const next = pending("s");
    ASSERT_EQ(next.size(), 4u);
    EXPECT_EQ(next[0].gap_from, 1);
    EXPECT_FALSE(next[1].gap_from.has_value());
    EXPECT_EQ(next[1].revision, 2);
    EXPECT_EQ(next[2].gap_from, 3);
    EXPECT_EQ(next[2].revision, 3);
    EXPECT_FALSE(next[3].gap_from.has_value());
    EXPECT_EQ(next[3].revision, 4);
    EXPECT_EQ(outbox_->next({lease_.accounts[0].account_id, "DU1", 0, 4}, 1).value().back().revision, 2) << "the next ones tell the rest";
    // What is settled is forgotten from its beginning on.
    for (auto const recorded_at : {after(50), after(40), after(60)})
        commit(recorded_at);
    acknowledge("s", 7);
    ASSERT_TRUE(outbox_->prune({}, after(45)).has_value());
    auto const kept = outbox_->next({lease_.accounts[0].account_id, "DU1", 0, 7}, 10).value();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0].gap_from, 1);
    EXPECT_EQ(kept[0].revision, 6);
    EXPECT_EQ(kept[1].revision, 7);
}

}  // namespace possync::store::contract

#include "store/open/open.hpp"

#include <gtest/gtest.h>

#include "store/rehearsal_store.hpp"
#include "store/sqlite/test_directory.hpp"

namespace possync::store {
namespace {

using base::ErrorCode;

constexpr base::Timestamp noon{1'795'435'200'000'000};  // 2026-11-23T12:00:00Z

GatewayClaim claim_of(std::string gateway, std::vector<std::string> accounts, bool paper = true) {
    GatewayClaim claim;
    claim.gateway = std::move(gateway);
    claim.owner = "host:1:1";
    claim.accounts = std::move(accounts);
    claim.paper = paper;
    claim.now = noon;
    return claim;
}

TEST(OpenDataSource, TakesUrlsOfFiles) {
    auto const source = open_data_source("sqlite:////tmp/there.db");
    ASSERT_TRUE(source.has_value());
    EXPECT_EQ((*source)->name(), "/tmp/there.db");
    EXPECT_EQ(open_data_source(url_of_file("here.db")).value()->name(), "here.db");
}

TEST(OpenDataSource, NamesTheFormsThatWorkAndNoPassword) {
    for (auto const* const url : {"", "possync.db", "sqlite://", "sqlite:///", "mysql://ann:secret@host/db"}) {
        auto const checked = check_database_url(url);
        ASSERT_FALSE(checked.has_value()) << url;
        EXPECT_EQ(checked.error().code, ErrorCode::invalid_input);
        EXPECT_NE(checked.error().message.find("sqlite:///possync.db"), std::string::npos);
        EXPECT_EQ(checked.error().message.find("secret"), std::string::npos);
    }
}

TEST(OpenDataSource, AskingMakesNothing) {
    sqlite::TestDirectory const directory;
    auto const source = open_data_source(url_of_file(directory.file("possync.db"))).value();
    EXPECT_FALSE(source->exists().value());
    EXPECT_EQ(source->open_reader().error().code, ErrorCode::not_found);
    EXPECT_EQ(source->gateways({}).error().code, ErrorCode::not_found);
    auto const rehearsal = open_rehearsal(*source, {});
    ASSERT_TRUE(rehearsal.has_value());
    EXPECT_FALSE(source->exists().value());
}

class OnAFile : public testing::Test {
protected:
    void SetUp() override {
        auto const store = source_->open_store({}).value();
        lease_ = store->claim(claim_of("paper", {"DU1"})).value();
    }
    std::unique_ptr<Store> rehearse() { return open_rehearsal(*source_, {}).value(); }

    sqlite::TestDirectory directory_;
    std::unique_ptr<DataSource> source_ = open_data_source(url_of_file(directory_.file("possync.db"))).value();
    GatewayLease lease_;
};

TEST_F(OnAFile, ARehearsalReadsWhatIsStoredAndInventsWhatIsNot) {
    auto const store = rehearse();
    auto const lease = store->claim(claim_of("paper", {"DU1", "DU2"})).value();
    ASSERT_EQ(lease.accounts.size(), 2u);
    EXPECT_EQ(lease.accounts[0], lease_.accounts[0]);
    EXPECT_EQ(store->load(lease.accounts[0].account_id, noon, {}).value().account, "DU1");
    EXPECT_EQ(store->load(lease.accounts[1].account_id, noon, {}).value().account, "DU2");
    EXPECT_EQ(store->claim(claim_of("paper", {"DU2"})).value().accounts[0], lease.accounts[1]);
    EXPECT_TRUE(store->instruments_moved(lease.accounts[1].account_id, noon, noon).value().empty());
}

TEST_F(OnAFile, ARehearsalForgetsWhatIsWritten) {
    auto const store = rehearse();
    auto const lease = store->claim(claim_of("paper", {"DU1", "DU2"})).value();
    CommitRequest request;
    request.gateway_id = lease.gateway_id;
    request.epoch = lease.epoch;
    model::ChangeSet change_set;
    change_set.account_id = lease.accounts[0].account_id;
    change_set.next_id = 7;
    request.change_sets = {model::share(std::move(change_set))};
    EXPECT_TRUE(store->commit(request).has_value());
    EXPECT_TRUE(store->release(lease.gateway_id, lease.epoch, {}).has_value());
    EXPECT_EQ(source_->gateways({}).value().at(0).epoch, lease_.epoch);
    EXPECT_EQ(source_->gateways({}).value().at(0).owner, "host:1:1");
    auto const accounts = source_->open_reader().value()->accounts().value();
    ASSERT_EQ(accounts.size(), 1u);
    EXPECT_EQ(accounts[0].revision, 0);
}

TEST_F(OnAFile, ARehearsalRefusesWhatTheStoreWouldRefuse) {
    auto const store = rehearse();
    EXPECT_EQ(store->claim(claim_of("paper", {"DU1"}, false)).error().code, ErrorCode::refused);
    EXPECT_EQ(store->claim(claim_of("live", {"DU1"}, false)).value().warnings.size(), 1u);
    auto rival = claim_of("paper", {"DU1"});
    rival.owner = "host:2:2";
    EXPECT_EQ(store->claim(rival).error().code, ErrorCode::conflict);
}

TEST_F(OnAFile, AReaderSeesThatSomethingWasCommitted) {
    auto const reader = source_->open_reader().value();
    auto const before = reader->committed_state().value();
    EXPECT_EQ(reader->committed_state().value(), before);
    EXPECT_TRUE(reader->accounts().has_value());
    EXPECT_EQ(reader->committed_state().value(), before);
    auto const store = source_->open_store({}).value();
    ASSERT_TRUE(store->claim(claim_of("second", {"DU9"})).has_value());
    EXPECT_NE(reader->committed_state().value(), before);
}

}  // namespace
}  // namespace possync::store

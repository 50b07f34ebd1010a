#include "app/systemd.hpp"

#include <gtest/gtest.h>

namespace possync::app {
namespace {

sync::GatewayStatus gateway(std::string name, std::vector<std::optional<base::Timestamp>> synced) {
    sync::GatewayStatus status;
    status.gateway = std::move(name);
    status.host = "127.0.0.1";
    status.port = 4002;
    status.connected = !synced.empty();
    status.stale = !status.connected;
    for (auto const& each : synced) {
        sync::AccountStatus account;
        account.last_synced_at = each;
        status.accounts.push_back(account);
    }
    return status;
}

TEST(Systemd, ready_means_that_every_account_was_synced_since_the_start) {
    base::Timestamp const start{1000};
    base::Timestamp const before{999};
    base::Timestamp const after{1001};
    EXPECT_FALSE(first_sync_is_done({gateway("a", {})}, start)) << "no account is known yet";
    EXPECT_FALSE(first_sync_is_done({gateway("a", {std::nullopt})}, start));
    EXPECT_FALSE(first_sync_is_done({gateway("a", {before})}, start)) << "that was another run's";
    EXPECT_FALSE(first_sync_is_done({gateway("a", {after, std::nullopt})}, start)) << "one account is missing";
    EXPECT_FALSE(first_sync_is_done({gateway("a", {after}), gateway("b", {})}, start)) << "one gateway is missing";
    EXPECT_TRUE(first_sync_is_done({gateway("a", {after, after}), gateway("b", {start})}, start));
}

TEST(Systemd, who_stands_by_is_ready) {
    auto other = gateway("b", {});
    other.state = "standby";
    EXPECT_TRUE(first_sync_is_done({other}, {}));
    EXPECT_TRUE(first_sync_is_done({gateway("a", {base::Timestamp{1}}), other}, {}));
    EXPECT_FALSE(first_sync_is_done({gateway("a", {}), other}, {}));
    EXPECT_EQ(status_line({other}, true), "in sync since the start; standing by for gateway b");
}

TEST(Systemd, the_line_says_what_is_waited_for) {
    auto away = gateway("live", {});
    away.last_error = "Connection\nrefused";
    EXPECT_EQ(status_line({away}, false),
              "waiting for the first sync; gateway live (127.0.0.1:4002) is not connected: Connection refused");
    EXPECT_EQ(status_line({gateway("paper", {base::Timestamp{1}})}, true), "in sync since the start; gateway paper: 1 account");
}

}  // namespace
}  // namespace possync::app

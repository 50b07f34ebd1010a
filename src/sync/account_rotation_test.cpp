#include "sync/account_rotation.hpp"

#include <gtest/gtest.h>

namespace possync::sync {
namespace {

using namespace std::chrono_literals;

TEST(AccountRotation, OneAccountStaysSubscribedTo) {
    AccountRotation rotation;
    rotation.begin({"DU1"});
    EXPECT_EQ(rotation.next(1s), "DU1");
    rotation.values_came(2s);
    EXPECT_FALSE(rotation.next_at());
    EXPECT_FALSE(rotation.next(3s));
}

TEST(AccountRotation, SeveralHaveTheirTurnsWithinAMinute) {
    AccountRotation rotation;
    rotation.begin({"DU1", "DU2", "DU3"});
    std::vector<std::string> turns;
    base::Duration now = 100s;
    while (now < 160s) {
        turns.push_back(*rotation.next(now));
        rotation.values_came(now + 1s);
        EXPECT_EQ(rotation.next_at(), now + 21s);
        now = *rotation.next_at();
    }
    EXPECT_EQ(turns, (std::vector<std::string>{"DU1", "DU2", "DU3"}));
    EXPECT_EQ(rotation.next(now), "DU1");
    EXPECT_EQ(rotation.next_at(), now + 30s);  // its values may never come
}

TEST(AccountRotation, NobodyHasATurnAmongTooMany) {
    AccountRotation rotation;
    rotation.begin(std::vector<std::string>(AccountRotation::accounts_max, "DU1"));
    EXPECT_TRUE(rotation.next(1s));
    rotation.values_came(1s);
    EXPECT_EQ(rotation.next_at(), 3s);
    rotation.begin(std::vector<std::string>(AccountRotation::accounts_max + 1, "DU1"));
    EXPECT_FALSE(rotation.next(1s));
    EXPECT_FALSE(rotation.next_at());
}

TEST(AccountRotation, EndsWhereTheUpdatesAreRefused) {
    AccountRotation rotation;
    rotation.begin({"DU1", "DU2"});
    EXPECT_TRUE(rotation.next(1s));
    rotation.end();
    EXPECT_FALSE(rotation.next_at());
    rotation.values_came(2s);
    EXPECT_FALSE(rotation.next_at());
}

}  // namespace
}  // namespace possync::sync

#include "store/sharing.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace possync::store {
namespace {

constexpr base::Duration lease{30'000'000};

std::string gateway_name(int i) { return "gateway" + std::to_string(100 + i); }
std::string service_name(int i) { return "host:" + std::to_string(100 + i) + ":1"; }

/// `services` that all list the same `gateways`, none of them held.
Fleet equal_fleet(int services, int gateways) {
    Fleet fleet;
    for (int g = 0; g < gateways; ++g) {
        GatewayState state;
        state.gateway = gateway_name(g);
        state.lease = lease;
        fleet.gateways.push_back(state);
    }
    for (int s = 0; s < services; ++s) {
        LiveService service;
        service.owner = service_name(s);
        service.live_for = lease;
        for (auto const& gateway : fleet.gateways) service.gateways.push_back(gateway.gateway);
        fleet.services.push_back(std::move(service));
    }
    return fleet;
}

std::map<std::string, int> held(Fleet const& fleet) {
    std::map<std::string, int> count;
    for (auto const& service : fleet.services) count[service.owner];
    for (auto const& gateway : fleet.gateways) {
        if (!gateway.owner.empty()) ++count[gateway.owner];
    }
    return count;
}

int spread(Fleet const& fleet) {
    auto const count = held(fleet);
    auto const [low, high] = std::minmax_element(count.begin(), count.end(), [](auto& a, auto& b) { return a.second < b.second; });
    return high->second - low->second;
}

/// One service looks: it gives up its surplus and takes what it may. The number of gateways that changed hands.
int look(Fleet& fleet, std::string const& owner) {
    int moved = 0;
    for (auto const& name : surplus(fleet, owner, lease)) {
        for (auto& gateway : fleet.gateways) {
            if (gateway.gateway == name) {
                EXPECT_EQ(gateway.owner, owner);
                gateway.owner.clear();
                ++moved;
            }
        }
    }
    auto const self = std::find_if(fleet.services.begin(), fleet.services.end(), [&](auto& each) { return each.owner == owner; });
    for (auto& gateway : fleet.gateways) {
        bool const listed = std::find(self->gateways.begin(), self->gateways.end(), gateway.gateway) != self->gateways.end();
        if (!listed || !gateway.owner.empty() || !may_take(fleet, owner, gateway.gateway, lease).ours) continue;
        gateway.owner = owner;
        ++gateway.epoch;
        ++moved;
    }
    return moved;
}

/// Looks in turn until nobody moves anything; gives up after a bound that a thrashing rule would exceed.
int settle(Fleet& fleet) {
    int moves = 0;
    for (int round = 0; round < 10 + static_cast<int>(fleet.gateways.size()); ++round) {
        int moved = 0;
        for (auto const& service : fleet.services) moved += look(fleet, service.owner);
        if (moved == 0) return moves;
        moves += moved;
    }
    ADD_FAILURE() << "the fleet does not come to rest";
    return moves;
}

TEST(Sharing, TheFirstServiceTakesEverything) {
    Fleet fleet = equal_fleet(1, 5);
    settle(fleet);
    EXPECT_EQ(held(fleet)[service_name(0)], 5);
}

TEST(Sharing, TwoThatStartTogetherShareFromTheBeginning) {
    Fleet fleet = equal_fleet(2, 5);
    EXPECT_EQ(settle(fleet), 5);  // no gateway moved twice
    EXPECT_EQ(spread(fleet), 1);
}

TEST(Sharing, AServiceThatJoinsGetsItsShareOnceItHasLivedForALease) {
    Fleet fleet = equal_fleet(2, 6);
    settle(fleet);
    Fleet grown = equal_fleet(3, 6);
    grown.gateways = fleet.gateways;
    grown.services[2].live_for = lease - base::Duration(1);
    EXPECT_EQ(settle(grown), 0);
    grown.services[2].live_for = lease;
    EXPECT_EQ(settle(grown), 4);  // two given up, two taken
    EXPECT_EQ(spread(grown), 0);
}

TEST(Sharing, AnUnevenRestStaysWhereItIs) {
    Fleet fleet = equal_fleet(2, 5);
    settle(fleet);
    EXPECT_EQ(settle(fleet), 0);
}

TEST(Sharing, WhatAServiceGaveUpIsCountedForTheOneThatWillTakeIt) {
    Fleet fleet = equal_fleet(1, 4);
    settle(fleet);
    Fleet grown = equal_fleet(2, 4);
    grown.gateways = fleet.gateways;
    auto const given_up = surplus(grown, service_name(0), lease);
    EXPECT_EQ(given_up, (std::vector{gateway_name(2), gateway_name(3)}));
    for (auto& gateway : grown.gateways) {
        if (std::count(given_up.begin(), given_up.end(), gateway.gateway) > 0) gateway.owner.clear();
    }
    EXPECT_TRUE(surplus(grown, service_name(0), lease).empty());  // before the other looked
    EXPECT_FALSE(may_take(grown, service_name(0), given_up[0], lease).ours);
    EXPECT_EQ(may_take(grown, service_name(0), given_up[0], lease).whose, service_name(1));
    EXPECT_TRUE(may_take(grown, service_name(1), given_up[0], lease).ours);
}

TEST(Sharing, WhatIsLeftLyingForALeaseAnybodyMayTake) {
    Fleet fleet = equal_fleet(2, 2);
    fleet.gateways[0].owner = service_name(0);
    EXPECT_FALSE(may_take(fleet, service_name(0), gateway_name(1), lease).ours);
    fleet.gateways[1].remaining = -lease;
    EXPECT_TRUE(may_take(fleet, service_name(0), gateway_name(1), lease).ours);
}

TEST(Sharing, AGatewayThatOnlyOneServiceListsStaysWithIt) {
    Fleet fleet = equal_fleet(2, 4);
    fleet.services[1].gateways = {gateway_name(0)};
    settle(fleet);
    EXPECT_EQ(held(fleet)[service_name(0)], 3);
    EXPECT_EQ(held(fleet)[service_name(1)], 1);
}

TEST(Sharing, AServiceThatLetALeaseRunOutIsNotWaitedFor) {
    Fleet fleet = equal_fleet(2, 2);
    fleet.gateways[0].owner = fleet.gateways[1].owner = service_name(1);
    fleet.gateways[0].remaining = base::Duration(-1);
    fleet.gateways[1].remaining = lease;
    forget_the_dead(fleet, nullptr);
    ASSERT_EQ(fleet.services.size(), 1u);
    EXPECT_EQ(fleet.gateways[0].owner, "");
    EXPECT_EQ(fleet.gateways[1].owner, service_name(1));
    EXPECT_TRUE(may_take(fleet, service_name(0), gateway_name(0), lease).ours);
}

TEST(Sharing, ALeaseOfADeadServiceIsNobodysToGiveUp) {
    Fleet fleet = equal_fleet(2, 4);
    for (auto& gateway : fleet.gateways) gateway.owner = "host:9:9";
    EXPECT_TRUE(surplus(fleet, service_name(0), lease).empty());
}

RC_GTEST_PROP(Sharing, EqualServicesSettleWithinTheirShareAndLoseNoGateway, ()) {
    int const gateways = *rc::gen::inRange(1, 40);
    Fleet fleet = equal_fleet(*rc::gen::inRange(1, 12), gateways);
    settle(fleet);
    int const changes = *rc::gen::inRange(1, 6);
    for (int change = 0; change < changes; ++change) {
        // Some die with what they hold, some join.
        Fleet next = equal_fleet(*rc::gen::inRange(1, 12), gateways);
        int const renamed = *rc::gen::inRange(0, 12);
        for (auto& service : next.services) {
            if (service.owner >= service_name(renamed)) service.owner += std::to_string(change);
        }
        next.gateways = fleet.gateways;
        for (auto& gateway : next.gateways) {
            bool const alive = std::any_of(next.services.begin(), next.services.end(), [&](auto& each) { return each.owner == gateway.owner; });
            if (!alive) gateway.owner.clear();
        }
        fleet = std::move(next);
        int const moves = settle(fleet);
        RC_ASSERT(moves <= 2 * gateways);
        RC_ASSERT(spread(fleet) <= 1);
        for (auto const& gateway : fleet.gateways) RC_ASSERT(!gateway.owner.empty());
        RC_ASSERT(settle(fleet) == 0);
    }
}

RC_GTEST_PROP(Sharing, UnequalServicesComeToRestAndServeWhatAnybodyLists, ()) {
    Fleet fleet = equal_fleet(*rc::gen::inRange(1, 8), *rc::gen::inRange(1, 20));
    for (auto& service : fleet.services) {
        std::erase_if(service.gateways, [](auto const&) { return *rc::gen::inRange(0, 3) == 0; });
    }
    for (auto& gateway : fleet.gateways) {  // held by whoever lists it, as it happens
        for (auto const& service : fleet.services) {
            bool const listed = std::count(service.gateways.begin(), service.gateways.end(), gateway.gateway) > 0;
            if (listed && *rc::gen::inRange(0, 2) == 0) gateway.owner = service.owner;
        }
    }
    settle(fleet);
    for (auto const& gateway : fleet.gateways) {
        bool const wanted = std::any_of(fleet.services.begin(), fleet.services.end(), [&](auto& each) {
            return std::count(each.gateways.begin(), each.gateways.end(), gateway.gateway) > 0;
        });
        RC_ASSERT(gateway.owner.empty() == !wanted);
    }
}

}  // namespace
}  // namespace possync::store

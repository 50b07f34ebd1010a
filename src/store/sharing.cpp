#include "store/sharing.hpp"

#include <algorithm>
#include <map>

namespace possync::store {

namespace {

bool lists(LiveService const& service, std::string const& gateway) {
    return std::find(service.gateways.begin(), service.gateways.end(), gateway) != service.gateways.end();
}

/// Gateways per living service: those it holds, and of the free ones those whose turn it is.
class Shares {
public:
    explicit Shares(Fleet const& fleet) : fleet_(fleet) {
        for (auto const& service : fleet.services) held_[service.owner];
        for (auto const& gateway : fleet.gateways) {
            if (gateway.owner.empty()) continue;
            holder_[gateway.gateway] = gateway.owner;
            if (auto const found = held_.find(gateway.owner); found != held_.end()) ++found->second;
        }
        for (auto const& gateway : fleet.gateways) {
            if (!gateway.owner.empty()) continue;
            LiveService const* const next = emptiest(gateway.gateway, base::Duration(0));
            if (next == nullptr) continue;
            turn_[gateway.gateway] = next->owner;
            ++held_[next->owner];
        }
    }

    [[nodiscard]] std::string turn(std::string const& gateway) const {
        auto const found = turn_.find(gateway);
        return found == turn_.end() ? std::string() : found->second;
    }

    /// The move that evens out most, if there is one: from the fullest service that can give something to one with room.
    std::optional<std::pair<std::string, std::string>> next_move(base::Duration lease) const {
        std::string best_gateway;
        std::string best_from;
        int best_difference = 1;
        for (auto gateway = fleet_.gateways.rbegin(); gateway != fleet_.gateways.rend(); ++gateway) {
            auto const holder = holder_.find(gateway->gateway);
            if (holder == holder_.end() || !held_.contains(holder->second)) continue;
            LiveService const* const to = emptiest(gateway->gateway, lease);
            if (to == nullptr) continue;
            int const difference = held_.at(holder->second) - held_.at(to->owner);
            if (difference > best_difference) {
                best_difference = difference;
                best_gateway = gateway->gateway;
                best_from = holder->second;
            }
        }
        if (best_gateway.empty()) return std::nullopt;
        return std::pair(best_gateway, best_from);
    }

    void move(std::string const& gateway, std::string const& from, base::Duration lease) {
        LiveService const* const to = emptiest(gateway, lease);
        --held_[from];
        ++held_[to->owner];
        holder_.erase(gateway);  // each gateway moves once at most
    }

private:
    /// Of the services that list the gateway and lived long enough, the one with the fewest; of equals the first by name.
    [[nodiscard]] LiveService const* emptiest(std::string const& gateway, base::Duration live_for) const {
        LiveService const* found = nullptr;
        for (auto const& service : fleet_.services) {
            if (!lists(service, gateway) || service.live_for < live_for) continue;
            if (found == nullptr || held_.at(service.owner) < held_.at(found->owner)) found = &service;
        }
        return found;
    }

    Fleet const& fleet_;
    std::map<std::string, int> held_;
    std::map<std::string, std::string> holder_;
    std::map<std::string, std::string> turn_;
};

}  // namespace

bool is_held(GatewayState const& gateway, std::function<bool(std::string const&)> const& owner_is_gone) {
    bool const runs = gateway.remaining > base::Duration(0) && gateway.remaining <= 2 * gateway.lease;
    return !gateway.owner.empty() && runs && !(owner_is_gone && owner_is_gone(gateway.owner));
}

void forget_the_dead(Fleet& fleet, std::function<bool(std::string const&)> const& owner_is_gone) {
    for (auto& gateway : fleet.gateways) {
        if (gateway.owner.empty() || is_held(gateway, owner_is_gone)) continue;
        std::erase_if(fleet.services, [&](auto const& service) { return service.owner == gateway.owner; });
        gateway.owner.clear();
        gateway.remaining = std::min(gateway.remaining, base::Duration(0));
    }
}

Turn may_take(Fleet const& fleet, std::string const& owner, std::string const& gateway, base::Duration lease) {
    for (auto const& state : fleet.gateways) {
        if (state.gateway != gateway) continue;
        if (state.remaining <= -lease) return {};
    }
    std::string whose = Shares(fleet).turn(gateway);
    if (whose.empty() || whose == owner) return {};
    return {false, std::move(whose)};
}

std::vector<std::string> surplus(Fleet const& fleet, std::string const& owner, base::Duration lease) {
    Shares shares(fleet);
    std::vector<std::string> given_up;
    while (auto const move = shares.next_move(lease)) {
        shares.move(move->first, move->second, lease);
        if (move->second == owner) given_up.push_back(move->first);
    }
    std::sort(given_up.begin(), given_up.end());
    return given_up;
}

}  // namespace possync::store

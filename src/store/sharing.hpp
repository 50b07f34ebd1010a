// How services share the gateways of one database: who may take a free gateway, and who gives one up when another service
// has room. Pure functions of what the database says, so that services which see the same rows decide alike.
//
// The rule: a free gateway goes to the living service that would serve it and holds the fewest; a service gives a gateway up
// to one that holds at least two fewer. With equal configurations nobody then holds more than ceil(gateways / services), every
// move makes the spread smaller, and where the spread is even nothing moves.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace possync::store {

/// A service whose heartbeat is recent.
struct LiveService {
    std::string owner;
    std::vector<std::string> gateways;  ///< that it would serve
    base::Duration live_for{0};
    bool operator==(LiveService const&) const = default;
};

struct GatewayState {
    int gateway_id = 0;
    std::string gateway;
    std::optional<bool> paper;  ///< unset: nobody connected yet
    std::int64_t epoch = 0;
    std::string owner;  ///< empty: released; in a Fleet also when its lease ended or its owner is dead
    base::Timestamp lease_until;
    base::Duration lease{0};
    base::Duration remaining{0};  ///< until the lease ends, by the clock that leases go by; not positive where it is free
    bool operator==(GatewayState const&) const = default;
};

/// Whether somebody holds it: a lease that runs, of an owner that is not known to be dead. One that reaches much further than its
/// length was given before a clock was set back, and nobody renews it.
[[nodiscard]] bool is_held(GatewayState const& gateway, std::function<bool(std::string const& owner)> const& owner_is_gone);

struct Fleet {
    std::vector<LiveService> services;   ///< by owner
    std::vector<GatewayState> gateways;  ///< by name
    bool operator==(Fleet const&) const = default;
};

/// From rows as they are stored: gateways that nobody holds become free, and a service that let a lease run out is no living one,
/// though its heartbeat may reach a little further.
void forget_the_dead(Fleet& fleet, std::function<bool(std::string const& owner)> const& owner_is_gone);

/// Whether `owner` may take this free gateway; else who shall, in words for a message. What the one whose turn it is leaves
/// lying for a whole `lease`, anybody may take.
struct Turn {
    bool ours = true;
    std::string whose;
};
[[nodiscard]] Turn may_take(Fleet const& fleet, std::string const& owner, std::string const& gateway, base::Duration lease);

/// What `owner` holds and should give up, by name. A service counts as having room once it has lived for a whole `lease`: one
/// that starts again and again moves nothing.
[[nodiscard]] std::vector<std::string> surplus(Fleet const& fleet, std::string const& owner, base::Duration lease);

}  // namespace possync::store

#include "store/claim_rules.hpp"

#include <fmt/format.h>

namespace possync::store {

using base::ErrorCode;
using base::Result;

namespace {

base::Error mismatch(std::string const& database, std::string const& what, bool remembered_paper) {
    return {
        ErrorCode::refused,
        fmt::format("database {} knows {} as {}, but now a {} login serves it: check host and port, use a database of its own, or, if "
                    "this is meant, possync setup --rebind",
                    database, what, remembered_paper ? "paper" : "live", remembered_paper ? "live" : "paper")};
}

}  // namespace

Result<void> check_claim(std::string const& database, GatewayClaim const& claim, GatewayState const& state, Fleet const* fleet,
                         std::function<bool(std::string const&)> const& owner_is_gone) {
    if (claim.gateway.empty() || claim.owner.empty()) {
        return base::fail(ErrorCode::invalid_input, "a claim names its gateway and its owner");
    }
    if (!claim.accounts.empty() && !claim.paper) {
        return base::fail(ErrorCode::invalid_input, "a claim for accounts says whether they are paper or live");
    }
    if (state.paper && claim.paper && *state.paper != *claim.paper) {
        return std::unexpected(mismatch(database, "gateway " + claim.gateway, *state.paper));
    }
    if (state.owner == claim.owner) return {};
    if (is_held(state, owner_is_gone)) {
        return base::fail(ErrorCode::conflict,
                          fmt::format("gateway {} of database {} is served by {} until {}: stop that service, or wait until its "
                                      "lease has ended",
                                      claim.gateway, database, state.owner, base::to_rfc3339(state.lease_until)));
    }
    if (fleet == nullptr) return {};
    if (Turn const turn = may_take(*fleet, claim.owner, claim.gateway, claim.lease); !turn.ours) {
        return base::fail(ErrorCode::conflict, fmt::format("gateway {} is left to {}, which serves fewer", claim.gateway, turn.whose));
    }
    return {};
}

Result<bool> check_account(std::string const& database, GatewayClaim const& claim, std::string const& account,
                           std::string const& its_gateway, bool is_paper, std::vector<std::string>& warnings) {
    if (its_gateway != claim.gateway) {
        warnings.push_back(
            fmt::format("account {} belongs to gateway {} and is left out of gateway {}", account, its_gateway, claim.gateway));
        return false;
    }
    if (is_paper != *claim.paper) return std::unexpected(mismatch(database, "account " + account, is_paper));
    return true;
}

Result<int> check_rebinding(std::string const& database, Rebinding const& rebinding, std::vector<GatewayState> const& states,
                            OwnerIsGone const& owner_is_gone) {
    std::optional<int> gateway_id;
    for (auto const& state : states) {
        if (state.gateway == rebinding.gateway) gateway_id = state.gateway_id;
        if (!is_held(state, owner_is_gone)) continue;
        return base::fail(ErrorCode::conflict, fmt::format("gateway {} of database {} is served by {}: stop that service first",
                                                           state.gateway, database, state.owner));
    }
    if (gateway_id) return *gateway_id;
    return base::fail(ErrorCode::not_found, fmt::format("database {} knows no gateway {}; nothing has to be bound anew", database,
                                                        rebinding.gateway));
}

}  // namespace possync::store

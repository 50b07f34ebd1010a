#include "store/claim_rules.hpp"

#include <fmt/format.h>

namespace possync::store {

using base::ErrorCode;
using base::Result;

namespace {

base::Error mismatch(std::string const& database, std::string const& what, bool remembered_paper) {
    return {
        ErrorCode::refused,
        fmt::format("database {} knows {} as {}, but now a {} login serves it: check host and port, or use a database of its own",
                    database, what, remembered_paper ? "paper" : "live", remembered_paper ? "live" : "paper")};
}

}  // namespace

Result<void> check_claim(std::string const& database, GatewayClaim const& claim, GatewayState const& state,
                         std::function<bool(std::string const&)> const& owner_is_gone) {
    if (claim.gateway.empty() || claim.owner.empty()) {
        return base::fail(ErrorCode::invalid_input, "a claim names its gateway and its owner");
    }
    if (state.paper != claim.paper) return std::unexpected(mismatch(database, "gateway " + claim.gateway, state.paper));
    bool const renewal = state.owner == claim.owner;
    if (!state.owner.empty() && !renewal && state.lease_until > claim.now && !(owner_is_gone && owner_is_gone(state.owner))) {
        return base::fail(ErrorCode::conflict,
                          fmt::format("gateway {} of database {} is served by {} until {}: stop that service, or wait until its "
                                      "lease has ended",
                                      claim.gateway, database, state.owner, base::to_rfc3339(state.lease_until)));
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
    if (is_paper != claim.paper) return std::unexpected(mismatch(database, "account " + account, is_paper));
    return true;
}

}  // namespace possync::store

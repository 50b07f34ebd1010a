// Who may have a gateway and its accounts: the rules of Store::claim and their words, the same for every store.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/data_source.hpp"

namespace possync::store {

/// Whether the claim may have this gateway, of which `state` is what the database remembers (a new one: no owner), its
/// `remaining` by the clock that leases go by. `fleet` is there when the claim is to share. `database` stands in messages.
/// Errors: invalid_input, refused (paper against live), conflict (a living owner, or another's turn).
[[nodiscard]] base::Result<void> check_claim(std::string const& database, GatewayClaim const& claim, GatewayState const& state,
                                             Fleet const* fleet,
                                             std::function<bool(std::string const& owner)> const& owner_is_gone);

/// Whether a known account goes with the claim. The first gateway that serves an account keeps it: another is left out with a
/// warning. Errors: refused (paper against live).
[[nodiscard]] base::Result<bool> check_account(std::string const& database, GatewayClaim const& claim, std::string const& account,
                                               std::string const& its_gateway, bool is_paper, std::vector<std::string>& warnings);

/// Whether a gateway may be bound anew: only while nobody serves any gateway of the database. Gives its id. Errors: not_found,
/// conflict.
[[nodiscard]] base::Result<int> check_rebinding(std::string const& database, Rebinding const& rebinding,
                                                std::vector<GatewayState> const& states, OwnerIsGone const& owner_is_gone);

}  // namespace possync::store

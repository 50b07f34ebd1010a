// The allow-list of what may leave this program: a closed enum without orders, exercise or configuration changes,
// and the check of the last byte sink, which reads the id back out of the encoded frame. Pure.
#pragma once

#include <array>
#include <string_view>

namespace possync::tws {

enum class OutgoingId : int {
    request_account_updates = 6,
    request_executions = 7,
    request_contract_data = 9,
    request_managed_accounts = 17,
    request_current_time = 49,
    request_positions = 61,
    cancel_positions = 64,
    start_api = 71,
    request_pnl_single = 94,
    cancel_pnl_single = 95,
};

inline constexpr std::array outgoing_ids{
    OutgoingId::request_account_updates, OutgoingId::request_executions,   OutgoingId::request_contract_data,
    OutgoingId::request_managed_accounts, OutgoingId::request_current_time, OutgoingId::request_positions,
    OutgoingId::cancel_positions,        OutgoingId::start_api,            OutgoingId::request_pnl_single,
    OutgoingId::cancel_pnl_single};

[[nodiscard]] constexpr bool is_allowed(int id) {
    for (auto const allowed : outgoing_ids) {
        if (static_cast<int>(allowed) == id) return true;
    }
    return false;
}

/// Whether every frame in `bytes` (length prefixes included, whole frames only) carries an allowed id, or is the
/// handshake that opens a connection.
[[nodiscard]] bool may_be_sent(std::string_view bytes);

}  // namespace possync::tws

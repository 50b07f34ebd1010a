// The allow-list of what may leave this program: a closed enum without orders, exercise or configuration changes,
// and the check of the last byte sink, which reads the id back out of the encoded frame. Pure.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace possync::tws {

enum class OutgoingId : int {
    request_account_updates = 6,
    request_executions = 7,
    request_contract_data = 9,
    request_managed_accounts = 17,
    request_current_time = 49,
    request_positions = 61,
    request_account_summary = 62,
    cancel_account_summary = 63,
    cancel_positions = 64,
    start_api = 71,
    request_positions_multi = 74,
    cancel_positions_multi = 75,
    request_account_updates_multi = 76,
    cancel_account_updates_multi = 77,
    request_family_codes = 80,
    request_pnl = 92,
    cancel_pnl = 93,
    request_pnl_single = 94,
    cancel_pnl_single = 95,
    request_current_time_in_millis = 105,
    request_settings = 108,
};

inline constexpr std::array outgoing_ids{
    OutgoingId::request_account_updates,
    OutgoingId::request_executions,
    OutgoingId::request_contract_data,
    OutgoingId::request_managed_accounts,
    OutgoingId::request_current_time,
    OutgoingId::request_positions,
    OutgoingId::request_account_summary,
    OutgoingId::cancel_account_summary,
    OutgoingId::cancel_positions,
    OutgoingId::start_api,
    OutgoingId::request_positions_multi,
    OutgoingId::cancel_positions_multi,
    OutgoingId::request_account_updates_multi,
    OutgoingId::cancel_account_updates_multi,
    OutgoingId::request_family_codes,
    OutgoingId::request_pnl,
    OutgoingId::cancel_pnl,
    OutgoingId::request_pnl_single,
    OutgoingId::cancel_pnl_single,
    OutgoingId::request_current_time_in_millis,
    OutgoingId::request_settings};

[[nodiscard]] constexpr bool is_allowed(int id) {
    for (auto const allowed : outgoing_ids) {
        if (static_cast<int>(allowed) == id) return true;
    }
    return false;
}

/// The id a frame carries, whichever protocol it is written in: decimal text up to server version 200, four bytes from
/// 201 on, where ids above 200 stand for the binary form of id - 200. Nothing: it carries none.
[[nodiscard]] std::optional<int> base_id(std::string_view payload);

/// Whether every frame in `bytes` (length prefixes included, whole frames only) carries an allowed id, or is the
/// handshake that opens a connection.
[[nodiscard]] bool may_be_sent(std::string_view bytes);

}  // namespace possync::tws

// The gate: may a program that is about to trade rely on the book? Fails closed: what is not known is BROKEN or STALE, never OK.
// Pure; the same judgement stands in the status, on the page and at /api/gate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/commands.hpp"
#include "query/result.hpp"

namespace possync::http {

enum class GateState { ok, stale, broken };
[[nodiscard]] std::string_view to_string(GateState state);

struct GateInput {
    std::string account;
    std::optional<query::AccountStatus> status;  ///< unset: nobody knows the account
    bool is_paper = false;
    std::optional<query::GatewayStatus> gateway;  ///< as the database knows it
    std::optional<LiveGateway> live;              ///< where this process serves it
    std::vector<query::BreakRow> open_breaks;     ///< of class alert, of this account
    std::optional<std::int64_t> con_id;           ///< unset: the account as a whole
    base::Duration interval{0};
    base::Timestamp now;
};

struct Gate {
    GateState state = GateState::broken;
    std::string reason;            ///< one line for a person
    std::int64_t open_breaks = 0;  ///< that concern the question
    bool operator==(Gate const&) const = default;
};

[[nodiscard]] Gate judge(GateInput const& input);

/// An account and its gate as a whole.
struct AccountGate {
    query::AccountStatus status;
    Gate gate;
};

}  // namespace possync::http

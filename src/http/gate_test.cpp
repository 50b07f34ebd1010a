#include "http/gate.hpp"

#include <gtest/gtest.h>

namespace possync::http {
namespace {

constexpr base::Timestamp now{1'764'000'000'000'000};

/// An account of which everything is well.
GateInput well() {
    GateInput input;
    input.account = "DU1";
    input.status.emplace();
    input.status->account = "DU1";
    input.status->gateway = "paper";
    input.status->last_synced_at = now - std::chrono::seconds(12);
    input.status->coverage = "complete";
    input.is_paper = true;
    input.live.emplace();
    input.live->gateway = "paper";
    input.live->connected = true;
    input.live->stale = false;
    input.live->expect = "any";
    input.con_id = 265598;
    input.interval = std::chrono::minutes(5);
    input.now = now;
    return input;
}

query::BreakRow difference(std::optional<std::int64_t> con_id) {
    query::BreakRow row;
    row.break_id = 7;
    row.kind = "quantity";
    row.con_id = con_id;
    row.break_class = "alert";
    row.state = "open";
    return row;
}

struct Case {
    char const* name;
    GateState state;
    char const* reason;  ///< part of it
    void (*change)(GateInput&);
};

TEST(Gate, FailsClosed) {
    Case const table[] = {
        {"all is well", GateState::ok, "equal to the broker 12 s ago", [](GateInput&) {}},
        {"nobody knows the account", GateState::broken, "not in this database", [](GateInput& in) { in.status.reset(); }},
        {"never synced", GateState::broken, "never equal", [](GateInput& in) { in.status->last_synced_at.reset(); }},
        {"a break on it", GateState::broken, "break 7", [](GateInput& in) { in.open_breaks.push_back(difference(265598)); }},
        {"a break on another contract", GateState::ok, "equal", [](GateInput& in) { in.open_breaks.push_back(difference(1)); }},
        {"a break of the account", GateState::broken, "the account",
         [](GateInput& in) { in.open_breaks.push_back(difference({})); }},
        {"any break, for the account as a whole", GateState::broken, "break 7",
         [](GateInput& in) {
             in.con_id.reset();
             in.open_breaks.push_back(difference(1));
         }},
        {"paper where live is configured", GateState::broken, "is to be live", [](GateInput& in) { in.live->expect = "live"; }},
        {"live where paper is configured", GateState::broken, "is to be paper",
         [](GateInput& in) {
             in.live->expect = "paper";
             in.is_paper = false;
         }},
        {"not connected", GateState::stale, "not connected", [](GateInput& in) { in.live->connected = false; }},
        {"silent", GateState::stale, "may be old", [](GateInput& in) { in.live->stale = true; }},
        {"as old as it may be", GateState::ok, "10 min",
         [](GateInput& in) { in.status->last_synced_at = now - std::chrono::seconds(605); }},
        {"older", GateState::stale, "ago",
         [](GateInput& in) { in.status->last_synced_at = now - std::chrono::microseconds(605'000'001); }},
        {"no coverage", GateState::stale, "not known", [](GateInput& in) { in.status->coverage.reset(); }},
        {"coverage unknown", GateState::stale, "coverage is unknown", [](GateInput& in) { in.status->coverage = "unknown"; }},
        {"coverage contradicted", GateState::stale, "contradicted", [](GateInput& in) { in.status->coverage = "contradicted"; }},
        {"nobody follows the gateway", GateState::stale, "no service", [](GateInput& in) { in.live.reset(); }},
        {"another service follows it", GateState::ok, "equal",
         [](GateInput& in) {
             in.live.reset();
             in.gateway.emplace();
             in.gateway->owner = "other:1:1";
             in.gateway->lease_until = now + std::chrono::seconds(20);
         }},
        {"another service did", GateState::stale, "no service",
         [](GateInput& in) {
             in.live.reset();
             in.gateway.emplace();
             in.gateway->owner = "other:1:1";
             in.gateway->lease_until = now - std::chrono::seconds(1);
         }},
        {"a break outweighs silence", GateState::broken, "break 7",
         [](GateInput& in) {
             in.live->connected = false;
             in.open_breaks.push_back(difference(265598));
         }},
    };
    for (auto const& each : table) {
        auto input = well();
        each.change(input);
        auto const gate = judge(input);
        EXPECT_EQ(to_string(gate.state), to_string(each.state)) << each.name << ": " << gate.reason;
        EXPECT_NE(gate.reason.find(each.reason), std::string::npos) << each.name << ": " << gate.reason;
        EXPECT_EQ(gate.reason.find('\n'), std::string::npos) << each.name;
    }
}

}  // namespace
}  // namespace possync::http

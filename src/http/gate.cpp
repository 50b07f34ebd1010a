#include "http/gate.hpp"

#include <fmt/format.h>

namespace possync::http {

namespace {

std::string age_text(base::Duration age) {
    auto const seconds = age.count() / 1'000'000;
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 7200) return fmt::format("{} min", seconds / 60);
    if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} days", seconds / 86400);
}

std::string since_text(std::optional<base::Timestamp> since, base::Timestamp now) {
    return since ? fmt::format(" for {}", age_text(now - *since)) : std::string();
}

std::string break_text(query::BreakRow const& difference) {
    return fmt::format("{} on {} (break {})", difference.kind, difference.symbol.value_or("the account"), difference.break_id);
}

}  // namespace

std::string_view to_string(GateState state) {
    switch (state) {
    case GateState::ok: return "OK";
    case GateState::stale: return "STALE";
    case GateState::broken: return "BROKEN";
    }
    return "BROKEN";
}

Gate judge(GateInput const& input) {
    Gate gate;
    auto const say = [&](GateState state, std::string reason) {
        gate.state = state;
        gate.reason = std::move(reason);
        return gate;
    };
    if (!input.status) return say(GateState::broken, fmt::format("account {} is not in this database", input.account));
    auto const& status = *input.status;
    query::BreakRow const* first = nullptr;
    for (auto const& difference : input.open_breaks) {
        // A break of the account as a whole concerns every instrument.
        if (input.con_id && difference.con_id && *difference.con_id != *input.con_id) continue;
        if (first == nullptr) first = &difference;
        ++gate.open_breaks;
    }
    if (input.live && ((input.live->expect == "live" && input.is_paper) || (input.live->expect == "paper" && !input.is_paper))) {
        return say(GateState::broken, fmt::format("gateway {} is to be {}, and this account is {}", status.gateway,
                                                  input.live->expect, input.is_paper ? "paper" : "live"));
    }
    if (!status.last_synced_at) return say(GateState::broken, "the book was never equal to the broker yet");
    if (first != nullptr) {
        std::string const more = gate.open_breaks > 1 ? fmt::format(", and {} more", gate.open_breaks - 1) : "";
        return say(GateState::broken, fmt::format("broker and book differ: {}{}", break_text(*first), more));
    }
    if (input.live && !input.live->connected) {
        return say(GateState::stale,
                   fmt::format("gateway {} is not connected{}{}", status.gateway, since_text(input.live->stale_since, input.now),
                               input.live->last_error.empty() ? "" : ": " + input.live->last_error));
    }
    if (input.live && input.live->stale) {
        return say(GateState::stale, fmt::format("what gateway {} says may be old{}", status.gateway,
                                                 since_text(input.live->stale_since, input.now)));
    }
    if (!input.live) {
        bool const held =
            input.gateway && input.gateway->owner && input.gateway->lease_until && *input.gateway->lease_until > input.now;
        if (!held) return say(GateState::stale, fmt::format("no service follows gateway {} now", status.gateway));
    }
    auto const age = input.now - *status.last_synced_at;
    if (age > 2 * input.interval + std::chrono::seconds(5)) {
        return say(GateState::stale, fmt::format("last seen equal to the broker {} ago", age_text(age)));
    }
    if (!status.coverage) return say(GateState::stale, "it is not known whether today's executions are complete");
    if (*status.coverage != "complete") {
        return say(GateState::stale,
                   fmt::format("today's executions are not known to be complete (coverage is {})", *status.coverage));
    }
    return say(GateState::ok, fmt::format("equal to the broker {} ago", age_text(std::max(age, base::Duration(0)))));
}

}  // namespace possync::http

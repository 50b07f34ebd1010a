#include "app/findings.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "app/zones.hpp"
#include "sync/execution_time.hpp"

namespace possync::app {

namespace {

using Level = Finding::Level;
using State = ProbeResult::State;

/// A clock that is off by more makes times of fills and of marks hard to compare.
constexpr std::int64_t tolerated_seconds = 2;

std::string listed(std::vector<std::string> const& words, std::size_t at_most = 8) {
    std::string text;
    for (std::size_t i = 0; i < words.size() && i < at_most; ++i)
        text += (i == 0 ? "" : ", ") + words[i];
    if (words.size() > at_most) text += fmt::format(" and {} more", words.size() - at_most);
    return text;
}

Finding reachability(GatewayConfig const& gateway, ProbeResult const& probe) {
    std::string const where = fmt::format("{}:{}", probe.host, probe.port);
    std::string const usual = usual_program(probe.port);
    std::string const what = "gateway " + gateway.name;
    switch (probe.state) {
    case State::absent:
        return {Level::bad, what,
                fmt::format("{}: nothing answers ({}); start TWS or IB Gateway, switch its API on (\"Enable ActiveX and Socket "
                            "Clients\"), and check host and port{}",
                            where, probe.reason, usual.empty() ? "" : "; the port is the usual one of " + usual)};
    case State::silent:
        return {Level::bad, what,
                fmt::format("{}: the port is open, and nobody shakes hands ({}); accept the prompt for an incoming connection in "
                            "TWS or IB Gateway, add this machine's address to its trusted IPs, or see whether something else "
                            "listens there",
                            where, probe.reason)};
    case State::client_id_used:
        return {
            Level::bad, what,
            fmt::format("{}: {}; another program, or another possync, uses client id {}: set another client_id. After a crash "
                        "an id stays taken for some minutes",
                        where, probe.reason, gateway.client_id)};
    case State::unusable: return {Level::bad, what, fmt::format("{}: {}", where, probe.reason)};
    case State::ready: break;
    }
    return {Level::ok, what,
            fmt::format("{} answers, server version {}, {} account{}: {}", where, probe.server_version,
                        probe.paper ? "paper" : "live", probe.accounts.size() == 1 ? "" : "s", listed(probe.accounts))};
}

}  // namespace

std::string_view to_string(Finding::Level level) {
    switch (level) {
    case Level::ok: return "ok";
    case Level::note: return "note";
    case Level::bad: return "bad";
    }
    return "";
}

std::string usual_program(int port) {
    switch (port) {
    case 4001: return "IB Gateway, live";
    case 4002: return "IB Gateway, paper";
    case 7496: return "TWS, live";
    case 7497: return "TWS, paper";
    case 4003: return "IB Gateway in a container, live";
    case 4004: return "IB Gateway in a container, paper";
    default: return "";
    }
}

std::vector<Finding> gateway_findings(GatewayConfig const& gateway, ProbeResult const& probe) {
    std::vector<Finding> findings{reachability(gateway, probe)};
    if (probe.state != State::ready) return findings;
    auto const say = [&](Level level, std::string what, std::string text) {
        findings.push_back({level, std::move(what), std::move(text)});
    };
    std::string const kind = probe.paper ? "paper" : "live";

    // Whose accounts they are.
    if (gateway.expect == sync::Expect::any) {
        say(Level::note, "expect",
            fmt::format("set expect = \"{}\" for gateway {}, so that a wrong port is never written to the "
                        "wrong book",
                        kind, gateway.name));
    } else if ((gateway.expect == sync::Expect::paper) != probe.paper) {
        say(Level::bad, "expect",
            fmt::format("these are {} accounts, expected {}: check host and port; nothing is written", kind,
                        probe.paper ? "live" : "paper"));
    } else {
        say(Level::ok, "expect", fmt::format("{} accounts, as expected", kind));
    }
    std::vector<std::string> missing;
    for (auto const& wanted : gateway.accounts) {
        if (std::find(probe.accounts.begin(), probe.accounts.end(), wanted) == probe.accounts.end()) missing.push_back(wanted);
    }
    if (!missing.empty()) {
        say(Level::bad, "accounts",
            fmt::format("the login does not manage {}; correct accounts of gateway {}", listed(missing), gateway.name));
    }
    if (probe.accounts.size() > 50) {
        say(Level::note, "accounts",
            "above 50 accounts positions are asked for one by one, and prices and unrealized P&L are not followed");
    }
    if (!probe.broker_away.empty()) {
        say(Level::bad, "broker", fmt::format("the gateway has lost its own connection to the broker: {}", probe.broker_away));
    }

    // What its settings do to a book.
    if (!probe.settings) {
        say(Level::note, "settings",
            "this gateway does not tell its API settings (it does from server version 219 on). Whether Read-Only API is on "
            "cannot be "
            "found out without sending an order, which possync never does: look at the settings yourself");
    } else {
        auto const& settings = *probe.settings;
        say(settings.read_only_api ? Level::ok : Level::note, "read-only",
            settings.read_only_api ? "Read-Only API is on"
                                   : "the API accepts orders; possync never sends any and works as well with Read-Only API on");
        if (settings.round_account_values) {
            say(Level::bad, "settings",
                "the gateway rounds account values to whole numbers; switch that off in its API settings");
        }
        if (settings.bulk_data_timeout > 0 && settings.bulk_data_timeout < 10) {
            say(Level::bad, "settings",
                fmt::format("the gateway cuts long lists off after {} s; raise the timeout for bulk data in its API "
                            "settings to 30 s or more",
                            settings.bulk_data_timeout));
        }
        bool const master = settings.master_client_id == gateway.client_id;
        say(master ? Level::ok : Level::note, "client id",
            master
                ? fmt::format("{} is the master API client id: fills of all programs are seen as they happen", gateway.client_id)
                : fmt::format(
                      "{} is free. Set Master API client ID to {} in the API settings, and fills of other programs are seen as "
                      "they happen, not by asking",
                      gateway.client_id, gateway.client_id));
        if (!settings.restarts_at.empty()) {
            say(Level::note, "restart",
                fmt::format("the gateway restarts or logs off daily at {}, in its own time", settings.restarts_at));
        }
    }
    if (!probe.settings) {
        say(Level::note, "client id",
            fmt::format("{} is free. As Master API client ID in the API settings it would see fills of all "
                        "programs as they happen",
                        gateway.client_id));
    }

    if (!probe.clock_ahead_seconds) {
        say(Level::note, "clock", "the gateway did not tell its time");
    } else if (std::abs(*probe.clock_ahead_seconds) > tolerated_seconds) {
        say(Level::bad, "clock",
            fmt::format("the gateway's clock is {} s {} this machine's; set both by NTP", std::abs(*probe.clock_ahead_seconds),
                        *probe.clock_ahead_seconds > 0 ? "ahead of" : "behind"));
    } else {
        say(Level::ok, "clock", "this machine's and the gateway's agree");
    }
    std::string const told = sync::zone_of_connection_time(probe.connection_time, system_zones());
    if (!gateway.time_zone.empty()) {
        bool const differs = !told.empty() && told != gateway.time_zone;
        say(differs ? Level::note : Level::ok, "time zone",
            differs ? fmt::format("{} is configured, the gateway says {}: times without a zone are read as the former",
                                  gateway.time_zone, told)
                    : gateway.time_zone + ", as configured");
    } else if (told.empty()) {
        say(Level::bad, "time zone",
            fmt::format("the gateway calls its zone '{}', which is ambiguous: set time_zone of gateway {} to its IANA "
                        "name, like \"America/New_York\"",
                        probe.connection_time, gateway.name));
    } else {
        say(Level::ok, "time zone", told + ", from the handshake");
    }
    return findings;
}

}  // namespace possync::app

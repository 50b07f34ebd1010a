// A look at a gateway without any effect on it: connect, shake hands, read accounts, settings and clock, leave. Blocks; any
// number may run at once, each on a thread of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"

namespace possync::app {

struct ProbeOptions {
    base::Duration connect_timeout = std::chrono::seconds(10);
    base::Duration answer_timeout = std::chrono::seconds(10);  ///< of the handshake
    base::Duration details_timeout = std::chrono::seconds(5);  ///< for what is good to know
    bool net_liquidation = false;                              ///< ask for it too, account by account
};

/// What a gateway's operator has set, as far as it matters to a reader.
struct ProbedSettings {
    bool read_only_api = false;
    bool round_account_values = false;
    std::int64_t bulk_data_timeout = 0;  ///< seconds; 0: not told
    std::int64_t master_client_id = -1;
    std::string restarts_at;  ///< "11:45 PM"; empty: not told
};

struct ProbeResult {
    enum class State {
        absent,          ///< nothing listens there, or the host is not reached
        silent,          ///< the port is open, and nobody shakes hands: not trusted, a prompt nobody accepted, or no gateway
        client_id_used,  ///< somebody else is connected under this client id
        unusable,        ///< it answers, and no agreement is reached (version, redirection)
        ready,
    };
    State state = State::absent;
    std::string host;
    int port = 0;
    std::string reason;  ///< one line, where it is not ready
    int server_version = 0;
    std::string connection_time;  ///< as the handshake has it
    std::vector<std::string> accounts;
    bool paper = false;
    std::optional<ProbedSettings> settings;              ///< gateways tell from server version 219 on
    std::optional<std::int64_t> clock_ahead_seconds;     ///< of this machine's; negative: behind
    std::map<std::string, std::string> net_liquidation;  ///< account -> "USD 1234.56"
    std::string broker_away;  ///< the gateway says that it has lost its own connection; empty: it has not
};

[[nodiscard]] ProbeResult probe_gateway(GatewayConfig const& gateway, ProbeOptions const& options = {});

}  // namespace possync::app

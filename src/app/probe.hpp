// A look at a gateway without any effect on it: connect, shake hands, read the accounts, leave.
#pragma once

#include "app/config.hpp"

namespace possync::app {

struct ProbeResult {
    bool usable = false;
    bool paper = false;
    std::string text;  ///< one line: what was found, or what to do
};

/// Blocks for at most about ten seconds.
[[nodiscard]] ProbeResult probe_gateway(GatewayConfig const& gateway);

}  // namespace possync::app

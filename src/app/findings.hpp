// What `doctor` and `setup` say about gateways, in the same words: each finding is one line that says that all is well, or what
// to do.
#pragma once

#include <string>
#include <vector>

#include "app/probe.hpp"

namespace possync::app {

struct Finding {
    enum class Level {
        ok,
        note,  ///< worth knowing; nothing is wrong
        bad,   ///< syncing fails, or what it shows may be wrong
    };
    Level level = Level::ok;
    std::string what;
    std::string text;
};
[[nodiscard]] std::string_view to_string(Finding::Level level);

/// What a look at a gateway found; the first one says whether it can be used. `ready` ones are followed by what its settings,
/// clock and time zone mean for a book.
[[nodiscard]] std::vector<Finding> gateway_findings(GatewayConfig const& gateway, ProbeResult const& probe);

/// The program that usually listens there: "IB Gateway, live".
[[nodiscard]] std::string usual_program(int port);

}  // namespace possync::app

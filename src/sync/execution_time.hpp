// Times of executions as the gateway writes them -> UTC. An ambiguous zone is an error of that row, never a guess.
#pragma once

#include <string_view>

#include "base/time.hpp"

namespace possync::sync {

/// The forms in use:
///   "20231214-20:57:37"               dash: UTC, whatever the host's zone (a trailing Z is the same)
///   "20260413 15:27:04 US/Eastern"    with an IANA zone name, or "Universal", "UTC", "GMT"
///   "20230224  12:04:56"              no zone: the gateway's login zone, `gateway_zone`
/// Errors: invalid_input with the text; without a zone and with an empty `gateway_zone` the message names the
/// configuration key to set.
[[nodiscard]] base::Result<base::Timestamp> parse_execution_time(std::string_view text, std::string_view gateway_zone,
                                                                 base::ZoneRules const& zones);

/// Zone of "20261123 09:30:00 America/New_York" from the handshake, when its text is an IANA name that `zones`
/// knows; empty otherwise (display names like "Central European Standard Time" are ambiguous).
[[nodiscard]] std::string zone_of_connection_time(std::string_view connection_time, base::ZoneRules const& zones);

}  // namespace possync::sync

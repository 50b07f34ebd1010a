// The operating system's time zone database behind base::ZoneRules.
#pragma once

#include "base/time.hpp"

namespace possync::app {

/// Shared, immutable, thread-safe after the first call.
[[nodiscard]] base::ZoneRules const& system_zones();

}  // namespace possync::app

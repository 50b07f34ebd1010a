// The sinks of the configuration, with their secrets read.
#pragma once

#include <vector>

#include "app/config.hpp"
#include "outbox/dispatcher.hpp"

namespace possync::app {

/// Errors: invalid_input (a secret_file that cannot be read, or that others can read).
[[nodiscard]] base::Result<std::vector<outbox::SinkOptions>> sink_options(Configuration const& configuration);

}  // namespace possync::app

// The sinks of the configuration, with their secrets read; and the libraries that it takes to reach other servers.
#pragma once

#include <vector>

#include "app/config.hpp"
#include "outbox/dispatcher.hpp"

namespace possync::app {

/// Errors: invalid_input (a secret_file that cannot be read, or that others can read).
[[nodiscard]] base::Result<std::vector<outbox::SinkOptions>> sink_options(Configuration const& configuration);

/// Loads what the configured sinks, alerts and Flex queries are reached with, so that a library that is missing is known when the
/// service starts and not in the night when something is to be told. Errors: unavailable, with what to install.
[[nodiscard]] base::Result<void> load_libraries(Configuration const& configuration);

}  // namespace possync::app

// Alerts out of the configuration: rules, receivers with their secrets read, gateways as the rules look at them.
#pragma once

#include <vector>

#include "alert/watcher.hpp"
#include "app/config.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

/// Precondition: the configuration passed load_configuration.
[[nodiscard]] alert::Settings alert_settings(Configuration const& configuration);

/// Errors: invalid_input (a file with a secret that cannot be read, or that others can read).
[[nodiscard]] base::Result<std::vector<alert::ReceiverOptions>> alert_receivers(Configuration const& configuration);

/// When the gateway restarts daily: as its settings tell, else as configured.
[[nodiscard]] std::optional<base::Duration> restart_time(Configuration const& configuration, sync::GatewayStatus const& status);

/// Whether it is no wonder if the gateway is away at `now`: no session is near, or it restarts.
[[nodiscard]] bool is_down_expected(Configuration const& configuration, sync::GatewayStatus const& status, base::Timestamp now);

/// Those that this service answers for: it holds them, or may not follow them.
[[nodiscard]] std::vector<alert::ObservedGateway> alert_gateways(Configuration const& configuration,
                                                                 std::vector<sync::GatewayStatus> const& all);

/// Errors: those of alert_receivers.
[[nodiscard]] base::Result<alert::WatcherOptions> watcher_options(Configuration const& configuration);

}  // namespace possync::app

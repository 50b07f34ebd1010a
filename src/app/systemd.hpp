// What a service manager is told (sd_notify): READY=1 after the first sync or once it stands by, STATUS= in words, WATCHDOG=1 while the io thread
// runs, STOPPING=1. Without $NOTIFY_SOCKET, as at a terminal, nothing is told and nothing runs. Io thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/time.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

class SystemdNotifier {
public:
    /// `status` is asked on the io thread, about once a second. Where syncing is not `enabled` there is no first sync to wait
    /// for.
    SystemdNotifier(boost::asio::io_context& io, bool enabled, std::function<std::vector<sync::GatewayStatus>()> status);
    SystemdNotifier(SystemdNotifier const&) = delete;
    SystemdNotifier& operator=(SystemdNotifier const&) = delete;

    void start();
    /// Tells that the service is ending, and nothing after that.
    void stop();

private:
    void tell(std::string const& text);
    void tick();
    void again();

    std::function<std::vector<sync::GatewayStatus>()> status_;
    boost::asio::steady_timer timer_;
    base::Timestamp started_at_{};
    base::Duration watchdog_{0};  ///< how often the manager wants to hear; 0: not at all
    bool syncs_ = true;
    bool running_ = false;
    bool ready_ = false;
    std::string told_status_;
    base::Duration last_life_sign_{0};
};

/// Whether every gateway's accounts have been synced completely since `since`, or another service serves it and this one stands by:
/// what READY=1 means. Pure.
[[nodiscard]] bool first_sync_is_done(std::vector<sync::GatewayStatus> const& gateways, base::Timestamp since);
/// One line for `systemctl status`. Pure.
[[nodiscard]] std::string status_line(std::vector<sync::GatewayStatus> const& gateways, bool ready);

}  // namespace possync::app

#include "app/systemd.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "app/service.hpp"

namespace possync::app {

namespace {

/// Until the first sync is done the manager's patience is renewed: a gateway may be away for a weekend, and to kill and
/// start the service again and again would help nobody.
constexpr auto start_patience = std::chrono::seconds(60);

}  // namespace

bool first_sync_is_done(std::vector<sync::GatewayStatus> const& gateways, base::Timestamp since) {
    return std::all_of(gateways.begin(), gateways.end(), [&](auto const& gateway) {
        // What another service serves has been done by it; to stand by is all that this one shall do.
        return gateway.state == "standby" || (!gateway.accounts.empty() &&
               std::all_of(gateway.accounts.begin(), gateway.accounts.end(),
                           [&](auto const& account) { return account.last_synced_at && *account.last_synced_at >= since; }));
    });
}

std::string status_line(std::vector<sync::GatewayStatus> const& gateways, bool ready) {
    std::string text = ready ? "in sync since the start" : "waiting for the first sync";
    for (auto const& gateway : gateways) {
        if (gateway.state == "standby") {
            text += fmt::format("; standing by for gateway {}", gateway.gateway);
        } else if (!gateway.connected) {
            text += fmt::format("; gateway {} ({}:{}) {}", gateway.gateway, gateway.host, gateway.port,
                                gateway.last_error.empty() ? "is not connected" : "is not connected: " + gateway.last_error);
        } else if (gateway.stale) {
            text += fmt::format("; gateway {} is stale", gateway.gateway);
        } else {
            text += fmt::format("; gateway {}: {} account{}", gateway.gateway, gateway.accounts.size(),
                                gateway.accounts.size() == 1 ? "" : "s");
        }
    }
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

SystemdNotifier::SystemdNotifier(boost::asio::io_context& io, bool enabled,
                                 std::function<std::vector<sync::GatewayStatus>()> status)
    : status_(std::move(status)), timer_(io), syncs_(enabled) {}

void SystemdNotifier::start() {
    running_ = std::getenv("NOTIFY_SOCKET") != nullptr;
    if (!running_) return;
    started_at_ = clock_now().wall;
    std::uint64_t microseconds = 0;
    // Half of it, as sd_watchdog_enabled(3) advises.
    if (::sd_watchdog_enabled(0, &microseconds) > 0) watchdog_ = base::Duration(static_cast<std::int64_t>(microseconds / 2));
    tick();
}

void SystemdNotifier::stop() {
    timer_.cancel();
    if (running_) tell("STOPPING=1\nSTATUS=stopping");
    running_ = false;
}

void SystemdNotifier::tell(std::string const& text) { (void)::sd_notify(0, text.c_str()); }

void SystemdNotifier::tick() {
    auto const now = clock_now().steady;
    auto const gateways = status_();
    std::string text;
    if (!ready_ && (!syncs_ || first_sync_is_done(gateways, started_at_))) {
        ready_ = true;
        text += "READY=1\n";
    }
    auto const life_sign = watchdog_.count() > 0 && ready_ ? watchdog_ : base::Duration(start_patience) / 4;
    if (last_life_sign_ == base::Duration{0} || now - last_life_sign_ >= life_sign) {
        last_life_sign_ = now;
        if (watchdog_.count() > 0) text += "WATCHDOG=1\n";
        if (!ready_) text += fmt::format("EXTEND_TIMEOUT_USEC={}\n", base::Duration(start_patience).count());
    }
    if (auto line = status_line(gateways, ready_); line != told_status_) {
        told_status_ = std::move(line);
        text += "STATUS=" + told_status_ + "\n";
    }
    if (!text.empty()) tell(text);
    again();
}

void SystemdNotifier::again() {
    auto const pause = watchdog_.count() > 0 ? std::min(watchdog_, base::Duration(std::chrono::seconds(1)))
                                             : base::Duration(std::chrono::seconds(1));
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error && running_) tick();
    });
}

}  // namespace possync::app

#include "app/systemd.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <fmt/format.h>

#include "app/service.hpp"

namespace possync::app {

namespace {

/// Until the first sync is done the manager's patience is renewed: a gateway may be away for a weekend, and to kill and
/// start the service again and again would help nobody.
constexpr auto start_patience = std::chrono::seconds(60);

std::string environment(char const* name) {
    char const* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// How often the manager wants to hear a life sign of this process, 0: not at all. As sd_watchdog_enabled(3) tells it.
base::Duration watchdog_interval() {
    if (auto const pid = environment("WATCHDOG_PID"); !pid.empty() && pid != std::to_string(::getpid())) return base::Duration{0};
    auto const text = environment("WATCHDOG_USEC");
    std::int64_t microseconds = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), microseconds);
    return base::Duration(error == std::errc{} && end == text.data() + text.size() ? std::max<std::int64_t>(microseconds, 0) : 0);
}

}  // namespace

bool first_sync_is_done(std::vector<sync::GatewayStatus> const& gateways, base::Timestamp since) {
    return std::all_of(gateways.begin(), gateways.end(), [&](auto const& gateway) {
        // What another service serves has been done by it; to stand by is all that this one shall do.
        return gateway.state == "standby" ||
               (!gateway.accounts.empty() &&
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
    running_ = !environment("NOTIFY_SOCKET").empty();
    if (!running_) return;
    started_at_ = clock_now().wall;
    watchdog_ = watchdog_interval() / 2;  // half of it, as sd_watchdog_enabled(3) advises
    tick();
}

void SystemdNotifier::stop() {
    timer_.cancel();
    if (running_) tell("STOPPING=1\nSTATUS=stopping");
    running_ = false;
}

// One datagram, as sd_notify(3) tells to do it for those who do not want libsystemd with its compressors and ciphers in the
// process.
void SystemdNotifier::tell(std::string const& text) {
    auto path = environment("NOTIFY_SOCKET");
    if (path.starts_with('@')) path.front() = '\0';  // a name that is no file
    boost::system::error_code error;
    boost::asio::local::datagram_protocol::socket socket(timer_.get_executor());
    socket.open({}, error);
    if (error) return;
    try {
        socket.send_to(boost::asio::buffer(text), boost::asio::local::datagram_protocol::endpoint(path), 0, error);
    } catch (boost::system::system_error const&) {  // a path that is too long: nobody to tell
    }
}

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

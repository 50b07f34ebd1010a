// GatewayServer: the gateway simulator on real sockets, driven by an invented trading day or a scenario. Runs on the thread that
// calls run(); stop() may be called from any.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "gateway/trading_day.hpp"

namespace possync::app {

struct GatewayServerOptions {
    std::string address = "127.0.0.1";
    int port = 4002;  ///< 0: any free one
    gateway::TradingDayOptions day;
    std::string scenario;  ///< file; plays its broker's steps instead of an invented day
    double speed = 1;      ///< of the scenario's waits: 10 makes 30 s last 3 s
    gateway::SimulatorOptions simulator;
    gateway::FaultPlan faults;  ///< drawn from the day's seed
    /// Pause between two things that happen; 0: nothing ever does.
    base::Duration pace = std::chrono::seconds(2);
    int happenings = 0;  ///< the day ends after so many; 0: never
    int burst = 0;       ///< so many fills at once on SIGUSR1
    bool handle_signals = false;
    /// Told what happened, a line each, on the server's thread.
    std::function<void(std::string const&)> on_happening;
};

class GatewayServer {
public:
    explicit GatewayServer(GatewayServerOptions options);
    ~GatewayServer();
    GatewayServer(GatewayServer const&) = delete;
    GatewayServer& operator=(GatewayServer const&) = delete;

    /// Reads the scenario and binds; afterwards port() is known. Errors: invalid_input with file and line, io when the
    /// port is in use, with what to do.
    [[nodiscard]] base::Result<void> open();
    [[nodiscard]] int port() const;
    void run();
    void stop();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::app

// The HTTP server beside a running service: options out of the configuration, the service behind the server's Commands, and the
// service's doings counted for the metrics.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "app/service.hpp"
#include "http/metrics.hpp"
#include "http/server.hpp"

namespace possync::app {

/// Whether [http] listen says that there is to be a server.
[[nodiscard]] bool http_wanted(Configuration const& configuration);

/// Errors: invalid_input (token file, certificate).
[[nodiscard]] base::Result<http::ServerOptions> http_options(Configuration const& configuration, std::string const& version);

/// Made before the service, which it listens to; stopped when the service no longer runs, and before it ends.
class HttpService {
public:
    explicit HttpService(std::string version);
    ~HttpService();
    HttpService(HttpService const&) = delete;
    HttpService& operator=(HttpService const&) = delete;

    /// What the service is to tell.
    void listen_to(ServiceOptions& options);
    /// Errors: those of Server::start, and of a token file.
    [[nodiscard]] base::Result<void> start(Configuration const& configuration, Service& service);
    void stop();
    [[nodiscard]] bool running() const { return server_ != nullptr; }
    /// Precondition: running.
    [[nodiscard]] std::string address() const;

private:
    std::string version_;
    http::Metrics metrics_;
    std::unique_ptr<http::Commands> commands_;
    std::atomic<http::Server*> told_ = nullptr;
    std::unique_ptr<http::Server> server_;
};

}  // namespace possync::app

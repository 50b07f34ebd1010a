// The HTTP server: API, stream, metrics and page on a thread of its own. It answers from committed state only, over readers of
// its own, so that neither an engine nor a commit ever waits for a client, however slow or many.
//
//   io thread      accepts, parses, lets in or refuses, answers from the cache, writes
//   workers        ask the database and render; two for quick questions, two for long ones
//   feed           notices commits, renders what the stream tells
//
// Flow: bytes -> Connection -> Request -> Doors -> Route -> cache, else a worker -> Response. start, committed and stop may be
// called from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "http/commands.hpp"
#include "http/connection.hpp"
#include "http/workers.hpp"

namespace possync::http {

struct ServerOptions {
    std::string listen = "127.0.0.1:8321";  ///< port 0: any free one
    base::Secret token;                     ///< empty: none is needed, and only loopback is served
    std::string certificate_file;           ///< PEM; with key_file: TLS
    std::string key_file;
    std::vector<std::string> hosts;  ///< further names in Host
    std::size_t max_connections = 2000;
    std::size_t max_connections_per_address = 1500;
    ConnectionLimits limits;

    std::string version;
    base::Duration interval{0};  ///< of scheduled syncs, for the gate
    std::string report_zone;     ///< of trade dates
    ReaderFactory open_reader;
    /// Told of each answer ("http.request") when access_log is set, and of what goes wrong ("http.trouble").
    std::function<void(std::string const& event, std::string const& text)> log;
    bool access_log = false;
};

class Metrics;

class Server {
public:
    /// `commands` and `metrics` outlive the server.
    Server(ServerOptions options, Commands& commands, Metrics& metrics);
    ~Server();
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;

    /// Errors: invalid_input (an address that is none, or beyond loopback without a token; a certificate that does not do),
    /// unavailable (the address is taken, or not this machine's).
    [[nodiscard]] base::Result<void> start();
    /// http://127.0.0.1:8321, with the port that it got.
    [[nodiscard]] std::string address() const;
    /// Something was committed by this process.
    void committed();
    void stop();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::http

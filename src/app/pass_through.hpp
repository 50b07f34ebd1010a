// PassThrough: a port that hands every connection on to a gateway, each side's bytes unchanged and at once, and tells a
// recorder what passed. It reads nothing and decides nothing: what the client on its port may do at the gateway, it may do
// through here too. Runs on the thread that calls run(); stop() may be called from any.
#pragma once

#include <memory>
#include <string>

#include "app/recorder.hpp"
#include "base/result.hpp"

namespace possync::app {

struct PassThroughOptions {
    std::string address = "127.0.0.1";
    int port = 0;  ///< 0: any free one
    std::string gateway_host = "127.0.0.1";
    int gateway_port = 4002;
    bool handle_signals = false;  ///< SIGINT and SIGTERM stop
};

class PassThrough {
public:
    /// `recorder` must outlive it.
    PassThrough(PassThroughOptions options, Recorder& recorder);
    ~PassThrough();
    PassThrough(PassThrough const&) = delete;
    PassThrough& operator=(PassThrough const&) = delete;

    /// Binds; afterwards port() is known. Errors: io when the port is in use, with what to do.
    [[nodiscard]] base::Result<void> open();
    [[nodiscard]] int port() const;
    void run();
    void stop();

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::app

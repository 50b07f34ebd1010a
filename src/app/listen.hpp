// A port to listen on, for the simulated gateway and the pass-through.
#pragma once

#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "base/result.hpp"

namespace possync::app {

/// Errors: invalid_input for what is no address, io when the port is in use; `option` names what chooses another.
[[nodiscard]] inline base::Result<void> listen_on(boost::asio::ip::tcp::acceptor& acceptor, std::string const& address, int port,
                                                  std::string_view option) {
    boost::system::error_code error;
    auto const parsed = boost::asio::ip::make_address(address, error);
    if (error) return base::fail(base::ErrorCode::invalid_input, fmt::format("'{}' is not an address", address));
    boost::asio::ip::tcp::endpoint const endpoint(parsed, static_cast<unsigned short>(port));
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) {
        return base::fail(base::ErrorCode::io,
                          fmt::format("cannot listen on {}:{}: {}; choose another {}", address, port, error.message(), option));
    }
    return {};
}

}  // namespace possync::app

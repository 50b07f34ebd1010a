// A connected socket, plain or under TLS, behind one interface: what Beast's and Asio's templates cost stays in two .cpp files.
//
// One operation of each kind at a time; the client is kept alive by the operation. Everything on the io thread.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "base/result.hpp"

namespace possync::http {

/// Told how operations ended.
class TransportClient {
public:
    virtual ~TransportClient() = default;
    virtual void on_open(boost::system::error_code error) = 0;
    virtual void on_read(boost::system::error_code error, std::size_t size) = 0;
    virtual void on_written(boost::system::error_code error) = 0;
};

class Transport {
public:
    virtual ~Transport() = default;
    /// The handshake, where there is one.
    virtual void open(std::shared_ptr<TransportClient> client) = 0;
    virtual void read_some(boost::asio::mutable_buffer buffer, std::shared_ptr<TransportClient> client) = 0;
    /// Both buffers whole; they stay with the caller until on_written.
    virtual void write(std::array<boost::asio::const_buffer, 2> buffers, std::shared_ptr<TransportClient> client) = 0;
    /// Nothing more is sent, and the other side is told.
    virtual void end_sending() = 0;
    /// At once; operations under way end with an error.
    virtual void close() = 0;
};

/// How accepted sockets become transports.
using TransportFactory = std::function<std::unique_ptr<Transport>(boost::asio::ip::tcp::socket)>;

[[nodiscard]] TransportFactory plain_transport();
/// Errors: invalid_input (a file that cannot be read, is no PEM, or a key that others can read or that fits another certificate).
[[nodiscard]] base::Result<TransportFactory> tls_transport(std::string const& certificate_file, std::string const& key_file);

}  // namespace possync::http

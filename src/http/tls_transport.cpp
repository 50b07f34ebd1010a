#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "http/transport.hpp"

namespace possync::http {

namespace ssl = boost::asio::ssl;
using base::ErrorCode;
using base::Result;

namespace {

class TlsTransport final : public Transport {
public:
    TlsTransport(boost::asio::ip::tcp::socket socket, std::shared_ptr<ssl::context> context)
        : context_(std::move(context)), stream_(std::move(socket), *context_) {}

    void open(std::shared_ptr<TransportClient> client) override {
        stream_.async_handshake(ssl::stream_base::server,
                                [client = std::move(client)](boost::system::error_code error) { client->on_open(error); });
    }

    void read_some(boost::asio::mutable_buffer buffer, std::shared_ptr<TransportClient> client) override {
        stream_.async_read_some(buffer, [client = std::move(client)](boost::system::error_code error, std::size_t size) {
            client->on_read(error, size);
        });
    }

    void write(std::array<boost::asio::const_buffer, 2> buffers, std::shared_ptr<TransportClient> client) override {
        boost::asio::async_write(stream_, buffers, [client = std::move(client)](boost::system::error_code error, std::size_t) {
            client->on_written(error);
        });
    }

    void end_sending() override {
        boost::system::error_code ignored;
        stream_.next_layer().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    }

    void close() override {
        // No goodbye of TLS: every answer has a length, so a cut is seen without it.
        boost::system::error_code ignored;
        stream_.next_layer().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
        stream_.next_layer().close(ignored);
    }

private:
    std::shared_ptr<ssl::context> context_;
    ssl::stream<boost::asio::ip::tcp::socket> stream_;
};

}  // namespace

Result<TransportFactory> tls_transport(std::string const& certificate_file, std::string const& key_file) {
    struct stat about{};
    if (::stat(key_file.c_str(), &about) != 0) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.key_file {} cannot be read: {}", key_file, std::strerror(errno)));
    }
    if ((about.st_mode & 077) != 0) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.key_file {} can be read by others; run chmod 600 {}", key_file, key_file));
    }
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    boost::system::error_code error;
    context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                             ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::single_dh_use,
                         error);
    if (!error) context->use_certificate_chain_file(certificate_file, error);
    if (error) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.certificate_file {} is no PEM certificate that can be read: {}", certificate_file,
                                      error.message()));
    }
    context->use_private_key_file(key_file, ssl::context::pem, error);
    if (error) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.key_file {} is no PEM key of that certificate: {}", key_file, error.message()));
    }
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    return [context](boost::asio::ip::tcp::socket socket) { return std::make_unique<TlsTransport>(std::move(socket), context); };
}

}  // namespace possync::http

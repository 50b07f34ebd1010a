#include <boost/asio/write.hpp>

#include "http/transport.hpp"

namespace possync::http {

namespace {

class PlainTransport final : public Transport {
public:
    explicit PlainTransport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

    void open(std::shared_ptr<TransportClient> client) override { client->on_open({}); }

    void read_some(boost::asio::mutable_buffer buffer, std::shared_ptr<TransportClient> client) override {
        socket_.async_read_some(buffer, [client = std::move(client)](boost::system::error_code error, std::size_t size) {
            client->on_read(error, size);
        });
    }

    void write(std::array<boost::asio::const_buffer, 2> buffers, std::shared_ptr<TransportClient> client) override {
        boost::asio::async_write(socket_, buffers, [client = std::move(client)](boost::system::error_code error, std::size_t) {
            client->on_written(error);
        });
    }

    void end_sending() override {
        boost::system::error_code ignored;
        socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    }

    void close() override {
        boost::system::error_code ignored;
        socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }

private:
    boost::asio::ip::tcp::socket socket_;
};

}  // namespace

TransportFactory plain_transport() {
    return [](boost::asio::ip::tcp::socket socket) { return std::make_unique<PlainTransport>(std::move(socket)); };
}

}  // namespace possync::http

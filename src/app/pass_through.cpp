#include "app/pass_through.hpp"

#include <csignal>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "app/listen.hpp"

namespace possync::app {

namespace asio = boost::asio;
using asio::ip::tcp;
using recording::Side;

namespace {

constexpr std::size_t receive_size = 256 * 1024;

/// One client and its connection to the gateway.
struct Pair {
    explicit Pair(tcp::socket accepted) : client(std::move(accepted)), gateway(client.get_executor()) {}
    tcp::socket client;
    tcp::socket gateway;
    std::vector<char> from_client = std::vector<char>(receive_size);
    std::vector<char> from_gateway = std::vector<char>(receive_size);
    int number = 0;
    bool open = false;  ///< as far as the recording goes
};

}  // namespace

class PassThrough::Implementation {
public:
    Implementation(PassThroughOptions options, Recorder& recorder)
        : options_(std::move(options)), recorder_(recorder), acceptor_(io_), resolver_(io_), pause_(io_), signals_(io_) {}

    base::Result<void> open() { return listen_on(acceptor_, options_.address, options_.port, "--listen"); }

    int port() const {
        boost::system::error_code ignored;
        return acceptor_.local_endpoint(ignored).port();
    }

    void run() {
        accept();
        if (options_.handle_signals) {
            signals_.add(SIGINT);
            signals_.add(SIGTERM);
            signals_.async_wait([this](boost::system::error_code error, int) {
                if (!error) io_.stop();
            });
        }
        io_.run();
    }

    void stop() {
        asio::post(io_, [this] { io_.stop(); });
    }

private:
    using Shared = std::shared_ptr<Pair>;

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (error == asio::error::operation_aborted) return;
            if (error) {
                // Out of file descriptors, most likely: that passes.
                pause_.expires_after(std::chrono::milliseconds(100));
                return pause_.async_wait([this](boost::system::error_code over) {
                    if (!over) accept();
                });
            }
            connect(std::make_shared<Pair>(std::move(socket)));
            accept();
        });
    }

    void connect(Shared const& pair) {
        resolver_.async_resolve(options_.gateway_host, std::to_string(options_.gateway_port),
                                [this, pair](boost::system::error_code error, tcp::resolver::results_type const& found) {
                                    if (error) return recorder_.failed(error.message());
                                    connect(pair, found);
                                });
    }

    void connect(Shared const& pair, tcp::resolver::results_type const& found) {
        asio::async_connect(pair->gateway, found, [this, pair](boost::system::error_code error, tcp::endpoint const&) {
            if (error) return recorder_.failed(error.message());  // and the client's connection goes with the pair
            boost::system::error_code ignored;
            pair->client.set_option(tcp::no_delay(true), ignored);
            pair->gateway.set_option(tcp::no_delay(true), ignored);
            pair->number = recorder_.opened();
            pair->open = true;
            pass(pair, Side::client);
            pass(pair, Side::gateway);
        });
    }

    /// What `side` says goes to the other; more is read only when that has left, so that neither can flood the other.
    void pass(Shared const& pair, Side side) {
        bool const outward = side == Side::client;
        auto& from = outward ? pair->client : pair->gateway;
        auto& to = outward ? pair->gateway : pair->client;
        auto& buffer = outward ? pair->from_client : pair->from_gateway;
        from.async_read_some(
            asio::buffer(buffer), [this, pair, side, &to, &buffer](boost::system::error_code error, std::size_t size) {
                if (error) {
                    ended(pair, side);
                    boost::system::error_code ignored;
                    if (error == asio::error::eof) {
                        to.shutdown(tcp::socket::shutdown_send, ignored);  // what is on its way the other way still arrives
                    } else {
                        to.close(ignored);
                    }
                    return;
                }
                asio::async_write(to, asio::buffer(buffer.data(), size),
                                  [this, pair, side](boost::system::error_code failed, std::size_t) {
                                      if (failed) {
                                          boost::system::error_code ignored;
                                          (side == Side::client ? pair->client : pair->gateway).close(ignored);
                                          return ended(pair, side == Side::client ? Side::gateway : Side::client);
                                      }
                                      pass(pair, side);
                                  });
                recorder_.bytes(pair->number, side, {buffer.data(), size});
            });
    }

    void ended(Shared const& pair, Side side) {
        if (std::exchange(pair->open, false)) recorder_.closed(pair->number, side);
    }

    PassThroughOptions options_;
    Recorder& recorder_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    tcp::resolver resolver_;
    asio::steady_timer pause_;
    asio::signal_set signals_;
};

PassThrough::PassThrough(PassThroughOptions options, Recorder& recorder)
    : implementation_(std::make_unique<Implementation>(std::move(options), recorder)) {}
PassThrough::~PassThrough() = default;
base::Result<void> PassThrough::open() { return implementation_->open(); }
int PassThrough::port() const { return implementation_->port(); }
void PassThrough::run() { implementation_->run(); }
void PassThrough::stop() { implementation_->stop(); }

}  // namespace possync::app

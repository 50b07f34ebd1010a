#include "app/probe.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "app/service.hpp"
#include "tws/session.hpp"

namespace possync::app {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class Probe final : public tws::SessionListener {
public:
    explicit Probe(GatewayConfig const& gateway)
        : gateway_(gateway), session_(options(gateway), *this), resolver_(io_), socket_(io_), timer_(io_) {}

    ProbeResult run() {
        session_.start(clock_now());
        act();
        io_.run_for(std::chrono::seconds(25));
        return result_;
    }

    void on_ready(std::string_view accounts, std::string_view) override {
        result_.usable = true;
        result_.paper = sync::is_paper(accounts);
        bool const right = gateway_.expect == sync::Expect::any || (gateway_.expect == sync::Expect::paper) == result_.paper;
        result_.usable = right;
        result_.text = fmt::format("{}:{} answers, server version {}, {} accounts {}", gateway_.host, gateway_.port,
                                   session_.server_version(), result_.paper ? "paper" : "live", accounts);
        if (!right) result_.text += fmt::format("; expected {}: check host and port", result_.paper ? "live" : "paper");
        done_ = true;
        session_.stop(clock_now());
    }
    void on_disconnected(std::string const& reason, bool) override {
        if (result_.text.empty()) result_.text = fmt::format("{}:{}: {}", gateway_.host, gateway_.port, reason);
        done_ = true;
    }
    void on_message(tws::IncomingMessage const&) override {}
    void on_request_ended(tws::RequestKind, std::int64_t, tws::RequestOutcome, std::string const&) override {}
    void on_position_lost(std::string_view, std::string const&) override {}
    void on_connectivity_lost(base::Duration, std::string const&) override {}
    void on_connectivity_restored(bool, std::string const&) override {}
    void on_notice(bool, std::string const&, std::string const&) override {}

private:
    static tws::SessionOptions options(GatewayConfig const& gateway) {
        tws::SessionOptions options;
        options.port = gateway.port;
        options.client_id = gateway.client_id;
        options.version_min = std::min(gateway.min_server_version, gateway.max_server_version);
        options.version_max = gateway.max_server_version;
        options.reconnect = false;
        return options;
    }

    void act() {
        for (auto& action : session_.take_actions()) {
            switch (action.kind) {
                case tws::SessionAction::Kind::open: open(action.port); break;
                case tws::SessionAction::Kind::close: close(); break;
                case tws::SessionAction::Kind::send: {
                    boost::system::error_code ignored;
                    asio::write(socket_, asio::buffer(action.bytes), ignored);
                    break;
                }
            }
        }
        if (done_) return close();
        timer_.expires_after(std::chrono::milliseconds(250));
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            session_.on_time(clock_now());
            act();
        });
    }

    void open(int port) {
        resolver_.async_resolve(gateway_.host, std::to_string(port), [this](boost::system::error_code error, auto const& found) {
            if (error) return failed(error.message());
            asio::async_connect(socket_, found, [this](boost::system::error_code connect_error, tcp::endpoint const&) {
                if (connect_error) return failed(connect_error.message());
                session_.on_socket_open(clock_now());
                act();
                read();
            });
        });
    }

    void failed(std::string const& reason) {
        session_.on_socket_failed(clock_now(), reason + "; is TWS or IB Gateway running there, with its API enabled?");
        act();
    }

    void read() {
        socket_.async_read_some(asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t size) {
            if (done_) return;
            if (error) {
                session_.on_socket_closed(clock_now(), error.message());
            } else {
                session_.on_bytes(clock_now(), {buffer_.data(), size});
            }
            act();
            if (!done_) read();
        });
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
        timer_.cancel();
        if (done_) io_.stop();
    }

    GatewayConfig const& gateway_;
    tws::Session session_;
    asio::io_context io_;
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::array<char, 64 * 1024> buffer_;
    bool done_ = false;
    ProbeResult result_;
};

}  // namespace

ProbeResult probe_gateway(GatewayConfig const& gateway) { return Probe(gateway).run(); }

}  // namespace possync::app

#include "app/probe.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "app/service.hpp"
#include "tws/generation.hpp"
#include "tws/session.hpp"

namespace possync::app {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Account updates go to one account at a time; a family of hundreds is not walked through for a look.
constexpr std::size_t most_net_liquidations = 10;

class Probe final : public tws::SessionListener {
public:
    Probe(GatewayConfig const& gateway, ProbeOptions const& options)
        : gateway_(gateway), options_(options), session_(session_options(gateway, options), *this), resolver_(io_), socket_(io_),
          timer_(io_) {
        result_.host = gateway.host;
        result_.port = gateway.port;
    }

    ProbeResult run() {
        session_.start(clock_now());
        act();
        // The session keeps its own deadlines; this one is for what hangs below it, like a resolver.
        io_.run_for(options_.connect_timeout + options_.answer_timeout + options_.details_timeout + std::chrono::seconds(5));
        if (result_.state == ProbeResult::State::absent && result_.reason.empty()) result_.reason = "does not answer";
        return result_;
    }

    void on_ready(std::string_view accounts, std::string_view connection_time) override {
        result_.state = ProbeResult::State::ready;
        result_.server_version = session_.server_version();
        result_.connection_time = std::string(connection_time);
        result_.paper = sync::is_paper(accounts);
        for (std::size_t at = 0; at <= accounts.size();) {
            auto const comma = std::min(accounts.find(',', at), accounts.size());
            std::string account(accounts.substr(at, comma - at));
            std::erase(account, ' ');
            if (!account.empty()) result_.accounts.push_back(std::move(account));
            at = comma + 1;
        }
        ready_at_ = clock_now().steady;
        session_.request_current_time(clock_now());
        waits_for_time_ = true;
        waits_for_settings_ = result_.server_version >= tws::answers_binary_since(110);
        if (options_.net_liquidation) {
            for (auto const& each : result_.accounts) {
                if (to_ask_.size() < most_net_liquidations) to_ask_.push_back(each);
            }
            ask_next();
        }
    }

    void on_disconnected(std::string const& reason, bool) override {
        if (result_.state != ProbeResult::State::ready) {
            result_.reason = reason;
            // Without a word after the handshake's first half: that is how some gateways refuse a client id.
            bool const closed = reason.find("closed the connection during the handshake") != std::string::npos;
            if (reason.starts_with("client id") || (closed && session_.server_version() > 0)) {
                result_.state = ProbeResult::State::client_id_used;
            } else if (opened_) {
                result_.state = answered_ ? ProbeResult::State::unusable : ProbeResult::State::silent;
            }
        }
        finish();
    }

    void on_message(tws::IncomingMessage const& message) override {
        if (auto const* time = std::get_if<tws::CurrentTime>(&message)) {
            result_.clock_ahead_seconds = time->seconds - clock_now().wall.microseconds / 1'000'000;
            waits_for_time_ = false;
        } else if (auto const* settings = std::get_if<tws::GatewaySettings>(&message)) {
            ProbedSettings& told = result_.settings.emplace();
            told.read_only_api = settings->api.settings.read_only_api;
            told.round_account_values = settings->api.settings.round_account_values;
            told.bulk_data_timeout = settings->api.settings.bulk_data_timeout;
            told.master_client_id = settings->api.settings.master_client_id;
            if (!settings->logoff.time.empty()) {
                told.restarts_at = fmt::format("{} {}", settings->logoff.time, settings->logoff.period);
            }
            waits_for_settings_ = false;
        } else if (auto const* value = std::get_if<tws::AccountValue>(&message)) {
            if (value->key == "NetLiquidation") {
                result_.net_liquidation[std::string(value->account)] = fmt::format("{} {}", value->currency, value->value);
            }
        } else if (auto const* end = std::get_if<tws::AccountDownloadEnd>(&message)) {
            if (asked_ && end->account == *asked_) {
                session_.request_account_updates(clock_now(), false, *asked_);
                asked_.reset();
                ask_next();
            }
        }
        finish_if_complete();
    }
    void on_request_ended(tws::RequestKind kind, std::int64_t, tws::RequestOutcome, std::string const&) override {
        if (kind == tws::RequestKind::settings) waits_for_settings_ = false;
    }
    void on_position_lost(std::string_view, std::string const&) override {}
    void on_connectivity_lost(base::Duration, std::string const& text) override { result_.broker_away = text; }
    void on_connectivity_restored(bool, std::string const&) override { result_.broker_away.clear(); }
    void on_notice(bool, std::string const&, std::string const&) override {}

private:
    static tws::SessionOptions session_options(GatewayConfig const& gateway, ProbeOptions const& probe) {
        tws::SessionOptions options;
        options.port = gateway.port;
        options.client_id = gateway.client_id;
        options.version_min = std::min(gateway.min_server_version, gateway.max_server_version);
        options.version_max = gateway.max_server_version;
        options.connect_timeout = probe.connect_timeout;
        options.ready_timeout = probe.answer_timeout;
        options.reconnect = false;
        return options;
    }

    void ask_next() {
        if (to_ask_.empty() || asked_) return;
        asked_ = to_ask_.front();
        to_ask_.erase(to_ask_.begin());
        session_.request_account_updates(clock_now(), true, *asked_);
    }

    void finish_if_complete() {
        if (result_.state != ProbeResult::State::ready) return;
        bool const complete = !waits_for_time_ && !waits_for_settings_ && !asked_ && to_ask_.empty();
        if (!complete && clock_now().steady - ready_at_ < options_.details_timeout) return;
        finish();
    }

    void finish() {
        if (done_) return;
        done_ = true;
        session_.stop(clock_now());
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
        timer_.expires_after(std::chrono::milliseconds(50));
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            session_.on_time(clock_now());
            finish_if_complete();
            act();
        });
    }

    void open(int port) {
        resolver_.async_resolve(gateway_.host, std::to_string(port), [this](boost::system::error_code error, auto const& found) {
            if (error) return failed(error.message());
            asio::async_connect(socket_, found, [this](boost::system::error_code connect_error, tcp::endpoint const&) {
                if (connect_error) return failed(connect_error.message());
                opened_ = true;
                session_.on_socket_open(clock_now());
                act();
                read();
            });
        });
    }

    void failed(std::string const& reason) {
        if (done_) return;
        session_.on_socket_failed(clock_now(), reason);
        act();
    }

    void read() {
        socket_.async_read_some(asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t size) {
            if (done_) return;
            if (error) {
                session_.on_socket_closed(clock_now(), error.message());
            } else {
                answered_ = true;
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
    ProbeOptions const& options_;
    tws::Session session_;
    asio::io_context io_;
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::array<char, 64 * 1024> buffer_{};
    base::Duration ready_at_{0};
    bool opened_ = false;
    bool answered_ = false;  ///< bytes came, of whatever kind
    bool waits_for_time_ = false;
    bool waits_for_settings_ = false;
    std::vector<std::string> to_ask_;
    std::optional<std::string> asked_;
    bool done_ = false;
    ProbeResult result_;
};

}  // namespace

ProbeResult probe_gateway(GatewayConfig const& gateway, ProbeOptions const& options) { return Probe(gateway, options).run(); }

}  // namespace possync::app

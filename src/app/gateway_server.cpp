#include "app/gateway_server.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "app/listen.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"
#include "gateway/scenario.hpp"

namespace possync::app {

namespace asio = boost::asio;
using asio::ip::tcp;

class GatewayServer::Implementation {
public:
    explicit Implementation(GatewayServerOptions options)
        : options_(std::move(options)), simulator_(broker_, options_.simulator), acceptor_(io_),
          timer_(io_), deadline_(io_), signals_(io_), burst_signal_(io_), pause_signal_(io_) {}

    base::Result<void> open() {
        simulator_.injector.seed(options_.day.seed);
        simulator_.injector.plan(options_.faults, clock_now());
        simulator_.options.zones = &system_zones();
        if (auto const zone = system_zones().to_local(simulator_.options.zone, clock_now().wall); !zone) {
            return base::fail(base::ErrorCode::invalid_input,
                              fmt::format("'{}' is not a time zone; write an IANA name, as America/New_York", simulator_.options.zone));
        }
        if (options_.scenario.empty()) {
            day_.emplace(broker_, options_.day);
        } else {
            POSSYNC_TRY_VOID(open_scenario());
        }
        POSSYNC_TRY_VOID(listen_on(acceptor_, options_.address, options_.port, "--port"));
        simulator_.encode_lists();
        wait_for_signals();  // whoever hears that it listens may send one
        return {};
    }

    int port() const {
        boost::system::error_code ignored;
        return acceptor_.local_endpoint(ignored).port();
    }

    void run() {
        accept();
        if (player_) {
            play_after(std::chrono::seconds(2));
        } else if (options_.pace.count() > 0) {
            wait();
        }
        io_.run();
        if (!simulator_.alarms().empty()) {
            std::string ids;
            for (int const id : simulator_.alarms()) ids += fmt::format(" {}", id);
            tell("a client sent requests that trade, see orders or change settings; they were refused. Message ids:" + ids);
        }
        for (auto const& [id, times] : simulator_.not_served()) tell(fmt::format("message {} is not served here; it came {} times", id, times));
    }

    void stop() {
        asio::post(io_, [this] { io_.stop(); });
    }

private:
    struct Peer {
        explicit Peer(tcp::socket accepted) : socket(std::move(accepted)) {}
        tcp::socket socket;
        std::array<char, 16 * 1024> buffer;
        std::string unsent;
        std::string in_flight;
        bool sending = false;
        bool closing = false;
    };

    void wait_for_signals() {
        if (options_.burst > 0) wait_for_burst();
        if (!options_.handle_signals) return;
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        signals_.async_wait([this](boost::system::error_code error, int) {
            if (!error) io_.stop();
        });
        if (day_) wait_for_pause();
    }

    /// SIGUSR2: the day stands still, and goes on with the next one.
    void wait_for_pause() {
        pause_signal_.add(SIGUSR2);
        pause_signal_.async_wait([this](boost::system::error_code error, int) {
            if (error) return;
            paused_ = !paused_;
            tell(paused_ ? "the day stands still" : "the day goes on");
            pause_signal_.clear();
            wait_for_pause();
        });
    }

    void wait_for_burst() {
        burst_signal_.add(SIGUSR1);
        burst_signal_.async_wait([this](boost::system::error_code error, int) {
            if (error) return;
            if (day_) day_->burst(simulator_, clock_now(), options_.burst);
            flush();
            simulator_.encode_lists();
            if (options_.on_happening) options_.on_happening(fmt::format("{} fills at once", options_.burst));
            burst_signal_.clear();
            wait_for_burst();
        });
    }

    /// Everything before `start` is there when the first client comes.
    base::Result<void> open_scenario() {
        std::ifstream file(options_.scenario);
        if (!file) {
            return base::fail(base::ErrorCode::invalid_input,
                              fmt::format("scenario {} cannot be read: {}", options_.scenario, std::strerror(errno)));
        }
        std::string const text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        POSSYNC_TRY(steps_, gateway::parse_scenario(text, options_.scenario));
        player_.emplace(broker_, simulator_, options_.scenario);
        while (next_step_ < steps_.size() && steps_[next_step_].words.front() != "start") {
            POSSYNC_TRY_VOID(player_->play(steps_[next_step_++], clock_now()));
        }
        if (player_->account().empty()) {
            return base::fail(base::ErrorCode::invalid_input,
                              fmt::format("scenario {} names no account before `start`; begin it with: account DU1000001", options_.scenario));
        }
        return {};
    }

    void play_after(base::Duration pause) {
        timer_.expires_after(pause);
        timer_.async_wait([this](boost::system::error_code error) {
            if (!error) play();
        });
    }

    /// Steps that drive or check a service are not the broker's; of `wait` the time passes.
    void play() {
        while (next_step_ < steps_.size()) {
            auto const& step = steps_[next_step_++];
            if (step.words.front() == "wait") {
                auto const time = step.words.size() == 2 ? base::parse_duration(step.words[1])
                                                         : base::fail(base::ErrorCode::invalid_input, "write: wait DURATION");
                if (!time) return tell(fmt::format("{}:{}: {}", options_.scenario, step.line, time.error().message));
                auto const scaled = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(*time) / options_.speed);
                return play_after(scaled);
            }
            auto const played = player_->play(step, clock_now());
            if (!played) return tell(played.error().message);
            flush();
            if (!*played) continue;
            std::string text;
            for (auto const& word : step.words) text += (text.empty() ? "" : " ") + word;
            tell(text);
            return play_after(options_.pace);
        }
        tell("the scenario is over; the gateway goes on answering");
    }

    void tell(std::string const& text) const {
        if (options_.on_happening) options_.on_happening(text);
    }

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (error) return;
            int const id = simulator_.connect(clock_now());
            if (id != 0) {
                boost::system::error_code ignored;
                socket.set_option(tcp::no_delay(true), ignored);
                auto peer = std::make_shared<Peer>(std::move(socket));
                peers_[id] = peer;
                read(id, peer);
            }
            accept();
        });
    }

    void read(int id, std::shared_ptr<Peer> const& peer) {
        peer->socket.async_read_some(asio::buffer(peer->buffer), [this, id, peer](boost::system::error_code error, std::size_t size) {
            if (error) {
                simulator_.disconnected(id);
                peers_.erase(id);
                return;
            }
            simulator_.bytes(id, {peer->buffer.data(), size}, clock_now());
            flush();
            read(id, peer);
        });
    }

    /// Carries out what the simulator wants sent, and has it woken when more is due.
    void flush() {
        if (auto const due = simulator_.next_deadline()) {
            deadline_.expires_after(std::max<base::Duration>(*due - clock_now().steady, base::Duration(0)));
            deadline_.async_wait([this](boost::system::error_code error) {
                if (error) return;
                simulator_.on_time(clock_now());
                flush();
            });
        }
        for (auto& output : simulator_.take_outputs(clock_now())) {
            auto const found = peers_.find(output.connection);
            if (found == peers_.end()) continue;
            auto peer = found->second;
            if (peer->unsent.empty()) {
                peer->unsent = std::move(output.bytes);
            } else {
                peer->unsent += output.bytes;
            }
            peer->closing = peer->closing || output.close;
            if (output.close) peers_.erase(found);
            if (!peer->sending) write(peer);
        }
    }

    void write(std::shared_ptr<Peer> const& peer) {
        if (peer->unsent.empty()) {
            boost::system::error_code ignored;
            if (peer->closing) peer->socket.close(ignored);
            return;
        }
        peer->sending = true;
        peer->in_flight = std::exchange(peer->unsent, {});
        asio::async_write(peer->socket, asio::buffer(peer->in_flight), [this, peer](boost::system::error_code error, std::size_t) {
            peer->sending = false;
            if (!error) write(peer);
        });
    }

    void wait() {
        // The first client gets a moment to see what was held before the day begins.
        timer_.expires_after(begun_ ? options_.pace : std::max<base::Duration>(options_.pace, std::chrono::seconds(2)));
        begun_ = true;
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            if (paused_) return wait();
            std::string const text = day_->happen(simulator_, clock_now());
            if (options_.on_happening) options_.on_happening(text);
            flush();
            if (options_.happenings == 0 || ++happened_ < options_.happenings) wait();
        });
    }

    GatewayServerOptions options_;
    bool begun_ = false;
    int happened_ = 0;
    gateway::Broker broker_;
    std::optional<gateway::TradingDay> day_;
    std::optional<gateway::ScenarioPlayer> player_;
    std::vector<gateway::ScenarioStep> steps_;
    std::size_t next_step_ = 0;
    gateway::Simulator simulator_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer timer_;
    asio::steady_timer deadline_;  ///< of what the simulator tells by itself
    asio::signal_set signals_;
    asio::signal_set burst_signal_;
    asio::signal_set pause_signal_;
    bool paused_ = false;
    std::map<int, std::shared_ptr<Peer>> peers_;
};

GatewayServer::GatewayServer(GatewayServerOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
GatewayServer::~GatewayServer() = default;
base::Result<void> GatewayServer::open() { return implementation_->open(); }
int GatewayServer::port() const { return implementation_->port(); }
void GatewayServer::run() { implementation_->run(); }
void GatewayServer::stop() { implementation_->stop(); }

}  // namespace possync::app

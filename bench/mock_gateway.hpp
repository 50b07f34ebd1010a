// The simulated gateway on a socket of this process, on a thread of its own, which a benchmark can have push things at a moment
// that it chooses. One client at a time. All members may be called from any thread.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "gateway/simulator.hpp"
#include "workload.hpp"

namespace possync::bench {

inline base::Now clock_now() {
    auto const wall = std::chrono::system_clock::now().time_since_epoch();
    auto const steady = std::chrono::steady_clock::now().time_since_epoch();
    return {{std::chrono::duration_cast<base::Duration>(wall).count()}, std::chrono::duration_cast<base::Duration>(steady)};
}

class MockGateway {
public:
    static constexpr std::int64_t first_con_id = 1000;

    explicit MockGateway(int positions) : simulator_(broker_, options()) {
        broker_.add_account("DU1");
        for (int i = 0; i < positions; ++i) {
            gateway::SimulatedInstrument instrument;
            instrument.con_id = first_con_id + i;
            instrument.symbol = instrument.local_symbol = fmt::format("SYM{}", i);
            instrument.trading_class = "NMS";
            instrument.price = base::Decimal(100);
            broker_.add_instrument(instrument);
            broker_.hold("DU1", instrument.con_id, base::Decimal(1000), base::Decimal(100));
        }
        listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 1) == 0 &&
                 ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
             "no socket to listen on");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~MockGateway() {
        ending_ = true;
        thread_.join();
        if (client_ >= 0) ::close(client_);
        ::close(listener_);
    }
    MockGateway(MockGateway const&) = delete;
    MockGateway& operator=(MockGateway const&) = delete;

    [[nodiscard]] int port() const { return port_; }

    struct Fill {
        std::string exec_id;
        std::chrono::steady_clock::time_point sent;
    };
    /// A fill with its commission, and the position as it is then, in one piece.
    Fill fill(std::int64_t con_id, std::int64_t quantity) {
        std::lock_guard const lock(mutex_);
        auto const now = clock_now();
        auto const& made = broker_.fill("DU1", con_id, base::Decimal(quantity), base::Decimal(101), base::Decimal(1), now.wall, 0, "");
        simulator_.push_fill(made, now);
        simulator_.push_commission(made);
        simulator_.push_position("DU1", con_id);
        Fill fill{made.exec_id, std::chrono::steady_clock::now()};
        send();
        return fill;
    }
    /// Bytes as they are.
    void say(std::string_view bytes) {
        std::lock_guard const lock(mutex_);
        write(bytes);
    }

private:
    static gateway::SimulatorOptions options() {
        gateway::SimulatorOptions options;
        options.master_client_id = 71;  // fills are told as they happen
        options.account_interval = std::chrono::hours(1);
        return options;
    }
    void serve() {
        std::array<char, 65536> buffer{};
        while (!ending_) {
            int const client = client_;
            pollfd waiting{client >= 0 ? client : listener_, POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) {
                std::lock_guard const lock(mutex_);
                simulator_.on_time(clock_now());
                send();
                continue;
            }
            if (client_ < 0) {
                int const accepted = ::accept(listener_, nullptr, nullptr);
                int const on = 1;
                ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                std::lock_guard const lock(mutex_);
                connection_ = simulator_.connect(clock_now());
                client_ = accepted;
                continue;
            }
            auto const size = ::recv(client_, buffer.data(), buffer.size(), 0);
            std::lock_guard const lock(mutex_);
            if (size <= 0) {
                simulator_.disconnected(connection_);
                ::close(client_.exchange(-1));
                continue;
            }
            simulator_.bytes(connection_, {buffer.data(), static_cast<std::size_t>(size)}, clock_now());
            send();
        }
    }
    void send() {
        for (auto const& output : simulator_.take_outputs(clock_now())) write(output.bytes);
    }
    void write(std::string_view bytes) {
        while (!bytes.empty() && client_ >= 0) {
            auto const written = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (written <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }

    std::mutex mutex_;
    gateway::Broker broker_;
    gateway::Simulator simulator_;
    int connection_ = 0;
    int listener_ = -1;
    std::atomic<int> client_ = -1;
    int port_ = 0;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

}  // namespace possync::bench

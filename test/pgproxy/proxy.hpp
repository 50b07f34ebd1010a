// A proxy between a client and a PostgreSQL server that knows where the protocol's messages begin and end, and cuts the connection at
// the one it is told: before it, inside it, or behind it.
//
// It runs on a thread of its own; the members may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace possync::pgproxy {

enum class Direction { to_server, to_client };
enum class Where { before, inside, behind };
/// How long after a late cut what had been sent reaches the server.
inline constexpr std::chrono::milliseconds late_by{60};

enum class How {
    reset,      ///< both sides see the connection reset
    stall,      ///< nothing moves any more, and nobody is told
    late,       ///< the client sees a reset; what it had sent reaches the server a while later, and the end never does
    late_end,   ///< the same, and then the server sees the end
    late_part,  ///< as late, but of what was sent only the first half arrives: a transaction without its COMMIT
};

struct Cut {
    Direction direction = Direction::to_server;
    int message = 0;  ///< of that direction, counted from arm() on over all connections
    Where where = Where::before;
    How how = How::reset;
};

class Proxy {
public:
    Proxy(std::string host, int port);
    Proxy(Proxy const&) = delete;
    Proxy& operator=(Proxy const&) = delete;
    ~Proxy();

    [[nodiscard]] int port() const { return port_; }
    /// Closes what is open, counts from 0 again and cuts once there. Unset: lets everything through.
    void arm(std::optional<Cut> cut);
    /// Whether the cut that was armed has happened.
    [[nodiscard]] bool fired() const { return fired_; }
    [[nodiscard]] int messages(Direction direction) const { return counts_[static_cast<std::size_t>(direction)]; }

private:
    struct Connection;
    void run();
    void take(int listening);
    void forward(Connection& connection, Direction direction);
    void cut(Connection& connection, Direction direction, std::string_view message);

    std::string host_;
    int server_port_;
    int listening_ = -1;
    int port_ = 0;
    int wake_[2] = {-1, -1};
    std::mutex mutex_;  ///< cut_ and connections_, while the thread is not waiting
    std::optional<Cut> cut_;
    std::atomic<bool> fired_ = false;
    std::atomic<int> counts_[2] = {0, 0};
    std::atomic<bool> over_ = false;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::thread thread_;
};

}  // namespace possync::pgproxy

#include "proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

namespace possync::pgproxy {

namespace {

using Clock = std::chrono::steady_clock;

std::uint32_t number_at(std::string const& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
    return value;
}

void close_with_reset(int& fd) {
    if (fd < 0) return;
    linger const now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
    fd = -1;
}

/// All of it, waiting where the other side is slow.
bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            pollfd waiting{fd, POLLOUT, 0};
            if (::poll(&waiting, 1, 2000) <= 0) return false;
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace

struct Proxy::Connection {
    int fd[2] = {-1, -1};  ///< by the direction that is read from it: the client's, the server's
    std::string in[2];     ///< read, and not yet a whole message
    std::string out[2];    ///< to be written, by the direction it goes
    bool started = false;  ///< the client's first message has no type
    bool stalled = false;
    bool dead = false;
    bool end_after_held = false;
    std::string held;            ///< what goes to the server later
    std::optional<Clock::time_point> deliver_at;
    ~Connection() {
        for (auto& each : fd) {
            if (each >= 0) ::close(each);
        }
    }
    [[nodiscard]] int target(Direction direction) const { return fd[direction == Direction::to_server ? 1 : 0]; }
};

Proxy::Proxy(std::string host, int port) : host_(std::move(host)), server_port_(port) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listening_, 16) != 0 ||
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length) != 0 || ::pipe2(wake_, O_NONBLOCK) != 0) {
        std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
    over_ = true;
    (void)!::write(wake_[1], "x", 1);
    thread_.join();
    ::close(listening_);
    ::close(wake_[0]);
    ::close(wake_[1]);
}

void Proxy::arm(std::optional<Cut> cut) {
    std::lock_guard const lock(mutex_);
    for (auto& connection : connections_) {
        for (auto& each : connection->fd) close_with_reset(each);
        connection->dead = true;
    }
    cut_ = cut;
    fired_ = false;
    counts_[0] = counts_[1] = 0;
}

void Proxy::take(int listening) {
    int const client = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
    if (client < 0) return;
    auto connection = std::make_unique<Connection>();
    connection->fd[0] = client;
    int const server = ::socket(AF_INET, SOCK_STREAM, 0);
    connection->fd[1] = server;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server_port_));
    ::inet_pton(AF_INET, host_.c_str(), &address.sin_addr);
    if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
    ::fcntl(server, F_SETFL, ::fcntl(server, F_GETFL) | O_NONBLOCK);
    int const yes = 1;
    for (int const each : connection->fd) ::setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections_.push_back(std::move(connection));
}

void Proxy::cut(Connection& connection, Direction direction, std::string_view message) {
    fired_ = true;
    int const target = connection.target(direction);
    auto const index = static_cast<std::size_t>(direction);
    send_all(target, connection.out[index]);
    connection.out[index].clear();
    std::size_t const through =
        cut_->where == Where::before ? 0 : (cut_->where == Where::inside ? message.size() / 2 : message.size());
    send_all(target, message.substr(0, through));
    switch (cut_->how) {
    case How::stall: connection.stalled = true; break;
    case How::late:
    case How::late_end:
    case How::late_part: {
        // Everything that the client has sent, or sends in the next moment: it sends whole pipelines.
        connection.held = std::string(message.substr(through)) + connection.in[0];
        for (auto const until = Clock::now() + std::chrono::milliseconds(5); Clock::now() < until;) {
            char bytes[65536];
            auto const count = ::recv(connection.fd[0], bytes, sizeof bytes, 0);
            if (count > 0) connection.held.append(bytes, static_cast<std::size_t>(count));
        }
        if (cut_->how == How::late_part) connection.held.resize(connection.held.size() / 2);
        close_with_reset(connection.fd[0]);
        connection.deliver_at = Clock::now() + late_by;
        connection.end_after_held = cut_->how == How::late_end;
        break;
    }
    case How::reset:
        for (auto& each : connection.fd) close_with_reset(each);
        connection.dead = true;
    }
    cut_.reset();
}

/// Whole messages from what was read, one after the other.
void Proxy::forward(Connection& connection, Direction direction) {
    auto const index = static_cast<std::size_t>(direction);
    std::string& in = connection.in[index];
    std::size_t at = 0;
    while (!connection.dead && !connection.stalled && connection.fd[0] >= 0) {
        bool const first = direction == Direction::to_server && !connection.started;
        std::size_t const type = first ? 0 : 1;
        if (in.size() - at < type + 4) break;
        std::size_t const length = type + number_at(in, at + type);
        if (in.size() - at < length) break;
        if (first) connection.started = true;
        std::string_view const message = std::string_view(in).substr(at, length);
        int const number = counts_[index]++;
        if (cut_ && cut_->direction == direction && cut_->message == number) {
            std::string const whole(message);
            in.erase(0, at + length);
            cut(connection, direction, whole);
            return;
        }
        connection.out[index] += message;
        at += length;
    }
    in.erase(0, at);
}

void Proxy::run() {
    while (!over_) {
        std::vector<pollfd> waiting{{wake_[0], POLLIN, 0}, {listening_, POLLIN, 0}};
        std::vector<std::pair<Connection*, int>> whose;
        int timeout = 1000;
        {
            std::lock_guard const lock(mutex_);
            std::erase_if(connections_, [](auto const& each) { return each->dead; });
            for (auto& connection : connections_) {
                if (connection->deliver_at) {
                    timeout = 5;
                    if (Clock::now() >= *connection->deliver_at) {
                        send_all(connection->fd[1], connection->held);
                        connection->held.clear();
                        connection->deliver_at.reset();
                        // An end, not a reset: the server reads what was sent before it.
                        if (connection->end_after_held) ::shutdown(connection->fd[1], SHUT_WR);
                    }
                }
                if (connection->stalled) continue;
                for (int side = 0; side < 2; ++side) {
                    if (connection->fd[side] < 0) continue;
                    short const events = static_cast<short>(POLLIN | (connection->out[1 - side].empty() ? 0 : POLLOUT));
                    waiting.push_back({connection->fd[side], events, 0});
                    whose.emplace_back(connection.get(), side);
                }
            }
        }
        ::poll(waiting.data(), waiting.size(), std::min(timeout, 20));
        std::lock_guard const lock(mutex_);
        if ((waiting[1].revents & POLLIN) != 0) take(listening_);
        for (std::size_t i = 2; i < waiting.size(); ++i) {
            auto [connection, side] = whose[i - 2];
            if (connection->dead || connection->stalled || connection->fd[side] != waiting[i].fd) continue;
            auto const direction = side == 0 ? Direction::to_server : Direction::to_client;
            if ((waiting[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
                char bytes[65536];
                auto const count = ::recv(connection->fd[side], bytes, sizeof bytes, 0);
                if (count > 0) {
                    connection->in[side].append(bytes, static_cast<std::size_t>(count));
                    if (connection->fd[0] >= 0) forward(*connection, direction);
                } else if (count == 0 || errno != EAGAIN) {
                    // One side is gone: the other hears what is left, and the end.
                    if (connection->fd[1 - side] >= 0) send_all(connection->fd[1 - side], connection->out[static_cast<std::size_t>(direction)]);
                    connection->dead = true;
                    continue;
                }
            }
            for (int to = 0; to < 2 && !connection->dead; ++to) {
                std::string& out = connection->out[to];
                int const target = connection->target(static_cast<Direction>(to));
                if (out.empty() || target < 0) continue;
                auto const sent = ::send(target, out.data(), out.size(), MSG_NOSIGNAL);
                if (sent > 0) out.erase(0, static_cast<std::size_t>(sent));
                else if (errno != EAGAIN) connection->dead = true;
            }
        }
    }
    std::lock_guard const lock(mutex_);
    connections_.clear();
}

}  // namespace possync::pgproxy

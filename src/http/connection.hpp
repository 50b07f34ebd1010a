// One client's connection: bytes to requests, answers to bytes, one request after the other; or, once it became a stream, frames
// until somebody ends it. It never waits for a slow reader: what does not fit into its bound is the end of the connection.
//
// Threading: everything on the io thread. The host outlives every connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "http/request.hpp"
#include "http/response.hpp"
#include "http/transport.hpp"

namespace possync::http {

struct ConnectionLimits {
    RequestLimits request;
    std::chrono::milliseconds head_time{10'000};   ///< from the first byte of a request to the last of its headers and body
    std::chrono::milliseconds idle_time{75'000};   ///< between two requests
    std::chrono::milliseconds write_time{30'000};  ///< for one answer, or one frame of a stream
    std::size_t stream_bytes = 1 << 20;            ///< that wait for one subscriber when more comes
};

struct Peer {
    std::string address;        ///< of the client
    std::string local_address;  ///< that it came in by
};

class Connection;

/// What a connection belongs to.
class ConnectionHost {
public:
    virtual ~ConnectionHost() = default;
    virtual void on_request(std::shared_ptr<Connection> const& connection, Request request) = 0;
    virtual void on_closed(Connection& connection) = 0;
    /// An answer was given; for the access log.
    virtual void on_answered(Connection const& connection, int status, std::size_t bytes) = 0;
    virtual ConnectionLimits const& limits() const = 0;
    /// "Date: ...\r\n", of this second.
    virtual std::string const& date_header() = 0;
};

class Connection final : public TransportClient, public std::enable_shared_from_this<Connection> {
public:
    using Clock = std::chrono::steady_clock;

    Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, Peer peer);

    void start();
    /// The answer to the request that was handed over last.
    void respond(Response const& response);
    /// Headers of an endless answer; afterwards send() is its body.
    void begin_stream(std::string_view headers);
    /// Frames that belong together. Ends the connection when too much of earlier ones waits still; false then. What comes at once may be
    /// larger than that bound: who reads is not dropped because much happened.
    bool send(std::vector<std::shared_ptr<std::string const>> const& frames);
    void close();
    /// Ends what took too long. Called every second.
    void check_time(Clock::time_point now);

    [[nodiscard]] bool closed() const { return state_ == State::closed; }
    [[nodiscard]] bool is_stream() const { return state_ == State::streaming; }
    [[nodiscard]] Peer const& peer() const { return peer_; }
    [[nodiscard]] Request const& last_request() const { return last_; }
    [[nodiscard]] Clock::time_point request_began() const { return began_; }
    [[nodiscard]] Clock::time_point last_sent() const { return last_sent_; }

private:
    enum class State { opening, reading, handling, writing, streaming, draining, closed };

    void on_open(boost::system::error_code error) override;
    void on_read(boost::system::error_code error, std::size_t size) override;
    void on_written(boost::system::error_code error) override;
    void read();
    void process();
    void refuse(Refusal const& refusal);
    void pump();
    void drain();
    void set_deadline(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }

    ConnectionHost& host_;
    std::unique_ptr<Transport> transport_;
    Peer peer_;
    State state_ = State::opening;
    Clock::time_point deadline_;
    Clock::time_point began_;
    Clock::time_point last_sent_;
    std::string buffer_;      ///< received and not yet taken
    std::size_t filled_ = 0;  ///< of it
    bool mid_request_ = false;
    bool reading_ = false;  ///< a read is under way
    Request last_;          ///< method and path, for the log
    bool head_only_ = false;
    bool keep_alive_ = true;
    std::string head_;
    std::shared_ptr<std::string const> body_;
    std::deque<std::shared_ptr<std::string const>> frames_;
    std::size_t waiting_bytes_ = 0;
    std::size_t in_flight_ = 0;  ///< frames of the write under way
    bool sending_ = false;
    std::size_t received_while_streaming_ = 0;
};

}  // namespace possync::http

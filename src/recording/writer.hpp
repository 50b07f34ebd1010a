// Writer: what passes between a client and a gateway -> the lines of a recording. It cuts both directions into frames,
// redacts them, keeps to the size that is allowed, and never fails: what cannot be cut is recorded as loose bytes, what
// no longer fits ends the recording with the line `truncated`.
//
// Pure and single-threaded; app's Recorder runs it on a thread of its own, behind the connection.
#pragma once

#include <map>

#include "recording/format.hpp"
#include "recording/redaction.hpp"
#include "tws/frame.hpp"

namespace possync::recording {

inline constexpr std::size_t size_limit_min = 64 * 1024;

class Writer {
public:
    /// The lines of `settings` are TOML; `accounts` are codes known beforehand. `size_limit`: of the whole text, in bytes.
    Writer(Header const& header, std::vector<std::string> const& settings, std::vector<std::string> const& accounts,
           std::size_t size_limit);

    void opened(base::Duration time, int connection);
    void failed(base::Duration time, std::string_view why);
    void bytes(base::Duration time, int connection, Side side, std::string_view bytes);
    void closed(base::Duration time, int connection, Side side);
    void sync(base::Duration time, std::string_view account);
    /// The last line; further calls do nothing.
    void end(base::Duration time);
    void truncate(base::Duration time, std::string_view why);

    /// Whole lines that were not taken yet.
    [[nodiscard]] std::string take();
    [[nodiscard]] bool over() const { return over_; }
    /// Over before its time.
    [[nodiscard]] bool truncated() const { return truncated_; }
    [[nodiscard]] Redactor const& redactor() const { return redactor_; }

private:
    struct Direction {
        tws::FrameReader reader;
        std::string greeting;  ///< of the client: the bytes before its first frame
        bool broken = false;   ///< a frame could not be cut: the rest is loose bytes
    };
    struct Connection {
        Direction client;
        Direction gateway;
        int server_version = 0;
    };

    void cut(base::Duration time, int number, Connection& connection, Side side, std::string_view bytes);
    void add(Event const& event);

    Redactor redactor_;
    std::map<int, Connection> connections_;
    std::string out_;
    std::size_t size_ = 0;
    std::size_t size_limit_;
    bool over_ = false;
    bool truncated_ = false;
};

}  // namespace possync::recording

#include "http/connection.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace possync::http {

namespace {

constexpr std::size_t read_size = 4096;
constexpr std::size_t stream_read_size = 256;  // of a subscriber nothing is expected

}  // namespace

Connection::Connection(ConnectionHost& host, std::unique_ptr<Transport> transport, Peer peer)
    : host_(host), transport_(std::move(transport)), peer_(std::move(peer)) {}

void Connection::start() {
    set_deadline(host_.limits().head_time);
    transport_->open(shared_from_this());
}

void Connection::on_open(boost::system::error_code error) {
    if (state_ != State::opening) return;
    if (error) return close();
    state_ = State::reading;
    // The first request must come soon; between two of them there is more time.
    set_deadline(host_.limits().head_time);
    read();
}

void Connection::read() {
    if (reading_ || state_ == State::closed) return;
    std::size_t const room = state_ == State::streaming ? stream_read_size : read_size;
    if (buffer_.size() < filled_ + room) buffer_.resize(filled_ + room);
    reading_ = true;
    transport_->read_some(boost::asio::buffer(buffer_.data() + filled_, buffer_.size() - filled_), shared_from_this());
}

void Connection::on_read(boost::system::error_code error, std::size_t size) {
    reading_ = false;
    if (state_ == State::closed) return;
    if (error) return close();
    if (state_ == State::streaming) {
        received_while_streaming_ += size;
        if (received_while_streaming_ > host_.limits().request.head_bytes) return close();
        return read();
    }
    if (state_ == State::draining) {
        filled_ = 0;
        return read();
    }
    filled_ += size;
    if (state_ == State::reading) process();
}

void Connection::process() {
    if (filled_ == 0) {
        mid_request_ = false;
        // What one long request needed is not kept for ever.
        if (buffer_.size() > 4 * read_size) {
            buffer_.clear();
            buffer_.shrink_to_fit();
        }
        return read();
    }
    if (!mid_request_) {
        mid_request_ = true;
        began_ = Clock::now();
        deadline_ = began_ + host_.limits().head_time;
    }
    auto parsed = parse_request(std::string_view(buffer_.data(), filled_), host_.limits().request);
    if (!parsed) return refuse(parsed.error());
    if (!*parsed) return read();
    auto& [request, consumed] = **parsed;
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(consumed), buffer_.begin() + static_cast<std::ptrdiff_t>(filled_),
              buffer_.begin());
    filled_ -= consumed;
    mid_request_ = false;
    keep_alive_ = request.keep_alive;
    head_only_ = request.method == Method::head;
    last_.method_text = request.method_text;
    last_.path = request.path;
    state_ = State::handling;
    deadline_ = Clock::time_point::max();
    host_.on_request(shared_from_this(), std::move(request));
}

void Connection::refuse(Refusal const& refusal) {
    state_ = State::handling;
    keep_alive_ = false;
    head_only_ = false;
    last_.method_text = "-";
    last_.path = "-";
    Response response = problem(refusal.status, refusal.detail);
    response.close = true;
    respond(response);
}

void Connection::respond(Response const& response) {
    if (state_ != State::handling) return;
    state_ = State::writing;
    if (response.close) keep_alive_ = false;
    body_ = response.body;
    std::size_t const size = body_ ? body_->size() : 0;
    head_.clear();
    fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
    head_ += host_.date_header();
    if (!response.content_type.empty()) {
        head_ += "Content-Type: ";
        head_ += response.content_type;
        head_ += "\r\n";
    }
    if (response.status != 304 && response.status != 204)
        fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", size);
    head_ += response.headers;
    head_ += security_headers;
    if (!keep_alive_) head_ += "Connection: close\r\n";
    head_ += "\r\n";
    bool const with_body = body_ && !head_only_ && response.status != 304 && response.status != 204;
    host_.on_answered(*this, response.status, with_body ? size : 0);
    set_deadline(host_.limits().write_time);
    transport_->write({boost::asio::buffer(head_), with_body ? boost::asio::buffer(*body_) : boost::asio::const_buffer()},
                      shared_from_this());
}

void Connection::begin_stream(std::string_view headers) {
    if (state_ != State::handling) return;
    head_ = "HTTP/1.1 200 OK\r\n" + host_.date_header();
    head_ += "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n";
    head_ += headers;
    head_ += security_headers;
    head_ += "\r\n";
    state_ = State::streaming;
    keep_alive_ = false;
    filled_ = 0;
    if (!reading_) {
        buffer_.clear();
        buffer_.shrink_to_fit();
    }
    last_.headers.clear();
    host_.on_answered(*this, 200, 0);
    (void)send({std::make_shared<std::string const>(std::move(head_))});
    head_ = {};
    read();
}

bool Connection::send(std::vector<std::shared_ptr<std::string const>> const& frames) {
    if (state_ != State::streaming) return false;
    if (waiting_bytes_ > host_.limits().stream_bytes) {
        close();
        return false;
    }
    for (auto const& frame : frames) {
        waiting_bytes_ += frame->size();
        frames_.push_back(frame);
    }
    pump();
    return state_ != State::closed;
}

void Connection::pump() {
    if (sending_) return;
    if (frames_.empty()) {
        deadline_ = Clock::time_point::max();
        return;
    }
    sending_ = true;
    last_sent_ = Clock::now();
    set_deadline(host_.limits().write_time);
    in_flight_ = std::min<std::size_t>(frames_.size(), 2);
    transport_->write(
        {boost::asio::buffer(*frames_[0]), in_flight_ == 2 ? boost::asio::buffer(*frames_[1]) : boost::asio::const_buffer()},
        shared_from_this());
}

void Connection::on_written(boost::system::error_code error) {
    if (state_ == State::closed) return;
    if (error) return close();
    if (state_ == State::streaming) {
        sending_ = false;
        for (; in_flight_ > 0; --in_flight_) {
            waiting_bytes_ -= frames_.front()->size();
            frames_.pop_front();
        }
        return pump();
    }
    body_.reset();
    if (!keep_alive_) return drain();
    state_ = State::reading;
    set_deadline(host_.limits().idle_time);
    process();
}

void Connection::drain() {
    // What the client still sends is read and thrown away for a moment: closing on unread bytes would take the answer from it.
    state_ = State::draining;
    filled_ = 0;
    set_deadline(std::chrono::seconds(1));
    transport_->end_sending();
    read();
}

void Connection::close() {
    if (state_ == State::closed) return;
    auto const alive = shared_from_this();
    state_ = State::closed;
    transport_->close();
    host_.on_closed(*this);
}

void Connection::check_time(Clock::time_point now) {
    if (state_ == State::closed || now < deadline_) return;
    if (state_ == State::reading && mid_request_ && filled_ > 0) return refuse({408, "the request took too long to arrive"});
    close();
}

}  // namespace possync::http

#include "recording/writer.hpp"

#include <fmt/format.h>

#include "tws/decode.hpp"

namespace possync::recording {

namespace {

constexpr std::string_view client_greeting("API\0", 4);
constexpr std::size_t last_line_max = 160;  ///< kept free for it

}  // namespace

Writer::Writer(Header const& header, std::vector<std::string> const& settings, std::vector<std::string> const& accounts,
               std::size_t size_limit)
    : size_limit_(std::max(size_limit, size_limit_min)) {
    for (auto const& account : accounts)
        redactor_.learn_account(account);
    write(out_, header);
    for (auto const& setting : settings)
        write(out_, Setting{0, redactor_.scan(setting)});
    size_ = out_.size();
}

void Writer::opened(base::Duration time, int connection) {
    connections_.try_emplace(connection);
    add({0, time, connection, EventKind::opened, Side::client, {}});
}

void Writer::failed(base::Duration time, std::string_view why) {
    add({0, time, 0, EventKind::failed, Side::client, redactor_.scan(why)});
}

void Writer::bytes(base::Duration time, int connection, Side side, std::string_view bytes) {
    auto const found = connections_.find(connection);
    if (found == connections_.end() || over_) return;
    auto& direction = side == Side::client ? found->second.client : found->second.gateway;
    if (side == Side::client && direction.greeting.size() < client_greeting.size()) {
        auto const missing = std::min(client_greeting.size() - direction.greeting.size(), bytes.size());
        direction.greeting += bytes.substr(0, missing);
        bytes.remove_prefix(missing);
        if (direction.greeting.size() < client_greeting.size()) return;
        add({0, time, connection, EventKind::raw, side, direction.greeting});
        direction.broken = direction.greeting != client_greeting;
    }
    cut(time, connection, found->second, side, bytes);
}

void Writer::cut(base::Duration time, int number, Connection& connection, Side side, std::string_view bytes) {
    auto& direction = side == Side::client ? connection.client : connection.gateway;
    if (!direction.broken) {
        direction.reader.append(bytes);
        while (true) {
            auto const frame = direction.reader.next();
            if (!frame) {
                // The length that cannot be is the first four of these bytes: it belongs to what the reader still holds.
                direction.broken = true;
                std::string rest;
                for (int shift = 24; shift >= 0; shift -= 8)
                    rest += static_cast<char>((frame.error().length >> shift) & 0xFF);
                auto const held = direction.reader.buffered() - rest.size();
                rest += bytes.substr(bytes.size() - std::min(held, bytes.size()));
                return add({0, time, number, EventKind::raw, side, redactor_.scan(rest)});
            }
            if (!*frame) return;
            std::string_view const payload = **frame;
            if (connection.server_version == 0) {
                if (auto const hello = tws::decode_hello(payload); hello && side == Side::gateway)
                    connection.server_version = hello->server_version;
                // The handshake itself, of either side, is no message.
                if (side == Side::client || connection.server_version != 0) {
                    add({0, time, number, EventKind::frame, side, redactor_.scan(payload)});
                    continue;
                }
            }
            auto redacted = redactor_.frame(side, payload, connection.server_version);
            add({0, time, number, redacted.kind, side, std::move(redacted.payload)});
        }
    }
    if (!bytes.empty()) add({0, time, number, EventKind::raw, side, redactor_.scan(bytes)});
}

void Writer::closed(base::Duration time, int connection, Side side) {
    auto const found = connections_.find(connection);
    if (found == connections_.end()) return;
    connections_.erase(found);
    add({0, time, connection, EventKind::closed, side, {}});
}

void Writer::sync(base::Duration time, std::string_view account) {
    add({0, time, 0, EventKind::sync, Side::client, redactor_.scan(account)});
}

void Writer::end(base::Duration time) {
    add({0, time, 0, EventKind::ended, Side::client, {}});
    over_ = true;
}

void Writer::truncate(base::Duration time, std::string_view why) {
    if (over_) return;
    over_ = truncated_ = true;
    write(out_, Event{0, time, 0, EventKind::truncated, Side::client, std::string(why)});
}

std::string Writer::take() { return std::exchange(out_, {}); }

void Writer::add(Event const& event) {
    if (over_) return;
    std::size_t const before = out_.size();
    write(out_, event);
    std::size_t const line = out_.size() - before;
    if (size_ + line + last_line_max > size_limit_) {
        out_.resize(before);
        return truncate(event.time, fmt::format("the size limit of {} bytes is reached", size_limit_));
    }
    size_ += line;
}

}  // namespace possync::recording

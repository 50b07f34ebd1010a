// Frames -> messages: a total function. A frame that cannot be read is a DecodeError value and nothing else; an id
// that is not known is an UnknownMessage. No allocation: fields are views into the frame.
// Fields that are not there because the server is older keep their defaults; extra fields at the end are ignored,
// because newer servers add them.
#pragma once

#include <expected>
#include <string_view>

#include "tws/messages.hpp"

namespace possync::tws {

struct DecodeError {
    int message_id = 0;  ///< 0: the id itself is not a number
    int field = 0;       ///< index after the id, from 0
    char const* what = "";
    std::string_view account = {};  ///< whose position it was, where that much could be read
    bool operator==(DecodeError const&) const = default;
};

/// A gateway's message, in whichever form this negotiated version has it.
[[nodiscard]] std::expected<IncomingMessage, DecodeError> decode(std::string_view payload, int server_version);

/// A client's message, as the simulator reads it.
[[nodiscard]] std::expected<ClientRequest, DecodeError> decode_request(std::string_view payload, int server_version);

/// The gateway's answer to the handshake: exactly two fields, a version and its time. Anything else: nothing.
struct ServerHello {
    int server_version = 0;
    std::string_view connection_time;
    bool operator==(ServerHello const&) const = default;
};
[[nodiscard]] std::optional<ServerHello> decode_hello(std::string_view payload);

/// The client's "v100..200" or "v100", with options after a blank.
struct ClientHello {
    int version_min = 0;
    int version_max = 0;
    bool operator==(ClientHello const&) const = default;
};
[[nodiscard]] std::optional<ClientHello> decode_client_hello(std::string_view payload);

}  // namespace possync::tws

// Messages -> frames, appended to a buffer. Requests for the session, gateway messages for the simulator; each is
// the inverse of its decoder. Pure.
#pragma once

#include <string>

#include "tws/messages.hpp"

namespace possync::tws {

/// "API\0" and the framed range of versions: the first bytes of a connection.
void encode_client_hello(std::string& out, int version_min, int version_max);
void encode_server_hello(std::string& out, int server_version, std::string_view connection_time);

void encode(std::string& out, OutgoingMessage const& message, int server_version);
/// UnknownMessage encodes as its bare id.
void encode(std::string& out, IncomingMessage const& message, int server_version);

}  // namespace possync::tws

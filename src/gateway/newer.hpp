// A gateway that is newer than its client: fields and messages that nobody knows yet. Official clients pass over them. Pure.
#pragma once

#include <cstddef>
#include <string>

namespace possync::gateway {

/// Adds an unknown field to the frame that begins at `begin`, and an unknown message behind it.
void append_what_nobody_knows(std::string& out, std::size_t begin, int server_version);

}  // namespace possync::gateway

// Log lines of the program: text on a terminal, JSON lines otherwise, UTC with microseconds, stable event names.
// Thread-safe after set_up.
#pragma once

#include <string>

#include "sync/protocol.hpp"

namespace possync::app {

/// `level` and `format` as in the configuration ([log]); lines go to stderr.
void set_up_log(std::string const& level, std::string const& format);
void set_log_level(std::string const& level);
void write_log(sync::LogLevel level, std::string const& event, std::string const& gateway, std::string const& account,
               std::string const& text);

}  // namespace possync::app

// A secret from a file that only its owner can read.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace possync::app {

/// One word on one line. `key` names the setting in messages. Errors: invalid_input (cannot be read, readable by others, not one word).
[[nodiscard]] base::Result<base::Secret> read_secret_file(std::string const& path, std::string const& key);

}  // namespace possync::app

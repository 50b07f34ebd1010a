// How a command reaches the service that holds a gateway: through the table of operator requests in the database.
#pragma once

#include <string>

#include "base/result.hpp"

namespace possync::app {

/// Whether a living service holds this gateway's lease. A database that cannot be read has none.
[[nodiscard]] bool service_holds(std::string const& path, std::string const& gateway);

/// Leaves the request and waits up to a minute for its answer. Without `ok` a request that failed is an error with the
/// answer as its text; with it, `ok` says whether it went well. Errors: timeout.
[[nodiscard]] base::Result<std::string> ask_service(std::string const& path, std::string const& verb, std::string const& arguments,
                                                    bool* ok = nullptr);

}  // namespace possync::app

// How a command reaches the service that holds a gateway: through the table of operator requests in the database.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "store/data_source.hpp"

namespace possync::app {

/// The living service that holds this gateway's lease; empty: none, or a database that cannot be read.
[[nodiscard]] std::string owner_of(store::DataSource& database, std::string const& gateway);

/// Whether a living service holds this gateway's lease. A database that cannot be read has none.
[[nodiscard]] bool service_holds(store::DataSource& database, std::string const& gateway);

/// What a living service says of its gateways: whether each is connected, or stale and since when. Nothing where no service lives,
/// or none answers within two seconds.
[[nodiscard]] std::string ask_live_status(store::DataSource& database);

/// What the service answers to a request that failed: the class of the error goes with its line, so that the command that asked
/// ends with the status it would have ended with by itself.
[[nodiscard]] std::string failed_answer(base::Error const& error);

/// Leaves the request and waits up to `patience` for its answer. Without `ok` a request that failed is the error that the
/// service met (`refused` where the answer does not say which); with it, `ok` says whether it went well. Of several services the
/// request is for the one named, else for whichever sees it first. Errors: timeout.
[[nodiscard]] base::Result<std::string> ask_service(store::DataSource& database, std::string const& verb, std::string const& arguments,
                                                    bool* ok = nullptr, base::Duration patience = std::chrono::seconds(60), std::string const& service = {});

}  // namespace possync::app

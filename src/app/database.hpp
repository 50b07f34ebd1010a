// The configured database, of whatever engine.
#pragma once

#include <memory>

#include "app/config.hpp"
#include "store/data_source.hpp"

namespace possync::app {

/// Opens nothing yet; one for each thread. Errors: invalid_input (database.url).
[[nodiscard]] base::Result<std::unique_ptr<store::DataSource>> open_database(Configuration const& configuration);

}  // namespace possync::app

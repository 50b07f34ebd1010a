// The DataSource of one SQLite file.
#pragma once

#include <memory>
#include <string>

#include "store/data_source.hpp"

namespace possync::store {

[[nodiscard]] std::unique_ptr<DataSource> make_sqlite_data_source(std::string path);

}  // namespace possync::store

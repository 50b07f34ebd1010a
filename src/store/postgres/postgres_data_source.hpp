// The DataSource of one schema of a PostgreSQL database. It keeps a connection for what commands ask again and again.
#pragma once

#include <memory>

#include "store/data_source.hpp"
#include "store/postgres/url.hpp"

namespace possync::store {

[[nodiscard]] std::unique_ptr<DataSource> make_postgres_data_source(postgres::Address address);

}  // namespace possync::store

#include "app/database.hpp"

#include "store/open/open.hpp"

namespace possync::app {

base::Result<std::unique_ptr<store::DataSource>> open_database(Configuration const& configuration) {
    return store::open_data_source(configuration.database_url);
}

}  // namespace possync::app

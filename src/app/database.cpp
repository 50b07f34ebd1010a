#include "app/database.hpp"

#include "app/secret_file.hpp"
#include "store/open/open.hpp"

namespace possync::app {

base::Result<std::unique_ptr<store::DataSource>> open_database(Configuration const& configuration) {
    base::Secret password = configuration.database_password;
    if (password.empty() && !configuration.database_password_file.empty()) {
        POSSYNC_TRY(password, read_secret_file(configuration.database_password_file, "database.password_file"));
    }
    return store::open_data_source(configuration.database_url, std::move(password));
}

}  // namespace possync::app

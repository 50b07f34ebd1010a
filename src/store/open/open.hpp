// From a database's URL to its DataSource: the one place that knows every engine there is.
#pragma once

#include <memory>
#include <string>

#include "base/secret.hpp"
#include "store/data_source.hpp"

namespace possync::store {

/// Opens nothing yet. `password`, where there is one, counts instead of one in the URL. Errors: invalid_input for a URL of no known engine, with the forms that work;
/// unavailable where the library that PostgreSQL needs is missing.
[[nodiscard]] base::Result<std::unique_ptr<DataSource>> open_data_source(std::string const& url, base::Secret password = {});

/// Whether open_data_source would take it. Errors: as there.
[[nodiscard]] base::Result<void> check_database_url(std::string const& url);

/// Takes the password out of a URL, where there is one.
[[nodiscard]] base::Secret take_password(std::string& url);

/// URL of a file, for a database that a command makes for itself.
[[nodiscard]] std::string url_of_file(std::string const& path);

}  // namespace possync::store

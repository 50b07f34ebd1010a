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

/// For a program of its own, before it uses any database: nobody asks how much memory SQLite takes, and to count it takes a lock of the whole
/// process with each of the few allocations that every row costs.
void leave_memory_uncounted();

/// URL of a file, for a database that a command makes for itself.
[[nodiscard]] std::string url_of_file(std::string const& path);

}  // namespace possync::store

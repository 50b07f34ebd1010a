#include "store/open/open.hpp"

#include <sqlite3.h>

#include <fmt/format.h>

#include "store/postgres/postgres_data_source.hpp"
#include "store/sqlite/sqlite_data_source.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view sqlite_scheme = "sqlite:///";

}  // namespace

Result<std::unique_ptr<DataSource>> open_data_source(std::string const& url, base::Secret password) {
    if (url.starts_with(sqlite_scheme) && url.size() > sqlite_scheme.size()) {
        return make_sqlite_data_source(url.substr(sqlite_scheme.size()));
    }
    if (postgres::is_postgres_url(url)) {
        POSSYNC_TRY(auto address, postgres::parse_address(url));
        if (!password.empty()) address.password = std::move(password);
        return make_postgres_data_source(std::move(address));
    }
    return base::fail(ErrorCode::invalid_input,
                      fmt::format("'{}' is not a database this program opens; write sqlite:///possync.db (relative), "
                                  "sqlite:////var/lib/possync/possync.db (absolute) or postgresql://user@host/database",
                                  url.substr(0, url.find('@') == std::string::npos ? 60 : url.find(':'))));
}

Result<void> check_database_url(std::string const& url) {
    POSSYNC_TRY(auto const source, open_data_source(url));
    return {};
}

base::Secret take_password(std::string& url) {
    if (!postgres::is_postgres_url(url)) return {};
    auto address = postgres::parse_address(url);
    if (!address || address->password.empty()) return {};
    // As it was, without the password: the address that libpq gets, and our schema.
    url = address->url;
    if (address->schema != postgres::default_schema) url += (url.find('?') == std::string::npos ? "?schema=" : "&schema=") + address->schema;
    return std::move(address->password);
}

void leave_memory_uncounted() { static_cast<void>(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0)); }

std::string url_of_file(std::string const& path) { return std::string(sqlite_scheme) + path; }

}  // namespace possync::store

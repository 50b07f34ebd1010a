// A PostgreSQL URL taken apart: what libpq is told, in which schema our tables are, and the password apart from everything that
// is printed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace possync::store::postgres {

inline constexpr std::string_view default_schema = "possync";

struct Address {
    std::string url;        ///< for libpq: no password, no schema
    std::string schema;     ///< of our tables and views
    std::string shown;      ///< for messages: no password, no options
    base::Secret password;  ///< empty: libpq looks at PGPASSWORD and ~/.pgpass
};

/// postgresql://user:password@host:port/database?schema=possync&sslmode=verify-full; postgres:// is the same. Everything libpq
/// knows as a parameter goes to it; `schema` is ours. Errors: invalid_input, without the password.
[[nodiscard]] base::Result<Address> parse_address(std::string const& url);

/// Whether the text claims to be such a URL.
[[nodiscard]] bool is_postgres_url(std::string const& url);

}  // namespace possync::store::postgres

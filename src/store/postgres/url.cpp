#include "store/postgres/url.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "store/postgres/libpq.hpp"

namespace possync::store::postgres {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view schemes[] = {"postgresql://", "postgres://"};

/// A name that needs no quoting anywhere, so that what is written in the URL is what people write in SQL.
bool plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 63 &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos &&
           (name.front() < '0' || name.front() > '9') && !name.starts_with("pg_");
}

int hexadecimal(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Result<std::string> decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        int const high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
        int const low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return base::fail(ErrorCode::invalid_input, "a % in a database URL is followed by two hexadecimal digits");
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

}  // namespace

bool is_postgres_url(std::string const& url) {
    return std::any_of(std::begin(schemes), std::end(schemes), [&](auto scheme) { return url.starts_with(scheme); });
}

Result<Address> parse_address(std::string const& url) {
    std::string_view rest = url;
    for (auto const scheme : schemes) {
        if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
    }
    Address address;
    address.schema = default_schema;
    auto const question = rest.find('?');
    std::string_view const place = rest.substr(0, question);
    std::string_view query = question == std::string_view::npos ? std::string_view{} : rest.substr(question + 1);

    // user:password@: the last @, because a careless password may hold one.
    std::string_view host = place;
    std::string_view user;
    if (auto const at = place.rfind('@'); at != std::string_view::npos) {
        user = place.substr(0, at);
        host = place.substr(at + 1);
        if (auto const colon = user.find(':'); colon != std::string_view::npos) {
            POSSYNC_TRY(auto password, decoded(user.substr(colon + 1)));
            address.password = base::Secret(std::move(password));
            user = user.substr(0, colon);
        }
    }
    std::string const before = "postgresql://" + std::string(user) + (user.empty() ? "" : "@") + std::string(host);
    address.shown = before;

    std::string kept;
    while (!query.empty()) {
        auto const end = std::min(query.find('&'), query.size());
        std::string_view const pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        auto const equal = std::min(pair.find('='), pair.size());
        std::string_view const key = pair.substr(0, equal);
        std::string_view const value = pair.substr(std::min(equal + 1, pair.size()));
        if (key == "schema") {
            POSSYNC_TRY(address.schema, decoded(value));
            if (!plain_name(address.schema)) {
                return base::fail(ErrorCode::invalid_input,
                                  "schema= in a database URL is a name of small letters, digits and _, such as possync");
            }
        } else if (key == "password") {
            POSSYNC_TRY(auto password, decoded(value));
            address.password = base::Secret(std::move(password));
        } else {
            kept += (kept.empty() ? "?" : "&") + std::string(pair);
        }
    }
    if (address.schema != default_schema) address.shown += "?schema=" + address.schema;
    address.url = before + kept;

    POSSYNC_TRY_VOID(libpq.load());
    char* message = nullptr;
    std::unique_ptr<PQconninfoOption, shared_library::Free<PQconninfoFree>> const options(PQconninfoParse(address.url.c_str(), &message));
    std::string said = message != nullptr ? message : "";
    PQfreemem(message);
    while (!said.empty() && said.back() == '\n')
        said.pop_back();
    if (!options) {
        return base::fail(
            ErrorCode::invalid_input,
            fmt::format("'{}' is not a PostgreSQL URL ({}); write postgresql://user@host/database", address.shown, said));
    }
    bool named = false;
    for (PQconninfoOption const* option = options.get(); option->keyword != nullptr; ++option) {
        named = named || (std::string_view(option->keyword) == "dbname" && option->val != nullptr && *option->val != '\0');
    }
    if (!named) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("'{}' names no database; write postgresql://user@host/database", address.shown));
    }
    return address;
}

}  // namespace possync::store::postgres

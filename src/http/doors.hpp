// Who may come in. On loopback no token is needed; everywhere else one is, and without it the server does not start. Host is
// checked on every request (a page on another site reaches loopback through DNS rebinding), Origin on everything that changes
// something and on the stream (a page on another site may send, even if it cannot read).
//
// Flow: check_doors (configuration) -> Doors -> admit(request, address that it came in by). Pure but for the hash functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "http/request.hpp"

namespace possync::http {

struct HostPort {
    std::string host;  ///< without brackets, lower case
    std::optional<std::uint16_t> port;
    bool operator==(HostPort const&) const = default;
};
/// "localhost", "localhost:8321", "[::1]:8321"; nothing for what is no host. An IPv6 address stands in brackets.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);

/// [http] listen: HOST:PORT. Errors: invalid_input with the forms.
[[nodiscard]] base::Result<HostPort> parse_listen(std::string_view text);

/// 127.0.0.0/8, ::1, and these mapped into IPv6. False for names.
[[nodiscard]] bool is_loopback_address(std::string_view address);
/// 0.0.0.0, ::, and ::ffff:0.0.0.0.
[[nodiscard]] bool is_any_address(std::string_view address);
/// The address in its shortest form, a mapped one as IPv4; the text itself where it is no address.
[[nodiscard]] std::string plain_address(std::string_view address);

/// What a request needs to be let in.
enum class Door {
    open,    ///< page, probes: nothing that is anybody's
    read,    ///< the token, where there is one
    write,   ///< and to come from this very origin, where a browser says where it comes from
    stream,  ///< as write, though it changes nothing: it stays open
};

struct DoorOptions {
    std::string listen_host;         ///< as configured
    std::vector<std::string> hosts;  ///< further names that it is reached by
    base::Secret token;              ///< empty: none needed
    bool loopback = true;            ///< it is bound to a loopback address
};

class Doors {
public:
    explicit Doors(DoorOptions options);

    /// Nothing: it is let in. `local_address`: where the connection arrived.
    [[nodiscard]] std::optional<Refusal> admit(Request const& request, Door door, std::string_view local_address) const;
    /// Host alone: for every request, before anything else is looked at.
    [[nodiscard]] std::optional<Refusal> check_host(Request const& request, std::string_view local_address) const;
    [[nodiscard]] std::optional<Refusal> check_origin(Request const& request) const;
    /// Bearer token or session cookie. True where no token is configured.
    [[nodiscard]] bool knows(Request const& request) const;
    /// Compares in a time that depends on neither text.
    [[nodiscard]] bool is_token(std::string_view text) const;
    [[nodiscard]] bool needs_token() const { return !options_.token.empty(); }
    /// Value of the session's cookie: follows from the token, and ends with it.
    [[nodiscard]] std::string const& session() const { return session_; }

private:
    DoorOptions options_;
    std::vector<std::string> names_;
    std::string session_;
    std::string token_digest_;
};

inline constexpr std::string_view session_cookie = "possync_session";

/// The token in a file that its owner alone can read. Errors: invalid_input (not there, empty, readable by others, longer than
/// 4096).
[[nodiscard]] base::Result<base::Secret> read_token_file(std::string const& path);

}  // namespace possync::http

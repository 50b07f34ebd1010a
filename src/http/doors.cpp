#include "http/doors.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

namespace possync::http {

namespace ip = boost::asio::ip;
using base::ErrorCode;
using base::Result;

namespace {

std::optional<ip::address> parse_address(std::string_view text) {
    boost::system::error_code error;
    auto const address = ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

std::string digest(std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out, &size, EVP_sha256(), nullptr);
    return {reinterpret_cast<char const*>(out), size};
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string session_of(base::Secret const& token) {
    if (token.empty()) return {};
    constexpr std::string_view purpose = "possync session 1";
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), token.reveal().data(), static_cast<int>(token.reveal().size()),
         reinterpret_cast<unsigned char const*>(purpose.data()), purpose.size(), out, &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i)
        text += fmt::format("{:02x}", out[i]);
    return text;
}

std::string_view cookie(Request const& request, std::string_view name) {
    std::string_view all = request.header("cookie");
    while (!all.empty()) {
        auto const end = all.find(';');
        auto part = all.substr(0, end);
        all = end == std::string_view::npos ? std::string_view{} : all.substr(end + 1);
        while (!part.empty() && part.front() == ' ')
            part.remove_prefix(1);
        if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') return part.substr(name.size() + 1);
    }
    return {};
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
    HostPort out;
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        auto const end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        auto const inside = text.substr(1, end - 1);
        auto const rest = text.substr(end + 1);
        boost::system::error_code error;
        (void)ip::make_address_v6(std::string(inside), error);
        if (error || inside.find('%') != std::string_view::npos) return std::nullopt;
        out.host = lower(inside);
        if (!rest.empty() && rest.front() != ':') return std::nullopt;
        has_port = !rest.empty();
        port = has_port ? rest.substr(1) : rest;
    } else {
        auto const colon = text.find(':');
        out.host = lower(text.substr(0, colon));
        has_port = colon != std::string_view::npos;
        port = has_port ? text.substr(colon + 1) : std::string_view{};
        if (out.host.empty() || out.host.size() > 253) return std::nullopt;
        for (char const c : out.host) {
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')) return std::nullopt;
        }
        if (out.host.back() == '.') out.host.pop_back();
        if (out.host.empty()) return std::nullopt;
    }
    if (has_port) {
        std::uint16_t value = 0;
        auto const [stop, error] = std::from_chars(port.data(), port.data() + port.size(), value);
        if (error != std::errc{} || stop != port.data() + port.size() || port.empty()) return std::nullopt;
        out.port = value;
    }
    return out;
}

Result<HostPort> parse_listen(std::string_view text) {
    auto const parsed = parse_host_port(text);
    if (parsed && parsed->port) return *parsed;
    return base::fail(ErrorCode::invalid_input,
                      fmt::format("'{}' is no address to listen on; write 127.0.0.1:8321, [::1]:8321, localhost:8321, "
                                  "or \"off\" for no HTTP at all",
                                  text.substr(0, 80)));
}

bool is_loopback_address(std::string_view address) {
    auto const parsed = parse_address(address);
    return parsed && parsed->is_loopback();
}

bool is_any_address(std::string_view address) {
    auto const parsed = parse_address(address);
    return parsed && parsed->is_unspecified();
}

std::string plain_address(std::string_view address) {
    auto const parsed = parse_address(address);
    return parsed ? parsed->to_string() : std::string(address);
}

Doors::Doors(DoorOptions options)
    : options_(std::move(options)), session_(session_of(options_.token)), token_digest_(digest(options_.token.reveal())) {
    if (!is_any_address(options_.listen_host)) names_.push_back(plain_address(options_.listen_host));
    if (options_.loopback || is_any_address(options_.listen_host)) {
        for (char const* name : {"localhost", "127.0.0.1", "::1"})
            names_.emplace_back(name);
    }
    for (auto const& host : options_.hosts) {
        if (auto const parsed = parse_host_port(host)) names_.push_back(plain_address(parsed->host));
    }
}

std::optional<Refusal> Doors::check_host(Request const& request, std::string_view local_address) const {
    if (!request.has_header("host")) return std::nullopt;  // HTTP/1.0 only: no browser
    auto const host = parse_host_port(request.header("host"));
    if (!host) return Refusal{400, "the Host header names no host"};
    auto const name = plain_address(host->host);
    if (std::find(names_.begin(), names_.end(), name) != names_.end()) return std::nullopt;
    // The very address that the connection came in by cannot be a name that somebody else made point here.
    if (name == plain_address(local_address)) return std::nullopt;
    return Refusal{
        421, fmt::format("this server is not known as '{}'; add the name to [http] hosts if it is", host->host.substr(0, 100))};
}

std::optional<Refusal> Doors::check_origin(Request const& request) const {
    auto const site = request.header("sec-fetch-site");
    if (!site.empty() && site != "same-origin" && site != "none") return Refusal{403, "the request comes from another site"};
    if (!request.has_header("origin")) return std::nullopt;  // no browser, or nothing that a page of another site can send
    auto const origin = request.header("origin");
    std::string_view rest;
    std::uint16_t usual_port = 0;
    if (origin.starts_with("http://")) {
        rest = origin.substr(7);
        usual_port = 80;
    } else if (origin.starts_with("https://")) {
        rest = origin.substr(8);
        usual_port = 443;
    }
    auto const from = parse_host_port(rest);
    auto const to = parse_host_port(request.header("host"));
    if (from && to && from->host == to->host && from->port.value_or(usual_port) == to->port.value_or(usual_port))
        return std::nullopt;
    return Refusal{403, "the request comes from a page of another origin"};
}

bool Doors::is_token(std::string_view text) const { return needs_token() && same(digest(text), token_digest_); }

bool Doors::knows(Request const& request) const {
    if (!needs_token()) return true;
    auto const authorization = request.header("authorization");
    if (authorization.size() > 7 && lower(authorization.substr(0, 7)) == "bearer ") return is_token(authorization.substr(7));
    return same(cookie(request, session_cookie), session_);
}

std::optional<Refusal> Doors::admit(Request const& request, Door door, std::string_view local_address) const {
    if (auto refusal = check_host(request, local_address)) return refusal;
    if (door == Door::write || door == Door::stream) {
        if (auto refusal = check_origin(request)) return refusal;
    }
    if (door != Door::open && !knows(request)) {
        return Refusal{401, "a token is needed: Authorization: Bearer TOKEN, with the text of [http] token_file"};
    }
    return std::nullopt;
}

Result<base::Secret> read_token_file(std::string const& path) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.token_file {} cannot be read: {}", path, std::strerror(errno)));
    }
    if ((about.st_mode & 077) != 0) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.token_file {} can be read by others (mode {:04o}); run chmod 600 {}", path,
                                      about.st_mode & 07777, path));
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    if (!file) return base::fail(ErrorCode::invalid_input, fmt::format("http.token_file {} cannot be read", path));
    std::string token = all.str();
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
        token.pop_back();
    if (token.size() < 16 || token.size() > 4096) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("http.token_file {} holds {} characters; make one with: openssl rand -hex 32 > {}", path,
                                      token.size(), path));
    }
    for (char const c : token) {
        if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
            return base::fail(
                ErrorCode::invalid_input,
                fmt::format("http.token_file {} holds more than one word; a token is one line of letters and digits", path));
        }
    }
    return base::Secret(std::move(token));
}

}  // namespace possync::http

#include "http/request.hpp"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "query/json.hpp"

namespace possync::http {

namespace beast = boost::beast;

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

namespace {

/// What Beast would let pass or repair, though another reader may take it differently.
std::optional<Refusal> ambiguous(std::string_view head) {
    for (std::size_t i = 0; i < head.size(); ++i) {
        char const c = head[i];
        if (c == '\0') return Refusal{400, "a header holds a NUL"};
        if (c == '\n' && (i == 0 || head[i - 1] != '\r')) return Refusal{400, "lines end with CR LF"};
        if (c == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return Refusal{400, "a carriage return stands alone"};
        if (c == '\n' && i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t'))
            return Refusal{400, "folded header lines are not taken"};
    }
    return std::nullopt;
}

std::optional<Refusal> wrong_headers(Request const& request) {
    auto const count = [&](std::string_view name) {
        return std::count_if(request.headers.begin(), request.headers.end(),
                             [&](auto const& each) { return each.first == name; });
    };
    if (count("host") > 1 || (count("host") == 0 && !request.http_1_0)) return Refusal{400, "exactly one Host header is needed"};
    for (char const* once :
         {"content-length", "origin", "authorization", "content-type", "last-event-id", "if-none-match", "cookie"}) {
        if (count(once) > 1) return Refusal{400, std::string(once) + " is there twice"};
    }
    if (count("transfer-encoding") > 0) return Refusal{411, "send the body with a Content-Length, not with a Transfer-Encoding"};
    if (count("upgrade") > 0 && request.header("connection").find("pgrade") != std::string_view::npos) {
        return Refusal{400, "this server speaks HTTP/1.1 only"};
    }
    auto const length = request.header("content-length");
    if (!std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return Refusal{400, "Content-Length is not a number"};
    return std::nullopt;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
    for (auto const& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

bool Request::has_header(std::string_view name) const {
    return std::any_of(headers.begin(), headers.end(), [&](auto const& each) { return each.first == name; });
}

std::expected<std::optional<ParsedRequest>, Refusal> parse_request(std::string_view bytes, RequestLimits const& limits) {
    auto const end = bytes.find("\r\n\r\n");
    std::string_view const head =
        bytes.substr(0, end == std::string_view::npos ? std::min(bytes.size(), limits.head_bytes) : end + 4);
    if (end == std::string_view::npos && bytes.size() > limits.head_bytes)
        return std::unexpected(Refusal{431, "the headers are too long"});
    if (head.size() > limits.head_bytes) return std::unexpected(Refusal{431, "the headers are too long"});
    if (end == std::string_view::npos) {
        // A line that can never become one is refused before it has filled the buffer.
        auto const line = head.substr(0, head.rfind('\n') == std::string_view::npos ? 0 : head.rfind('\n') + 1);
        if (auto refusal = ambiguous(line)) return std::unexpected(*refusal);
        return std::nullopt;
    }
    if (auto refusal = ambiguous(head)) return std::unexpected(*refusal);

    beast::http::request_parser<beast::http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.head_bytes));
    parser.body_limit(limits.body_bytes);
    parser.eager(true);
    beast::error_code error;
    std::size_t consumed = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (error == beast::http::error::body_limit) return std::unexpected(Refusal{413, "the body is too long"});
    if (error == beast::http::error::header_limit) return std::unexpected(Refusal{431, "the headers are too long"});
    if (error == beast::http::error::bad_version) return std::unexpected(Refusal{505, "this server speaks HTTP/1.1"});
    if (error && error != beast::http::error::need_more)
        return std::unexpected(Refusal{400, "this is not an HTTP request: " + error.message()});
    if (!parser.is_header_done()) return std::unexpected(Refusal{400, "this is not an HTTP request"});

    ParsedRequest parsed;
    Request& request = parsed.request;
    auto const& message = parser.get();
    auto const view = [](auto const& text) { return std::string_view(text.data(), text.size()); };
    request.method_text = std::string(view(message.method_string()));
    switch (message.method()) {
    case beast::http::verb::get: request.method = Method::get; break;
    case beast::http::verb::head: request.method = Method::head; break;
    case beast::http::verb::post: request.method = Method::post; break;
    case beast::http::verb::delete_: request.method = Method::delete_; break;
    default: request.method = Method::other; break;
    }
    request.http_1_0 = message.version() < 11;
    request.target = std::string(view(message.target()));
    for (auto const& field : message) {
        request.headers.emplace_back(lower(view(field.name_string())), std::string(view(field.value())));
    }
    if (auto refusal = wrong_headers(request)) return std::unexpected(*refusal);
    if (request.target.empty() || request.target.front() != '/' || request.target.find('#') != std::string::npos) {
        return std::unexpected(Refusal{400, "the target must be a path like /api/positions"});
    }
    for (char const c : request.target) {
        if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f)
            return std::unexpected(Refusal{400, "the target holds a character that must be escaped"});
    }
    if (!parser.is_done()) return std::nullopt;  // the body is still on its way
    request.keep_alive = message.keep_alive();
    request.body = message.body();
    auto const question = request.target.find('?');
    request.path = request.target.substr(0, question);
    if (question != std::string::npos) request.query = request.target.substr(question + 1);
    parsed.consumed = consumed;
    return parsed;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank) {
    auto const digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            int const high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
            int const low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i] == '+' && plus_is_blank ? ' ' : text[i];
        }
    }
    if (query::repaired_utf8(out) != out) return std::nullopt;
    return out;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        auto const ampersand = query.find('&');
        auto const part = query.substr(0, ampersand);
        query = ampersand == std::string_view::npos ? std::string_view{} : query.substr(ampersand + 1);
        auto const equals = part.find('=');
        auto name = percent_decoded(part.substr(0, equals), true);
        auto value = percent_decoded(equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1), true);
        if (!name || name->empty() || !value) return std::nullopt;
        pairs.emplace_back(std::move(*name), std::move(*value));
    }
    return pairs;
}

}  // namespace possync::http

// An HTTP request as a value, and how bytes become one: Beast's parser behind checks of our own for everything that two readers
// of the same bytes could take differently (both lengths, folded lines, bare line feeds, two Hosts, absolute targets).
//
// Pure: no socket, no clock. What is refused is a value with the status to answer; nothing is repaired.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace possync::http {

/// ASCII letters as small ones: names of headers, hosts and schemes compare so.
[[nodiscard]] std::string lower(std::string_view text);

enum class Method { get, head, post, delete_, other };

struct Request {
    Method method = Method::get;
    std::string method_text;
    std::string target;                                        ///< as sent: path and query
    std::string path;                                          ///< before the question mark, as sent
    std::string query;                                         ///< after it
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;
    bool keep_alive = true;
    bool http_1_0 = false;

    /// The first of that name (lower case); empty where there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] bool has_header(std::string_view name) const;
};

/// Why bytes are no request that is served; the connection ends with the answer.
struct Refusal {
    int status = 400;
    std::string detail;
};

struct RequestLimits {
    std::size_t head_bytes = 16 * 1024;
    std::size_t body_bytes = 64 * 1024;
};

struct ParsedRequest {
    Request request;
    std::size_t consumed = 0;  ///< bytes that the request took
};

/// The request at the beginning of `bytes`; nothing while it is not whole.
[[nodiscard]] std::expected<std::optional<ParsedRequest>, Refusal> parse_request(std::string_view bytes,
                                                                                 RequestLimits const& limits = {});

/// "a=1&b=x%20y" as pairs, decoded. Nothing where an escape is broken, a name is empty or text is no UTF-8.
[[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);
/// %XX decoded; nothing where an escape is broken or stands for NUL.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank);

}  // namespace possync::http

// An answer as a value, and the texts that every answer is made of. Problems are RFC 9457.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace possync::http {

struct Response {
    int status = 200;
    std::string content_type;
    std::string headers;  ///< further ones, each "Name: value\r\n"
    std::shared_ptr<std::string const> body;
    bool close = false;  ///< the connection ends with it
};

[[nodiscard]] std::string_view reason_phrase(int status);

/// {"type": "about:blank", "title": ..., "status": ..., "detail": ...}; `more` is appended as it is: ", \"name\": value".
[[nodiscard]] std::string problem_json(int status, std::string_view detail, std::string_view more = {});
[[nodiscard]] Response problem(int status, std::string_view detail, std::string_view more = {});
[[nodiscard]] int status_of(base::ErrorCode code);
/// The error in the words of the API: options lose the command line's dashes.
[[nodiscard]] Response problem(base::Error const& error);

[[nodiscard]] Response text_response(int status, std::string text, std::string_view content_type = "text/plain; charset=utf-8");

/// "value" in quotes, escaped, valid UTF-8.
[[nodiscard]] std::string quoted(std::string_view text);

/// On every answer: nothing is sniffed, framed, or handed to other origins.
inline constexpr std::string_view security_headers = "X-Content-Type-Options: nosniff\r\n"
                                                     "Referrer-Policy: no-referrer\r\n"
                                                     "X-Frame-Options: DENY\r\n"
                                                     "Cross-Origin-Resource-Policy: same-origin\r\n"
                                                     "Cross-Origin-Opener-Policy: same-origin\r\n";
inline constexpr std::string_view page_policy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";
inline constexpr std::string_view data_policy = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";

}  // namespace possync::http

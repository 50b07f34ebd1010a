#include "http/response.hpp"

#include <boost/beast/http/status.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "query/json.hpp"

namespace possync::http {

std::string_view reason_phrase(int status) {
    auto const text = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    return {text.data(), text.size()};
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(query::repaired_utf8(text))); }

std::string problem_json(int status, std::string_view detail, std::string_view more) {
    return fmt::format(R"({{"type": "about:blank", "title": {}, "status": {}, "detail": {}{}}})", quoted(reason_phrase(status)),
                       status, quoted(detail), more);
}

Response problem(int status, std::string_view detail, std::string_view more) {
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.headers = "Cache-Control: no-store\r\n";
    if (status == 401) response.headers += "WWW-Authenticate: Bearer\r\n";
    if (status == 503) response.headers += "Retry-After: 1\r\n";
    response.body = std::make_shared<std::string const>(problem_json(status, detail, more));
    return response;
}

int status_of(base::ErrorCode code) {
    using base::ErrorCode;
    switch (code) {
    case ErrorCode::invalid_input:
    case ErrorCode::out_of_range: return 400;
    case ErrorCode::not_found: return 404;
    case ErrorCode::refused:
    case ErrorCode::conflict: return 409;
    case ErrorCode::timeout: return 504;
    case ErrorCode::unavailable:
    case ErrorCode::io: return 503;
    case ErrorCode::internal: return 500;
    }
    return 500;
}

Response problem(base::Error const& error) {
    std::string text = error.message;
    struct Word {
        std::string_view option;
        std::string_view parameter;
    };
    for (Word const word : {Word{"--con-id", "con_id"}, Word{"--as-recorded", "as_recorded"},
                            Word{"--position-id", "position_id"}, Word{"--at ", "as_of "}, Word{"--at:", "as_of:"}, Word{"--", ""}}) {
        for (auto at = text.find(word.option); at != std::string::npos; at = text.find(word.option, at)) {
            text.replace(at, word.option.size(), word.parameter);
        }
    }
    return problem(status_of(error.code), text);
}

Response text_response(int status, std::string text, std::string_view content_type) {
    Response response;
    response.status = status;
    response.content_type = std::string(content_type);
    response.headers = "Cache-Control: no-store\r\n";
    response.body = std::make_shared<std::string const>(std::move(text));
    return response;
}

}  // namespace possync::http

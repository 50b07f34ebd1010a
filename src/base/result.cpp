#include "base/result.hpp"

namespace possync::base {

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid_input: return "invalid_input";
        case ErrorCode::out_of_range: return "out_of_range";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::refused: return "refused";
        case ErrorCode::conflict: return "conflict";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::timeout: return "timeout";
        case ErrorCode::io: return "io";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

std::optional<ErrorCode> parse_error_code(std::string_view text) {
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
        if (to_string(static_cast<ErrorCode>(code)) == text) return static_cast<ErrorCode>(code);
    }
    return std::nullopt;
}

}  // namespace possync::base

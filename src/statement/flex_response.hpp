// The Flex Web Service's own answer, <FlexStatementResponse>: a reference code with the address to fetch at, or an error. Pure;
// asking is app/flex_service's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace possync::statement {

struct FlexResponse {
    std::string status;  ///< Success, Fail, Warn
    std::string reference_code;
    std::string url;
    std::string error_code;  ///< empty: none
    std::string error_message;
    bool operator==(FlexResponse const&) const = default;
};

/// Errors: invalid_input for anything that is not such an answer.
[[nodiscard]] base::Result<FlexResponse> parse_flex_response(std::string_view bytes);

/// What to do about an error code of the service.
enum class FlexRetry {
    soon,        ///< the statement is being made: 1019
    later,       ///< it cannot be made now: busy, data of the day not ready, ...
    much_later,  ///< too many requests: 1018
    never,       ///< token, query or account are wrong; a person has to act
};
/// Unknown codes are `later`: nothing says that a person could help.
[[nodiscard]] FlexRetry flex_retry(std::string_view error_code);
/// What a person can do about a code of class `never`; empty where the service's own message says it.
[[nodiscard]] std::string_view flex_advice(std::string_view error_code);

}  // namespace possync::statement

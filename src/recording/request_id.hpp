// The request id inside an encoded answer of a gateway, in whichever form the answer has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace possync::recording {

/// The same payload with another request id; every other byte stays. Precondition: the message decodes and carries one.
[[nodiscard]] std::string with_request_id(std::string_view payload, int server_version, std::int64_t request_id);

}  // namespace possync::recording

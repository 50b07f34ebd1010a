#include "recording/request_id.hpp"

#include "tws/generation.hpp"
#include "tws/outgoing.hpp"

namespace possync::recording {

namespace {

/// Fields between a text message's id and the request id: its version, where it has one.
std::size_t fields_before(int message_id, int server_version) {
    switch (message_id) {
    case 4: return server_version < 194 ? 1 : 0;
    case 10:
    case 18: return server_version < 164 ? 1 : 0;
    case 11: return server_version < 136 ? 1 : 0;
    case 94:
    case 95: return 0;
    default: return 1;
    }
}

}  // namespace

std::string with_request_id(std::string_view payload, int server_version, std::int64_t request_id) {
    int const id = tws::base_id(payload).value_or(0);
    bool const four_bytes = payload.starts_with('\0') && payload.size() >= 4;
    std::size_t at = four_bytes ? 4 : payload.find('\0') + 1;
    bool const binary = four_bytes && ((static_cast<unsigned char>(payload[2]) << 8) | static_cast<unsigned char>(payload[3])) >
                                          tws::binary_offset;
    std::string result(payload);
    if (!binary) {
        for (auto skip = fields_before(id, server_version); skip > 0; --skip)
            at = result.find('\0', at) + 1;
        return result.replace(at, result.find('\0', at) - at, std::to_string(request_id));
    }
    // Field 1, a varint, in front as every writer puts it; elsewhere or missing, it is added behind, where the last one wins.
    std::size_t end = at;
    if (end == result.size() || result[end] != '\x08') {
        at = end = result.size();
    } else {
        do {
            ++end;
        } while (end < result.size() && (static_cast<unsigned char>(result[end]) & 0x80) != 0);
        ++end;
    }
    std::string field = "\x08";
    auto value = static_cast<std::uint64_t>(request_id);
    for (; value >= 0x80; value >>= 7)
        field += static_cast<char>(value | 0x80);
    field += static_cast<char>(value);
    return result.replace(at, end - at, field);
}

}  // namespace possync::recording

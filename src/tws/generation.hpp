// Which form a message has at which server version. Up to 200 every frame is text with its id as the first field. From 201 on
// the id is four bytes; up to 200 it is followed by text fields, above 200 by the binary form of id - 200, which each message
// got at a version of its own. Readers decide by the id alone; this table is for writers.
#pragma once

#include <limits>

namespace possync::tws {

inline constexpr int binary_ids_since = 201;
/// A request for executions may name days before today.
inline constexpr int days_of_executions_since = 200;
inline constexpr int binary_offset = 200;

/// First server version at which a gateway writes the message with this base id in binary.
[[nodiscard]] constexpr int answers_binary_since(int base_id) {
    switch (base_id) {
        case 11: case 55: case 59: return 201;
        case 10: case 18: case 52: return 205;
        case 6: case 7: case 8: case 15: case 54: case 61: case 62: case 63: case 64: case 71: case 72: case 73: case 74: return 207;
        case 94: case 95: return 210;
        case 78: return 212;
        case 4: case 9: case 49: case 109: return 213;  // errors come in both forms from 201 on
        case 110: return 219;
        default: return std::numeric_limits<int>::max();
    }
}

/// First server version at which a client writes the request with this base id in binary.
[[nodiscard]] constexpr int requests_binary_since(int base_id) {
    switch (base_id) {
        case 7: return 201;
        case 9: return 205;
        case 6: case 17: case 61: case 62: case 63: case 64: case 74: case 75: case 76: case 77: return 207;
        case 92: case 93: case 94: case 95: return 210;
        case 80: return 212;
        case 49: case 71: case 105: return 213;
        case 108: return 219;
        default: return std::numeric_limits<int>::max();
    }
}

}  // namespace possync::tws

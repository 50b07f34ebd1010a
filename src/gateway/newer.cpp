#include "gateway/newer.hpp"

#include "tws/frame.hpp"
#include "tws/generation.hpp"

namespace possync::gateway {

void append_what_nobody_knows(std::string& out, std::size_t begin, int server_version) {
    bool const four_byte_ids = server_version >= tws::binary_ids_since;
    std::string payload = out.substr(begin + 4);
    bool const binary =
        four_byte_ids && payload.size() >= 4 && (payload[2] != 0 || static_cast<unsigned char>(payload[3]) > tws::binary_offset);
    payload += binary ? std::string("\xC8\x3E\x01", 3)  // field 1001 = 1
                      : std::string("newer\0", 6);      // one more text field
    out.resize(begin);
    tws::append_frame(out, payload);
    // Message 190 (text) exists in no version up to 226.
    tws::append_frame(out, four_byte_ids ? std::string("\0\0\0\xBEnewer\0", 10) : std::string("190\0newer\0", 10));
}

}  // namespace possync::gateway

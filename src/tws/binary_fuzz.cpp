// libFuzzer target: one payload in the binary form, as a gateway's and as a client's message. The first byte chooses the
// message, what follows is its body.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "tws/fuzz_checks.hpp"
#include "tws/generation.hpp"
#include "tws/protobuf.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace possync;
    using namespace possync::tws;
    constexpr int newest = 226;
    if (size == 0) return 0;
    unsigned const id = binary_offset + 1u + data[0] % 120;
    std::string payload{'\0', '\0', static_cast<char>(id >> 8), static_cast<char>(id & 0xFF)};
    payload.append(reinterpret_cast<char const*>(data + 1), size - 1);

    auto const message = decode(payload, newest);
    // The form is told by the id alone.
    CHECK(decode(payload, binary_ids_since) == message);
    if (message) check_survives_writing(*message, newest);
    auto const request = decode_request(payload, newest);
    if (request) check_survives_writing(*request, newest);
    check_id(payload, request);

    // Any double reads the same by the short way and by the exact one.
    if (size > 8) {
        double value = 0;
        std::memcpy(&value, data + 1, 8);
        OptionalDecimal read;
        read_double(value, read);
        auto const exact = base::Decimal::from_double_shortest(value);
        CHECK(read.has_value() == exact.has_value());
        if (read) CHECK(*read == *exact);
    }
    return 0;
}

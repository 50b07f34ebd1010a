// libFuzzer target: one payload in the text form, as a gateway's and as a client's message, at any server version; from 201 on
// behind the four bytes of an id below 201.
#include <cstdint>
#include <string>

#include "tws/fuzz_checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace possync::tws;
    if (size < 2) return 0;
    int const version = 100 + data[0] % 127;
    std::string payload(reinterpret_cast<char const*>(data + 1), size - 1);
    if (version >= 201) {
        if (static_cast<unsigned char>(payload[0]) > 200) return 0;
        payload.insert(0, 3, '\0');
    }
    if (auto const message = decode(payload, version)) {
        // Behind four bytes a message may stand as text after this version writes it in binary; then it is written so.
        check_survives_writing(*message, version);
        if (auto const* error = std::get_if<ErrorMessage>(&*message)) CHECK(unescape(error->text).size() <= error->text.size());
    }
    auto const request = decode_request(payload, version);
    if (request) check_survives_writing(*request, version);
    check_id(payload, request);

    if (auto const hello = decode_hello(payload)) {
        std::string again;
        encode_server_hello(again, hello->server_version, hello->connection_time);
        CHECK(decode_hello(std::string_view(again).substr(4)) == hello);
    }
    if (auto const hello = decode_client_hello(payload)) {
        std::string again;
        encode_client_hello(again, hello->version_min, hello->version_max);
        CHECK(decode_client_hello(std::string_view(again).substr(8)) == hello);
    }
    return 0;
}

// libFuzzer target: frames of any bytes in any chunks, decoded in five versions; what decodes is written and read again.
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/frame.hpp"
#include "tws/outgoing.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace possync::tws;
    if (size < 2) return 0;
    std::size_t const chunk = std::size_t{data[0]} + 1;
    std::string_view stream(reinterpret_cast<char const*>(data + 1), size - 1);
    FrameReader reader;
    while (!stream.empty()) {
        reader.append(stream.substr(0, chunk));
        stream.remove_prefix(std::min(chunk, stream.size()));
        for (;;) {
            auto const frame = reader.next();
            if (!frame) return 0;
            if (!*frame) break;
            std::string const payload(**frame);
            (void)decode_hello(payload);
            (void)decode_client_hello(payload);
            for (int const version : {100, 176, 200, 204, 226}) {
                (void)decode_request(payload, version);
                auto const message = decode(payload, version);
                if (!message || std::holds_alternative<UnknownMessage>(*message)) continue;
                // A message may come in binary before this version writes it so; then it has no form to be written in.
                if (std::holds_alternative<GatewaySettings>(*message) && version < 219) continue;
                std::string again;
                encode(again, *message, version);
                CHECK(decode(std::string_view(again).substr(4), version).has_value());
            }
        }
    }
    (void)may_be_sent({reinterpret_cast<char const*>(data), size});
    return 0;
}

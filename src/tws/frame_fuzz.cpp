// libFuzzer target: a stream of any bytes in chunks of any size. The reader must cut it as one look at the whole stream does,
// whatever the chunks were: the same payloads, the same rest, the same broken length.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "tws/frame.hpp"
#include "tws/outgoing.hpp"

namespace {

struct Cut {
    std::vector<std::string> payloads;
    std::size_t rest = 0;
    bool broken = false;
    bool operator==(Cut const&) const = default;
};

/// The whole stream at once, by its definition.
Cut cut_whole(std::string_view stream) {
    Cut cut;
    while (stream.size() >= 4) {
        std::uint64_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(stream[i]);
        if (length == 0 || length > possync::tws::frame_size_max) {
            cut.broken = true;
            return cut;
        }
        if (stream.size() - 4 < length) break;
        cut.payloads.emplace_back(stream.substr(4, length));
        stream.remove_prefix(4 + length);
    }
    cut.rest = stream.size();
    return cut;
}

Cut cut_in_chunks(std::string_view stream, std::uint32_t seed) {
    Cut cut;
    possync::tws::FrameReader reader;
    while (!stream.empty()) {
        seed = seed * 1664525 + 1013904223;
        std::size_t const chunk = seed >> 30 == 0 ? 1 : (seed >> 24) % 97;
        reader.append(stream.substr(0, chunk));
        stream.remove_prefix(std::min(chunk, stream.size()));
        for (;;) {
            auto const frame = reader.next();
            if (!frame) {
                cut.broken = true;
                return cut;
            }
            if (!*frame) break;
            cut.payloads.emplace_back(**frame);
        }
    }
    cut.rest = reader.buffered();
    return cut;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view const stream(reinterpret_cast<char const*>(data + 1), size - 1);
    Cut const whole = cut_whole(stream);
    CHECK(cut_in_chunks(stream, data[0]) == whole);
    CHECK(cut_in_chunks(stream, data[0] + 77'777u) == whole);

    std::string again;
    for (auto const& payload : whole.payloads) possync::tws::append_frame(again, payload);
    CHECK(stream.starts_with(again));
    // Nothing broken or cut short may leave, whatever its frames are.
    if (possync::tws::may_be_sent(stream) && !stream.starts_with(std::string_view("API\0", 4))) CHECK(!whole.broken && whole.rest == 0);
    return 0;
}

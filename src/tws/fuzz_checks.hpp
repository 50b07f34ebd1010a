// What the fuzz targets of the codec hold true of every message: written and read again it is the same, and a request that can
// be written is one that may leave. Internal to the fuzz targets.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "base/check.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/outgoing.hpp"

namespace possync::tws {

/// Writing settles what a reader must allow (an absent strike is written as 0); from then on nothing changes any more.
inline void check_survives_writing(IncomingMessage const& message, int server_version) {
    std::string first;
    encode(first, message, server_version);
    auto const once = decode(std::string_view(first).substr(4), server_version);
    CHECK(once.has_value());
    CHECK(once->index() == message.index());
    std::string second;
    encode(second, *once, server_version);
    CHECK(decode(std::string_view(second).substr(4), server_version) == once);
}

inline void check_survives_writing(ClientRequest const& request, int server_version) {
    std::visit(
        [&](auto const& each) {
            if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(each)>, UnknownRequest>) {
                std::string first;
                encode(first, OutgoingMessage(each), server_version);
                CHECK(may_be_sent(first));
                auto const once = decode_request(std::string_view(first).substr(4), server_version);
                CHECK(once.has_value());
                CHECK(once->index() == request.index());
            }
        },
        request);
}

/// The allow-list reads the same id out of a payload as the decoders do.
inline void check_id(std::string_view payload, std::expected<ClientRequest, DecodeError> const& request) {
    if (!request) return;
    auto const id = base_id(payload);
    CHECK(id.has_value());
    if (auto const* unknown = std::get_if<UnknownRequest>(&*request)) {
        CHECK(*id == unknown->id);
    } else {
        CHECK(is_allowed(*id));
    }
}

}  // namespace possync::tws

#include "tws/frame.hpp"

#include <algorithm>
#include <cstring>

namespace possync::tws {

void FrameReader::append(std::string_view bytes) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ + bytes.size() > buffer_.size()) {
        if (begin_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        if (end_ + bytes.size() > buffer_.size()) buffer_.resize(std::max(end_ + bytes.size(), buffer_.size() * 2));
    }
    if (!bytes.empty()) std::memcpy(buffer_.data() + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
}

std::expected<std::optional<std::string_view>, FrameError> FrameReader::next() {
    if (end_ - begin_ < 4) return std::nullopt;
    auto const* const head = reinterpret_cast<unsigned char const*>(buffer_.data() + begin_);
    std::uint32_t const length = (std::uint32_t{head[0]} << 24) | (std::uint32_t{head[1]} << 16) |
                                 (std::uint32_t{head[2]} << 8) | std::uint32_t{head[3]};
    if (length == 0 || length > frame_size_max) return std::unexpected(FrameError{length});
    if (end_ - begin_ - 4 < length) return std::nullopt;
    std::string_view const payload(buffer_.data() + begin_ + 4, length);
    begin_ += 4 + length;
    return payload;
}

void FrameReader::reset() { begin_ = end_ = 0; }

void append_frame(std::string& out, std::string_view payload) {
    auto const length = static_cast<std::uint32_t>(payload.size());
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((length >> shift) & 0xFF));
    out.append(payload);
}

}  // namespace possync::tws

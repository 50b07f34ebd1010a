// Frames: a 32-bit big-endian length and that many bytes. FrameReader cuts a byte stream into frames without
// copying them out of its buffer; a length that cannot be is the end of the connection, never a guess.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace possync::tws {

/// Largest payload either side accepts.
inline constexpr std::uint32_t frame_size_max = 0xFFFFFF;

struct FrameError {
    std::uint32_t length = 0;  ///< the impossible one
    bool operator==(FrameError const&) const = default;
};

class FrameReader {
public:
    /// Adds bytes as they came. Views given out before are invalid afterwards.
    void append(std::string_view bytes);
    /// The next whole frame's payload, nothing when more bytes are needed, an error when the stream is broken: then
    /// the connection is to be dropped.
    [[nodiscard]] std::expected<std::optional<std::string_view>, FrameError> next();
    /// Forgets everything, for a new connection.
    void reset();
    [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }

private:
    std::vector<char> buffer_;  // linear; consumed bytes are dropped when room is needed
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

/// Appends the length prefix and the payload.
void append_frame(std::string& out, std::string_view payload);

}  // namespace possync::tws

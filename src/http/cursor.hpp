// Cursors: where a page ended, as an opaque word that the next request brings back. Whatever comes in is checked anew.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace possync::http {

struct PageCursor {
    std::string view;
    std::string sort;
    std::vector<std::optional<std::string>> place;  ///< as Filter::beyond
    bool operator==(PageCursor const&) const = default;
};
[[nodiscard]] std::string to_text(PageCursor const& cursor);
[[nodiscard]] std::optional<PageCursor> parse_page_cursor(std::string_view text);

/// Base64 for addresses (RFC 4648, without padding).
[[nodiscard]] std::string base64_url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64_url(std::string_view text);

}  // namespace possync::http

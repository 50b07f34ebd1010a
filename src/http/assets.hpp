// The page's files, embedded into the program when it was built: compressed bytes under the path that they are asked for by.
// cmake/embed.cmake writes the table from web/dist, or from plain_page.html where there was no npm.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace possync::http {

struct Asset {
    std::string_view path;  ///< /index.html, /assets/index-3f2a.js
    std::string_view content_type;
    std::string_view gzip;   ///< the bytes, compressed
    bool immutable = false;  ///< its name changes with its content
};

[[nodiscard]] std::span<Asset const> assets();
[[nodiscard]] Asset const* find_asset(std::string_view path);
/// For the few clients that take no compressed bytes.
[[nodiscard]] std::string inflated(Asset const& asset);

}  // namespace possync::http

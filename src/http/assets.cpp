#include "http/assets.hpp"

#include <zlib.h>

#include <algorithm>

#include "base/check.hpp"

namespace possync::http {

Asset const* find_asset(std::string_view path) {
    auto const all = assets();
    auto const found = std::find_if(all.begin(), all.end(), [&](Asset const& asset) { return asset.path == path; });
    return found == all.end() ? nullptr : &*found;
}

std::string inflated(Asset const& asset) {
    z_stream stream{};
    CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(asset.gzip.data()));
    stream.avail_in = static_cast<uInt>(asset.gzip.size());
    std::string out;
    char chunk[16 * 1024];
    int status = Z_OK;
    while (status == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(chunk);
        stream.avail_out = sizeof chunk;
        status = inflate(&stream, Z_NO_FLUSH);
        out.append(chunk, sizeof chunk - stream.avail_out);
    }
    inflateEnd(&stream);
    CHECK(status == Z_STREAM_END);  // the build compressed it
    return out;
}

}  // namespace possync::http

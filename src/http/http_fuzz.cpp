// Fuzz target: what a client sends, cut in two anywhere, is refused, or is the same request as in one piece; nothing is read
// twice.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/cursor.hpp"
#include "http/doors.hpp"
#include "http/feed.hpp"
#include "http/request.hpp"
#include "http/routes.hpp"

using namespace possync::http;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static Doors const doors([] {
        DoorOptions options;
        options.listen_host = "127.0.0.1";
        options.token = possync::base::Secret("0123456789abcdef");
        return options;
    }());
    std::string_view rest(reinterpret_cast<char const*>(data), size);
    while (!rest.empty()) {
        auto const parsed = parse_request(rest);
        if (!parsed) {
            require(parsed.error().status >= 400 && parsed.error().status < 600 && !parsed.error().detail.empty());
            break;
        }
        if (!*parsed) break;
        auto const& [request, consumed] = **parsed;
        require(consumed > 0 && consumed <= rest.size());
        // Half of it is no other request.
        auto const half = parse_request(rest.substr(0, consumed / 2));
        require(!half || !half->has_value() || (*half)->consumed <= consumed / 2);
        auto const again = parse_request(rest.substr(0, consumed));
        require(again && again->has_value() && (*again)->request.target == request.target &&
                (*again)->request.body == request.body);
        require(!request.path.empty() && request.path.front() == '/');
        auto const match = match_route(request.method, request.path);
        for (auto const& part : match.parts)
            require(!part.empty() && part.find('\0') == std::string::npos);
        (void)doors.admit(request, Door::write, "127.0.0.1");
        if (auto const pairs = parse_query(request.query)) {
            for (auto const& [name, value] : *pairs) {
                (void)parse_page_cursor(value);
                if (auto const cursor = parse_stream_cursor(value))
                    require(parse_stream_cursor(stream_cursor(*cursor)) == cursor);
            }
        }
        rest.remove_prefix(consumed);
    }
    return 0;
}

#include "outbox/libcurl.hpp"

#include <mutex>

namespace possync::outbox {

namespace {

#define POSSYNC_LIBCURL_NAME(name) #name,
constexpr char const* names[] = {POSSYNC_LIBCURL_FUNCTIONS(POSSYNC_LIBCURL_NAME)};
#undef POSSYNC_LIBCURL_NAME

}  // namespace

constinit shared_library::SharedLibrary libcurl{POSSYNC_LIBCURL_SONAME, POSSYNC_LIBCURL_PACKAGE,
                                                "a request to another server (webhook, alert, Flex Web Service)", names};

base::Result<void> load_libcurl() {
    POSSYNC_TRY_VOID(libcurl.load());
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    return {};
}

}  // namespace possync::outbox

#include "outbox/libcurl.hpp"

#include <mutex>

namespace possync::outbox {

constinit shared_library::SharedLibrary libcurl{POSSYNC_LIBCURL_SONAME, "libcurl4", "calling webhooks and the Flex Web Service"};

base::Result<void> load_libcurl() {
    POSSYNC_TRY_VOID(libcurl.load());
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    return {};
}

}  // namespace possync::outbox

// libcurl's functions as possync calls them: loaded with the first request to somebody else's server
// (shared_library/shared_library.hpp). A function that is not in the list is not found by the linker. Nothing here may be called
// before load_libcurl().
#pragma once

#include <curl/curl.h>

#include "shared_library/shared_library.hpp"

namespace possync::outbox {

extern constinit shared_library::SharedLibrary libcurl;

// clang-format off
#define POSSYNC_LIBCURL_FUNCTIONS(each) \
    each(curl_easy_cleanup) each(curl_easy_escape) each(curl_easy_getinfo) each(curl_easy_init) each(curl_easy_perform) \
    each(curl_easy_reset) each(curl_easy_setopt) each(curl_easy_strerror) each(curl_free) each(curl_global_init) \
    each(curl_slist_append) each(curl_slist_free_all) each(curl_url) each(curl_url_cleanup) each(curl_url_get) \
    each(curl_url_set)
// clang-format on

#define POSSYNC_LIBCURL_FUNCTION(name)                                                                                           \
    inline constinit shared_library::SharedFunction<decltype(::name)> const name{libcurl, #name};
POSSYNC_LIBCURL_FUNCTIONS(POSSYNC_LIBCURL_FUNCTION)
#undef POSSYNC_LIBCURL_FUNCTION

/// Loads libcurl and starts it, once. Fails (unavailable) where this machine has none.
[[nodiscard]] base::Result<void> load_libcurl();

}  // namespace possync::outbox

// libcurl's functions as possync calls them: loaded with the first request to somebody else's server
// (shared_library/shared_library.hpp). A function that is not in the list is not found by the linker. Nothing here may be called
// before load_libcurl().
#pragma once

#include <curl/curl.h>

#include "shared_library/shared_library.hpp"

namespace possync::outbox {

extern constinit shared_library::SharedLibrary libcurl;

#define POSSYNC_LIBCURL(function)                                                                                                \
    inline constinit shared_library::SharedFunction<decltype(::function)> const function { libcurl, #function }
POSSYNC_LIBCURL(curl_easy_cleanup);
POSSYNC_LIBCURL(curl_easy_escape);
POSSYNC_LIBCURL(curl_easy_getinfo);
POSSYNC_LIBCURL(curl_easy_init);
POSSYNC_LIBCURL(curl_easy_perform);
POSSYNC_LIBCURL(curl_easy_reset);
POSSYNC_LIBCURL(curl_easy_setopt);
POSSYNC_LIBCURL(curl_easy_strerror);
POSSYNC_LIBCURL(curl_free);
POSSYNC_LIBCURL(curl_global_init);
POSSYNC_LIBCURL(curl_slist_append);
POSSYNC_LIBCURL(curl_slist_free_all);
POSSYNC_LIBCURL(curl_url);
POSSYNC_LIBCURL(curl_url_cleanup);
POSSYNC_LIBCURL(curl_url_get);
POSSYNC_LIBCURL(curl_url_set);
#undef POSSYNC_LIBCURL

/// Loads libcurl and starts it, once. Fails (unavailable) where this machine has none.
[[nodiscard]] base::Result<void> load_libcurl();

struct FreeCurl {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    void operator()(char* text) const { curl_free(text); }
};

}  // namespace possync::outbox

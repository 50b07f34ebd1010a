#include "outbox/http_post.hpp"

#include <memory>

#include <fmt/format.h>

#include "outbox/libcurl.hpp"

namespace possync::outbox {

using base::ErrorCode;
using base::Result;

namespace {

std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }

}  // namespace

struct HttpPost::Handle {
    std::unique_ptr<CURL, shared_library::Free<curl_easy_cleanup>> curl;
};

HttpPost::HttpPost() : handle_(std::make_unique<Handle>()) {}
HttpPost::~HttpPost() = default;

Result<void> HttpPost::send(PostRequest const& request, base::Duration timeout, std::string const& ca_file) {
    POSSYNC_TRY_VOID(load_libcurl());
    auto& curl = handle_->curl;
    if (!curl) curl.reset(curl_easy_init());
    if (!curl) return base::fail(ErrorCode::unavailable, "no memory for a request");
    curl_easy_reset(curl.get());  // keeps the connection
    auto const set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
    curl_slist* list = nullptr;
    auto const add = [&](std::string const& line) { list = curl_slist_append(list, line.c_str()); };
    add("Content-Type: application/json");
    for (auto const& header : request.headers)
        add(header);
    add("Expect:");  // the body goes at once
    std::unique_ptr<curl_slist, shared_library::Free<curl_slist_free_all>> const headers(list);
    set(CURLOPT_URL, request.url.reveal().c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_USERAGENT, "possync");
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count() / 1000));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_WRITEFUNCTION, discard);
    if (!ca_file.empty()) set(CURLOPT_CAINFO, ca_file.c_str());
    CURLcode const code = curl_easy_perform(curl.get());
    if (code == CURLE_OPERATION_TIMEDOUT) return base::fail(ErrorCode::timeout, "no answer within " + base::to_string(timeout));
    if (code != CURLE_OK) return base::fail(ErrorCode::unavailable, curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return {};
    return base::fail(status >= 500 || status == 429 || status == 408 ? ErrorCode::unavailable : ErrorCode::refused,
                      fmt::format("answered with status {}", status));
}

}  // namespace possync::outbox

// A webhook: POST of the message's JSON, signed. Any 2xx says that it was taken. Redirects are not followed: the address is where
// the operator said.
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mutex>

#include <fmt/format.h>

#include "outbox/sink.hpp"

namespace possync::outbox {

using base::ErrorCode;
using base::Result;

namespace {

std::string base64(unsigned char const* data, std::size_t size) {
    std::string text(4 * ((size + 2) / 3) + 1, '\0');
    int const length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), data, static_cast<int>(size));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// "whsec_BASE64" as the convention writes keys, else the text itself.
std::string key_of(base::Secret const& secret) {
    constexpr std::string_view prefix = "whsec_";
    std::string const& text = secret.reveal();
    if (!text.starts_with(prefix)) return text;
    std::string const encoded = text.substr(prefix.size());
    std::string key(encoded.size(), '\0');
    int const length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()), reinterpret_cast<unsigned char const*>(encoded.data()),
                                       static_cast<int>(encoded.size()));
    if (length < 0) return text;
    key.resize(static_cast<std::size_t>(length));
    while (!key.empty() && encoded.ends_with('=') && key.back() == '\0') key.pop_back();
    return key;
}

std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }

class Webhook final : public Sink {
public:
    explicit Webhook(SinkOptions options) : options_(std::move(options)) {
        static std::once_flag once;
        std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    }

    Result<void> deliver(Message const& message, base::Timestamp now) override {
        if (!curl_) curl_.reset(curl_easy_init());
        if (!curl_) return base::fail(ErrorCode::unavailable, "no memory for a request");
        curl_easy_reset(curl_.get());  // keeps the connection
        auto const set = [&](CURLoption option, auto value) { curl_easy_setopt(curl_.get(), option, value); };
        std::int64_t const seconds = now.microseconds / 1'000'000;
        curl_slist* list = nullptr;
        auto const add = [&](std::string const& line) { list = curl_slist_append(list, line.c_str()); };
        add("Content-Type: application/json");
        add("webhook-id: " + message.id);
        add(fmt::format("webhook-timestamp: {}", seconds));
        if (!options_.secret.empty()) add("webhook-signature: " + webhook_signature(options_.secret, message.id, seconds, message.body));
        add("Expect:");  // the body goes at once
        std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> const headers(list, curl_slist_free_all);
        set(CURLOPT_URL, options_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDS, message.body.data());
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.body.size()));
        set(CURLOPT_HTTPHEADER, headers.get());
        set(CURLOPT_USERAGENT, "possync");
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count() / 1000));
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_PROXY, "");
        set(CURLOPT_WRITEFUNCTION, discard);
        if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
        CURLcode const code = curl_easy_perform(curl_.get());
        if (code == CURLE_OPERATION_TIMEDOUT) return base::fail(ErrorCode::timeout, "no answer within " + base::to_string(options_.timeout));
        if (code != CURLE_OK) return base::fail(ErrorCode::unavailable, curl_easy_strerror(code));
        long status = 0;
        curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && status < 300) return {};
        return base::fail(status >= 500 || status == 429 || status == 408 ? ErrorCode::unavailable : ErrorCode::refused,
                          fmt::format("answered with status {}", status));
    }

private:
    SinkOptions options_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_{nullptr, curl_easy_cleanup};
};

}  // namespace

std::string webhook_signature(base::Secret const& secret, std::string const& id, std::int64_t seconds, std::string const& body) {
    std::string const key = key_of(secret);
    std::string const text = fmt::format("{}.{}.{}", id, seconds, body);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<unsigned char const*>(text.data()), text.size(), digest, &size);
    return "v1," + base64(digest, size);
}

std::unique_ptr<Sink> make_webhook(SinkOptions const& options) { return std::make_unique<Webhook>(options); }

}  // namespace possync::outbox

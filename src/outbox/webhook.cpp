// A webhook: POST of the message's JSON, signed. Any 2xx says that it was taken.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fmt/format.h>

#include "outbox/http_post.hpp"
#include "outbox/sink.hpp"

namespace possync::outbox {

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

class Webhook final : public Sink {
public:
    explicit Webhook(SinkOptions options) : options_(std::move(options)) {}

    Result<void> deliver(Message const& message, base::Timestamp now) override {
        return post_.send(signed_request(options_.url, message.id, message.body, options_.secret, now), options_.timeout, options_.ca_file);
    }

private:
    SinkOptions options_;
    HttpPost post_;
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

PostRequest signed_request(std::string url, std::string const& id, std::string body, base::Secret const& secret, base::Timestamp now) {
    std::int64_t const seconds = now.microseconds / 1'000'000;
    PostRequest request;
    request.headers = {"webhook-id: " + id, fmt::format("webhook-timestamp: {}", seconds)};
    if (!secret.empty()) request.headers.push_back("webhook-signature: " + webhook_signature(secret, id, seconds, body));
    request.url = base::Secret(std::move(url));
    request.body = std::move(body);
    return request;
}

std::unique_ptr<Sink> make_webhook(SinkOptions const& options) { return std::make_unique<Webhook>(options); }

}  // namespace possync::outbox

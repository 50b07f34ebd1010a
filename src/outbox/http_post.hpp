// One POST of JSON over HTTP or HTTPS, with libcurl. Redirects are not followed and no proxy is used: the address is where the
// operator said. One object keeps its connection and belongs to one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"

namespace possync::outbox {

struct PostRequest {
    base::Secret url;                  ///< addresses of some receivers are their password
    std::vector<std::string> headers;  ///< beside Content-Type
    std::string body;                  ///< JSON
};

class HttpPost {
public:
    HttpPost();
    ~HttpPost();
    HttpPost(HttpPost const&) = delete;
    HttpPost& operator=(HttpPost const&) = delete;

    /// Blocks until the other side answered 2xx, at most `timeout`. `ca_file` empty: the system's certificates. Errors:
    /// unavailable, timeout, refused (the other side does not want it); the text names neither address nor body.
    [[nodiscard]] base::Result<void> send(PostRequest const& request, base::Duration timeout, std::string const& ca_file);

private:
    struct Handle;
    std::unique_ptr<Handle> handle_;
};

/// As the Standard Webhooks convention has it: id, time and, where there is a secret, the signature stand in headers.
[[nodiscard]] PostRequest signed_request(std::string url, std::string const& id, std::string body, base::Secret const& secret,
                                         base::Timestamp now);

}  // namespace possync::outbox

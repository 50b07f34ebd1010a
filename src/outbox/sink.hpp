// A place that committed changes are delivered to, and what is delivered. One sink belongs to one thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"
#include "store/outbox.hpp"

namespace possync::outbox {

enum class SinkType { webhook, nats };

struct SinkOptions {
    std::string name;
    SinkType type = SinkType::webhook;
    std::string url;
    std::vector<std::string> accounts;  ///< empty: all
    base::Secret secret;                ///< of the webhook's signature, or the token of the NATS server
    std::string ca_file;                ///< certificates to trust instead of the system's
    std::string subject = "possync";    ///< of NATS: SUBJECT.ACCOUNT
    base::Duration timeout = std::chrono::seconds(10);    ///< for one delivery
    base::Duration retry_max = std::chrono::minutes(5);   ///< longest pause between two tries
};

/// One notification as it leaves. The same id always means the same revision: who has it may drop it.
struct Message {
    std::string id;  ///< ACCOUNT:REVISION; of a gap ACCOUNT:FROM-TO
    std::string account;
    std::string body;  ///< JSON, see docs/notifications.md
};
[[nodiscard]] Message make_message(store::Notification const& notification, query::RevisionRows const& rows);

class Sink {
public:
    virtual ~Sink() = default;
    /// Blocks until the other side has taken the message, at most the sink's timeout. Errors: unavailable, timeout, refused (the
    /// other side does not want it); the text names no secret.
    [[nodiscard]] virtual base::Result<void> deliver(Message const& message, base::Timestamp now) = 0;
};

/// "v1," and the base64 of HMAC-SHA256 over "ID.SECONDS.BODY", as the Standard Webhooks convention has it.
[[nodiscard]] std::string webhook_signature(base::Secret const& secret, std::string const& id, std::int64_t seconds,
                                            std::string const& body);
/// An account's code as one token of a subject: what NATS does not allow there becomes '_'.
[[nodiscard]] std::string subject_token(std::string const& account);

/// Loads what a sink of this type sends with; a sink does it by itself, but later. Fails (unavailable) where this machine has none.
[[nodiscard]] base::Result<void> load_library(SinkType type);
[[nodiscard]] std::unique_ptr<Sink> make_webhook(SinkOptions const& options);
[[nodiscard]] std::unique_ptr<Sink> make_nats(SinkOptions const& options);

}  // namespace possync::outbox

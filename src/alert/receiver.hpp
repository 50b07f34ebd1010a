// Where notes go, and what they look like there: a webhook (JSON for programs, with a text for chats), ntfy, Telegram. Pure.
#pragma once

#include <string>
#include <vector>

#include "alert/rules.hpp"
#include "outbox/http_post.hpp"
#include "store/alert_log.hpp"

namespace possync::alert {

enum class ReceiverType { webhook, ntfy, telegram };

struct ReceiverOptions {
    std::string name;
    ReceiverType type = ReceiverType::webhook;
    base::Secret url;                   ///< of the webhook, or the server of ntfy or Telegram
    base::Secret topic;                 ///< of ntfy, or Telegram's chat
    base::Secret token;                 ///< key of the webhook's signature, access token of ntfy, token of the Telegram bot
    std::vector<std::string> accounts;  ///< empty: all
    std::vector<Condition> conditions;  ///< empty: all
    std::string ca_file;
    base::Duration timeout = std::chrono::seconds(10);
    base::Duration retry_max = std::chrono::minutes(5);
};

/// Whether this receiver is to hear of that. What concerns a gateway as a whole concerns everybody.
[[nodiscard]] bool wants(ReceiverOptions const& options, Key const& key);

/// How many of `waiting` go into one message: a person gets one, a program one for each note.
[[nodiscard]] std::size_t notes_together(ReceiverOptions const& options, std::size_t waiting);

/// Precondition: there are notes.
[[nodiscard]] outbox::PostRequest make_request(ReceiverOptions const& options, std::vector<store::AlertNote> const& notes,
                                               base::Timestamp now);

/// What `possync alert test` sends.
[[nodiscard]] store::AlertNote test_note(base::Timestamp now);

}  // namespace possync::alert

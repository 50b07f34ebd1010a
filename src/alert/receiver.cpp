#include "alert/receiver.hpp"

#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "query/json.hpp"

namespace possync::alert {

namespace json = boost::json;

namespace {

/// ntfy and Telegram take 4,096 characters; the rest stays in the program's log.
constexpr std::size_t text_limit = 3500;

std::string title_of(store::AlertNote const& note) {
    std::string const where = note.account.empty() ? note.gateway : note.account;
    std::string const what = note.kind == "recovered" ? "over: " + note.condition : note.condition;
    return fmt::format("possync: {}{}", what, where.empty() ? "" : " " + where);
}

std::string title_of(std::vector<store::AlertNote> const& notes) {
    return notes.size() == 1 ? title_of(notes.front()) : fmt::format("possync: {} notes", notes.size());
}

/// A line for each note, as many as there is room for.
std::string lines_of(std::vector<store::AlertNote> const& notes) {
    std::string text;
    for (std::size_t i = 0; i < notes.size(); ++i) {
        std::string line = query::repaired_utf8(notes[i].text);
        if (line.size() > text_limit) line = query::repaired_utf8(line.substr(0, text_limit)) + " ...";
        if (!text.empty() && text.size() + line.size() > text_limit) {
            return text + fmt::format("\nand {} more, see `possync alert list`", notes.size() - i);
        }
        text += (text.empty() ? "" : "\n") + line;
    }
    return text;
}

bool any_urgent(std::vector<store::AlertNote> const& notes) {
    return std::any_of(notes.begin(), notes.end(), [](auto const& note) {
        auto const condition = parse_condition(note.condition);
        return note.kind != "recovered" && condition && is_urgent(*condition);
    });
}

bool all_over(std::vector<store::AlertNote> const& notes) {
    return std::all_of(notes.begin(), notes.end(), [](auto const& note) { return note.kind == "recovered"; });
}

json::string text(std::string const& value) { return json::string(query::repaired_utf8(value)); }

}  // namespace

bool wants(ReceiverOptions const& options, Key const& key) {
    auto const& accounts = options.accounts;
    auto const& conditions = options.conditions;
    bool const account =
        key.account.empty() || accounts.empty() || std::find(accounts.begin(), accounts.end(), key.account) != accounts.end();
    return account && (conditions.empty() || std::find(conditions.begin(), conditions.end(), key.condition) != conditions.end());
}

std::size_t notes_together(ReceiverOptions const& options, std::size_t waiting) {
    constexpr std::size_t most = 50;
    return options.type == ReceiverType::webhook ? std::min<std::size_t>(waiting, 1) : std::min(waiting, most);
}

outbox::PostRequest make_request(ReceiverOptions const& options, std::vector<store::AlertNote> const& notes,
                                 base::Timestamp now) {
    outbox::PostRequest request;
    switch (options.type) {
    case ReceiverType::webhook: {
        auto const& note = notes.front();
        std::string const id = fmt::format("alert-{}", note.note_id);
        json::object const body{{"id", id},
                                {"type", "alert"},
                                {"kind", note.kind},
                                {"condition", note.condition},
                                {"urgent", any_urgent(notes)},
                                {"account", note.account.empty() ? json::value(nullptr) : json::value(text(note.account))},
                                {"gateway", note.gateway.empty() ? json::value(nullptr) : json::value(text(note.gateway))},
                                {"subject", note.subject.empty() ? json::value(nullptr) : json::value(text(note.subject))},
                                {"at", base::to_rfc3339(note.created_at)},
                                {"text", text(title_of(note) + "\n" + note.text)}};
        return outbox::signed_request(options.url.reveal(), id, json::serialize(body), options.token, now);
    }
    case ReceiverType::ntfy: {
        json::object const body{{"topic", options.topic.reveal()},
                                {"title", text(title_of(notes))},
                                {"message", text(lines_of(notes))},
                                {"priority", any_urgent(notes) ? 4
                                             : all_over(notes) ? 2
                                                               : 3},
                                {"tags", json::array{all_over(notes)     ? "white_check_mark"
                                                     : any_urgent(notes) ? "rotating_light"
                                                                         : "bell"}}};
        request.url = options.url;
        request.body = json::serialize(body);
        if (!options.token.empty()) request.headers.push_back("Authorization: Bearer " + options.token.reveal());
        return request;
    }
    case ReceiverType::telegram: {
        json::object const body{{"chat_id", options.topic.reveal()},
                                {"text", text(title_of(notes) + "\n" + lines_of(notes))},
                                {"disable_notification", !any_urgent(notes) && all_over(notes)},
                                {"link_preview_options", {{"is_disabled", true}}}};
        request.url = base::Secret(fmt::format("{}/bot{}/sendMessage", options.url.reveal(), options.token.reveal()));
        request.body = json::serialize(body);
        return request;
    }
    }
    return request;
}

store::AlertNote test_note(base::Timestamp now) {
    store::AlertNote note;
    note.note_id = now.microseconds;  // never one of the log's
    note.kind = "happened";
    note.condition = "test";
    note.text = "a test: notes of possync arrive here";
    note.created_at = now;
    return note;
}

}  // namespace possync::alert

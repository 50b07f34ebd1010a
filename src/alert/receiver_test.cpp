#include "alert/receiver.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "alert/alert_testing.hpp"
#include "outbox/sink.hpp"

namespace possync::alert {
namespace {

store::AlertNote note(char const* kind, char const* condition, std::string text = "account DU1: something") {
    store::AlertNote made;
    made.note_id = 7;
    made.kind = kind;
    made.condition = condition;
    made.account = "DU1";
    made.subject = "265598";
    made.gateway = "paper";
    made.text = std::move(text);
    made.created_at = at("2026-11-25T16:00:00Z");
    return made;
}

ReceiverOptions receiver(ReceiverType type) {
    ReceiverOptions options;
    options.type = type;
    options.url = base::Secret("https://example.com/x");
    options.topic = base::Secret("my-topic");
    options.token = base::Secret("tk_1");
    return options;
}

boost::json::value body_of(outbox::PostRequest const& request) { return boost::json::parse(request.body); }

TEST(Receiver, WebhookGetsOneNoteAndItsSignature) {
    auto const options = receiver(ReceiverType::webhook);
    EXPECT_EQ(notes_together(options, 5), 1u);
    auto const now = at("2026-11-25T16:00:05Z");
    auto const request = make_request(options, {note("raised", "quantity_break")}, now);
    EXPECT_EQ(request.url.reveal(), "https://example.com/x");
    EXPECT_EQ(
        request.body,
        R"({"id":"alert-7","type":"alert","kind":"raised","condition":"quantity_break","urgent":true,"account":"DU1","gateway":"paper",)"
        R"("subject":"265598","at":"2026-11-25T16:00:00.000000Z","text":"possync: quantity_break DU1\naccount DU1: something"})");
    ASSERT_EQ(request.headers.size(), 3u);
    EXPECT_EQ(request.headers[0], "webhook-id: alert-7");
    auto const seconds = now.microseconds / 1'000'000;
    EXPECT_EQ(request.headers[2],
              "webhook-signature: " + outbox::webhook_signature(options.token, "alert-7", seconds, request.body));
}

TEST(Receiver, NtfyGetsTopicPriorityAndToken) {
    auto const options = receiver(ReceiverType::ntfy);
    auto const request = make_request(options, {note("raised", "quantity_break")}, {});
    EXPECT_EQ(request.headers, std::vector<std::string>{"Authorization: Bearer tk_1"});
    auto const body = body_of(request);
    EXPECT_EQ(body.at("topic"), "my-topic");
    EXPECT_EQ(body.at("title"), "possync: quantity_break DU1");
    EXPECT_EQ(body.at("message"), "account DU1: something");
    EXPECT_EQ(body.at("priority"), 4);
    EXPECT_EQ(body_of(make_request(options, {note("recovered", "quantity_break")}, {})).at("priority"), 2);
    EXPECT_EQ(body_of(make_request(options, {note("raised", "expiring")}, {})).at("priority"), 3);
}

TEST(Receiver, TelegramGetsTheChatAndTheBotsAddress) {
    auto const request = make_request(receiver(ReceiverType::telegram), {note("recovered", "stale")}, {});
    EXPECT_EQ(request.url.reveal(), "https://example.com/x/bottk_1/sendMessage");
    auto const body = body_of(request);
    EXPECT_EQ(body.at("chat_id"), "my-topic");
    EXPECT_EQ(body.at("text"), "possync: over: stale DU1\naccount DU1: something");
    EXPECT_EQ(body.at("disable_notification"), true);
}

TEST(Receiver, ManyNotesAreOneMessageThatIsNotTooLong) {
    auto const options = receiver(ReceiverType::ntfy);
    EXPECT_EQ(notes_together(options, 5), 5u);
    EXPECT_EQ(notes_together(options, 500), 50u);
    std::vector<store::AlertNote> notes;
    for (int i = 0; i < 50; ++i)
        notes.push_back(note("raised", "stale", std::string(200, 'x')));
    auto const message = std::string(body_of(make_request(options, notes, {})).at("message").as_string());
    EXPECT_LT(message.size(), 4000u);
    EXPECT_TRUE(message.ends_with("and 33 more, see `possync alert list`")) << message.substr(message.size() - 60);
    auto const one = std::string(
        body_of(make_request(options, {note("raised", "stale", std::string(9000, 'x'))}, {})).at("message").as_string());
    EXPECT_LT(one.size(), 4000u);
}

TEST(Receiver, HearsWhatItWants) {
    auto options = receiver(ReceiverType::ntfy);
    Key const of_account{Condition::stale, "DU1", ""};
    Key const of_gateway{Condition::stale, "", "paper"};
    EXPECT_TRUE(wants(options, of_account));
    options.accounts = {"DU2"};
    EXPECT_FALSE(wants(options, of_account));
    EXPECT_TRUE(wants(options, of_gateway)) << "a gateway concerns everybody";
    options.accounts.clear();
    options.conditions = {Condition::liquidation};
    EXPECT_FALSE(wants(options, of_gateway));
}

}  // namespace
}  // namespace possync::alert

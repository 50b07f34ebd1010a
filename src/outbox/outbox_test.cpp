#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "outbox/dispatcher.hpp"
#include "outbox/sink.hpp"

namespace possync::outbox {
namespace {

using namespace std::chrono_literals;

TEST(Message, AGapNamesWhatIsNotKept) {
    store::Notification gap;
    gap.account = "DU1";
    gap.gap_from = 3;
    gap.revision = 7;
    auto const message = make_message(gap, {});
    EXPECT_EQ(message.id, "DU1:3-7");
    EXPECT_EQ(message.body, R"({"id":"DU1:3-7","type":"gap","account":"DU1","from_revision":3,"revision":7})");
}

TEST(Message, ATimeThatIsNotKnownIsLeftOut) {
    store::Notification notification;
    notification.account = "DU1";
    notification.revision = 7;
    EXPECT_EQ(make_message(notification, {}).body.find("recorded_at"), std::string::npos) << make_message(notification, {}).body;
}

TEST(Message, AChangeCarriesItsRows) {
    store::Notification notification;
    notification.account = "DU1";
    notification.revision = 7;
    notification.recorded_at = base::Timestamp{1'795'435'200'000'000};
    query::RevisionRows rows;
    rows.events.resize(1);
    rows.events[0].event_id = 42;
    auto const message = make_message(notification, rows);
    EXPECT_EQ(message.id, "DU1:7");
    EXPECT_TRUE(message.body.starts_with(
        R"({"id":"DU1:7","type":"change","account":"DU1","revision":7,"recorded_at":"2026-11-23T12:00:00.000000Z","positions":[],"events":[{"event_id":42,)"))
        << message.body;
    EXPECT_EQ(make_message(notification, rows).body, message.body);
}

/// The example of the Standard Webhooks specification.
TEST(Webhook, SignsAsTheConventionSays) {
    base::Secret const secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    EXPECT_EQ(webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhook, ASecretIsTheKeyItselfOrItsBase64) {
    auto const sign = [](char const* secret) { return webhook_signature(base::Secret(secret), "id", 1, "{}"); };
    EXPECT_EQ(sign("whsec_YWJj"), sign("abc"));
    EXPECT_EQ(sign("whsec_YWI="), sign("ab"));
    EXPECT_EQ(sign("whsec_YQ=="), sign("a"));
    EXPECT_NE(sign("whsec_*"), sign("")) << "what is no base64 is not left out";
    EXPECT_NE(sign("whsec_*"), sign("whsec_!")) << "it is the key as it stands";
}

/// A listener that answers nobody.
class Silent {
public:
    Silent() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(socket_, 8), 0);
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
    }
    ~Silent() { ::close(socket_); }
    Silent(Silent const&) = delete;
    Silent& operator=(Silent const&) = delete;
    int port = 0;

private:
    int socket_;
};

/// Whatever keeps a message from being taken is an error of its class, within the time, and names no secret.
TEST(Sinks, WhoDoesNotAnswerIsTroubleThatPasses) {
    Silent const silent;
    struct Case {
        SinkType type;
        std::string url;
        std::vector<base::ErrorCode> codes;
    };
    using base::ErrorCode;
    for (auto const& [type, url, codes] :
         {Case{SinkType::webhook, "http://127.0.0.1:1/", {ErrorCode::unavailable}},
          Case{SinkType::webhook, "http://127.0.0.1:" + std::to_string(silent.port), {ErrorCode::timeout}},
          Case{SinkType::nats, "nats://127.0.0.1:1", {ErrorCode::unavailable}},
          Case{
              SinkType::nats, "nats://127.0.0.1:" + std::to_string(silent.port), {ErrorCode::unavailable, ErrorCode::timeout}}}) {
        SinkOptions options;
        options.name = "hook";
        options.type = type;
        options.url = url;
        options.secret = base::Secret("canary-0123456789");
        options.timeout = 300ms;
        auto const sink = type == SinkType::webhook ? make_webhook(options) : make_nats(options);
        for (int again = 0; again < 2; ++again) {
            auto const began = std::chrono::steady_clock::now();
            auto const delivered = sink->deliver({"DU1:7", "DU1", "{}"}, {});
            ASSERT_FALSE(delivered) << url;
            EXPECT_NE(std::find(codes.begin(), codes.end(), delivered.error().code), codes.end())
                << url << ": " << base::to_string(delivered.error().code);
            EXPECT_FALSE(delivered.error().message.empty());
            EXPECT_EQ(delivered.error().message.find("canary"), std::string::npos) << delivered.error().message;
            EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << url;
        }
    }
}

TEST(Nats, AnAccountIsOneTokenOfASubject) {
    EXPECT_EQ(subject_token("DU1234567"), "DU1234567");
    EXPECT_EQ(subject_token("a.b*c>d e"), "a_b_c_d_e");
    EXPECT_EQ(subject_token("Az09-_{}"), "Az09-___");
    EXPECT_EQ(subject_token(""), "_");
}

TEST(Dispatcher, PausesDoubleUpToABound) {
    EXPECT_EQ(retry_pause(1, 5min, 0), 1s);
    EXPECT_EQ(retry_pause(2, 5min, 0), 2s);
    EXPECT_EQ(retry_pause(5, 5min, 0), 16s);
    EXPECT_EQ(retry_pause(50, 5min, 0), 5min);
    EXPECT_EQ(retry_pause(3, 5min, 0.5), 3s);
    EXPECT_EQ(retry_pause(1000, 1s, 0.999), base::Duration(500'500));
}

}  // namespace
}  // namespace possync::outbox

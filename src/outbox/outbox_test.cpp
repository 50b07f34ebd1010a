#include <gtest/gtest.h>

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

TEST(Nats, AnAccountIsOneTokenOfASubject) {
    EXPECT_EQ(subject_token("DU1234567"), "DU1234567");
    EXPECT_EQ(subject_token("a.b*c>d e"), "a_b_c_d_e");
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

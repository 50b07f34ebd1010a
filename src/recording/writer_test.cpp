#include "recording/writer.hpp"

#include <gmock/gmock.h>

#include "tws/encode.hpp"

namespace possync::recording {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;

Header const header{{1'800'000'000'000'000}, Recorder::pass_through, 1};

/// Both directions of a short conversation.
struct Conversation {
    std::string client;
    std::string gateway;
    explicit Conversation(int version) {
        tws::encode_client_hello(client, 100, 226);
        tws::encode(client, tws::OutgoingMessage(tws::StartApi{7}), version);
        tws::encode_server_hello(gateway, version, "20261123 14:30:00 UTC");
        tws::encode(gateway, tws::IncomingMessage(tws::ManagedAccounts{"DU7654321"}), version);
        tws::encode(gateway, tws::IncomingMessage(tws::NextValidId{1}), version);
    }
};

Recording recorded(Writer& writer) {
    auto recording = parse(writer.take(), "x");
    EXPECT_TRUE(recording) << (recording ? "" : recording.error().message);
    return recording ? *recording : Recording{};
}

TEST(RecordingWriter, frames_are_lines_however_the_bytes_come) {
    for (int const version : {176, 200, 213, 226}) {
        Conversation const talk(version);
        for (std::size_t const step : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
            Writer writer(header, {}, {}, 1 << 20);
            writer.opened(microseconds(1), 1);
            auto pass = [&](Side side, std::string const& bytes) {
                for (std::size_t at = 0; at < bytes.size(); at += step)
                    writer.bytes(microseconds(2), 1, side, std::string_view(bytes).substr(at, step));
            };
            pass(Side::client, talk.client.substr(0, 17));
            pass(Side::gateway, talk.gateway);
            pass(Side::client, talk.client.substr(17));
            writer.closed(microseconds(3), 1, Side::client);
            writer.end(microseconds(4));
            auto const recording = recorded(writer);
            std::string client;
            std::string gateway;
            for (auto const& event : recording.events) {
                std::string& to = event.side == Side::client ? client : gateway;
                if (event.kind == EventKind::raw) to += event.payload;
                if (event.kind == EventKind::frame) tws::append_frame(to, event.payload);
                EXPECT_NE(event.kind, EventKind::unread);
            }
            EXPECT_EQ(client, talk.client) << version;
            std::string expected = talk.gateway;
            expected.replace(expected.find("DU7654321"), 9, "DU0000001");
            EXPECT_EQ(gateway, expected) << version;
        }
    }
}

TEST(RecordingWriter, a_frame_that_cannot_be_cut_is_loose_bytes_and_so_is_the_rest) {
    Conversation const talk(200);
    std::string const broken("\xff\xff\xff\xff"
                             "DU7654321 and more",
                             22);
    for (std::size_t const step : {std::size_t{1}, std::size_t{1000}}) {
        Writer writer(header, {}, {}, 1 << 20);
        writer.opened(microseconds(1), 1);
        std::string const bytes = talk.gateway + broken;
        for (std::size_t at = 0; at < bytes.size(); at += step)
            writer.bytes(microseconds(2), 1, Side::gateway, std::string_view(bytes).substr(at, step));
        std::string loose;
        for (auto const& event : recorded(writer).events) {
            if (event.kind == EventKind::raw) loose += event.payload;
        }
        EXPECT_EQ(loose.size(), broken.size());
        EXPECT_TRUE(loose.starts_with("\xff\xff\xff\xff")) << loose;
        EXPECT_TRUE(loose.ends_with(" and more"));
        if (step > 1) EXPECT_THAT(loose, HasSubstr("DU0000001"));
    }
}

TEST(RecordingWriter, ends_with_a_clear_line_where_the_limit_is_reached) {
    Writer writer(header, {}, {}, size_limit_min);
    writer.opened(microseconds(1), 1);
    std::string frame;
    tws::append_frame(frame, std::string(1000, 'x'));
    for (int i = 0; i < 200; ++i)
        writer.bytes(microseconds(2 + i), 1, Side::gateway, frame);
    EXPECT_TRUE(writer.over());
    writer.end(microseconds(900));
    std::string const text = writer.take();
    EXPECT_LE(text.size(), size_limit_min);
    EXPECT_GT(text.size(), size_limit_min - 2000);
    auto const recording = parse(text, "x");
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->events.back().kind, EventKind::truncated);
    EXPECT_THAT(recording->events.back().payload, HasSubstr("size limit"));
    EXPECT_EQ(recording->warning, "");
}

TEST(RecordingWriter, settings_do_not_name_accounts) {
    Writer writer(header, {"accounts = [\"DU7654321\", \"oddcode9\"]"}, {"oddcode9"}, 1 << 20);
    auto const recording = recorded(writer);
    ASSERT_EQ(recording.settings.size(), 1U);
    EXPECT_EQ(recording.settings[0].text, "accounts = [\"DU0000002\", \"o0000001\"]");
}

}  // namespace
}  // namespace possync::recording

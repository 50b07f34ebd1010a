#include "recording/gateway_side.hpp"

#include <gmock/gmock.h>

#include "base/prng.hpp"
#include "recording/request_id.hpp"
#include "recording/writer.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"

namespace possync::recording {
namespace {

using base::Duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

/// Writes a recording as a conversation, one message a line.
class Talk {
public:
    Talk(int version, Recorder recorder) : version_(version), writer_({{1'800'000'000'000'000}, recorder, 1}, {}, {}, 1 << 20) {
        writer_.opened(Duration(0), 1);
        std::string bytes;
        tws::encode_client_hello(bytes, 100, 226);
        writer_.bytes(Duration(0), 1, Side::client, bytes);
        bytes.clear();
        tws::encode_server_hello(bytes, version, "20261123 14:30:00 UTC");
        writer_.bytes(milliseconds(1), 1, Side::gateway, bytes);
    }
    void asks(Duration at, tws::OutgoingMessage const& request) {
        std::string bytes;
        tws::encode(bytes, request, version_);
        writer_.bytes(at, 1, Side::client, bytes);
    }
    void says(Duration at, tws::IncomingMessage const& message) {
        std::string bytes;
        tws::encode(bytes, message, version_);
        writer_.bytes(at, 1, Side::gateway, bytes);
    }
    Recording end(Duration at) {
        writer_.closed(at, 1, Side::client);
        writer_.end(at);
        auto recording = parse(writer_.take(), "talk");
        EXPECT_TRUE(recording);
        return *recording;
    }

private:
    int version_;
    Writer writer_;
};

/// A client that says what it wants and reads what it gets.
class Reader {
public:
    Reader(Recording const& recording, int version) : gateway(recording), version_(version) {
        gateway.open();
        (void)until(Duration(0));
        std::string hello;
        tws::encode_client_hello(hello, 100, 226);
        gateway.bytes(Duration(0), hello);
    }
    void asks(Duration at, tws::OutgoingMessage const& request) {
        std::string bytes;
        tws::encode(bytes, request, version_);
        gateway.bytes(at, bytes);
    }
    /// Messages that came up to `at`, in words.
    std::vector<std::string> until(Duration at) {
        std::vector<std::string> said;
        for (auto const& delivery : gateway.take(at)) {
            if (delivery.kind == Delivery::Kind::closed) said.push_back("closed");
            if (delivery.kind != Delivery::Kind::bytes) continue;
            frames_.append(delivery.text);
            while (true) {
                auto const frame = frames_.next();
                if (!frame || !*frame) break;
                auto const message = tws::decode(**frame, version_);
                if (!message) continue;
                if (auto const* row = std::get_if<tws::Position>(&*message))
                    said.push_back(std::to_string(row->contract.con_id) + " " + row->position->to_string());
                if (std::holds_alternative<tws::PositionEnd>(*message)) said.push_back("end");
                if (auto const* fill = std::get_if<tws::ExecutionDetails>(&*message))
                    said.push_back("fill " + std::to_string(fill->request_id));
                if (auto const* end = std::get_if<tws::ExecutionDetailsEnd>(&*message))
                    said.push_back("fills end " + std::to_string(end->request_id));
                if (auto const* error = std::get_if<tws::ErrorMessage>(&*message))
                    said.push_back("error " + std::to_string(error->request_id));
                if (auto const* data = std::get_if<tws::ContractData>(&*message))
                    said.push_back("contract " + std::to_string(data->request_id));
                if (std::holds_alternative<tws::CurrentTime>(*message)) said.push_back("time");
            }
        }
        return said;
    }
    GatewaySide gateway;

private:
    int version_;
    tws::FrameReader frames_;
};

tws::Position row(std::int64_t con_id, char const* quantity) {
    tws::Position position;
    position.account = "DU0000001";
    position.contract.con_id = con_id;
    position.position = *base::Decimal::parse(quantity);
    position.average_cost = *base::Decimal::parse("1");
    return position;
}
tws::ExecutionDetails fill(std::int64_t request_id) {
    tws::ExecutionDetails details;
    details.request_id = request_id;
    details.exec_id = "a.b.c";
    details.time = "20261123 14:30:00 UTC";
    return details;
}
using Said = std::vector<std::string>;

TEST(RequestId, is_replaced_in_every_message_and_nothing_else_is) {
    tws::ContractData bond;
    bond.is_bond = true;
    tws::ErrorMessage error{77, 200, "no", "", 5};
    tws::PositionMulti multi;
    multi.request_id = 77;
    tws::ContractData stock;
    stock.request_id = bond.request_id = 77;
    stock.contract.con_id = 77;
    std::vector<tws::IncomingMessage> const messages{fill(77),
                                                     tws::ExecutionDetailsEnd{77},
                                                     stock,
                                                     bond,
                                                     tws::ContractDataEnd{77},
                                                     error,
                                                     multi,
                                                     tws::PositionMultiEnd{77},
                                                     tws::AccountSummaryEnd{77},
                                                     tws::AccountUpdateMultiEnd{77},
                                                     tws::PnlSingle{77, {}, {}, {}, {}, {}},
                                                     tws::Pnl{77, {}, {}, {}}};
    for (int const version : {100, 135, 136, 163, 164, 176, 193, 194, 200, 201, 207, 213, 226}) {
        for (auto const& message : messages) {
            std::string bytes;
            tws::encode(bytes, message, version);
            for (std::int64_t const id : {0, 5, 77, 1'234'567'890}) {
                auto const changed = with_request_id(std::string_view(bytes).substr(4), version, id);
                auto const decoded = tws::decode(changed, version);
                ASSERT_TRUE(decoded) << version << " " << decoded.error().what;
                std::string expected;
                std::visit(
                    [&](auto copy) {
                        if constexpr (requires { copy.request_id; }) copy.request_id = id;
                        tws::encode(expected, tws::IncomingMessage(copy), version);
                    },
                    message);
                EXPECT_EQ(changed, expected.substr(4)) << version << " message " << message.index();
            }
        }
    }
}

TEST(GatewaySide, answers_come_under_the_clients_ids_and_not_before_it_asks) {
    for (int const version : {176, 200, 213, 226}) {
        Talk talk(version, Recorder::service);
        talk.asks(milliseconds(2), tws::RequestExecutions{1000, 0, "", "", 0});
        talk.asks(milliseconds(2), tws::RequestContractData{1001, 265598});
        talk.says(milliseconds(3), fill(1000));
        talk.says(milliseconds(3), fill(-1));
        talk.says(milliseconds(3), tws::ExecutionDetailsEnd{1000});
        tws::ContractData data;
        data.request_id = 1001;
        talk.says(milliseconds(4), data);
        talk.says(milliseconds(5), tws::ErrorMessage{1001, 200, "no", "", 0});
        auto const recording = talk.end(milliseconds(9));

        Reader same(recording, version);
        (void)same.until(milliseconds(1));
        same.asks(milliseconds(2), tws::RequestExecutions{1000, 0, "", "", 0});
        EXPECT_EQ(same.until(milliseconds(2)), Said{});
        EXPECT_EQ(same.until(milliseconds(3)), (Said{"fill 1000", "fill -1", "fills end 1000"}));

        Reader other(recording, version);
        (void)other.until(milliseconds(1));
        EXPECT_EQ(other.until(milliseconds(4)), (Said{"fill -1"}));
        other.asks(milliseconds(4), tws::RequestContractData{7, 265598});
        other.asks(milliseconds(4), tws::RequestContractData{8, 4711});
        EXPECT_EQ(other.until(milliseconds(4)), (Said{"contract 7"}));
        EXPECT_EQ(other.until(milliseconds(6)), (Said{"error 7"}));
        other.asks(milliseconds(7), tws::RequestExecutions{9, 0, "", "", 0});
        EXPECT_EQ(other.until(milliseconds(7)), (Said{"fill 9", "fills end 9"}));
        EXPECT_THAT(other.gateway.missing(),
                    Contains(HasSubstr("data of contract 4711: asked for 1 time, not in the recording")));
    }
}

TEST(GatewaySide, another_programs_list_is_kept_up_to_date_and_asked_for_when_it_comes_anew) {
    Talk talk(226, Recorder::pass_through);
    talk.asks(milliseconds(2), tws::RequestPositions{});
    talk.says(milliseconds(3), row(1, "10"));
    talk.says(milliseconds(3), row(2, "20"));
    talk.says(milliseconds(3), tws::PositionEnd{});
    talk.says(seconds(1), row(1, "11"));
    talk.says(seconds(2), tws::ErrorMessage{42, 201, "an order of the other program", "", 0});
    talk.asks(seconds(3), tws::RequestPositions{});
    talk.says(seconds(3), row(2, "22"));
    talk.says(seconds(3), tws::PositionEnd{});
    auto const recording = talk.end(seconds(9));

    Reader reader(recording, 226);
    (void)reader.until(milliseconds(1));
    reader.asks(milliseconds(1), tws::RequestPositions{});
    EXPECT_EQ(reader.until(milliseconds(3)), (Said{"1 10", "2 20", "end"}));
    EXPECT_EQ(reader.until(seconds(1)), (Said{"1 11"}));
    reader.asks(milliseconds(1500), tws::RequestPositions{});
    EXPECT_EQ(reader.until(milliseconds(1500)), (Said{"1 11", "2 20", "end"}));
    EXPECT_EQ(reader.until(seconds(2)), Said{}) << "an error of somebody else's request";
    EXPECT_FALSE(reader.gateway.wants_sync());
    EXPECT_EQ(reader.until(seconds(3)), Said{});
    EXPECT_TRUE(reader.gateway.wants_sync());
    EXPECT_FALSE(reader.gateway.wants_sync());
    reader.asks(seconds(3), tws::RequestPositions{});
    EXPECT_EQ(reader.until(seconds(3)), (Said{"2 22", "end"}));
    reader.asks(seconds(4), tws::RequestCurrentTime{});
    EXPECT_EQ(reader.until(seconds(4)), (Said{"time"}));
    EXPECT_THAT(reader.gateway.missing(), testing::ElementsAre(HasSubstr("1 list of positions put together")));
}

TEST(GatewaySide, the_list_of_the_service_itself_is_played_as_it_was) {
    Talk talk(226, Recorder::service);
    talk.asks(milliseconds(2), tws::RequestPositions{});
    talk.says(milliseconds(3), row(1, "10"));
    talk.says(milliseconds(4), tws::PositionEnd{});
    Reader reader(talk.end(milliseconds(9)), 226);
    (void)reader.until(milliseconds(1));
    reader.asks(milliseconds(2), tws::RequestPositions{});
    EXPECT_EQ(reader.until(milliseconds(3)), (Said{"1 10"}));
    EXPECT_EQ(reader.until(milliseconds(4)), (Said{"end"}));
    reader.asks(milliseconds(5), tws::RequestPositions{});
    EXPECT_EQ(reader.until(milliseconds(9)), Said{});
    EXPECT_THAT(reader.gateway.missing(), Contains(HasSubstr("the list of positions: asked for 1 time")));
}

std::string hello(int version) {
    std::string bytes;
    tws::encode_server_hello(bytes, version, "20261123 14:30:00 UTC");
    return bytes;
}

/// Attempts that failed, a connection that the gateway ended, and one that the recorded program ended: each as it was, in turn.
TEST(GatewaySide, each_attempt_ends_as_it_was_recorded) {
    Writer writer({{1'800'000'000'000'000}, Recorder::service, 1}, {}, {}, 1 << 20);
    writer.failed(seconds(1), "connection refused");
    writer.opened(seconds(2), 1);
    writer.bytes(seconds(2), 1, Side::gateway, hello(178));
    writer.closed(seconds(4), 1, Side::gateway);
    writer.opened(seconds(5), 2);
    writer.bytes(seconds(5), 2, Side::gateway, hello(178));
    writer.opened(seconds(6), 3);
    writer.closed(seconds(6), 3, Side::gateway);
    writer.closed(seconds(7), 2, Side::client);
    writer.opened(seconds(8), 4);
    writer.closed(seconds(9), 4, Side::gateway);
    writer.opened(seconds(10), 5);
    writer.end(seconds(11));
    auto const recording = parse(writer.take(), "talk");
    ASSERT_TRUE(recording);
    GatewaySide gateway(*recording);
    EXPECT_FALSE(gateway.next_due()) << "nobody opens anything";
    EXPECT_TRUE(gateway.take(seconds(1)).empty());
    auto const taken = [&](Duration now) {
        std::vector<std::string> said;
        for (auto const& delivery : gateway.take(now)) {
            said.push_back(delivery.kind == Delivery::Kind::opened  ? "opened"
                           : delivery.kind == Delivery::Kind::bytes ? "bytes"
                                                                    : delivery.text);
        }
        return said;
    };
    gateway.open();
    EXPECT_EQ(gateway.next_due(), seconds(1));
    EXPECT_EQ(taken(milliseconds(999)), Said{});
    EXPECT_EQ(taken(seconds(1)), Said{"connection refused"});
    gateway.bytes(seconds(1), "to nobody");
    gateway.open();
    EXPECT_EQ(taken(seconds(2)), Said{"opened"});
    EXPECT_EQ(taken(seconds(2)), Said{"bytes"});
    EXPECT_EQ(gateway.next_due(), seconds(4));
    EXPECT_EQ(taken(seconds(4)), Said{"closed by the gateway"});
    EXPECT_FALSE(gateway.next_due());
    gateway.open();
    EXPECT_EQ(taken(seconds(5)), Said{"opened"});
    EXPECT_EQ(gateway.next_due(), seconds(5));
    EXPECT_EQ(taken(seconds(5)), Said{"bytes"});
    EXPECT_EQ(gateway.next_due(), seconds(8)) << "to make room for the next one";
    EXPECT_EQ(taken(seconds(8)), Said{"closed by the recorded program"});
    gateway.open();
    EXPECT_EQ(taken(seconds(8)), Said{"opened"});
    gateway.close(seconds(8));
    EXPECT_EQ(taken(seconds(9)), Said{}) << "who closed hears nothing any more";
    EXPECT_THAT(gateway.missing(), Contains("connection 3 was open at the same time as an earlier one and is passed over"));
    EXPECT_THAT(gateway.missing(), Contains("1 later connection was not used"));
    gateway.open();
    EXPECT_EQ(taken(seconds(10)), Said{"opened"});
    gateway.close(seconds(10));
    gateway.open();
    EXPECT_FALSE(gateway.next_due()) << "there is no other";
    EXPECT_EQ(taken(seconds(20)), Said{});
}

TEST(GatewaySide, what_is_left_unused_is_told) {
    Writer nothing({{1'800'000'000'000'000}, Recorder::service, 1}, {}, {}, 1 << 20);
    nothing.end(seconds(1));
    auto const empty = parse(nothing.take(), "talk");
    ASSERT_TRUE(empty);
    EXPECT_THAT(GatewaySide(*empty).missing(), Contains("the recording holds no connection to a gateway"));
    Talk talk(226, Recorder::service);
    talk.asks(milliseconds(2), tws::RequestPositions{});
    talk.says(milliseconds(300), row(1, "10"));
    Reader reader(talk.end(milliseconds(400)), 226);
    reader.gateway.close(milliseconds(200));
    EXPECT_THAT(reader.gateway.missing(),
                Contains("connection 1 was closed by this program after 0.200 s; the rest of it was not used"));
    // What another program could not reach is no matter of this one.
    Writer other({{1'800'000'000'000'000}, Recorder::pass_through, 1}, {}, {}, 1 << 20);
    other.failed(seconds(1), "connection refused");
    other.opened(seconds(2), 1);
    other.bytes(seconds(2), 1, Side::gateway, "\x01 is no frame of a gateway, and is handed on");
    other.closed(seconds(3), 1, Side::gateway);
    other.end(seconds(3));
    auto const recording = parse(other.take(), "talk");
    ASSERT_TRUE(recording);
    GatewaySide gateway(*recording);
    gateway.open();
    auto const opened = gateway.take(seconds(2));
    ASSERT_EQ(opened.size(), 1U);
    EXPECT_EQ(opened[0].kind, Delivery::Kind::opened);
    auto const bytes = gateway.take(seconds(2));
    ASSERT_EQ(bytes.size(), 1U);
    EXPECT_THAT(bytes[0].text, HasSubstr("is no frame"));
}

/// Requests that the recording does not answer are told in words, once each; those that nobody waits for are not.
TEST(GatewaySide, what_is_asked_for_and_not_there_is_told_in_words) {
    Talk talk(226, Recorder::service);
    Reader reader(talk.end(milliseconds(9)), 226);
    (void)reader.until(milliseconds(1));
    auto const at = milliseconds(2);
    reader.asks(at, tws::RequestAccountUpdates{true, "DU0000001"});
    reader.asks(at, tws::RequestAccountUpdates{false, "DU0000001"});
    reader.asks(at, tws::RequestPositions{});
    reader.asks(at, tws::RequestPositions{});
    tws::RequestExecutions executions;
    executions.request_id = 5;
    reader.asks(at, executions);
    tws::RequestContractData contract;
    contract.request_id = 6;
    contract.con_id = 265598;
    reader.asks(at, contract);
    tws::RequestPositionsMulti multi;
    multi.request_id = 7;
    multi.account = "DU0000002";
    reader.asks(at, multi);
    tws::RequestSettings settings;
    settings.request_id = 8;
    reader.asks(at, settings);
    reader.asks(at, tws::RequestCurrentTime{});
    tws::CancelPositionsMulti cancel;
    cancel.request_id = 7;
    reader.asks(at, cancel);
    EXPECT_EQ(reader.until(milliseconds(9)), Said{});
    auto const missing = reader.gateway.missing();
    EXPECT_THAT(missing, Contains("updates of account DU0000001: asked for 1 time, not in the recording"));
    EXPECT_THAT(missing, Contains("the list of positions: asked for 2 times, not in the recording"));
    EXPECT_THAT(missing, Contains("executions: asked for 1 time, not in the recording"));
    EXPECT_THAT(missing, Contains("data of contract 265598: asked for 1 time, not in the recording"));
    EXPECT_THAT(missing, Contains("the positions of account DU0000002: asked for 1 time, not in the recording"));
    EXPECT_THAT(missing, Contains("the gateway's settings: asked for 1 time, not in the recording"));
    EXPECT_EQ(missing.size(), 6U) << testing::PrintToString(missing);
}

/// Whatever a recording says and whatever the client does, playing it ends, and without an abort.
TEST(GatewaySide, survives_mutated_recordings_and_clients) {
    base::Prng random(23);
    auto below = [&](std::size_t end) { return static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(end) - 1)); };
    std::vector<std::string> texts;
    for (int const version : {176, 226}) {
        Talk talk(version, version == 176 ? Recorder::service : Recorder::pass_through);
        talk.asks(milliseconds(2), tws::RequestPositions{});
        talk.says(milliseconds(3), row(1, "10"));
        talk.says(milliseconds(3), tws::PositionEnd{});
        talk.asks(milliseconds(4), tws::RequestExecutions{1000, 0, "", "", 0});
        talk.says(milliseconds(5), fill(1000));
        talk.says(milliseconds(5), tws::ExecutionDetailsEnd{1000});
        talk.says(milliseconds(6), tws::ErrorMessage{1000, 200, "no", "", 0});
        auto const recording = talk.end(milliseconds(9));
        std::string text;
        write(text, recording.header);
        for (auto const& event : recording.events)
            write(text, event);
        texts.push_back(text);
    }
    int played = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = texts[below(texts.size())];
        auto const body = text.find('\n') + 1;
        for (int i = static_cast<int>(below(6)); i >= 0; --i) {
            auto const at = body + below(text.size() - body);
            switch (below(4)) {
            case 0: text[at] = static_cast<char>('0' + below(10)); break;
            case 1: text.insert(at, 1, "0123456789x\\<>"[below(14)]); break;
            case 2: {  // a line twice
                auto const begin = text.rfind('\n', at - 1) + 1;
                auto const end = text.find('\n', at);
                if (end != std::string::npos) text.insert(begin, text.substr(begin, end + 1 - begin));
                break;
            }
            default: text.erase(at, 1); break;
            }
            if (text.size() <= body) break;
        }
        auto const recording = parse(text, "x");
        if (!recording) continue;
        ++played;
        GatewaySide gateway(*recording);
        std::string hello;
        tws::encode_client_hello(hello, 100, 226);
        for (int step = 0; step < 30; ++step) {
            Duration const now = milliseconds(step);
            std::string bytes;
            switch (below(8)) {
            case 0: gateway.open(); break;
            case 1: gateway.close(now); break;
            case 2: gateway.bytes(now, hello); break;
            case 3: tws::encode(bytes, tws::OutgoingMessage(tws::RequestPositions{}), 226); break;
            case 4:
                tws::encode(bytes,
                            tws::OutgoingMessage(tws::RequestExecutions{static_cast<std::int64_t>(below(2000)), 0, "", "", 0}),
                            176);
                break;
            case 5: bytes.assign(below(9), static_cast<char>(below(256))); break;
            default: (void)gateway.take(now);
            }
            if (!bytes.empty()) gateway.bytes(now, bytes);
            (void)gateway.next_due();
            (void)gateway.wants_sync();
        }
        (void)gateway.missing();
    }
    EXPECT_GT(played, 2000);
}

}  // namespace
}  // namespace possync::recording

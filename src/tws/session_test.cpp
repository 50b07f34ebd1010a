// Stories of connections on virtual time: the other side is written out as the bytes a gateway would send.
#include "tws/session.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/outgoing.hpp"

namespace possync::tws {
namespace {

using namespace std::chrono_literals;

struct Recorder final : SessionListener {
    std::vector<std::string> lines;
    base::Duration lost_since{0};
    void on_ready(std::string_view accounts, std::string_view) override { lines.push_back("ready " + std::string(accounts)); }
    void on_message(IncomingMessage const& message) override { lines.push_back("message " + std::to_string(message.index())); }
    void on_request_ended(RequestKind kind, std::int64_t, RequestOutcome outcome, std::string const&) override {
        static constexpr char const* kinds[] = {"positions", "executions", "contract", "settings"};
        static constexpr char const* outcomes[] = {"complete", "timed_out", "failed"};
        lines.push_back(std::string(kinds[static_cast<int>(kind)]) + " " + outcomes[static_cast<int>(outcome)]);
    }
    void on_position_lost(std::string_view account, std::string const&) override {
        lines.push_back("lost a position of " + (account.empty() ? std::string("somebody") : std::string(account)));
    }
    void on_execution_lost(std::string const&) override { lines.push_back("lost an execution"); }
    void on_connectivity_lost(base::Duration since, std::string const&) override {
        lines.push_back("lost");
        lost_since = since;
    }
    void on_connectivity_restored(bool data_lost, std::string const&) override { lines.push_back(data_lost ? "restored, data lost" : "restored"); }
    void on_disconnected(std::string const& reason, bool retry) override {
        lines.push_back(std::string(retry ? "disconnected: " : "ended: ") + reason);
    }
    void on_notice(bool, std::string const& event, std::string const&) override { lines.push_back("notice " + event); }
    bool has(std::string const& line) const { return std::find(lines.begin(), lines.end(), line) != lines.end(); }
};

/// A session with a gateway made of hand-written answers.
struct Story {
    explicit Story(SessionOptions options = {}) : session(options, recorder) {
        now.steady = 1000s;
        session.start(now);
        act();
    }
    void act() {
        for (auto& action : session.take_actions()) {
            if (action.kind == SessionAction::Kind::open) {
                ++opened;
                port = action.port;
            } else if (action.kind == SessionAction::Kind::close) {
                ++closed;
            } else {
                EXPECT_TRUE(may_be_sent(action.bytes));
                sent += action.bytes;
                ++frames_sent;
            }
        }
    }
    void open() {
        session.on_socket_open(now);
        act();
    }
    void bytes(std::string const& text) {
        session.on_bytes(now, text);
        act();
    }
    template <typename Message>
    void say(Message const& message) {
        std::string out;
        encode(out, IncomingMessage(message), version);
        bytes(out);
    }
    void hello(int chosen = 200) {
        version = chosen;
        std::string out;
        encode_server_hello(out, version, "20261123 09:30:00 America/New_York");
        bytes(out);
    }
    void connect(int chosen = 200, std::string_view accounts = "DU1") {
        open();
        hello(chosen);
        say(ManagedAccounts{accounts});
        say(NextValidId{1});
    }
    void pass(base::Duration duration) {
        auto const until = now.steady + duration;
        while (now.steady < until) {
            auto const due = session.next_deadline();
            now.steady = due && *due > now.steady && *due < until ? *due : until;
            session.on_time(now);
            act();
        }
    }
    Recorder recorder;
    Session session;
    base::Now now;
    std::string sent;
    int opened = 0;
    int closed = 0;
    int frames_sent = 0;
    int port = 0;
    int version = 200;

    /// What was sent since the last call, decoded.
    std::vector<ClientRequest> requests() {
        FrameReader reader;
        bool const with_handshake = sent.starts_with(std::string_view("API\0", 4));
        reader.append(std::string_view(sent).substr(with_handshake ? 4 : 0));
        if (with_handshake) (void)reader.next();
        std::vector<ClientRequest> result;
        for (;;) {
            auto const frame = reader.next();
            if (!frame || !*frame) break;
            result.push_back(*decode_request(**frame, version));
        }
        sent.clear();
        return result;
    }
};

TEST(Session, ShakesHandsAndBecomesReadyInEitherOrder) {
    for (bool const accounts_first : {true, false}) {
        Story story;
        story.open();
        EXPECT_TRUE(story.sent.starts_with(std::string_view("API\0", 4)));
        story.bytes(std::string("\0\0\0\5noise", 9));  // frames before the answer are passed over
        story.hello();
        if (accounts_first) story.say(ManagedAccounts{"DU1"});
        story.say(NextValidId{1});
        if (!accounts_first) story.say(ManagedAccounts{"DU1"});
        EXPECT_TRUE(story.session.ready());
        EXPECT_EQ(story.recorder.lines, std::vector<std::string>{"ready DU1"});
        EXPECT_EQ(story.session.server_version(), 200);
    }
}

/// How often a request of this kind is among them.
template <typename Request>
std::vector<Request> of_kind(std::vector<ClientRequest> const& requests) {
    std::vector<Request> result;
    for (auto const& request : requests) {
        if (auto const* one = std::get_if<Request>(&request)) result.push_back(*one);
    }
    return result;
}

PositionMulti part(std::int64_t request_id, std::string_view account, std::string_view model = "") {
    PositionMulti position;
    position.request_id = request_id;
    position.account = account;
    position.contract.con_id = 5;
    position.position = base::Decimal(1);
    position.model_code = model;
    return position;
}

TEST(Session, AListOfManyAccountsIsPutTogetherFromOneOfEach) {
    for (int const version : {200, 226}) {
        Story story;
        story.connect(version, "DU1,DU2,DU3");
        story.recorder.lines.clear();
        story.sent.clear();
        std::vector<std::string> const accounts{"DU1", "DU2", "DU3"};
        story.session.request_positions(story.now, accounts);
        story.act();
        story.pass(1s);
        auto const parts = of_kind<RequestPositionsMulti>(story.requests());
        ASSERT_EQ(parts.size(), 3u);
        EXPECT_TRUE(story.recorder.lines.empty());
        std::string const a_row = "message " + std::to_string(IncomingMessage(Position{}).index());
        story.say(part(parts[0].request_id, "DU1"));
        story.say(part(parts[0].request_id, "DU1", "growth"));  // a model's share of it
        story.say(part(77, "DU1"));                             // of no list that was asked for
        story.say(PositionMultiEnd{parts[0].request_id});
        story.say(PositionMultiEnd{parts[2].request_id});
        EXPECT_EQ(story.recorder.lines, std::vector<std::string>{a_row});
        story.say(PositionMultiEnd{parts[1].request_id});
        std::string const the_end = "message " + std::to_string(IncomingMessage(PositionEnd{}).index());
        EXPECT_EQ(story.recorder.lines, (std::vector<std::string>{a_row, the_end, "positions complete"}));
        story.say(part(parts[1].request_id, "DU2"));  // a change, pushed
        EXPECT_EQ(story.recorder.lines.back(), a_row);

        // The next list ends the subscriptions of this one.
        story.session.request_positions(story.now, accounts);
        story.act();
        story.pass(1s);
        auto const again = story.requests();
        EXPECT_EQ(of_kind<CancelPositionsMulti>(again).size(), 3u);
        ASSERT_EQ(of_kind<RequestPositionsMulti>(again).size(), 3u);
        story.recorder.lines.clear();
        story.say(part(parts[0].request_id, "DU1"));  // late, of the old one
        EXPECT_TRUE(story.recorder.lines.empty());
    }
}

TEST(Session, OneMissingListOfManyLeavesThatAccountUnknown) {
    for (bool const refused : {true, false}) {
        Story story;
        story.connect(200, "DU1,DU2");
        story.session.request_positions(story.now, {"DU1", "DU2"});
        story.act();
        auto const parts = of_kind<RequestPositionsMulti>(story.requests());
        story.say(PositionMultiEnd{parts[0].request_id});
        if (refused) {
            story.say(ErrorMessage{parts[1].request_id, 321, "invalid account", "", 0});
        } else {
            story.pass(31s);
        }
        EXPECT_TRUE(story.recorder.has("lost a position of DU2"));
        EXPECT_FALSE(story.recorder.has("lost a position of DU1"));
        EXPECT_TRUE(story.recorder.has("positions complete"));
        EXPECT_TRUE(story.session.ready());
    }
}

TEST(Session, AListOfPartsEndsOnceWithItsConnection) {
    Story story;
    story.connect();
    story.session.request_positions(story.now, {"DU1", "DU2"});
    story.act();
    story.session.on_socket_closed(story.now, "closed");
    EXPECT_EQ(std::count(story.recorder.lines.begin(), story.recorder.lines.end(), "positions failed"), 1);
}

TEST(Session, WaitsForAccountsThatAreStillToCome) {
    Story story;
    story.open();
    story.hello(226);
    story.say(ManagedAccounts{""});
    story.say(NextValidId{1});
    EXPECT_FALSE(story.session.ready());
    story.say(ManagedAccounts{"DU1"});
    EXPECT_EQ(story.recorder.lines, std::vector<std::string>{"ready DU1"});
}

TEST(Session, AnEndOfAnotherKindEndsNothing) {
    Story story;
    story.connect();
    story.session.request_positions(story.now, {"DU1"});
    auto const contract = story.session.request_contract(story.now, 265598);
    story.pass(1s);
    auto const part = of_kind<RequestPositionsMulti>(story.requests())[0].request_id;
    story.say(ExecutionDetailsEnd{part});
    story.say(ContractDataEnd{part});
    story.say(ExecutionDetailsEnd{contract});
    EXPECT_FALSE(story.recorder.has("positions complete"));
    EXPECT_FALSE(story.recorder.has("contract complete"));
    EXPECT_EQ(story.session.statistics().stray_ends, 3);
    story.say(ContractDataEnd{contract});
    story.say(PositionMultiEnd{part});
    EXPECT_TRUE(story.recorder.has("positions complete"));
    EXPECT_TRUE(story.recorder.has("contract complete"));
}

TEST(Session, ListsThatComeForNoAccountAreNoList) {
    Story refused;
    refused.connect(200, "DU1,DU2");
    refused.session.request_positions(refused.now, {"DU1", "DU2"});
    refused.act();
    for (auto const& part : of_kind<RequestPositionsMulti>(refused.requests())) {
        refused.say(ErrorMessage{part.request_id, 321, "invalid account", "", 0});
    }
    EXPECT_TRUE(refused.recorder.has("positions failed"));
    EXPECT_TRUE(refused.session.ready());
    Story silent;
    silent.connect(200, "DU1,DU2");
    silent.session.request_positions(silent.now, {"DU1", "DU2"});
    silent.act();
    silent.pass(31s);
    EXPECT_TRUE(silent.recorder.has("positions failed"));
    EXPECT_TRUE(silent.recorder.has("disconnected: the list of positions did not come in time"));
}

TEST(Session, ARowOfManyListsThatCannotBeReadLeavesItsAccountUnknown) {
    for (int const version : {200, 206, 226}) {
        Story story;
        story.connect(version, "DU1,DU2");
        story.session.request_positions(story.now, {"DU1", "DU2"});
        story.act();
        auto const parts = of_kind<RequestPositionsMulti>(story.requests());
        std::string damaged;
        encode(damaged, IncomingMessage(part(parts[0].request_id, "DU1")), version);
        if (version < 207) {
            damaged.replace(damaged.find(std::string("\0005\0", 3)), 3, std::string("\0x\0", 3));  // its conId
        } else {
            damaged.back() = '\xff';  // a number that does not end
        }
        story.bytes(damaged);
        story.say(PositionMultiEnd{parts[0].request_id});
        story.say(PositionMultiEnd{parts[1].request_id});
        EXPECT_TRUE(story.recorder.has("lost a position of DU1")) << version;
        EXPECT_TRUE(story.recorder.has("positions complete")) << version;
    }
}

TEST(Session, AsksNewGatewaysForTheirSettings) {
    Story story;
    story.connect(226);
    auto const asked = of_kind<RequestSettings>(story.requests());
    ASSERT_EQ(asked.size(), 1u);
    GatewaySettings settings;
    settings.request_id = asked[0].request_id;
    story.say(settings);
    EXPECT_TRUE(story.recorder.has("settings complete"));
    Story older;
    older.connect(218);
    EXPECT_TRUE(of_kind<RequestSettings>(older.requests()).empty());
}

TEST(Session, AccountsThatChangeStartAnewWithThem) {
    Story story;
    story.connect();
    story.say(ManagedAccounts{"DU1"});
    EXPECT_TRUE(story.session.ready());
    story.say(ManagedAccounts{"DU1,DU2"});
    EXPECT_FALSE(story.session.ready());
    EXPECT_TRUE(story.recorder.has("disconnected: the login's accounts changed from DU1 to DU1,DU2"));
    story.pass(2s);
    story.connect();
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, AStormOfOneErrorIsToldOnceAMinute) {
    Story story;
    story.connect();
    story.recorder.lines.clear();
    for (int i = 0; i < 500; ++i) {
        story.say(ErrorMessage{-1, 10197, "No market data during competing live session", "", 0});
        story.pass(100ms);
    }
    EXPECT_EQ(story.recorder.lines.size(), 1u);
    story.say(ErrorMessage{-1, 322, "another", "", 0});
    EXPECT_EQ(story.recorder.lines.size(), 2u);
    story.pass(11s);
    story.say(ErrorMessage{-1, 10197, "No market data during competing live session", "", 0});
    EXPECT_EQ(story.recorder.lines.size(), 3u);
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, OneByteAReadIsTheSame) {
    Story story;
    story.open();
    std::string out;
    encode_server_hello(out, 176, "20261123 09:30:00 EST");
    encode(out, IncomingMessage(ManagedAccounts{"DU1"}), 176);
    encode(out, IncomingMessage(NextValidId{1}), 176);
    for (char const c : out) story.bytes(std::string(1, c));
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, AGatewayThatSaysNothingIsLeftAndTriedAgain) {
    Story story;
    story.open();
    story.pass(11s);
    EXPECT_EQ(story.closed, 1);
    ASSERT_FALSE(story.recorder.lines.empty());
    EXPECT_NE(story.recorder.lines[0].find("says nothing"), std::string::npos);
    story.pass(3s);
    EXPECT_EQ(story.opened, 2);
}

TEST(Session, VersionsOutsideTheRangeAreRefused) {
    Story old;
    old.open();
    old.hello(99);
    EXPECT_NE(old.recorder.lines.at(0).find("server version 99"), std::string::npos);
    EXPECT_NE(old.recorder.lines.at(0).find("update the gateway"), std::string::npos);
    Story newer;
    newer.open();
    EXPECT_NE(newer.sent.find("v100..226"), std::string::npos);  // what a newer gateway is to come down to
    newer.hello(227);
    EXPECT_NE(newer.recorder.lines.at(0).find("server version 227"), std::string::npos);
    EXPECT_NE(newer.recorder.lines.at(0).find("update this program"), std::string::npos);
    EXPECT_EQ(newer.requests().size(), 0u);  // not a byte beyond the greeting
    Story redirect;
    redirect.open();
    std::string out;
    append_frame(out, std::string("-1\0other.example:4001\0", 22));
    redirect.bytes(out);
    ASSERT_EQ(redirect.recorder.lines.size(), 1u);
    EXPECT_TRUE(redirect.recorder.lines[0].starts_with("ended: ")) << redirect.recorder.lines[0];
    EXPECT_NE(redirect.recorder.lines[0].find("other.example:4001"), std::string::npos);
    redirect.pass(10min);
    EXPECT_EQ(redirect.opened, 1);
}

TEST(Session, ZonesInAnyLanguageAndBytesThatAreNoTextDoNotMatter) {
    for (std::string const zone : {"Central European Standard Time", "\xd6\xd0\xb9\xfa\xb1\xea\xd7\xbc\xca\xb1\xbc\xe4", "", "???"}) {
        Story story;
        story.open();
        std::string out;
        encode_server_hello(out, 200, "20261123 09:30:00 " + zone);
        story.bytes(out);
        story.say(NextValidId{1});
        story.say(ManagedAccounts{"DU1"});
        EXPECT_TRUE(story.session.ready()) << zone;
    }
}

TEST(Session, ListOfPositionsEndsOnce) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    Position row;
    row.contract.con_id = 5;
    row.position = base::Decimal(1);
    story.say(row);
    story.say(PositionEnd{});
    story.say(PositionEnd{});
    EXPECT_EQ(std::count(story.recorder.lines.begin(), story.recorder.lines.end(), "positions complete"), 1);
    EXPECT_EQ(story.session.statistics().stray_ends, 1);
}

TEST(Session, ASecondListIsAskedForOnlyAfterCancelling) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    story.say(PositionEnd{});
    story.sent.clear();
    story.session.request_positions(story.now);
    story.act();
    EXPECT_NE(story.sent.find(std::string("64\0", 3)), std::string::npos);
    EXPECT_LT(story.sent.find(std::string("64\0", 3)), story.sent.find(std::string("61\0", 3)));
}

/// One bad frame does not end the connection, and a list that lost a row does not end well for whose row it was. Where that
/// cannot be told, it ends well for nobody.
TEST(Session, ARowThatCannotBeReadSpoilsItsList) {
    Position whole;
    whole.account = "DU1";
    whole.contract.con_id = 5;
    Position without_quantity = whole;
    whole.position = base::Decimal(3);
    Position without_contract = whole;
    without_contract.contract = {};
    auto const encoded = [](Position const& position, int version) {
        std::string out;
        encode(out, IncomingMessage(position), version);
        return out;
    };
    auto const framed = [](std::string const& payload) {
        std::string out;
        append_frame(out, payload);
        return out;
    };
    struct Case {
        int version;
        std::string bytes;
        char const* lost;
    };
    std::string torn = encoded(whole, 226).substr(4);
    torn.resize(torn.size() - 3);
    std::vector<Case> const cases{
        {200, framed(std::string("61\0" "3\0DU1\0x\0", 11)), "DU1"},
        {200, framed(std::string("61\0" "3\0DU1", 8)), "somebody"},
        {200, framed(std::string("61\0" "3\0DU9\0x\0", 11)), "somebody"},  // no account of this login: who knows
        {200, framed(std::string("6?\0" "3\0DU1\0x\0", 11)), "somebody"},  // may have been a position
        {200, encoded(without_quantity, 200), "DU1"},
        {226, encoded(without_quantity, 226), "DU1"},
        {226, encoded(without_contract, 226), "DU1"},
        {226, framed(torn), "DU1"},
        {226, framed(std::string("\0\0", 2)), "somebody"},
    };
    for (auto const& each : cases) {
        Story story;
        story.connect(each.version, "DU1, DU2,");
        story.session.request_positions(story.now);
        story.act();
        story.bytes(each.bytes);
        EXPECT_TRUE(story.session.ready());
        story.say(PositionEnd{});
        bool const known = std::string_view(each.lost) == "DU1";
        EXPECT_TRUE(story.recorder.has("lost a position of " + std::string(each.lost))) << each.lost;
        EXPECT_EQ(story.recorder.has("positions failed"), !known);
        EXPECT_EQ(story.recorder.has("positions complete"), known);
        // The next list is another one.
        story.recorder.lines.clear();
        story.session.request_positions(story.now);
        story.act();
        story.say(PositionEnd{});
        EXPECT_TRUE(story.recorder.has("positions complete"));
    }
}

TEST(Session, AnExecutionThatCannotBeReadIsTold) {
    Story story;
    story.connect();
    std::string bad;
    append_frame(bad, std::string("11\0" "1\0x\0", 7));
    story.bytes(bad);
    EXPECT_TRUE(story.recorder.has("lost an execution"));
    EXPECT_FALSE(story.recorder.has("lost a position of somebody"));
}

TEST(Session, ASecondListWhileOneIsOnItsWayCostsTheConnection) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    story.session.request_positions(story.now);
    story.act();
    EXPECT_FALSE(story.session.ready());
    EXPECT_TRUE(story.recorder.has("positions failed"));
}

TEST(Session, AStormOfFramesThatCannotBeReadIsToldOnceAMinute) {
    Story story;
    story.connect();
    story.recorder.lines.clear();
    std::string bad;
    append_frame(bad, std::string("7\0" "8\0x\0", 6));
    for (int i = 0; i < 1000; ++i) story.bytes(bad);
    EXPECT_EQ(story.recorder.lines, std::vector<std::string>{"notice gateway.undecodable_frame"});
    EXPECT_EQ(story.session.statistics().undecodable_frames, 1000);
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, UnknownMessagesAreCountedAndExtraFieldsPassedOver) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    story.recorder.lines.clear();
    std::string more;
    append_frame(more, std::string("999\0x\0", 6));
    append_frame(more, std::string("62\0" "1\0new\0field\0", 15));
    story.bytes(more);
    EXPECT_EQ(story.session.statistics().unknown_messages, 1);
    EXPECT_TRUE(story.recorder.has("positions complete"));
}

TEST(Session, ALateListCostsTheConnection) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    story.say(Position{});
    story.pass(31s);
    EXPECT_TRUE(story.recorder.has("positions timed_out"));
    EXPECT_EQ(story.closed, 1);
    // The End of the old connection means nothing to the next one.
    story.pass(5s);
    story.connect();
    story.session.request_positions(story.now);
    EXPECT_EQ(story.session.connection_number(), 2);
    EXPECT_FALSE(story.recorder.has("positions complete"));
}

TEST(Session, ExecutionsWithoutEndTimeOutSooner) {
    Story story;
    story.connect();
    story.session.request_executions(story.now);
    story.act();
    story.pass(9s);
    EXPECT_FALSE(story.recorder.has("executions timed_out"));
    story.pass(2s);
    EXPECT_TRUE(story.recorder.has("executions timed_out"));
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, ErrorsOfARequestEndIt) {
    Story story;
    story.connect();
    auto const id = story.session.request_contract(story.now, 5);
    story.act();
    story.say(ErrorMessage{id, 200, "No security definition", "", 0});
    EXPECT_TRUE(story.recorder.has("contract failed"));
}

TEST(Session, ConnectivityNoticesKeepTheSocket) {
    Story story;
    story.connect();
    for (int const code : {1100, 2103, 2105, 2157, 2104, 1102, 1101}) story.say(ErrorMessage{-1, code, "text", "", 0});
    EXPECT_TRUE(story.session.ready());
    EXPECT_EQ(story.closed, 0);
    EXPECT_TRUE(story.recorder.has("lost"));
    EXPECT_TRUE(story.recorder.has("restored"));
    EXPECT_TRUE(story.recorder.has("restored, data lost"));
}

TEST(Session, TakenClientIdIsTriedForAWhileBeforeAnother) {
    Story story;
    auto refuse = [&] {
        story.open();
        story.hello();
        story.say(ErrorMessage{-1, 326, "Unable to connect as the client id is already in use.", "", 0});
    };
    refuse();
    EXPECT_NE(story.recorder.lines.at(0).find("client id 71 is in use"), std::string::npos);
    for (int i = 0; i < 17; ++i) {
        story.pass(5s);
        refuse();
        EXPECT_EQ(story.session.client_id(), 71) << i;
    }
    story.pass(5s);
    refuse();
    EXPECT_EQ(story.session.client_id(), 72);
    EXPECT_TRUE(story.recorder.has("notice gateway.client_id_changed"));
    // A handful of them, and again from the own one.
    std::set<int> tried;
    for (int i = 0; i < 40; ++i) {
        story.pass(5s);
        refuse();
        tried.insert(story.session.client_id());
    }
    EXPECT_EQ(tried, (std::set<int>{71, 72, 73, 74, 75, 76, 77, 78, 79}));
}

/// Some gateways say nothing when the client id is taken: they close once it was named.
TEST(Session, ACloseAfterTheClientIdWasNamedIsTakenForATakenOne) {
    Story story;
    for (int i = 0; i < 30; ++i) {
        story.open();
        story.hello();
        story.session.on_socket_closed(story.now, "closed by the gateway");
        story.act();
        story.pass(*story.session.next_deadline() - story.now.steady);
    }
    EXPECT_GT(story.session.client_id(), 71);
    EXPECT_GT(story.now.steady, 1000s + 10min);  // with growing pauses
    Story before;
    for (int i = 0; i < 30; ++i) {
        before.open();
        before.session.on_socket_closed(before.now, "closed by the gateway");
        before.act();
        before.pass(*before.session.next_deadline() - before.now.steady);
    }
    EXPECT_EQ(before.session.client_id(), 71);  // it does not even know the id
}

TEST(Session, AChangedPortIsFollowed) {
    Story story;
    story.connect();
    story.say(ErrorMessage{-1, 1300, "TWS socket port has been reset and this connection is being dropped. Please reconnect on the new port - 7500", "", 0});
    story.pass(3s);
    EXPECT_EQ(story.port, 7500);
    // Where nobody listens there, the one of before may be right again.
    story.session.on_socket_failed(story.now, "refused");
    story.pass(*story.session.next_deadline() - story.now.steady);
    EXPECT_EQ(story.port, 4002);
    story.session.on_socket_failed(story.now, "refused");
    story.pass(*story.session.next_deadline() - story.now.steady);
    EXPECT_EQ(story.port, 7500);
}

TEST(Session, SilenceIsProbedAndThenGivenUp) {
    Story story;
    story.connect();
    story.sent.clear();
    story.pass(46s);
    EXPECT_NE(story.sent.find(std::string("49\0", 3)), std::string::npos);
    EXPECT_FALSE(story.recorder.has("lost"));
    story.say(CurrentTime{1});
    auto const heard = story.now.steady;
    story.pass(40s);
    EXPECT_TRUE(story.session.ready());
    story.pass(17s);
    EXPECT_TRUE(story.session.ready());
    EXPECT_TRUE(story.recorder.has("lost"));  // asked 45 s later, not answered for 10
    EXPECT_EQ(story.recorder.lost_since, heard);
    story.pass(60s);
    EXPECT_FALSE(story.session.ready());
}

TEST(Session, AnAnswerAfterASilenceRestores) {
    Story story;
    story.connect();
    story.pass(58s);
    EXPECT_TRUE(story.session.doubtful());
    story.say(CurrentTime{1});
    EXPECT_FALSE(story.session.doubtful());
    EXPECT_TRUE(story.recorder.has("restored"));
    // Not while the gateway itself is without its broker.
    story.say(ErrorMessage{-1, 1100, "lost", "", 0});
    story.pass(58s);
    story.recorder.lines.clear();
    story.say(CurrentTime{1});
    EXPECT_TRUE(story.session.doubtful());
    EXPECT_FALSE(story.recorder.has("restored"));
}

/// Bytes are no life: a frame that never ends proves nothing.
TEST(Session, ASlowDripIsSilence) {
    Story story;
    story.connect();
    std::string out;
    encode(out, IncomingMessage(AccountValue{"a-very-long-key", std::string(300, 'x'), "USD", "DU1"}), 200);
    for (std::size_t i = 0; i < 80 && story.session.ready(); ++i) {
        story.bytes(out.substr(i, 1));
        story.pass(1s);
    }
    EXPECT_FALSE(story.session.ready());
    EXPECT_TRUE(story.recorder.has("disconnected: the gateway has fallen silent"));
}

TEST(Session, BrokerAwayForLongIsAskedAboutByANewConnection) {
    Story story;
    story.connect();
    story.say(ErrorMessage{-1, 1100, "lost", "", 0});
    auto const lost = story.now.steady;
    for (int i = 0; i < 14; ++i) {
        story.pass(60s);
        story.say(ErrorMessage{-1, 1100, "lost", "", 0});  // often repeated; it is lost since the first
        EXPECT_EQ(story.recorder.lost_since, lost);
    }
    EXPECT_TRUE(story.session.ready());
    story.pass(61s);
    EXPECT_FALSE(story.session.ready());
    story.pass(3s);
    // A gateway that is offline says so at once, maybe before it names its accounts.
    story.open();
    story.hello();
    story.say(ErrorMessage{-1, 2110, "Connectivity between TWS and server is broken", "", 0});
    story.say(ManagedAccounts{"DU1"});
    story.say(NextValidId{1});
    EXPECT_TRUE(story.session.ready());
    EXPECT_TRUE(story.session.doubtful());
    story.say(ErrorMessage{-1, 1101, "restored", "", 0});
    EXPECT_FALSE(story.session.doubtful());
}

TEST(Session, PacingHoldsTheRestBack) {
    Story story;
    story.connect();
    story.pass(2s);
    story.frames_sent = 0;
    for (int i = 0; i < 60; ++i) story.session.request_executions(story.now);
    story.act();
    EXPECT_EQ(story.frames_sent, 10);
    story.pass(1000ms);
    EXPECT_EQ(story.frames_sent, 42);
    story.pass(1000ms);
    EXPECT_EQ(story.frames_sent, 60);
}

TEST(Session, ComplaintsHalveThePaceOnceABurstAndItRecovers) {
    Story story;
    story.connect();
    auto const complain = [&](std::int64_t id) { story.say(ErrorMessage{id, 100, "Max rate of messages per second has been exceeded", "", 0}); };
    for (int i = 0; i < 20; ++i) complain(-1);
    EXPECT_EQ(story.session.requests_per_second(), 16);
    story.pass(3s);
    complain(-1);
    EXPECT_EQ(story.session.requests_per_second(), 8);
    for (int i = 0; i < 20; ++i) {
        story.pass(3s);
        complain(-1);
    }
    EXPECT_EQ(story.session.requests_per_second(), 2);  // never to a standstill
    story.frames_sent = 0;
    for (int i = 0; i < 10; ++i) story.session.request_executions(story.now);
    story.act();
    story.pass(6s);
    EXPECT_EQ(story.frames_sent, 10);
    for (int i = 0; i < 120; ++i) {
        story.pass(30s);
        story.say(CurrentTime{1});
    }
    EXPECT_EQ(story.session.requests_per_second(), 32);
}

TEST(Session, WhatWasRefusedForThePaceLeavesAgain) {
    Story story;
    story.connect();
    story.pass(2s);
    story.sent.clear();
    auto const id = story.session.request_contract(story.now, 5);
    story.act();
    EXPECT_EQ(of_kind<RequestContractData>(story.requests()).size(), 1u);
    story.say(ErrorMessage{id, 100, "Max rate of messages per second has been exceeded", "", 0});
    story.pass(2s);
    auto const again = of_kind<RequestContractData>(story.requests());
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0], (RequestContractData{id, 5}));
    EXPECT_FALSE(story.recorder.has("contract failed"));
}

TEST(Session, DaysOfExecutionsAreAskedForWhereTheGatewayCan) {
    for (int const version : {176, 199, 200, 201, 226}) {
        Story story;
        story.connect(version);
        story.sent.clear();
        (void)story.session.request_executions(story.now, 5);
        story.act();
        auto const asked = of_kind<RequestExecutions>(story.requests());
        ASSERT_EQ(asked.size(), 1u);
        EXPECT_EQ(asked[0].last_days, version < 200 ? 0 : 5) << version;
    }
}

TEST(Session, ContractDataWaitsBehindEverythingElse) {
    Story story;
    story.connect();
    story.pass(2s);
    story.frames_sent = 0;
    for (int i = 0; i < 100; ++i) story.session.request_contract(story.now, i);
    story.act();
    EXPECT_EQ(story.frames_sent, 1);
    story.session.request_positions(story.now);
    story.act();
    EXPECT_EQ(story.frames_sent, 2);  // at once, past 99 waiting ones
    story.pass(1000ms);
    EXPECT_EQ(story.frames_sent, 33);
}

TEST(Session, PausesGrowAndStartAnewAfterASuccess) {
    Story story;
    std::vector<std::int64_t> pauses;
    for (int i = 0; i < 9; ++i) {
        story.session.on_socket_failed(story.now, "refused");
        auto const before = story.now.steady;
        auto const due = story.session.next_deadline();
        ASSERT_TRUE(due);
        pauses.push_back((*due - before).count());
        story.pass(*due - before);
    }
    EXPECT_GE(pauses[0], 800'000);
    EXPECT_LE(pauses[0], 1'200'000);
    EXPECT_GT(pauses[4], 10 * pauses[0]);
    EXPECT_LE(pauses[8], 72'000'000);
    story.connect();
    story.session.on_socket_closed(story.now, "eof");
    EXPECT_GT((*story.session.next_deadline() - story.now.steady).count(), 40'000'000);  // it was of no use
    story.pass(*story.session.next_deadline() - story.now.steady);
    story.connect();
    story.pass(31s);
    story.session.on_socket_closed(story.now, "eof");
    EXPECT_LE((*story.session.next_deadline() - story.now.steady).count(), 1'200'000);
}

TEST(Session, AnErrorOfTheHandshakeIsNoReasonForALaterLoss) {
    Story story;
    story.open();
    story.hello();
    story.say(ErrorMessage{-1, 504, "an old complaint", "", 0});
    story.say(ManagedAccounts{"DU1"});
    story.say(NextValidId{1});
    story.session.on_socket_closed(story.now, "closed by the gateway");
    EXPECT_TRUE(story.recorder.has("disconnected: closed by the gateway"));
}

TEST(Session, ImpossibleLengthEndsTheConnection) {
    Story story;
    story.connect();
    story.bytes(std::string("\xff\xff\xff\xff", 4));
    EXPECT_FALSE(story.session.ready());
    EXPECT_NE(story.recorder.lines.back().find("impossible length"), std::string::npos);
}

TEST(Session, StopsInAnyState) {
    for (int state = 0; state < 4; ++state) {
        Story story;
        if (state >= 1) story.open();
        if (state >= 2) story.hello();
        if (state >= 3) story.connect();
        story.session.stop(story.now);
        story.act();
        EXPECT_FALSE(story.session.next_deadline().has_value()) << state;
    }
}

// --- what should not happen, and does ------------------------------------------------------------------------------------

TEST(Session, WhatComesInTheWrongStateIsPassedOver) {
    Story story;
    story.session.start(story.now);
    story.act();
    EXPECT_EQ(story.opened, 1);  // started already
    story.connect();
    auto const sent = story.frames_sent;
    story.session.on_socket_open(story.now);
    story.session.on_socket_failed(story.now, "late");
    story.act();
    EXPECT_EQ(story.frames_sent, sent);
    EXPECT_TRUE(story.session.ready());
}

TEST(Session, OnlyPortsAreFollowed) {
    for (auto const& [text, port] : {std::pair{"reset", 4002}, std::pair{"new port 0", 4002}, std::pair{"new port 70000", 4002},
                                     std::pair{"7500", 7500}, std::pair{"port:7501", 7501}, std::pair{"port 7502!", 7502}}) {
        Story story;
        story.connect();
        story.say(ErrorMessage{-1, 1300, text, "", 0});
        story.pass(5s);
        EXPECT_EQ(story.opened, 2) << text;
        EXPECT_EQ(story.port, port) << text;
    }
}

TEST(Session, FarmsComeAndGoWithoutAWarning) {
    for (std::int64_t const code : {2103, 2108, 2119, 2157, 2158}) {
        Story story;
        story.connect();
        story.say(ErrorMessage{-1, code, "text", "", 0});
        EXPECT_EQ(story.recorder.lines.back(), "notice gateway.farm") << code;
    }
    for (std::int64_t const code : {2102, 2109, 2118, 2120}) {
        Story story;
        story.connect();
        story.say(ErrorMessage{-1, code, "text", "", 0});
        EXPECT_EQ(story.recorder.lines.back(), "notice gateway.error") << code;
    }
}

/// The list of positions carries no request id: an error with the number 0 is not about it.
TEST(Session, AnErrorWithTheNumberZeroEndsNoList) {
    Story story;
    story.connect();
    story.session.request_positions(story.now);
    story.act();
    story.say(ErrorMessage{0, 321, "text", "", 0});
    story.say(ErrorMessage{0, 100, "Max rate of messages per second has been exceeded", "", 0});
    EXPECT_FALSE(story.recorder.has("positions failed"));
    story.pass(1s);
    EXPECT_EQ(of_kind<RequestPositions>(story.requests()).size(), 1u);
    story.say(PositionEnd{});
    EXPECT_TRUE(story.recorder.has("positions complete"));
}

TEST(Session, AComplaintAboutWhatStillWaitsAsksForItOnce) {
    Story story;
    story.connect();
    std::vector<std::int64_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(story.session.request_contract(story.now, 100 + i));
    story.act();
    story.say(ErrorMessage{ids.back(), 100, "Max rate of messages per second has been exceeded", "", 0});
    story.pass(10s);
    EXPECT_EQ(of_kind<RequestContractData>(story.requests()).size(), 40u);
}

TEST(Session, ABurstRecoversAfterThePace) {
    SessionOptions options;
    options.requests_per_second = 4;
    options.requests_at_once = 16;
    Story story(options);
    story.connect();
    for (int i = 0; i < 3; ++i) {
        story.say(ErrorMessage{-1, 100, "Max rate of messages per second has been exceeded", "", 0});
        story.pass(5s);
    }
    auto const burst = [&] {
        story.sent.clear();
        for (int i = 0; i < 30; ++i) story.session.request_account_updates(story.now, true, "DU1");
        story.act();
        auto const count = of_kind<RequestAccountUpdates>(story.requests()).size();
        for (int i = 0; i < 60; ++i) {
            story.pass(1s);
            story.say(CurrentTime{1});
        }
        return count;
    };
    EXPECT_EQ(story.session.requests_per_second(), 2);
    EXPECT_EQ(burst(), 2u);
    for (std::size_t const expected : {4u, 8u, 16u, 16u}) {
        for (int i = 0; i < 65; ++i) {
            story.pass(10s);
            story.say(CurrentTime{1});
        }
        EXPECT_EQ(burst(), expected);
        EXPECT_EQ(story.session.requests_per_second(), 4);
    }
}

/// However many different errors come, what is remembered of them is bounded: the first is news again.
TEST(Session, ErrorsOfManyKindsAreForgottenInTheEnd) {
    Story story;
    story.connect();
    story.recorder.lines.clear();
    for (int code = 5000; code < 5300; ++code) story.say(ErrorMessage{-1, code, "text", "", 0});
    EXPECT_EQ(story.recorder.lines.size(), 300u);
    story.say(ErrorMessage{-1, 5299, "text", "", 0});
    EXPECT_EQ(story.recorder.lines.size(), 300u);
    story.say(ErrorMessage{-1, 5000, "text", "", 0});
    EXPECT_EQ(story.recorder.lines.size(), 301u);
}

TEST(Session, AListThatHasNotLeftYetIsNotOnItsWay) {
    SessionOptions options;
    options.requests_at_once = 1;
    options.requests_per_second = 1;
    Story story(options);
    story.connect();
    story.session.request_account_updates(story.now, true, "DU1");
    story.session.request_positions(story.now);
    story.session.request_positions(story.now);  // both wait for their turn
    story.act();
    EXPECT_TRUE(story.session.ready());
    story.pass(10s);
    EXPECT_TRUE(story.session.ready());
    EXPECT_EQ(story.closed, 0);
    story.say(PositionEnd{});
    EXPECT_TRUE(story.recorder.has("positions complete"));
}

TEST(Session, ARowOfAnAccountThatNobodyManagesSpoilsTheWholeList) {
    for (std::string_view const account : {"DU3", "DU", ""}) {
        Story story;
        story.connect(200, "DU1,DU2");
        story.session.request_positions(story.now);
        story.act();
        Position row;
        row.account = account;
        row.contract.sec_type = "STK";
        row.position = base::Decimal(1);
        story.say(row);  // without a conId
        EXPECT_EQ(story.recorder.lines.back(), "lost a position of somebody");
        story.say(PositionEnd{});
        EXPECT_EQ(story.recorder.lines.back(), "positions failed");
    }
}

TEST(Session, ARowOfManyListsThatBelongsToNobodySpoilsThemAll) {
    Story story;
    story.connect(200, "DU1,DU2");
    story.session.request_positions(story.now, {"DU1", "DU2"});
    story.act();
    story.pass(1s);
    auto const parts = of_kind<RequestPositionsMulti>(story.requests());
    ASSERT_EQ(parts.size(), 2u);
    auto row = part(parts[0].request_id, "XX9");
    row.contract.con_id = 0;
    story.say(row);
    for (auto const& each : parts) story.say(PositionMultiEnd{each.request_id});
    EXPECT_EQ(story.recorder.lines.back(), "positions failed");
}

/// Whoever hears that a request came to nothing may give the connection up there and then.
TEST(Session, AListenerMayDropTheConnectionFromWithin) {
    struct Dropping final : SessionListener {
        Session* session = nullptr;
        base::Now now;
        int ended = 0;
        void on_ready(std::string_view, std::string_view) override {}
        void on_message(IncomingMessage const&) override {}
        void on_request_ended(RequestKind, std::int64_t, RequestOutcome, std::string const&) override {
            if (++ended == 1) session->drop(now, "enough");
        }
        void on_position_lost(std::string_view, std::string const&) override {}
        void on_connectivity_lost(base::Duration, std::string const&) override {}
        void on_connectivity_restored(bool, std::string const&) override {}
        void on_disconnected(std::string const&, bool) override {}
        void on_notice(bool, std::string const&, std::string const&) override {}
    } listener;
    Session session({}, listener);
    listener.session = &session;
    base::Now now;
    now.steady = 1000s;
    session.start(now);
    session.on_socket_open(now);
    std::string bytes;
    encode_server_hello(bytes, 200, "20261123 09:30:00 UTC");
    encode(bytes, IncomingMessage(ManagedAccounts{"DU1"}), 200);
    encode(bytes, IncomingMessage(NextValidId{1}), 200);
    session.on_bytes(now, bytes);
    ASSERT_TRUE(session.ready());
    session.request_executions(now);
    session.request_contract(now, 5);
    (void)session.take_actions();
    now.steady += 61s;  // both are overdue, and so is a sign of life
    listener.now = now;
    session.on_time(now);
    EXPECT_FALSE(session.ready());
    EXPECT_EQ(listener.ended, 2);  // each once
    auto const actions = session.take_actions();
    ASSERT_FALSE(actions.empty());
    EXPECT_EQ(actions.back().kind, SessionAction::Kind::close);  // nothing is sent into a connection that was given up
}

RC_GTEST_PROP(SessionProperty, WhateverComesOnlyAllowedBytesLeave, ()) {
    Story story;
    auto const steps = *rc::gen::inRange(1, 40);
    for (int i = 0; i < steps; ++i) {
        switch (*rc::gen::inRange(0, 9)) {
            case 0: story.open(); break;
            case 1: story.hello(*rc::gen::element(-1, 99, 100, 150, 200, 201)); break;
            case 2: story.bytes(*rc::gen::arbitrary<std::string>()); break;
            case 3: story.say(ErrorMessage{*rc::gen::inRange<std::int64_t>(-1, 1003), *rc::gen::element<std::int64_t>(100, 200, 326, 1100, 1101, 1102, 1300, 2104), "x 5", "", 0}); break;
            case 4: story.pass(std::chrono::seconds(*rc::gen::inRange(1, 100))); break;
            case 5: story.session.on_socket_closed(story.now, "eof"); break;
            case 6: story.session.request_positions(story.now); break;
            case 7: story.say(PositionEnd{}); break;
            default: story.connect(); break;
        }
        story.act();
    }
}

}  // namespace
}  // namespace possync::tws

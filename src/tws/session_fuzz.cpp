// libFuzzer target: a session of one of nine server versions, a gateway that says anything, in any chunks, and time that passes.
// The input is a program: each byte is a step, what it needs follows it. Beside the session stands a second reading of the same
// bytes, which knows what may happen:
//
//   only allowed frames leave, at the pace allowed, while a connection is open
//   a request ends once, while its own connection lives; a complete list of positions ends on the End that was just read, and
//   no row of it was lost but of accounts that were named as lost
//   time moves on: what is due now is not due after it was done; whoever stops owes nobody an answer
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/generation.hpp"
#include "tws/outgoing.hpp"
#include "tws/session.hpp"

namespace {

using namespace possync;
using namespace possync::tws;
using namespace std::chrono_literals;

class Input {
public:
    Input(std::uint8_t const* data, std::size_t size) : at_(data), end_(data + size) {}
    [[nodiscard]] bool more() const { return at_ != end_; }
    std::uint8_t byte() { return more() ? *at_++ : 0; }
    std::string_view bytes(std::size_t count) {
        count = std::min(count, static_cast<std::size_t>(end_ - at_));
        std::string_view const result(reinterpret_cast<char const*>(at_), count);
        at_ += count;
        return result;
    }

private:
    std::uint8_t const* at_;
    std::uint8_t const* end_;
};

/// What a frame means to a list of positions.
enum class Frame { other, damaged_row, end, end_of_part };

class Play final : SessionListener {
public:
    Play(int version, std::uint8_t flags) : version_(version), eager_((flags & 1) != 0), parts_((flags & 4) != 0), session_(options(), *this) {
        if ((flags & 2) != 0) chunk_ = 1;
        session_.start(now_);
        act();
    }

    void step(Input& input) {
        std::uint8_t const what = input.byte();
        std::uint8_t const low = what & 0x1F;
        if (what >> 5 != 1) release();
        switch (what >> 5) {
            case 0: hear(input.bytes(low)); break;
            case 1: say(low, input); break;
            case 2: pass(low * 250ms); break;
            case 3: to_the_deadline(); break;
            case 4: socket(low); break;
            case 5: ask(low, input); break;
            case 6: chunk_ = low; break;
            default: framed(input.byte(), input.bytes(low)); break;
        }
        CHECK(session_.ready() == ready_);
    }

    void finish() {
        release();
        session_.stop(now_);
        act();
        CHECK(asked_.empty() && !list_asked_);
        CHECK(!session_.next_deadline().has_value());
        pass(100s);
        CHECK(!open_);
    }

private:
    static SessionOptions options() {
        SessionOptions options;
        options.own_client_id_patience = 10s;
        return options;
    }

    // --- the gateway's side ------------------------------------------------------------------------------------------------

    void say(std::uint8_t what, Input& input) {
        std::uint8_t const value = input.byte();
        std::string bytes;
        switch (what) {
            case 0: encode_server_hello(bytes, version_, "20261123 09:30:00 America/New_York"); break;
            case 1: encode(bytes, IncomingMessage(ManagedAccounts{value < 200 ? "DU1" : "DU1,DU2"}), version_); break;
            case 2: encode(bytes, IncomingMessage(NextValidId{value}), version_); break;
            case 3:
            case 4: {
                Position row{"DU1", {}, base::Decimal(value), base::Decimal(100)};
                row.contract.con_id = 1000 + value;
                row.contract.sec_type = "STK";
                encode(bytes, IncomingMessage(row), version_);
                if (what == 4) damage(bytes);
                break;
            }
            case 5: encode(bytes, IncomingMessage(PositionEnd{}), version_); break;
            case 6:
            case 7: {
                PositionMulti row{1000 + value, "DU1", {}, base::Decimal(value), base::Decimal(100), {}};
                row.contract.con_id = 2000 + value;
                row.contract.sec_type = "STK";
                encode(bytes, IncomingMessage(row), version_);
                if (what == 7) damage(bytes);
                break;
            }
            case 8: encode(bytes, IncomingMessage(PositionMultiEnd{1000 + value}), version_); break;
            case 9: {
                ExecutionDetails fill;
                fill.request_id = value == 255 ? -1 : 1000 + value;
                fill.exec_id = "0000e0d5.6a000001.01.01";
                fill.time = "20261123-09:31:05";
                fill.shares = fill.cum_qty = base::Decimal(1);
                encode(bytes, IncomingMessage(fill), version_);
                break;
            }
            case 10: encode(bytes, IncomingMessage(ExecutionDetailsEnd{1000 + value}), version_); break;
            case 11: {
                ContractData data;
                data.request_id = 1000 + value;
                data.is_bond = (value & 1) != 0;
                encode(bytes, IncomingMessage(data), version_);
                break;
            }
            case 12: encode(bytes, IncomingMessage(ContractDataEnd{1000 + value}), version_); break;
            case 13: {
                static constexpr std::int64_t codes[] = {100,  200,  320,  321,  326,  1100, 1101, 1102,
                                                         1300, 2100, 2101, 2104, 2110, 2158, 504,  0};
                std::int64_t const request = input.byte();
                ErrorMessage const error{request == 255 ? -1 : 1000 + request, codes[value & 0x0F],
                                         "said twice, then port 4003", "", 1'795'426'200'000};
                encode(bytes, IncomingMessage(error), version_);
                break;
            }
            case 14: encode(bytes, IncomingMessage(CurrentTime{1'795'426'200 + value}), version_); break;
            case 15: encode(bytes, IncomingMessage(UnknownMessage{value}), version_); break;
            case 16: bytes.assign(4, '\0'); break;  // a frame of no length
            case 17: bytes = {'\1', '\0', '\0', static_cast<char>(value)}; break;
            case 18:
                if (version_ < 219) return;
                encode(bytes, IncomingMessage(GatewaySettings{1000 + value, {}, {}}), version_);
                break;
            case 19: encode_server_hello(bytes, value - 28, "20261123 09:30:00 somewhere"); break;
            case 20: encode(bytes, IncomingMessage(AccountValue{"AccountReady", value < 128 ? "true" : "false", {}, "DU1"}), version_); break;
            case 21: encode(bytes, IncomingMessage(AccountDownloadEnd{"DU1"}), version_); break;
            default: return;
        }
        // Chunk 0 holds back what comes, and lets it arrive in one piece with what follows.
        held_ += bytes;
        if (chunk_ != 0) release();
    }

    /// Makes a row unreadable but leaves its frame whole.
    void damage(std::string& bytes) const {
        if (version_ < positions_binary_since) {
            bytes[bytes.find("STK") + 5] = '!';  // the strike's first digit
        } else {
            bytes[bytes.size() - 9] = '\x7F';  // the key of the last number: an impossible wire type
        }
    }

    void framed(std::uint8_t id, std::string_view body) {
        std::string payload;
        if (session_.server_version() >= binary_ids_since) {
            int const raw = id < 128 ? id : binary_offset + id - 128;
            payload = {'\0', '\0', static_cast<char>(raw >> 8), static_cast<char>(raw)};
        }
        payload += body;
        std::string bytes;
        append_frame(bytes, payload);
        hear(bytes);
    }

    void release() {
        if (!held_.empty()) hear(std::exchange(held_, {}));
    }

    void hear(std::string_view bytes) {
        std::size_t const step = chunk_ == 0 ? std::max<std::size_t>(bytes.size(), 1) : chunk_;
        for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
            // Which frames this completes, before the session says so.
            if (!open_) continue;
            std::string_view const piece = bytes.substr(0, step);
            unread_ += piece;
            coming_.clear();
            std::size_t at = 0;
            while (unread_.size() - at >= 4) {
                std::size_t length = 0;
                for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(unread_[at + i]);
                if (length == 0 || length > frame_size_max || unread_.size() - at - 4 < length) break;
                coming_.push_back(unread_.substr(at + 4, length));
                at += 4 + length;
            }
            unread_.erase(0, at);
            frames_before_ = session_.statistics().frames;
            session_.on_bytes(now_, piece);
            note_damage();
            act();
        }
    }

    /// Meaning of the frame that the session reads just now.
    [[nodiscard]] Frame meaning(std::size_t index) const {
        auto const message = decode(coming_[index], session_.server_version());
        if (!message) {
            int const id = message.error().message_id;
            return id == 61 || id == 71 ? Frame::damaged_row : Frame::other;
        }
        if (std::holds_alternative<PositionEnd>(*message)) return Frame::end;
        return std::holds_alternative<PositionMultiEnd>(*message) ? Frame::end_of_part : Frame::other;
    }
    [[nodiscard]] std::size_t frames_read() const { return static_cast<std::size_t>(session_.statistics().frames - frames_before_); }
    void note_damage() {
        if (!list_asked_ || !ready_) return;
        for (std::size_t i = list_asked_at_ > frames_before_ ? static_cast<std::size_t>(list_asked_at_ - frames_before_) : 0;
             i < std::min(frames_read(), coming_.size()); ++i) {
            damaged_ = damaged_ || meaning(i) == Frame::damaged_row;
        }
    }

    // --- time and the owner of the socket --------------------------------------------------------------------------------------

    void pass(base::Duration duration) {
        now_.steady += duration;
        now_.wall.microseconds += duration.count();
        session_.on_time(now_);
        act();
        auto const due = session_.next_deadline();
        CHECK(!due || *due > now_.steady);
    }
    void to_the_deadline() {
        if (auto const due = session_.next_deadline(); due && *due > now_.steady) pass(*due - now_.steady);
    }

    void socket(std::uint8_t what) {
        switch (what & 7) {
            case 0:
            case 1:
                if (wanted_ && !open_) {
                    open_ = true;
                    session_.on_socket_open(now_);
                }
                break;
            case 2:
                if (wanted_ && !open_) {
                    wanted_ = false;
                    session_.on_socket_failed(now_, "refused");
                }
                break;
            case 3:
                if (open_) {
                    open_ = wanted_ = false;
                    session_.on_socket_closed(now_, "closed by the other side");
                }
                break;
            case 4: session_.drop(now_, "dropped"); break;
            case 5:
                if (!open_) session_.on_socket_closed(now_, "said twice");
                break;
            default: session_.on_time(now_); break;
        }
        act();
    }

    void act() {
        for (auto const& action : session_.take_actions()) {
            switch (action.kind) {
                case SessionAction::Kind::open:
                    CHECK(action.port > 0 && action.port < 65536);
                    wanted_ = true;
                    open_ = false;
                    sent_at_.clear();
                    break;
                case SessionAction::Kind::close: wanted_ = open_ = false; break;
                case SessionAction::Kind::send:
                    CHECK(may_be_sent(action.bytes));
                    check_pace();
                    break;
            }
        }
        unread_.resize(open_ ? unread_.size() : 0);
    }
    /// A gateway counts 50 in a second as they arrive.
    void check_pace() {
        sent_at_.push_back(now_.steady);
        while (sent_at_.front() <= now_.steady - 1s) sent_at_.pop_front();
        CHECK(sent_at_.size() <= 50);
    }

    // --- requests ------------------------------------------------------------------------------------------------------------

    void ask(std::uint8_t what, Input& input) {
        switch (what & 7) {
            case 0:
            case 1:
            case 2: ask_for_positions(); break;
            case 3: ask_for(RequestKind::executions, session_.request_executions(now_, 7)); break;
            case 4: ask_for(RequestKind::contract, session_.request_contract(now_, input.byte())); break;
            default: session_.request_account_updates(now_, (what & 8) != 0, "DU1"); break;
        }
        act();
    }
    void ask_for_positions() {
        if (ready_) {
            list_asked_ = true;
            list_connection_ = session_.connection_number();
            list_asked_at_ = session_.statistics().frames;
            damaged_ = lost_ = lost_of_somebody_ = false;
        }
        session_.request_positions(now_, parts_ ? std::vector<std::string>{"DU1", "DU2", "DU3"} : std::vector<std::string>{});
    }
    void ask_for(RequestKind kind, std::int64_t id) {
        if (ready_) CHECK(asked_.emplace(id, std::pair(kind, session_.connection_number())).second);
    }

    // --- what the session says -------------------------------------------------------------------------------------------------

    void on_ready(std::string_view accounts, std::string_view) override {
        CHECK(!ready_ && !accounts.empty());
        ready_ = true;
        if (!eager_) return;
        ask_for_positions();
        ask_for(RequestKind::executions, session_.request_executions(now_, 7));
    }
    void on_message(IncomingMessage const& message) override { CHECK(ready_ && !std::holds_alternative<UnknownMessage>(message)); }
    void on_request_ended(RequestKind kind, std::int64_t id, RequestOutcome outcome, std::string const& why) override {
        CHECK(why.empty() == (outcome == RequestOutcome::complete));
        if (kind == RequestKind::settings) return;  // the session's own
        if (kind != RequestKind::positions) {
            auto const asked = asked_.find(id);
            CHECK(asked != asked_.end());
            CHECK(asked->second == std::pair(kind, session_.connection_number()));
            asked_.erase(asked);
            return;
        }
        CHECK(list_asked_ && list_connection_ == session_.connection_number());
        if (outcome == RequestOutcome::complete) {
            note_damage();
            CHECK((!damaged_ || lost_) && !lost_of_somebody_);
            if (parts_ && lost_) {
                list_asked_ = false;
                return;  // the last part may have been refused, or late
            }
            CHECK(frames_read() > 0 && frames_read() <= coming_.size());
            CHECK(meaning(frames_read() - 1) == (parts_ ? Frame::end_of_part : Frame::end));
        }
        list_asked_ = false;
    }
    void on_position_lost(std::string_view account, std::string const& why) override {
        CHECK(!why.empty());
        if (list_asked_ && ready_) (account.empty() ? lost_of_somebody_ : lost_) = true;
    }
    void on_connectivity_lost(base::Duration since, std::string const&) override {
        CHECK(since <= now_.steady && session_.doubtful());
    }
    void on_connectivity_restored(bool, std::string const&) override {}
    void on_disconnected(std::string const& reason, bool) override {
        CHECK(!reason.empty());
        CHECK(asked_.empty() && !list_asked_);
        ready_ = false;
    }
    void on_notice(bool, std::string const& event, std::string const& text) override { CHECK(!event.empty() && !text.empty()); }

    static constexpr int positions_binary_since = 207;
    int version_;
    bool eager_;  ///< asks as soon as it may
    bool parts_;  ///< a login of many accounts
    base::Now now_{{1'795'426'200'000'000}, 1000s};
    std::size_t chunk_ = 31;
    std::string held_;
    std::string unread_;                ///< bytes of a frame that is not whole
    std::vector<std::string> coming_;   ///< whole frames in what is being heard
    std::int64_t frames_before_ = 0;
    bool wanted_ = false;  ///< the session wants a socket
    bool open_ = false;
    bool ready_ = false;
    std::deque<base::Duration> sent_at_;
    std::map<std::int64_t, std::pair<RequestKind, std::int64_t>> asked_;  ///< kind and connection
    bool list_asked_ = false;
    bool damaged_ = false;           ///< a row of it could not be read
    bool lost_ = false;              ///< an account was named
    bool lost_of_somebody_ = false;  ///< or could not be
    std::int64_t list_connection_ = 0;
    std::int64_t list_asked_at_ = 0;  ///< frames read before
    Session session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static constexpr int versions[] = {100, 151, 176, 200, 201, 204, 207, 213, 226};
    if (size < 2 || size > 4096) return 0;
    Input input(data, size);
    int const version = versions[input.byte() % std::size(versions)];
    Play play(version, input.byte());
    while (input.more()) play.step(input);
    play.finish();
    return 0;
}

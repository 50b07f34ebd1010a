// Session: the life of the connection to one gateway. Bytes and time in, bytes and messages out; it owns no socket
// and no clock. It shakes hands, paces requests, times each of them out, keeps the link honest and reconnects.
//
//   stopped -> waiting -> connecting -> greeting -> starting -> ready
//                ^------------------------------------------------'   any loss leads back, after a pause
//
// Invariants: nothing but allow-listed messages ever leaves (checked at the last byte); nothing of an old connection
// can end a request of a new one; a frame that cannot be cut ends the connection, one that cannot be decoded does not; a
// list ends well only for the accounts none of whose rows was lost; life is proved by whole frames, not by the absence of
// errors. Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "tws/frame.hpp"
#include "tws/messages.hpp"

namespace possync::tws {

struct SessionOptions {
    int port = 4002;
    int client_id = 71;
    int version_min = 100;
    int version_max = 226;
    base::Duration connect_timeout = std::chrono::seconds(10);
    base::Duration ready_timeout = std::chrono::seconds(10);
    base::Duration request_timeout = std::chrono::seconds(30);
    /// The End of an empty list of executions may never come.
    base::Duration executions_timeout = std::chrono::seconds(10);
    base::Duration keep_alive = std::chrono::seconds(45);
    /// A probe not answered for so long means that what was heard last may be old.
    base::Duration silence = std::chrono::seconds(10);
    /// How long a gateway may be without its broker before a new connection is to tell whether it still is: the notice that
    /// all is well again can get lost too.
    base::Duration broker_patience = std::chrono::minutes(15);
    /// The gateway allows 50 messages in any second as *it* receives them, late and clumped: so many at once, and so
    /// many a second after. Contract data waits until nothing else does, and leaves one by one.
    int requests_at_once = 10;
    int requests_per_second = 32;
    bool reconnect = true;
    base::Duration pause_min = std::chrono::seconds(1);
    base::Duration pause_max = std::chrono::seconds(60);
    /// A connection that lasted so long was a good one: the next pause is a short one again.
    base::Duration stable_after = std::chrono::seconds(30);
    /// How long the own client id is tried again before another is taken: after a restart it stays taken for a while.
    base::Duration own_client_id_patience = std::chrono::seconds(90);
    std::uint64_t seed = 1;  ///< of the jitter
};

enum class RequestKind { positions, executions, contract, settings };
/// With more accounts than this an adviser's login serves no common list of positions.
inline constexpr std::size_t accounts_in_one_list = 50;
enum class RequestOutcome { complete, timed_out, failed };

class SessionListener {
public:
    virtual ~SessionListener() = default;
    /// The handshake is done and both the accounts and the next order id came.
    virtual void on_ready(std::string_view managed_accounts, std::string_view connection_time) = 0;
    /// The payload of a row of the list of positions, before it is decoded: true when the listener knows it from an
    /// earlier list and needs no message for it. Most lists repeat the last one byte for byte.
    virtual bool on_position_payload(std::string_view) { return false; }
    /// A data message. Its texts are valid during the call.
    virtual void on_message(IncomingMessage const& message) = 0;
    virtual void on_request_ended(RequestKind kind, std::int64_t request_id, RequestOutcome outcome, std::string const& why) = 0;
    /// A row of the running list, or a change pushed after it, was lost: what that account holds is not known. An empty
    /// account: whose row it was is not known either, and a running list as a whole ends as failed.
    virtual void on_position_lost(std::string_view account, std::string const& why) = 0;
    /// An execution could not be read: a list of them that is on its way is not complete.
    virtual void on_execution_lost(std::string const&) {}
    /// What the gateway says may be old, since then (steady): it lost its broker, or has fallen silent. May come before
    /// on_ready, and again while it lasts.
    virtual void on_connectivity_lost(base::Duration since, std::string const& text) = 0;
    virtual void on_connectivity_restored(bool data_lost, std::string const& text) = 0;
    virtual void on_disconnected(std::string const& reason, bool will_retry) = 0;
    /// Account updates go to one account and one client at a time; they went elsewhere, or cannot be had.
    virtual void on_account_updates_refused(std::string const&) {}
    /// Something worth a line: an error without a request, a changed client id, a frame that could not be read.
    virtual void on_notice(bool warning, std::string const& event, std::string const& text) = 0;
};

/// What the owner of the socket is to do, in order.
struct SessionAction {
    enum class Kind { open, close, send };
    Kind kind = Kind::send;
    int port = 0;       ///< open
    std::string bytes;  ///< send
};

struct SessionStatistics {
    std::int64_t frames = 0;
    std::int64_t bytes = 0;
    std::int64_t unknown_messages = 0;
    std::int64_t undecodable_frames = 0;
    std::int64_t stray_ends = 0;  ///< End messages nobody waited for
    std::int64_t connections = 0;
    std::int64_t requests = 0;
    std::int64_t timeouts = 0;
};

class Session {
public:
    Session(SessionOptions options, SessionListener& listener);

    void start(base::Now now);
    /// Closes for good.
    void stop(base::Now now);
    /// Closes until start() is called again.
    void suspend(base::Now now, std::string const& why);
    /// Closes the connection; reconnects if the options say so.
    void drop(base::Now now, std::string const& why);

    void on_socket_open(base::Now now);
    void on_socket_failed(base::Now now, std::string const& reason);
    void on_socket_closed(base::Now now, std::string const& reason);
    void on_bytes(base::Now now, std::string_view bytes);
    /// To be called at next_deadline() at the latest; calling it early or often is harmless.
    void on_time(base::Now now);
    [[nodiscard]] std::optional<base::Duration> next_deadline() const;
    [[nodiscard]] std::vector<SessionAction> take_actions();

    // Requests; only while ready(). They leave in order, as the pacing allows; timeouts count from then.
    /// The list of all accounts; cancels the running subscription first. Above accounts_in_one_list gateways refuse it: then it
    /// is put together from one list for each of `accounts`, and ends when the last of them does. Not while a list is on its
    /// way: the End of either could not be told from that of the other, and the connection would be given up.
    void request_positions(base::Now now, std::vector<std::string> const& accounts = {});
    /// `last_days`: so many days before today too, from server version 200 on.
    std::int64_t request_executions(base::Now now, int last_days = 0);
    std::int64_t request_contract(base::Now now, std::int64_t con_id);
    void request_account_updates(base::Now now, bool subscribe, std::string_view account);
    /// Answered by CurrentTime, if at all.
    void request_current_time(base::Now now);

    [[nodiscard]] bool ready() const { return state_ == State::ready; }
    [[nodiscard]] int server_version() const { return server_version_; }
    /// Counts connections; requests and answers of different numbers never meet.
    [[nodiscard]] std::int64_t connection_number() const { return statistics_.connections; }
    [[nodiscard]] int client_id() const { return client_id_; }
    /// Steady; when the last whole frame came.
    [[nodiscard]] base::Duration last_heard() const { return last_heard_; }
    /// What comes may be old: on_connectivity_lost was told, and its end not yet.
    [[nodiscard]] bool doubtful() const { return broker_lost_since_ || silent_; }
    [[nodiscard]] int requests_per_second() const { return rate_; }
    [[nodiscard]] SessionStatistics const& statistics() const { return statistics_; }

private:
    enum class State { stopped, waiting, connecting, greeting, starting, ready };
    struct Queued {
        std::string bytes;
        std::int64_t request_id = -1;  ///< of Pending; -1: nobody waits for an answer
    };
    struct Pending {
        RequestKind kind = RequestKind::positions;
        base::Duration timeout{0};
        bool part_of_list = false;  ///< the positions of one account of many
        std::optional<base::Duration> deadline = {};  ///< set when the request left
        std::string bytes = {};  ///< what left, should it have to leave again
    };
    static constexpr std::int64_t positions_id = 0;  ///< the list of positions carries no request id

    void connect(base::Now now);
    void disconnected(base::Now now, std::string const& reason, bool close_socket);
    void read(base::Now now, std::string_view payload);
    void greet(base::Now now, std::string_view payload);
    void ask_for_settings(base::Now now);
    void take_error(base::Now now, ErrorMessage const& error);
    void become_ready_if_complete(base::Now now);
    void enqueue(base::Now now, OutgoingMessage const& message, std::int64_t request_id);
    void send_next(base::Now now, std::deque<Queued>& queue);
    void send_queued(base::Now now);
    [[nodiscard]] base::Duration next_send_at() const;
    void send(std::string bytes);
    void request_position_parts(base::Now now, std::vector<std::string> const& accounts);
    void take_position(Position const& position);
    void take_position_part(PositionMulti const& part);
    void complete(RequestKind kind, std::int64_t request_id);
    void lose_position(std::string_view account, std::string const& why);
    void forget_request(std::int64_t request_id);
    void hear(base::Now now);
    void slow_down(base::Now now, std::int64_t request_id);
    void recover_pace(base::Now now);
    void end_request(std::int64_t request_id, RequestOutcome outcome, std::string const& why);
    void end_part(std::int64_t request_id, RequestOutcome outcome, std::string const& why);
    void finish_parts();
    [[nodiscard]] bool manages(std::string_view account) const;
    void tell(base::Now now, bool warning, std::int64_t code, std::string const& event, std::string const& text);
    void choose_client_id(base::Now now);
    base::Duration next_pause();

    SessionOptions options_;
    SessionListener& listener_;
    State state_ = State::stopped;
    FrameReader reader_;
    std::vector<SessionAction> actions_;
    int port_;
    int client_id_;
    int server_version_ = 0;
    std::string_view position_prefix_;
    std::string connection_time_;
    std::string managed_accounts_;
    bool have_accounts_ = false;
    bool have_next_id_ = false;
    bool positions_subscribed_ = false;
    bool positions_damaged_ = false;  ///< a row of the running list could not be read, of whichever account
    bool client_id_refused_ = false;
    int client_ids_tried_ = 0;  ///< beside the own one
    std::optional<base::Duration> client_id_refused_since_;
    std::string last_error_;
    std::map<std::int64_t, std::string> parts_;  ///< subscriptions that one list is put together from, and their accounts
    std::set<std::int64_t> parts_missing_;       ///< whose End has not come
    std::size_t parts_ended_ = 0;                ///< whose End came
    struct Repeated {
        base::Duration told_at{0};
        int times = 0;  ///< since then
    };
    std::map<std::int64_t, Repeated> repeated_errors_;  ///< by code; a storm of one error is told once a minute

    std::optional<base::Duration> deadline_;  ///< of the current state
    base::Duration last_heard_{0};
    std::optional<base::Duration> keep_alive_asked_;  ///< when, if nothing came since
    bool silent_ = false;
    std::optional<base::Duration> broker_lost_since_;
    base::Duration ready_since_{0};
    base::Duration pause_{0};
    int other_port_;  ///< tried in turn while nobody listens on the other one
    std::uint64_t random_;

    std::deque<Queued> queue_;
    std::deque<Queued> contract_queue_;  ///< leaves behind everything else
    int rate_;      ///< requests per second; less than allowed after the gateway complained
    int at_once_;
    std::optional<base::Duration> slowed_at_;
    base::Duration paced_until_{0};  ///< steady; when all that was sent would have left at an even pace
    std::map<std::int64_t, Pending> pending_;
    std::set<std::pair<base::Duration, std::int64_t>> due_;  ///< (deadline, request) of those that left, soonest first
    std::int64_t next_request_id_ = 1000;
    SessionStatistics statistics_;
};

}  // namespace possync::tws

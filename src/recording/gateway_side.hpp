// GatewaySide: the gateway's half of a recording, played to a client on virtual time. It is told what the client does and
// answers what the client would have received: connections open, fail and end as recorded, pushes come at their time, and
// answers when they were recorded, but never before the client asked.
//
// Requests of the client are matched with recorded ones of the same kind in their order, contracts by conId and accounts by
// code; answers get the request id that the client chose. What the recording does not answer stays unanswered. Where another
// program was recorded (Recorder::pass_through) the client may ask for positions more often than that program did: then the
// list is put together from the last one and from what was pushed since, which is what a gateway would do.
//
// Times are since the start of the recording. Pure and deterministic.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "recording/format.hpp"
#include "tws/frame.hpp"

namespace possync::recording {

struct Delivery {
    enum class Kind { opened, failed, bytes, closed };
    Kind kind = Kind::bytes;
    std::string text;  ///< bytes, or why
};

class GatewaySide {
public:
    explicit GatewaySide(Recording const& recording);

    // What the client does.
    void open();
    void bytes(base::Duration now, std::string_view bytes);
    void close(base::Duration now);

    /// Everything that is due by now, in order.
    [[nodiscard]] std::vector<Delivery> take(base::Duration now);
    [[nodiscard]] std::optional<base::Duration> next_due() const;
    /// A list of positions has come that the client did not ask for; it should. Answers once per list.
    [[nodiscard]] bool wants_sync();
    /// When the client should begin.
    [[nodiscard]] base::Duration begin() const { return begin_; }
    /// Of the last event, late connections counted in.
    [[nodiscard]] base::Duration end() const { return end_ + offset_; }
    /// What of the client's requests the recording did not answer, and what of the recording was not used; a line each.
    [[nodiscard]] std::vector<std::string> missing() const;

private:
    struct Request {
        base::Duration time{0};
        int message_id = 0;
        std::string key;  ///< what else must agree: conId, account
        std::int64_t request_id = -1;
        std::optional<std::int64_t> client_id;  ///< the matching request's id, once there is one
        std::vector<std::size_t> held;          ///< items that came before the client asked
        bool ended = false;                     ///< of a list of positions: its End was among the items
        bool called = false;                    ///< the client was told to ask
    };
    struct Item {
        base::Duration time{0};
        std::string bytes;      ///< payload, or raw bytes
        bool loose = false;     ///< raw
        int request = -1;       ///< index of the request it answers
        bool numbered = false;  ///< carries that request's id
        std::string row;        ///< of a position: account and conId
        bool list_end = false;
        bool stray = false;  ///< an error of a request that is not known: not for this client
    };
    struct Attempt {
        base::Duration time{0};
        std::optional<std::string> failed;
        int number = 0;
        int server_version = 0;
        std::vector<Request> requests;
        std::vector<Item> items;
        std::optional<base::Duration> closed_at;
        Side closed_by = Side::client;
    };
    struct Reading;

    void read(Recording const& recording);
    void request(base::Duration now, std::string_view payload);
    void match(Attempt& attempt, std::size_t index, std::int64_t client_id);
    void process(Attempt& attempt, std::size_t index);
    void emit(Attempt const& attempt, Item const& item);
    void emit_list();
    void end_attempt();
    [[nodiscard]] std::optional<base::Duration> closing_time(Attempt const& attempt) const;

    bool pass_through_ = false;
    base::Timestamp started_;
    base::Duration begin_{0};
    base::Duration end_{0};
    std::vector<Attempt> attempts_;
    std::vector<int> passed_over_;  ///< connections beside another

    std::size_t next_attempt_ = 0;
    bool opening_ = false;
    Attempt* current_ = nullptr;
    std::size_t next_item_ = 0;
    base::Duration offset_{0};  ///< the client opened so much later than the recorded one
    std::string greeting_;
    bool shaken_hands_ = false;
    tws::FrameReader frames_;
    std::vector<Delivery> ready_;
    // Positions as the client of the recording knew them.
    std::map<std::string, std::string> rows_;  ///< account and conId -> payload
    std::set<std::string> listed_;             ///< rows of the list under way
    std::string list_end_;                     ///< payload; empty: no list was complete yet
    bool wants_sync_ = false;
    std::map<std::string, int> unanswered_;  ///< by what was asked
    int lists_put_together_ = 0;
    std::vector<std::string> unused_;
};

}  // namespace possync::recording

// The feed notices what is committed, by whomever, and tells it: to the cache, that answers have to be rendered anew, and to the
// stream's subscribers, what changed. It has a thread and a reader of its own and asks the database for a counter a few times a
// second; a commit of this very process makes it look at once.
//
// Everything that is told comes from the database, so it is what was committed, and a subscriber that comes back gets what it
// missed. An event's id is a cursor: the revision of every account. Marks have no revision and no id.
//
// poke() and subscribe() may be called from any thread; what the feed tells, it tells on its own thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/answers.hpp"
#include "http/workers.hpp"

namespace possync::http {

/// One event as it goes over the wire.
using Frame = std::shared_ptr<std::string const>;

/// Revisions by account id: how far a subscriber has come.
using Revisions = std::map<std::int64_t, std::int64_t>;
[[nodiscard]] std::string stream_cursor(Revisions const& revisions);
/// Nothing for what is no cursor, or one of so many accounts that it says nothing.
[[nodiscard]] std::optional<Revisions> parse_stream_cursor(std::string_view text);

struct FeedOptions {
    ReaderFactory open_reader;
    AnswerContext context;
    std::chrono::milliseconds look_interval{200};
    std::function<void()> on_committed;                 ///< the database holds something new
    std::function<void(std::vector<Frame>)> on_frames;  ///< for all who subscribed before
    std::int64_t revisions_behind_max = 10'000;         ///< a subscriber that missed more loads everything anew
};

class Feed {
public:
    explicit Feed(FeedOptions options);
    ~Feed();
    Feed(Feed const&) = delete;
    Feed& operator=(Feed const&) = delete;

    /// Look now. `then` is called when that was done, whatever came of it.
    void poke(std::function<void()> then = nullptr);
    /// `ready` gets what to send first; everything that on_frames is given afterwards follows upon it.
    void subscribe(std::optional<std::string> cursor, std::function<void(std::vector<Frame>)> ready);
    /// Without any, changes are not read.
    void set_subscribers(std::size_t count) { subscribers_ = count; }
    /// When it last looked, for livez; and why it could not, for readyz.
    [[nodiscard]] std::chrono::steady_clock::time_point last_look() const { return last_look_.load(); }
    [[nodiscard]] std::string trouble() const;
    void stop();

private:
    struct Known {
        std::int64_t revision = 0;
        std::optional<std::int64_t> last_event;
    };
    struct Subscription {
        std::optional<std::string> cursor;
        std::function<void(std::vector<Frame>)> ready;
    };

    void work();
    void look();
    [[nodiscard]] base::Result<void> look_at_database();
    [[nodiscard]] base::Result<void> read_changes(std::vector<Frame>& frames);
    [[nodiscard]] base::Result<void> read_marks(std::vector<Frame>& frames);
    [[nodiscard]] base::Result<void> read_status(std::vector<Frame>& frames, bool always);
    [[nodiscard]] base::Result<void> begin_to_follow();
    [[nodiscard]] Revisions known_revisions() const;
    void answer(Subscription& subscription);
    [[nodiscard]] base::Result<std::vector<Frame>> first_frames(std::optional<std::string> const& cursor);
    [[nodiscard]] base::Result<Frame> change(query::AccountRow const& account, std::int64_t after_revision, Known& known,
                                             Revisions const& revisions);

    FeedOptions options_;
    std::unique_ptr<query::Reader> reader_;
    std::optional<std::int64_t> state_;
    bool baseline_ = false;  ///< known_ follows the database
    bool gap_due_ = false;   ///< who subscribed is to load anew
    bool changes_due_ = false;  ///< the database holds something that was not told yet
    std::map<std::int64_t, Known> known_;
    base::Timestamp marks_seen_;
    bool marks_due_ = false;
    std::string status_tag_;
    std::chrono::steady_clock::time_point status_at_;
    std::chrono::steady_clock::time_point marks_at_;

    std::atomic<std::size_t> subscribers_ = 0;
    std::atomic<std::chrono::steady_clock::time_point> last_look_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool poked_ = false;
    bool ending_ = false;
    std::string trouble_;
    std::deque<std::function<void()>> then_;
    std::deque<Subscription> subscriptions_;
    std::thread thread_;
};

}  // namespace possync::http

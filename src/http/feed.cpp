#include "http/feed.hpp"

#include <algorithm>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "http/cursor.hpp"
#include "http/response.hpp"
#include "query/json.hpp"

namespace possync::http {

using base::ErrorCode;
using base::Result;
using Clock = std::chrono::steady_clock;

namespace {

/// A header carries a cursor of so many accounts; of more, none is given that could be resumed from.
constexpr std::size_t cursor_accounts_max = 1500;
constexpr std::size_t events_max = 20'000;
constexpr std::size_t positions_asked_one_by_one = 100;
constexpr std::size_t closes_told_whole = 200;  ///< of one position
/// Ids of an account's rows: account id x 2^32 + n.
constexpr std::int64_t ids_of_account = std::int64_t{1} << 32;

void put_number(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        out += static_cast<char>((value & 0x7f) | 0x80);
    out += static_cast<char>(value);
}

std::optional<std::uint64_t> take_number(std::string_view& in) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63 && !in.empty(); shift += 7) {
        auto const byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

/// What a library throws is the error of one look, not the end of the program.
template <typename Function>
auto contained(Function function) -> decltype(function()) {
    try {
        return function();
    } catch (std::exception const& error) {
        return base::fail(ErrorCode::internal, error.what());
    }
}

/// One line: rows are kept apart by line ends, which a frame may not hold.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

Frame frame(std::string_view event, std::string_view id, std::string const& data) {
    std::string text = fmt::format("event: {}\n", event);
    if (!id.empty()) text += fmt::format("id: {}\n", id);
    return std::make_shared<std::string const>(text + "data: " + one_line(data) + "\n\n");
}

Frame gap_frame(std::string_view reason, Revisions const& reached) {
    return frame("gap", stream_cursor(reached), fmt::format(R"({{"reason": {}}})", quoted(reason)));
}

}  // namespace

std::string stream_cursor(Revisions const& revisions) {
    if (revisions.size() > cursor_accounts_max) return "0.";
    std::string bytes;
    for (auto const& [account, revision] : revisions) {
        put_number(bytes, static_cast<std::uint64_t>(account));
        put_number(bytes, static_cast<std::uint64_t>(revision));
    }
    return "1." + base64_url(bytes);
}

std::optional<Revisions> parse_stream_cursor(std::string_view text) {
    if (!text.starts_with("1.") || text.size() > 16'000) return std::nullopt;
    auto const bytes = from_base64_url(text.substr(2));
    if (!bytes) return std::nullopt;
    Revisions revisions;
    std::string_view rest = *bytes;
    while (!rest.empty()) {
        auto const account = take_number(rest);
        auto const revision = take_number(rest);
        if (!account || !revision || *account > INT32_MAX || *revision > INT64_MAX) return std::nullopt;
        if (!revisions.emplace(static_cast<std::int64_t>(*account), static_cast<std::int64_t>(*revision)).second)
            return std::nullopt;
    }
    return revisions;
}

Feed::Feed(FeedOptions options) : options_(std::move(options)), last_look_(Clock::now()), thread_([this] { work(); }) {}

Feed::~Feed() { stop(); }

void Feed::poke(std::function<void()> then) {
    {
        std::lock_guard const lock(mutex_);
        poked_ = true;
        if (then) then_.push_back(std::move(then));
    }
    wake_.notify_one();
}

void Feed::subscribe(std::optional<std::string> cursor, std::function<void(std::vector<Frame>)> ready) {
    {
        std::lock_guard const lock(mutex_);
        subscriptions_.push_back({std::move(cursor), std::move(ready)});
    }
    wake_.notify_one();
}

std::string Feed::trouble() const {
    std::lock_guard const lock(mutex_);
    return trouble_;
}

void Feed::stop() {
    {
        std::lock_guard const lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Feed::work() {
    // So many looks a second at most, however often it is poked.
    constexpr std::chrono::milliseconds pause{10};
    std::unique_lock lock(mutex_);
    while (!ending_) {
        wake_.wait_for(lock, options_.look_interval, [this] { return ending_ || poked_ || !subscriptions_.empty(); });
        if (ending_) return;
        poked_ = false;
        auto then = std::exchange(then_, {});
        auto subscriptions = std::exchange(subscriptions_, {});
        lock.unlock();
        look();
        for (auto& subscription : subscriptions)
            answer(subscription);
        for (auto& each : then)
            each();
        lock.lock();
        if (then.empty() && subscriptions.empty())
            wake_.wait_for(lock, pause, [this] { return ending_ || !then_.empty() || !subscriptions_.empty(); });
    }
}

void Feed::look() {
    auto const looked = contained([this] { return look_at_database(); });
    if (!looked && needs_new_reader(looked.error())) reader_.reset();
    {
        std::lock_guard const lock(mutex_);
        trouble_ = looked ? std::string() : looked.error().message;
    }
    last_look_ = Clock::now();
}

Result<void> Feed::look_at_database() {
    if (!reader_) {
        POSSYNC_TRY(reader_, options_.open_reader());
        state_.reset();
    }
    POSSYNC_TRY(auto const state, reader_->committed_state());
    bool const changed = state != state_;
    if (changed) {
        state_ = state;
        options_.on_committed();
    }
    if (subscribers_ == 0) {
        baseline_ = gap_due_ = false;
        return {};
    }
    if (!baseline_) {  // somebody listens and nothing is followed: it subscribed while the database could not be read
        POSSYNC_TRY_VOID(begin_to_follow());
        gap_due_ = true;
    }
    // Told at once: a subscriber who has not read a large burst yet would be dropped over the little that follows it.
    std::vector<Frame> told;
    auto const read = [&](auto part) -> Result<void> {
        std::vector<Frame> frames;
        POSSYNC_TRY_VOID(part(frames));
        told.insert(told.end(), frames.begin(), frames.end());
        return {};
    };
    auto const looked = [&]() -> Result<void> {
        // What is due is due until it was read: a look that fails takes nothing from those who follow.
        changes_due_ = changes_due_ || changed;
        if (changes_due_) {
            POSSYNC_TRY_VOID(read([this](auto& frames) { return read_changes(frames); }));
            changes_due_ = false;
            marks_due_ = true;
        }
        if (std::exchange(gap_due_, false)) told.push_back(gap_frame("the database can be read again", known_revisions()));
        if (marks_due_ && Clock::now() - marks_at_ >= std::chrono::milliseconds(500)) {
            marks_at_ = Clock::now();
            POSSYNC_TRY_VOID(read([this](auto& frames) { return read_marks(frames); }));
            marks_due_ = false;
        }
        return read([this](auto& frames) { return read_status(frames, false); });
    }();
    if (!told.empty()) options_.on_frames(std::move(told));
    return looked;
}

Result<void> Feed::begin_to_follow() {
    POSSYNC_TRY(auto const accounts, reader_->accounts());
    known_.clear();
    for (auto const& account : accounts)
        known_[account.account_id].revision = account.revision;
    marks_seen_ = wall_clock() - std::chrono::seconds(10);
    status_tag_.clear();
    baseline_ = true;
    return {};
}

Revisions Feed::known_revisions() const {
    Revisions revisions;
    for (auto const& [account, known] : known_)
        revisions[account] = known.revision;
    return revisions;
}

Result<void> Feed::read_changes(std::vector<Frame>& frames) {
    POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(*reader_));
    POSSYNC_TRY(auto const accounts, reader_->accounts());
    auto known_then = known_;  // what is known only counts once all of it can be told
    Revisions revisions = known_revisions();
    for (auto const& account : accounts) {
        Known& known = known_then[account.account_id];
        if (account.revision == known.revision) continue;
        revisions[account.account_id] = account.revision;
        if (account.revision < known.revision) {  // a standby took over that had not heard of it, or a backup was put in place
            known = {account.revision, std::nullopt};
            frames.push_back(gap_frame("the database is at an earlier state than before", revisions));
            continue;
        }
        auto made = change(account, known.revision, known, revisions);
        if (!made && made.error().code == ErrorCode::out_of_range) {
            known.last_event.reset();
            made = gap_frame("too much was missed", revisions);
        }
        if (!made) return std::unexpected(made.error());
        known.revision = account.revision;
        frames.push_back(std::move(*made));
    }
    known_ = std::move(known_then);
    return {};
}

Result<Frame> Feed::change(query::AccountRow const& account, std::int64_t after_revision, Known& known,
                           Revisions const& revisions) {
    query::Filter of_events;
    of_events.account = account.account;
    of_events.after_revision = after_revision;
    of_events.after_id = known.last_event.value_or(account.account_id * ids_of_account);
    of_events.before_id = (account.account_id + 1) * ids_of_account;
    of_events.limit = events_max + 1;
    POSSYNC_TRY(auto const events, reader_->events(of_events));
    if (events.size() > events_max) return base::fail(ErrorCode::out_of_range, "too much was missed");

    query::Filter of_positions;
    of_positions.account = account.account;
    of_positions.after_revision = after_revision;
    POSSYNC_TRY(auto const positions, reader_->positions(of_positions));

    // Closes carry no revision, and one event may stand for several fills: of a position that was reduced or counted anew all
    // closes are told, and only of one with very many those that can be new.
    std::map<std::int64_t, std::optional<base::Timestamp>> concerned;  ///< positions, and since when; unset: ever
    base::Timestamp recorded_at = account.last_synced_at.value_or(base::Timestamp{});
    if (!events.empty()) recorded_at = events.front().recorded_at.value_or(recorded_at);
    for (auto const& event : events) {
        if (event.recorded_at) recorded_at = std::max(recorded_at, *event.recorded_at);
        known.last_event = std::max(known.last_event.value_or(0), event.event_id);
        if (event.kind == "opened" || event.kind == "increased") continue;
        bool const reduced = event.kind == "reduced" || event.kind == "closed";
        auto const since =
            reduced && event.occurred_at ? std::optional(*event.occurred_at - std::chrono::hours(24)) : std::nullopt;
        auto const [found, first] = concerned.emplace(event.position_id, since);
        if (!first) found->second = found->second && since ? std::optional(std::min(*found->second, *since)) : std::nullopt;
    }
    std::map<std::int64_t, std::vector<query::CloseRow>> by_position;
    query::Filter of_closes;
    of_closes.account = account.account;
    if (concerned.size() > positions_asked_one_by_one) {
        POSSYNC_TRY(auto rows, reader_->closes(of_closes));
        for (auto& row : rows) {
            if (concerned.contains(row.position_id)) by_position[row.position_id].push_back(std::move(row));
        }
    } else {
        for (auto const& [position, unused] : concerned) {
            of_closes.position_id = position;
            POSSYNC_TRY(by_position[position], reader_->closes(of_closes));
        }
    }
    std::vector<query::CloseRow> closes;
    for (auto& [position, rows] : by_position) {
        auto const since = rows.size() > closes_told_whole ? concerned[position] : std::nullopt;
        for (auto& row : rows) {
            if (!since || !row.closed_at || *row.closed_at >= *since) closes.push_back(std::move(row));
        }
    }

    // A position that a change took out of the views leaves events, and no row.
    std::set<std::int64_t> gone;
    for (auto const& event : events)
        gone.insert(event.position_id);
    for (auto const& row : positions)
        gone.erase(row.position_id);
    std::string removed;
    for (auto const id : gone)
        removed += (removed.empty() ? "" : ", ") + std::to_string(id);

    return frame(
        "change", stream_cursor(revisions),
        fmt::format(
            R"({{"account": {}, "revision": {}, "recorded_at": "{}", "positions": {}, "events": {}, "closes": {}, "removed": [{}]}})",
            quoted(account.account), account.revision, base::to_rfc3339(recorded_at), query::to_json(positions),
            query::to_json(events), query::to_json(closes), removed));
}

Result<void> Feed::read_marks(std::vector<Frame>& frames) {
    query::Filter filter;
    filter.status = "OPEN";
    filter.marked_after = marks_seen_;
    POSSYNC_TRY(auto const rows, reader_->positions(filter));
    namespace json = boost::json;
    std::map<std::string, json::array> by_account;
    auto const decimal = [](query::OptionalDecimal const& value) {
        return value ? json::value(json::string(query::text_of(*value))) : json::value(nullptr);
    };
    for (auto const& row : rows) {
        marks_seen_ = std::max(marks_seen_, row.marked_at.value_or(marks_seen_));
        json::object mark;
        mark["position_id"] = row.position_id;
        mark["current_price"] = decimal(row.current_price);
        mark["market_value"] = decimal(row.market_value);
        mark["unrealized_pnl"] = decimal(row.unrealized_pnl);
        mark["unrealized_pnl_pct"] = decimal(row.unrealized_pnl_pct);
        mark["marked_at"] = row.marked_at ? json::value(json::string(base::to_rfc3339(*row.marked_at))) : json::value(nullptr);
        mark["mark_source"] =
            row.mark_source ? json::value(json::string(query::repaired_utf8(*row.mark_source))) : json::value(nullptr);
        by_account[row.account].push_back(std::move(mark));
    }
    for (auto& [account, marks] : by_account) {
        frames.push_back(
            frame("mark", "", fmt::format(R"({{"account": {}, "positions": {}}})", quoted(account), json::serialize(marks))));
    }
    return {};
}

Result<void> Feed::read_status(std::vector<Frame>& frames, bool always) {
    if (!always && Clock::now() - status_at_ < std::chrono::seconds(1)) return {};
    status_at_ = Clock::now();
    POSSYNC_TRY(auto const status, answer_status(*reader_, options_.context, wall_clock()));
    if (!always && status.etag == status_tag_) return {};
    // For one subscriber alone the others' turn still comes.
    if (!always) status_tag_ = status.etag;
    frames.push_back(frame("status", "", *status.body));
    return {};
}

void Feed::answer(Subscription& subscription) {
    std::vector<Frame> frames;
    auto first = contained([&]() -> Result<std::vector<Frame>> {
        if (!reader_) return base::fail(ErrorCode::unavailable, trouble());
        return first_frames(subscription.cursor);
    });
    if (first) {
        frames = std::move(*first);
    } else {
        gap_due_ = true;  // what it can load nothing of now, it is told of again
        frames.push_back(frame(
            "gap", "", fmt::format(R"({{"reason": {}}})", quoted("the database cannot be read now: " + first.error().message))));
    }
    subscription.ready(std::move(frames));
}

Result<std::vector<Frame>> Feed::first_frames(std::optional<std::string> const& cursor) {
    POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(*reader_));
    POSSYNC_TRY(auto const accounts, reader_->accounts());
    if (baseline_) {
        // Somebody may have committed since the look: the others hear of it first, so that all are told the same from here on.
        std::vector<Frame> late;
        POSSYNC_TRY_VOID(read_changes(late));
        if (!late.empty()) options_.on_frames(std::move(late));
    } else {
        POSSYNC_TRY_VOID(begin_to_follow());
    }
    Revisions const told = known_revisions();

    std::vector<Frame> frames;
    auto const gap = [&](std::string_view reason) {
        frames.push_back(gap_frame(reason, told));
    };
    auto const seen = cursor ? parse_stream_cursor(*cursor) : std::nullopt;
    if (cursor && !seen) {
        gap("the event to go on from is not known here");
    } else if (seen) {
        std::int64_t behind = 0;
        bool other = false;
        for (auto const& [account, revision] : *seen)
            other = other || !told.contains(account) || told.at(account) < revision;
        for (auto const& [account, revision] : told) {
            auto const found = seen->find(account);
            behind += revision - (found == seen->end() ? 0 : std::min(found->second, revision));
        }
        if (other) {
            gap("the event to go on from is of another database, or of a later state of it");
        } else if (behind > options_.revisions_behind_max) {
            gap(fmt::format("{} revisions were missed", behind));
        } else {
            Revisions reached = *seen;
            for (auto const& account : accounts) {
                auto const from = reached.contains(account.account_id) ? reached[account.account_id] : 0;
                if (!told.contains(account.account_id) || from >= told.at(account.account_id)) continue;
                reached[account.account_id] = told.at(account.account_id);
                Known aside;
                auto made = change(account, from, aside, reached);
                if (!made && made.error().code == ErrorCode::out_of_range) {
                    frames.clear();
                    gap("too much was missed");
                    break;
                }
                if (!made) return std::unexpected(made.error());
                frames.push_back(std::move(*made));
            }
        }
    } else {
        // No event yet, but a place to come back to.
        frames.push_back(std::make_shared<std::string const>(fmt::format("id: {}\n\n", stream_cursor(told))));
    }
    POSSYNC_TRY_VOID(read_status(frames, true));
    return frames;
}

}  // namespace possync::http

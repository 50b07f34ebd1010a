#include "alert/watcher.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "outbox/bell.hpp"
#include "outbox/dispatcher.hpp"

namespace possync::alert {

using base::Duration;
using base::Result;
using base::Timestamp;
using outbox::Bell;

namespace {

/// Of what happened longer ago nobody is told: an imported statement may speak of years.
constexpr Duration news_age = std::chrono::hours(24 * 3);
/// How far accounts were looked through is written down with the next note, and else so often.
constexpr Duration keep_place_every = std::chrono::minutes(5);
constexpr Duration prune_every = std::chrono::hours(1);
constexpr Duration keep_for = std::chrono::hours(24 * 30);
/// Expiries follow from positions and the date; looked at anew at most so often.
constexpr Duration expiring_every = std::chrono::seconds(10);

store::AlertRow row_of(Key const& key, Alert const& alert) {
    store::AlertRow row;
    row.condition = std::string(to_string(key.condition));
    row.account = key.account;
    row.subject = key.subject;
    row.gateway = alert.gateway;
    row.text = alert.text;
    row.raised_at = alert.raised_at;
    row.cleared_at = alert.cleared_at;
    row.told_at = alert.told_at;
    row.reminders = alert.reminders;
    row.returns = alert.returns;
    return row;
}

Alerts alerts_of(std::vector<store::AlertRow> const& rows) {
    Alerts alerts;
    for (auto const& row : rows) {
        auto const condition = parse_condition(row.condition);
        if (!condition) continue;  // of a newer program
        Alert alert;
        alert.gateway = row.gateway;
        alert.text = row.text;
        alert.raised_at = row.raised_at;
        alert.cleared_at = row.cleared_at;
        alert.told_at = row.told_at;
        alert.reminders = row.reminders;
        alert.returns = row.returns;
        alerts[{*condition, row.account, row.subject}] = std::move(alert);
    }
    return alerts;
}

/// One receiver and its thread.
class Deliverer {
public:
    Deliverer(WatcherOptions const& options, ReceiverOptions receiver, Bell& bell)
        : options_(options), receiver_(std::move(receiver)), bell_(bell) {
        status_.receiver = receiver_.name;
        thread_ = std::thread([this] { run(); });
    }
    void join() { thread_.join(); }
    [[nodiscard]] ReceiverStatus status() const {
        std::lock_guard const lock(mutex_);
        return status_;
    }

private:
    void run() {
        outbox::deliver_until_the_end(
            bell_, std::chrono::minutes(1), [this] { return round(); },
            [this](base::Error const&, int failures) {
                std::uniform_real_distribution<double> between(0, 1);
                return outbox::retry_pause(failures, receiver_.retry_max, between(random_));
            });
    }

    Result<std::size_t> round() {
        auto const sent = send_next();
        std::string told;
        {
            std::lock_guard const lock(mutex_);
            std::string const error = sent ? "" : sent.error().message;
            if (!sent) ++status_.failed;
            if (sent) status_.sent += static_cast<std::int64_t>(*sent);
            if (error != status_.last_error) told = error.empty() ? "notes arrive again" : error + "; it is tried again";
            status_.last_error = error;
        }
        if (!told.empty())
            options_.tell(!sent, sent ? "alert.delivers" : "alert.failing", fmt::format("alert {}: {}", receiver_.name, told));
        return sent;
    }

    /// The next message; the number of notes in it, 0: none wait.
    Result<std::size_t> send_next() {
        if (!log_) {
            POSSYNC_TRY(log_, options_.open_log());
        }
        auto waiting = log_->waiting(receiver_.name);
        if (!waiting) return closed(waiting.error());
        auto const gateways = options_.gateways();
        std::erase_if(*waiting, [&](auto const& note) {
            return std::none_of(gateways.begin(), gateways.end(),
                                [&](auto const& gateway) { return gateway.gateway == note.gateway; });
        });
        // What was taken and could not be written down as sent is written down now, and not sent again.
        std::vector<std::int64_t> taken;
        for (auto const& note : *waiting) {
            if (taken_.contains(note.note_id)) taken.push_back(note.note_id);
        }
        std::erase_if(*waiting, [&](auto const& note) { return taken_.contains(note.note_id); });
        taken_ = {taken.begin(), taken.end()};
        set_waiting(waiting->size());
        if (!taken.empty()) {
            if (auto const done = log_->sent(taken, options_.now()); !done) return closed(done.error());
        }
        if (waiting->empty()) return 0;
        std::size_t const before = waiting->size();
        waiting->resize(notes_together(receiver_, waiting->size()));
        POSSYNC_TRY_VOID(post_.send(make_request(receiver_, *waiting, options_.now()), receiver_.timeout, receiver_.ca_file));
        std::vector<std::int64_t> ids;
        for (auto const& note : *waiting)
            ids.push_back(note.note_id);
        taken_.insert(ids.begin(), ids.end());
        if (auto const done = log_->sent(ids, options_.now()); !done) return closed(done.error());
        set_waiting(before - ids.size());
        return ids.size();
    }

    void set_waiting(std::size_t count) {
        std::lock_guard const lock(mutex_);
        status_.waiting = static_cast<std::int64_t>(count);
    }

    std::unexpected<base::Error> closed(base::Error const& error) {
        log_.reset();
        return std::unexpected(error);
    }

    WatcherOptions const& options_;
    ReceiverOptions const receiver_;
    Bell& bell_;
    outbox::HttpPost post_;
    std::set<std::int64_t> taken_;  ///< notes that the receiver has, as long as the log may not know
    std::unique_ptr<store::AlertLog> log_;
    std::mt19937_64 random_{std::random_device{}()};
    mutable std::mutex mutex_;
    ReceiverStatus status_;
    std::thread thread_;
};

}  // namespace

class Watcher::Implementation {
public:
    explicit Implementation(WatcherOptions options) : options_(std::move(options)), started_at_(options_.now()) {
        for (auto const& receiver : options_.receivers)
            deliverers_.push_back(std::make_unique<Deliverer>(options_, receiver, to_send_));
        thread_ = std::thread([this] { run(); });
    }
    ~Implementation() {
        stop();
        thread_.join();
        for (auto& deliverer : deliverers_)
            deliverer->join();
    }

    void stop() {
        look_.end();
        to_send_.end();
    }

    WatcherStatus status() const {
        WatcherStatus status;
        for (auto const& deliverer : deliverers_)
            status.receivers.push_back(deliverer->status());
        std::lock_guard const lock(mutex_);
        for (auto const condition : all_conditions()) {
            auto const found = raised_.find(condition);
            status.raised.emplace_back(condition, found == raised_.end() ? 0 : found->second);
        }
        return status;
    }

private:
    void run() {
        std::int64_t seen = 0;
        std::string told;
        while (!look_.ending()) {
            auto const done = look();
            std::string const error = done ? "" : done.error().message;
            if (error != told && !error.empty())
                options_.tell(true, "alert.blind", "the database cannot be looked at for alerts: " + error);
            if (error != told && error.empty())
                options_.tell(false, "alert.looks", "the database can be looked at for alerts again");
            told = error;
            if (!done) {
                reader_.reset();
                log_.reset();
            }
            look_.wait(seen, options_.look_every, false);
        }
    }

    /// One look. After an error everything is read anew.
    Result<void> look() {
        auto const now = options_.now();
        Observed observed;
        observed.now = now;
        observed.started_at = started_at_;
        observed.gateways = options_.gateways();
        std::vector<std::string> names;
        for (auto& gateway : observed.gateways) {
            names.push_back(gateway.gateway);
            if (gateway.stale)
                fresh_since_.erase(gateway.gateway);
            else
                gateway.fresh_since = std::min(fresh_since_.try_emplace(gateway.gateway, now).first->second, now);
        }
        if (names != answers_for_) log_.reset();  // what another service raised meanwhile is in the database
        if (!log_) {
            POSSYNC_TRY(auto log, options_.open_log());
            POSSYNC_TRY(auto reader, options_.open_reader());
            POSSYNC_TRY(auto state, log->load(now - return_window));
            alerts_ = alerts_of(state.alerts);
            places_ = state.revisions;
            kept_places_ = std::move(state.revisions);
            unknown_pnl_.clear();
            looked_ = false;
            POSSYNC_TRY_VOID(recall_unknown_pnl(*reader));
            log_ = std::move(log);
            reader_ = std::move(reader);
        }
        POSSYNC_TRY_VOID(read(observed));
        if (look_.ending()) return {};  // what the engines said meanwhile was their end
        auto done = step(options_.settings, alerts_, findings(options_.settings, *options_.zones, observed), names,
                         is_watched(options_.settings.calendar, *options_.zones, now), now);
        POSSYNC_TRY_VOID(record(done, now));
        alerts_ = std::move(done.alerts);
        count(names);
        for (auto const& note : done.notes) {
            options_.tell(is_urgent(note.key.condition) && note.kind != NoteKind::recovered,
                          fmt::format("alert.{}", to_string(note.kind)),
                          fmt::format("{}: {}", to_string(note.key.condition), note.text));
        }
        if (!done.notes.empty() || names != answers_for_) to_send_.ring();  // also what another service left to be told
        answers_for_ = std::move(names);
        if (pruned_at_ > now || now - pruned_at_ >= prune_every) {
            pruned_at_ = now;
            POSSYNC_TRY_VOID(log_->prune(now - keep_for));
        }
        return {};
    }

    Result<void> record(Step const& done, Timestamp now) {
        store::AlertEntry entry;
        for (auto const& key : done.to_keep)
            entry.alerts.push_back(row_of(key, done.alerts.at(key)));
        for (auto const& note : done.notes) {
            for (auto const& receiver : options_.receivers) {
                if (!wants(receiver, note.key)) continue;
                store::AlertNote row;
                row.receiver = receiver.name;
                row.kind = std::string(to_string(note.kind));
                row.condition = std::string(to_string(note.key.condition));
                row.account = note.key.account;
                row.subject = note.key.subject;
                row.gateway = note.gateway;
                row.text = note.text;
                row.created_at = note.at;
                entry.notes.push_back(std::move(row));
            }
        }
        bool new_place = false;
        for (auto const& [account, revision] : places_) {
            auto const kept = kept_places_.find(account);
            if (kept != kept_places_.end() && kept->second == revision) continue;
            entry.revisions[account] = revision;
            new_place |= kept == kept_places_.end();
        }
        bool const due = !entry.revisions.empty() && (places_kept_at_ > now || now - places_kept_at_ >= keep_place_every);
        if (entry.alerts.empty() && entry.notes.empty() && !new_place && !due) return {};
        POSSYNC_TRY_VOID(log_->record(entry));
        kept_places_ = places_;
        places_kept_at_ = now;
        return {};
    }

    void count(std::vector<std::string> const& gateways) {
        std::map<Condition, std::int64_t> raised;
        for (auto const& [key, alert] : alerts_) {
            bool const ours = std::find(gateways.begin(), gateways.end(), alert.gateway) != gateways.end();
            if (ours && !alert.cleared_at) ++raised[key.condition];
        }
        std::lock_guard const lock(mutex_);
        raised_ = std::move(raised);
    }

    // --- reading ---------------------------------------------------------------------------------------------------------

    Result<void> read(Observed& observed) {
        POSSYNC_TRY(auto const state, reader_->committed_state());
        bool const news = !looked_ || state != state_;
        if (news) {
            POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(*reader_));
            POSSYNC_TRY(accounts_, reader_->accounts());
            POSSYNC_TRY_VOID(read_breaks());
            for (auto const& account : accounts_) {
                bool const ours = std::any_of(observed.gateways.begin(), observed.gateways.end(),
                                              [&](auto const& gateway) { return gateway.gateway == account.gateway; });
                if (ours) POSSYNC_TRY_VOID(read_account(account, observed));
            }
            state_ = state;
            looked_ = true;
        }
        if (positions_moved_ && (expiring_at_ > observed.now || observed.now - expiring_at_ >= expiring_every)) {
            POSSYNC_TRY_VOID(read_expiring());
            expiring_at_ = observed.now;
            positions_moved_ = false;
        }
        observed.accounts = accounts_;
        observed.breaks = breaks_;
        for (auto const& [unused, row] : unknown_pnl_)
            observed.unknown_pnl.push_back(row);
        observed.expiring = expiring_;
        return {};
    }

    Result<void> read_breaks() {
        breaks_.clear();
        for (auto const* status : {"open", "settling"}) {
            query::Filter filter;
            filter.status = status;
            POSSYNC_TRY(auto rows, reader_->breaks(filter));
            for (auto& row : rows) {
                if (row.break_class == "alert") breaks_.push_back(std::move(row));
            }
        }
        return {};
    }

    /// What an account's new revisions brought.
    Result<void> read_account(query::AccountRow const& account, Observed& observed) {
        auto const place = places_.find(account.account);
        if (place == places_.end()) {
            // The first accounts of a gateway are no news: somebody set it up.
            bool const gateway_known = std::any_of(accounts_.begin(), accounts_.end(), [&](auto const& other) {
                return other.gateway == account.gateway && kept_places_.contains(other.account);
            });
            if (gateway_known) observed.new_accounts.push_back(account.account);
            places_[account.account] = account.revision;
            positions_moved_ = true;
            return {};
        }
        if (account.revision <= place->second) return {};
        positions_moved_ = true;
        query::Filter filter;
        filter.account = account.account;
        filter.after_revision = place->second;
        POSSYNC_TRY(auto const events, reader_->events(filter));
        POSSYNC_TRY(auto const positions, reader_->positions(filter));
        std::set<std::int64_t> reduced;
        std::set<std::string> fills;
        std::optional<Timestamp> first_fill;
        for (auto const& event : events) {
            auto const at = event.occurred_at.value_or(observed.now);
            if (at < observed.now - news_age) continue;
            bool const moved =
                event.kind == "opened" || event.kind == "increased" || event.kind == "reduced" || event.kind == "closed";
            if (!moved) continue;
            if (event.kind == "reduced" || event.kind == "closed") reduced.insert(event.position_id);
            if (event.cause == "assignment") observed.assignments.push_back(event);
            if (event.exec_id) {
                fills.insert(*event.exec_id);
                first_fill = std::min(first_fill.value_or(at), at);
            }
        }
        for (auto const& position : positions) {
            bool const unknown = position.unknown_closes.value_or(0) > 0;
            if (!unknown)
                unknown_pnl_.erase(position.position_id);
            else if (reduced.contains(position.position_id) || unknown_pnl_.contains(position.position_id))
                unknown_pnl_[position.position_id] = position;
        }
        if (first_fill) POSSYNC_TRY_VOID(read_liquidations(account.account, *first_fill, fills, observed));
        places_[account.account] = account.revision;
        return {};
    }

    Result<void> read_liquidations(std::string const& account, Timestamp since, std::set<std::string> const& fills,
                                   Observed& observed) {
        query::Filter filter;
        filter.account = account;
        filter.since = since;
        POSSYNC_TRY(auto rows, reader_->executions(filter));
        for (auto& row : rows) {
            if (row.liquidation && fills.contains(row.exec_id)) observed.liquidations.push_back(std::move(row));
        }
        return {};
    }

    Result<void> read_expiring() {
        query::Filter open;
        open.status = "OPEN";
        POSSYNC_TRY(auto const positions, reader_->positions(open));
        expiring_.clear();
        for (auto const& position : positions) {
            if (position.sec_type != "OPT" && position.sec_type != "FOP" && position.sec_type != "WAR") continue;
            auto known = expiries_.find(position.con_id);
            if (known == expiries_.end()) {
                query::Filter filter;
                filter.con_id = position.con_id;
                POSSYNC_TRY(auto const instruments, reader_->instruments(filter));
                std::optional<base::Date> expiry;
                if (!instruments.empty() && instruments.front().expiry) {
                    if (auto const date = base::parse_date(*instruments.front().expiry)) expiry = *date;
                }
                known = expiries_.emplace(position.con_id, expiry).first;
            }
            if (known->second) expiring_.push_back({position, *known->second});
        }
        return {};
    }

    /// What was raised before this process began is seen on until a later revision says otherwise.
    Result<void> recall_unknown_pnl(query::Reader& reader) {
        for (auto const& [key, alert] : alerts_) {
            if (key.condition != Condition::unknown_pnl || alert.cleared_at) continue;
            query::Filter filter;
            filter.position_id = std::strtoll(key.subject.c_str(), nullptr, 10);
            POSSYNC_TRY(auto const rows, reader.positions(filter));
            for (auto const& row : rows) {
                if (row.unknown_closes.value_or(0) > 0) unknown_pnl_[row.position_id] = row;
            }
        }
        return {};
    }

    WatcherOptions const options_;
    Timestamp const started_at_;
    Bell look_;
    Bell to_send_;
    std::vector<std::unique_ptr<Deliverer>> deliverers_;

    std::unique_ptr<query::Reader> reader_;
    std::unique_ptr<store::AlertLog> log_;
    Alerts alerts_;
    std::map<std::string, std::int64_t> places_;       ///< revisions looked through
    std::map<std::string, std::int64_t> kept_places_;  ///< of these, what the database knows
    Timestamp places_kept_at_{};
    Timestamp pruned_at_{};
    std::vector<std::string> answers_for_;
    std::map<std::string, Timestamp> fresh_since_;  ///< of gateways that are not stale

    bool looked_ = false;
    std::int64_t state_ = 0;
    std::vector<query::AccountRow> accounts_;
    std::vector<query::BreakRow> breaks_;
    std::map<std::int64_t, query::PositionRow> unknown_pnl_;
    std::vector<ExpiringPosition> expiring_;
    std::map<std::int64_t, std::optional<base::Date>> expiries_;  ///< by con_id
    Timestamp expiring_at_{};
    bool positions_moved_ = true;

    mutable std::mutex mutex_;
    std::map<Condition, std::int64_t> raised_;
    std::thread thread_;
};

Watcher::Watcher(WatcherOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
Watcher::~Watcher() = default;
void Watcher::stop() { implementation_->stop(); }
WatcherStatus Watcher::status() const { return implementation_->status(); }

}  // namespace possync::alert

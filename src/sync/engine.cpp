#include "sync/engine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.hpp"
#include "ledger/value.hpp"
#include "sync/account_state.hpp"
#include "sync/broker_feed.hpp"
#include "sync/execution_pulls.hpp"

namespace possync::sync {

using base::Duration;
using base::ErrorCode;
using base::Now;
using base::Timestamp;
using model::ConId;
using model::Trigger;

namespace {

constexpr Duration second_look_after = std::chrono::seconds(2);
constexpr Duration describe_patience = std::chrono::seconds(5);
/// Contract data comes one by one at the pace of requests; so much of it is committed together.
constexpr Duration describe_together = std::chrono::seconds(5);
constexpr Duration flush_every = std::chrono::seconds(5);
/// With several accounts: time at one of them, at least and at most, and for the whole round.
constexpr Duration rotate_after = std::chrono::seconds(2);
constexpr Duration rotate_at_latest = std::chrono::seconds(30);
constexpr Duration rotation_period = std::chrono::seconds(60);
/// More accounts than this would see too old prices, and cost the gateway too much.
constexpr std::size_t rotation_max = 50;
constexpr Duration renew_every = std::chrono::seconds(10);
constexpr Duration retry_after = std::chrono::seconds(5);
constexpr Duration look_again_after = std::chrono::seconds(20);
/// Up to this many unknown instruments are described before they are first booked; more are described meanwhile.
constexpr std::size_t describe_first_max = 200;
/// The same reason for not being connected is told again after so long.
constexpr Duration same_failure_again_after = std::chrono::minutes(10);
/// Of one commit so many changes get a line each; all are in the events.
constexpr int changes_told = 50;
/// A fill this young may still be missing from the position list that was asked for at the same time.
constexpr Duration first_sight_quiet = std::chrono::seconds(5);

enum class Phase { stopped, connecting, claiming, loading, ready };

std::string_view word(Phase phase) {
    switch (phase) {
        case Phase::stopped: return "stopped";
        case Phase::connecting: return "connecting";
        case Phase::claiming: return "claiming";
        case Phase::loading: return "loading";
        case Phase::ready: return "ready";
    }
    return "stopped";
}

struct Request {
    std::int64_t number = 0;
    std::string account;
    bool dry_run = false;
    std::optional<bool> calculate_realized_pnl;
};

/// One complete sync of the gateway, from asking to answering.
struct Cycle {
    Trigger trigger = Trigger::manual;
    std::vector<Request> requests;
    Timestamp started_at;
    Duration started{0};
    int looks = 0;
    bool collecting = false;
    bool doubtful = false;  ///< the gateway lost its broker meanwhile: what it said may be old
    std::map<std::string, model::CompleteSnapshot> snapshots;
    std::map<std::string, std::string> lost;  ///< accounts without a snapshot, and why
    bool positions_done = false;
    bool executions_done = false;
    bool executions_complete = false;
    std::int64_t execution_request = 0;
    bool described = false;
    std::optional<Duration> describe_until;  ///< steady
    std::optional<Duration> second_look_at;  ///< steady
};

struct PlannedAccount {
    AccountState* account = nullptr;
    ledger::Plan plan;
    Arrivals taken;
    std::vector<model::BrokerRow> rows;  ///< of the list, in a complete sync
    model::SharedChangeSet change_set;   ///< the plan's, once it is being committed
    std::vector<ledger::Difference> differences = {};  ///< in a dry run
    bool settled = false;                ///< nothing was planned, because nothing changed since the last time
};

/// The commit under way, and whom to tell.
struct CommitUnderWay {
    std::int64_t number = 0;
    std::vector<PlannedAccount> planned;
    std::vector<SyncResult> results;
    std::vector<Request> requests;
    Trigger trigger = Trigger::manual;
    Duration started{0};  ///< steady
    bool is_sync = false;  ///< false: only marks, values, runs
};

bool is_paper(std::string const& account) { return !account.empty() && account.front() == 'D'; }

std::string join(std::vector<std::string> const& words) {
    std::string text;
    for (auto const& item : words) text += (text.empty() ? "" : ", ") + item;
    return text;
}

}  // namespace

class Engine::Implementation final : public BrokerListener {
public:
    Implementation(EngineOptions options, base::ZoneRules const& zones)
        : options_(std::move(options)), zones_(zones), feed_(options_, zones, *this), pulls_(zones) {}

    Effects step(Event event, Now now) {
        now_ = now;
        std::visit([this](auto& each) { handle(each); }, event);
        feed_.tick(now_);
        advance();
        take_feed_actions();
        return std::exchange(out_, {});
    }

    std::optional<Duration> next_wakeup() const {
        std::optional<Duration> next = feed_.next_deadline();
        auto consider = [&](std::optional<Duration> candidate) {
            if (candidate && (!next || *candidate < *next)) next = candidate;
        };
        if (phase_ == Phase::stopped) return next;
        // Only what advance() would act upon: a deadline that passes without an act would be due for ever.
        if (phase_ == Phase::ready) {
            if (cycle_ && !under_way_) consider(cycle_->describe_until);
            if (cycle_) consider(cycle_->second_look_at);
            consider(next_account_updates_at_);
            if (!under_way_) consider(flush_at_);
            if (!cycle_ && !under_way_) {
                if (!stale_since_ && !stopping_) consider(next_sync_at_);
                for (auto const& [unused, account] : accounts_) {
                    if (account.book.revision == 0) continue;
                    if (account.first_arrival) consider(*account.first_arrival + options_.settle_max);
                    consider(account.descriptions_due);
                }
            }
            consider(renew_at_);
            if (options_.enabled) consider(pulls_.last_chance_at());
        }
        return next;
    }

    GatewayStatus status() const {
        GatewayStatus status;
        status.gateway = options_.gateway;
        status.host = options_.host;
        status.port = options_.port;
        status.connected = phase_ == Phase::ready || phase_ == Phase::loading || phase_ == Phase::claiming;
        status.stale = stale_since_ || phase_ != Phase::ready;
        status.stale_since = stale_since_;
        status.server_version = feed_.server_version();
        status.state = std::string(word(phase_));
        status.last_error = last_connection_error_;
        for (auto const& [name, account] : accounts_) {
            AccountStatus row;
            row.account = name;
            row.last_synced_at = account.last_synced_at;
            row.revision = account.book.revision;
            for (auto const& [unused, open] : account.book.breaks) row.open_breaks += open.state == model::BreakState::open;
            status.accounts.push_back(std::move(row));
        }
        status.statistics = statistics_;
        return status;
    }

    Statistics const& statistics() const { return statistics_; }

    model::AccountBook const* book(std::string_view name) const {
        auto const found = accounts_.find(name);
        return found == accounts_.end() || !found->second.loaded ? nullptr : &found->second.book;
    }

private:
    // --- events from outside ----------------------------------------------------------------------------------

    void handle(Start const&) {
        if (phase_ != Phase::stopped) return;
        phase_ = Phase::connecting;
        feed_.start(now_);
    }

    void handle(Stop const&) {
        stopping_ = true;
        fail_waiting(ErrorCode::unavailable, "the service is stopping");
        if (cycle_) fail_cycle(ErrorCode::unavailable, "the service is stopping");
        if (phase_ == Phase::ready && !under_way_) flush();
    }

    void handle(SocketOpened const&) { feed_.socket_opened(now_); }
    void handle(SocketFailed const& event) { feed_.socket_failed(now_, event.reason); }
    void handle(SocketClosed const& event) { feed_.socket_closed(now_, event.reason); }
    void handle(BytesReceived const& event) { feed_.bytes(now_, event.bytes); }
    void handle(Tick const&) {}

    void handle(Claimed const& event) {
        for (auto const& warning : event.warnings) log(LogLevel::warning, "gateway.account_ignored", "", warning);
        if (phase_ != Phase::claiming) return;  // a renewal
        CHECK(!under_way_);  // it was answered before; its accounts are about to move
        std::map<std::string, AccountState, std::less<>> accounts;
        for (auto const& claimed : event.accounts) {
            auto const kept = accounts_.find(claimed.account);
            AccountState& state = accounts[claimed.account];
            if (kept != accounts_.end()) state = std::move(kept->second);
            state.account = claimed.account;
            state.loaded = false;
            state.ready.reset();  // what the last connection said of it
            state.policy = policy_of(claimed.account);
            emit(LoadBook{claimed.account_id});
        }
        for (auto const& [name, unused] : accounts_) {
            if (accounts.contains(name)) continue;
            log(LogLevel::warning, "gateway.account_left", name, "the login no longer manages this account; its book stays as it was last seen");
        }
        accounts_ = std::move(accounts);
        forget_executions();
        if (accounts_.empty()) {
            connection_failed(ErrorCode::refused, "none of the gateway's accounts is this database's to write");
            return;
        }
        phase_ = Phase::loading;
        renew_at_ = now_.steady + renew_every;
    }

    void handle(ClaimFailed const& event) {
        if (phase_ == Phase::claiming) {
            connection_failed(event.error.code, event.error.message);
            return;
        }
        // The lease is gone: what is planned here may no longer be written.
        log(LogLevel::error, "gateway.lease_lost", "", event.error.message);
        if (cycle_) fail_cycle(event.error.code, event.error.message);
        feed_.drop_connection(now_, event.error.message);
    }

    void handle(BookLoaded& event) {
        auto const found = accounts_.find(event.book.account);
        if (found == accounts_.end()) return;
        found->second.loaded_book(std::move(event.book));
        found->second.covered_to = event.last.covered_to;
        for (auto const& known : event.last.marks) {
            if (known.broker_avg_cost) found->second.average_costs.try_emplace(known.con_id, *known.broker_avg_cost);
            if (!known.current_price || !known.marked_at) continue;
            model::Mark mark;
            mark.price = *known.current_price;
            mark.marked_at = *known.marked_at;
            mark.market_value = known.market_value;
            mark.broker_unrealized_pnl = known.broker_unrealized_pnl;
            found->second.marks.try_emplace(known.con_id, std::move(mark));
        }
        model::AccountBook const& book = found->second.book;
        for (auto const& [unused, instrument] : book.instruments) {
            for (auto const& execution : instrument.executions) {
                owner_of_execution_[execution.exec_id] = {book.account, execution.con_id};
            }
            if (instrument.instrument.details_known) descriptions_[instrument.instrument.con_id] = instrument.instrument;
        }
        if (phase_ != Phase::loading) return;
        for (auto const& [unused, account] : accounts_) {
            if (!account.loaded) return;
        }
        phase_ = Phase::ready;
        become_ready();
    }

    void handle(LoadFailed const& event) {
        connection_failed(event.error.code, "the book cannot be loaded: " + event.error.message);
    }

    void handle(Committed const& event) {
        if (!under_way_ || under_way_->number != event.commit_number) return;
        CommitUnderWay done = std::move(*under_way_);
        under_way_.reset();
        for (auto& planned : done.planned) settle_commit(planned);
        if (done.is_sync) finish_results(std::move(done.results), done.requests, done.trigger, done.started);
    }

    void handle(CommitFailed const& event) {
        if (!under_way_ || under_way_->number != event.commit_number) return;
        CommitUnderWay failed = std::move(*under_way_);
        under_way_.reset();
        for (auto& planned : failed.planned) put_back(planned);
        if (event.error.code == ErrorCode::conflict && !options_.one_shot && phase_ == Phase::ready) {
            log(LogLevel::warning, "sync.conflict", "", event.error.message);
            for (auto const& request : failed.requests) next_requests_.push_back(request);
            reload_books();
            next_sync_at_ = now_.steady + std::chrono::seconds(1);
            return;
        }
        if (!failed.is_sync) {
            log(LogLevel::error, "store.failed", "", event.error.message);
            flush_at_ = now_.steady + retry_after;
            return;
        }
        for (auto& result : failed.results) {
            result.success = false;
            result.changed = false;
            result.positions_created = result.positions_updated = result.positions_closed = 0;
            result.error = event.error.message;
            result.error_code = event.error.code;
        }
        finish_results(std::move(failed.results), failed.requests, failed.trigger, failed.started);
        if (!options_.one_shot) next_sync_at_ = now_.steady + retry_after;
    }

    void handle(SyncRequested const& event) {
        Request const request{event.request_number, event.account, event.dry_run, event.calculate_realized_pnl};
        if (phase_ == Phase::ready) {
            ask(Trigger::manual, request);
        } else if (phase_ == Phase::stopped || (phase_ == Phase::connecting && !options_.one_shot)) {
            fail_requests({request}, ErrorCode::unavailable, not_connected());
        } else {
            next_requests_.push_back(request);
        }
    }

    void handle(ResetStatistics const&) { statistics_ = {}; }
    void handle(BooksChanged const&) {
        if (phase_ == Phase::ready) reload_books();
    }

    // --- the connection ---------------------------------------------------------------------------------------

    std::string not_connected() const {
        return fmt::format("gateway {} ({}:{}) is not connected{}{}; nothing was written", options_.gateway, options_.host,
                           options_.port, last_connection_error_.empty() ? "" : ": ", last_connection_error_);
    }

    std::string stale_text() const {
        return fmt::format("what gateway {} says may be old{}; nothing was written", options_.gateway,
                           stale_since_ ? " since " + base::to_rfc3339(*stale_since_) : std::string());
    }

    /// Steady to wall time.
    Timestamp wall_at(Duration steady) const { return now_.wall - (now_.steady - steady); }

    void on_ready(std::vector<std::string> const& managed) override {
        if (!feed_.doubtful()) stale_since_.reset();
        last_connection_error_.clear();
        failure_told_.clear();
        pulls_.connected(feed_.gateway_zone(), now_);
        ask_days_back_ = true;
        log(LogLevel::info, "gateway.connected", "",
            fmt::format("{} at {}:{}, server version {}, accounts {}", options_.gateway, options_.host, options_.port,
                        feed_.server_version(), join(managed)));
        std::vector<std::string> wanted;
        for (auto const& account : managed) {
            bool const chosen = options_.accounts.empty() ||
                                std::find(options_.accounts.begin(), options_.accounts.end(), account) != options_.accounts.end();
            if (chosen) wanted.push_back(account);
        }
        for (auto const& account : options_.accounts) {
            if (std::find(managed.begin(), managed.end(), account) == managed.end()) {
                log(LogLevel::warning, "gateway.account_unknown", account,
                    "configured, but not managed by this login; its accounts are " + join(managed));
            }
        }
        if (wanted.empty()) {
            refuse("none of the configured accounts is managed by this login; its accounts are " + join(managed));
            return;
        }
        bool const paper = std::all_of(wanted.begin(), wanted.end(), is_paper);
        if (options_.expect != Expect::any && paper != (options_.expect == Expect::paper)) {
            refuse(fmt::format("gateway {} was configured as {} and serves {} accounts ({}); nothing was written. Check host and "
                               "port, or set expect",
                               options_.gateway, options_.expect == Expect::paper ? "paper" : "live", paper ? "paper" : "live",
                               join(wanted)));
            return;
        }
        phase_ = Phase::claiming;
        claimed_accounts_ = wanted;
        paper_ = paper;
        emit(Claim{wanted, paper, false});
    }

    void refuse(std::string const& why) {
        refused_ = true;
        connection_failed(ErrorCode::refused, why);
    }

    /// The connection cannot be used; in a one-shot run that is the end.
    void connection_failed(ErrorCode code, std::string const& why) {
        log(LogLevel::error, "gateway.unusable", "", why);
        if (cycle_) fail_cycle(code, why);
        fail_waiting(code, why);
        if (refused_ || options_.one_shot) {
            feed_.stop(now_);
            phase_ = Phase::stopped;
        } else {
            feed_.drop_connection(now_, why);
        }
        last_connection_error_ = why;
    }

    void on_disconnected(std::string const& reason, bool will_retry) override {
        bool const was_connected = phase_ == Phase::ready || phase_ == Phase::loading || phase_ == Phase::claiming;
        last_connection_error_ = reason;
        if (was_connected && !stale_since_) stale_since_ = wall_at(feed_.last_heard());
        assembler_.discard();
        pull_request_ = 0;
        pulls_.disconnected();
        orphan_commissions_.clear();
        rotation_.clear();
        next_account_updates_at_.reset();
        asked_descriptions_.clear();
        if (phase_ != Phase::stopped) phase_ = Phase::connecting;
        for (auto& [unused, account] : accounts_) {
            account.arrivals.pushes.clear();  // positions of a dead connection are unknown, its fills stay facts
        }
        if (was_connected) {
            log(LogLevel::warning, "gateway.disconnected", "", reason);
        } else if (reason != failure_told_ || now_.steady - failure_told_at_ >= same_failure_again_after) {
            failure_told_ = reason;  // a weekend of them is no weekend of lines
            failure_told_at_ = now_.steady;
            log(will_retry ? LogLevel::info : LogLevel::error, "gateway.connect_failed", "",
                fmt::format("{}:{}: {}", options_.host, options_.port, reason));
        }
        if (cycle_) fail_cycle(ErrorCode::unavailable, "the connection was lost during the sync: " + reason);
        if (!will_retry || options_.one_shot) {
            fail_waiting(ErrorCode::unavailable, not_connected());
            if (!will_retry) phase_ = Phase::stopped;
        }
        was_ready_before_ = was_ready_before_ || was_connected;
    }

    /// From here on nothing proves how things are: no list is taken, no price, no window of executions, and nothing counts as
    /// synced. What is pushed is news all the same.
    void on_stale(Duration since, std::string const& text) override {
        pulls_.doubt();
        if (cycle_) cycle_->doubtful = true;
        if (stale_since_ && phase_ == Phase::ready) return;
        stale_since_ = wall_at(since);
        log(LogLevel::warning, "gateway.stale", "", text);
    }

    void on_restored(bool data_lost, std::string const& text) override {
        stale_since_.reset();
        log(LogLevel::info, "gateway.restored", "", text);
        if (phase_ != Phase::ready) return;
        if (data_lost) subscribe_accounts();
        ask_by_itself();
    }

    /// After something that makes a fresh look worth it.
    void ask_by_itself() {
        if (options_.enabled && !options_.one_shot) ask(Trigger::reconnect, std::nullopt);
    }

    void on_daily_restart(Duration time_of_day) override { pulls_.restarts_daily_at(time_of_day, now_); }

    void on_account_download_end(std::string_view) override {
        if (rotation_.empty()) return;
        next_account_updates_at_ = now_.steady + std::max(rotate_after, rotation_period / static_cast<std::int64_t>(rotation_.size()));
    }

    void on_account_updates_refused(std::string const& why) override {
        log(LogLevel::warning, "gateway.account_updates", "",
            why + "; prices and account values stay as they are. Allow API requests to switch the subscription in the gateway's settings, or "
                  "stop the other program");
        rotation_.clear();
        next_account_updates_at_.reset();
        for (auto& [unused, account] : accounts_) account.ready.reset();  // its end would not be heard of
    }

    void on_notice(LogLevel level, std::string const& event, std::string const& text) override { log(level, event, "", text); }

    void become_ready() {
        subscribe_accounts();
        if (options_.one_shot) {
            ask(Trigger::manual, std::nullopt);
            return;
        }
        next_sync_at_.reset();
        if (options_.enabled || !next_requests_.empty()) {
            ask(was_ready_before_ ? Trigger::reconnect : Trigger::startup, std::nullopt);
        }
    }

    /// Account updates serve one account per login at a time. With several accounts they go round: each is subscribed to
    /// until all its values have come, then the next.
    void subscribe_accounts() {
        rotation_.clear();
        next_account_updates_at_.reset();
        if (!options_.marks || options_.one_shot || accounts_.size() > rotation_max) return;
        for (auto const& [name, unused] : accounts_) rotation_.push_back(name);
        subscribe_next_account();
    }

    void subscribe_next_account() {
        next_account_updates_at_.reset();
        if (rotation_.empty()) return;
        feed_.request_account_updates(now_, rotation_.front());
        if (rotation_.size() == 1) return rotation_.clear();  // it stays subscribed to
        std::rotate(rotation_.begin(), rotation_.begin() + 1, rotation_.end());
        next_account_updates_at_ = now_.steady + rotate_at_latest;  // should its End not come
    }

    // --- a complete sync --------------------------------------------------------------------------------------

    void ask(Trigger trigger, std::optional<Request> const& request) {
        if (request) next_requests_.push_back(*request);
        if (cycle_ || under_way_) {
            if (!next_trigger_) next_trigger_ = trigger;
            return;
        }
        begin_cycle(trigger);
    }

    void begin_cycle(Trigger trigger) {
        if (stale_since_) {
            fail_waiting(ErrorCode::unavailable, stale_text());
            return;  // the next one begins when it is over
        }
        cycle_.emplace();
        cycle_->trigger = trigger;
        cycle_->requests = std::exchange(next_requests_, {});
        cycle_->started_at = now_.wall;
        cycle_->started = now_.steady;
        if (options_.enabled && !options_.one_shot) next_sync_at_ = now_.steady + options_.interval;
        for (auto it = cycle_->requests.begin(); it != cycle_->requests.end();) {
            if (it->account.empty() || accounts_.contains(it->account)) {
                ++it;
                continue;
            }
            std::vector<std::string> names;
            for (auto const& [name, unused] : accounts_) names.push_back(name);
            fail_requests({*it}, ErrorCode::not_found,
                          fmt::format("there is no account {}; the accounts are {}", it->account, join(names)));
            it = cycle_->requests.erase(it);
        }
        bool const nobody_left = cycle_->requests.empty() && trigger == Trigger::manual && answered_any_;
        if (nobody_left) {
            cycle_.reset();
            return;
        }
        begin_look();
    }

    void begin_look() {
        Cycle& cycle = *cycle_;
        ++cycle.looks;
        cycle.collecting = true;
        cycle.snapshots.clear();
        cycle.lost.clear();
        cycle.positions_done = cycle.executions_done = cycle.executions_complete = cycle.doubtful = false;
        cycle.second_look_at.reset();
        assembler_.begin(feed_.connection_number(), ++position_request_);
        std::vector<std::string> names;
        for (auto const& [name, unused] : accounts_) names.push_back(name);
        feed_.request_positions(now_, names);
        int days = 0;
        if (std::exchange(ask_days_back_, false) && feed_.serves_days_of_executions()) {
            for (auto const& [unused, account] : accounts_) days = std::max(days, pulls_.days_to_ask(account.covered_to, now_.wall));
        }
        cycle.execution_request = pull_executions(days);
    }

    std::int64_t pull_executions(int days) {
        auto const request = feed_.request_executions(now_, days);
        pulls_.asked(request, days, now_);
        return request;
    }

    void on_position(std::string_view account, model::BrokerRow row) override {
        if (assembler_.building()) {
            assembler_.add(account, std::move(row));
            return;
        }
        auto const found = accounts_.find(account);
        if (found == accounts_.end()) return;
        note_cost(found->second, *row);
        found->second.arrivals.pushes.insert_or_assign(row->instrument.con_id, std::move(row));
        if (options_.enabled && options_.on_position_update) arrived(found->second);
    }

    /// The broker's average cost is kept beside the book; a change of it alone is written without a revision.
    static void note_cost(AccountState& account, model::BrokerPosition const& row) {
        if (!row.average_cost || row.quantity.is_zero()) return;
        ConId const con_id = row.instrument.con_id;
        auto [known, added] = account.average_costs.try_emplace(con_id, *row.average_cost);
        if (added || known->second == *row.average_cost) return;
        known->second = *row.average_cost;
        account.unsaved_marks.insert(con_id);
    }

    /// Calls `f` with each row of `rows` that is not the very same in `before`.
    template <typename F>
    static void for_each_new(std::vector<model::BrokerRow> const& rows, std::vector<model::BrokerRow> const& before, F f) {
        auto old = before.begin();
        for (auto const& row : rows) {
            if (old != before.end() && *old == row) {
                ++old;
                continue;
            }
            ConId const con_id = row->instrument.con_id;
            while (old != before.end() && (*old)->instrument.con_id < con_id) ++old;
            if (old != before.end() && *old == row) continue;
            f(*row);
        }
    }

    void on_position_end() override {
        if (!cycle_ || !cycle_->collecting) return;
        std::vector<std::string> names;
        for (auto const& [name, unused] : accounts_) names.push_back(name);
        auto snapshots = assembler_.complete(feed_.connection_number(), names);
        if (!snapshots) return;
        cycle_->snapshots = std::move(*snapshots);
        cycle_->positions_done = true;
        for (auto& [name, account] : accounts_) {
            auto const snapshot = cycle_->snapshots.find(name);
            if (snapshot == cycle_->snapshots.end()) continue;
            account.arrivals.pushes.clear();  // older than the list
            auto const& rows = snapshot->second.rows();
            for_each_new(rows, account.listed, [&](model::BrokerPosition const& row) { note_cost(account, row); });
            if (account.listed != rows) account.listed = rows;
        }
    }

    void on_position_lost(std::string_view account, std::string const& why) override {
        if (cycle_ && assembler_.building() && !account.empty()) {
            assembler_.spoil(account);
            if (!cycle_->lost.try_emplace(std::string(account), why).second) return;
        }
        log(LogLevel::warning, "positions.lost", std::string(account), why + (account.empty() ? "" : "; what this account holds is not known"));
        if (phase_ == Phase::ready && !cycle_) look_again_soon();
    }

    void on_positions_failed(std::string const& why) override {
        assembler_.discard();
        if (cycle_) fail_cycle(ErrorCode::timeout, "the broker's list of positions did not come: " + why);
    }

    void on_execution(std::string_view account, model::ObservedExecution execution) override {
        auto const found = accounts_.find(account);
        bool const ours = found != accounts_.end();
        if (!pulls_.take(execution.execution.time, ours ? found->second.covered_to : std::nullopt) || !ours) return;
        auto const& exec_id = execution.execution.exec_id;
        ExecutionOwner const owner{found->first, execution.execution.con_id};
        bool const is_new = owner_of_execution_.emplace(exec_id, owner).second;
        if (auto const orphan = orphan_commissions_.find(exec_id); orphan != orphan_commissions_.end()) {
            orphan->second.con_id = owner.con_id;
            found->second.arrivals.commissions.push_back(std::move(orphan->second));
            orphan_commissions_.erase(orphan);
        }
        if (!is_new) return;
        found->second.arrivals.executions.push_back(std::move(execution));
        if (options_.enabled && options_.on_trade) arrived(found->second);
    }

    void on_commission(model::CommissionReport report) override {
        auto const owner = owner_of_execution_.find(report.exec_id);
        if (owner == owner_of_execution_.end()) {
            orphan_commissions_[report.exec_id] = std::move(report);
            return;
        }
        report.con_id = owner->second.con_id;
        auto const found = accounts_.find(owner->second.account);
        if (found == accounts_.end() || !tells_something_new(found->second, report)) return;
        found->second.arrivals.commissions.push_back(std::move(report));
        if (options_.enabled && options_.on_trade) arrived(found->second);
    }

    /// Pulls repeat every report of the day; those the book has are dropped here.
    static bool tells_something_new(AccountState const& account, model::CommissionReport const& report) {
        auto const instrument = account.book.instruments.find(report.con_id);
        if (instrument == account.book.instruments.end()) return true;
        for (auto const& execution : instrument->second.executions) {
            if (execution.exec_id != report.exec_id) continue;
            return execution.commission != report.commission || execution.commission_currency != report.currency ||
                   execution.broker_realized_pnl != report.realized_pnl;
        }
        return true;
    }

    void on_executions_end(std::int64_t request, bool complete, std::string const& problem) override {
        auto const ended = pulls_.ended(request, complete, now_);
        bool const of_cycle = cycle_ && request == cycle_->execution_request;
        if (!complete && ended.days > 0 && of_cycle) {
            log(LogLevel::info, "executions.no_history", "", fmt::format("the gateway does not answer for {} days back: {}; asking for today", ended.days, problem));
            cycle_->execution_request = pull_executions(0);
            return;
        }
        if (!ended.sure) {
            log(LogLevel::warning, "executions.incomplete", "",
                "today's fills could not be read completely: " + (complete ? stale_text() : problem) + "; positions are committed all the same");
        } else if (ended.proved) {
            cover(*ended.proved);
        }
        if (request == pull_request_) pull_request_ = 0;
        if (of_cycle) {
            cycle_->executions_done = true;
            cycle_->executions_complete = ended.sure;
        }
    }

    void on_contract(model::Instrument instrument) override {
        descriptions_[instrument.con_id] = instrument;
        asked_descriptions_.erase(instrument.con_id);
        for (auto& [unused, account] : accounts_) {
            auto const found = account.book.instruments.find(instrument.con_id);
            if (found == account.book.instruments.end() || found->second.instrument == instrument) continue;
            account.arrivals.instruments.push_back(instrument);
            if (!account.descriptions_due) account.descriptions_due = now_.steady + describe_together;
        }
    }

    void on_contract_failed(ConId con_id, std::string const& why) override {
        asked_descriptions_.erase(con_id);
        log(LogLevel::info, "instrument.unresolved", "", fmt::format("conId {}: {}", con_id, why));
    }

    void on_mark(std::string_view account, ConId con_id, model::Mark mark, std::optional<base::Decimal> average_cost) override {
        auto const found = accounts_.find(account);
        // What may be old is no price of now.
        if (found == accounts_.end() || stale_since_ || found->second.ready == false) return;
        found->second.marks.insert_or_assign(con_id, std::move(mark));
        if (average_cost) found->second.average_costs.insert_or_assign(con_id, *average_cost);
        found->second.unsaved_marks.insert(con_id);
        want_flush();
    }

    void on_account_value(std::string_view account, std::string_view key, std::string_view currency,
                          std::string_view value) override {
        auto const found = accounts_.find(account);
        if (found == accounts_.end()) return;
        AccountState& state = found->second;
        if (key == "AccountReady") {
            bool const was_resetting = state.ready == false;
            state.ready = value == "true";
            if (was_resetting && *state.ready && phase_ == Phase::ready) ask_by_itself();
        }
        if (stale_since_) return;
        if (key == "NetLiquidation" && !currency.empty() && currency != "BASE") state.base_currency = std::string(currency);
        state.unsaved_values[{std::string(key), std::string(currency)}] = {
            state.book.account_id, std::string(key), std::string(currency), std::string(value), now_.wall};
        want_flush();
    }

    // --- time -------------------------------------------------------------------------------------------------

    static bool due(std::optional<Duration> const& deadline, Duration now) { return deadline && *deadline <= now; }

    void advance() {
        if (phase_ != Phase::ready) {
            finish_if_done();
            return;
        }
        if (cycle_) {
            if (due(cycle_->second_look_at, now_.steady)) begin_look();
            if (cycle_->collecting && cycle_->positions_done && cycle_->executions_done && !under_way_) {
                if (describe()) conclude();
            }
        }
        if (!cycle_ && !under_way_ && (next_trigger_ || !next_requests_.empty())) {
            begin_cycle(std::exchange(next_trigger_, std::nullopt).value_or(Trigger::manual));
        }
        if (due(next_account_updates_at_, now_.steady)) subscribe_next_account();
        if (!cycle_ && !under_way_ && due(next_sync_at_, now_.steady) && !stopping_ && !stale_since_) {
            next_sync_at_.reset();
            begin_cycle(Trigger::scheduled);
        }
        if (!cycle_ && !under_way_) plan_arrivals();
        if (!under_way_ && due(flush_at_, now_.steady)) flush();
        if (options_.enabled && due(pulls_.last_chance_at(), now_.steady)) {
            pulls_.last_chance_passed(now_);
            if (pull_request_ == 0) pull_request_ = pull_executions(0);
        }
        if (due(renew_at_, now_.steady)) {
            renew_at_ = now_.steady + renew_every;
            emit(Claim{claimed_accounts_, paper_, true});
        }
        finish_if_done();
    }

    /// Asks for contract data of what is new. True when the cycle need not wait for it.
    bool describe() {
        Cycle& cycle = *cycle_;
        if (cycle.described) return true;
        if (!cycle.describe_until) {
            std::set<ConId> unknown;
            for (auto const& [name, account] : accounts_) {
                if (auto const snapshot = cycle.snapshots.find(name); snapshot != cycle.snapshots.end()) {
                    for_each_new(snapshot->second.rows(), account.considered, [&](model::BrokerPosition const& row) {
                        ConId const con_id = row.instrument.con_id;
                        if (!row.quantity.is_zero() && !descriptions_.contains(con_id)) unknown.insert(con_id);
                    });
                }
                for (auto const& fill : account.arrivals.executions) {
                    ConId const con_id = fill.execution.con_id;
                    if (!descriptions_.contains(con_id)) unknown.insert(con_id);
                }
            }
            bool const wait = unknown.size() <= describe_first_max;
            if (wait || !options_.one_shot) {
                for (ConId const con_id : unknown) {
                    if (asked_descriptions_.insert(con_id).second) feed_.request_contract(now_, con_id);
                }
            }
            if (!wait || unknown.empty()) {
                cycle.described = true;
                return true;
            }
            cycle.describe_until = now_.steady + describe_patience;
        }
        if (!asked_descriptions_.empty() && now_.steady < *cycle.describe_until) return false;
        cycle.described = true;
        cycle.describe_until.reset();
        return true;
    }

    ledger::Policy policy_of(std::string const& account) const {
        ledger::Policy policy = options_.policy;
        policy.fold.zones = &zones_;
        if (auto const own = options_.account_options.find(account); own != options_.account_options.end()) {
            if (own->second.cost_basis) policy.fold.method = *own->second.cost_basis;
            if (own->second.on_missing) policy.on_missing = *own->second.on_missing;
        }
        return policy;
    }

    void conclude() {
        Cycle& cycle = *cycle_;
        cycle.collecting = false;
        if (stale_since_) return fail_cycle(ErrorCode::unavailable, stale_text());
        if (cycle.doubtful) {  // it is over; what was said meanwhile does not count
            --cycle.looks;
            return begin_look();
        }
        std::vector<PlannedAccount> planned;
        std::vector<SyncResult> results;
        bool again = false;
        for (auto& [name, account] : accounts_) {
            auto const taken = cycle.snapshots.find(name);
            if (taken == cycle.snapshots.end()) {
                results.push_back(result_of(account, 0));
                results.back().error = fmt::format("the broker's list of positions is not whole: {}", cycle.lost[name]);
                results.back().error_code = ErrorCode::unavailable;
                continue;
            }
            model::CompleteSnapshot& snapshot = taken->second;
            if (account.ready == false) {
                // The broker's server is being reset: lists can lack what is held. Unknown, not empty.
                results.push_back(result_of(account, snapshot.held()));
                results.back().error = fmt::format("the broker is resetting account {} (AccountReady is false); the book stays as it is", name);
                results.back().error_code = ErrorCode::unavailable;
                continue;
            }
            if (is_settled(account, snapshot)) {
                planned.push_back({&account, nothing_to_do(account), {}, {}, {}, {}, true});
                results.push_back(result_of(account, snapshot.held()));
                results.back().success = true;
                describe_plan(account, planned.back().plan, results.back());
                continue;
            }
            model::Observation observation = account.observe(now_.wall);
            observation.snapshot = std::move(snapshot);
            observation.executions_complete = cycle.executions_complete;
            add_descriptions(account, observation);
            ledger::Policy policy = account.policy;
            for (auto const& request : cycle.requests) {
                if (request.calculate_realized_pnl) policy.fold.calculate_realized_pnl = *request.calculate_realized_pnl;
            }
            auto plan = ledger::plan(account.book, observation, policy);
            SyncResult result = result_of(account, observation.snapshot->held());
            if (!plan) {
                result.error = plan.error().message;
                result.error_code = plan.error().code;
            } else {
                result.success = true;
                again = again || needs_second_look(account, observation, *plan);
                describe_plan(account, *plan, result);
                planned.push_back({&account, std::move(*plan), {}, observation.snapshot->rows(), {}});
                if (is_dry(cycle)) planned.back().differences = ledger::compare(account.book, *observation.snapshot, planned.back().plan);
            }
            results.push_back(std::move(result));
        }
        if (again && cycle.looks == 1) {
            cycle.second_look_at = now_.steady + second_look_after;
            return;
        }
        finish_cycle(std::move(planned), std::move(results));
    }

    /// The same rows, and nothing else, were found equal to this very book before. Planning is a function of book and
    /// observation, and where nothing waits for time to pass its answer stands.
    static bool is_settled(AccountState const& account, model::CompleteSnapshot const& snapshot) {
        Arrivals const& arrivals = account.arrivals;
        bool const only_descriptions = arrivals.pushes.empty() && arrivals.executions.empty() && arrivals.commissions.empty();
        return account.settled_revision == account.book.revision && only_descriptions && account.considered == snapshot.rows();
    }

    /// New descriptions of instruments move no quantity.
    static bool only_describes(model::ChangeSet const& change_set) {
        return change_set.executions.empty() && change_set.adjustments.empty() && change_set.positions.empty() &&
               change_set.removed_positions.empty() && change_set.breaks.empty();
    }

    /// Breaks of class info say that two numbers differ; once they stand, no further look decides them.
    static bool waits_for_looks(model::AccountBook const& book) {
        return std::any_of(book.breaks.begin(), book.breaks.end(), [](auto const& each) {
            return each.second.unresolved() &&
                   (each.second.break_class == model::BreakClass::alert || each.second.state == model::BreakState::settling);
        });
    }

    static ledger::Plan nothing_to_do(AccountState const& account) {
        ledger::Plan plan;
        plan.change_set.account_id = account.book.account_id;
        plan.change_set.base_revision = account.book.revision;
        plan.change_set.next_id = account.book.next_id;
        return plan;
    }

    bool needs_second_look(AccountState const& account, model::Observation const& observation, ledger::Plan const& plan) const {
        if (account.book.revision == 0) {
            // Opening balance = list - fills: a fill between the two answers would be counted wrongly for good.
            for (auto const& fill : observation.executions) {
                if (now_.wall - fill.execution.time < first_sight_quiet) return true;
            }
            return false;
        }
        return options_.one_shot && !plan.explained();
    }

    void add_descriptions(AccountState const& account, model::Observation& observation) const {
        auto add = [&](ConId con_id) {
            auto const known = account.book.instruments.find(con_id);
            if (known != account.book.instruments.end() && known->second.instrument.details_known) return;
            auto const found = descriptions_.find(con_id);
            if (found != descriptions_.end()) observation.instruments.push_back(found->second);
        };
        for_each_new(observation.snapshot->rows(), account.considered,
                     [&](model::BrokerPosition const& row) { add(row.instrument.con_id); });
        for (auto const& fill : observation.executions) add(fill.execution.con_id);
    }

    SyncResult result_of(AccountState const& account, int broker_positions) const {
        SyncResult result;
        result.account = account.account;
        result.trigger = cycle_->trigger;
        result.broker_positions = broker_positions;
        if (!cycle_->executions_complete) {
            result.warnings.push_back("today's fills could not be read completely; changes may stay unexplained");
        }
        return result;
    }

    static void describe_plan(AccountState const& account, ledger::Plan const& plan, SyncResult& result) {
        auto const counts = model::count_changes(plan.change_set);
        result.positions_created = counts.positions_created;
        result.positions_updated = counts.positions_updated;
        result.positions_closed = counts.positions_closed;
        result.book_positions = account.open_positions + counts.positions_created - counts.positions_closed;
        result.pending = plan.pending_executions + plan.settling;
        result.revision = account.book.revision + (plan.commits() ? 1 : 0);
        result.changed = plan.commits();
        for (auto const& warning : plan.warnings) result.warnings.push_back(warning.text);
    }

    static bool is_dry(Cycle const& cycle) {
        return !cycle.requests.empty() &&
               std::all_of(cycle.requests.begin(), cycle.requests.end(), [](auto const& request) { return request.dry_run; });
    }

    void finish_cycle(std::vector<PlannedAccount> planned, std::vector<SyncResult> results) {
        Cycle cycle = std::move(*cycle_);
        cycle_.reset();

        if (is_dry(cycle)) {
            SyncFinished finished;
            for (auto& each : planned) {
                if (each.plan.commits()) finished.would_write.push_back(std::move(each.plan.change_set));
                if (!each.differences.empty()) finished.differences.push_back({each.account->account, std::move(each.differences)});
            }
            for (auto& result : results) result.duration = now_.steady - cycle.started;
            for (auto const& request : cycle.requests) answer(request, results, finished);
            return;
        }
        for (auto& each : planned) {
            AccountState& account = *each.account;
            account.last_synced_at = now_.wall;
            account.unsaved_freshness = true;
            if (each.settled) continue;
            each.taken = std::exchange(account.arrivals, {});
            account.first_arrival.reset();
            account.descriptions_due.reset();
            account.pull_asked = false;
            account.considered = std::move(each.rows);
            account.settled_revision.reset();
            bool const settled = only_describes(each.plan.change_set) && each.plan.explained() && each.plan.missing == 0 &&
                                 each.plan.unexplained == 0 && !each.plan.guard_held && !waits_for_looks(account.book);
            if (settled) account.settled_revision = account.book.revision;
            for (auto const& warning : each.plan.warnings) log(LogLevel::warning, warning.event, account.account, warning.text);
        }
        commit(std::move(planned), std::move(results), std::move(cycle.requests), cycle.trigger, {cycle.started_at, cycle.started});
    }

    // --- single changes between complete syncs ------------------------------------------------------------------

    void arrived(AccountState& account) {
        if (!account.first_arrival) {
            account.first_arrival = now_.steady;
            account.pull_asked = false;
        }
    }

    /// Plans what came by itself. What fills explain is committed at once; what they do not starts a pull of
    /// executions and waits for them, at most settle_max.
    void plan_arrivals() {
        std::vector<PlannedAccount> planned;
        std::vector<SyncResult> results;
        Trigger trigger = Trigger::trade;
        for (auto& [unused, account] : accounts_) {
            bool const described = due(account.descriptions_due, now_.steady);
            if (account.book.revision == 0 || (!account.first_arrival && !described)) continue;
            account.descriptions_due.reset();
            if (account.arrivals.empty()) {
                account.first_arrival.reset();
                continue;
            }
            if (!account.first_arrival) account.first_arrival = now_.steady;
            model::Observation observation = account.observe(now_.wall);
            for (auto const& [con_id, push] : account.arrivals.pushes) observation.position_pushes.push_back(*push);
            auto plan = ledger::plan(account.book, observation, account.policy);
            bool const overdue = now_.steady >= *account.first_arrival + options_.settle_max;
            if (plan && !plan->explained() && !overdue) {
                if (!account.pull_asked && !account.arrivals.pushes.empty() && pull_request_ == 0) {
                    account.pull_asked = true;
                    pull_request_ = pull_executions(0);
                }
                continue;
            }
            SyncResult result;
            result.account = account.account;
            if (!account.arrivals.pushes.empty()) trigger = Trigger::position_update;
            account.first_arrival.reset();
            if (!plan) {
                result.error = plan.error().message;
                result.error_code = plan.error().code;
                account.arrivals.pushes.clear();  // the next list has them; fills stay facts
                results.push_back(std::move(result));
                continue;
            }
            if (!plan->commits()) {
                account.arrivals = {};
                continue;
            }
            result.success = true;
            result.broker_positions = account.open_positions;
            describe_plan(account, *plan, result);
            for (auto const& warning : plan->warnings) log(LogLevel::warning, warning.event, account.account, warning.text);
            planned.push_back({&account, std::move(*plan), std::exchange(account.arrivals, {}), {}, {}});
            results.push_back(std::move(result));
        }
        if (results.empty()) return;
        for (auto& result : results) result.trigger = trigger;
        ++statistics_.callback_triggers;
        commit(std::move(planned), std::move(results), {}, trigger, now_);
    }

    // --- committing -------------------------------------------------------------------------------------------

    void commit(std::vector<PlannedAccount> planned, std::vector<SyncResult> results, std::vector<Request> requests,
                Trigger trigger, Now started) {
        Commit effect;
        bool changes = false;
        for (auto& each : planned) {
            bool const waits = each.plan.settling > 0 || each.plan.missing > 0 || each.plan.pending_executions > 0;
            if (waits) look_again_soon();
            if (!each.plan.commits()) continue;
            changes = true;
            each.change_set = model::share(std::move(each.plan.change_set));
            effect.change_sets.push_back(each.change_set);
            for (auto const& position : each.change_set->positions) each.account->unsaved_marks.insert(position.con_id);
        }
        for (auto const& result : results) add_run(result, started.wall);
        if (!changes && !options_.one_shot) {
            want_flush();
            finish_results(std::move(results), requests, trigger, started.steady);
            return;
        }
        under_way_.emplace();
        under_way_->number = ++commit_number_;
        under_way_->planned = std::move(planned);
        under_way_->results = std::move(results);
        under_way_->requests = std::move(requests);
        under_way_->trigger = trigger;
        under_way_->started = started.steady;
        under_way_->is_sync = true;
        send(std::move(effect));
    }

    /// What is not explained yet is decided by further complete looks.
    void look_again_soon() {
        if (!options_.enabled || options_.one_shot) return;
        auto const sooner = now_.steady + std::min(options_.interval, look_again_after);
        if (!next_sync_at_ || sooner < *next_sync_at_) next_sync_at_ = sooner;
    }

    void add_run(SyncResult const& result, Timestamp started_at) {
        auto const found = accounts_.find(result.account);
        if (found == accounts_.end()) return;
        model::SyncRun run;
        run.gateway = options_.gateway;
        run.account = result.account;
        run.account_id = found->second.book.account_id;
        run.trigger = result.trigger;
        run.started_at = started_at;
        run.finished_at = now_.wall;
        run.outcome = !result.success ? model::Outcome::failed
                      : result.changed ? model::Outcome::committed
                                       : model::Outcome::unchanged;
        run.positions_created = result.positions_created;
        run.positions_updated = result.positions_updated;
        run.positions_closed = result.positions_closed;
        run.broker_positions = result.broker_positions;
        run.error = result.error;
        if (result.changed) run.revision = result.revision;
        unsaved_runs_.push_back(std::move(run));
    }

    /// Adds everything that only waits for a transaction to ride on, and emits.
    void send(Commit effect) {
        effect.commit_number = under_way_->number;
        effect.runs = std::exchange(unsaved_runs_, {});
        effect.coverage = std::exchange(unsaved_coverage_, {});
        for (auto& [unused, account] : accounts_) {
            add_marks(account, effect);
            for (auto& [key, value] : account.unsaved_values) {
                value.account_id = account.book.account_id;
                effect.values.push_back(std::move(value));
            }
            account.unsaved_values.clear();
            if (account.unsaved_freshness && account.last_synced_at) {
                effect.freshness.push_back({account.book.account_id, *account.last_synced_at, account.base_currency});
                account.unsaved_freshness = false;
            }
        }
        flush_at_.reset();
        emit(std::move(effect));
    }

    /// Marks of positions as they will be after this commit.
    void add_marks(AccountState& account, Commit& effect) const {
        std::map<ConId, model::Position const*> changed_positions;
        std::map<ConId, model::Instrument const*> changed_instruments;
        for (auto const& change_set : effect.change_sets) {
            if (change_set->account_id != account.book.account_id) continue;
            for (auto const& changed : change_set->instruments) changed_instruments[changed.con_id] = &changed;
            for (auto const& changed : change_set->positions) changed_positions[changed.con_id] = &changed;
        }
        for (ConId const con_id : account.unsaved_marks) {
            model::Position const* position = nullptr;
            model::Instrument const* instrument = nullptr;
            if (auto const found = account.book.instruments.find(con_id); found != account.book.instruments.end()) {
                instrument = &found->second.instrument;
                if (!found->second.positions.empty()) position = &found->second.positions.back();
            }
            if (auto const found = changed_instruments.find(con_id); found != changed_instruments.end()) {
                instrument = found->second;
            }
            if (auto const found = changed_positions.find(con_id); found != changed_positions.end()) position = found->second;
            if (instrument == nullptr) continue;
            model::MarkRecord record;
            record.account_id = account.book.account_id;
            record.con_id = con_id;
            if (auto const cost = account.average_costs.find(con_id); cost != account.average_costs.end()) {
                record.broker_avg_cost = cost->second;
            }
            if (auto const mark = account.marks.find(con_id); mark != account.marks.end()) {
                record.current_price = mark->second.price;
                record.marked_at = mark->second.marked_at;
                record.mark_source = "portfolio";
                record.broker_unrealized_pnl = mark->second.broker_unrealized_pnl;
                if (position != nullptr && position->open()) {
                    auto const value = ledger::value_at(*position, *instrument, mark->second.price);
                    record.market_value = value.market_value;
                    record.unrealized_pnl = value.unrealized_pnl;
                    record.unrealized_pnl_pct = value.unrealized_pnl_pct;
                }
            }
            effect.marks.push_back(std::move(record));
        }
        account.unsaved_marks.clear();
    }

    void want_flush() {
        if (!flush_at_) flush_at_ = now_.steady + flush_every;
    }

    /// Writes runs, freshness, marks and values that no commit took along.
    void flush() {
        bool anything = !unsaved_runs_.empty() || !unsaved_coverage_.empty();
        for (auto const& [unused, account] : accounts_) {
            anything = anything || !account.unsaved_marks.empty() || !account.unsaved_values.empty() || account.unsaved_freshness;
        }
        flush_at_.reset();
        if (!anything || under_way_) return;
        under_way_.emplace();
        under_way_->number = ++commit_number_;
        send({});
    }

    void settle_commit(PlannedAccount& planned) {
        AccountState& account = *planned.account;
        if (!planned.change_set || account.book.revision != planned.change_set->base_revision) return;
        account.apply(*planned.change_set);
        bool const still_settled = account.settled_revision == planned.change_set->base_revision &&
                                   only_describes(*planned.change_set);
        if (still_settled) account.settled_revision = account.book.revision;
        log_changes(account, *planned.change_set);
        emit(Changed{account.account, planned.change_set});
    }

    void put_back(PlannedAccount& planned) {
        planned.account->considered.clear();
        planned.account->settled_revision.reset();
        Arrivals& arrivals = planned.account->arrivals;
        auto prepend = [](auto& to, auto& from) { to.insert(to.begin(), from.begin(), from.end()); };
        prepend(arrivals.executions, planned.taken.executions);
        prepend(arrivals.commissions, planned.taken.commissions);
        prepend(arrivals.instruments, planned.taken.instruments);
        for (auto& [con_id, push] : planned.taken.pushes) arrivals.pushes.try_emplace(con_id, std::move(push));
        if (!arrivals.empty()) arrived(*planned.account);
    }

    void reload_books() {
        phase_ = Phase::loading;
        for (auto& [unused, account] : accounts_) {
            account.loaded = false;
            emit(LoadBook{account.book.account_id});
        }
    }

    /// A sure answer to a pull of executions. What it does not reach nobody saw.
    void cover(ProvedWindow const& proved) {
        for (auto& [unused, account] : accounts_) {
            bool const quiet = account.arrivals.empty() && account.settled_revision == account.book.revision;
            for (auto& window : windows_gained(account.book.account_id, account.covered_to, proved, quiet)) {
                if (window.state == "unknown") {
                    log(LogLevel::warning, "executions.unknown", account.account,
                        fmt::format("fills between {} and {} were not seen and are no longer served; statements fill the gap",
                                    base::to_rfc3339(window.from_time), base::to_rfc3339(window.to_time)));
                }
                unsaved_coverage_.push_back(std::move(window));
            }
            account.covered_to = proved.to;
        }
        want_flush();
    }

    /// What the books about to be loaded do not name is forgotten, but for what waits to be planned.
    void forget_executions() {
        owner_of_execution_.clear();
        for (auto const& [name, account] : accounts_) {
            for (auto const& fill : account.arrivals.executions) {
                owner_of_execution_[fill.execution.exec_id] = {name, fill.execution.con_id};
            }
        }
    }

    // --- answering --------------------------------------------------------------------------------------------

    void finish_results(std::vector<SyncResult> results, std::vector<Request> const& requests, Trigger trigger, Duration started) {
        for (auto& result : results) {
            result.duration = now_.steady - started;
            ++statistics_.total_syncs;
            statistics_.last_sync_time = now_.wall;
            if (result.success) {
                ++statistics_.successful_syncs;
                statistics_.positions_created += result.positions_created;
                statistics_.positions_updated += result.positions_updated;
                statistics_.positions_closed += result.positions_closed;
                if (result.changed) {
                    log(LogLevel::info, "sync.committed", result.account,
                        fmt::format("revision {}: {} created, {} updated, {} closed ({}, {} positions)", result.revision,
                                    result.positions_created, result.positions_updated, result.positions_closed,
                                    to_string(trigger), result.book_positions));
                } else {
                    log(LogLevel::debug, "sync.unchanged", result.account, fmt::format("{} positions", result.book_positions));
                }
            } else {
                ++statistics_.failed_syncs;
                statistics_.last_error = result.error;
                log(LogLevel::error, "sync.failed", result.account, result.error);
            }
        }
        for (auto const& request : requests) answer(request, results, {});
        answered_any_ = true;
        if (options_.one_shot) one_shot_done_ = true;
    }

    void answer(Request const& request, std::vector<SyncResult> const& results, SyncFinished finished) {
        finished.request_number = request.number;
        for (auto const& result : results) {
            if (request.account.empty() || result.account == request.account) finished.results.push_back(result);
        }
        emit(std::move(finished));
        answered_any_ = true;
        if (options_.one_shot) one_shot_done_ = true;
    }

    void fail_requests(std::vector<Request> const& requests, ErrorCode code, std::string const& why) {
        SyncResult result;
        result.error = why;
        result.error_code = code;
        for (auto const& request : requests) {
            result.account = request.account;
            SyncFinished finished;
            finished.request_number = request.number;
            finished.results.push_back(result);
            ++statistics_.total_syncs;
            ++statistics_.failed_syncs;
            statistics_.last_error = why;
            emit(std::move(finished));
            answered_any_ = true;
            if (options_.one_shot) one_shot_done_ = true;
        }
    }

    void fail_waiting(ErrorCode code, std::string const& why) {
        fail_requests(std::exchange(next_requests_, {}), code, why);
        next_trigger_.reset();
    }

    void fail_cycle(ErrorCode code, std::string const& why) {
        Cycle cycle = std::move(*cycle_);
        cycle_.reset();
        assembler_.discard();
        std::vector<SyncResult> results;
        for (auto const& [name, unused] : accounts_) {
            SyncResult result;
            result.account = name;
            result.trigger = cycle.trigger;
            result.error = why;
            result.error_code = code;
            add_run(result, cycle.started_at);
            results.push_back(std::move(result));
        }
        want_flush();
        finish_results(std::move(results), cycle.requests, cycle.trigger, cycle.started);
        if (options_.enabled && !options_.one_shot) next_sync_at_ = now_.steady + retry_after;
    }

    void finish_if_done() {
        if (finished_ || under_way_) return;
        bool const done = stopping_ || (options_.one_shot && one_shot_done_ && !cycle_ && next_requests_.empty()) ||
                          (options_.one_shot && phase_ == Phase::stopped && !cycle_);
        if (!done) return;
        if (phase_ == Phase::ready && !unsaved_runs_.empty()) {
            flush();
            if (under_way_) return;
        }
        finished_ = true;
        if (phase_ != Phase::stopped) feed_.stop(now_);
        phase_ = Phase::stopped;
        take_feed_actions();
        emit(Finished{});
    }

    // --- output -----------------------------------------------------------------------------------------------

    void emit(Effect effect) { out_.push_back(std::move(effect)); }

    void take_feed_actions() {
        for (auto& action : feed_.take_actions()) emit(std::move(action));
    }

    void log(LogLevel level, std::string event, std::string account, std::string text) {
        emit(Log{level, std::move(event), std::move(account), std::move(text)});
    }

    void log_changes(AccountState const& account, model::ChangeSet const& change_set) {
        int lines = 0;
        for (auto const& event : change_set.events) {
            if (++lines > changes_told) {
                log(LogLevel::info, "position.more", account.account,
                    fmt::format("and {} more changes in revision {}", change_set.events.size() - changes_told, account.book.revision));
                break;
            }
            auto const found = account.book.instruments.find(event.con_id);
            std::string const symbol = found == account.book.instruments.end() ? fmt::format("conId {}", event.con_id)
                                       : found->second.instrument.local_symbol.empty()
                                           ? found->second.instrument.symbol
                                           : found->second.instrument.local_symbol;
            std::string text = fmt::format("{} {} -> {}", symbol, event.quantity_before.to_string(), event.quantity_after.to_string());
            if (event.average_price_after) text += " @ " + event.average_price_after->to_string();
            for (auto const& close : change_set.closes) {
                bool const same = close.position_id == event.position_id && close.exec_id == event.exec_id &&
                                  (event.kind == model::EventKind::closed || event.kind == model::EventKind::reduced);
                if (same) text += ", realized " + (close.realized_pnl ? close.realized_pnl->to_string() : std::string("unknown"));
            }
            text += fmt::format(" ({})", to_string(event.cause));
            log(LogLevel::info, fmt::format("position.{}", to_string(event.kind)), account.account, std::move(text));
        }
    }

    EngineOptions const options_;
    base::ZoneRules const& zones_;
    BrokerFeed feed_;
    Now now_;
    Effects out_;

    Phase phase_ = Phase::stopped;
    bool stopping_ = false;
    bool finished_ = false;
    bool refused_ = false;
    std::optional<Timestamp> stale_since_;  ///< what comes may be old; while not connected: when last something came
    bool ask_days_back_ = false;            ///< a new connection's first pull may close a hole
    bool was_ready_before_ = false;
    bool answered_any_ = false;
    bool one_shot_done_ = false;
    bool paper_ = false;
    std::string last_connection_error_;
    std::string failure_told_;
    Duration failure_told_at_{0};
    std::vector<std::string> claimed_accounts_;

    std::map<std::string, AccountState, std::less<>> accounts_;
    SnapshotAssembler assembler_;
    std::int64_t position_request_ = 0;
    std::int64_t pull_request_ = 0;
    std::optional<Cycle> cycle_;
    std::vector<Request> next_requests_;
    std::optional<Trigger> next_trigger_;
    std::optional<CommitUnderWay> under_way_;
    std::int64_t commit_number_ = 0;

    struct ExecutionOwner {
        std::string account;
        ConId con_id = 0;
    };
    std::map<std::string, ExecutionOwner> owner_of_execution_;  ///< by exec_id
    std::map<std::string, model::CommissionReport> orphan_commissions_;
    std::map<ConId, model::Instrument> descriptions_;
    std::set<ConId> asked_descriptions_;

    std::vector<model::SyncRun> unsaved_runs_;
    std::vector<model::CoverageWindow> unsaved_coverage_;
    std::vector<std::string> rotation_;  ///< accounts whose updates are subscribed to in turn; empty: one stays
    std::optional<Duration> next_sync_at_;  ///< steady, like all deadlines below
    std::optional<Duration> next_account_updates_at_;
    std::optional<Duration> flush_at_;
    std::optional<Duration> renew_at_;
    ExecutionPulls pulls_;
    Statistics statistics_;
};

Engine::Engine(EngineOptions options, base::ZoneRules const& zones)
    : implementation_(std::make_unique<Implementation>(std::move(options), zones)) {}
Engine::~Engine() = default;
Effects Engine::step(Event event, Now now) { return implementation_->step(std::move(event), now); }
std::optional<Duration> Engine::next_wakeup() const { return implementation_->next_wakeup(); }
GatewayStatus Engine::status() const { return implementation_->status(); }
Statistics const& Engine::statistics() const { return implementation_->statistics(); }
model::AccountBook const* Engine::book(std::string_view account) const { return implementation_->book(account); }

}  // namespace possync::sync

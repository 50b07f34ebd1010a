#include "sync/engine_implementation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>


namespace possync::sync {

namespace {

/// A lease that ends is looked at a little later, so that clocks which differ by less find it ended.
constexpr Duration after_its_end = std::chrono::milliseconds(50);
/// The same reason for not being connected is told again after so long.
constexpr Duration same_failure_again_after = std::chrono::minutes(10);

std::string_view word(Phase phase) {
    switch (phase) {
    case Phase::stopped: return "stopped";
    case Phase::claiming: return "claiming";
    case Phase::standby: return "standby";
    case Phase::connecting: return "connecting";
    case Phase::registering: return "registering";
    case Phase::loading: return "loading";
    case Phase::ready: return "ready";
    }
    return "stopped";
}

}  // namespace

Effects Engine::Implementation::step(Event event, Now now) {
    now_ = now;
    std::visit([this](auto& each) { handle(each); }, event);
    feed_.tick(now_);
    advance();
    take_feed_actions();
    return std::exchange(out_, {});
}

std::optional<Duration> Engine::Implementation::next_wakeup() const {
    std::optional<Duration> next = feed_.next_deadline();
    auto consider = [&](std::optional<Duration> candidate) {
        if (candidate && (!next || *candidate < *next)) next = candidate;
    };
    if (phase_ == Phase::stopped) return next;
    if (claims_ == 0 && !stopping_) {
        if (phase_ == Phase::standby) consider(claim_at_);
        if (owned_) consider(renew_at_);
    }
    consider(runs_in_vain_at());
    // Only what advance() would act upon: a deadline that passes without an act would be due for ever.
    if (phase_ == Phase::ready) {
        if (cycle_ && !under_way_) consider(cycle_->describe_until);
        if (cycle_) consider(cycle_->second_look_at);
        consider(rotation_.next_at());
        if (!stopping_) consider(wanted_pull_at());
        if (!under_way_) consider(flush_at_);
        if (!cycle_ && !under_way_) {
            if (!stale_since_ && !stopping_) consider(next_sync_at_);
            consider(commit_again_at_);
            for (auto const& [unused, account] : accounts_) {
                if (account.book.revision == 0) continue;
                auto const no_sooner = [&](Duration at) { return std::max(at, commit_again_at_.value_or(at)); };
                if (account.first_arrival) consider(no_sooner(*account.first_arrival + options_.settle_max));
                if (account.descriptions_due) consider(no_sooner(*account.descriptions_due));
            }
        }
        if (options_.enabled) consider(pulls_.last_chance_at());
    }
    return next;
}

GatewayStatus Engine::Implementation::status() const {
    GatewayStatus status;
    status.gateway = options_.gateway;
    status.host = options_.host;
    status.port = options_.port;
    status.connected = connected() && refusal_.empty();
    status.owned = owned_;
    status.stale = stale_since_ || phase_ != Phase::ready;
    status.stale_since = stale_since_;
    status.server_version = feed_.server_version();
    // A lease that is nobody else's and cannot be taken is not standing by.
    status.state = std::string(word(phase_ == Phase::standby && !anothers_ ? Phase::claiming : phase_));
    status.sync_running = cycle_ || (under_way_ && under_way_->is_sync);
    status.last_error = last_connection_error_;
    status.refusal = refusal_;
    status.restarts_at = pulls_.restarts_at();
    status.zone = pulls_.zone();
    if (status.zone.empty()) status.zone = options_.time_zone;
    for (auto const& [name, account] : accounts_) {
        AccountStatus row;
        row.account = name;
        row.last_synced_at = account.last_synced_at;
        row.revision = account.book.revision;
        for (auto const& [unused, open] : account.book.breaks)
            row.open_breaks += open.state == model::BreakState::open;
        status.accounts.push_back(std::move(row));
    }
    status.statistics = statistics_;
    return status;
}

model::AccountBook const* Engine::Implementation::book(std::string_view name) const {
    auto const found = accounts_.find(name);
    return found == accounts_.end() || !found->second.loaded ? nullptr : &found->second.book;
}

void Engine::Implementation::handle(Start const&) {
    if (phase_ != Phase::stopped) return;
    phase_ = Phase::claiming;
    claim();
}

void Engine::Implementation::handle(Stop const&) {
    stopping_ = true;
    fail_waiting(ErrorCode::unavailable, "the service is stopping");
    if (cycle_) fail_cycle(ErrorCode::unavailable, "the service is stopping");
    if (phase_ == Phase::ready && !under_way_) flush();
}

void Engine::Implementation::handle(SocketOpened const&) { feed_.socket_opened(now_); }
void Engine::Implementation::handle(SocketFailed const& event) { feed_.socket_failed(now_, event.reason); }
void Engine::Implementation::handle(SocketClosed const& event) { feed_.socket_closed(now_, event.reason); }
void Engine::Implementation::handle(BytesReceived const& event) { feed_.bytes(now_, event.bytes); }
void Engine::Implementation::handle(Tick const&) {}

void Engine::Implementation::claim(std::vector<std::string> accounts, std::optional<bool> paper) {
    ++claims_;
    renew_at_ = now_.steady + options_.lease / 3;
    emit(Claim{std::move(accounts), paper, owned_});
}

void Engine::Implementation::handle(Claimed const& event) {
    --claims_;
    owned_ = true;
    for (auto const& warning : event.warnings) {
        if (warnings_told_.insert(warning).second) log(LogLevel::warning, "gateway.account_ignored", "", warning);
    }
    bool const another = std::exchange(epoch_, event.epoch) != event.epoch;
    if (phase_ == Phase::stopped) {  // refused meanwhile: another service may serve it
        owned_ = false;
        emit(Release{});
        return;
    }
    if (stopping_) return;  // given back at the end
    if (phase_ == Phase::claiming || phase_ == Phase::standby) return lease_taken();
    if (phase_ == Phase::registering && event.registered) return accounts_registered(event);
    bool const checked = std::exchange(check_lease_, false);
    if (phase_ != Phase::ready && phase_ != Phase::loading) return;
    if (another) {
        // Somebody else served it meanwhile: what was heard here may be older than what they wrote.
        leave_gateway(fmt::format("gateway {} was another service's meanwhile", options_.gateway));
        owned_ = true;
        return lease_taken();
    }
    if (checked) reload_books();
}

void Engine::Implementation::lease_taken() {
    if (!standby_told_.empty()) log(LogLevel::info, "gateway.taken", "", fmt::format("this service serves gateway {} now", options_.gateway));
    standby_told_.clear();
    last_connection_error_.clear();
    claim_at_.reset();
    phase_ = Phase::connecting;
    feed_.start(now_);
}

void Engine::Implementation::accounts_registered(Claimed const& event) {
    // Answers come in order: before that of a commit there is only one to a registration of the connection before. The accounts that
    // a commit is about must not move.
    if (under_way_) return;
    if (std::exchange(left_, false)) accounts_.clear();  // as after a restart
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
        log(LogLevel::warning, "gateway.account_left", name,
            "the login no longer manages this account; its book stays as it was last seen");
    }
    accounts_ = std::move(accounts);
    forget_executions();
    if (accounts_.empty()) return nothing_to_serve();
    refusal_.clear();
    last_connection_error_.clear();
    phase_ = Phase::loading;
}

/// All accounts of the login are another gateway's, and stay so while services run: it stays connected and does nothing.
void Engine::Implementation::nothing_to_serve() {
    std::string const why = fmt::format("none of the gateway's accounts is this database's to write: they are other gateways'; remove "
                                        "[[gateway]] {0}, or stop possync and move them with `possync setup --rebind {0}`",
                                        options_.gateway);
    bool const told = std::exchange(refusal_, why) == why;
    if (options_.one_shot) return connection_failed(ErrorCode::refused, why);
    if (!told) log(LogLevel::error, "gateway.unusable", "", why);
    fail_waiting(ErrorCode::refused, why);
    last_connection_error_ = why;
}

void Engine::Implementation::handle(ClaimFailed const& event) {
    --claims_;
    if (phase_ == Phase::stopped) return;
    bool const anothers = event.error.code == ErrorCode::conflict;
    if (options_.one_shot) return connection_failed(event.error.code, event.error.message);
    if (phase_ == Phase::claiming || phase_ == Phase::standby) {
        if (!anothers) log(LogLevel::error, "gateway.claim_failed", "", event.error.message);
        stand_by(event.error.message, event.free_in);
        anothers_ = anothers;
        return;
    }
    if (anothers) {
        // What is planned here may no longer be written.
        log(LogLevel::warning, "gateway.lease_lost", "", event.error.message);
        leave_gateway(event.error.message);
        return stand_by(event.error.message, event.free_in);
    }
    if (phase_ == Phase::registering) {
        if (event.error.code == ErrorCode::refused) refusal_ = event.error.message;
        return connection_failed(event.error.code, event.error.message);
    }
    log(LogLevel::error, "gateway.claim_failed", "", event.error.message);
    if (std::exchange(check_lease_, false)) reload_books();
}

void Engine::Implementation::handle(Yield const& event) { yield_wanted_ = event.wanted; }

/// The gateway is another's: looks again now and then, and when its lease ends.
void Engine::Implementation::stand_by(std::string const& why, std::optional<Duration> free_in) {
    owned_ = false;
    anothers_ = true;
    phase_ = Phase::standby;
    renew_at_.reset();
    claim_at_ = now_.steady + std::min(options_.lease / 3, free_in ? *free_in + after_its_end : options_.lease / 3);
    last_connection_error_ = why;
    fail_waiting(ErrorCode::unavailable, not_connected());
    if (standby_told_.empty()) log(LogLevel::info, "gateway.standby", "", why);
    standby_told_ = why;
}

/// Closes the connection; what was observed on it is forgotten, as by a process that ends.
void Engine::Implementation::leave_gateway(std::string const& why) {
    if (cycle_) fail_cycle(ErrorCode::unavailable, why);
    owned_ = false;
    refusal_.clear();
    left_ = true;
    check_lease_ = false;
    phase_ = Phase::standby;
    feed_.suspend(now_, why);
    stale_since_.reset();
    was_ready_before_ = false;
    next_sync_at_.reset();
    flush_at_.reset();
    unsaved_runs_.clear();
    unsaved_coverage_.clear();
}

/// Nothing is being observed, planned or written, and what came is written.
bool Engine::Implementation::quiet() const {
    if (claims_ > 0 || under_way_ || cycle_ || next_trigger_ || !next_requests_.empty()) return false;
    if (phase_ == Phase::connecting || phase_ == Phase::registering) return true;
    return phase_ == Phase::ready && std::none_of(accounts_.begin(), accounts_.end(), [](auto const& each) { return each.second.first_arrival.has_value(); });
}

void Engine::Implementation::hand_over() {
    if (phase_ == Phase::ready) {
        flush();
        if (under_way_) return;
    }
    std::string const why = fmt::format("gateway {} is handed over to a service that serves fewer", options_.gateway);
    leave_gateway(why);
    yield_wanted_ = false;
    emit(Release{});
    stand_by(why, std::nullopt);
}

void Engine::Implementation::handle(BookLoaded& event) {
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
    model::AccountBook& book = found->second.book;
    for (auto& [con_id, instrument] : book.instruments) {
        for (auto const& execution : instrument.executions) {
            owners_.add_booked(book.account, execution);
            if (auto report = owners_.take_kept(execution.exec_id)) on_commission(std::move(*report));
        }
        if (!instrument.instrument->details_known) continue;
        auto& described = descriptions_[con_id];
        if (described == instrument.instrument) instrument.instrument = described;
        else described = instrument.instrument;
    }
    if (phase_ != Phase::loading) return;
    for (auto const& [unused, account] : accounts_) {
        if (!account.loaded) return;
    }
    phase_ = Phase::ready;
    become_ready();
}

void Engine::Implementation::handle(LoadFailed const& event) {
    connection_failed(event.error.code, "the book cannot be loaded: " + event.error.message);
}

void Engine::Implementation::handle(SyncRequested const& event) {
    Request const request{event.request_number, event.account, event.dry_run, event.calculate_realized_pnl, now_.wall};
    if (phase_ == Phase::ready) {
        ask(Trigger::manual, request);
    } else if (phase_ == Phase::registering && !refusal_.empty()) {
        fail_requests({request}, ErrorCode::refused, refusal_);
    } else if (phase_ == Phase::stopped || phase_ == Phase::standby || (phase_ == Phase::connecting && !options_.one_shot)) {
        fail_requests({request}, ErrorCode::unavailable, not_connected());
    } else {
        next_requests_.push_back(request);
    }
}

void Engine::Implementation::handle(ResetStatistics const&) { statistics_ = {}; }

void Engine::Implementation::handle(BooksChanged const&) {
    if (phase_ != Phase::ready) return;
    reloaded_for_ = Trigger::manual;
    reload_books();
}

std::string Engine::Implementation::not_connected() const {
    if (phase_ == Phase::standby) return last_connection_error_ + "; nothing was written";
    return fmt::format("gateway {} ({}:{}) is not connected{}{}; nothing was written", options_.gateway, options_.host,
                       options_.port, last_connection_error_.empty() ? "" : ": ", last_connection_error_);
}

std::string Engine::Implementation::stale_text() const {
    return fmt::format("what gateway {} says may be old{}; nothing was written", options_.gateway,
                       stale_since_ ? " since " + base::to_rfc3339(*stale_since_) : std::string());
}

/// Steady to wall time.
Timestamp Engine::Implementation::wall_at(Duration steady) const { return now_.wall - (now_.steady - steady); }

void Engine::Implementation::on_ready(std::vector<std::string> const& managed) {
    if (!feed_.doubtful()) stale_since_.reset();
    heard_since_ = now_.wall;
    last_connection_error_.clear();
    failure_told_.clear();
    pulls_.connected(feed_.gateway_zone(), now_);
    ask_days_back_ = true;
    log(LogLevel::info, "gateway.connected", "",
        fmt::format("{} at {}:{}, server version {}, accounts {}", options_.gateway, options_.host, options_.port,
                    feed_.server_version(), fmt::format("{}", fmt::join(managed, ", "))));
    std::vector<std::string> wanted;
    for (auto const& account : managed) {
        bool const chosen = options_.accounts.empty() ||
                            std::find(options_.accounts.begin(), options_.accounts.end(), account) != options_.accounts.end();
        if (chosen) wanted.push_back(account);
    }
    for (auto const& account : options_.accounts) {
        if (std::find(managed.begin(), managed.end(), account) == managed.end()) {
            log(LogLevel::warning, "gateway.account_unknown", account,
                "configured, but not managed by this login; its accounts are " + fmt::format("{}", fmt::join(managed, ", ")));
        }
    }
    if (wanted.empty()) {
        refuse("none of the configured accounts is managed by this login; its accounts are " +
               fmt::format("{}", fmt::join(managed, ", ")));
        return;
    }
    bool const paper = std::all_of(wanted.begin(), wanted.end(), is_paper);
    if (options_.expect != Expect::any && paper != (options_.expect == Expect::paper)) {
        refuse(fmt::format("gateway {} was configured as {} and serves {} accounts ({}); nothing was written. Check host and "
                           "port, or set expect",
                           options_.gateway, options_.expect == Expect::paper ? "paper" : "live", paper ? "paper" : "live",
                           fmt::format("{}", fmt::join(wanted, ", "))));
        return;
    }
    phase_ = Phase::registering;
    claim(wanted, paper);
}

void Engine::Implementation::refuse(std::string const& why) {
    refused_ = true;
    refusal_ = why;
    connection_failed(ErrorCode::refused, why);
}

/// The connection cannot be used; in a one-shot run that is the end.
void Engine::Implementation::connection_failed(ErrorCode code, std::string const& why) {
    log(LogLevel::error, "gateway.unusable", "", why);
    if (cycle_) fail_cycle(code, why);
    fail_waiting(code, why);
    if (refused_ || options_.one_shot) {
        feed_.stop(now_);
        phase_ = Phase::stopped;
        if (!options_.one_shot && std::exchange(owned_, false)) emit(Release{});  // else at the end
    } else {
        feed_.drop_connection(now_, why);
    }
    last_connection_error_ = why;
}

void Engine::Implementation::on_disconnected(std::string const& reason, bool will_retry) {
    bool const was_connected = connected();
    last_connection_error_ = reason;
    if (was_connected && !stale_since_) stale_since_ = wall_at(feed_.last_heard());
    assembler_.discard();
    pull_request_ = 0;
    reloaded_for_.reset();
    pulls_.disconnected();
    owners_.forget_kept();
    rotation_.end();
    asked_descriptions_.clear();
    undescribed_.clear();
    bool const leaving = phase_ == Phase::standby;
    if (phase_ != Phase::stopped && !leaving) phase_ = Phase::connecting;
    for (auto& [unused, account] : accounts_) {
        account.arrivals.pushes.clear();  // positions of a dead connection are unknown, its fills stay facts
        account.push_unasked = account.pull_wanted = false;
    }
    if (leaving) return;
    if (finished_) {
        // Its own end is no failure.
    } else if (was_connected) {
        log(LogLevel::warning, "gateway.disconnected", "", reason);
    } else if (reason != failure_told_ || now_.steady - failure_told_at_ >= same_failure_again_after) {
        failure_told_ = reason;  // a weekend of them is no weekend of lines
        failure_told_at_ = now_.steady;
        log(will_retry ? LogLevel::info : LogLevel::error, "gateway.connect_failed", "",
            fmt::format("{}:{}: {}", options_.host, options_.port, reason));
    }
    if (cycle_) fail_cycle(ErrorCode::unavailable, "the connection was lost during the sync: " + reason);
    if (!will_retry) {
        fail_waiting(ErrorCode::unavailable, not_connected());
        phase_ = Phase::stopped;
    }
    was_ready_before_ = was_ready_before_ || was_connected;
}

/// From here on nothing proves how things are: no list is taken, no price, no window of executions, and nothing counts as
/// synced. What is pushed is news all the same.
void Engine::Implementation::on_stale(Duration since, std::string const& text) {
    pulls_.doubt();
    if (cycle_) cycle_->doubtful = true;
    if (stale_since_ && phase_ == Phase::ready) return;
    stale_since_ = wall_at(since);
    log(LogLevel::warning, "gateway.stale", "", text);
}

void Engine::Implementation::on_restored(bool data_lost, std::string const& text) {
    stale_since_.reset();
    heard_since_ = now_.wall;
    log(LogLevel::info, "gateway.restored", "", text);
    if (phase_ != Phase::ready) return;
    if (data_lost) subscribe_accounts();
    ask_by_itself();
}

void Engine::Implementation::on_daily_restart(Duration time_of_day) { pulls_.restarts_daily_at(time_of_day, now_); }

void Engine::Implementation::on_notice(LogLevel level, std::string const& event, std::string const& text) {
    log(level, event, "", text);
}

void Engine::Implementation::become_ready() {
    subscribe_accounts();
    next_sync_at_.reset();
    auto const reloaded_for = std::exchange(reloaded_for_, std::nullopt);
    if (options_.one_shot) {
        if (next_requests_.empty()) ask(Trigger::manual, std::nullopt);
    } else if (options_.enabled) {
        ask(reloaded_for.value_or(was_ready_before_ ? Trigger::reconnect : Trigger::startup), std::nullopt);
    }
}

std::vector<std::string> Engine::Implementation::account_names() const {
    std::vector<std::string> names;
    for (auto const& [name, unused] : accounts_)
        names.push_back(name);
    return names;
}

void Engine::Implementation::advance() {
    if (!stopping_ && claims_ == 0) {
        bool const look = phase_ == Phase::standby && due(claim_at_, now_.steady);
        bool const renew = owned_ && phase_ != Phase::stopped && due(renew_at_, now_.steady);
        if (look || renew) claim();
    }
    if (yield_wanted_ && owned_ && !stopping_ && quiet()) hand_over();
    if (phase_ != Phase::ready) {
        if (due(runs_in_vain_at(), now_.steady)) write_runs_in_vain();
        finish_if_done();
        return;
    }
    if (cycle_) {
        if (due(cycle_->second_look_at, now_.steady)) begin_look();
        if (cycle_->collecting && cycle_->positions_done && cycle_->executions_done && !under_way_) {
            if (describe()) conclude();
        }
    }
    while (!cycle_ && !under_way_ && (next_trigger_ || !next_requests_.empty())) {
        auto const wanted = std::exchange(next_trigger_, std::nullopt);
        begin_cycle(wanted.value_or(Trigger::manual), wanted.has_value());
    }
    if (due(rotation_.next_at(), now_.steady)) subscribe_next_account();
    if (!cycle_ && !under_way_ && due(next_sync_at_, now_.steady) && !stopping_ && !stale_since_) {
        next_sync_at_.reset();
        begin_cycle(Trigger::scheduled, true);
    }
    if (!cycle_ && !under_way_ && !undescribed_.empty()) ask_descriptions(std::exchange(undescribed_, {}));
    if (!cycle_ && !under_way_) plan_arrivals();
    if (!stopping_ && due(wanted_pull_at(), now_.steady)) pull_request_ = pull_executions(0);
    if (!under_way_ && due(flush_at_, now_.steady)) flush();
    if (options_.enabled && due(pulls_.last_chance_at(), now_.steady)) {
        pulls_.last_chance_passed(now_);
        if (pull_request_ == 0) pull_request_ = pull_executions(0);
    }
    finish_if_done();
}

void Engine::Implementation::finish_if_done() {
    if (finished_ || under_way_ || claims_ > 0) return;
    bool const done = stopping_ || (options_.one_shot && one_shot_done_ && !cycle_ && next_requests_.empty()) ||
                      (options_.one_shot && phase_ == Phase::stopped);  // what was under way has failed by then
    if (!done) return;
    if (owned_ && !unsaved_runs_.empty() && !std::exchange(last_runs_written_, true)) {
        phase_ == Phase::ready ? flush() : write_runs_in_vain();
        if (under_way_) return;
    }
    finished_ = true;
    if (phase_ != Phase::stopped) feed_.stop(now_);
    phase_ = Phase::stopped;
    take_feed_actions();
    if (std::exchange(owned_, false)) emit(Release{});
    emit(Finished{});
}

void Engine::Implementation::take_feed_actions() {
    for (auto& action : feed_.take_actions())
        emit(std::move(action));
}

void Engine::Implementation::log(LogLevel level, std::string event, std::string account, std::string text,
                                 std::shared_ptr<SyncResult const> result) {
    emit(Log{level, std::move(event), std::move(account), std::move(text), std::move(result)});
}

Engine::Engine(EngineOptions options, base::ZoneRules const& zones)
    : implementation_(std::make_unique<Implementation>(std::move(options), zones)) {}
Engine::~Engine() = default;
Effects Engine::step(Event event, Now now) { return implementation_->step(std::move(event), now); }
std::optional<Duration> Engine::next_wakeup() const { return implementation_->next_wakeup(); }
GatewayStatus Engine::status() const { return implementation_->status(); }
Statistics const& Engine::statistics() const { return implementation_->statistics(); }
model::AccountBook const* Engine::book(std::string_view account) const { return implementation_->book(account); }

}  // namespace possync::sync

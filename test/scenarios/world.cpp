#include "world.hpp"

#include <fmt/format.h>

#include "app/store_work.hpp"
#include "dump.hpp"
#include "gateway/broker_statement.hpp"
#include "ledger/certify.hpp"
#include "ledger/verify.hpp"
#include "operator_edit.hpp"
#include "query/time_travel.hpp"
#include "reconciliation/statement_import.hpp"

namespace possync::scenarios {

using base::Decimal;

namespace {

/// UTC and nothing else: scenarios are about positions, not about zones.
class UtcOnly final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local);
    }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override { return base::utc_local(time); }
};
UtcOnly const utc;

std::string show(std::optional<Decimal> const& value) { return value ? value->to_string() : "unknown"; }

gateway::SimulatorOptions simulator_options(WorldOptions const& options) {
    gateway::SimulatorOptions chosen;
    chosen.server_version = options.server_version;
    return chosen;
}

/// The store, with everything that goes into it told.
class ToldStore final : public store::Store {
public:
    ToldStore(store::Store& store, std::function<void(model::ChangeSet const&)> tell) : store_(store), tell_(std::move(tell)) {}
    base::Result<store::GatewayLease> claim(store::GatewayClaim const& claim) override { return store_.claim(claim); }
    base::Result<void> release(int gateway_id, std::int64_t epoch, base::Timestamp now) override {
        return store_.release(gateway_id, epoch, now);
    }
    base::Result<void> beat(store::Heartbeat const& beat) override { return store_.beat(beat); }
    base::Result<void> leave(std::string const& owner) override { return store_.leave(owner); }
    base::Result<store::Fleet> fleet(base::Timestamp now) override { return store_.fleet(now); }
    base::Result<model::AccountBook> load(model::AccountId account, base::Timestamp now, base::Duration history) override {
        return store_.load(account, now, history);
    }
    base::Result<model::LastRecords> load_last_records(model::AccountId account) override { return store_.load_last_records(account); }
    base::Result<model::InstrumentBook> load_history(model::AccountId account, model::ConId con_id, base::Timestamp since) override {
        return store_.load_history(account, con_id, since);
    }
    base::Result<model::StatementClaims> load_claims(model::AccountId account, base::Date since) override {
        return store_.load_claims(account, since);
    }
    base::Result<std::vector<model::ConId>> instruments_moved(model::AccountId account, base::Timestamp from, base::Timestamp to) override {
        return store_.instruments_moved(account, from, to);
    }
    base::Result<void> commit(store::CommitRequest const& request) override {
        POSSYNC_TRY_VOID(store_.commit(request));
        for (auto const& change_set : request.change_sets) tell_(*change_set);
        return {};
    }
    base::Result<std::vector<store::OperatorRequest>> pending_requests(std::string const& service) override { return store_.pending_requests(service); }
    base::Result<void> finish_request(std::int64_t id, bool ok, std::string const& answer, base::Timestamp now) override {
        return store_.finish_request(id, ok, answer, now);
    }

private:
    store::Store& store_;
    std::function<void(model::ChangeSet const&)> tell_;
};

bool matches(std::optional<Decimal> const& value, std::string const& word) {
    if (word == "unknown") return !value;
    auto const wanted = Decimal::parse(word);
    return wanted && value && *value == *wanted;
}

}  // namespace

World::World(WorldOptions options, std::string name)
    : simulator(broker, simulator_options(options)), options_(std::move(options)), name_(std::move(name)),
      player_(broker, simulator, name_) {
    now_.wall = *base::parse_rfc3339("2026-11-23T14:30:00Z");
    now_.steady = std::chrono::seconds(1000);
    engine_options_.interval = std::chrono::minutes(5);
    store_ = options_.open_store();
}

std::string World::run(std::string_view text) {
    auto const steps = gateway::parse_scenario(text, name_);
    if (!steps) return steps.error().message;
    // What is imported before the service starts is imported with its configuration.
    auto const first_start = std::ranges::find_if(*steps, [](auto const& each) { return each.words.front() == "start"; });
    if (first_start != steps->end()) configure(*first_start);
    for (auto const& each : *steps) {
        std::string const problem = step(each);
        if (!problem.empty()) return fmt::format("{}:{}: {}{}", name_, each.line, problem, last_troubles());
        if (!trouble_.empty()) return fmt::format("{}:{}: {}", name_, each.line, trouble_);
        bool const changes_broker = each.words[0] != "expect" && each.words[0] != "start" && each.words[0] != "fault";
        if (std::string const unsound = verify(); !unsound.empty()) return fmt::format("{}:{}: {}", name_, each.line, unsound);
        if (options_.restart_after_every_step && engine_ && changes_broker) restart();
    }
    if (options_.every_frame_twice && engine_ && disturbed_ == 0) return "no frame was sent twice";
    if (!simulator.alarms().empty()) return "a request that could trade was sent";
    return {};
}

/// The invariants of every book, after every step: it follows from its facts.
std::string World::verify() const {
    auto const* held = book();
    if (held == nullptr) return {};
    auto const findings = ledger::verify(*held, fold_options());
    return findings.empty() ? "" : findings.front().where + ": " + findings.front().what;
}

ledger::FoldOptions World::fold_options() const {
    ledger::FoldOptions options = engine_options_.policy.fold;
    options.zones = &utc;
    return options;
}

/// Warnings and errors of the service: what usually explains an expectation that did not hold.
std::string World::last_troubles() const {
    std::string text;
    for (auto const& line : log) {
        if (line.level >= sync::LogLevel::warning) text += fmt::format("\n    {}: {}", line.event, line.text);
    }
    return text;
}

std::string World::step(gateway::ScenarioStep const& step) {
    auto const played = player_.play(step, now_);
    if (!played) return played.error().message;
    if (*played) {
        settle();
        if (engine_) pass(std::chrono::milliseconds(100));
        return {};
    }
    auto const& verb = step.words[0];
    if (verb == "start") return start(step);
    if (verb == "stop") return stop(), std::string();
    if (verb == "restart") return restart(), std::string();
    if (verb == "sync") return sync(step);
    if (verb == "expect") return expect(step);
    if (verb == "wait") {
        auto const duration = step.words.size() == 2 ? base::parse_duration(step.words[1]) : base::parse_duration("");
        if (!duration) return duration.error().message;
        pass(*duration);
        return {};
    }
    if (verb == "clock") {
        bool const back = step.words.size() == 3 && step.words[1] == "back";
        auto const by = base::parse_duration(step.words.size() == 3 ? step.words[2] : "");
        if (!by || (!back && step.words[1] != "forward")) return "clock back|forward DURATION";
        clock_off_ += back ? -*by : *by;
        return {};
    }
    if (verb == "statement") return statement(step);
    if (verb == "explain" || verb == "exclude" || verb == "undo") return repair(step);
    return "nobody does '" + verb + "'";
}

/// What the operator's verbs do: planned on the stored book, committed, and the service told to load it anew.
std::string World::repair(gateway::ScenarioStep const& step) {
    auto const& words = step.words;
    bool const fails = words.back() == "fails";
    if (words.size() < 2) return "of what?";
    auto book = store_->load(lease_.accounts.front().account_id, clock().wall, std::chrono::hours(24 * 3650));
    if (!book) return book.error().message;
    auto const observation = operator_edit(words, player_.exec_id(words[1]), broker, *book, "operator test", clock().wall);
    if (!observation) return observation.error().message;
    auto policy = engine_options_.policy;
    policy.fold.zones = &utc;
    auto const plan = ledger::plan(*book, *observation, policy);
    if (!plan && words.back() == "maybe") return {};  // done before, in a story that was disturbed
    if (plan.has_value() == fails) return fails ? "it went well" : plan.error().message;
    if (fails) return {};
    store::CommitRequest request;
    request.gateway_id = lease_.gateway_id;
    request.epoch = lease_.epoch;
    request.now = clock().wall;
    request.change_sets.push_back(model::share(plan->change_set));
    if (auto const done = store_->commit(request); !done) return done.error().message;
    keep(plan->change_set);
    feed(sync::BooksChanged{});
    settle();
    pass(std::chrono::seconds(2));
    return {};
}

void World::keep(model::ChangeSet const& change_set) {
    changes_.insert(changes_.end(), change_set.events.begin(), change_set.events.end());
    committed += dump(change_set);
    for (auto const& position : change_set.positions) instrument_of_[position.position_id] = position.con_id;
    auto const end = [&](model::RowId id, base::Timestamp from) {
        for (auto& row : history_) {
            if (row.position_id == id && row.valid_from == from && !row.recorded_to) row.recorded_to = change_set.recorded_at;
        }
    };
    for (auto const& ended : change_set.history_ends) end(ended.position_id, ended.valid_from);
    for (auto const& added : change_set.history) {
        end(added.position_id, added.valid_from);
        query::HistoryRow row;
        row.position_id = added.position_id;
        row.account = player_.account();
        row.con_id = instrument_of_[added.position_id];
        row.quantity = added.quantity;
        row.average_price = added.average_price;
        row.realized_pnl = added.realized_pnl;
        row.commissions = added.commissions;
        row.valid_from = added.valid_from;
        row.valid_to = added.valid_to;
        row.recorded_from = change_set.recorded_at;
        history_.push_back(std::move(row));
    }
}

/// The broker's statement, imported as the command and the service do it.
std::string World::statement(gateway::ScenarioStep const& step) {
    auto const& words = step.words;
    auto const from = words.size() > 1 ? base::parse_date(words[1]) : base::parse_date("");
    if (!from) return from.error().message;
    bool const named = words.size() > 2 && words[2] != "without";
    auto const to = named ? base::parse_date(words[2]) : from;
    if (!to) return to.error().message;
    std::set<std::string> without;
    for (std::size_t i = named ? 3 : 2; i < words.size(); ++i) {
        if (words[i] == "without") continue;
        if (!gateway::is_statement_section(words[i])) return "there is no section " + words[i];
        without.insert(words[i]);
    }
    if (lease_.accounts.empty() || !engine_) {  // nobody holds the gateway: it is claimed as the command does
        store::GatewayClaim claim;
        claim.gateway = engine_options_.gateway;
        claim.owner = "test";
        claim.accounts = {player_.account()};
        claim.paper = true;
        claim.now = now_.wall;
        auto lease = store_->claim(claim);
        if (!lease) return lease.error().message;
        lease_ = std::move(*lease);
    }
    reconciliation::ImportTarget target;
    target.account_id = account_id();
    target.lease = {lease_.gateway_id, lease_.epoch};
    target.policy = engine_options_.policy;
    target.policy.fold.zones = &utc;
    target.now = [this] { return clock().wall; };
    ToldStore told(*store_, [this](model::ChangeSet const& change_set) { keep(change_set); });
    auto const imported = reconciliation::import_statement(
        told, gateway::write_statement(broker, player_.account(), *from, *to, without), target);
    if (!imported) return imported.error().message;
    if (engine_) feed(sync::BooksChanged{});
    settle();
    pass(std::chrono::seconds(2));
    return {};
}

model::AccountId World::account_id() const {
    for (auto const& each : lease_.accounts) {
        if (each.account == player_.account()) return each.account_id;
    }
    return 0;
}

std::string World::expect_certified(gateway::ScenarioStep const& step) {
    auto const claims = store_->load_claims(account_id(), {1970, 1, 1});
    if (!claims) return claims.error().message;
    auto const through = ledger::certified_through(claims->certifications);
    std::string const text = through ? base::to_string(*through) : "no";
    if (step.words.size() == 3 && text == step.words[2]) return {};
    std::string all;
    for (auto const& day : claims->certifications) all += fmt::format("\n    {} {}", base::to_string(day.trade_date), to_string(day.state));
    return "certified is " + text + all + shown(claims->differences);
}

std::string World::shown(std::vector<model::CertificationDifference> const& differences) {
    std::string all;
    for (auto const& each : differences) {
        all += fmt::format("\n    {} {} {} conId {} {}: statement {}, book {}; {}", base::to_string(each.trade_date), to_string(each.state),
                           to_string(each.kind), each.con_id, each.subject, each.statement_value, each.book_value, each.cause);
    }
    return all;
}

/// expect difference KIND [NAME] [corrected|open], expect no differences
std::string World::expect_difference(gateway::ScenarioStep const& step) {
    auto const& words = step.words;
    auto const claims = store_->load_claims(account_id(), {1970, 1, 1});
    if (!claims) return claims.error().message;
    if (words[1] == "no") return claims->differences.empty() ? "" : "there are differences:" + shown(claims->differences);
    if (words.size() < 3) return "of which kind?";
    std::string state;
    model::ConId con_id = 0;
    for (std::size_t i = 3; i < words.size(); ++i) {
        if (words[i] == "corrected" || words[i] == "open") {
            state = words[i];
        } else if (auto const* named = broker.find(words[i])) {
            con_id = named->con_id;
        } else {
            return "there is no instrument " + words[i];
        }
    }
    for (auto const& each : claims->differences) {
        if (to_string(each.kind) != words[2] || (con_id != 0 && each.con_id != con_id)) continue;
        if (state.empty() || to_string(each.state) == state) return {};
    }
    return "there is no such difference, only:" + shown(claims->differences);
}

/// expect at TIME|believed-at TIME position NAME QUANTITY [@ AVERAGE] [realized R]: of the past as it is known now, or as it was then
std::string World::expect_at(gateway::ScenarioStep const& step) {
    auto const& words = step.words;
    if (words.size() < 6) return "write: expect at|believed-at TIME position NAME QUANTITY [@ AVERAGE] [realized R]";
    auto const at = base::parse_rfc3339(words[2]);
    if (!at) return at.error().message;
    auto const* named = broker.find(words[4]);
    if (named == nullptr) return "there is no instrument " + words[4];
    query::Filter filter;
    filter.at = *at;
    if (words[1] == "believed-at") filter.as_recorded = *at;
    query::TimeTravelInput input;
    input.history = history_;
    auto const rows = query::positions_at(input, filter);
    if (!rows) return rows.error().message;
    query::PositionRow const* found = nullptr;
    for (auto const& row : *rows) {
        if (row.con_id == named->con_id) found = &row;
    }
    if (found == nullptr) return words[5] == "0" ? "" : "there was no position then";
    if (!matches(found->quantity, words[5])) return "the quantity was " + show(found->quantity);
    for (std::size_t i = 6; i + 1 < words.size(); i += 2) {
        if (words[i] == "@" && !matches(found->average_price, words[i + 1])) return "the average was " + show(found->average_price);
        if (words[i] == "realized" && !matches(found->realized_pnl, words[i + 1])) return "realized was " + show(found->realized_pnl);
    }
    return {};
}

std::string World::configure(gateway::ScenarioStep const& step) {
    for (std::size_t i = 1; i < step.words.size(); ++i) {
        auto const& word = step.words[i];
        if (word == "on_missing=warn") {
            engine_options_.policy.on_missing = ledger::OnMissing::warn;
        } else if (word.starts_with("cost_basis=")) {
            auto const method = model::parse_cost_basis(word.substr(11));
            if (!method) return method.error().message;
            engine_options_.policy.fold.method = *method;
        } else if (word == "calculate_realized_pnl=false") {
            engine_options_.policy.fold.calculate_realized_pnl = false;
        } else if (word == "enabled=false") {
            engine_options_.enabled = false;
        } else if (word.starts_with("interval=")) {
            auto const interval = base::parse_duration(word.substr(9));
            if (!interval) return interval.error().message;
            engine_options_.interval = *interval;
        } else if (word == "expect=live") {
            engine_options_.expect = sync::Expect::live;
        } else {
            return "no such option: " + word;
        }
    }
    return {};
}

std::string World::start(gateway::ScenarioStep const& step) {
    if (auto problem = configure(step); !problem.empty()) return problem;
    engine_ = std::make_unique<sync::Engine>(engine_options_, utc);
    feed(sync::Start{});
    settle();
    pass(std::chrono::seconds(8));
    return {};
}

void World::stop() {
    if (!engine_) return;
    engine_.reset();  // as a kill would: whatever was not committed is gone
    if (connection_ != 0) simulator.disconnected(connection_);
    connection_ = 0;
    events_.clear();
    received_.clear();
    answer_.reset();
}

void World::crash() {
    stop();
    store_.reset();
}

void World::restart() {
    stop();
    if (!options_.store_survives_restart) {
        store_.reset();
        store_ = options_.open_store();
    }
    engine_ = std::make_unique<sync::Engine>(engine_options_, utc);
    feed(sync::Start{});
    settle();
    pass(std::chrono::seconds(8));
}

std::string World::sync(gateway::ScenarioStep const& step) {
    answer_.reset();
    sync::SyncRequested request;
    request.request_number = ++requests_;
    if (step.words.size() > 1 && step.words[1] != "fails") request.account = step.words[1];
    feed(request);
    settle();
    for (int i = 0; i < 600 && !answer_; ++i) pass(std::chrono::milliseconds(100));
    if (!answer_) return "the sync did not end within a minute";
    bool const wanted = step.words.back() != "fails";
    for (auto const& result : answer_->results) {
        if (result.success != wanted) return result.success ? "the sync went well" : "the sync failed: " + result.error;
    }
    return {};
}

/// The same frames, some twice or in another order. The handshake's answer is left as it is.
std::string World::disturbed(std::string const& bytes) {
    frames_.append(bytes);
    std::vector<std::string> frames;
    while (true) {
        auto const frame = frames_.next();
        if (!frame || !*frame) break;
        frames.emplace_back(**frame);
    }
    auto const is_fact = [](std::string const& frame) {
        auto const id = frame.substr(0, frame.find('\0'));
        return id == "11" || id == "59";
    };
    if (options_.facts_shuffled) {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            if (is_fact(frames[i])) places.push_back(i);
        }
        for (std::size_t i = places.size(); i > 1; --i) std::swap(frames[places[i - 1]], frames[places[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(i) - 1))]]);
    }
    std::string result;
    for (auto const& frame : frames) {
        int const times = options_.every_frame_twice && shaken_hands_ ? 2 : 1;
        disturbed_ += times - 1;
        for (int i = 0; i < times; ++i) tws::append_frame(result, frame);
        shaken_hands_ = true;
    }
    return result;
}

void World::settle() {
    for (int guard = 0; guard < 1'000'000; ++guard) {
        if (options_.process_stopped && options_.process_stopped()) return;
        if (engine_ && !events_.empty()) {
            sync::Event const event = std::move(events_.front());
            events_.pop_front();
            auto effects = engine_->step(event, clock());
            if (std::holds_alternative<sync::BytesReceived>(event)) received_.pop_front();
            for (auto& effect : effects) carry_out(effect);
            continue;
        }
        bool moved = false;
        for (auto& output : simulator.take_outputs(now_)) {
            if (output.connection != connection_ || !engine_) continue;
            moved = true;
            if (options_.every_frame_twice || options_.facts_shuffled) output.bytes = disturbed(output.bytes);
            if (options_.one_byte_per_read) {
                for (char const c : output.bytes) {
                    received_.emplace_back(1, c);
                    events_.push_back(sync::BytesReceived{received_.back()});
                }
            } else if (!output.bytes.empty()) {
                received_.push_back(std::move(output.bytes));
                events_.push_back(sync::BytesReceived{received_.back()});
            }
            if (output.close) {
                connection_ = 0;
                events_.push_back(sync::SocketClosed{"closed by the gateway"});
            }
        }
        if (!moved && events_.empty()) return;
    }
    trouble_ = "the service and the gateway never come to rest";
}

void World::pass(base::Duration duration) {
    base::Duration const until = now_.steady + duration;
    for (int guard = 0; guard < 1'000'000; ++guard) {
        if (options_.process_stopped && options_.process_stopped()) return;
        base::Duration next = until;
        if (engine_) {
            if (auto const due = engine_->next_wakeup(); due && *due < next) next = std::max(*due, now_.steady);
        }
        if (auto const due = simulator.next_deadline(); due && *due < next) next = std::max(*due, now_.steady);
        now_.wall = now_.wall + (next - now_.steady);
        now_.steady = next;
        simulator.on_time(now_);
        if (engine_) feed(sync::Tick{});
        settle();
        if (next == until) return;
    }
    trouble_ = "time does not pass: the engine asks to be woken at once, again and again";
}

void World::feed(sync::Event const& event) { events_.push_back(event); }

void World::carry_out(sync::Effect& effect) {
    if (std::holds_alternative<sync::OpenSocket>(effect)) {
        frames_.reset();
        shaken_hands_ = false;
        connection_ = simulator.connect(now_);
        if (connection_ == 0) {
            events_.push_back(sync::SocketFailed{"Connection refused"});
        } else {
            events_.push_back(sync::SocketOpened{});
        }
    } else if (std::holds_alternative<sync::CloseSocket>(effect)) {
        if (connection_ != 0) simulator.disconnected(connection_);
        connection_ = 0;
        std::erase_if(events_, [](auto const& event) { return std::holds_alternative<sync::BytesReceived>(event); });
        received_.clear();
    } else if (auto* send = std::get_if<sync::SendBytes>(&effect)) {
        if (connection_ != 0) simulator.bytes(connection_, send->bytes, now_);
    } else if (auto* claim = std::get_if<sync::Claim>(&effect)) {
        if (claim->renewal && claim->accounts.empty()) {  // hours pass in a test: not each of their renewals needs a transaction
            events_.push_back(sync::Claimed{lease_.epoch, {}, {}});
            return;
        }
        events_.push_back(app::carry_out(*store_, *claim, {engine_options_.gateway, "test"}, clock().wall, lease_));
    } else if (auto* load = std::get_if<sync::LoadBook>(&effect)) {
        events_.push_back(app::carry_out(*store_, *load, clock().wall));
    } else if (auto* commit = std::get_if<sync::Commit>(&effect)) {
        auto answer = app::carry_out(*store_, *commit, lease_, clock().wall);
        bool const done = std::holds_alternative<sync::Committed>(answer);
        events_.push_back(std::move(answer));
        if (!done) return;
        ++commits_;
        for (auto const& window : commit->coverage) coverage_[window.from_time] = window;
        for (auto const& change_set : commit->change_sets) keep(*change_set);
    } else if (auto* finished = std::get_if<sync::SyncFinished>(&effect)) {
        answer_ = std::move(*finished);
    } else if (auto* line = std::get_if<sync::Log>(&effect)) {
        log.push_back(std::move(*line));
    }
}

model::AccountBook const* World::book() const { return engine_ ? engine_->book(player_.account()) : nullptr; }

model::InstrumentBook const* World::instrument(std::string const& name) const {
    auto const* found = broker.find(name);
    auto const* held = book();
    if (found == nullptr || held == nullptr) return nullptr;
    auto const at = held->instruments.find(found->con_id);
    return at == held->instruments.end() ? nullptr : &at->second;
}

std::string World::expect(gateway::ScenarioStep const& step) {
    auto const& words = step.words;
    auto word = [&](std::size_t index) { return index < words.size() ? words[index] : std::string(); };
    std::string const what = word(1);
    auto const* held = book();
    if (what == "log") {
        for (auto const& line : log) {
            if (line.event == word(2)) return {};
        }
        return "nothing was logged as " + word(2);
    }
    if (what == "coverage") {
        auto const count = std::count_if(coverage_.begin(), coverage_.end(), [&](auto const& each) { return each.second.state == word(2); });
        if (std::to_string(count) == word(3)) return {};
        std::string all;
        for (auto const& [from, window] : coverage_) {
            all += fmt::format("\n    {} to {} {} ({})", base::to_rfc3339(from), base::to_rfc3339(window.to_time), window.state, window.source);
        }
        return fmt::format("{} windows are {}:{}", count, word(2), all);
    }
    if (what == "state") {
        std::string const state = engine_ ? engine_->status().state : "not started";
        return state == word(2) ? "" : "the state is " + state;
    }
    if (what == "certified") return expect_certified(step);
    if (what == "difference" || (what == "no" && word(2) == "differences")) return expect_difference(step);
    if (what == "at" || what == "believed-at") return expect_at(step);
    if (held == nullptr) return "there is no book of account " + player_.account();
    if (what == "revision") {
        return std::to_string(held->revision) == word(2) ? "" : fmt::format("the revision is {}", held->revision);
    }
    if (what == "open") {
        int open = 0;
        for (auto const& [unused, each] : held->instruments) open += !each.positions.empty() && each.positions.back().open();
        return std::to_string(open) == word(2) ? "" : fmt::format("{} positions are open", open);
    }
    if (what == "no" && word(2) == "breaks") {
        if (held->breaks.empty()) return {};
        auto const& first = held->breaks.begin()->second;
        return fmt::format("there is a break of kind {} in conId {}: broker {}, book {}, {}", to_string(first.kind), first.con_id,
                           show(first.broker_value), show(first.book_value), first.detail);
    }
    if (what == "break") {  // expect break KIND STATE
        for (auto const& [unused, each] : held->breaks) {
            if (to_string(each.kind) == word(2) && (word(3).empty() || to_string(each.state) == word(3))) return {};
        }
        std::string all;
        for (auto const& [unused, each] : held->breaks) all += fmt::format(" {} {}", to_string(each.kind), to_string(each.state));
        return "there is no such break, only:" + all;
    }
    if (what == "no" && word(2) == "position") {
        auto const* found = instrument(word(3));
        bool const open = found != nullptr && !found->positions.empty() && found->positions.back().open();
        return open ? "it is open with " + found->positions.back().quantity.to_string() : "";
    }
    auto const* found = instrument(word(2));
    if (found == nullptr) return "the book does not know " + word(2);
    if (what == "position") {  // expect position NAME QUANTITY [@ AVERAGE] [realized R] [net N] [commissions C] [unknown N]
        if (found->positions.empty()) return "there is no position in " + word(2);
        auto const& position = found->positions.back();
        if (!matches(position.quantity, word(3))) return "the quantity is " + position.quantity.to_string();
        for (std::size_t i = 4; i + 1 < words.size(); i += 2) {
            auto const& key = words[i];
            auto const& value = words[i + 1];
            if (key == "@" && !matches(position.average_price, value)) return "the average is " + show(position.average_price);
            if (key == "realized" && !matches(position.realized_pnl, value)) return "realized is " + position.realized_pnl.to_string();
            if (key == "net" && !matches(position.net_realized_pnl, value)) return "net is " + show(position.net_realized_pnl);
            if (key == "commissions" && !matches(position.commissions, value)) return "commissions are " + show(position.commissions);
            if (key == "unknown" && std::to_string(position.unknown_closes) != value) {
                return fmt::format("{} closes are unknown", position.unknown_closes);
            }
            if (key == "lots") {
                std::size_t lots = 0;
                for (auto const& lot : found->lots) lots += lot.position_id == position.position_id && !lot.remaining_quantity.is_zero();
                if (std::to_string(lots) != value) return fmt::format("there are {} lots", lots);
            }
        }
        return {};
    }
    if (what == "close") {  // expect close NAME QUANTITY [at PRICE] [entry E] [realized R] [net N] [estimated X] [cause C] [basis B] [full yes|no]
        if (found->closes.empty()) return "there is no close of " + word(2);
        std::string nearest;
        for (auto const& close : found->closes) {
            std::string off;
            if (!matches(close.quantity_closed, word(3))) off = "closed " + close.quantity_closed.to_string();
            for (std::size_t i = 4; i + 1 < words.size() && off.empty(); i += 2) {
                auto const& key = words[i];
                auto const& value = words[i + 1];
                if (key == "at" && !matches(close.exit_price, value)) off = "exit " + show(close.exit_price);
                if (key == "entry" && !matches(close.entry_price, value)) off = "entry " + show(close.entry_price);
                if (key == "realized" && !matches(close.realized_pnl, value)) off = "realized " + show(close.realized_pnl);
                if (key == "net" && !matches(close.net_realized_pnl, value)) off = "net " + show(close.net_realized_pnl);
                if (key == "estimated" && !matches(close.estimated_realized_pnl, value)) off = "estimated " + show(close.estimated_realized_pnl);
                if (key == "cause" && to_string(close.cause) != value) off = "cause " + std::string(to_string(close.cause));
                if (key == "basis" && to_string(close.basis) != value) off = "basis " + std::string(to_string(close.basis));
                if (key == "full" && (close.is_full_close ? "yes" : "no") != value) off = close.is_full_close ? "full" : "partial";
            }
            if (off.empty()) return {};
            nearest = off;
        }
        return "no close is like that; the last differs by: " + nearest;
    }
    if (what == "closes") {
        return std::to_string(found->closes.size()) == word(3) ? "" : fmt::format("there are {} closes", found->closes.size());
    }
    if (what == "executions") {
        return std::to_string(found->executions.size()) == word(3) ? "" : fmt::format("there are {} executions", found->executions.size());
    }
    if (what == "event") {  // expect event NAME KIND [CAUSE]: one of the committed events
        for (auto const& event : changes_) {
            if (event.con_id == found->instrument.con_id() && to_string(event.kind) == word(3) &&
                (word(4).empty() || to_string(event.cause) == word(4))) {
                return {};
            }
        }
        return "no such event was committed";
    }
    return "nobody knows how to expect '" + what + "'";
}

}  // namespace possync::scenarios

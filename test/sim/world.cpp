#include "world.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/store_work.hpp"
#include "gateway/broker_statement.hpp"
#include "ledger/plan.hpp"
#include "reconciliation/statement_import.hpp"
#include "scenarios/operator_edit.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::sim {

using base::Duration;
using faulty_disk::Disk;
using faulty_disk::Process;

namespace {

constexpr char const* path = "book.db";
constexpr Duration clock_off_max = std::chrono::hours(24 * 6);

class UtcOnly final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local);
    }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override {
        return base::utc_local(time);
    }
};
UtcOnly const utc;

/// A database at the newest schema, made once: a seed begins where `possync migrate` ends.
Disk::Image const& empty_database() {
    static Disk::Image const image = [] {
        Disk disk(1);
        {
            Process process(disk);
            store::SqliteOptions options;
            options.files = &process;
            auto const opened = store::open_sqlite_store(path, options);
            if (!opened) throw std::runtime_error(opened.error().message);
        }
        return disk.image();
    }();
    return image;
}

class Trace {
public:
    void add(std::string_view text) {
        for (char const c : text)
            hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
        hash_ = (hash_ ^ 0xFF) * 0x100000001B3ULL;
    }
    void add(std::int64_t number) {
        hash_ = (hash_ ^ static_cast<std::uint64_t>(number)) * 0x9E3779B97F4A7C15ULL;
        hash_ ^= hash_ >> 29;
    }
    void add(base::Decimal const& value) {
        add(static_cast<std::int64_t>(value.coefficient()));
        add(static_cast<std::int64_t>(value.scale()));
    }
    [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

class World;

/// The store of one service, overheard by the auditor.
class AuditedStore final : public store::Store {
public:
    AuditedStore(store::Store& store, World& world, int service, int life)
        : store_(store), world_(world), service_(service), life_(life) {}
    base::Result<store::GatewayLease> claim(store::GatewayClaim const& claim) override;
    base::Result<void> release(int gateway_id, std::int64_t epoch, base::Timestamp now) override {
        return store_.release(gateway_id, epoch, now);
    }
    base::Result<void> beat(store::Heartbeat const& beat) override { return store_.beat(beat); }
    base::Result<void> leave(std::string const& owner) override { return store_.leave(owner); }
    base::Result<store::Fleet> fleet(base::Timestamp now) override { return store_.fleet(now); }
    base::Result<model::AccountBook> load(model::AccountId account, base::Timestamp now, Duration history) override {
        return store_.load(account, now, history);
    }
    base::Result<model::LastRecords> load_last_records(model::AccountId account) override {
        return store_.load_last_records(account);
    }
    base::Result<model::InstrumentBook> load_history(model::AccountId account, model::ConId con_id,
                                                     base::Timestamp since) override {
        return store_.load_history(account, con_id, since);
    }
    base::Result<model::StatementClaims> load_claims(model::AccountId account, base::Date since) override {
        return store_.load_claims(account, since);
    }
    base::Result<std::vector<model::ConId>> instruments_moved(model::AccountId account, base::Timestamp from,
                                                              base::Timestamp to) override {
        return store_.instruments_moved(account, from, to);
    }
    base::Result<void> commit(store::CommitRequest const& request) override;
    base::Result<std::vector<store::OperatorRequest>> pending_requests(std::string const& service) override {
        return store_.pending_requests(service);
    }
    base::Result<void> finish_request(std::int64_t id, bool ok, std::string const& answer, base::Timestamp now) override {
        return store_.finish_request(id, ok, answer, now);
    }

private:
    store::Store& store_;
    World& world_;
    int service_;
    int life_;
};

/// What a service's engine is to be handed, with the bytes it looks at.
struct Input {
    sync::Event event;
    std::string bytes;
    bool is_bytes = false;
};

/// One service: a process with an engine, a store thread and a socket of its own. All are on the machine that the database's file
/// is on.
struct Service {
    int number = 1;
    int life = 0;  ///< counts starts over all services; 0: never started
    sync::EngineOptions options;
    std::unique_ptr<Process> process;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<AuditedStore> audited;
    std::unique_ptr<sync::Engine> engine;
    store::GatewayLease lease;

    int connection = 0;
    bool deaf = false;  ///< half-open: what is said on either side arrives nowhere
    std::deque<Input> inbox;
    struct Job {
        Duration due{0};
        std::function<void(Service&)> work;
    };
    std::deque<Job> jobs;  ///< the store's thread
    bool answering = false;
    std::deque<std::pair<Duration, sync::Event>> answers;

    bool paused = false;
    std::optional<Duration> start_at;
    bool wanted = false;  ///< it runs, or is to be started again
    std::set<std::int64_t> unanswered;

    [[nodiscard]] bool lives() const { return engine != nullptr; }
};

class World {
public:
    explicit World(RunOptions const& options);
    Outcome go();

    [[nodiscard]] bool over() const { return auditor.violation().has_value() || (!healed_ && events_ >= options_.events); }
    void tell(std::string const& line) {
        if (options_.tell) options_.tell(fmt::format("{} {}", base::to_rfc3339(now_.wall).substr(5, 18), line));
    }

    void settle_doubts(store::CommitRequest const* just_done);
    void tell_commit(int service, store::CommitRequest const& request);

    Swarm swarm;
    gateway::Broker broker;
    gateway::Simulator simulator;
    Marks marks;
    Auditor auditor;
    Trace trace;
    std::string died;  ///< of which service a crash was due

    [[nodiscard]] model::CostBasis method_of(int service) const {
        return services_[static_cast<std::size_t>(service - 1)].options.policy.fold.method;
    }

private:
    /// What the machine's clocks say; its wall clock may be wrong.
    [[nodiscard]] base::Now clock() const { return {now_.wall + clock_off_, now_.steady}; }
    void perform(Step const& step);
    void perform_own(Step const& step);
    void pass(Duration duration);
    void settle();
    [[nodiscard]] std::optional<Duration> next_due() const;
    void feed(Service& service, Input input);
    void carry_out(Service& service, sync::Effect& effect);
    void post(Service& service, std::function<void(Service&)> work);
    void answer(Service& service, sync::Event event);
    void start(Service& service);
    void kill(Service& service, Duration back_after);
    void check_stopped(Service& service);
    void hang_up(Service& service);
    void audit_database();
    void list_was_seen(sync::SyncResult const& result);
    void heal();
    void finish();
    void repair(Service& service, Step const& step);
    void import(Service& service, Step const& step);
    [[nodiscard]] Service* service(std::string const& number);
    [[nodiscard]] Service* owner();
    void count_faults();

    RunOptions const& options_;
    Disk disk_;
    std::vector<Service> services_;
    gateway::ScenarioPlayer player_;
    Generator generator_;
    base::Prng random_;
    base::Now now_;
    base::Timestamp began_;
    Duration clock_off_{0};     ///< by which the wall clock is wrong
    std::vector<int> zombies_;  ///< connections whose client is gone and whose gateway does not know
    int lives_ = 0;
    std::int64_t requests_ = 0;
    std::int64_t events_ = 0;
    std::int64_t steps_ = 0;
    std::int64_t own_faults_ = 0;
    bool healed_ = false;
    bool dead_owners_known_ = false;
    bool waits_for_missing_ = false;
    bool guard_held_ = false;  ///< since the faults stopped
    std::optional<Duration> list_empty_since_;  ///< and no service has seen another one since
    Duration list_full_since_{0};
    int connections_since_empty_ = 0;
    std::set<std::string> gone_accounts_;
};

void World::tell_commit(int service, store::CommitRequest const& request) {
    if (!options_.tell) return;
    if (!request.change_sets.empty()) tell(fmt::format("    service {} commits under epoch {}", service, request.epoch));
    for (auto const& window : request.coverage) {
        tell(fmt::format("    coverage of account {} from {} to {} by {}: {}", window.account_id, base::to_rfc3339(window.from_time),
                         base::to_rfc3339(window.to_time), window.source, window.state));
    }
    for (auto const& change_set : request.change_sets) {
        for (auto const& i : change_set->instruments) {
            tell(fmt::format("    r{} instrument {} {} scale {}{}", change_set->base_revision + 1, i.con_id(), i->local_symbol,
                             i->price_scale ? i->price_scale->to_string() : "unknown", i->details_known ? "" : ", not described"));
        }
        for (auto const& e : change_set->executions) {
            tell(fmt::format("    r{} execution {} conId {} {} {}{}", change_set->base_revision + 1, e.exec_id, e.con_id,
                             e.signed_quantity().to_string(), to_string(e.booking),
                             e.superseded_by.empty() ? "" : " superseded by " + e.superseded_by));
        }
        for (auto const& a : change_set->adjustments) {
            tell(fmt::format("    r{} adjustment {} conId {} {} {}{}{}", change_set->base_revision + 1,
                             a.adjustment_id & 0xFFFFFFFF, a.con_id, to_string(a.cause), a.quantity.to_string(),
                             a.ratio ? " " + to_string(*a.ratio) : "", a.undone_at ? " withdrawn: " + a.undone_by : ""));
        }
        for (auto const& p : change_set->positions)
            tell(fmt::format("    r{} position {} conId {} {}", change_set->base_revision + 1, p.position_id & 0xFFFFFFFF, p.con_id, p.quantity.to_string()));
        for (auto const& l : change_set->lots) {
            tell(fmt::format("    r{} lot {} of position {} holds {} of {}", change_set->base_revision + 1, l.lot_id & 0xFFFFFFFF,
                             l.position_id & 0xFFFFFFFF, l.remaining_quantity.to_string(), l.quantity.to_string()));
        }
        for (auto const id : change_set->removed_positions) tell(fmt::format("    r{} no position {}", change_set->base_revision + 1, id & 0xFFFFFFFF));
        for (auto const id : change_set->removed_lots) tell(fmt::format("    r{} no lot {}", change_set->base_revision + 1, id & 0xFFFFFFFF));
    }
}

base::Result<store::GatewayLease> AuditedStore::claim(store::GatewayClaim const& claim) {
    auto lease = store_.claim(claim);
    if (lease) {
        world_.tell(fmt::format("    service {} has epoch {}", service_, lease->epoch));
        world_.auditor.claimed(life_, *lease);
        if (world_.auditor.doubts()) world_.settle_doubts(nullptr);
    } else if (lease.error().code == base::ErrorCode::conflict) {
        world_.marks.hit("claim refused: another owner");
    }
    return lease;
}

base::Result<void> AuditedStore::commit(store::CommitRequest const& request) {
    auto done = store_.commit(request);
    auto const method = world_.method_of(service_);
    if (done) {
        world_.tell_commit(service_, request);
        if (world_.auditor.doubts()) world_.settle_doubts(&request);
        world_.auditor.committed(life_, request, method);
    } else if (done.error().code == base::ErrorCode::conflict) {
        world_.marks.hit("commit refused: conflict");
    } else {
        world_.marks.hit("commit failed");
        world_.auditor.in_doubt(life_, request, method);
    }
    return done;
}

gateway::SimulatorOptions simulator_options(Swarm const& swarm) {
    gateway::SimulatorOptions options;
    options.server_version = swarm.server_version;
    options.master_client_id = swarm.master_client ? 71 : -1;
    options.virtual_fx_positions = swarm.virtual_fx;
    options.zero_rows_of_today_only = swarm.zero_rows_of_today_only;
    options.days_of_executions = swarm.days_of_executions;
    options.start_seed = swarm.start_order;
    return options;
}

World::World(RunOptions const& options)
    : swarm(draw_swarm(options.seed)), simulator(broker, simulator_options(swarm)), auditor(broker, swarm, marks),
      options_(options), disk_(options.seed), player_(broker, simulator, "sim"), generator_(swarm, options.seed, broker),
      random_(options.seed ^ 0x3077D) {
    now_.wall = *base::parse_rfc3339("2026-11-23T13:00:00Z");
    now_.wall = now_.wall + std::chrono::seconds(random_.between(0, 40'000));
    // What a statement takes back is of an earlier day: midnight is near.
    if (swarm.statement_only != 0 && random_.chance(500)) now_.wall = *base::parse_rfc3339("2026-11-23T23:00:00Z") + std::chrono::seconds(random_.between(0, 3600));
    began_ = now_.wall;
    now_.steady = std::chrono::seconds(1000);
    disk_.restore(empty_database());
    dead_owners_known_ = swarm.clocks != 0 || random_.chance(500);
    simulator.injector.seed(options.seed);
    auditor.warns = swarm.on_missing_warn;
    services_.resize(static_cast<std::size_t>(swarm.services));
    for (std::size_t i = 0; i < services_.size(); ++i) {
        Service& each = services_[i];
        each.number = static_cast<int>(i) + 1;
        each.options.interval = swarm.interval;
        each.options.policy.fold.method = swarm.method;
        each.options.policy.on_missing = swarm.on_missing_warn ? ledger::OnMissing::warn : ledger::OnMissing::close;
        each.options.marks = swarm.marks;
        each.options.on_position_update = each.options.on_trade = swarm.on_updates;
        each.options.seed = options.seed + i;
    }
}

Service* World::service(std::string const& number) {
    auto const index = static_cast<std::size_t>(std::max(1, std::atoi(number.c_str())) - 1);
    return index < services_.size() ? &services_[index] : nullptr;
}

Service* World::owner() {
    for (auto& each : services_) {
        if (each.lives() && !each.paused && each.lease.gateway_id != 0 && each.engine->status().state == "ready") return &each;
    }
    return nullptr;
}

// --- services ----------------------------------------------------------------------------------------------------------------

void World::start(Service& service) {
    if (service.lives()) return;
    service.wanted = true;
    service.start_at.reset();
    service.life = ++lives_;
    service.process = std::make_unique<Process>(disk_);
    store::SqliteOptions options;
    options.files = service.process.get();
    options.busy_timeout = Duration(0);
    if (dead_owners_known_) {
        options.owner_is_gone = [this](std::string const& owner) {
            return std::none_of(services_.begin(), services_.end(),
                                [&](Service const& each) { return each.lives() && fmt::format("life{}", each.life) == owner; });
        };
    }
    auto opened = store::open_sqlite_store(path, options);
    if (!opened) {
        marks.hit("database not opened");
        tell(fmt::format("service {} cannot open its database: {}", service.number, opened.error().message));
        service.process.reset();
        service.start_at = now_.steady + std::chrono::seconds(5);
        return;
    }
    service.store = std::move(*opened);
    service.audited = std::make_unique<AuditedStore>(*service.store, *this, service.number, service.life);
    service.lease = {};
    service.engine = std::make_unique<sync::Engine>(service.options, utc);
    tell(fmt::format("service {} starts", service.number));
    feed(service, {sync::Start{}, {}, false});
}

void World::hang_up(Service& service) {
    if (service.connection == 0) return;
    if (service.deaf) {
        zombies_.push_back(service.connection);
    } else {
        simulator.disconnected(service.connection);
    }
    service.connection = 0;
    service.deaf = false;
    std::erase_if(service.inbox,
                  [](Input const& input) { return input.is_bytes || std::holds_alternative<sync::SocketClosed>(input.event); });
}

void World::kill(Service& service, Duration back_after) {
    if (!service.lives() && !service.process) return;
    tell(fmt::format("service {} dies", service.number));
    hang_up(service);
    if (!service.jobs.empty()) marks.hit("killed with work for the store waiting");
    if (!service.answers.empty()) marks.hit("killed before an answer of the store was heard");
    service.engine.reset();
    service.inbox.clear();
    service.jobs.clear();
    service.answers.clear();
    service.unanswered.clear();
    service.paused = false;
    if (service.process) service.process->kill();
    service.audited.reset();
    service.store.reset();
    service.process.reset();
    service.start_at = now_.steady + back_after;
    audit_database();
}

/// A crash that was due at an operation of the disk has come.
void World::check_stopped(Service& service) {
    if (!service.process || !service.process->stopped()) return;
    marks.hit("crash at an operation of the disk");
    kill(service, Duration(random_.between(100'000, 20'000'000)));
}

/// After something was written the log holds that and what it stands on, nothing behind it: a copy shows what the services see.
void World::settle_doubts(store::CommitRequest const* just_done) {
    Disk copy(1);
    copy.restore(disk_.image());
    Process process(copy);
    auto database = store::sqlite::Database::open(path, {.mode = store::sqlite::Database::Mode::read_write, .files = &process});
    if (!database) return auditor.fail("P9", "the database does not open: " + database.error().message);
    if (!auditor.settle_doubts(**database, Auditor::Look::seen, just_done)) auditor.fail("P9", "the database cannot be read");
}

/// Looks at a copy: nothing that the auditor does is seen by anybody. What is in doubt stays so while a power cut may still take
/// it back: whoever starts next writes before it believes what it reads.
void World::audit_database() {
    bool const others = std::any_of(services_.begin(), services_.end(),
                                    [](Service const& each) { return each.process && !each.process->stopped(); });
    if (others) {  // what counts is what they see: a commit that was cut short before it was told to them is none
        Process reader(disk_);
        auto database = store::sqlite::Database::open(path, {.mode = store::sqlite::Database::Mode::read_only, .files = &reader});
        if (!database) return;  // a fault of the disk; it is looked at again
        return auditor.check_database(**database, Auditor::Look::seen);
    }
    if (auditor.doubts() && !healed_) return;
    Disk copy(1);
    copy.restore(disk_.image());
    Process process(copy);
    auto database = store::sqlite::Database::open(path, {.mode = store::sqlite::Database::Mode::read_write, .files = &process});
    if (!database) return auditor.fail("P9", "the database does not open: " + database.error().message);
    auditor.check_database(**database, Auditor::Look::recovered);
}

// --- the engine's effects ------------------------------------------------------------------------------------------------------

void World::feed(Service& service, Input input) { service.inbox.push_back(std::move(input)); }

void World::post(Service& service, std::function<void(Service&)> work) {
    Duration due = now_.steady;
    if (swarm.store_latency_max.count() > 0) due += Duration(random_.between(0, swarm.store_latency_max.count()));
    if (!service.jobs.empty()) due = std::max(due, service.jobs.back().due);
    service.jobs.push_back({due, std::move(work)});
}

void World::answer(Service& service, sync::Event event) {
    Duration due = now_.steady;
    if (swarm.store_latency_max.count() > 0) due += Duration(random_.between(0, swarm.store_latency_max.count() / 4));
    if (!service.answers.empty()) due = std::max(due, service.answers.back().first);
    service.answers.emplace_back(due, std::move(event));
}

void World::carry_out(Service& service, sync::Effect& effect) {
    if (std::holds_alternative<sync::OpenSocket>(effect)) {
        hang_up(service);
        service.connection = simulator.connect(now_);
        ++connections_since_empty_;
        auditor.guard_holds = false;  // a reconnect may confirm what it holds back
        if (service.connection == 0) {
            marks.hit("connection refused");
            feed(service, {sync::SocketFailed{"Connection refused"}, {}, false});
        } else {
            feed(service, {sync::SocketOpened{}, {}, false});
        }
    } else if (std::holds_alternative<sync::CloseSocket>(effect)) {
        hang_up(service);
    } else if (auto* send = std::get_if<sync::SendBytes>(&effect)) {
        trace.add(send->bytes);
        if (service.connection != 0 && !service.deaf) simulator.bytes(service.connection, send->bytes, now_);
    } else if (auto* claim = std::get_if<sync::Claim>(&effect)) {
        post(service, [this, claim = std::move(*claim)](Service& s) {
            store::GatewayLease lease;
            auto event = app::carry_out(*s.audited, claim, {s.options.gateway, fmt::format("life{}", s.life)}, clock().wall, lease);
            if (std::holds_alternative<sync::Claimed>(event)) {
                if (claim.accounts.empty() && lease.epoch == s.lease.epoch) lease.accounts = std::move(s.lease.accounts);
                s.lease = std::move(lease);
            }
            answer(s, std::move(event));
        });
    } else if (std::holds_alternative<sync::Release>(effect)) {
        marks.hit("lease given back");
        post(service, [this](Service& s) {
            if (s.lease.gateway_id != 0) (void)s.audited->release(s.lease.gateway_id, s.lease.epoch, clock().wall);
            s.lease = {};
        });
    } else if (auto* load = std::get_if<sync::LoadBook>(&effect)) {
        post(service, [this, load = *load](Service& s) { answer(s, app::carry_out(*s.audited, load, clock().wall)); });
    } else if (auto* commit = std::get_if<sync::Commit>(&effect)) {
        for (auto const& change_set : commit->change_sets) {
            trace.add(change_set->base_revision);
            for (auto const& p : change_set->positions) {
                trace.add(p.position_id);
                trace.add(p.quantity);
                trace.add(p.realized_pnl);
                if (p.average_price) trace.add(*p.average_price);
            }
            for (auto const& e : change_set->executions)
                trace.add(e.exec_id);
            for (auto const& e : change_set->events)
                trace.add(e.quantity_after);
            for (auto const& b : change_set->breaks)
                trace.add(b.detail);
        }
        // The lease and the time of a commit are those of now, not of when the thread comes to it.
        post(service, [this, commit = std::move(*commit), lease = service.lease, now = clock().wall](Service& s) {
            answer(s, app::carry_out(*s.audited, commit, lease, now));
        });
    } else if (auto* finished = std::get_if<sync::SyncFinished>(&effect)) {
        if (service.unanswered.erase(finished->request_number) != 1)
            auditor.fail("P18", fmt::format("request {} was answered twice", finished->request_number));
        bool const well =
            std::all_of(finished->results.begin(), finished->results.end(), [](auto const& each) { return each.success; });
        marks.hit(well ? "request answered well" : "request answered with an error");
        if (!finished->would_write.empty()) marks.hit("dry run that would write");
    } else if (auto* line = std::get_if<sync::Log>(&effect)) {
        trace.add(line->event);
        trace.add(line->text);
        marks.hit("log", line->event);
        if (line->event == "guard.held") guard_held_ = true;
        if (line->result != nullptr) list_was_seen(*line->result);
        if (options_.tell) tell(fmt::format("  {} {} {} {}", service.number, line->event, line->account, line->text));
    } else if (std::holds_alternative<sync::Finished>(effect)) {
        marks.hit("stopped in order");
        post(service, [this](Service& s) {
            if (s.lease.gateway_id != 0) (void)s.audited->release(s.lease.gateway_id, s.lease.epoch, clock().wall);
            died = std::to_string(s.number);
        });
    }
}

// --- time --------------------------------------------------------------------------------------------------------------------

std::optional<Duration> World::next_due() const {
    std::optional<Duration> next = simulator.next_deadline();
    auto const consider = [&](std::optional<Duration> due) {
        if (due && (!next || *due < *next)) next = due;
    };
    for (auto const& each : services_) {
        if (each.start_at && !each.lives()) consider(each.start_at);
        if (!each.lives() || each.paused) continue;
        consider(each.engine->next_wakeup());
        if (!each.jobs.empty()) consider(each.jobs.front().due);
        if (!each.answers.empty()) consider(each.answers.front().first);
    }
    return next;
}

/// Everything that is due now, until nothing moves.
void World::settle() {
    for (int guard = 0; guard < 200'000; ++guard) {
        bool moved = false;
        for (auto& each : services_) {
            if (each.start_at && !each.lives() && *each.start_at <= now_.steady && each.wanted) {
                start(each);
                moved = true;
            }
            if (!each.lives() || each.paused) continue;
            if (!each.answers.empty() && each.answers.front().first <= now_.steady) {
                feed(each, {std::move(each.answers.front().second), {}, false});
                each.answers.pop_front();
            }
            while (each.lives() && !each.inbox.empty()) {
                if (over()) return;
                moved = true;
                Input input = std::move(each.inbox.front());
                each.inbox.pop_front();
                ++events_;
                if (input.is_bytes) input.event = sync::BytesReceived{input.bytes};
                auto effects = each.engine->step(std::move(input.event), clock());
                for (auto& effect : effects)
                    carry_out(each, effect);
            }
            while (each.lives() && !each.jobs.empty() && each.jobs.front().due <= now_.steady) {
                moved = true;
                auto const job = std::move(each.jobs.front());
                each.jobs.pop_front();
                disk_.set_time(now_.wall);
                job.work(each);
                check_stopped(each);
                if (auditor.violation()) return;
            }
            if (!died.empty()) {
                Service& dead = *service(died);
                died.clear();
                kill(dead, std::chrono::seconds(random_.between(1, 60)));
            }
        }
        for (auto& output : simulator.take_outputs(now_)) {
            for (auto& each : services_) {
                if (each.connection != output.connection || !each.lives()) continue;
                moved = true;
                if (each.deaf) break;
                std::string_view rest = output.bytes;
                while (!rest.empty()) {
                    auto const size = swarm.splits_of_bytes ? static_cast<std::size_t>(random_.between(1, 400)) : rest.size();
                    feed(each, {sync::Tick{}, std::string(rest.substr(0, size)), true});
                    rest.remove_prefix(std::min(size, rest.size()));
                }
                if (output.close) {
                    each.connection = 0;
                    feed(each, {sync::SocketClosed{"closed by the gateway"}, {}, false});
                }
                break;
            }
        }
        if (!moved) return;
    }
    auditor.fail("P19", "services and gateway never come to rest");
}

void World::pass(Duration duration) {
    Duration const until = now_.steady + duration;
    // What lists say for a quarter of an hour is believed.
    if (list_empty_since_ && until - *list_empty_since_ > std::chrono::minutes(14)) auditor.lists_were_empty_for_long = true;
    auditor.a_list_may_be_empty = list_empty_since_.has_value();
    auditor.guard_holds = list_empty_since_ && connections_since_empty_ == 0 && until - *list_empty_since_ < std::chrono::minutes(59);
    settle();
    for (int guard = 0; guard < 1'000'000 && !over(); ++guard) {
        Duration next = until;
        if (auto const due = next_due(); due && *due < next) next = std::max(*due, now_.steady);
        now_.wall = now_.wall + (next - now_.steady);
        now_.steady = next;
        simulator.on_time(now_);
        for (auto& each : services_) {
            if (!each.lives() || each.paused) continue;
            auto const wakeup = each.engine->next_wakeup();
            if (wakeup && *wakeup <= now_.steady) feed(each, {sync::Tick{}, {}, false});
        }
        settle();
        if (next == until) return;
    }
    if (!over()) auditor.fail("P19", "time does not pass: somebody asks to be woken at once, again and again");
}

// --- the story ---------------------------------------------------------------------------------------------------------------

void World::perform(Step const& step) {
    pass(step.wait);
    if (over()) return;
    ++events_;
    ++steps_;
    if (options_.tell) tell(fmt::format("#{} {}{}", step.number, step.account.empty() ? "" : step.account + ": ", step.line()));
    auto const& verb = step.words[0];
    // Each step draws its faults from a seed of its own: taking another one out of the story changes less.
    simulator.injector.seed(options_.seed * 1'000'003 + static_cast<std::uint64_t>(step.number));
    if (verb == "service" || verb == "disk" || verb == "clock" || verb == "half-open" || verb == "sync" || verb == "explain" ||
        verb == "exclude" || verb == "undo" || verb == "statement") {
        perform_own(step);
        settle();
        return;
    }
    if (!step.account.empty()) {
        if (gone_accounts_.contains(step.account)) return;
        (void)player_.play({0, {"account", step.account}}, now_);
    }
    if (verb == "account" && step.words.size() > 2) gone_accounts_.insert(step.words[1]);
    auto const con_of = [&](std::size_t index) -> model::ConId {
        auto const* found = index < step.words.size() ? broker.find(step.words[index]) : nullptr;
        return found == nullptr ? 0 : found->con_id;
    };
    auto const taint = [&](model::ConId con_id) {
        auditor.taint(step.account, con_id);
        // What an option delivers moves its underlying; what moves an underlying may be read as a delivery.
        for (auto const& [id, instrument] : broker.instruments()) {
            if (instrument.con_id == con_id && instrument.under_con_id != 0) auditor.taint(step.account, instrument.under_con_id);
            if (instrument.under_con_id == con_id) auditor.taint(step.account, id);
        }
    };
    if (verb == "adjust" || verb == "transfer" || verb == "split" || verb == "entry") taint(con_of(1));
    if (verb == "cancel" || (verb == "correct" && step.words.back() == "unserved")) {
        for (auto const& each : broker.fills()) {
            if (model::execution_root(each.exec_id) != model::execution_root(player_.exec_id(step.words[1]))) continue;
            auditor.taint(each.account, each.con_id);
        }
        marks.hit(verb == "cancel" ? "broker takes a fill back" : "correction that only a statement tells");
    }
    if (verb == "fault" && step.words.size() > 2 && step.words[1] == "vanish") {
        auditor.vanished(step.account, con_of(2));
        taint(con_of(2));
        waits_for_missing_ = true;
    }
    if (verb == "fault") marks.hit("fault", step.words[1] == "next" ? step.words[2] : step.words[1]);
    if (verb == "notice") marks.hit("notice", step.words[1]);
    if ((verb == "adjust" || verb == "entry" || verb == "transfer" || verb == "cancel") && swarm.zero_rows_of_today_only) waits_for_missing_ = true;
    if (verb == "correct" || verb == "commission" || verb == "cancel") {
        auto const exec_id = player_.exec_id(step.words[1]);
        for (auto const& each : broker.fills()) {
            if (each.exec_id == exec_id && !broker.holdings().contains(each.account)) return;
        }
    }
    auto const played = player_.play({0, step.words}, now_);
    if (simulator.faults.empty_lists) {
        if (!list_empty_since_) {
            list_empty_since_ = now_.steady;
            connections_since_empty_ = 0;
        }
        list_full_since_ = Duration::max();
    } else if (list_full_since_ == Duration::max()) {
        list_full_since_ = now_.steady;
    }
    if (!played) {
        // Its premise was cut out of the story, or the broker refuses it.
        if (options_.tell) tell("   not possible: " + played.error().message);
        return;
    }
    if (!*played) auditor.fail("sim", "nobody does '" + step.line() + "'");
    auditor.broker_changed(now_.wall);
    settle();
}

void World::perform_own(Step const& step) {
    auto const& words = step.words;
    auto const word = [&](std::size_t index) { return index < words.size() ? words[index] : std::string(); };
    if (words[0] == "service") {
        Service* which = service(word(1));
        if (which == nullptr) return;
        if (word(2) == "start") {
            start(*which);
        } else if (word(2) == "kill") {
            ++own_faults_;
            marks.hit("service killed");
            kill(*which, Duration(random_.between(0, 30'000'000)));
        } else if (word(2) == "stop") {
            if (which->lives() && !which->paused) feed(*which, {sync::Stop{}, {}, false});
        } else if (word(2) == "pause") {
            ++own_faults_;
            if (which->lives()) which->paused = true;
            marks.hit("service paused");
        } else if (word(2) == "resume") {
            if (which->paused) marks.hit("service wakes up");
            which->paused = false;
        } else if (word(2) == "restart") {
            auto const& change = word(3);
            auto const value = change.substr(change.find('=') + 1);
            if (change.starts_with("cost_basis=")) which->options.policy.fold.method = *model::parse_cost_basis(value);
            if (change.starts_with("on_missing="))
                which->options.policy.on_missing = value == "warn" ? ledger::OnMissing::warn : ledger::OnMissing::close;
            auditor.warns = auditor.warns || change == "on_missing=warn";
            if (change.starts_with("interval=")) which->options.interval = *base::parse_duration(value);
            marks.hit("restarted with other options");
            kill(*which, std::chrono::seconds(1));
        }
    } else if (words[0] == "disk") {
        ++own_faults_;
        if (word(1) == "full") {
            marks.hit("disk full for a while");
            disk_.set_quota(0);
        } else if (word(1) == "room") {
            disk_.set_quota(std::nullopt);
        } else if (word(1) == "power-cut") {
            marks.hit("power cut");
            disk_.clear_faults();
            disk_.lose_power(options_.seed + static_cast<std::uint64_t>(step.number));
            for (auto& each : services_) {
                if (each.lives() || each.process) kill(each, Duration(random_.between(1'000'000, 40'000'000)));
            }
        } else {
            faulty_disk::Fault fault;
            for (int i = 0; i <= static_cast<int>(faulty_disk::Effect::sync_forgets); ++i) {
                if (word(1) == to_string(static_cast<faulty_disk::Effect>(i))) fault.effect = static_cast<faulty_disk::Effect>(i);
            }
            fault.at = std::atoi(word(3).c_str());
            if (word(4) == "times") fault.count = std::atoi(word(5).c_str());
            fault.seed = options_.seed + static_cast<std::uint64_t>(step.number);
            if (fault.effect == faulty_disk::Effect::sync_forgets) fault.operations = only(faulty_disk::Operation::sync);
            disk_.set_fault(fault);
            marks.hit("disk", word(1));
        }
    } else if (words[0] == "clock") {
        ++own_faults_;
        auto const seconds = std::atoll(word(1).c_str());
        // A book reaches back eight days from now: a clock that is wrong by more than a week has no today's facts in it.
        auto const off = clock_off_ + std::chrono::seconds(seconds);
        if (off > clock_off_max || off < -clock_off_max) return;
        clock_off_ = off;
        marks.hit(seconds < 0 ? "clock set back" : "clock set forward");
    } else if (words[0] == "half-open") {
        Service* which = service(word(1));
        if (which == nullptr || which->connection == 0) return;
        ++own_faults_;
        which->deaf = true;
        marks.hit("connection half open");
    } else if (words[0] == "sync") {
        Service* which = service(word(1));
        if (which == nullptr || !which->lives()) return;
        sync::SyncRequested request;
        request.request_number = ++requests_;
        request.dry_run = word(2) == "dry";
        if (!request.dry_run) request.account = word(2);
        which->unanswered.insert(request.request_number);
        feed(*which, {request, {}, false});
    } else {
        Service* which = owner();
        if (which == nullptr) return;
        if (words[0] == "statement") {
            post(*which, [this, step](Service& s) { import(s, step); });
        } else {
            post(*which, [this, step](Service& s) { repair(s, step); });
        }
    }
}

/// What the operator's verbs do: planned on the stored book, committed, and the service told to load it anew.
void World::repair(Service& service, Step const& step) {
    auto const& words = step.words;
    model::AccountId account = 0;
    for (auto const& each : service.lease.accounts) {
        if (each.account == step.account) account = each.account_id;
    }
    if (account == 0) return;
    auto book = service.audited->load(account, clock().wall, std::chrono::hours(24 * 3650));
    if (!book || book->revision == 0) return;
    std::string const exec_id = player_.exec_id(words[1]);
    model::ConId concerned = 0;
    if (words[0] == "exclude" || (words[0] == "undo" && !exec_id.empty())) {
        for (auto const& [con_id, instrument] : book->instruments) {
            for (auto const& e : instrument.executions) {
                if (model::execution_root(e.exec_id) == model::execution_root(exec_id)) concerned = con_id;
            }
        }
    } else {
        auto const* named = broker.find(words[1]);
        if (named == nullptr || !book->instruments.contains(named->con_id)) return;
        concerned = named->con_id;
    }
    auto const observation = scenarios::operator_edit(words, exec_id, broker, *book, "operator sim", clock().wall);
    if (!observation) return;
    auto policy = service.options.policy;
    policy.fold.zones = &utc;
    auto const plan = ledger::plan(*book, *observation, policy);
    if (!plan) {
        marks.hit("operator refused");
        tell("   refused: " + plan.error().message);
        return;
    }
    if (!plan->commits()) return;
    if (concerned != 0) {
        auditor.taint(step.account, concerned);
        auto const at = broker.instruments().find(concerned);
        if (at != broker.instruments().end() && at->second.under_con_id != 0)
            auditor.taint(step.account, at->second.under_con_id);
    }
    store::CommitRequest request;
    request.gateway_id = service.lease.gateway_id;
    request.epoch = service.lease.epoch;
    request.now = clock().wall;
    request.change_sets.push_back(model::share(plan->change_set));
    auditor.operator_edits = true;
    auto const done = service.audited->commit(request);
    auditor.operator_edits = false;
    if (!done) return;
    marks.hit("operator", words[0]);
    answer(service, sync::BooksChanged{});
}

void World::import(Service& service, Step const& step) {
    model::AccountId account = 0;
    for (auto const& each : service.lease.accounts) {
        if (each.account == step.account) account = each.account_id;
    }
    auto const day = base::parse_date(step.words[1]);
    if (account == 0 || !day || !broker.holdings().contains(step.account)) return;
    std::set<std::string> without;
    for (std::size_t i = 3; i < step.words.size(); ++i)
        without.insert(step.words[i]);
    reconciliation::ImportTarget target;
    target.account_id = account;
    target.lease = {service.lease.gateway_id, service.lease.epoch};
    target.policy = service.options.policy;
    target.policy.fold.zones = &utc;
    target.now = [this] { return clock().wall; };
    auditor.importing = true;
    auditor.imports_positions = !without.contains("positions");
    auto const imported = reconciliation::import_statement(
        *service.audited, gateway::write_statement(broker, step.account, *day, *day, without), target);
    auditor.importing = false;
    marks.hit(imported ? "statement imported" : "statement not imported");
    if (imported && without.empty()) auditor.statement_imported(step.account, *day);
    if (!imported) tell("   not imported: " + imported.error().message);
    answer(service, sync::BooksChanged{});
}

// --- the end -----------------------------------------------------------------------------------------------------------------

/// A list that was asked for while lists named nothing may be on its way for as long as the gateway stalls.
void World::list_was_seen(sync::SyncResult const& result) {
    bool const complete = result.success && result.trigger != model::Trigger::position_update && result.trigger != model::Trigger::trade;
    bool const full = list_full_since_ != Duration::max() && now_.steady - list_full_since_ > std::chrono::seconds(75);
    if (!complete || !full || !list_empty_since_) return;
    list_empty_since_.reset();
    auditor.lists_were_empty_for_long = false;
}

void World::heal() {
    healed_ = true;
    guard_held_ = false;
    tell("--- faults stop");
    disk_.clear_faults();
    disk_.set_quota(std::nullopt);
    simulator.faults = {};
    simulator.injector.stop();
    for (int const connection : zombies_)
        simulator.disconnected(connection);
    zombies_.clear();
    (void)player_.play({0, {"gateway", "account-ready", "on"}}, now_);
    (void)player_.play({0, {"notice", "1102", "Connectivity has been restored"}}, now_);
    if (swarm.account_changes != 0) simulator.close_all();  // which accounts there are is told at the beginning of a connection
    list_full_since_ = std::min(list_full_since_, now_.steady);
    for (auto& each : services_) {
        each.paused = false;
        if (!each.lives() && each.wanted) each.start_at = now_.steady + std::chrono::seconds(1);
    }
    settle();
}

void World::finish() {
    using std::chrono::minutes;
    using std::chrono::seconds;
    heal();
    Duration interval{0};
    for (auto const& each : services_)
        interval = std::max(interval, each.options.interval);
    // The promise, and what the session needs before it can begin: pauses between attempts, silence to be noticed, a request
    // that waits in vain, a client id or a lease that is not free yet.
    Duration bound = 2 * interval + seconds(5) + seconds(70);
    if (swarm.half_open != 0 || swarm.network != 0 || swarm.missing_ends != 0) bound += seconds(60 + 30);
    if (swarm.client_ids != 0 || swarm.half_open != 0) bound += seconds(100);
    if (swarm.services > 1 || !dead_owners_known_) bound += seconds(95);
    // Over midnight fills are lost that nobody was there to ask for, and what they closed is missing without an explanation.
    auto const waits = [&] {
        bool const over_midnight = base::utc_local(now_.wall).date != base::utc_local(began_).date;
        return waits_for_missing_ || over_midnight || swarm.drops || swarm.empty_lists != 0;
    };
    // What the guard holds back it holds back for an hour: also what really ended, all at once, while nobody could look.
    auto const allowed = [&] {
        return bound + (waits() ? minutes(16) + 2 * interval : Duration(0)) + (guard_held_ ? minutes(62) : Duration(0));
    };
    std::string difference = "nothing was compared";
    for (Duration passed{0}; passed <= allowed() && !auditor.violation(); passed += seconds(5)) {
        pass(seconds(5));
        if (auditor.doubts()) audit_database();  // what failed and was done all the same
        difference = auditor.difference();
        if (difference.empty()) break;
    }
    if (auditor.violation()) return;
    if (!difference.empty()) {
        std::string states;
        for (auto const& each : services_)
            states +=
                fmt::format("; service {} is {}", each.number,
                            each.lives() ? each.engine->status().state + " " + each.engine->status().last_error : "not running");
        return auditor.fail("P18",
                            fmt::format("{} after the faults stopped: {}{}", base::to_string(allowed()), difference, states));
    }
    marks.hit("converged");
    // What waits for an hour or longer and then acts wrongly shows in a watch of its own, which most of a seed's work would go into.
    // What is missing is called so after a quarter of an hour, also where nothing is done about it.
    bool const watched = waits() && options_.seed % 4 == 0;
    pass(seconds(200) + 2 * interval + (watched ? minutes(80) : waits() ? minutes(16) : minutes(0)));
    if (auditor.violation()) return;
    if (auto const again = auditor.difference(); !again.empty())
        return auditor.fail("P18", "had converged, and differs again: " + again);
    if (swarm.clocks == 0) {
        auto const revisions = auditor.revisions();
        pass(2 * interval + seconds(60));
        if (auditor.violation()) return;
        if (auditor.revisions() != revisions)
            return auditor.fail("P20", fmt::format("nothing happens at the broker, and {} revisions were written",
                                                   auditor.revisions() - revisions));
        marks.hit("quiet at the end");
    }
    if (swarm.on_updates && owner() != nullptr && broker.holdings().contains("DU101")) {
        // Two fills in the time in which one settles: the last of what is pushed leads to a commit, and no list is waited for.
        (void)player_.play({0, {"account", "DU101"}}, now_);
        for (int i = 0; i < 2; ++i) {
            (void)player_.play({0, {"fill", "S0", "buy", std::to_string(3 + i), "@", "200", "commission", "1"}}, now_);
            auditor.broker_changed(now_.wall);
            pass(std::chrono::milliseconds(100));
        }
        pass(seconds(17) + 3 * swarm.store_latency_max);
        if (auditor.violation()) return;
        if (auto const late = auditor.difference(); !late.empty())
            return auditor.fail("P18", "two fills were pushed a while ago, and the book does not have them: " + late);
        marks.hit("prompt");
        pass(seconds(200));
        if (auditor.violation()) return;
    }
    std::set<std::string> served;
    for (auto const& each : services_) {
        if (!each.lives()) continue;
        for (auto const& account : each.engine->status().accounts)
            served.insert(account.account);
        if (!each.unanswered.empty())
            return auditor.fail("P18", fmt::format("request {} was never answered", *each.unanswered.begin()));
    }
    auditor.check_explained(now_.wall, served);
    if (!auditor.violation()) audit_database();
}

void World::count_faults() {
    for (int i = 0; i < static_cast<int>(gateway::fault_kinds); ++i) {
        auto const fault = static_cast<gateway::Fault>(i);
        if (simulator.injector.happened(fault) > 0) marks.hit("struck", to_string(fault));
        own_faults_ += simulator.injector.happened(fault);
    }
    if (!simulator.alarms().empty()) auditor.fail("P15", "a request that could trade was sent");
}

Outcome World::go() {
    Outcome outcome;
    auto const play = [&](Step const& step) {
        outcome.story.push_back(step);
        perform(step);
    };
    if (options_.story != nullptr) {
        for (auto const& step : *options_.story) {
            if (over()) break;
            play(step);
        }
    } else {
        for (auto const& step : generator_.beginning())
            play(step);
        outcome.begun = outcome.story.size();
        while (!over())
            play(generator_.next(now_.wall));
    }
    if (!auditor.violation()) finish();
    count_faults();
    outcome.violation = auditor.violation();
    outcome.events = events_;
    outcome.steps = steps_;
    outcome.commits = auditor.commits();
    outcome.faults = own_faults_;
    outcome.simulated_seconds = (now_.wall - began_).count() / 1'000'000;
    outcome.marks = marks.set();
    trace.add(events_);
    trace.add(outcome.violation ? outcome.violation->what : "");
    outcome.trace = trace.value();
    return outcome;
}

}  // namespace

Outcome run(RunOptions const& options) { return World(options).go(); }

}  // namespace possync::sim

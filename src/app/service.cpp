#include "app/service.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/alerts.hpp"
#include "app/books.hpp"
#include "app/database.hpp"
#include "app/flex_schedule.hpp"
#include "app/import_flex.hpp"
#include "app/log.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/recorder.hpp"
#include "app/repair.hpp"
#include "app/results.hpp"
#include "app/sinks.hpp"
#include "app/store_work.hpp"
#include "app/systemd.hpp"
#include "app/zones.hpp"
#include "base/point.hpp"
#include "model/print.hpp"
#include "query/json.hpp"
#include "store/rehearsal_store.hpp"
#include "sync/engine.hpp"

namespace possync::app {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Duration;
using base::Result;

namespace {

constexpr std::size_t receive_size = 256 * 1024;

/// Start time of a process in clock ticks since boot: a recycled pid has another one. 0 when there is no such process, or only what
/// its parent has not taken note of yet (in a container whose first process never does, for good).
unsigned long long process_start(long pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    if (!std::getline(file, text)) return 0;
    // The command's name may hold anything; the fields after its closing bracket are numbers.
    auto at = text.rfind(')');
    bool const ended = at != std::string::npos && at + 2 < text.size() && (text[at + 2] == 'Z' || text[at + 2] == 'X');
    if (ended) return 0;
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 1, nullptr, 10);
}

std::string host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

}  // namespace

std::string owner_name() {
    auto const pid = static_cast<long>(::getpid());
    return fmt::format("{}:{}:{}", host_name(), pid, process_start(pid));
}

namespace {

/// Unset: of another machine, or no owner's name.
std::optional<bool> lives(std::string const& owner) {
    auto const last = owner.rfind(':');
    auto const middle = last == std::string::npos ? last : owner.rfind(':', last - 1);
    if (middle == std::string::npos || owner.substr(0, middle) != host_name()) return std::nullopt;
    auto const pid = std::strtol(owner.c_str() + middle + 1, nullptr, 10);
    auto const start = std::strtoull(owner.c_str() + last + 1, nullptr, 10);
    if (pid <= 0) return std::nullopt;
    return process_start(pid) == start;
}

}  // namespace

bool owner_is_gone(std::string const& owner) { return lives(owner) == false; }
bool owner_lives_here(std::string const& owner) { return lives(owner) == true; }

base::Now clock_now() {
    auto const wall = std::chrono::system_clock::now().time_since_epoch();
    auto const steady = std::chrono::steady_clock::now().time_since_epoch();
    return {{std::chrono::duration_cast<Duration>(wall).count()}, std::chrono::duration_cast<Duration>(steady)};
}

bool SyncAnswer::success() const {
    return !results.empty() &&
           std::all_of(results.begin(), results.end(), [](auto const& result) { return result.success; });
}

std::string SyncAnswer::first_error() const {
    for (auto const& result : results) {
        if (!result.success) return result.error;
    }
    return {};
}

/// So long nothing came: then tidying up, which takes some milliseconds, makes nobody wait.
constexpr auto quiet_before_tidying = std::chrono::milliseconds(20);

/// Jobs for the store, done in order on one thread. Between them, when none has come for a moment, the store may tidy up.
class StoreThread {
public:
    explicit StoreThread(store::Store& store) : store_(store), thread_([this] { work(); }) {}
    ~StoreThread() {
        {
            std::lock_guard const lock(mutex_);
            ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    StoreThread(StoreThread const&) = delete;
    StoreThread& operator=(StoreThread const&) = delete;
    void post(std::function<void()> job) {
        {
            std::lock_guard const lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        wake_.notify_one();
    }

    std::size_t waiting() const {
        std::lock_guard const lock(mutex_);
        return jobs_.size();
    }

private:
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            auto const called = [this] { return ending_ || !jobs_.empty(); };
            if (untidy_ && !wake_.wait_for(lock, quiet_before_tidying, called)) {
                untidy_ = false;
                lock.unlock();
                store_.tidy();
                lock.lock();
            }
            wake_.wait(lock, called);
            if (jobs_.empty()) return;  // ending, and everything asked for is done
            auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
            job = nullptr;
            lock.lock();
            untidy_ = true;
        }
    }

    store::Store& store_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> jobs_;
    bool ending_ = false;
    bool untidy_ = false;
    std::thread thread_;
};

/// Carries out what one engine wants: its socket, its timer, its jobs for the store.
class GatewayRunner {
public:
    GatewayRunner(asio::io_context& io, store::Store& store, StoreThread& store_thread, sync::EngineOptions const& options,
                  ServiceOptions const& service_options, std::function<void()> on_finished)
        : io_(io), store_(store), store_thread_(store_thread), name_(options.gateway), lease_length_(options.lease), one_shot_(options.one_shot), service_options_(service_options),
          on_finished_(std::move(on_finished)), engine_(options, system_zones()), resolver_(io), socket_(io), timer_(io),
          receive_buffer_(receive_size) {}

    /// Records from now on what passes between engine and gateway.
    void record_with(std::unique_ptr<Recorder> recorder) { recorder_ = std::move(recorder); }

    /// Whether the gateway should go to another service.
    void yield(bool wanted) {
        if (std::exchange(yielding_, wanted) != wanted) step(sync::Yield{wanted});
    }
    [[nodiscard]] bool started() const { return started_; }

    void step(sync::Event event) {
        if (finished_) return;
        started_ = true;
        auto effects = engine_.step(std::move(event), clock_now());
        for (auto& effect : effects) {
            std::visit([this](auto& each) { carry_out(each); }, effect);
        }
        {
            std::lock_guard const lock(status_mutex_);
            status_ = engine_.status();
        }
        if (!finished_) arm_timer();
    }

    /// The answer comes through `done`, on this thread.
    void request_sync(sync::SyncRequested request, std::function<void(sync::SyncFinished)> done) {
        if (finished_) {
            sync::SyncFinished finished;
            finished.results.push_back({});
            finished.results.back().error = "the service has stopped";
            return done(std::move(finished));
        }
        if (recorder_) recorder_->sync(request.account + (request.dry_run ? " dry-run" : ""));
        request.request_number = ++request_number_;
        waiting_[request.request_number] = std::move(done);
        step(request);
    }

    sync::GatewayStatus status() const {
        std::lock_guard const lock(status_mutex_);
        return status_;
    }
    [[nodiscard]] bool finished() const { return finished_; }
    [[nodiscard]] std::string const& name() const { return name_; }
    /// (gateway id, epoch); 0 before the first claim.
    [[nodiscard]] std::pair<int, std::int64_t> lease() const { return {lease_.gateway_id, lease_.epoch}; }

private:
    // --- effects ----------------------------------------------------------------------------------------------

    void carry_out(sync::OpenSocket& effect) {
        close_socket();
        auto const number = ++connection_;
        resolver_.async_resolve(effect.host, std::to_string(effect.port),
                                [this, number](boost::system::error_code error, tcp::resolver::results_type const& found) {
                                    if (number != connection_) return;
                                    if (error) return connection_failed(error.message());
                                    connect(number, found);
                                });
    }

    void connect(int number, tcp::resolver::results_type const& found) {
        asio::async_connect(socket_, found, [this, number](boost::system::error_code error, tcp::endpoint const&) {
            if (number != connection_) return;
            if (error) return connection_failed(error.message());
            boost::system::error_code ignored;
            socket_.set_option(tcp::no_delay(true), ignored);
            open_ = true;
            if (recorder_) recorded_as_ = recorder_->opened();
            step(sync::SocketOpened{});
            read(number);
        });
    }

    void connection_failed(std::string const& why) {
        if (recorder_) recorder_->failed(why);
        step(sync::SocketFailed{why});
    }

    void read(int number) {
        if (!open_ || number != connection_) return;
        socket_.async_read_some(asio::buffer(receive_buffer_), [this, number](boost::system::error_code error, std::size_t size) {
            if (number != connection_) return;
            if (error) {
                if (recorder_) recorder_->closed(std::exchange(recorded_as_, 0), recording::Side::gateway);
                close_socket();
                return step(sync::SocketClosed{error == asio::error::eof ? "closed by the gateway" : error.message()});
            }
            std::string_view const bytes(receive_buffer_.data(), size);
            if (recorder_) recorder_->bytes(recorded_as_, recording::Side::gateway, bytes);
            step(sync::BytesReceived{bytes});
            read(number);
        });
    }

    void carry_out(sync::CloseSocket&) { close_socket(); }

    void close_socket() {
        ++connection_;
        open_ = false;
        if (recorder_ && recorded_as_ != 0) recorder_->closed(std::exchange(recorded_as_, 0), recording::Side::client);
        resolver_.cancel();
        boost::system::error_code ignored;
        socket_.close(ignored);
        unsent_.clear();
        sending_ = false;
    }

    void carry_out(sync::SendBytes& effect) {
        if (!open_) return;
        if (recorder_) recorder_->bytes(recorded_as_, recording::Side::client, effect.bytes);
        unsent_ += effect.bytes;
        if (!sending_) write(connection_);
    }

    void write(int number) {
        sending_ = true;
        in_flight_ = std::exchange(unsent_, {});
        asio::async_write(socket_, asio::buffer(in_flight_), [this, number](boost::system::error_code error, std::size_t) {
            if (number != connection_) return;
            sending_ = false;
            if (error) return;  // the read side reports the loss
            if (!unsent_.empty()) write(number);
        });
    }

    void carry_out(sync::Claim& effect) {
        Owner const owner{name_, owner_name(), lease_length_, !one_shot_};
        store_thread_.post([this, claim = std::move(effect), owner] {
            store::GatewayLease lease;
            // The time is that of the claim itself: before it the process may have been stopped for long.
            auto answer = std::make_shared<sync::Event>(app::carry_out(store_, claim, owner, clock_now().wall, lease));
            POSSYNC_POINT("service.claim.answered");
            asio::post(io_, [this, answer, lease] {
                auto const* const failed = std::get_if<sync::ClaimFailed>(&*answer);
                if (failed == nullptr) lease_ = lease;
                else if (failed->error.code == base::ErrorCode::conflict) lease_ = {};
                step(std::move(*answer));
            });
        });
    }

    void carry_out(sync::Release&) {
        yielding_ = false;
        store_thread_.post([this, lease = std::exchange(lease_, {})] {
            (void)store_.release(lease.gateway_id, lease.epoch, clock_now().wall);
        });
    }

    void carry_out(sync::LoadBook& effect) {
        store_thread_.post([this, effect] {
            auto answer = std::make_shared<sync::Event>(app::carry_out(store_, effect, clock_now().wall));
            asio::post(io_, [this, answer] { step(std::move(*answer)); });
        });
    }

    void carry_out(sync::Commit& effect) {
        store_thread_.post([this, commit = std::make_shared<sync::Commit>(std::move(effect)), lease = lease_, now = clock_now().wall] {
            auto const began = std::chrono::steady_clock::now();
            auto answer = std::make_shared<sync::Event>(app::carry_out(store_, std::move(*commit), lease, now));
            if (service_options_.on_commit) {
                auto const took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
                service_options_.on_commit(took, std::holds_alternative<sync::Committed>(*answer));
            }
            POSSYNC_POINT("service.commit.answered");
            asio::post(io_, [this, answer] {
                bool const committed = std::holds_alternative<sync::Committed>(*answer);
                if (committed) {
                    POSSYNC_POINT("service.commit.taken");
                }
                step(std::move(*answer));
            });
        });
    }

    void carry_out(sync::SyncFinished& effect) {
        auto const found = waiting_.find(effect.request_number);
        if (found == waiting_.end()) return;
        auto done = std::move(found->second);
        waiting_.erase(found);
        done(std::move(effect));
    }

    void carry_out(sync::Changed& effect) {
        if (service_options_.on_change) service_options_.on_change(name_, effect);
    }

    void carry_out(sync::Log& effect) {
        if (service_options_.also_on_log) service_options_.also_on_log(name_, effect);
        if (service_options_.on_log) return service_options_.on_log(name_, effect);
        write_log(effect.level, effect.event, name_, effect.account, effect.text);
    }

    void carry_out(sync::Finished&) {
        finished_ = true;
        close_socket();
        timer_.cancel();
        asio::post(io_, on_finished_);
    }

    void arm_timer() {
        auto const wakeup = engine_.next_wakeup();
        if (!wakeup) {
            timer_.cancel();
            armed_for_.reset();
            return;
        }
        if (armed_for_ == wakeup) return;
        armed_for_ = wakeup;
        timer_.expires_at(std::chrono::steady_clock::time_point(*wakeup));
        timer_.async_wait([this](boost::system::error_code error) {
            if (error || finished_) return;
            armed_for_.reset();
            step(sync::Tick{});
        });
    }

    asio::io_context& io_;
    store::Store& store_;
    StoreThread& store_thread_;
    std::string name_;
    Duration lease_length_;
    bool started_ = false;
    bool yielding_ = false;
    bool one_shot_;
    ServiceOptions const& service_options_;
    std::function<void()> on_finished_;
    sync::Engine engine_;

    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::optional<Duration> armed_for_;
    int connection_ = 0;  ///< handlers of older connections do nothing
    bool open_ = false;
    bool sending_ = false;
    std::string unsent_;
    std::string in_flight_;
    std::vector<char> receive_buffer_;

    std::unique_ptr<Recorder> recorder_;
    int recorded_as_ = 0;  ///< number of the open connection in the recording

    store::GatewayLease lease_;
    bool finished_ = false;
    std::int64_t request_number_ = 0;
    std::map<std::int64_t, std::function<void(sync::SyncFinished)>> waiting_;

    mutable std::mutex status_mutex_;
    sync::GatewayStatus status_;
};

class Service::Implementation {
public:
    Implementation(Configuration configuration, ServiceOptions options)
        : configuration_(std::move(configuration)), options_(std::move(options)), signals_(io_), poll_timer_(io_), beat_timer_(io_),
          notifier_(io_, configuration_.enabled, [this] { return status(); }) {}

    ~Implementation() {
        watcher_.reset();
        store_thread_.reset();  // finishes its jobs while everything they touch still lives
    }

    Result<void> open() {
        POSSYNC_TRY(auto const database, open_database(configuration_));
        store::StoreOptions writing;
        writing.owner_is_gone = owner_is_gone;
        writing.run_retention = std::chrono::hours(24 * configuration_.keep_runs_days);
        POSSYNC_TRY(store_, options_.rehearsal ? store::open_rehearsal(*database, writing) : database->open_store(writing));
        store_thread_ = std::make_unique<StoreThread>(*store_);
        for (auto const& gateway : configuration_.gateways) {
            auto engine = engine_options(configuration_, gateway);
            engine.one_shot = options_.one_shot;
            runners_.push_back(std::make_unique<GatewayRunner>(io_, *store_, *store_thread_, engine, options_,
                                                               [this] { runner_finished(); }));
            if (!gateway.recording.empty()) record(gateway, engine, *runners_.back());
        }
        if (!options_.one_shot) POSSYNC_TRY_VOID(load_libraries(configuration_));
        POSSYNC_TRY_VOID(open_outbox());
        return open_alerts();
    }

    /// People are told of what is wrong from here on.
    Result<void> open_alerts() {
        if (options_.one_shot || configuration_.alerts.empty()) return {};
        POSSYNC_TRY(auto watch, watcher_options(configuration_));
        watch.gateways = [this] { return alert_gateways(configuration_, status()); };
        watcher_ = std::make_unique<alert::Watcher>(std::move(watch));
        return {};
    }

    /// What is committed is delivered from here on, and what was and is not delivered yet.
    Result<void> open_outbox() {
        if (options_.one_shot) return {};
        POSSYNC_TRY(auto const sinks, sink_options(configuration_));
        outbox::DispatcherOptions dispatch;
        dispatch.sinks = sinks;
        dispatch.owner = owner_name();
        dispatch.open = [configuration = configuration_]() -> Result<std::unique_ptr<store::Outbox>> {
            POSSYNC_TRY(auto const database, open_database(configuration));
            return database->open_outbox();
        };
        if (!sinks.empty()) {  // before the first commit, so that a new sink hears of it
            POSSYNC_TRY(auto const outbox, dispatch.open());
            for (auto const& sink : sinks) POSSYNC_TRY_VOID(outbox->add_sink(sink.name, clock_now().wall));
        }
        dispatch.now = [] { return clock_now().wall; };
        dispatch.tell = [](bool trouble, std::string const& sink, std::string const& text) {
            write_log(trouble ? sync::LogLevel::warning : sync::LogLevel::info, trouble ? "sink.failing" : "sink.delivers", "", "",
                      sink.empty() ? text : fmt::format("sink {}: {}", sink, text));
        };
        dispatch.keep = std::chrono::hours(24 * configuration_.outbox_keep_days);
        dispatcher_ = std::make_unique<outbox::Dispatcher>(std::move(dispatch));
        options_.on_change = [this, also = std::move(options_.on_change)](std::string const& gateway, sync::Changed const& changed) {
            dispatcher_->wake();
            if (also) also(gateway, changed);
        };
        return {};
    }

    std::vector<outbox::SinkStatus> sinks() const { return dispatcher_ ? dispatcher_->status() : std::vector<outbox::SinkStatus>{}; }

    alert::WatcherStatus alerts() const { return watcher_ ? watcher_->status() : alert::WatcherStatus{}; }

    void run() {
        if (options_.handle_signals) {
            signals_.add(SIGINT);
            signals_.add(SIGTERM);
            signals_.add(SIGHUP);
            wait_for_signal();
        }
        if (options_.serve_operator_requests) poll_operator_requests();
        if (options_.tell_service_manager) notifier_.start();
        if (!options_.one_shot) beat();  // before the first claims: they go by who lives
        for (auto& runner : runners_) runner->step(sync::Start{});
        auto const work = asio::make_work_guard(io_);
        if (runners_.empty()) return;
        io_.run();
    }

    void stop() {
        asio::post(io_, [this] { stop_now(); });
    }

    void request_sync(std::string account, bool dry_run, std::optional<bool> calculate_realized_pnl,
                      std::function<void(SyncAnswer)> done) {
        asio::post(io_, [this, account = std::move(account), dry_run, calculate_realized_pnl, done = std::move(done)] {
            struct Gathered {
                SyncAnswer answer;
                std::size_t left = 0;
            };
            // What another service holds is that one's to sync, unless this one holds nothing: then it says why.
            std::vector<GatewayRunner*> asked;
            for (auto& runner : runners_) {
                if (runner->status().state != "standby") asked.push_back(runner.get());
            }
            if (asked.empty()) {
                for (auto& runner : runners_) asked.push_back(runner.get());
            }
            auto gathered = std::make_shared<Gathered>();
            gathered->left = asked.size();
            for (auto* const runner : asked) {
                sync::SyncRequested request;
                request.account = account;
                request.dry_run = dry_run;
                request.calculate_realized_pnl = calculate_realized_pnl;
                runner->request_sync(request, [gathered, done, account](sync::SyncFinished finished) {
                    for (auto& result : finished.results) gathered->answer.results.push_back(std::move(result));
                    for (auto& each : finished.differences) gathered->answer.differences.push_back(std::move(each));
                    for (auto& changes : finished.would_write) gathered->answer.would_write.push_back(std::move(changes));
                    if (--gathered->left > 0) return;
                    keep_found_account(gathered->answer, account);
                    done(std::move(gathered->answer));
                });
            }
        });
    }

    void reset_statistics() {
        asio::post(io_, [this] {
            begin_statistics_anew([](Result<void> const& done) {
                if (!done) write_log(sync::LogLevel::warning, "service.statistics_not_reset", "", "", done.error().message);
            });
        });
    }

    std::vector<sync::GatewayStatus> status() const {
        std::vector<sync::GatewayStatus> result;
        for (auto const& runner : runners_) result.push_back(runner->status());
        return result;
    }

    std::size_t store_jobs() const { return store_thread_ ? store_thread_->waiting() : 0; }

private:
    /// Of several gateways only one serves a named account; that the others do not, or cannot be asked just now, is no failure.
    static void keep_found_account(SyncAnswer& answer, std::string const& account) {
        auto const knows_nothing = [](sync::SyncResult const& result) {
            return !result.success && (result.error_code == base::ErrorCode::not_found || result.error_code == base::ErrorCode::unavailable);
        };
        auto const not_found = [](sync::SyncResult const& result) { return !result.success && result.error_code == base::ErrorCode::not_found; };
        if (account.empty()) return;
        bool const answered = !std::all_of(answer.results.begin(), answer.results.end(), knows_nothing);
        if (answered) {
            std::erase_if(answer.results, knows_nothing);
        } else if (!std::all_of(answer.results.begin(), answer.results.end(), not_found)) {
            std::erase_if(answer.results, not_found);  // the one that is away may be the one that serves it
        }
    }

    /// The counters of this process, and those that commands read from the recorded runs.
    void begin_statistics_anew(std::function<void(Result<void> const&)> done) {
        for (auto& runner : runners_) runner->step(sync::ResetStatistics{});
        store_thread_->post([this, done = std::move(done)] {
            auto const database = open_database(configuration_);
            done(database ? (*database)->reset_statistics(clock_now().wall) : std::unexpected(database.error()));
        });
    }

    /// A recording that cannot be made is no reason not to sync.
    void record(GatewayConfig const& gateway, sync::EngineOptions const& engine, GatewayRunner& runner) {
        RecorderOptions options;
        options.path = gateway.recording;
        options.size_limit = gateway.recording_limit;
        options.recorder = engine.one_shot ? recording::Recorder::one_shot : recording::Recorder::service;
        options.seed = engine.seed;
        options.settings = settings_for_replay(configuration_, gateway);
        options.accounts = gateway.accounts;
        for (auto const& account : configuration_.accounts) options.accounts.push_back(account.code);
        options.keep_previous = true;
        auto warn = [this, name = gateway.name](std::string const& why) {
            sync::Log const line{sync::LogLevel::warning, "recording.ended", "", why};
            if (options_.on_log) return options_.on_log(name, line);
            write_log(line.level, line.event, name, line.account, line.text);
        };
        options.on_end = [this, warn](std::string const& why) { asio::post(io_, [warn, why] { warn(why); }); };
        auto recorder = Recorder::open(std::move(options));
        if (!recorder) return warn(recorder.error().message);
        runner.record_with(std::move(*recorder));
    }

    void runner_finished() {
        for (auto const& runner : runners_) {
            if (!runner->finished()) return;
        }
        signals_.cancel();
        poll_timer_.cancel();
        beat_timer_.cancel();
        if (options_.serve_operator_requests) refuse_pending_requests();
        if (!options_.one_shot) store_thread_->post([this] { (void)store_->leave(owner_name()); });
        io_.stop();
    }

    /// Nobody looks at them any more, and whoever asked would wait for long: this process's own schedule before it can end.
    void refuse_pending_requests() {
        store_thread_->post([this, serving = serving_] {
            auto const pending = store_->pending_requests(owner_name());
            if (!pending) return;
            auto const text = failed_answer({base::ErrorCode::unavailable, "the service is stopping; ask again"});
            for (auto const& request : *pending) {
                if (!serving.contains(request.request_id)) (void)store_->finish_request(request.request_id, false, text, clock_now().wall);
            }
        });
    }

    void stop_now() {
        notifier_.stop();
        if (watcher_) watcher_->stop();
        for (auto& runner : runners_) runner->step(sync::Stop{});
    }

    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error) return;
            if (signal == SIGHUP) {
                reload();
            } else {
                write_log(sync::LogLevel::info, "service.stopping", "", "", signal == SIGINT ? "interrupted" : "terminated");
                stop_now();
            }
            wait_for_signal();
        });
    }

    void reload() {
        auto fresh = load_configuration(configuration_.source, process_environment());
        if (!fresh) {
            write_log(sync::LogLevel::error, "service.reload_failed", "", "", fresh.error().message);
            return;
        }
        set_log_level(fresh->log_level);
        write_log(sync::LogLevel::info, "service.reloaded", "", "",
                  "log level " + fresh->log_level + "; other changes take a restart");
    }

    /// Tells the other services of this database that this one lives, and hands over what another has more room for.
    void beat() {
        store::Heartbeat mine;
        mine.owner = owner_name();
        mine.lease = configuration_.fleet_lease;
        for (auto const& runner : runners_) {
            bool const gave_up = runner->started() && runner->status().state == "stopped";
            if (!gave_up) mine.gateways.push_back(runner->name());
        }
        store_thread_->post([this, mine]() mutable {
            mine.now = clock_now().wall;
            auto const done = store_->beat(mine);
            auto fleet = std::make_shared<Result<store::Fleet>>(done ? store_->fleet(mine.now) : std::unexpected(done.error()));
            asio::post(io_, [this, fleet] {
                share(*fleet);
                // Only now: over a database that does not answer they would pile up, and be waited for at the end.
                beat_timer_.expires_after(configuration_.fleet_lease / 3);
                beat_timer_.async_wait([this](boost::system::error_code error) {
                    if (!error) beat();
                });
            });
        });
    }

    void share(Result<store::Fleet> const& fleet) {
        if (!fleet) {
            if (!std::exchange(beat_failed_, true)) write_log(sync::LogLevel::error, "service.heartbeat_failed", "", "", fleet.error().message);
            return;
        }
        beat_failed_ = false;
        auto const given_up = store::surplus(*fleet, owner_name(), configuration_.fleet_lease);
        for (auto& runner : runners_) runner->yield(std::find(given_up.begin(), given_up.end(), runner->name()) != given_up.end());
    }

    void poll_operator_requests() {
        poll_timer_.expires_after(std::chrono::milliseconds(250));
        poll_timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            store_thread_->post([this] {
                auto pending = std::make_shared<Result<std::vector<store::OperatorRequest>>>(store_->pending_requests(owner_name()));
                asio::post(io_, [this, pending] {
                    if (*pending) serve(**pending);
                    poll_operator_requests();
                });
            });
        });
    }

    void serve(std::vector<store::OperatorRequest> const& pending) {
        // What was done and could not be written down as answered is written down now, and not done again.
        for (auto& [id, unwritten] : std::exchange(unwritten_, {})) {
            bool const waits = std::any_of(pending.begin(), pending.end(), [id](auto const& request) { return request.request_id == id; });
            waits ? write_answer(id, std::move(unwritten)) : static_cast<void>(serving_.erase(id));
        }
        for (auto const& request : pending) serve(request);
    }

    struct RequestAnswer {
        bool ok = false;
        std::string text;
    };

    /// From any thread that is this service's.
    void write_answer(std::int64_t id, RequestAnswer answer) {
        store_thread_->post([this, id, answer = std::move(answer)]() mutable {
            auto const done = store_->finish_request(id, answer.ok, answer.text, clock_now().wall);
            bool const written = done || done.error().code == base::ErrorCode::not_found;
            asio::post(io_, [this, id, written, answer = std::move(answer)]() mutable {
                if (written) {
                    serving_.erase(id);
                } else {
                    unwritten_[id] = std::move(answer);
                }
            });
        });
    }

    void serve(store::OperatorRequest const& request) {
        if (!serving_.insert(request.request_id).second) return;
        auto answer = [this, id = request.request_id](bool ok, std::string text) { write_answer(id, {ok, std::move(text)}); };
        if (request.verb == "sync" || request.verb == "diff") {
            std::string account;
            bool dry_run = request.verb == "diff";  // which writes nothing, whatever else is said
            std::optional<bool> calculate_realized_pnl;
            boost::system::error_code bad;
            auto const arguments = boost::json::parse(request.arguments, bad);
            if (!bad && arguments.is_object()) {
                auto const& object = arguments.as_object();
                if (auto const* value = object.if_contains("account"); value != nullptr && value->is_string()) {
                    account = std::string(value->as_string());
                }
                if (auto const* value = object.if_contains("dry_run"); value != nullptr && value->is_bool()) {
                    dry_run = dry_run || value->as_bool();
                }
                if (auto const* value = object.if_contains("calculate_realized_pnl"); value != nullptr && value->is_bool()) {
                    calculate_realized_pnl = value->as_bool();
                }
            }
            request_sync(account, dry_run, calculate_realized_pnl, [answer, dry_run, diff = request.verb == "diff"](SyncAnswer const& done) {
                if (diff) return answer(done.success(), done.success() ? query::to_json(difference_rows(done.differences)) : done.first_error());
                answer(done.success(), sync_answer(query_results(done.results), dry_run ? std::optional(printed(done.would_write)) : std::nullopt));
            });
        } else if (request.verb == "explain" || request.verb == "exclude" || request.verb == "undo") {
            repair(request, answer);
        } else if (request.verb == "status") {
            answer(true, live_status());
        } else if (request.verb == "import_flex") {
            auto const import = parse_import_options(request.arguments);
            import ? import_statements(*import, answer) : answer(false, failed_answer(import.error()));
        } else if (request.verb == "reset_statistics") {
            begin_statistics_anew([answer](Result<void> const& done) { answer(done.has_value(), done ? "{}" : failed_answer(done.error())); });
        } else {
            answer(false, fmt::format("this version of the service does not do '{}'", request.verb));
        }
    }

    /// What no database knows: [{"gateway": ..., "connected": ...}, ...].
    std::string live_status() const {
        boost::json::array rows;
        for (auto const& runner : runners_) {
            auto const status = runner->status();
            boost::json::object row{{"gateway", status.gateway},
                                    {"connected", status.connected},
                                    {"state", status.state},
                                    {"owned", status.owned},
                                    {"down_expected", is_down_expected(configuration_, status, clock_now().wall)},
                                    {"stale", status.stale},
                                    {"server_version", status.server_version},
                                    {"last_error", status.last_error}};
            if (status.stale_since) row["stale_since"] = base::to_rfc3339(*status.stale_since);
            rows.push_back(std::move(row));
        }
        return boost::json::serialize(rows);
    }

    /// On the store's thread: a large statement delays commits, and the service goes on observing.
    void import_statements(ImportOptions const& options, std::function<void(bool, std::string)> answer) {
        std::map<std::string, Lease> leases;
        for (auto& runner : runners_) leases[runner->name()] = {runner->lease().first, runner->lease().second};
        store_thread_->post([this, options, answer, leases] {
            auto const lease_of = [&](std::string const& gateway, std::string const& account) -> Result<Lease> {
                auto const found = leases.find(gateway);
                if (found == leases.end() || found->second.gateway_id == 0) {
                    return base::fail(base::ErrorCode::unavailable, fmt::format("this service does not hold gateway {}", gateway));
                }
                POSSYNC_TRY(auto const lease, store_->claim(claim_of(gateway, account)));
                return Lease{lease.gateway_id, lease.epoch};
            };
            auto const done = import_flex(configuration_, *store_, options, lease_of);
            answer(done.has_value(), done ? to_json(*done) : failed_answer(done.error()));
            asio::post(io_, [this] {
                for (auto& runner : runners_) runner->step(sync::BooksChanged{});
            });
        });
    }

    /// On the store's thread, between two commits; the engine then loads its books anew.
    void repair(store::OperatorRequest const& request, std::function<void(bool, std::string)> answer) {
        auto const text = parse_repair(request.arguments);
        if (!text) return answer(false, failed_answer(text.error()));
        auto const reader = open_reader(configuration_);
        if (!reader) return answer(false, failed_answer(reader.error()));
        auto const resolved = resolve_repair(*text, **reader);
        if (!resolved) return answer(false, failed_answer(resolved.error()));
        for (auto& runner : runners_) {
            if (runner->name() != resolved->gateway || runner->lease().first == 0) continue;
            store_thread_->post([this, &runner = *runner, lease = runner->lease(), repair = *resolved, dry_run = text->dry_run, answer] {
                auto const done = carry_out_repair(*store_, lease.first, lease.second, repair, account_policy(configuration_, repair.account), dry_run);
                if (!done) return answer(false, failed_answer(done.error()));
                answer(true, model::print(*done));
                if (!dry_run) asio::post(io_, [&runner] { runner.step(sync::BooksChanged{}); });
            });
            return;
        }
        answer(false, fmt::format("this service does not serve gateway {}", resolved->gateway));
    }

    Configuration configuration_;
    ServiceOptions options_;
    asio::io_context io_{1};
    asio::signal_set signals_;
    asio::steady_timer poll_timer_;
    asio::steady_timer beat_timer_;
    bool beat_failed_ = false;
    SystemdNotifier notifier_;
    std::unique_ptr<store::Store> store_;
    std::vector<std::unique_ptr<GatewayRunner>> runners_;
    std::set<std::int64_t> serving_;
    std::map<std::int64_t, RequestAnswer> unwritten_;  ///< of those, what was done and could not be answered yet
    std::unique_ptr<StoreThread> store_thread_;
    std::unique_ptr<outbox::Dispatcher> dispatcher_;
    std::unique_ptr<alert::Watcher> watcher_;
};

Service::Service(Configuration configuration, ServiceOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(configuration), std::move(options))) {}
Service::~Service() = default;
Result<void> Service::open() { return implementation_->open(); }
void Service::run() { implementation_->run(); }
void Service::stop() { implementation_->stop(); }
void Service::request_sync(std::string account, bool dry_run, std::optional<bool> calculate_realized_pnl,
                           std::function<void(SyncAnswer)> done) {
    implementation_->request_sync(std::move(account), dry_run, calculate_realized_pnl, std::move(done));
}
void Service::reset_statistics() { implementation_->reset_statistics(); }
std::vector<outbox::SinkStatus> Service::sinks() const { return implementation_->sinks(); }
alert::WatcherStatus Service::alerts() const { return implementation_->alerts(); }
std::vector<sync::GatewayStatus> Service::status() const { return implementation_->status(); }
std::size_t Service::store_jobs() const { return implementation_->store_jobs(); }

}  // namespace possync::app

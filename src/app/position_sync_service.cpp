#include "possync/position_sync_service.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "app/log.hpp"
#include "app/service.hpp"

namespace possync {

namespace {

SyncResult to_public(sync::SyncResult const& result) {
    SyncResult out;
    out.success = result.success;
    out.account = result.account;
    out.trigger = std::string(to_string(result.trigger));
    out.positions_created = result.positions_created;
    out.positions_updated = result.positions_updated;
    out.positions_closed = result.positions_closed;
    out.broker_positions = result.broker_positions;
    out.book_positions = result.book_positions;
    out.duration_seconds = static_cast<double>(result.duration.count()) / 1e6;
    if (!result.success) out.error = result.error;
    out.warnings = result.warnings;
    out.pending = result.pending;
    out.revision = result.revision;
    return out;
}

}  // namespace

class PositionSyncService::Implementation {
public:
    explicit Implementation(app::Configuration configuration) : configuration_(std::move(configuration)) {
        app::set_up_log(configuration_.log_level, configuration_.log_format);
    }
    ~Implementation() { stop(); }

    std::vector<SyncResult> sync_positions(std::string const& account, SyncOptions const& options) {
        std::lock_guard const one_at_a_time(sync_mutex_);
        app::SyncAnswer answer;
        if (std::shared_ptr<app::Service> const running = this->running()) {
            std::promise<app::SyncAnswer> promise;
            auto future = promise.get_future();
            running->request_sync(account, options.dry_run, options.calculate_realized_pnl,
                                  [&](app::SyncAnswer done) { promise.set_value(std::move(done)); });
            answer = future.get();
        } else {
            app::ServiceOptions service_options = options_for_service();
            service_options.one_shot = true;
            app::Service service(configuration_, service_options);
            if (auto const opened = service.open(); !opened) {
                answer.results.push_back({});
                answer.results.back().error = opened.error().message;
            } else {
                service.request_sync(account, options.dry_run, options.calculate_realized_pnl,
                                     [&](app::SyncAnswer done) { answer = std::move(done); });
                service.run();
                count(answer);
            }
        }
        std::vector<SyncResult> results;
        for (auto const& result : answer.results) results.push_back(to_public(result));
        return results;
    }

    Statistics stats() const {
        Statistics total = own();
        if (auto const running = this->running()) {
            for (auto const& gateway : running->status()) add(total, gateway.statistics);
        }
        return total;
    }

    void reset_stats() {
        if (auto const running = this->running()) running->reset_statistics();
        std::lock_guard const lock(mutex_);
        own_ = {};
    }

    void start() {
        std::lock_guard const lock(mutex_);
        if (service_) return;
        auto service = std::make_shared<app::Service>(configuration_, options_for_service());
        if (auto const opened = service->open(); !opened) {
            own_.last_error = opened.error().message;
            return;
        }
        service_ = service;
        thread_ = std::thread([service] { service->run(); });
    }

    void stop() {
        std::shared_ptr<app::Service> service;
        {
            std::lock_guard const lock(mutex_);
            service = std::exchange(service_, nullptr);
        }
        if (!service) return;
        service->stop();
        thread_.join();
    }

    void on_change(std::function<void(PositionChange const&)> callback) {
        std::lock_guard const lock(mutex_);
        callback_ = std::move(callback);
    }

private:
    std::shared_ptr<app::Service> running() const {
        std::lock_guard const lock(mutex_);
        return service_;
    }
    Statistics own() const {
        std::lock_guard const lock(mutex_);
        return own_;
    }

    app::ServiceOptions options_for_service() {
        app::ServiceOptions options;
        options.on_change = [this](std::string const&, sync::Changed const& changed) {
            std::function<void(PositionChange const&)> callback;
            {
                std::lock_guard const lock(mutex_);
                callback = callback_;
            }
            if (!callback) return;
            for (auto const& event : changed.change_set->events) {
                PositionChange change;
                change.account = changed.account;
                change.revision = changed.change_set->base_revision + 1;
                change.con_id = event.con_id;
                change.kind = std::string(to_string(event.kind));
                change.cause = std::string(to_string(event.cause));
                change.quantity_before = event.quantity_before.to_string();
                change.quantity_after = event.quantity_after.to_string();
                callback(change);
            }
        };
        return options;
    }

    static void add(Statistics& total, sync::Statistics const& more) {
        total.total_syncs += more.total_syncs;
        total.successful_syncs += more.successful_syncs;
        total.failed_syncs += more.failed_syncs;
        total.positions_created += more.positions_created;
        total.positions_updated += more.positions_updated;
        total.positions_closed += more.positions_closed;
        total.callback_triggers += more.callback_triggers;
        if (!more.last_error.empty()) total.last_error = more.last_error;
        if (more.last_sync_time) total.last_sync_time = std::max(total.last_sync_time, base::to_rfc3339(*more.last_sync_time));
    }

    /// Syncs on a connection of their own are counted here; the service counts its own.
    void count(app::SyncAnswer const& answer) {
        std::lock_guard const lock(mutex_);
        for (auto const& result : answer.results) {
            sync::Statistics one;
            one.total_syncs = 1;
            (result.success ? one.successful_syncs : one.failed_syncs) = 1;
            one.positions_created = result.positions_created;
            one.positions_updated = result.positions_updated;
            one.positions_closed = result.positions_closed;
            one.last_error = result.success ? "" : result.error;
            one.last_sync_time = app::clock_now().wall;
            add(own_, one);
        }
    }

    app::Configuration const configuration_;
    std::mutex sync_mutex_;
    mutable std::mutex mutex_;
    std::shared_ptr<app::Service> service_;
    std::thread thread_;
    std::function<void(PositionChange const&)> callback_;
    Statistics own_;
};

PositionSyncService::PositionSyncService(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
PositionSyncService::~PositionSyncService() = default;

std::expected<std::unique_ptr<PositionSyncService>, std::string> PositionSyncService::open(std::string const& configuration_file) {
    auto configuration = app::load_configuration(configuration_file, app::process_environment());
    if (!configuration) return std::unexpected(configuration.error().message);
    return std::unique_ptr<PositionSyncService>(
        new PositionSyncService(std::make_unique<Implementation>(std::move(*configuration))));
}

std::expected<std::unique_ptr<PositionSyncService>, std::string> PositionSyncService::open_text(std::string const& toml) {
    auto configuration = app::parse_configuration(toml, "configuration", app::process_environment());
    if (!configuration) return std::unexpected(configuration.error().message);
    return std::unique_ptr<PositionSyncService>(
        new PositionSyncService(std::make_unique<Implementation>(std::move(*configuration))));
}

std::vector<SyncResult> PositionSyncService::sync_positions(std::string const& account, SyncOptions const& options) {
    return implementation_->sync_positions(account, options);
}
Statistics PositionSyncService::stats() const { return implementation_->stats(); }
void PositionSyncService::reset_stats() { implementation_->reset_stats(); }
void PositionSyncService::start() { implementation_->start(); }
void PositionSyncService::stop() { implementation_->stop(); }
void PositionSyncService::on_change(std::function<void(PositionChange const&)> callback) {
    implementation_->on_change(std::move(callback));
}

}  // namespace possync

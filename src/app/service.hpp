// Service: engines on sockets and timers, one store on a thread of its own, and the way between them.
//
//   io thread     runs every engine (one per gateway), their sockets and timers; the only place that calls step()
//   store thread  runs the Store; takes jobs in order, posts the answers back to the io thread
//
// run() is the io thread. The other members may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alert/watcher.hpp"
#include "app/config.hpp"
#include "outbox/dispatcher.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

struct ServiceOptions {
    bool one_shot = false;
    bool rehearsal = false;  ///< nothing is written, not even the lease: for dry runs
    bool handle_signals = false;  ///< SIGINT and SIGTERM stop, SIGHUP reads the log level anew
    bool serve_operator_requests = false;
    bool tell_service_manager = false;  ///< readiness, state and signs of life, where $NOTIFY_SOCKET says so
    /// Told of everything the engines log; unset: the program's log.
    std::function<void(std::string const& gateway, sync::Log const& line)> on_log;
    /// Told of the same, whoever is told besides; on the io thread.
    std::function<void(std::string const& gateway, sync::Log const& line)> also_on_log;
    /// A committed change set, on the io thread.
    std::function<void(std::string const& gateway, sync::Changed const& changed)> on_change;
    /// The store was asked to commit, and how that ended; on the store's thread.
    std::function<void(base::Duration took, bool committed)> on_commit;
};

/// Answers of all gateways to one request.
struct SyncAnswer {
    std::vector<sync::SyncResult> results;
    std::vector<model::ChangeSet> would_write;
    std::vector<sync::SyncFinished::Differences> differences;
    [[nodiscard]] bool success() const;
    /// Of the first account that failed; empty when none did.
    [[nodiscard]] std::string first_error() const;
};

class Service {
public:
    Service(Configuration configuration, ServiceOptions options);
    ~Service();
    Service(Service const&) = delete;
    Service& operator=(Service const&) = delete;

    /// Opens and, where needed, migrates the database. Errors are those of the store.
    [[nodiscard]] base::Result<void> open();
    /// Runs until every engine has finished: after stop(), a signal, or, in a one-shot service, the answer.
    void run();
    void stop();
    /// `done` is called on the io thread, once.
    void request_sync(std::string account, bool dry_run, std::optional<bool> calculate_realized_pnl,
                      std::function<void(SyncAnswer)> done);
    void reset_statistics();
    /// Copies of what the engines say of themselves, as of their last step.
    [[nodiscard]] std::vector<sync::GatewayStatus> status() const;
    /// Jobs that wait for the store's thread.
    [[nodiscard]] std::size_t store_jobs() const;
    /// Deliveries to each sink, for metrics.
    [[nodiscard]] std::vector<outbox::SinkStatus> sinks() const;
    /// Empty where nobody is to be told.
    [[nodiscard]] alert::WatcherStatus alerts() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// host:pid:start of this process, as leases name their owner.
[[nodiscard]] std::string owner_name();
/// Whether that names a process of this machine that is gone.
[[nodiscard]] bool owner_is_gone(std::string const& owner);
/// Whether that names a process of this machine that lives.
[[nodiscard]] bool owner_lives_here(std::string const& owner);
/// Both clocks of this machine.
[[nodiscard]] base::Now clock_now();

}  // namespace possync::app

// possync as a library: keep a database in lockstep with Interactive Brokers accounts from inside your own program.
//
//     auto service = possync::PositionSyncService::open("possync.toml");
//     auto results = service->sync_positions();          // one complete sync, or
//     service->start();                                   // syncs on schedule and on every change, on its own thread
//
// All members may be called from any thread. Nothing here can place an order. Decimals are text, exactly as stored.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace possync {

struct SyncOptions {
    bool dry_run = false;  ///< plan only, write nothing
    std::optional<bool> calculate_realized_pnl;  ///< overrides the configuration for this sync
};

/// How a sync of one account ended.
struct SyncResult {
    bool success = false;
    std::string account;  ///< empty when it failed before any account was known
    std::string trigger;  ///< startup scheduled position_update trade manual reconnect
    int positions_created = 0;
    int positions_updated = 0;
    int positions_closed = 0;
    std::optional<int> broker_positions;  ///< what it showed; unset: no whole list came
    std::optional<int> book_positions;    ///< unset: it failed before the book was at hand
    double duration_seconds = 0;
    std::string error;  ///< one line: what, and what to do; empty on success
    std::vector<std::string> warnings;
    int pending = 0;            ///< changes that no fill explains yet
    std::int64_t revision = 0;  ///< of the account's book
};

struct Statistics {
    std::int64_t total_syncs = 0;
    std::int64_t successful_syncs = 0;
    std::int64_t failed_syncs = 0;
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
    std::int64_t callback_triggers = 0;
    std::string last_error;
    std::string last_sync_time;  ///< RFC 3339 UTC; empty: never
};

/// One committed change of a position.
struct PositionChange {
    std::string account;
    std::int64_t revision = 0;
    std::int64_t con_id = 0;
    std::string kind;   ///< opened increased reduced closed adjusted missing found repriced reopened split
    std::string cause;  ///< execution correction opening_balance ...
    std::string quantity_before;
    std::string quantity_after;
};

class PositionSyncService {
public:
    /// Reads the configuration (see `possync config`; empty: the usual places) and opens the database. The error is
    /// one line that says what to do.
    static std::expected<std::unique_ptr<PositionSyncService>, std::string> open(std::string const& configuration_file = {});
    /// The same from the text of a configuration file.
    static std::expected<std::unique_ptr<PositionSyncService>, std::string> open_text(std::string const& toml);
    /// Stops.
    ~PositionSyncService();
    PositionSyncService(PositionSyncService const&) = delete;
    PositionSyncService& operator=(PositionSyncService const&) = delete;

    /// One complete sync of all accounts, or of one; waits for it. Through the running service when it is started,
    /// else on a connection of its own.
    std::vector<SyncResult> sync_positions(std::string const& account = {}, SyncOptions const& options = {});

    Statistics stats() const;
    void reset_stats();

    /// Runs the service on a thread of its own; nothing when it runs already.
    void start();
    /// Ends it and waits; what was committed stays, nothing else happened.
    void stop();
    /// Called after every commit, on the service's thread; keep it short. Set it before start().
    void on_change(std::function<void(PositionChange const&)> callback);

private:
    class Implementation;
    explicit PositionSyncService(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync

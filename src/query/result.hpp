// What a sync reports, what the counters say and what `possync status` shows, with one rendering each for
// machines (JSON) and for people (text). The names of the members are a contract: C++, HTTP and the commands
// use the same.
//
// Plain values. Durations here are the only binary floating point of this module: they measure time, never
// money.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "query/table.hpp"
#include "query/views.hpp"

namespace possync::query {

/// How one sync of one account ended.
struct SyncResult {
    bool success = false;
    std::string account;
    std::string trigger;  ///< startup, scheduled, position_update, trade, manual or reconnect
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
    OptionalInteger broker_positions;  ///< what it showed; unset: no whole list came
    OptionalInteger book_positions;    ///< unset: it failed before the book was at hand
    double duration_seconds = 0;
    OptionalText error;  ///< one line; set exactly when success is false
    std::vector<std::string> warnings;
    /// Instruments whose change is not explained yet (settling): a later sync completes them.
    std::int64_t pending = 0;
    OptionalInteger revision;  ///< of the account afterwards; unset when nothing was ever committed
    bool operator==(SyncResult const&) const = default;
};

/// Counters since the last reset.
struct Statistics {
    std::int64_t total_syncs = 0;
    std::int64_t successful_syncs = 0;
    std::int64_t failed_syncs = 0;
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
    std::int64_t callback_triggers = 0;  ///< syncs started by a position push or a trade
    OptionalText last_error;
    OptionalTime last_sync_time;
    bool operator==(Statistics const&) const = default;
};

/// Counts runs as the service does; a row that stands for many equal runs counts as many.
[[nodiscard]] Statistics statistics_of(std::vector<RunRow> const& runs);

struct GatewayStatus {
    std::string gateway;
    OptionalText address;           ///< host:port, where the configuration is at hand
    std::optional<bool> connected;  ///< unset: only a running service could say, and none answered
    std::optional<bool> stale;      ///< what it says may be old, or nothing comes; unset as above
    OptionalTime stale_since;       ///< last proof of life; unset while live, or where there never was one
    OptionalInteger server_version;
    OptionalText last_error;  ///< why it is not connected
    std::optional<bool> is_paper;  ///< unset: nobody connected to it yet
    OptionalText owner;  ///< who holds the right to write; unset: nobody
    OptionalTime lease_until;
    OptionalText state;  ///< one word of the service that was asked: standby where another serves it; unset: none answered
    std::optional<bool> down_expected;  ///< no session is near, or it restarts: that it is away is no wonder; unset as above
    bool operator==(GatewayStatus const&) const = default;
};

struct AccountStatus {
    std::string account;
    std::string gateway;
    OptionalTime last_synced_at;
    OptionalInteger age_seconds;  ///< since last_synced_at
    std::int64_t revision = 0;
    std::int64_t open_positions = 0;
    std::int64_t open_breaks = 0;  ///< of class alert, settling ones left out
    std::int64_t settling_breaks = 0;
    OptionalText coverage;  ///< state of the newest window: complete, unknown or contradicted
    std::int64_t coverage_gaps = 0;  ///< windows whose executions are not known
    OptionalTime covered_from;
    OptionalTime covered_to;
    OptionalText last_outcome;  ///< of the newest run
    OptionalText last_error;    ///< of the newest run, when it failed
    OptionalDate certified_through;  ///< last trade date up to which book and statements agree
    bool operator==(AccountStatus const&) const = default;
};

struct Status {
    std::vector<GatewayStatus> gateways;
    std::vector<AccountStatus> accounts;
    Statistics statistics;
    bool operator==(Status const&) const = default;
};

/// {"success": ..., "account": ..., ...} with the names and the order of the members.
[[nodiscard]] std::string to_json(SyncResult const& result);
/// {"success": all of them, "results": [...]}; no result at all is no success.
[[nodiscard]] std::string to_json(std::vector<SyncResult> const& results);
/// The same members as CSV, a row for each result; warnings in one field, with "; " between them.
[[nodiscard]] std::string to_csv(std::vector<SyncResult> const& results);
[[nodiscard]] std::string to_json(Statistics const& statistics);
/// {"gateways": [...], "accounts": [...], "statistics": {...}}
[[nodiscard]] std::string to_json(Status const& status);

/// The reverse, for clients of a running service. Errors: invalid_input naming the member that is missing or
/// wrong.
[[nodiscard]] base::Result<SyncResult> parse_sync_result(std::string_view json);
[[nodiscard]] base::Result<Statistics> parse_statistics(std::string_view json);

/// One row per account; errors and warnings beneath, each in a line.
[[nodiscard]] std::string to_table(std::vector<SyncResult> const& results, TableOptions const& options);
/// "name value" lines.
[[nodiscard]] std::string to_table(Statistics const& statistics, TableOptions const& options);
[[nodiscard]] std::string to_table(Status const& status, TableOptions const& options);

}  // namespace possync::query

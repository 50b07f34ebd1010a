// What goes into the engine and what comes out: plain values. `app` carries them to sockets, threads and stores,
// the tests to virtual ones; the engine itself knows neither.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "ledger/compare.hpp"
#include "ledger/policy.hpp"
#include "model/change_set.hpp"
#include "model/records.hpp"

namespace possync::sync {

/// Which accounts a gateway may serve before anything is written.
enum class Expect { any, paper, live };
/// Codes of simulated accounts begin with D. `account` may be a list: all accounts of a login are of one kind.
[[nodiscard]] inline bool is_paper(std::string_view account) { return account.starts_with('D'); }

struct AccountOptions {
    std::optional<model::CostBasis> cost_basis;
    std::optional<ledger::OnMissing> on_missing;
};

/// One gateway's part of the configuration. Durations are whole; the defaults are the documented ones.
struct EngineOptions {
    std::string gateway = "gateway";
    std::string host = "127.0.0.1";
    int port = 4002;
    int client_id = 71;
    std::vector<std::string> accounts;  ///< empty: every managed account
    Expect expect = Expect::any;
    std::string time_zone;  ///< IANA; empty: from the handshake where it is recognised
    int min_server_version = 100;
    int max_server_version = 226;

    bool enabled = true;  ///< false: no schedule and no callbacks, only syncs asked for
    base::Duration interval = std::chrono::minutes(5);
    bool on_position_update = true;
    bool on_trade = true;
    base::Duration settle = std::chrono::milliseconds(250);  ///< pushes that fills do not explain are asked about at most so often
    base::Duration settle_max = std::chrono::seconds(5);
    base::Duration timeout = std::chrono::seconds(30);
    bool marks = true;
    ledger::Policy policy;
    std::map<std::string, AccountOptions> account_options;

    base::Duration lease = std::chrono::seconds(30);  ///< how long the gateway stays ours after the last renewal

    /// Connect once, sync once, never reconnect or wait for what needs time (`possync sync`).
    bool one_shot = false;
    std::uint64_t seed = 1;  ///< of the reconnect jitter
};

/// The answer to a sync, per account.
struct SyncResult {
    bool success = false;
    std::string account;  ///< empty when it failed before any account was known
    model::Trigger trigger = model::Trigger::manual;
    int positions_created = 0;
    int positions_updated = 0;
    int positions_closed = 0;
    std::optional<int> broker_positions;  ///< what it showed; unset: no whole list came
    std::optional<int> book_positions;    ///< unset: the book was not at hand
    base::Duration duration{0};
    std::string error;
    base::ErrorCode error_code = base::ErrorCode::internal;
    std::vector<std::string> warnings;
    int pending = 0;  ///< executions that no position change has taken up, and rests that are settling
    model::Revision revision = 0;
    bool changed = false;
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
    std::optional<base::Timestamp> last_sync_time;
};

struct AccountStatus {
    std::string account;
    std::optional<base::Timestamp> last_synced_at;
    model::Revision revision = 0;
    int open_breaks = 0;
};

struct GatewayStatus {
    std::string gateway;
    std::string host;
    int port = 0;
    bool connected = false;  ///< handshake done and accounts known
    /// What the gateway says may be old, or nothing comes: no connection, the gateway lost its own to the broker, or is silent.
    bool stale = true;
    std::optional<base::Timestamp> stale_since;  ///< last proof of life; unset while live, or where there never was one
    int server_version = 0;
    std::string state;  ///< one word: stopped claiming standby connecting registering loading ready
    bool sync_running = false;
    bool owned = false;   ///< this service holds the gateway's lease
    std::string last_error;
    std::string refusal;  ///< why its accounts are not taken (paper for live, none that was chosen); empty: they are, or not known yet
    std::optional<base::Duration> restarts_at;  ///< time of day in `zone` of its daily restart, once it told; kept while it is away
    std::string zone;                           ///< IANA; empty: not known
    std::vector<AccountStatus> accounts;
    Statistics statistics;
};

// Answers to Claim, LoadBook and Commit come in the order of what they answer.

// --- in --------------------------------------------------------------------------------------------------------------

struct Start {};
struct Stop {};
struct SocketOpened {};
struct SocketFailed { std::string reason; };
struct SocketClosed { std::string reason; };
/// The bytes are read during the step only.
struct BytesReceived { std::string_view bytes; };
/// Time passed; also what to send when nothing else happened by next_wakeup().
struct Tick {};
struct ClaimedAccount {
    model::AccountId account_id = 0;
    std::string account;
};
struct Claimed {
    std::int64_t epoch = 0;  ///< another one than before: somebody else may have written meanwhile
    std::vector<ClaimedAccount> accounts;
    std::vector<std::string> warnings;
    bool registered = false;  ///< the claim named accounts: `accounts` are those of them that are ours to write, maybe none
};
/// `conflict`: another service holds the gateway, or it is another's turn.
struct ClaimFailed {
    base::Error error;
    std::optional<base::Duration> free_in;  ///< until the holder's lease ends, where there is one
};
/// The fleet's rule gives this gateway to another service, or takes that back. It is handed over at a quiet moment.
struct Yield { bool wanted = true; };
struct BookLoaded {
    model::AccountBook book;
    model::LastRecords last;
};
struct LoadFailed {
    model::AccountId account_id = 0;
    base::Error error;
};
struct Committed { std::int64_t commit_number = 0; };
struct CommitFailed {
    std::int64_t commit_number = 0;
    base::Error error;
};
struct SyncRequested {
    std::int64_t request_number = 0;
    std::string account;  ///< empty: all
    bool dry_run = false;
    std::optional<bool> calculate_realized_pnl;
};
struct ResetStatistics {};
/// Somebody else committed (a repair): load again before planning.
struct BooksChanged {};

using Event = std::variant<Start, Stop, SocketOpened, SocketFailed, SocketClosed, BytesReceived, Tick, Claimed, ClaimFailed,
                           Yield, BookLoaded, LoadFailed, Committed, CommitFailed, SyncRequested, ResetStatistics, BooksChanged>;

// --- out -------------------------------------------------------------------------------------------------------------

struct OpenSocket {
    std::string host;
    int port = 0;
};
struct CloseSocket {};
struct SendBytes { std::string bytes; };
/// Take or renew the gateway's lease; answered by Claimed or ClaimFailed. The first comes before the engine connects and names
/// no accounts, the second registers those that the gateway serves.
struct Claim {
    std::vector<std::string> accounts;
    std::optional<bool> paper;
    bool renewal = false;  ///< of a lease that is believed to be ours
};
/// Give the lease back; not answered. Nothing is written after it until the next Claim is granted.
struct Release {};
struct LoadBook { model::AccountId account_id = 0; };
/// One transaction; answered by Committed or CommitFailed. At most one is under way.
struct Commit {
    std::int64_t commit_number = 0;
    std::vector<model::SharedChangeSet> change_sets;
    std::vector<model::SyncRun> runs;
    std::vector<model::MarkRecord> marks;
    std::vector<model::AccountValue> values;
    std::vector<model::CoverageWindow> coverage;
    std::vector<model::Freshness> freshness;
};
/// Sent once per SyncRequested.
struct SyncFinished {
    std::int64_t request_number = 0;
    std::vector<SyncResult> results;
    std::vector<model::ChangeSet> would_write;  ///< dry run only
    struct Differences {
        std::string account;
        std::vector<ledger::Difference> rows;
    };
    std::vector<Differences> differences;  ///< dry run only: broker against book
};
/// A committed change set, for callbacks and streams.
struct Changed {
    std::string account;
    model::SharedChangeSet change_set;
};
enum class LogLevel { debug, info, warning, error };
struct Log {
    LogLevel level = LogLevel::info;
    std::string event;  ///< stable name: sync.committed, gateway.connected, position.closed ...
    std::string account;
    std::string text;
    std::shared_ptr<SyncResult const> result = nullptr;  ///< of sync.committed, sync.unchanged and sync.failed: what the line is about
};
/// Everything that had to be said was said, after Stop or at the end of a one-shot run.
struct Finished {};

using Effect = std::variant<OpenSocket, CloseSocket, SendBytes, Claim, Release, LoadBook, Commit, SyncFinished, Changed, Log, Finished>;
using Effects = std::vector<Effect>;

}  // namespace possync::sync

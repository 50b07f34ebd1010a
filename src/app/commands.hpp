// The commands behind the words of the command line. Each prints its result on stdout, one clear line on stderr when
// it fails, and answers with the exit status: 0 fine, 1 failed, 2 usage or configuration, 3 found a difference.
#pragma once

#include <optional>
#include <string>

#include "app/config.hpp"
#include "app/flex_service.hpp"
#include "app/gateway_server.hpp"
#include "app/repair.hpp"
#include "query/filter.hpp"
#include "query/result.hpp"

namespace possync::app {

enum class Format { table, json, csv };

inline constexpr int exit_fine = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_difference = 3;

/// Whether what the command prints can be printed so; `command`: its words, like "flex fetch".
[[nodiscard]] base::Result<void> check_format(std::string_view command, Format format);

/// "possync: message" on stderr; the exit status that fits the error.
int report(base::Error const& error);

struct SyncCommand {
    std::string account;
    bool dry_run = false;
    std::optional<bool> calculate_realized_pnl;
};

/// `import` takes the statements that are fetched every day; without it none are.
int run_service(Configuration const& configuration, std::string const& version, FlexImport const& import = nullptr);
struct SyncAnswer;
/// One complete sync by engines of this process.
[[nodiscard]] base::Result<void> sync_once(Configuration const& configuration, SyncCommand const& command, SyncAnswer& answer);
int run_sync(Configuration const& configuration, SyncCommand const& command, Format format);
/// Broker against book, now; exit_difference when they differ. Writes nothing.
int run_diff(Configuration const& configuration, std::string const& account, Format format);
/// The book against a list of the user's own: CSV with a heading that names quantity, con_id or symbol, and account where
/// there are several.
int run_diff_against(Configuration const& configuration, std::string const& file, std::string const& account, Format format);
/// A table as a file, complete or not at all; `output` empty: stdout.
int run_export(Configuration const& configuration, std::string const& table, std::string const& output, query::FilterText const& filter, Format format);
/// What only the running service knows of its gateways, as ask_live_status gives it.
void add_live_status(query::Status& status, std::string const& text);
int run_status(Configuration const& configuration, std::string const& account, bool reset, Format format);
/// positions, closes, lots, executions, events, breaks, runs, accounts, instruments, coverage, adjustments, certifications,
/// differences, cash, successions, statements, and for `export` also account_values and currency_rates
int run_table(Configuration const& configuration, std::string const& table, query::FilterText const& filter, Format format);
struct PnlCommand {
    query::FilterText filter;
    std::string grouping = "day";
    std::string method;              ///< empty: as the book was kept; else average, fifo, lifo or hifo over the whole history
    std::string view = "economic";   ///< or tax: option premium in the cost of what was delivered
    bool total = false;              ///< with dividends, interest, fees ... and in the base currency
};
int run_pnl(Configuration const& configuration, PnlCommand const& command, Format format);
/// The book against all imported statements; exit_difference when something differs. `since` empty: all.
int run_certify(Configuration const& configuration, std::string const& account, std::string const& since, Format format);
/// Recalculates every book from its facts; exit_difference when one does not follow from them.
int run_verify(Configuration const& configuration, Format format);
/// explain, exclude, undo: printed as the change set that is written, or with dry_run would be.
int run_repair(Configuration const& configuration, RepairText text, Format format);
struct FlexFetchCommand {
    std::vector<std::string> queries;  ///< empty: all that are configured
    std::string output;                ///< folder to leave the files in; empty: they are imported
};
int run_flex_fetch(Configuration const& configuration, FlexFetchCommand const& command, Format format, FlexImport const& import = nullptr);
int run_migrate(Configuration const& configuration, Format format);
/// `comments`: as a file to begin with, each key with what it is for.
int run_config(Configuration const& configuration, bool comments, Format format);
struct SetupCommand {
    std::string host = "127.0.0.1";
    std::vector<int> ports;  ///< empty: the usual ones
    int client_id = 71;
    std::string time_zone;
    std::string output = "possync.toml";
    std::string database;  ///< URL; empty: a file beside the configuration
    bool force = false;
    bool yes = false;
    std::string rebind;  ///< name of a gateway
};
/// Looks for gateways, shows what the first sync would write, and writes a configuration.
int run_setup(SetupCommand const& command);
/// Makes the database accept what the gateway serves now.
int run_rebind(Configuration const& configuration, SetupCommand const& command);
/// A test note to every configured receiver, or to `only`; exit_failed when one does not take it.
int run_alert_test(Configuration const& configuration, std::string const& only);
/// What is raised now.
int run_alert_list(Configuration const& configuration, Format format);
/// Everything that can be looked at without changing anything; exit_failed when something is wrong.
int run_doctor(Configuration const& configuration, Format format);
int run_simulate(GatewayServerOptions options);

struct DemoCommand {
    std::uint64_t seed = 1;
    std::string pace = "1s";
    std::string database;  ///< empty: a temporary one
    int seconds = 0;       ///< stop by itself after so long; 0: never
    std::string listen = "127.0.0.1:8321";  ///< of the page; "off": none
};
int run_demo(DemoCommand const& command, std::string const& version);

struct RecordCommand {
    int listen = 0;
    std::string gateway = "127.0.0.1:4002";
    std::string output;
    std::string limit = "64M";
};
/// Hands connections on to a gateway and records them, until a signal comes.
int run_record(RecordCommand const& command);

struct ReplayCommand {
    std::string recording;
    std::string database;  ///< empty: a temporary one
};
/// A recording through the engine into a new database, on virtual time: the same output every time.
int run_replay(ReplayCommand const& command, Format format);

}  // namespace possync::app

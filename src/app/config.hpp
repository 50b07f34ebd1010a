// Configuration: defaults, then the file, then the environment; one table of keys drives reading, checking, printing
// and the documentation. Unknown keys and wrong types are errors that name file and line, and so are variables of the environment
// that can only be meant as settings. Values are plain; modules get their own options structs out of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "sync/protocol.hpp"

namespace possync::app {

struct GatewayConfig {
    std::string name = "gateway";
    std::string host = "127.0.0.1";
    int port = 4002;
    int client_id = 71;
    std::vector<std::string> accounts;
    sync::Expect expect = sync::Expect::any;
    std::string time_zone;
    int min_server_version = 100;  ///< of the protocol, offered to the gateway
    int max_server_version = 226;
    std::string restarts_at;  ///< "23:45" in its zone; empty: as its settings tell
    std::string recording;  ///< file that the conversation is recorded in; empty: none
    std::uint64_t recording_limit = 64 << 20;  ///< bytes
};

struct AccountConfig {
    std::string code;
    std::string cost_basis;
    std::string on_missing;
};

/// A statement to fetch: a Flex query as it was made in the Client Portal.
struct FlexQueryConfig {
    std::string id;
    std::string account;  ///< that it is of; empty: any
};

/// Where committed changes are delivered to.
struct SinkConfig {
    std::string name;
    std::string type = "webhook";  ///< or nats
    std::string url;
    std::vector<std::string> accounts;
    base::Secret secret;
    std::string secret_file;
    std::string ca_file;
    std::string subject = "possync";
    base::Duration timeout = std::chrono::seconds(10);
    base::Duration retry_max = std::chrono::minutes(5);
};

/// Who is told when something is wrong.
struct AlertConfig {
    std::string name;
    std::string type = "webhook";  ///< or ntfy, telegram
    base::Secret url;
    std::string url_file;
    base::Secret topic;
    std::string topic_file;
    base::Secret token;
    std::string token_file;
    std::vector<std::string> accounts;
    std::vector<std::string> conditions;
    std::string ca_file;
    base::Duration timeout = std::chrono::seconds(10);
    base::Duration retry_max = std::chrono::minutes(5);
};

struct Configuration {
    std::string source;  ///< file it came from; empty: defaults
    std::vector<std::string> environment;  ///< variables that won over it
    std::string database_url = "sqlite:///possync.db";  ///< without the password that it was written with
    base::Secret database_password;
    std::string database_password_file;
    std::vector<GatewayConfig> gateways{GatewayConfig{}};
    std::vector<AccountConfig> accounts;

    bool enabled = true;
    base::Duration interval = std::chrono::minutes(5);
    bool on_position_update = true;
    bool on_trade = true;
    base::Duration settle = std::chrono::milliseconds(250);
    base::Duration settle_max = std::chrono::seconds(5);
    base::Duration timeout = std::chrono::seconds(30);
    bool calculate_realized_pnl = true;
    std::string cost_basis = "average";
    std::string on_missing = "close";
    base::Duration missing_after = std::chrono::minutes(15);
    int keep_runs_days = 90;
    base::Duration fleet_lease = std::chrono::seconds(30);

    std::string report_zone = "America/New_York";
    std::string http_listen = "127.0.0.1:8321";
    std::string http_token_file;
    std::string http_certificate_file;  ///< with http_key_file: TLS
    std::string http_key_file;
    std::vector<std::string> http_hosts;  ///< further names that the server is reached by
    int http_max_connections = 2000;
    int http_max_connections_per_address = 1500;
    std::string flex_zone = "America/New_York";  ///< of the times in statements, and of fetch_at
    std::string flex_base_url = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService";
    base::Secret flex_token;
    std::string flex_token_file;
    std::string flex_ca_file;  ///< certificates to trust instead of the system's
    std::string flex_fetch_at = "06:00";  ///< a day's statement is written in the night that follows it
    std::vector<FlexQueryConfig> flex_queries;
    int outbox_keep_days = 7;
    std::vector<SinkConfig> sinks;
    std::string alerts_zone = "America/New_York";
    std::vector<std::string> alerts_sessions{"Mon-Fri 09:30-16:00"};
    std::vector<std::string> alerts_holidays;
    base::Duration alerts_before_session = std::chrono::minutes(30);
    base::Duration alerts_restart_takes = std::chrono::minutes(10);
    base::Duration alerts_break_after = std::chrono::minutes(5);
    base::Duration alerts_stale_after = std::chrono::minutes(2);
    int alerts_expiring_days = 2;
    base::Duration alerts_recovered_after = std::chrono::minutes(1);
    base::Duration alerts_remind_after = std::chrono::hours(1);
    std::vector<AlertConfig> alerts;
    std::string log_level = "info";
    std::string log_format = "auto";
};

/// `--config`, else $POSSYNC_CONFIG, ./possync.toml, /etc/possync/possync.toml, else defaults; then the environment.
/// Errors: invalid_input "possync.toml:12: unknown key sync.intervall; ...".
[[nodiscard]] base::Result<Configuration> load_configuration(std::string const& path_option,
                                                             std::map<std::string, std::string> const& environment);

/// The same from text; `name` stands in messages.
[[nodiscard]] base::Result<Configuration> parse_configuration(std::string_view toml, std::string const& name,
                                                              std::map<std::string, std::string> const& environment);

/// The effective configuration as TOML, secrets masked; reading it back gives the same.
[[nodiscard]] std::string print_configuration(Configuration const& configuration);

/// The same as a JSON object of the sections.
[[nodiscard]] std::string configuration_json(Configuration const& configuration);

/// The same with what each key is for above it, sections that may be left out included: an example, or a file to begin with.
/// Secrets are left out.
[[nodiscard]] std::string print_commented_configuration(Configuration const& configuration);

/// Every key with its default, its name in the environment and what it does, as Markdown tables.
[[nodiscard]] std::string configuration_reference();

/// What the engine of one gateway is told. Precondition: the configuration passed load_configuration.
[[nodiscard]] sync::EngineOptions engine_options(Configuration const& configuration, GatewayConfig const& gateway);

/// What a recording says of the configuration: lines of TOML that set up the same syncing, without addresses, names and files.
[[nodiscard]] std::vector<std::string> settings_for_replay(Configuration const& configuration, GatewayConfig const& gateway);

/// Of a receiver of alerts, also where it comes from a file. Errors: invalid_input, without the address.
[[nodiscard]] base::Result<void> check_alert_url(std::string const& name, base::Secret const& url);

/// Microseconds since midnight of "18:30". Errors: invalid_input.
[[nodiscard]] base::Result<std::int64_t> parse_time_of_day(std::string_view text);

/// This process's environment, as load_configuration wants it.
[[nodiscard]] std::map<std::string, std::string> process_environment();

}  // namespace possync::app

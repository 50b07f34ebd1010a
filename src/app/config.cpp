#include "app/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/format.h>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "alert/rules.hpp"
#include "app/nearest.hpp"
#include "app/recorder.hpp"
#include "app/zones.hpp"
#include "base/check.hpp"
#include "http/doors.hpp"
#include "query/json.hpp"
#include "store/open/open.hpp"

namespace possync::app {

using base::Duration;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

enum class Kind { text, whole, boolean, duration, size, list };

/// One key of one section: what it is for, how its text is read and printed. The section is a struct of type Target.
template <typename Target>
struct Key {
    std::string_view name;
    std::string_view help;  ///< one line, as it stands in the example configuration and in docs/configuration.md
    Kind kind;
    std::function<Result<void>(Target&, std::string_view)> set;
    std::function<std::string(Target const&)> print;
};

Result<void> read(std::string& to, std::string_view text) {
    to = std::string(text);
    return {};
}
Result<void> read(bool& to, std::string_view text) {
    if (text != "true" && text != "false") return fail(ErrorCode::invalid_input, fmt::format("'{}' is not true or false", text));
    to = text == "true";
    return {};
}
Result<void> read(int& to, std::string_view text) {
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (error != std::errc{} || stop != text.data() + text.size()) {
        return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a whole number", text));
    }
    return {};
}
Result<void> read(std::uint64_t& to, std::string_view text) {
    POSSYNC_TRY(to, parse_size(text));
    return {};
}
Result<void> read(Duration& to, std::string_view text) {
    POSSYNC_TRY(to, base::parse_duration(text));
    return {};
}
Result<void> read(std::vector<std::string>& to, std::string_view text) {
    to.clear();
    while (!text.empty()) {
        auto const comma = text.find(',');
        std::string_view item = text.substr(0, comma);
        while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
        while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
        if (!item.empty()) to.emplace_back(item);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return {};
}
Result<void> read(base::Secret& to, std::string_view text) {
    to = base::Secret(std::string(text));
    return {};
}
Result<void> read(sync::Expect& to, std::string_view text) {
    if (text == "any") return to = sync::Expect::any, Result<void>{};
    if (text == "paper") return to = sync::Expect::paper, Result<void>{};
    if (text == "live") return to = sync::Expect::live, Result<void>{};
    return fail(ErrorCode::invalid_input, fmt::format("'{}' is not one of live, paper, any", text));
}

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (char const c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            result += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
            continue;
        }
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}
std::string show(std::string const& value) { return in_quotes(value); }
std::string show(base::Secret const& value) { return value.empty() ? "\"\"" : "\"***\""; }
std::string show(bool value) { return value ? "true" : "false"; }
std::string show(int value) { return std::to_string(value); }
std::string show(std::uint64_t bytes) { return in_quotes(size_text(bytes)); }
std::string show(Duration value) { return in_quotes(base::to_string(value)); }
std::string show(std::vector<std::string> const& values) {
    std::string text = "[";
    for (auto const& value : values) text += (text.size() > 1 ? ", " : "") + in_quotes(value);
    return text + "]";
}
std::string show(sync::Expect value) {
    return value == sync::Expect::paper ? "\"paper\"" : value == sync::Expect::live ? "\"live\"" : "\"any\"";
}

template <typename Target, typename Member>
Key<Target> key(std::string_view name, std::string_view help, Kind kind, Member Target::* member,
                std::function<Result<void>(Member const&)> check = nullptr) {
    return {name, help, kind,
            [member, check](Target& target, std::string_view text) -> Result<void> {
                Member value{};
                POSSYNC_TRY_VOID(read(value, text));
                if (check) POSSYNC_TRY_VOID(check(value));
                target.*member = std::move(value);
                return {};
            },
            [member](Target const& target) { return show(target.*member); }};
}

std::function<Result<void>(std::string const&)> one_of(std::vector<std::string> words) {
    return [words = std::move(words)](std::string const& value) -> Result<void> {
        if (std::find(words.begin(), words.end(), value) != words.end()) return {};
        std::string all;
        for (auto const& word : words) all += (all.empty() ? "" : ", ") + word;
        return fail(ErrorCode::invalid_input, fmt::format("'{}' is not one of {}", value, all));
    };
}
std::function<Result<void>(int const&)> between(int low, int high) {
    return [low, high](int const& value) -> Result<void> {
        if (value >= low && value <= high) return {};
        return fail(ErrorCode::invalid_input, fmt::format("{} is not between {} and {}", value, low, high));
    };
}
std::function<Result<void>(Duration const&)> at_least(Duration low) {
    return [low](Duration const& value) -> Result<void> {
        if (value >= low) return {};
        return fail(ErrorCode::invalid_input,
                    fmt::format("{} is too short; at least {}", base::to_string(value), base::to_string(low)));
    };
}
Result<void> known_zone(std::string const& zone) {
    if (zone.empty() || system_zones().to_local(zone, {})) return {};
    return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a time zone; write one like America/New_York", zone));
}
/// "" and "off": no server.
Result<void> listen_address(std::string const& text) {
    if (text.empty() || text == "off") return {};
    auto const parsed = http::parse_listen(text);
    if (!parsed) return std::unexpected(parsed.error());
    return {};
}
Result<void> host_names(std::vector<std::string> const& names) {
    for (auto const& name : names) {
        auto const parsed = http::parse_host_port(name);
        if (!parsed || parsed->port) return fail(ErrorCode::invalid_input, fmt::format("'{}' is no host name; write names without scheme and port", name.substr(0, 80)));
    }
    return {};
}

Result<void> https_only(std::string const& url) {
    // Nor a user's name and password: it is printed.
    if (url.starts_with("https://") && url.size() > 8 && url.find_first_of("?#@ ") == std::string::npos && !url.ends_with('/')) return {};
    return fail(ErrorCode::invalid_input, "write an address like https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService, "
                                          "without a user and without a slash at its end");
}
Result<void> time_of_day(std::string const& text) {
    POSSYNC_TRY_VOID(parse_time_of_day(text));
    return {};
}
Result<void> query_id(std::string const& id) {
    if (!id.empty() && id.find_first_not_of("0123456789") == std::string::npos) return {};
    return fail(ErrorCode::invalid_input, "write the number of the Flex query as text, like \"123456\"");
}

Result<void> session_list(std::vector<std::string> const& texts) {
    for (auto const& text : texts) {
        if (auto const session = alert::parse_session(text); !session) return std::unexpected(session.error());
    }
    return {};
}
Result<void> date_list(std::vector<std::string> const& texts) {
    for (auto const& text : texts) {
        if (auto const date = base::parse_date(text); !date) return std::unexpected(date.error());
    }
    return {};
}
Result<void> condition_list(std::vector<std::string> const& words) {
    std::string all;
    for (auto const condition : alert::all_conditions()) all += (all.empty() ? "" : ", ") + std::string(to_string(condition));
    for (auto const& word : words) {
        if (!alert::parse_condition(word)) return fail(ErrorCode::invalid_input, fmt::format("'{}' is not one of {}", word, all));
    }
    return {};
}

using Config = Configuration;

std::vector<std::pair<std::string_view, std::vector<Key<Config>>>> const& sections() {
    static std::vector<std::pair<std::string_view, std::vector<Key<Config>>>> const table{
        {"database",
         {key<Config, std::string>(
             "url",
             "the database: sqlite:///FILE, relative to where the program is started, sqlite:////ABSOLUTE/FILE, or "
             "postgresql://USER@HOST/DATABASE?schema=possync",
             Kind::text, &Config::database_url, store::check_database_url),
          key("password", "of the PostgreSQL user; better in password_file, $POSSYNC_DATABASE_PASSWORD or ~/.pgpass", Kind::text,
              &Config::database_password),
          key("password_file", "file that holds that password, readable by its owner alone", Kind::text,
              &Config::database_password_file)}},
        {"sync",
         {key("enabled", "false: no schedule and no callbacks; only syncs that are asked for", Kind::boolean, &Config::enabled),
          key<Config, Duration>("interval", "pause between two complete syncs; at least 10s", Kind::duration, &Config::interval,
                                at_least(std::chrono::seconds(10))),
          key("on_position_update", "commit when the broker sends a changed position", Kind::boolean,
              &Config::on_position_update),
          key("on_trade", "commit when the broker sends a fill", Kind::boolean, &Config::on_trade),
          key("settle", "changes of a burst that no fill explains are asked about at most so often", Kind::duration, &Config::settle),
          key("settle_max", "the longest that a burst may delay a commit", Kind::duration, &Config::settle_max),
          key<Config, Duration>("timeout", "how long the gateway may take to answer a request; at least 1s", Kind::duration,
                                &Config::timeout, at_least(std::chrono::seconds(1))),
          key("calculate_realized_pnl", "false: closes are booked without realized P&L", Kind::boolean,
              &Config::calculate_realized_pnl),
          key<Config, std::string>("cost_basis", "method of realized P&L: average, fifo, lifo or hifo", Kind::text,
                                   &Config::cost_basis, one_of({"average", "fifo", "lifo", "hifo"})),
          key<Config, std::string>(
              "on_missing",
              "what becomes of a position that the broker no longer lists and no fill explains: close (its P&L unknown) or warn",
              Kind::text, &Config::on_missing, one_of({"close", "warn"})),
          key("missing_after", "how long it must have been missing, with a second complete list that agrees, before it is closed",
              Kind::duration, &Config::missing_after),
          key<Config, int>("keep_runs_days", "how long the list of syncs is kept", Kind::whole, &Config::keep_runs_days,
                           between(1, 36500))}},
        {"fleet",
         {key<Config, Duration>("lease",
                                "how long a gateway stays with a service that says nothing more; another takes over after it; at "
                                "least 1s, the same for all services of a database",
                                Kind::duration, &Config::fleet_lease, at_least(std::chrono::seconds(1)))}},
        {"report",
         {key<Config, std::string>("zone", "time zone of the days that P&L is counted by, and of trade dates", Kind::text,
                                   &Config::report_zone, known_zone)}},
        {"http",
         {key<Config, std::string>("listen", "address of the HTTP interface and the page; off: none; not loopback: a token is required",
                                   Kind::text, &Config::http_listen, listen_address),
          key("token_file", "file that holds the token of the HTTP interface, readable by its owner alone", Kind::text,
              &Config::http_token_file),
          key("certificate_file", "certificate and its chain, PEM; with key_file: the HTTP interface speaks TLS", Kind::text,
              &Config::http_certificate_file),
          key("key_file", "the certificate's key, PEM, readable by its owner alone", Kind::text, &Config::http_key_file),
          key<Config, std::vector<std::string>>("hosts", "further names that the HTTP interface is reached by; others are refused",
                                                Kind::list, &Config::http_hosts, host_names),
          key<Config, int>("max_connections", "at most so many HTTP connections at a time", Kind::whole,
                           &Config::http_max_connections, between(1, 100'000)),
          key<Config, int>("max_connections_per_address", "at most so many of one client address", Kind::whole,
                           &Config::http_max_connections_per_address, between(1, 100'000))}},
        {"flex",
         {key<Config, std::string>("zone", "time zone of the times in statements, and of fetch_at", Kind::text,
                                   &Config::flex_zone, known_zone),
          key<Config, std::string>("base_url", "address of the Flex Web Service", Kind::text, &Config::flex_base_url, https_only),
          key("token", "token of the Flex Web Service; better in token_file or $POSSYNC_FLEX_TOKEN", Kind::text,
              &Config::flex_token),
          key("token_file", "file that holds that token, readable by its owner alone", Kind::text, &Config::flex_token_file),
          key("ca_file", "certificates to trust instead of those of the system", Kind::text, &Config::flex_ca_file),
          key<Config, std::string>("fetch_at", "time of day at which `possync run` fetches the statements of the day before",
                                   Kind::text, &Config::flex_fetch_at, time_of_day)}},
        {"outbox",
         {key<Config, int>("keep_days", "how long a change waits for a sink that is away; then the sink is told of a gap", Kind::whole,
                           &Config::outbox_keep_days, between(1, 3650))}},
        {"alerts",
         {key<Config, std::string>("zone", "time zone of the sessions", Kind::text, &Config::alerts_zone, known_zone),
          key<Config, std::vector<std::string>>(
              "sessions",
              "when somebody trades, by the day it begins on: Mon-Fri 09:30-16:00, Sun-Thu 18:00-17:00; outside of them a gateway may be away",
              Kind::list, &Config::alerts_sessions, session_list),
          key<Config, std::vector<std::string>>("holidays", "days without a session, like 2026-12-25", Kind::list, &Config::alerts_holidays, date_list),
          key("before_session", "so long before a session a gateway that is away is an alarm", Kind::duration, &Config::alerts_before_session),
          key("restart_takes", "how long a gateway may be away for its daily restart", Kind::duration, &Config::alerts_restart_takes),
          key("break_after", "age at which a difference between broker and book is told", Kind::duration, &Config::alerts_break_after),
          key("stale_after", "how long nothing may be heard of a gateway in a session", Kind::duration, &Config::alerts_stale_after),
          key<Config, int>("expiring_days", "options are told so many weekdays before they expire", Kind::whole, &Config::alerts_expiring_days,
                           between(0, 30)),
          key("recovered_after", "how long something must be gone to be told as over", Kind::duration, &Config::alerts_recovered_after),
          key("remind_after", "what lasts is told again after so long, then twice as long each time up to a day; 0s: never", Kind::duration,
              &Config::alerts_remind_after)}},
        {"log",
         {key<Config, std::string>("level", "debug, info, warning or error", Kind::text, &Config::log_level,
                                   one_of({"debug", "info", "warning", "error"})),
          key<Config, std::string>("format", "text, json (one object a line), or auto: text on a terminal, json otherwise",
                                   Kind::text, &Config::log_format, one_of({"auto", "text", "json"}))}}};
    return table;
}

std::vector<Key<GatewayConfig>> const& gateway_keys() {
    static std::vector<Key<GatewayConfig>> const table{
        key("name", "name of this gateway in logs, lists and the environment; each gateway has its own", Kind::text,
            &GatewayConfig::name),
        key("host", "where TWS or IB Gateway runs", Kind::text, &GatewayConfig::host),
        key<GatewayConfig, int>(
            "port", "4001 live, 4002 paper for IB Gateway; 7496 live, 7497 paper for TWS; containers often 4003, 4004",
            Kind::whole, &GatewayConfig::port, between(1, 65535)),
        key<GatewayConfig, int>("client_id",
                                "a number that no other API client of this gateway uses; set as its Master API client ID, fills "
                                "of all clients are seen at once",
                                Kind::whole, &GatewayConfig::client_id, between(0, 2147483647)),
        key("accounts", "only these accounts; empty: all that the login manages", Kind::list, &GatewayConfig::accounts),
        key("expect", "live or paper: accounts of the other kind are refused before anything is written; any: no check",
            Kind::text, &GatewayConfig::expect),
        key<GatewayConfig, std::string>(
            "time_zone",
            "IANA name of the zone the gateway is logged in with; empty: as its handshake says, where that is understood",
            Kind::text, &GatewayConfig::time_zone, known_zone),
        key<GatewayConfig, int>("min_server_version", "lowest protocol version to offer", Kind::whole,
                                &GatewayConfig::min_server_version, between(100, 226)),
        key<GatewayConfig, int>("max_server_version", "highest protocol version to offer", Kind::whole,
                                &GatewayConfig::max_server_version, between(100, 226)),
        key<GatewayConfig, std::string>("restarts_at",
                                        "time of day in its zone at which it restarts or logs off, like 23:45; empty: as its settings tell, from "
                                        "server version 219 on",
                                        Kind::text, &GatewayConfig::restarts_at,
                                        [](std::string const& text) { return text.empty() ? Result<void>{} : time_of_day(text); }),
        key("recording", "file that the conversation with the gateway is recorded in, redacted; empty: none", Kind::text,
            &GatewayConfig::recording),
        key("recording_limit", "size at which a recording ends", Kind::size, &GatewayConfig::recording_limit)};
    return table;
}

std::vector<Key<AccountConfig>> const& account_keys() {
    static std::vector<Key<AccountConfig>> const table{
        key("code", "the broker's account code; this section is optional and may be repeated", Kind::text, &AccountConfig::code),
        key<AccountConfig, std::string>("cost_basis", "as sync.cost_basis, for this account; empty: the same", Kind::text,
                                        &AccountConfig::cost_basis, one_of({"average", "fifo", "lifo", "hifo"})),
        key<AccountConfig, std::string>("on_missing", "as sync.on_missing, for this account; empty: the same", Kind::text,
                                        &AccountConfig::on_missing, one_of({"close", "warn"}))};
    return table;
}

std::vector<Key<FlexQueryConfig>> const& flex_query_keys() {
    static std::vector<Key<FlexQueryConfig>> const table{
        key<FlexQueryConfig, std::string>(
            "id", "number of a Flex query that fetch_at asks for; this section is optional and may be repeated", Kind::text,
            &FlexQueryConfig::id, query_id),
        key("account", "account that the query is of; empty: any", Kind::text, &FlexQueryConfig::account)};
    return table;
}

Result<void> sink_name(std::string const& name) {
    if (!name.empty() && name.size() <= 64) return {};
    return fail(ErrorCode::invalid_input, "write a name of 1 to 64 characters");
}

std::vector<Key<SinkConfig>> const& sink_keys() {
    static std::vector<Key<SinkConfig>> const table{
        key<SinkConfig, std::string>("name",
                                     "name of this sink in logs, metrics and the database, where it stands for how far the sink is; "
                                     "this section is optional and may be repeated",
                                     Kind::text, &SinkConfig::name, sink_name),
        key<SinkConfig, std::string>("type", "webhook: a POST for each change; nats: a message in a JetStream stream", Kind::text,
                                     &SinkConfig::type, one_of({"webhook", "nats"})),
        key("url", "https://HOST/PATH of a webhook (http:// on this host only), nats://HOST:PORT or tls://HOST:PORT of a NATS server",
            Kind::text, &SinkConfig::url),
        key("accounts", "only changes of these accounts; empty: all", Kind::list, &SinkConfig::accounts),
        key("secret", "key of the webhook's signature, or token of the NATS server; better in secret_file", Kind::text, &SinkConfig::secret),
        key("secret_file", "file that holds that secret, readable by its owner alone", Kind::text, &SinkConfig::secret_file),
        key("ca_file", "certificates to trust instead of those of the system", Kind::text, &SinkConfig::ca_file),
        key("subject", "of NATS: messages go to SUBJECT.ACCOUNT", Kind::text, &SinkConfig::subject),
        key<SinkConfig, Duration>("timeout", "how long the sink may take for one message; at least 100ms", Kind::duration, &SinkConfig::timeout,
                                  at_least(std::chrono::milliseconds(100))),
        key<SinkConfig, Duration>("retry_max", "longest pause between two tries; at least 1s", Kind::duration, &SinkConfig::retry_max,
                                  at_least(std::chrono::seconds(1)))};
    return table;
}

std::vector<Key<AlertConfig>> const& alert_keys() {
    static std::vector<Key<AlertConfig>> const table{
        key<AlertConfig, std::string>("name", "name of this receiver of alerts in logs, metrics and the database; this section is optional and may be repeated",
                                      Kind::text, &AlertConfig::name, sink_name),
        key<AlertConfig, std::string>("type", "webhook, ntfy or telegram", Kind::text, &AlertConfig::type, one_of({"webhook", "ntfy", "telegram"})),
        key("url", "https://... of the webhook (http:// on this host only); empty for ntfy: https://ntfy.sh, for telegram: https://api.telegram.org",
            Kind::text, &AlertConfig::url),
        key("url_file", "file that holds that address, where it is a secret; readable by its owner alone", Kind::text, &AlertConfig::url_file),
        key("topic", "topic of ntfy, or number of the Telegram chat; better in topic_file", Kind::text, &AlertConfig::topic),
        key("topic_file", "file that holds that topic, readable by its owner alone", Kind::text, &AlertConfig::topic_file),
        key("token", "token of the Telegram bot, access token of ntfy, or key of the webhook's signature; better in token_file", Kind::text,
            &AlertConfig::token),
        key("token_file", "file that holds that token, readable by its owner alone", Kind::text, &AlertConfig::token_file),
        key("accounts", "only alerts of these accounts, and those of whole gateways; empty: all", Kind::list, &AlertConfig::accounts),
        key<AlertConfig, std::vector<std::string>>("conditions",
                                                   "only these: quantity_break guard stale refused unknown_pnl expiring liquidation assignment "
                                                   "new_account; empty: all",
                                                   Kind::list, &AlertConfig::conditions, condition_list),
        key("ca_file", "certificates to trust instead of those of the system", Kind::text, &AlertConfig::ca_file),
        key<AlertConfig, Duration>("timeout", "how long the receiver may take for one message; at least 100ms", Kind::duration, &AlertConfig::timeout,
                                   at_least(std::chrono::milliseconds(100))),
        key<AlertConfig, Duration>("retry_max", "longest pause between two tries; at least 1s", Kind::duration, &AlertConfig::retry_max,
                                   at_least(std::chrono::seconds(1)))};
    return table;
}

std::string_view example(Kind kind) {
    switch (kind) {
        case Kind::text: return "text in quotes";
        case Kind::whole: return "a whole number";
        case Kind::boolean: return "true or false";
        case Kind::duration: return "a duration in quotes like \"5m\"";
        case Kind::size: return "a size in quotes like \"64M\"";
        case Kind::list: return "a list like [\"DU1234567\"]";
    }
    return "";
}

/// A TOML value of the right type as text, or nothing.
std::optional<std::string> text_of(toml::node const& node, Kind kind) {
    switch (kind) {
        case Kind::text:
        case Kind::duration:
        case Kind::size:
            if (auto const* value = node.as_string()) return value->get();
            return std::nullopt;
        case Kind::whole:
            if (auto const* value = node.as_integer()) return std::to_string(value->get());
            return std::nullopt;
        case Kind::boolean:
            if (auto const* value = node.as_boolean()) return std::string(value->get() ? "true" : "false");
            return std::nullopt;
        case Kind::list: {
            auto const* array = node.as_array();
            if (array == nullptr) return std::nullopt;
            std::string joined;
            for (auto const& item : *array) {
                auto const* value = item.as_string();
                if (value == nullptr) return std::nullopt;
                joined += (joined.empty() ? "" : ",") + value->get();
            }
            return joined;
        }
    }
    return std::nullopt;
}

/// Where in the file a key or a section stands, for what is wrong only beside something else.
class Places {
public:
    explicit Places(std::string file) : file_(std::move(file)) {}

    /// `key`: "sync.settle", or "gateway.1.name" of the second [[gateway]].
    void remember(std::string const& key, toml::node const& node) { lines_[key] = node.source().begin.line; }

    /// The first of these that stands there; what is not in the file comes from the environment.
    [[nodiscard]] std::unexpected<base::Error> fail_at(std::initializer_list<std::string> keys, std::string const& message) const {
        for (auto const& key : keys) {
            if (auto const found = lines_.find(key); found != lines_.end()) {
                return fail(ErrorCode::invalid_input, fmt::format("{}:{}: {}", file_, found->second, message));
            }
        }
        return fail(ErrorCode::invalid_input, fmt::format("{}: {}", file_, message));
    }

private:
    std::string file_;
    std::map<std::string, unsigned> lines_;
};

class Reader {
public:
    Reader(std::string name, Places& places) : name_(std::move(name)), places_(places) {}

    Result<void> document(toml::table const& root, Config& config) {
        for (auto const& [name, node] : root) {
            if (name.str() == "gateway") {
                POSSYNC_TRY_VOID(tables(node, "gateway", gateway_keys(), config.gateways));
                continue;
            }
            if (name.str() == "account") {
                POSSYNC_TRY_VOID(tables(node, "account", account_keys(), config.accounts));
                continue;
            }
            if (name.str() == "sink") {
                POSSYNC_TRY_VOID(tables(node, "sink", sink_keys(), config.sinks));
                continue;
            }
            if (name.str() == "alert") {
                POSSYNC_TRY_VOID(tables(node, "alert", alert_keys(), config.alerts));
                continue;
            }
            auto const& known = sections();
            auto const section =
                std::find_if(known.begin(), known.end(), [&](auto const& each) { return each.first == name.str(); });
            if (section == known.end()) {
                return at(node, fmt::format("unknown section [{}]; the sections are [database] [[gateway]] [[account]] [sync] "
                                            "[fleet] [report] [http] [flex] [[flex.query]] [outbox] [[sink]] [alerts] [[alert]] [log]",
                                            name.str()));
            }
            auto const* table = node.as_table();
            if (table == nullptr) return at(node, fmt::format("{} is a section: write [{}]", name.str(), name.str()));
            auto const* queries = section->first == "flex" ? table->get("query") : nullptr;
            if (queries != nullptr) POSSYNC_TRY_VOID(tables(*queries, "flex.query", flex_query_keys(), config.flex_queries));
            POSSYNC_TRY_VOID(keys(*table, std::string(section->first), section->second, config, queries != nullptr ? "query" : ""));
        }
        return {};
    }

private:
    Result<void> at(toml::node const& node, std::string const& message) const {
        return fail(ErrorCode::invalid_input, fmt::format("{}:{}: {}", name_, node.source().begin.line, message));
    }

    template <typename Target>
    Result<void> tables(toml::node const& node, std::string const& section, std::vector<Key<Target>> const& known,
                        std::vector<Target>& out) {
        auto const* array = node.as_array();
        if (array == nullptr) return at(node, fmt::format("{} is a list: write [[{}]]", section, section));
        out.clear();
        for (auto const& item : *array) {
            auto const* table = item.as_table();
            if (table == nullptr) return at(item, fmt::format("{} is a list of tables: write [[{}]]", section, section));
            Target target;
            places_.remember(fmt::format("{}.{}", section, out.size()), item);
            POSSYNC_TRY_VOID(keys(*table, section, known, target, "", fmt::format("{}.{}", section, out.size())));
            out.push_back(std::move(target));
        }
        return {};
    }

    template <typename Target>
    Result<void> keys(toml::table const& table, std::string const& section, std::vector<Key<Target>> const& known,
                      Target& target, std::string_view read_already = "", std::string const& place = "") {
        for (auto const& [name, node] : table) {
            places_.remember(fmt::format("{}.{}", place.empty() ? section : place, name.str()), node);
            if (!read_already.empty() && name.str() == read_already) continue;
            auto const found =
                std::find_if(known.begin(), known.end(), [&](auto const& each) { return each.name == name.str(); });
            if (found == known.end()) {
                std::string all;
                for (auto const& each : known) all += (all.empty() ? "" : ", ") + std::string(each.name);
                return at(node, fmt::format("unknown key {}.{}; the keys are {}", section, name.str(), all));
            }
            auto const text = text_of(node, found->kind);
            if (!text) return at(node, fmt::format("{}.{} must be {}", section, name.str(), example(found->kind)));
            if (auto const result = found->set(target, *text); !result) {
                return at(node, fmt::format("{}.{}: {}", section, name.str(), result.error().message));
            }
        }
        return {};
    }

    std::string name_;
    Places& places_;
};

std::string upper(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c == '-' || c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return result;
}

/// What is known of the environment: every name that is a setting, and which of them were there.
struct Names {
    std::vector<std::string> known{"POSSYNC_CONFIG"};
    std::vector<std::string> used;
};

template <typename Target>
Result<void> from_environment(std::map<std::string, std::string> const& environment, std::string const& prefix,
                              std::vector<Key<Target>> const& keys, Target& target, Names& names) {
    for (auto const& each : keys) {
        names.known.push_back(prefix + upper(each.name));
        auto const found = environment.find(names.known.back());
        if (found == environment.end()) continue;
        if (auto const result = each.set(target, found->second); !result) {
            return fail(ErrorCode::invalid_input, fmt::format("{}: {}", found->first, result.error().message));
        }
        names.used.push_back(found->first);
    }
    return {};
}

/// Kubernetes and Docker tell every container of services whose names begin like ours: POSSYNC_HTTP_SERVICE_HOST,
/// POSSYNC_HTTP_PORT=tcp://10.0.0.5:8321, POSSYNC_HTTP_PORT_8321_TCP_ADDR.
bool is_of_a_container(std::string_view name, std::string_view value) {
    auto const port = name.find("_PORT_");
    bool const numbered = port != std::string_view::npos && port + 6 < name.size() && std::string_view("0123456789").contains(name[port + 6]);
    return numbered || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || value.starts_with("tcp://") || value.starts_with("udp://");
}

/// Why a variable that is no setting cannot be meant as none; empty: it is somebody else's. Its value may be a secret.
std::string why_not_a_setting(std::string const& name, Names const& names, std::vector<GatewayConfig> const& gateways) {
    std::string const prefix = "POSSYNC_GATEWAY_";
    for (auto const& key : gateway_keys()) {
        std::string const rest = upper(key.name);
        if (gateways.size() > 1 && name == prefix + rest) {
            std::string all;
            for (auto const& gateway : gateways) all += (all.empty() ? "" : " or ") + prefix + upper(gateway.name) + "_" + rest;
            return "there are several gateways; name one: " + all;
        }
        if (gateways.size() == 1 && name == prefix + upper(gateways.front().name) + "_" + rest) {
            return fmt::format("there is one gateway; write {}{}", prefix, rest);
        }
    }
    if (auto const meant = nearest(upper(name), names.known, 2); !meant.empty()) return fmt::format("unknown; is {} meant?", meant);
    for (auto const* section : {"account", "sink", "alert", "flex.query"}) {
        if (name.starts_with("POSSYNC_" + upper(section) + "_")) return fmt::format("[[{}]] is not read from the environment; write it into the file", section);
    }
    auto const begins = [&](std::string const& section) { return name == "POSSYNC_" + section || name.starts_with("POSSYNC_" + section + "_"); };
    bool ours = begins("GATEWAY");
    for (auto const& [section, unused] : sections()) ours = ours || begins(upper(section));
    if (!ours) return "";
    auto const meant = nearest(name, names.known, name.size() / 3);
    return meant.empty() ? "unknown; docs/configuration.md has all names" : fmt::format("unknown; is {} meant?", meant);
}

Result<void> check_environment(std::map<std::string, std::string> const& environment, Names const& names, std::vector<GatewayConfig> const& gateways) {
    for (auto const& [name, value] : environment) {
        bool const known = name == "POSSYNC_CONFIG" || std::find(names.used.begin(), names.used.end(), name) != names.used.end();
        if (known || is_of_a_container(name, value)) continue;
        if (auto const why = why_not_a_setting(name, names, gateways); !why.empty()) return fail(ErrorCode::invalid_input, fmt::format("{}: {}", name, why));
    }
    return {};
}

/// https anywhere, http on this host only, which is where the host's name must end: not 127.0.0.1.example.com.
bool is_safe_address(std::string const& url) {
    if (url.find('@') != std::string::npos) return false;
    auto const host_is = [&](std::string_view begin) {
        return url.starts_with(begin) && (url.size() == begin.size() || std::string_view(":/").contains(url[begin.size()]));
    };
    return (url.starts_with("https://") && url.size() > 8) || host_is("http://127.0.0.1") || host_is("http://localhost") || host_is("http://[::1]");
}

Result<void> check_alerts(Config const& config, Places const& places) {
    std::size_t index = 0;
    std::vector<std::string> names;
    for (auto const& alert : config.alerts) {
        std::string const place = fmt::format("alert.{}", index++);
        auto const wrong = [&](char const* key, std::string const& message) { return places.fail_at({fmt::format("{}.{}", place, key), place}, message); };
        if (alert.name.empty()) return wrong("name", "alert.name is missing in an [[alert]]");
        if (std::find(names.begin(), names.end(), alert.name) != names.end()) {
            return wrong("name", fmt::format("two alerts are named {}; names must differ", alert.name));
        }
        names.push_back(alert.name);
        auto const both = [&](char const* what, base::Secret const& value, std::string const& file) -> Result<void> {
            if (value.empty() || file.empty()) return {};
            return wrong(what, fmt::format("alert {} has a {} and a {}_file; keep one", alert.name, what, what));
        };
        POSSYNC_TRY_VOID(both("url", alert.url, alert.url_file));
        POSSYNC_TRY_VOID(both("topic", alert.topic, alert.topic_file));
        POSSYNC_TRY_VOID(both("token", alert.token, alert.token_file));
        auto const missing = [&](char const* what) {
            return wrong("", fmt::format("alert {}: {} is missing, which {} needs", alert.name, what, alert.type));
        };
        if (alert.type == "webhook" && alert.url.empty() && alert.url_file.empty()) return missing("url");
        if (alert.type != "webhook" && alert.topic.empty() && alert.topic_file.empty()) return missing("topic");
        if (alert.type == "telegram" && alert.token.empty() && alert.token_file.empty()) return missing("token");
        if (alert.url.empty()) continue;
        if (auto const good = check_alert_url(alert.name, alert.url); !good) return wrong("url", good.error().message);
    }
    return {};
}

Result<void> check_gateways(Config const& config, Places const& places) {
    for (std::size_t i = 0; i < config.gateways.size(); ++i) {
        auto const& gateway = config.gateways[i];
        std::string const place = fmt::format("gateway.{}", i);
        auto const wrong = [&](char const* key, std::string const& message) { return places.fail_at({fmt::format("{}.{}", place, key), place}, message); };
        if (gateway.name.empty()) return wrong("name", "gateway.name is empty; give each gateway a name");
        if (gateway.host.empty()) return wrong("host", "gateway.host is empty; write where the gateway runs, like 127.0.0.1");
        if (gateway.min_server_version > gateway.max_server_version) {
            return wrong("min_server_version", fmt::format("gateway.min_server_version {} is above max_server_version {}", gateway.min_server_version,
                                                           gateway.max_server_version));
        }
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            auto const& other = config.gateways[earlier];
            if (other.name == gateway.name) return wrong("name", fmt::format("two gateways are named {}; names must differ", gateway.name));
            if (!gateway.recording.empty() && other.recording == gateway.recording) {
                return wrong("recording", fmt::format("two gateways record in {}; each needs a file of its own", gateway.recording));
            }
        }
    }
    return {};
}

Result<void> check_sinks(Config const& config, Places const& places) {
    std::size_t index = 0;
    std::vector<std::string> sinks;
    for (auto const& sink : config.sinks) {
        std::string const place = fmt::format("sink.{}", index++);
        auto const wrong = [&](char const* key, std::string const& message) { return places.fail_at({fmt::format("{}.{}", place, key), place}, message); };
        if (sink.name.empty()) return wrong("name", "sink.name is missing in a [[sink]]");
        if (std::find(sinks.begin(), sinks.end(), sink.name) != sinks.end()) {
            return wrong("name", fmt::format("two sinks are named {}; names must differ", sink.name));
        }
        sinks.push_back(sink.name);
        bool const webhook = sink.type == "webhook";
        auto const begins = [&](std::string_view text) { return sink.url.starts_with(text); };
        if (webhook ? !is_safe_address(sink.url) : !begins("nats://") && !begins("tls://")) {
            return wrong("url", fmt::format("sink {}: the url must begin with {}", sink.name,
                                            webhook ? "https:// (http:// only for this host: positions go over it)" : "nats:// or tls://"));
        }
        if (!sink.secret.empty() && !sink.secret_file.empty()) {
            return wrong("secret", fmt::format("sink {} has a secret and a secret_file; keep one", sink.name));
        }
        if (!webhook && (sink.subject.empty() || sink.subject.find_first_of(" *>\t\r\n") != std::string::npos)) {
            return wrong("subject", fmt::format("sink {}: the subject may hold no blank, * or >", sink.name));
        }
    }
    return {};
}

/// Each [[section]] has its `key`, and no two the same.
template <typename Item>
Result<void> check_ids(std::vector<Item> const& items, std::string Item::*id, std::string const& section, char const* key, Places const& places) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        std::string const& text = items[i].*id;
        std::string const place = fmt::format("{}.{}", section, i);
        if (text.empty()) return places.fail_at({place}, fmt::format("{}.{} is missing in {} [[{}]]", section, key, section == "account" ? "an" : "a", section));
        auto const same = [&](Item const& earlier) { return earlier.*id == text; };
        if (std::any_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(i), same)) {
            return places.fail_at({fmt::format("{}.{}", place, key)}, fmt::format("{}.{} {} is there twice", section, key, text));
        }
    }
    return {};
}

Result<void> check_whole(Config const& config, Places const& places) {
    POSSYNC_TRY_VOID(check_gateways(config, places));
    POSSYNC_TRY_VOID(check_ids(config.accounts, &AccountConfig::code, "account", "code", places));
    POSSYNC_TRY_VOID(check_ids(config.flex_queries, &FlexQueryConfig::id, "flex.query", "id", places));
    if (config.http_certificate_file.empty() != config.http_key_file.empty()) {
        return places.fail_at({"http.certificate_file", "http.key_file"},
                              "http.certificate_file and http.key_file go together; one of them is missing");
    }
    if (auto const listen = http::parse_listen(config.http_listen); listen && config.http_token_file.empty()) {
        // A name is judged by its addresses, when the server starts.
        bool const is_address = http::plain_address(listen->host).find_first_not_of("0123456789abcdef.:") == std::string::npos;
        if (is_address && !http::is_loopback_address(listen->host)) {
            return places.fail_at({"http.listen"}, fmt::format("http.listen {} can be reached from other machines: set http.token_file, or listen on "
                                                               "127.0.0.1",
                                                               config.http_listen));
        }
    }
    POSSYNC_TRY_VOID(check_alerts(config, places));
    POSSYNC_TRY_VOID(check_sinks(config, places));
    if (config.settle > config.settle_max) {
        return places.fail_at({"sync.settle", "sync.settle_max"}, "sync.settle is longer than sync.settle_max");
    }
    return {};
}

/// What the parser says without a value that it quotes: that may be a secret whose quotes were forgotten. It quotes names of keys and
/// single characters too; values it quotes are numbers, or stand before "as a value".
std::string without_value(std::string_view description) {
    std::string text(description);
    for (auto begin = text.find('\''); begin != std::string::npos; begin = text.find('\'', begin + 1)) {
        auto const end = text.find('\'', begin + 1);
        if (end == std::string::npos || end - begin <= 2) continue;
        bool const is_number = std::string_view("+-.0123456789").contains(text[begin + 1]);
        if (is_number || text.compare(end, 12, "' as a value") == 0) text.replace(begin, end + 1 - begin, "a number or word without quotes");
    }
    return text;
}

}  // namespace

Result<void> check_alert_url(std::string const& name, base::Secret const& url) {
    // The address itself is not shown: it may be a secret.
    if (is_safe_address(url.reveal()) && url.reveal().find_first_of(" \r\n\t") == std::string::npos) return {};
    return fail(ErrorCode::invalid_input, fmt::format("alert {}: the url must begin with https:// (http:// only for this host)", name));
}

Result<Configuration> parse_configuration(std::string_view text, std::string const& name,
                                          std::map<std::string, std::string> const& environment) {
    Configuration config;
    auto parsed = toml::parse(text, name);
    if (!parsed) {
        return fail(ErrorCode::invalid_input, fmt::format("{}:{}: {}", name, parsed.error().source().begin.line,
                                                          without_value(parsed.error().description())));
    }
    Places places(name);
    POSSYNC_TRY_VOID(Reader(name, places).document(parsed.table(), config));
    Names names;
    for (auto const& [section, keys] : sections()) {
        POSSYNC_TRY_VOID(from_environment(environment, "POSSYNC_" + upper(section) + "_", keys, config, names));
    }
    for (auto& gateway : config.gateways) {
        std::string const prefix =
            config.gateways.size() == 1 ? "POSSYNC_GATEWAY_" : "POSSYNC_GATEWAY_" + upper(gateway.name) + "_";
        POSSYNC_TRY_VOID(from_environment(environment, prefix, gateway_keys(), gateway, names));
    }
    POSSYNC_TRY_VOID(check_environment(environment, names, config.gateways));
    config.environment = std::move(names.used);
    if (base::Secret inside = store::take_password(config.database_url); !inside.empty()) config.database_password = std::move(inside);
    POSSYNC_TRY_VOID(check_whole(config, places));
    return config;
}

Result<Configuration> load_configuration(std::string const& path_option,
                                         std::map<std::string, std::string> const& environment) {
    std::string path = path_option;
    if (path.empty()) {
        if (auto const found = environment.find("POSSYNC_CONFIG"); found != environment.end()) path = found->second;
    }
    bool const named = !path.empty();
    if (!named) {
        for (char const* candidate : {"possync.toml", "/etc/possync/possync.toml"}) {
            std::error_code ignored;
            if (std::filesystem::exists(candidate, ignored)) {
                path = candidate;
                break;
            }
        }
    }
    std::string text;
    if (!path.empty()) {
        std::error_code ignored;
        std::ifstream file(path, std::ios::binary);
        if (!file || std::filesystem::is_directory(path, ignored)) {
            return fail(ErrorCode::invalid_input, fmt::format("configuration file {} cannot be read; check --config", path));
        }
        std::ostringstream all;
        all << file.rdbuf();
        text = all.str();
    }
    POSSYNC_TRY(auto config, parse_configuration(text, path.empty() ? "defaults" : path, environment));
    config.source = path;
    return config;
}

namespace {

/// Every section in the order of the file, those that may be repeated as often as they are there: `add(heading, keys, values,
/// there)`, where a section that may be left out and is left out comes once with there = false and empty values.
template <typename Add>
void for_each_section(Configuration const& config, Add add) {
    auto const& table = sections();
    add("[database]", table.front().second, config, true);
    for (auto const& gateway : config.gateways)
        add("[[gateway]]", gateway_keys(), gateway, true);
    for (auto const& account : config.accounts)
        add("[[account]]", account_keys(), account, true);
    if (config.accounts.empty()) add("[[account]]", account_keys(), AccountConfig{}, false);
    for (std::size_t i = 1; i < table.size(); ++i) {
        add(fmt::format("[{}]", table[i].first), table[i].second, config, true);
        if (table[i].first == "outbox") {
            for (auto const& sink : config.sinks) add("[[sink]]", sink_keys(), sink, true);
            if (config.sinks.empty()) add("[[sink]]", sink_keys(), SinkConfig{}, false);
        }
        if (table[i].first == "alerts") {
            for (auto const& alert : config.alerts) add("[[alert]]", alert_keys(), alert, true);
            if (config.alerts.empty()) add("[[alert]]", alert_keys(), AlertConfig{}, false);
        }
        if (table[i].first != "flex") continue;
        for (auto const& query : config.flex_queries)
            add("[[flex.query]]", flex_query_keys(), query, true);
        if (config.flex_queries.empty()) add("[[flex.query]]", flex_query_keys(), FlexQueryConfig{}, false);
    }
}

}  // namespace

std::string print_configuration(Configuration const& config) {
    std::string text;
    for_each_section(config, [&](std::string_view header, auto const& keys, auto const& target, bool there) {
        if (!there) return;
        text += (text.empty() ? "" : "\n") + std::string(header) + "\n";
        for (auto const& each : keys) {
            std::string const value = each.print(target);
            if (header == "[[account]]" && value == "\"\"") continue;
            text += fmt::format("{} = {}\n", each.name, value);
        }
    });
    return text;
}

std::string configuration_json(Configuration const& config) {
    // The environment may hold what is no UTF-8.
    auto const printed = toml::parse(query::repaired_utf8(print_configuration(config)));
    CHECK(printed.succeeded());  // what is printed is read back
    std::ostringstream text;
    text << toml::json_formatter(printed.table());
    return text.str();
}

std::string print_commented_configuration(Configuration const& config) {
    std::string text = "# Configuration of possync. Every key may be left out; docs/configuration.md has them all.\n";
    for_each_section(config, [&](std::string_view header, auto const& keys, auto const& target, bool there) {
        std::string const off = there ? "" : "# ";
        text += fmt::format("\n{}{}\n", off, header);
        for (auto const& each : keys) {
            std::string const value = each.print(target);
            // A masked secret is no value to read back, nor is what an account leaves to [sync].
            bool const masked = value == "\"***\"";
            bool const left_out = masked || (header == "[[account]]" && value == "\"\"");
            text += fmt::format("# {}\n{}{} = {}\n", each.help, left_out ? "# " : off, each.name, masked ? "\"\"" : value);
        }
    });
    return text;
}

std::string configuration_reference() {
    std::string text;
    for_each_section(Configuration{}, [&](std::string_view header, auto const& keys, auto const& target, bool) {
        text += fmt::format("\n## {}\n\n| key | default | environment | what it does |\n|---|---|---|---|\n", header);
        std::string section(header);
        std::erase_if(section, [](char c) { return c == '[' || c == ']'; });
        bool const by_environment = section != "account" && section != "flex.query" && section != "sink" && section != "alert";
        for (auto const& each : keys) {
            text +=
                fmt::format("| `{}` | `{}` | {} | {} |\n", each.name, each.print(target),
                            by_environment ? fmt::format("`POSSYNC_{}_{}`", upper(section), upper(each.name)) : "", each.help);
        }
    });
    return text;
}

sync::EngineOptions engine_options(Configuration const& config, GatewayConfig const& gateway) {
    sync::EngineOptions options;
    options.gateway = gateway.name;
    options.host = gateway.host;
    options.port = gateway.port;
    options.client_id = gateway.client_id;
    options.accounts = gateway.accounts;
    options.expect = gateway.expect;
    options.time_zone = gateway.time_zone;
    options.min_server_version = std::min(gateway.min_server_version, gateway.max_server_version);
    options.max_server_version = gateway.max_server_version;
    options.enabled = config.enabled;
    options.lease = config.fleet_lease;
    options.interval = config.interval;
    options.on_position_update = config.on_position_update;
    options.on_trade = config.on_trade;
    options.settle = config.settle;
    options.settle_max = config.settle_max;
    options.timeout = config.timeout;
    options.policy.fold.method = *model::parse_cost_basis(config.cost_basis);
    options.policy.fold.calculate_realized_pnl = config.calculate_realized_pnl;
    options.policy.fold.report_zone = config.report_zone;
    options.policy.on_missing = config.on_missing == "warn" ? ledger::OnMissing::warn : ledger::OnMissing::close;
    options.policy.missing_after = config.missing_after;
    for (auto const& account : config.accounts) {
        sync::AccountOptions own;
        if (!account.cost_basis.empty()) own.cost_basis = *model::parse_cost_basis(account.cost_basis);
        if (!account.on_missing.empty()) {
            own.on_missing = account.on_missing == "warn" ? ledger::OnMissing::warn : ledger::OnMissing::close;
        }
        options.account_options[account.code] = own;
    }
    options.seed = static_cast<std::uint64_t>(::getpid());
    return options;
}

std::vector<std::string> settings_for_replay(Configuration const& configuration, GatewayConfig const& gateway) {
    static Configuration const plain;
    Configuration told = configuration;
    told.gateways = {gateway};
    told.gateways.front().name = plain.gateways.front().name;
    told.gateways.front().host = plain.gateways.front().host;
    told.gateways.front().recording.clear();
    std::vector<std::string> lines;
    std::istringstream text(print_configuration(told));
    bool wanted = false;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with('[')) wanted = line == "[[gateway]]" || line == "[[account]]" || line == "[sync]" || line == "[report]";
        if (wanted && !line.empty()) lines.push_back(line);
    }
    return lines;
}

Result<std::int64_t> parse_time_of_day(std::string_view text) {
    auto const digits = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
    int const hour = text.size() == 5 && text[2] == ':' ? digits(0) * 10 + digits(1) : 100;
    int const minute = hour < 24 ? digits(3) * 10 + digits(4) : 100;
    if (minute > 59) return fail(ErrorCode::invalid_input, fmt::format("'{}' is not a time of day; write it like 18:30", text.substr(0, 20)));
    return (hour * 60LL + minute) * 60'000'000;
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> result;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        std::string_view const text(*entry);
        auto const equals = text.find('=');
        if (equals != std::string_view::npos && text.starts_with("POSSYNC_")) {
            result.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return result;
}

}  // namespace possync::app

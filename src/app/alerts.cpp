#include "app/alerts.hpp"

#include <fmt/format.h>

#include "app/database.hpp"
#include "app/log.hpp"
#include "app/output.hpp"
#include "app/secret_file.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"

namespace possync::app {

using base::Result;

alert::Settings alert_settings(Configuration const& configuration) {
    alert::Settings settings;
    settings.calendar.zone = configuration.alerts_zone;
    for (auto const& text : configuration.alerts_sessions)
        settings.calendar.sessions.push_back(*alert::parse_session(text));
    for (auto const& text : configuration.alerts_holidays)
        settings.calendar.holidays.push_back(*base::parse_date(text));
    settings.calendar.before = configuration.alerts_before_session;
    settings.break_after = configuration.alerts_break_after;
    settings.stale_after = configuration.alerts_stale_after;
    settings.sync_interval = configuration.interval;
    settings.syncs = configuration.enabled;
    settings.restart_takes = configuration.alerts_restart_takes;
    settings.expiring_days = configuration.alerts_expiring_days;
    settings.recovered_after = configuration.alerts_recovered_after;
    settings.remind_after = configuration.alerts_remind_after;
    return settings;
}

Result<std::vector<alert::ReceiverOptions>> alert_receivers(Configuration const& configuration) {
    std::vector<alert::ReceiverOptions> receivers;
    for (auto const& config : configuration.alerts) {
        auto const secret = [&](base::Secret const& value, std::string const& file, char const* what) -> Result<base::Secret> {
            if (file.empty()) return value;
            return read_secret_file(file, fmt::format("{}_file of alert {}:", what, config.name));
        };
        alert::ReceiverOptions receiver;
        receiver.name = config.name;
        receiver.type = config.type == "ntfy"       ? alert::ReceiverType::ntfy
                        : config.type == "telegram" ? alert::ReceiverType::telegram
                                                    : alert::ReceiverType::webhook;
        POSSYNC_TRY(receiver.url, secret(config.url, config.url_file, "url"));
        POSSYNC_TRY(receiver.topic, secret(config.topic, config.topic_file, "topic"));
        POSSYNC_TRY(receiver.token, secret(config.token, config.token_file, "token"));
        if (receiver.url.empty()) {
            receiver.url =
                base::Secret(receiver.type == alert::ReceiverType::ntfy ? "https://ntfy.sh" : "https://api.telegram.org");
        }
        POSSYNC_TRY_VOID(check_alert_url(config.name, receiver.url));
        receiver.accounts = config.accounts;
        for (auto const& word : config.conditions)
            receiver.conditions.push_back(*alert::parse_condition(word));
        receiver.ca_file = config.ca_file;
        receiver.timeout = config.timeout;
        receiver.retry_max = config.retry_max;
        receivers.push_back(std::move(receiver));
    }
    return receivers;
}

std::optional<base::Duration> restart_time(Configuration const& configuration, sync::GatewayStatus const& status) {
    if (status.restarts_at) return status.restarts_at;
    for (auto const& gateway : configuration.gateways) {
        if (gateway.name != status.gateway || gateway.restarts_at.empty()) continue;
        return base::Duration(*parse_time_of_day(gateway.restarts_at));
    }
    return std::nullopt;
}

bool is_down_expected(Configuration const& configuration, sync::GatewayStatus const& status, base::Timestamp now) {
    return alert::is_down_expected(alert_settings(configuration), system_zones(), restart_time(configuration, status),
                                   status.zone, now);
}

std::vector<alert::ObservedGateway> alert_gateways(Configuration const& configuration,
                                                   std::vector<sync::GatewayStatus> const& all) {
    std::vector<alert::ObservedGateway> observed;
    for (auto const& status : all) {
        if (!status.owned && status.refusal.empty()) continue;
        alert::ObservedGateway gateway;
        gateway.gateway = status.gateway;
        gateway.address = fmt::format("{}:{}", status.host, status.port);
        gateway.connected = status.connected;
        gateway.stale = status.stale;
        gateway.stale_since = status.stale_since;
        gateway.last_error = status.last_error;
        gateway.refusal = status.refusal;
        gateway.restarts_at = restart_time(configuration, status);
        gateway.zone = status.zone;
        observed.push_back(std::move(gateway));
    }
    return observed;
}

Result<alert::WatcherOptions> watcher_options(Configuration const& configuration) {
    alert::WatcherOptions options;
    options.settings = alert_settings(configuration);
    POSSYNC_TRY(options.receivers, alert_receivers(configuration));
    options.zones = &system_zones();
    options.open_reader = [configuration] { return open_reader(configuration); };
    options.open_log = [configuration]() -> Result<std::unique_ptr<store::AlertLog>> {
        POSSYNC_TRY(auto const database, open_database(configuration));
        return database->open_alert_log();
    };
    options.now = [] { return clock_now().wall; };
    options.tell = [](bool trouble, std::string const& event, std::string const& text) {
        write_log(trouble ? sync::LogLevel::warning : sync::LogLevel::info, event, "", "", text);
    };
    return options;
}

}  // namespace possync::app

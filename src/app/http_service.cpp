#include "app/http_service.hpp"

#include <algorithm>

#include "app/alerts.hpp"
#include "app/books.hpp"
#include "app/log.hpp"
#include "app/output.hpp"
#include "app/results.hpp"
#include "app/zones.hpp"
#include "http/doors.hpp"
#include "http/metrics.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

class ServiceCommands final : public http::Commands {
public:
    ServiceCommands(Configuration configuration, Service& service)
        : configuration_(std::move(configuration)), alert_settings_(alert_settings(configuration_)), service_(service) {}

    void sync(std::string account, std::function<void(http::SyncAnswer)> done) override {
        service_.request_sync(std::move(account), false, std::nullopt, [done = std::move(done)](SyncAnswer const& answer) {
            auto const all = [&](auto... codes) {
                return std::all_of(answer.results.begin(), answer.results.end(), [&](sync::SyncResult const& result) {
                    return !result.success && ((result.error_code == codes) || ...);
                });
            };
            http::SyncAnswer out;
            out.results = query_results(answer.results);
            out.success = answer.success();
            out.not_found = !answer.results.empty() && all(ErrorCode::not_found);
            out.unavailable =
                !out.not_found && all(ErrorCode::unavailable, ErrorCode::timeout, ErrorCode::conflict, ErrorCode::refused);
            done(std::move(out));
        });
    }

    void reset_statistics() override { service_.reset_statistics(); }

    std::vector<http::LiveGateway> gateways() const override {
        std::vector<http::LiveGateway> rows;
        for (auto const& status : service_.status()) {
            http::LiveGateway row;
            row.gateway = status.gateway;
            row.host = status.host;
            row.port = status.port;
            row.connected = status.connected;
            row.stale = status.stale;
            row.stale_since = status.stale_since;
            row.server_version = status.server_version;
            row.state = status.state;
            row.down_expected = alert::is_down_expected(alert_settings_, system_zones(), restart_time(configuration_, status), status.zone, clock_now().wall);
            row.last_error = status.last_error;
            row.sync_running = status.sync_running;
            row.statistics = query_statistics(status.statistics);
            for (auto const& gateway : configuration_.gateways) {
                if (gateway.name != status.gateway) continue;
                row.expect = gateway.expect == sync::Expect::live    ? "live"
                             : gateway.expect == sync::Expect::paper ? "paper"
                                                                     : "any";
            }
            rows.push_back(std::move(row));
        }
        return rows;
    }

    http::Deliveries deliveries() const override {
        http::Deliveries out;
        for (auto const& sink : service_.sinks()) {
            out.sinks.push_back({sink.sink, sink.queued, sink.delivered, sink.failed, sink.gaps, sink.oldest});
        }
        auto const alerts = service_.alerts();
        for (auto const& receiver : alerts.receivers) {
            out.receivers.push_back({receiver.receiver, receiver.waiting, receiver.sent, receiver.failed, 0, std::nullopt});
        }
        for (auto const& [condition, count] : alerts.raised) out.alerts.emplace_back(to_string(condition), count);
        return out;
    }

    std::size_t store_jobs() const override { return service_.store_jobs(); }

    Result<std::vector<query::CloseRow>> closes_by(std::string const& method, bool tax_view, query::Reader& reader,
                                                   query::Filter const& filter) override {
        std::optional<model::CostBasis> basis;
        if (!method.empty()) {
            auto const parsed = model::parse_cost_basis(method);
            if (!parsed) return base::fail(ErrorCode::invalid_input, "method is not one of average, fifo, lifo, hifo");
            basis = *parsed;
        }
        return app::closes_by(basis, tax_view, configuration_, reader, filter);
    }

private:
    Configuration configuration_;
    alert::Settings alert_settings_;  ///< made once: the gate asks for every order
    Service& service_;
};

}  // namespace

bool http_wanted(Configuration const& configuration) {
    return !configuration.http_listen.empty() && configuration.http_listen != "off";
}

Result<http::ServerOptions> http_options(Configuration const& configuration, std::string const& version) {
    http::ServerOptions options;
    options.listen = configuration.http_listen;
    if (!configuration.http_token_file.empty()) {
        POSSYNC_TRY(options.token, http::read_token_file(configuration.http_token_file));
    }
    options.certificate_file = configuration.http_certificate_file;
    options.key_file = configuration.http_key_file;
    options.hosts = configuration.http_hosts;
    options.max_connections = static_cast<std::size_t>(configuration.http_max_connections);
    options.max_connections_per_address = static_cast<std::size_t>(configuration.http_max_connections_per_address);
    options.version = version;
    options.interval = configuration.interval;
    options.report_zone = configuration.report_zone;
    options.open_reader = [configuration] { return open_reader(configuration); };
    options.access_log = configuration.log_level == "debug";
    options.log = [](std::string const& event, std::string const& text) {
        write_log(event == "http.request" ? sync::LogLevel::debug : sync::LogLevel::error, event, "", "", text);
    };
    return options;
}

HttpService::HttpService(std::string version) : version_(std::move(version)), metrics_(version_) {}
HttpService::~HttpService() { stop(); }

void HttpService::listen_to(ServiceOptions& options) {
    options.on_commit = [this](base::Duration took, bool committed) {
        metrics_.commit_ended(took, committed);
        auto* const server = told_.load();
        if (server != nullptr && committed) server->committed();
    };
    options.also_on_log = [this](std::string const& gateway, sync::Log const& line) {
        if (line.event == "gateway.connected") metrics_.gateway_connected(gateway);
        if (line.event == "gateway.disconnected") metrics_.gateway_lost(gateway);
        if (!line.result) return;
        auto const& result = *line.result;
        http::SyncEnd end;
        end.gateway = gateway;
        end.outcome = !result.success ? "failed" : result.changed ? "committed" : "unchanged";
        end.by_callback = result.trigger == model::Trigger::position_update || result.trigger == model::Trigger::trade;
        end.duration = result.duration;
        end.positions_created = result.positions_created;
        end.positions_updated = result.positions_updated;
        end.positions_closed = result.positions_closed;
        metrics_.sync_ended(end);
    };
}

Result<void> HttpService::start(Configuration const& configuration, Service& service) {
    POSSYNC_TRY(auto options, http_options(configuration, version_));
    commands_ = std::make_unique<ServiceCommands>(configuration, service);
    auto server = std::make_unique<http::Server>(std::move(options), *commands_, metrics_);
    POSSYNC_TRY_VOID(server->start());
    server_ = std::move(server);
    told_ = server_.get();
    return {};
}

void HttpService::stop() {
    told_ = nullptr;
    server_.reset();
}

std::string HttpService::address() const { return server_->address(); }

}  // namespace possync::app

#include "http/metrics.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace possync::http {

namespace {

prometheus::Histogram::BucketBoundaries const sync_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                           0.5,   1,      2.5,   5,    10,    30,   60};
prometheus::Histogram::BucketBoundaries const commit_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                             0.05,   0.1,   0.25,   0.5,   1,    5};

using Labels = std::vector<std::pair<std::string, std::string>>;

/// A family that is made anew for each scrape, so that what is gone leaves no series behind.
struct Sampled {
    prometheus::MetricFamily family;
    Sampled(std::string name, std::string help, prometheus::MetricType type = prometheus::MetricType::Gauge) {
        family.name = std::move(name);
        family.help = std::move(help);
        family.type = type;
    }
    void add(Labels const& labels, double value) {
        prometheus::ClientMetric metric;
        for (auto const& [key, text] : labels)
            metric.label.push_back({key, text});
        family.type == prometheus::MetricType::Counter ? metric.counter.value = value : metric.gauge.value = value;
        family.metric.push_back(std::move(metric));
    }
};

double seconds(base::Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

}  // namespace

struct Metrics::Implementation {
    std::string version;
    prometheus::Registry registry;
    prometheus::Family<prometheus::Histogram>& sync_duration = prometheus::BuildHistogram()
                                                                   .Name("possync_sync_duration_seconds")
                                                                   .Help("Duration of complete syncs of an account, by gateway.")
                                                                   .Register(registry);
    prometheus::Family<prometheus::Counter>& syncs = prometheus::BuildCounter()
                                                         .Name("possync_syncs_total")
                                                         .Help("Syncs of accounts, by gateway and outcome.")
                                                         .Register(registry);
    prometheus::Family<prometheus::Counter>& positions =
        prometheus::BuildCounter()
            .Name("possync_positions_changed_total")
            .Help("Positions that were created, updated and closed, by gateway and change.")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& callbacks = prometheus::BuildCounter()
                                                             .Name("possync_callback_triggers_total")
                                                             .Help("Syncs that a position update or a fill started, by gateway.")
                                                             .Register(registry);
    prometheus::Family<prometheus::Counter>& connects = prometheus::BuildCounter()
                                                            .Name("possync_gateway_connects_total")
                                                            .Help("Connections to the gateway that were established.")
                                                            .Register(registry);
    prometheus::Family<prometheus::Counter>& losses = prometheus::BuildCounter()
                                                          .Name("possync_gateway_losses_total")
                                                          .Help("Connections to the gateway that were lost.")
                                                          .Register(registry);
    prometheus::Family<prometheus::Histogram>& commit_family =
        prometheus::BuildHistogram()
            .Name("possync_commit_duration_seconds")
            .Help("Duration of the store's transactions, failed ones included.")
            .Register(registry);
    prometheus::Histogram& commit_duration = commit_family.Add({}, commit_buckets);
    prometheus::Family<prometheus::Counter>& commit_failures_family = prometheus::BuildCounter()
                                                                          .Name("possync_commit_failures_total")
                                                                          .Help("Transactions of the store that failed.")
                                                                          .Register(registry);
    prometheus::Counter& commit_failures = commit_failures_family.Add({});
    prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                            .Name("possync_http_requests_total")
                                                            .Help("Answers of the HTTP server, by class of status.")
                                                            .Register(registry);
    std::mutex mutex;
    std::map<std::string, prometheus::Histogram*> sync_of_gateway;
    std::array<prometheus::Counter*, 6> of_class{};
};

Metrics::Metrics(std::string const& version) : implementation_(std::make_unique<Implementation>()) {
    implementation_->version = version;
    for (std::size_t i = 2; i < implementation_->of_class.size(); ++i) {
        implementation_->of_class[i] = &implementation_->requests.Add({{"status", std::to_string(i) + "xx"}});
    }
}
Metrics::~Metrics() = default;

void Metrics::sync_ended(SyncEnd const& end) {
    auto& all = *implementation_;
    prometheus::Histogram* duration = nullptr;
    {
        std::lock_guard const lock(all.mutex);
        auto& known = all.sync_of_gateway[end.gateway];
        if (known == nullptr) known = &all.sync_duration.Add({{"gateway", end.gateway}}, sync_buckets);
        duration = known;
    }
    duration->Observe(seconds(end.duration));
    all.syncs.Add({{"gateway", end.gateway}, {"outcome", end.outcome}}).Increment();
    if (end.by_callback) all.callbacks.Add({{"gateway", end.gateway}}).Increment();
    auto const changed = [&](char const* change, std::int64_t count) {
        all.positions.Add({{"gateway", end.gateway}, {"change", change}}).Increment(static_cast<double>(count));
    };
    changed("created", end.positions_created);
    changed("updated", end.positions_updated);
    changed("closed", end.positions_closed);
}

void Metrics::commit_ended(base::Duration took, bool committed) {
    implementation_->commit_duration.Observe(seconds(took));
    if (!committed) implementation_->commit_failures.Increment();
}

void Metrics::gateway_connected(std::string const& gateway) { implementation_->connects.Add({{"gateway", gateway}}).Increment(); }
void Metrics::gateway_lost(std::string const& gateway) { implementation_->losses.Add({{"gateway", gateway}}).Increment(); }

void Metrics::answered(int status) {
    auto const of_class = static_cast<std::size_t>(std::clamp(status / 100, 2, 5));
    implementation_->of_class[of_class]->Increment();
}

std::string Metrics::text(MetricsNow const& now) const {
    std::vector<Sampled> sampled;
    auto const gauge = [&](char const* name, char const* help, double value) {
        sampled.emplace_back(name, help);
        sampled.back().add({}, value);
    };
    auto const counter = [&](char const* name, char const* help, double value) {
        sampled.emplace_back(name, help, prometheus::MetricType::Counter);
        sampled.back().add({}, value);
    };
    sampled.emplace_back("possync_build_info", "Always 1; the version is a label.");
    sampled.back().add({{"version", implementation_->version}}, 1);
    gauge("possync_database_up", "1: the database can be read.", now.database_up);
    gauge("possync_accounts", "Accounts that the database follows.", static_cast<double>(now.accounts.size()));

    Sampled connected("possync_gateway_connected", "1: the handshake is done and the accounts are known.");
    Sampled stale("possync_gateway_stale", "1: what the gateway says may be old, or nothing comes.");
    Sampled expected("possync_gateway_down_expected", "1: no session is near, or the gateway restarts: that it is away is no wonder.");
    Sampled standby("possync_gateway_standby", "1: another service serves the gateway, this one stands by.");
    for (auto const& gateway : now.gateways) {
        connected.add({{"gateway", gateway.gateway}}, gateway.connected);
        stale.add({{"gateway", gateway.gateway}}, gateway.stale);
        expected.add({{"gateway", gateway.gateway}}, gateway.down_expected);
        standby.add({{"gateway", gateway.gateway}}, gateway.state == "standby");
    }
    Sampled staleness("possync_account_staleness_seconds",
                      "Since the book was last seen equal to the broker; no series where it never was.");
    Sampled gate("possync_account_gate", "0 OK, 1 STALE, 2 BROKEN, as /api/gate says.");
    Sampled breaks("possync_account_open_breaks", "Differences between broker and book that are open, of class alert.");
    Sampled settling("possync_account_settling_breaks", "Differences that are still settling.");
    Sampled positions("possync_account_open_positions", "Positions that are held.");
    Sampled revision("possync_account_revision", "Number of the last committed change set.");
    double oldest = 0;
    double all_breaks = 0;
    double never = 0;
    std::size_t shown = 0;
    for (auto const& [status, judged] : now.accounts) {
        std::optional<double> age;
        if (status.last_synced_at) age = std::max(0.0, seconds(now.now - *status.last_synced_at));
        oldest = std::max(oldest, age.value_or(0));
        never += age ? 0 : 1;
        all_breaks += static_cast<double>(status.open_breaks);
        if (++shown > accounts_max) continue;
        Labels const account{{"account", status.account}};
        if (age) staleness.add(account, *age);
        gate.add(account, static_cast<double>(judged.state));
        breaks.add(account, static_cast<double>(status.open_breaks));
        settling.add(account, static_cast<double>(status.settling_breaks));
        positions.add(account, static_cast<double>(status.open_positions));
        revision.add(account, static_cast<double>(status.revision));
    }
    auto const counted = prometheus::MetricType::Counter;
    Sampled sink_waiting("possync_sink_waiting", "Committed changes that wait for the sink.");
    Sampled sink_oldest("possync_sink_oldest_seconds", "Age of the oldest change that waits for the sink; no series where none does.");
    Sampled sink_delivered("possync_sink_delivered_total", "Changes that the sink took.", counted);
    Sampled sink_failed("possync_sink_failures_total", "Tries to deliver to the sink that failed.", counted);
    Sampled sink_gaps("possync_sink_gaps_total", "Gaps that the sink was told of.", counted);
    for (auto const& sink : now.deliveries.sinks) {
        Labels const label{{"sink", sink.name}};
        sink_waiting.add(label, static_cast<double>(sink.waiting));
        if (sink.oldest) sink_oldest.add(label, std::max(0.0, seconds(now.now - *sink.oldest)));
        sink_delivered.add(label, static_cast<double>(sink.delivered));
        sink_failed.add(label, static_cast<double>(sink.failed));
        sink_gaps.add(label, static_cast<double>(sink.gaps));
    }
    Sampled raised("possync_alerts_raised", "Alerts that are raised now, by condition.");
    for (auto const& [condition, count] : now.deliveries.alerts) raised.add({{"condition", condition}}, static_cast<double>(count));
    Sampled notes_waiting("possync_alert_notes_waiting", "Notes that wait for the receiver.");
    Sampled notes_sent("possync_alert_notes_sent_total", "Notes that the receiver took.", counted);
    Sampled notes_failed("possync_alert_failures_total", "Tries to reach the receiver that failed.", counted);
    for (auto const& receiver : now.deliveries.receivers) {
        Labels const label{{"receiver", receiver.name}};
        notes_waiting.add(label, static_cast<double>(receiver.waiting));
        notes_sent.add(label, static_cast<double>(receiver.delivered));
        notes_failed.add(label, static_cast<double>(receiver.failed));
    }
    for (auto* each : {&expected, &standby, &sink_waiting, &sink_oldest, &sink_delivered, &sink_failed, &sink_gaps, &raised, &notes_waiting,
                       &notes_sent, &notes_failed}) {
        if (!each->family.metric.empty()) sampled.push_back(std::move(*each));
    }
    for (auto* each : {&connected, &stale, &staleness, &gate, &breaks, &settling, &positions, &revision})
        sampled.push_back(std::move(*each));
    gauge("possync_staleness_seconds", "The largest of all accounts, also of those without a series of their own.", oldest);
    gauge("possync_accounts_never_synced", "Accounts whose book was never equal to the broker yet.", never);
    gauge("possync_open_breaks", "Open breaks of class alert in all accounts.", all_breaks);
    gauge("possync_store_jobs_waiting", "Jobs that wait for the store's thread.", static_cast<double>(now.store_jobs));
    gauge("possync_http_queries_waiting", "Questions to the database that wait for a worker.",
          static_cast<double>(now.queries_waiting));
    gauge("possync_http_connections", "Open connections of clients.", static_cast<double>(now.connections));
    counter("possync_http_connections_refused_total", "Connections beyond the limits.",
            static_cast<double>(now.connections_refused));
    gauge("possync_stream_subscribers", "Clients that follow the stream.", static_cast<double>(now.subscribers));
    counter("possync_stream_subscribers_dropped_total", "Subscribers that read too slowly.",
            static_cast<double>(now.subscribers_dropped));

    auto families = implementation_->registry.Collect();
    for (auto& each : sampled)
        families.push_back(std::move(each.family));
    std::sort(families.begin(), families.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace possync::http

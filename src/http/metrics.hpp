// Counters and histograms for Prometheus, and the text that it scrapes. docs/metrics.md names every one; a test compares.
//
// Labels are bounded: gateways are configured, and of accounts at most `accounts_max` have series of their own; the rest counts
// in the sums. Thread-safe: engines, store and server count from their own threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "http/answers.hpp"
#include "http/commands.hpp"

namespace possync::http {

/// One sync of one account that ended.
struct SyncEnd {
    std::string gateway;
    std::string outcome;  ///< committed, unchanged or failed
    bool by_callback = false;
    base::Duration duration{0};
    std::int64_t positions_created = 0;
    std::int64_t positions_updated = 0;
    std::int64_t positions_closed = 0;
};

/// What is so at the moment of a scrape.
struct MetricsNow {
    std::vector<LiveGateway> gateways;
    std::vector<AccountGate> accounts;  ///< empty where the database cannot be read
    bool database_up = false;
    base::Timestamp now;
    Deliveries deliveries;
    std::size_t store_jobs = 0;
    std::size_t queries_waiting = 0;
    std::size_t connections = 0;
    std::size_t subscribers = 0;
    std::uint64_t connections_refused = 0;
    std::uint64_t subscribers_dropped = 0;
};

class Metrics {
public:
    explicit Metrics(std::string const& version);
    ~Metrics();
    Metrics(Metrics const&) = delete;
    Metrics& operator=(Metrics const&) = delete;

    void sync_ended(SyncEnd const& end);
    void commit_ended(base::Duration took, bool committed);
    void gateway_connected(std::string const& gateway);
    void gateway_lost(std::string const& gateway);
    void answered(int status);

    /// The text format, version 0.0.4.
    [[nodiscard]] std::string text(MetricsNow const& now) const;

    static constexpr std::size_t accounts_max = 500;

private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::http

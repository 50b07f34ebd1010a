// What the server may ask of the service that it belongs to. Implemented in app; may be called from any of the server's threads,
// and never waits for a gateway or the store.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/filter.hpp"
#include "query/reader.hpp"
#include "query/result.hpp"
#include "query/views.hpp"

namespace possync::http {

/// What no database knows of a gateway.
struct LiveGateway {
    std::string gateway;
    std::string host;
    int port = 0;
    bool connected = false;
    bool stale = true;
    std::optional<base::Timestamp> stale_since;
    int server_version = 0;
    std::string state;  ///< one word: stopped claiming standby connecting registering loading ready
    bool down_expected = false;  ///< no session is near, or it restarts: that it is away is no wonder
    std::string last_error;
    std::string expect;  ///< paper, live or any
    bool sync_running = false;
    query::Statistics statistics;
};

/// Deliveries to one sink, or of alerts to one receiver, since the start.
struct Delivery {
    std::string name;
    std::int64_t waiting = 0;
    std::int64_t delivered = 0;
    std::int64_t failed = 0;  ///< tries
    std::int64_t gaps = 0;
    std::optional<base::Timestamp> oldest;  ///< of what waits, where that is known
};

struct Deliveries {
    std::vector<Delivery> sinks;
    std::vector<Delivery> receivers;                            ///< of alerts
    std::vector<std::pair<std::string, std::int64_t>> alerts;  ///< raised, by condition; empty: nobody watches
};

struct SyncAnswer {
    std::vector<query::SyncResult> results;
    bool success = false;
    /// No gateway could answer: try again later.
    bool unavailable = false;
    /// The account that was named is nobody's.
    bool not_found = false;
};

class Commands {
public:
    virtual ~Commands() = default;
    /// A complete sync, merged into one that is running; `account` empty: all. `done` comes once, on any thread.
    virtual void sync(std::string account, std::function<void(SyncAnswer)> done) = 0;
    virtual void reset_statistics() = 0;
    [[nodiscard]] virtual std::vector<LiveGateway> gateways() const = 0;
    [[nodiscard]] virtual Deliveries deliveries() const = 0;
    /// Jobs that wait for the store.
    [[nodiscard]] virtual std::size_t store_jobs() const = 0;
    /// Every close of the whole history as `method` (empty: the account's) prices it, in the tax view if asked. Long; the
    /// caller's thread does the work.
    [[nodiscard]] virtual base::Result<std::vector<query::CloseRow>>
    closes_by(std::string const& method, bool tax_view, query::Reader& reader, query::Filter const& filter) = 0;
};

}  // namespace possync::http

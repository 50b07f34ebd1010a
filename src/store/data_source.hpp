// DataSource: a database by its URL, whatever engine it is of. Commands and the service know this and Store and Reader, nothing
// else: `open_data_source` (store/open) chooses the engine.
//
// It holds no lease and does nothing until it is asked. Threading: one belongs to one thread at a time; making another is cheap.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/reader.hpp"
#include "store/alert_log.hpp"
#include "store/outbox.hpp"
#include "store/store.hpp"

namespace possync::store {

struct StoreOptions {
    bool create = true;   ///< make the database where there is none; otherwise that is not_found
    bool migrate = true;  ///< bring an older schema to the newest; otherwise an older one is refused
    base::Duration run_retention{90LL * 24 * 3600 * 1'000'000};  ///< sync runs older than this are deleted
    /// Whether the owner named in a lease is known to be dead (a process of this machine that is gone): its lease is then taken
    /// over at once instead of at its end. Unset: only time ends a lease.
    std::function<bool(std::string const& owner)> owner_is_gone;
};

struct MigrationReport {
    int from = 0;  ///< 0: the database was new
    int to = 0;
    std::string backup;  ///< where the old one is kept; empty when none was needed
    bool operator==(MigrationReport const&) const = default;
};

/// What a service answered to a request; it found that with Store::pending_requests.
struct OperatorAnswer {
    bool answered = false;
    bool ok = false;
    std::string answer;
    bool operator==(OperatorAnswer const&) const = default;
};

using OwnerIsGone = std::function<bool(std::string const& owner)>;

/// Another login behind a gateway that the database knows, or accounts that change the gateway that serves them.
struct Rebinding {
    std::string gateway;
    bool paper = false;                 ///< what it serves from now on
    std::vector<std::string> accounts;  ///< known ones that it takes over from other gateways
    base::Timestamp now;
};

/// One thing that `doctor` looked at.
struct HealthLine {
    bool fine = false;
    std::string what;
    std::string text;
};

class DataSource {
public:
    DataSource() = default;
    DataSource(DataSource const&) = delete;
    DataSource& operator=(DataSource const&) = delete;
    virtual ~DataSource() = default;

    /// For messages: the file's path, or the server's address without password.
    [[nodiscard]] virtual std::string name() const = 0;
    /// Where a service keeps small files of its own: a path whose end the caller adds (".flex-fetches").
    [[nodiscard]] virtual std::string local_files() const = 0;
    /// Whether this program's tables are there. Errors: unavailable (the server is away), refused (no permission).
    [[nodiscard]] virtual base::Result<bool> exists() = 0;

    /// Opens for writing. Errors: not_found, refused (a newer or another program's database, an older one without `migrate`, no
    /// permission), invalid_input (not a database), io, unavailable (locked, the server is away).
    [[nodiscard]] virtual base::Result<std::unique_ptr<Store>> open_store(StoreOptions const& options) = 0;
    /// Opens for reading: the schema must be the program's own. Nothing is created or migrated. Errors: as open_store.
    [[nodiscard]] virtual base::Result<std::unique_ptr<query::Reader>> open_reader() = 0;

    /// What is to be delivered, over a connection of its own; the schema must be the program's own. Errors: as open_store.
    [[nodiscard]] virtual base::Result<std::unique_ptr<Outbox>> open_outbox() = 0;
    /// What is raised and to be told, as open_outbox.
    [[nodiscard]] virtual base::Result<std::unique_ptr<AlertLog>> open_alert_log() = 0;

    /// Makes the database where there is none and brings its schema to the newest version.
    [[nodiscard]] virtual base::Result<MigrationReport> migrate() = 0;
    /// Without changing anything; 0 for an empty database. Errors: not_found, refused, io, unavailable.
    [[nodiscard]] virtual base::Result<int> schema_version() = 0;
    /// What is wrong with the database itself, before anything in it is believed, a line each; empty: nothing.
    [[nodiscard]] virtual base::Result<std::vector<std::string>> check() = 0;
    /// What a person should know of the place it is in: room, permissions.
    [[nodiscard]] virtual std::vector<HealthLine> health() = 0;

    /// Leases as they stand, by gateway; `now` as in GatewayClaim. See is_held() for who of the owners counts.
    [[nodiscard]] virtual base::Result<std::vector<GatewayState>> gateways(base::Timestamp now) = 0;
    /// Asks something of the running service (`request_id` is ignored) and gives the request's id.
    [[nodiscard]] virtual base::Result<std::int64_t> submit_operator_request(OperatorRequest const& request) = 0;
    /// Nothing of a book changes. Errors: not_found (gateway), conflict (a living service holds a gateway of this database).
    [[nodiscard]] virtual base::Result<void> rebind(Rebinding const& rebinding, OwnerIsGone const& owner_is_gone) = 0;
    /// Counters that are read from the recorded runs begin at `now`: no run before it is counted, and none after it is added to an
    /// older one's row. Errors: as open_reader.
    [[nodiscard]] virtual base::Result<void> reset_statistics(base::Timestamp now) = 0;
    /// Errors: not_found for an id that was never given.
    [[nodiscard]] virtual base::Result<OperatorAnswer> operator_answer(std::int64_t request_id) = 0;
};

}  // namespace possync::store

#include "bench.hpp"

#include <fmt/format.h>

#include "ledger/verify.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::crash {

using faulty_disk::Process;
using store::sqlite::Database;
using store::sqlite::Row;

namespace {

constexpr base::Duration whole_history = std::chrono::hours(24 * 3650);

/// Rows as lines "table | column | column".
std::string rows(Database& database, std::string const& table, std::string const& columns, std::string const& rest) {
    auto statement = database.prepare("SELECT " + columns + " FROM " + table + " " + rest);
    if (!statement) return fmt::format("{}: {}\n", table, statement.error().message);
    std::string text;
    auto const read = statement->each([&](Row& row) {
        text += table;
        for (int i = 0; i < row.count(); ++i) {
            text += " | ";
            text += row.is_null(i) ? "NULL" : row.text_at(i);
        }
        text += '\n';
    });
    if (!read) text += read.error().message;
    return text;
}

}  // namespace

Bench::Bench(std::uint64_t seed)
    : disk(seed), process_(std::make_unique<Process>(disk)), command_(std::make_unique<Process>(disk)) {}

Bench::~Bench() {
    if (world_) world_->crash();
}

scenarios::World& Bench::world() {
    if (!world_) {
        scenarios::WorldOptions options;
        options.process_stopped = [this] { return stopped(); };
        options.open_store = [this]() -> std::unique_ptr<store::Store> {
            store::SqliteOptions sqlite;
            sqlite.files = process_.get();
            auto opened = store::open_sqlite_store(path, sqlite);
            if (!opened) throw CannotOpen{opened.error()};
            return std::make_unique<WitnessStore>(std::move(*opened), witness);
        };
        world_ = std::make_unique<scenarios::World>(std::move(options), "crash");
    }
    return *world_;
}

std::string Bench::run(std::string const& text) {
    auto& opened = world();
    ended_ = false;
    return opened.run(text);
}

void Bench::die(Ending ending, faulty_disk::Damage damage, std::uint64_t seed) {
    // The process is dead before its memory goes: nothing of the clean-up reaches the disk.
    if (ending != Ending::none) {
        process_->kill();
        command_->kill();
    }
    if (world_) world_->crash();
    ended_ = true;
    if (ending == Ending::power) disk.lose_power(damage, seed);
    process_ = std::make_unique<Process>(disk);
    command_ = std::make_unique<Process>(disk);
}

std::string Bench::check() {
    bool const promised = !witness.accounts.empty() || !witness.acknowledged.empty();
    auto const bytes = disk.read(path);
    if (!bytes || bytes->empty()) return promised ? "the database is gone" : "";
    // On a copy: looking opens and closes connections, and the last to close tidies up what a restart has to cope with.
    faulty_disk::Disk copy(disk.image());
    Process process(copy);
    auto opened = Database::open(path, {.mode = Database::Mode::read_write, .files = &process});
    if (!opened) return "cannot be opened: " + opened.error().message;
    auto& database = **opened;
    std::string wrong;
    auto const integrity = database.each("PRAGMA integrity_check", [&](Row& row) {
        if (row.text_at(0) != "ok") wrong += row.text() + "; ";
    });
    if (!integrity) return "integrity_check: " + integrity.error().message;
    if (!wrong.empty()) return "integrity_check: " + wrong;
    auto const references = database.each("PRAGMA foreign_key_check", [&](Row& row) { wrong += row.text() + "; "; });
    if (!references || !wrong.empty()) return "foreign_key_check: " + wrong;

    auto const version = store::sqlite::schema_version(database);
    if (!version) return version.error().message;
    if (*version == 0) return promised ? "the schema is gone" : "";
    auto const newest = static_cast<int>(store::sqlite::embedded_migrations().size());
    if (*version == newest) {
        auto const findings = store::check_sqlite(path, process);
        if (!findings) return "verify: " + findings.error().message;
        if (!findings->empty()) return "verify: " + findings->front();
    }

    std::map<model::AccountId, model::Revision> revisions;
    auto const read = database.each("SELECT account_id, revision FROM account", [&](Row& row) {
        revisions.emplace(static_cast<model::AccountId>(row.integer_at(0)), row.integer_at(1));
    });
    if (!read) return read.error().message;
    for (auto const account : witness.accounts) {
        if (!revisions.contains(account)) return fmt::format("account {} was granted and is not there", account);
    }
    for (auto const& [account, revision] : witness.acknowledged) {
        if (revisions[account] < revision) {
            return fmt::format("revision {} of account {} was acknowledged, the database is at {}", revision, account,
                               revisions[account]);
        }
    }
    for (auto const& [account, revision] : witness.attempted) {
        if (revisions[account] > revision) {
            return fmt::format("the database is at revision {} of account {}, nobody went beyond {}", revisions[account], account,
                               revision);
        }
    }
    for (auto const& [gateway, epoch] : witness.epochs) {
        auto const found = database.integer("SELECT epoch FROM gateway WHERE gateway_id = ?1", gateway);
        if (!found || found->value_or(0) < epoch)
            return fmt::format("epoch {} of gateway {} was granted and is gone", epoch, gateway);
    }
    for (auto const request : witness.answered) {
        auto const found = database.integer("SELECT status <> 'pending' FROM operator_request WHERE request_id = ?1", request);
        if (!found || found->value_or(0) == 0) return fmt::format("request {} was answered and is pending again", request);
    }
    return {};
}

std::string Bench::dump() {
    faulty_disk::Disk copy(disk.image());
    Process process(copy);
    auto opened = store::open_sqlite_for_reading(path, process);
    if (!opened) return opened.error().message;
    auto& database = **opened;
    std::string text;
    text += rows(database, "positions",
                 "account, con_id, status, quantity, average_price, realized_pnl, commissions, net_realized_pnl, unknown_closes",
                 "ORDER BY account, con_id, position_id");
    text += rows(database, "position_closes",
                 "account, con_id, quantity_closed, side, entry_price, exit_price, realized_pnl, net_realized_pnl, "
                 "is_full_close, cause, basis, exec_id",
                 "ORDER BY account, con_id, close_id");
    text += rows(database, "lots", "account, con_id, open_exec_id, quantity, remaining_quantity, price",
                 "ORDER BY account, con_id, lot_id");
    text += rows(database, "executions", "account, exec_id, con_id, side, shares, price, commission, booked, superseded_by",
                 "ORDER BY account, exec_id");
    // What was withdrawn on the way tells of the way: an edit that failed leaves nothing to withdraw.
    text += rows(database, "adjustments", "account, con_id, cause, quantity, price, ratio",
                 "WHERE undone_at IS NULL ORDER BY account, con_id, adjustment_id");
    text += rows(database, "breaks", "account, con_id, kind, state",
                 "WHERE state IN ('open', 'settling') ORDER BY account, con_id, kind");
    text += rows(database, "certifications", "account, trade_date, state", "ORDER BY account, trade_date");
    text += rows(database, "statements", "account, from_date, to_date", "ORDER BY account, from_date");
    text += rows(database, "sync_run", "count(*)", "WHERE finished_at < 1700000000000000");

    // Does every book follow from its facts, and every event from the one before it?
    store::SqliteOptions options;
    options.create = false;
    options.files = &process;
    auto const store = store::open_sqlite_store(path, options);
    if (!store) return store.error().message;
    std::vector<model::AccountId> accounts;
    auto const listed = database.each("SELECT account_id FROM account ORDER BY 1",
                                      [&](Row& row) { accounts.push_back(static_cast<model::AccountId>(row.integer())); });
    if (!listed) return listed.error().message;
    for (auto const account : accounts) {
        auto const book = (*store)->load(account, world().now().wall, whole_history);
        if (!book) return book.error().message;
        for (auto const& finding : ledger::verify(*book, world().fold_options()))
            text += finding.where + ": " + finding.what + "\n";
        std::vector<ledger::EventLink> links;
        auto const events = database.each(
            "SELECT e.event_id, e.position_id, e.quantity_before, e.quantity_after, e.revision FROM position_event e "
            "JOIN position p USING (position_id) WHERE p.account_id = ?1 ORDER BY e.event_id",
            [&](Row& row) {
                ledger::EventLink link;
                link.event_id = row.integer();
                link.position_id = row.integer();
                link.quantity_before = row.decimal();
                link.quantity_after = row.decimal();
                link.revision = row.integer();
                links.push_back(link);
            },
            account);
        if (!events) return events.error().message;
        for (auto const& finding : ledger::verify_events(*book, links))
            text += finding.where + ": " + finding.what + "\n";
    }
    return text;
}

}  // namespace possync::crash

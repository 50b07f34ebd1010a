// The SQLite store alone: committing a first sync, fills in a tenth of the positions, and small change sets; loading a book.
// Floors: the same rows written by bare prepared statements; a 4 KiB write with fdatasync in the same folder; the same rows read
// by bare statements. Peers: a transaction for every row, a statement prepared for every row. A and B alternate; the ratio is
// taken in each round and its median printed, with the median of the values. The book that is loaded in the end must be the one
// that was planned.
// usage: store_bench FOLDER [POSITIONS [ROUNDS]]
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "disk.hpp"
#include "line.hpp"
#include "raw_rows.hpp"
#include "rounds.hpp"
#include "store/open/open.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "workload.hpp"

namespace {

using namespace possync;
using namespace possync::bench;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point begun) { return std::chrono::duration<double, std::milli>(Clock::now() - begun).count(); }

struct Bench {
    Bench(std::string const& path, int positions) : workload("DU1000001", positions), path(path) {
        for (char const* const part : {"", "-wal", "-shm"}) std::filesystem::remove(path + part);
        store = or_die(store::open_sqlite_store(path));
        store::GatewayClaim claim;
        claim.gateway = claim.owner = "bench";
        claim.accounts = {"DU1000001"};
        claim.paper = true;
        claim.now = workload.now();
        claim.lease = std::chrono::hours(24);
        lease = or_die(store->claim(claim));
        book.account_id = lease.accounts.front().account_id;
        book.account = "DU1000001";
    }

    /// What the engine hands to the store for this observation, marks included.
    store::CommitRequest prepare(model::Observation const& observation) {
        auto plan = or_die(ledger::plan(book, observation, policy()));
        must(plan.explained(), "a fill is left over");
        store::CommitRequest request;
        request.gateway_id = lease.gateway_id;
        request.epoch = lease.epoch;
        request.now = workload.now();
        for (auto const& position : plan.change_set.positions) {
            model::MarkRecord mark;
            mark.account_id = book.account_id;
            mark.con_id = position.con_id;
            mark.broker_avg_cost = base::Decimal::from_parts(10'000 + position.con_id % 777, 2);
            request.marks.push_back(std::move(mark));
        }
        model::SyncRun run;
        run.gateway = "bench";
        run.account_id = book.account_id;
        run.account = book.account;
        run.started_at = run.finished_at = workload.now();
        run.outcome = model::Outcome::committed;
        run.revision = book.revision + 1;
        request.runs.push_back(std::move(run));
        request.freshness.push_back({book.account_id, workload.now(), ""});
        request.change_sets = {model::share(std::move(plan.change_set))};
        return request;
    }
    double commit(store::CommitRequest const& request) {
        auto const begun = Clock::now();
        or_die(store->commit(request));
        double const took = since(begun);
        store->tidy();  // as the service does when nothing waits
        model::apply(book, *request.change_sets.front());
        return took;
    }
    /// Everything in the database file, nothing in the log.
    void copy_to(std::string const& target) const {
        for (char const* const part : {"", "-wal", "-shm"}) std::filesystem::remove(target + part);
        sqlite3* database = nullptr;
        must(sqlite3_open(path.c_str(), &database) == SQLITE_OK, "the database does not open");
        must(sqlite3_exec(database, ("VACUUM INTO '" + target + "'").c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, "the database cannot be copied");
        sqlite3_close(database);
    }

    Workload workload;
    std::string path;
    std::unique_ptr<store::Store> store;
    store::GatewayLease lease;
    model::AccountBook book;
};

/// Every column of every row, as bare statements read them.
double read_bare(std::string const& path) {
    sqlite3* database = nullptr;
    must(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK, "the database does not open");
    auto const begun = Clock::now();
    std::size_t bytes = 0;
    for (char const* const table : {"instrument", "execution", "adjustment", "position", "position_close", "lot", "mark"}) {
        sqlite3_stmt* select = nullptr;
        sqlite3_prepare_v2(database, (std::string("SELECT * FROM ") + table).c_str(), -1, &select, nullptr);
        int const columns = sqlite3_column_count(select);
        while (sqlite3_step(select) == SQLITE_ROW) {
            for (int i = 0; i < columns; ++i) {
                if (sqlite3_column_text(select, i) != nullptr) bytes += static_cast<std::size_t>(sqlite3_column_bytes(select, i));
            }
        }
        sqlite3_finalize(select);
    }
    double const took = since(begun);
    must(bytes > 0, "nothing was read");
    sqlite3_close(database);
    return took;
}

void bulk(std::string const& folder, int positions, int rounds) {
    std::vector<double> first, first_raw, first_preparing, tenth, tenth_raw, load, load_raw;
    double row_by_row = 0;
    long first_rows = 0;
    long tenth_rows = 0;
    for (int round = 0; round < rounds; ++round) {
        Bench bench(folder + "/book.db", positions);
        bench.copy_to(folder + "/empty.db");
        auto const request = bench.prepare(bench.workload.look());
        first.push_back(bench.commit(request));
        bench.copy_to(folder + "/first.db");
        {
            RawRows const raw(folder + "/first.db", folder + "/empty.db");
            first_rows = raw.rows();
            first_raw.push_back(raw.write(folder + "/raw.db"));
            first_preparing.push_back(raw.write_preparing(folder + "/raw.db"));
            if (round == 0) row_by_row = raw.write_row_by_row(folder + "/raw.db", 1000) / 1000 * static_cast<double>(raw.rows());
        }
        auto const changes = bench.prepare(bench.workload.trade(static_cast<std::size_t>(positions / 10), false));
        tenth.push_back(bench.commit(changes));
        bench.copy_to(folder + "/tenth.db");
        {
            RawRows const raw(folder + "/tenth.db", folder + "/first.db");
            tenth_rows = raw.rows();
            tenth_raw.push_back(raw.write(folder + "/raw.db"));
        }
        auto const begun = Clock::now();
        auto loaded = or_die(bench.store->load(bench.book.account_id, bench.workload.now(), std::chrono::hours(24 * 30)));
        auto const last = or_die(bench.store->load_last_records(bench.book.account_id));
        load.push_back(since(begun));
        must(loaded == bench.book, "the book that is loaded is not the one that was committed");
        must(last.marks.size() == static_cast<std::size_t>(positions), "a mark is missing");
        load_raw.push_back(read_bare(folder + "/tenth.db"));
    }
    print_line("store.sqlite.first", median(first), "ms", beside(first, first_raw, "bare insert of the same rows"),
               beside(first, first_preparing, "a statement prepared for every row"), fmt::format("{} positions, {} rows", positions, first_rows));
    print_line("store.sqlite.first_row_by_row", median(first), "ms", std::nullopt, Beside{row_by_row, "a transaction for every row (from the first 1,000)"});
    print_line("store.sqlite.tenth", median(tenth), "ms", beside(tenth, tenth_raw, "bare writing of the same rows"), std::nullopt,
               fmt::format("{} fills, {} rows", positions / 10, tenth_rows));
    print_line("store.sqlite.load", median(load), "ms", beside(load, load_raw, "bare reading of the same rows"), std::nullopt,
               fmt::format("{} positions", positions));
}

void small(std::string const& folder, int rounds) {
    Bench bench(folder + "/small.db", 1000);
    bench.commit(bench.prepare(bench.workload.look()));
    Disk disk(folder + "/page");
    for (std::size_t const rows : {std::size_t(1), std::size_t(10), std::size_t(100)}) {
        std::vector<double> took, synced;
        for (int i = 0; i < rounds * 40; ++i) {
            auto const request = bench.prepare(bench.workload.trade(rows, true));
            took.push_back(bench.commit(request));
            synced.push_back(disk.sync());
        }
        std::string const name = fmt::format("store.sqlite.commit_{}", rows);
        print_line(name + ".p50", median(took), "ms", Beside{median(synced), "fdatasync of 4 KiB, p50"});
        print_line(name + ".p99", quantile(took, 0.99), "ms", Beside{quantile(synced, 0.99), "fdatasync of 4 KiB, p99"});
    }
    must(or_die(bench.store->load(bench.book.account_id, bench.workload.now(), std::chrono::hours(24 * 30))) == bench.book,
         "the book that is loaded is not the one that was committed");
}

}  // namespace

int main(int count, char** words) {
    if (count < 2) return 2;
    store::leave_memory_uncounted();  // as the program does
    int const positions = count > 2 ? std::atoi(words[2]) : 10'000;
    int const rounds = count > 3 ? std::atoi(words[3]) : 5;
    bulk(words[1], positions, rounds);
    small(words[1], rounds);
}

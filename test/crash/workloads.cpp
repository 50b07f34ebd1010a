#include "workloads.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/check.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::crash {

using store::sqlite::Database;

namespace {

/// "verb NAME rest" for NAME = S1 .. Sn.
std::string lines(int count, std::string_view verb, std::string_view rest) {
    std::string text;
    for (int i = 1; i <= count; ++i)
        text += fmt::format("{} S{} {}\n", verb, i, rest);
    return text;
}

std::string instruments(int count) { return "account DU1\n" + lines(count, "instrument", "STK USD"); }

/// Two positions and a fill, in sync.
std::string const small_book = R"(account DU1
instrument AAPL STK USD
instrument MSFT STK USD
hold MSFT 5 @ 400
start
fill AAPL buy 100 @ 150 commission 1 as entry
wait 10s
expect position AAPL 100 @ 150
)";

/// A database as an older program left it.
std::function<void(Bench&)> of_schema(int number) {
    return [number](Bench& bench) {
        std::ifstream file(fmt::format("{}/schema_{}.sql", POSSYNC_SCHEMA_DIR, number));
        CHECK(file.good());
        std::ostringstream text;
        text << file.rdbuf();
        auto database = Database::open(Bench::path, {.mode = Database::Mode::create, .files = &bench.process()});
        CHECK(database.has_value());
        CHECK((*database)->execute(text.str()).has_value());
        CHECK((*database)->use_write_ahead_log().has_value());
    };
}

constexpr char const* after_migration = "account DU1\ninstrument AAPL STK USD\nhold AAPL 7 @ 150\nstart\n";

void claim(Bench& bench, std::string const& owner, base::Duration later) {
    store::GatewayClaim wanted;
    wanted.gateway = "second";
    wanted.owner = owner;
    wanted.accounts = {"DU2", "DU3"};
    wanted.paper = true;
    wanted.now = bench.world().now().wall + later;
    static_cast<void>(bench.world().store().claim(wanted));
}

store::OperatorRequest request(Bench& bench, std::string const& verb) {
    store::OperatorRequest wanted;
    wanted.verb = verb;
    wanted.arguments = R"({"account": "DU1"})";
    wanted.author = "operator test";
    wanted.asked_at = bench.world().now().wall;
    return wanted;
}

void serve_requests(Bench& bench) {
    auto& store = bench.world().store();
    auto const pending = store.pending_requests("operator");
    if (!pending) return;
    for (auto const& each : *pending)
        static_cast<void>(store.finish_request(each.request_id, true, "{}", bench.world().now().wall));
}

std::vector<Workload> make() {
    std::vector<Workload> all;
    all.push_back({.name = "new-database",
                   .what = "no file yet: created, migrated, first sync of one position",
                   .act = "account DU1\ninstrument AAPL STK USD\nhold AAPL 7 @ 150\nstart\n",
                   .again = "wait 1m\n",
                   .expect = "expect position AAPL 7 @ 150\nexpect no breaks\n"});
    all.push_back({.name = "first-sync",
                   .what = "first sync of 50 positions into an empty database",
                   .setup = instruments(50) + lines(50, "hold", "10 @ 20"),
                   .act = "start\n",
                   .expect = "expect open 50\nexpect position S50 10 @ 20\nexpect no breaks\n"});
    all.push_back({.name = "one-row",
                   .what = "one fill",
                   .setup = small_book,
                   .act = "fill AAPL buy 10 @ 160 commission 1\nwait 10s\n",
                   .expect = "expect position AAPL 110 @ 150.9090909091\nexpect no breaks\n"});
    all.push_back({.name = "missed-while-down",
                   .what = "the service starts again and finds what was traded meanwhile: nothing is in memory",
                   .setup = small_book + "stop\nfill AAPL buy 10 @ 160 commission 1\nfill MSFT sell 2 @ 410 commission 1\n",
                   .act = "restart\nwait 10s\n",
                   .expect = "expect position AAPL 110 @ 150.9090909091\nexpect position MSFT 3\nexpect no breaks\n"});
    all.push_back({.name = "five-hundred-rows",
                   .what = "500 positions change while the gateway is away: one commit",
                   .setup = instruments(500) + lines(500, "hold", "10 @ 20") + "start\ndisconnect 5m\n" +
                            lines(500, "fill", "buy 5 @ 23 commission 1 unpushed"),
                   .act = "wait 7m\n",
                   .expect = "expect open 500\nexpect position S1 15 @ 21\nexpect position S500 15 @ 21\nexpect no breaks\n"});
    all.push_back({.name = "correction",
                   .what = "the exchange corrects the price of a fill",
                   .setup = small_book,
                   .act = "correct entry price 149\nsync\n",
                   .again = "sync\n",
                   .expect = "expect position AAPL 100 @ 149\nexpect executions AAPL 2\nexpect no breaks\n"});
    all.push_back({.name = "bust",
                   .what = "a fill is taken back, and a statement says so",
                   .setup =
                       "account DU1\ninstrument AAPL STK USD\nstart interval=1h\nfill AAPL buy 100 @ 150 commission 1\n"
                       "fill AAPL buy 50 @ 190 commission 1 as WRONG\nexpect position AAPL 150\nwait 10h\nstatement 2026-11-23\n"
                       "wait 8h\ncancel WRONG\nwait 5m\nsync\nexpect break quantity\nwait 16h\n",
                   .act = "statement 2026-11-24\n",
                   .again = "statement 2026-11-24\n",
                   .expect = "expect position AAPL 100 @ 150 lots 1\nexpect no breaks\nexpect certified 2026-11-24\n"});
    all.push_back({.name = "flip",
                   .what = "one fill closes a long position and opens a short one",
                   .setup = small_book,
                   .act = "fill AAPL sell 150 @ 210 commission 1.50\nwait 10s\n",
                   .expect = "expect position AAPL -50 @ 210 commissions 0.5\nexpect close AAPL 100 at 210 realized 6000 full "
                             "yes\nexpect no breaks\n"});
    all.push_back({.name = "close-all",
                   .what = "a whole account is missing at the broker and believed after the wait",
                   .setup = instruments(6) + lines(6, "hold", "10 @ 20") +
                            "start\nfault vanish S1\nfault vanish S2\nfault vanish S3\nfault vanish S4\n"
                            "fault vanish S5\nsync\nexpect log guard.held\nwait 58m\n",
                   .act = "wait 12m\nsync\n",
                   .again = "wait 70m\nsync\n",
                   .expect = "expect open 1\nexpect close S3 10 realized unknown cause missing_at_broker\n"});
    all.push_back({.name = "late-commission",
                   .what = "a commission comes late and re-prices closes",
                   .setup = small_book + "fill AAPL sell 40 @ 151 as exit\nwait 10s\n",
                   .act = "commission exit 1.25\nwait 10s\nsync\n",
                   .again = "sync\n",
                   .expect = "expect close AAPL 40 realized 40 net 38.35\nexpect no breaks\n"});
    all.push_back({.name = "statement",
                   .what = "a day's statement is imported and the day certified",
                   .setup = "account DU1\ninstrument AAPL STK USD\ninstrument MSFT STK USD\nstart interval=1h\nfill AAPL buy 100 "
                            "@ 150 commission 1\n"
                            "fill AAPL sell 40 @ 155 commission 1\nfill MSFT buy 10 @ 400 commission 1\nwait 10h\n",
                   .act = "statement 2026-11-23\n",
                   .again = "statement 2026-11-23\n",
                   .expect = "expect certified 2026-11-23\nexpect no differences\nexpect position AAPL 60 @ 150 realized 200 net "
                             "198.6 lots 1\nexpect no breaks\n"});
    all.push_back({.name = "repair",
                   .what = "the operator excludes a fill and takes that back",
                   .setup = small_book + "fill AAPL buy 5 @ 150 commission 1 as odd\nwait 10s\n",
                   .act = "exclude odd\nundo odd\n",
                   .again = "undo odd maybe\n",
                   .expect = "expect position AAPL 105\n"});
    all.push_back({.name = "lease",
                   .what = "a gateway is claimed, renewed, taken over and released",
                   .setup = small_book,
                   .do_it =
                       [](Bench& bench) {
                           claim(bench, "a:1:1", std::chrono::seconds(0));
                           claim(bench, "a:1:1", std::chrono::seconds(10));
                           claim(bench, "b:2:2", std::chrono::seconds(60));
                           int gateway = 0;
                           std::int64_t epoch = 0;
                           for (auto const& [id, granted] : bench.witness.epochs)
                               std::tie(gateway, epoch) = std::pair(id, granted);
                           static_cast<void>(bench.world().store().release(gateway, epoch, bench.world().now().wall));
                       },
                   .check = [](Bench& bench) -> std::string {
                       store::GatewayClaim wanted;
                       wanted.gateway = "second";
                       wanted.owner = "c:3:3";
                       wanted.accounts = {"DU2", "DU3"};
                       wanted.paper = true;
                       wanted.now = bench.world().now().wall + std::chrono::minutes(10);
                       auto const lease = bench.world().store().claim(wanted);
                       if (!lease) return "after ten minutes the gateway cannot be claimed: " + lease.error().message;
                       return lease->accounts.size() == 2 ? "" : "accounts are missing";
                   }});
    all.push_back({.name = "operator-request",
                   .what = "a command asks the service for something, and is answered",
                   .setup = small_book,
                   .do_it =
                       [](Bench& bench) {
                           static_cast<void>(
                               store::submit_operator_request(Bench::path, request(bench, "sync"), bench.command()));
                           serve_requests(bench);
                       },
                   .check = [](Bench& bench) -> std::string {
                       auto const id = store::submit_operator_request(Bench::path, request(bench, "status"), bench.command());
                       if (!id) return id.error().message;
                       serve_requests(bench);
                       auto const answer = store::operator_answer(Bench::path, *id, bench.command());
                       if (!answer) return answer.error().message;
                       auto const left = bench.world().store().pending_requests("operator");
                       return left && left->empty() && answer->ok ? "" : "the request was not answered";
                   }});
    all.push_back({.name = "marks-burst",
                   .what = "fifty prices move",
                   .setup = instruments(50) + lines(50, "hold", "10 @ 20") + "start\n",
                   .act = lines(50, "price", "21.5") + "wait 10s\n",
                   .expect = "expect open 50\nexpect no breaks\n"});
    all.push_back(
        {.name = "retention",
         .what = "the service starts again and forgets 300 old runs",
         .setup = small_book,
         .act = "restart\nsync\n",
         .again = "wait 61m\nsync\n",
         .expect = "expect open 2\nexpect no breaks\n",
         .set_up = [](Bench& bench) {
             auto database = Database::open(Bench::path, {.mode = Database::Mode::read_write, .files = &bench.command()});
             CHECK(database.has_value());
             CHECK((*database)
                       ->execute(
                           "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
                           "INSERT INTO sync_run (gateway, account_id, account, \"trigger\", started_at, finished_at, outcome, "
                           "positions_created, positions_updated, positions_closed, broker_positions, repeats) "
                           "SELECT 'old', 1, 'DU1', 'scheduled', i, i, 'committed', 0, 0, 0, 1, 1 FROM n")
                       .has_value());
         }});
    all.push_back({.name = "checkpoint",
                   .what = "the service ends: the log is moved into the database and removed",
                   .setup = small_book,
                   .again = "restart\n",
                   .expect = "expect position AAPL 100 @ 150\nexpect no breaks\n",
                   .do_it = [](Bench& bench) { bench.world().crash(); }});
    all.push_back({.name = "reader-beside",
                   .what = "a command reads for long while the service commits",
                   .setup = small_book,
                   .expect = "expect position AAPL 120\nexpect no breaks\n",
                   .do_it = [](Bench& bench) {
                       auto reader = store::open_sqlite_for_reading(Bench::path, bench.command());
                       auto const begun =
                           reader && (*reader)->run("BEGIN") && (*reader)->integer("SELECT count(*) FROM execution");
                       static_cast<void>(bench.run("fill AAPL buy 10 @ 160 commission 1\nwait 10s\n"));
                       if (begun) static_cast<void>((*reader)->run("COMMIT"));
                       static_cast<void>(bench.run("fill AAPL buy 10 @ 160 commission 1\nwait 10s\n"));
                   }});
    for (int number = 1; number < static_cast<int>(store::sqlite::embedded_migrations().size()); ++number) {
        static std::string names[16];
        names[number] = fmt::format("migrate-from-{}", number);
        all.push_back({.name = names[number],
                       .what = "a database of an older schema is copied and brought to the newest",
                       .act = after_migration,
                       .again = "wait 1m\n",
                       .expect = "expect position AAPL 7 @ 150\nexpect no breaks\n",
                       .set_up = of_schema(number),
                       .check = [number](Bench& bench) -> std::string {
                           auto const backup = fmt::format("{}.backup-v{}", Bench::path, number);
                           if (!bench.disk.exists(backup)) return "the backup before the migration is gone";
                           auto const copy =
                               Database::open(backup, {.mode = Database::Mode::read_only, .files = &bench.command()});
                           if (!copy) return copy.error().message;
                           std::string wrong;
                           auto const read = (*copy)->each("PRAGMA integrity_check", [&](auto& row) { wrong = row.text(); });
                           if (!read || wrong != "ok") return "the backup is not whole: " + wrong;
                           auto const version = store::sqlite::schema_version(**copy);
                           return version && *version == number ? "" : "the backup is of another version";
                       }});
    }
    return all;
}

}  // namespace

std::span<Workload const> workloads() {
    static std::vector<Workload> const all = make();
    return all;
}

}  // namespace possync::crash

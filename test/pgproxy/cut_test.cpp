// Cuts the store's connection at every message boundary of its workloads, in both directions, and checks what is left: each change set
// is applied exactly once, what was acknowledged is there, what was said not to have happened did not and does not later.
//
// usage: cut_test URL [--long] [--only WORKLOAD] [--how reset|stall|late]     the short form takes about a minute
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "model/change_set.hpp"
#include "proxy.hpp"
#include "store/postgres/migrations.hpp"
#include "store/postgres/postgres_store.hpp"

namespace {

using namespace possync;
using namespace possync::model;
using pgproxy::Cut;
using pgproxy::Direction;
using pgproxy::How;
using pgproxy::Where;

constexpr base::Timestamp noon{1'795'435'200'000'000};
constexpr std::int64_t second = 1'000'000;

template <typename Value>
Value or_die(base::Result<Value> result, char const* what) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "cut_test: %s: %s\n", what, result.error().message.c_str());
    std::exit(1);
}

struct Problem {
    std::string text;
};
void expect(bool good, std::string const& what) {
    if (!good) throw Problem{what};
}

bool may_pass(base::Error const& error) {
    return error.code == base::ErrorCode::unavailable || error.code == base::ErrorCode::timeout || error.code == base::ErrorCode::conflict;
}

/// `n` positions, each opened by a fill, or, where the book has them, increased.
ChangeSet change_of(AccountBook const& book, int n) {
    ChangeSet out;
    out.account_id = book.account_id;
    out.base_revision = book.revision;
    out.next_id = book.next_id;
    out.recorded_at = {noon.microseconds + (book.revision + 1) * second};
    for (int i = 0; i < n; ++i) {
        ConId const con_id = 1000 + i;
        auto const known = book.instruments.find(con_id);
        bool const fresh = known == book.instruments.end();
        if (fresh) {
            Instrument instrument;
            instrument.con_id = con_id;
            instrument.symbol = fmt::format("S{}", i);
            instrument.sec_type = "STK";
            instrument.currency = "USD";
            out.instruments.push_back(instrument);
        }
        Execution fill;
        fill.exec_id = fmt::format("{}.{}.{}.01", book.account, book.revision, i);
        fill.con_id = con_id;
        fill.time = out.recorded_at;
        fill.shares = 10;
        fill.price = base::Decimal::parse("12.345").value();
        fill.booking = Booking::booked;
        fill.recorded_at = out.recorded_at;
        out.executions.push_back(fill);
        Position position;
        if (!fresh) position = known->second.positions.front();
        else position.position_id = row_id(book.account_id, out.next_id++);
        auto const before = position.quantity;
        position.con_id = con_id;
        position.quantity = before + 10;
        position.average_price = fill.price;
        if (fresh) position.opening_fact = position.chain_fact = std::string(execution_root(fill.exec_id));
        position.revision = out.base_revision + 1;
        out.positions.push_back(position);
        PositionEvent event;
        event.event_id = row_id(book.account_id, out.next_id++);
        event.position_id = position.position_id;
        event.con_id = con_id;
        event.kind = fresh ? EventKind::opened : EventKind::increased;
        event.cause = Cause::execution;
        event.quantity_before = before;
        event.quantity_after = position.quantity;
        event.occurred_at = fill.time;
        event.exec_id = fill.exec_id;
        out.events.push_back(event);
        HistoryRow version;
        version.position_id = position.position_id;
        version.valid_from = fill.time;
        version.quantity = position.quantity;
        out.history.push_back(version);
    }
    return out;
}

class Cutter {
public:
    explicit Cutter(std::string const& server) {
        schema_ = fmt::format("cut_{}", ::getpid());
        direct_ = or_die(store::postgres::parse_address(server + "?schema=" + schema_), "URL");
        auto const at = server.rfind('@');
        auto const colon = server.find(':', at);
        auto const slash = server.find('/', at);
        proxy_ = std::make_unique<pgproxy::Proxy>(server.substr(at + 1, colon - at - 1), std::atoi(server.substr(colon + 1).c_str()));
        through_ = or_die(store::postgres::parse_address(fmt::format("{}127.0.0.1:{}{}?sslmode=disable&gssencmode=disable&schema={}",
                                                                     server.substr(0, at + 1), proxy_->port(), server.substr(slash), schema_)),
                          "URL");
        direct_store_ = or_die(store::open_postgres_store(direct_, options(true)), "open");
        connection_ = or_die(store::postgres::Connection::open(direct_, {}), "connect");
    }
    ~Cutter() { (void)connection_->execute(fmt::format("DROP SCHEMA {} CASCADE", schema_)); }

    static store::PostgresOptions options(bool migrate) {
        store::PostgresOptions options;
        options.create = options.migrate = migrate;
        options.server_time = false;
        options.connection.connect_deadline = base::Duration(500'000);
        options.connection.deadline = base::Duration(400'000);
        options.doubt_patience = base::Duration(5 * second);
        return options;
    }

    /// A gateway and an account of its own for every run: what is left of one does not disturb the next.
    void first_sync() {
        auto store = fresh_store();
        auto const lease = claim(*store, "first", noon);
        AccountBook book = book_of(lease);
        apply_once(*store, lease, book, 3);
        check(book);
    }
    void one_row() {
        auto [lease, book] = prepared(1);
        auto store = fresh_store();
        apply_once(*store, lease, book, 1);
        check(book);
    }
    void rows_500() {
        auto [lease, book] = prepared(1);
        auto store = fresh_store();
        apply_once(*store, lease, book, 500);
        check(book);
    }
    void two_commits() {
        auto [lease, book] = prepared(1);
        auto store = fresh_store();
        apply_once(*store, lease, book, 2);
        apply_once(*store, lease, book, 1);
        check(book);
    }
    void takeover() {
        auto [old, book] = prepared(1);
        auto store = fresh_store();
        base::Timestamp const later{noon.microseconds + 3600 * second};
        auto const lease = claim(*store, "second", later);
        expect(lease.epoch == old.epoch + 1, fmt::format("the epoch went from {} to {}", old.epoch, lease.epoch));
        AccountBook mine = book;
        apply_once(*store, lease, mine, 1, later);
        // The one that was paused wakes up.
        auto const late = direct_store_->commit(request_of(old, change_of(book, 1), noon));
        expect(!late && late.error().code == base::ErrorCode::conflict, "the old owner could write");
        check(mine);
    }
    void request() {
        store::OperatorRequest asked;
        asked.verb = "sync";
        asked.arguments = fmt::format("{{\"run\":{}}}", run_);
        asked.author = "test";
        store::postgres::Session direct(direct_, {});
        auto const id = or_die(store::postgres::submit_operator_request(direct, asked), "submit");
        auto store = fresh_store();
        std::string said;
        for (int i = 0; i < 50 && said.empty(); ++i) {
            auto const done = store->finish_request(id, true, "answered", noon);
            if (done || done.error().code == base::ErrorCode::not_found) said = "done";
            else expect(may_pass(done.error()), "finish: " + done.error().message);
        }
        auto const answer = or_die(store::postgres::operator_answer(direct, id), "answer");
        expect(answer == store::OperatorAnswer{true, true, "answered"}, "the request was not answered");
    }
    void migration() {
        auto address = through_;
        address.schema = fmt::format("{}_m{}", schema_, run_);
        store::postgres::Session session(address, options(true).connection);
        base::Result<store::MigrationReport> done = base::fail(base::ErrorCode::internal, "");
        for (int i = 0; i < 50; ++i) {
            done = store::postgres::migrate(session, store::postgres::embedded_migrations());
            if (done) break;
            expect(may_pass(done.error()), "migrate: " + done.error().message);
        }
        expect(done.has_value(), "never migrated");
        auto own = direct_;
        own.schema = address.schema;
        auto const connection = or_die(store::postgres::Connection::open(own, {}), "connect");
        auto const views = connection->integer("SELECT count(*) FROM pg_catalog.pg_views WHERE schemaname = $1", address.schema);
        auto const expected = connection_->integer("SELECT count(*) FROM pg_catalog.pg_views WHERE schemaname = $1", schema_);
        auto const version = connection->integer("SELECT value FROM database_info WHERE key = 'possync_schema'");
        (void)connection->execute(fmt::format("DROP SCHEMA {} CASCADE", address.schema));
        expect(views == expected && version.has_value() && version->has_value(), "the schema is not whole");
    }

    /// Every boundary of both directions until the workload ends before the cut. `step` more than 1: only every so many.
    void sweep(std::string const& name, std::function<void()> const& workload, How how, int step) {
        auto const begun = std::chrono::steady_clock::now();
        int cuts = 0;
        for (auto const direction : {Direction::to_server, Direction::to_client}) {
            if (how == How::late && direction == Direction::to_client) continue;
            for (int message = cuts % step;; message += step) {
                bool fired = false;
                for (auto const where : {Where::before, Where::inside, Where::behind}) {
                    if (how == How::late && where == Where::behind) continue;
                    // Before a message is behind the one before it, but that the other side has sent it: the long form does both.
                    if (how == How::reset && where == Where::before && message > 0 && !all_three_) continue;
                    ++run_;
                    expect_run(name, workload, Cut{direction, message, where, how});
                    fired = proxy_->fired();
                    if (!fired) break;
                    ++cuts;
                }
                if (!fired) break;
            }
        }
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        total_ += cuts;
        std::printf("%-12s %-6s %5d cuts, %5.1f s\n", name.c_str(), word(how), cuts, seconds);
        std::fflush(stdout);
    }

    [[nodiscard]] int violations() const { return violations_; }
    [[nodiscard]] int total() const { return total_; }
    [[nodiscard]] std::map<std::string, int> const& outcomes() const { return outcomes_; }

    static char const* word(How how) { return how == How::reset ? "reset" : (how == How::stall ? "stall" : "late"); }

private:
    void expect_run(std::string const& name, std::function<void()> const& workload, Cut const& cut) {
        pending_ = cut;
        proxy_->arm(std::nullopt);
        armed_ = false;
        try {
            workload();
        } catch (Problem const& problem) {
            ++violations_;
            std::printf("VIOLATION %s, %s %s message %d %s: %s\n", name.c_str(), word(cut.how),
                        cut.where == Where::before ? "before" : (cut.where == Where::inside ? "inside" : "behind"), cut.message,
                        cut.direction == Direction::to_server ? "to the server" : "to the client", problem.text.c_str());
        }
        if (!armed_) proxy_->arm(std::nullopt);
    }

    /// Opened through the proxy with the cut armed: the first connection is part of the workload.
    std::unique_ptr<store::Store> fresh_store() {
        proxy_->arm(pending_);
        armed_ = true;
        for (int i = 0; i < 50; ++i) {
            auto store = store::open_postgres_store(through_, options(false));
            if (store) return std::move(*store);
            expect(may_pass(store.error()), "open: " + store.error().message);
        }
        throw Problem{"the store never opened"};
    }

    [[nodiscard]] store::GatewayClaim claim_of(std::string const& owner, base::Timestamp now) const {
        store::GatewayClaim claim;
        claim.gateway = fmt::format("g{}", run_);
        claim.owner = owner;
        claim.accounts = {fmt::format("A{}", run_)};
        claim.paper = true;
        claim.now = now;
        return claim;
    }
    store::GatewayLease claim(store::Store& store, std::string const& owner, base::Timestamp now) {
        for (int i = 0; i < 50; ++i) {
            auto lease = store.claim(claim_of(owner, now));
            if (lease) return std::move(*lease);
            expect(may_pass(lease.error()), "claim: " + lease.error().message);
        }
        throw Problem{"the gateway was never had"};
    }
    static AccountBook book_of(store::GatewayLease const& lease) {
        AccountBook book;
        book.account_id = lease.accounts.at(0).account_id;
        book.account = lease.accounts.at(0).account;
        return book;
    }
    std::pair<store::GatewayLease, AccountBook> prepared(int positions) {
        auto lease = or_die(direct_store_->claim(claim_of("first", noon)), "claim");
        AccountBook book = book_of(lease);
        ChangeSet const change = change_of(book, positions);
        auto const done = direct_store_->commit(request_of(lease, change, noon));
        if (!done) throw Problem{"preparing: " + done.error().message};
        apply(book, change);
        return {lease, book};
    }
    static store::CommitRequest request_of(store::GatewayLease const& lease, ChangeSet change, base::Timestamp now) {
        store::CommitRequest request;
        request.gateway_id = lease.gateway_id;
        request.epoch = lease.epoch;
        request.now = now;
        SyncRun run;
        run.gateway = "g";
        run.account_id = change.account_id;
        run.outcome = Outcome::committed;
        run.started_at = run.finished_at = now;
        request.runs = {run};
        request.change_sets = {share(std::move(change))};
        return request;
    }

    std::int64_t revision_of(AccountBook const& book) {
        return connection_->integer("SELECT revision FROM account WHERE account_id = $1", book.account_id).value().value_or(-1);
    }

    /// As the engine does: commit; after an error load, and plan again on what is there.
    void apply_once(store::Store& store, store::GatewayLease const& lease, AccountBook& book, int positions, base::Timestamp now = noon) {
        ChangeSet const change = change_of(book, positions);
        for (int i = 0; i < 50; ++i) {
            auto const done = store.commit(request_of(lease, change, now));
            auto const revision = revision_of(book);
            if (done) {
                ++outcomes_["committed"];
                expect(revision == change.base_revision + 1, "acknowledged, and not there");
                apply(book, change);
                return;
            }
            expect(may_pass(done.error()), "commit: " + done.error().message);
            bool const denied = done.error().message.find("did not happen") != std::string::npos;
            ++outcomes_[denied ? "told that it did not happen" : std::string(base::to_string(done.error().code))];
            if (denied) {
                if (pending_.how == How::late) ::usleep(80'000);
                expect(revision_of(book) == change.base_revision, "said not to have happened, and it did: " + done.error().message);
            }
            for (int j = 0; j < 50; ++j) {
                auto const loaded = store.load(book.account_id, noon, base::Duration(1000 * 3600 * second));
                if (!loaded) {
                    expect(may_pass(loaded.error()), "load: " + loaded.error().message);
                    continue;
                }
                if (loaded->revision == change.base_revision + 1) {
                    apply(book, change);
                    return;
                }
                expect(loaded->revision == change.base_revision, "a revision that nobody made");
                break;
            }
        }
        throw Problem{"never committed"};
    }

    void check(AccountBook const& book) {
        if (pending_.how == How::late) ::usleep(80'000);  // what comes late has come
        auto const loaded = direct_store_->load(book.account_id, noon, base::Duration(1000 * 3600 * second));
        expect(loaded.has_value(), "load at the end");
        expect(*loaded == book, "the book is not the one that was committed");
        auto const count = [&](std::string_view sql) { return connection_->integer(sql, book.account_id).value().value_or(-1); };
        expect(count("SELECT count(*) FROM outbox WHERE account_id = $1") == book.revision, "notifications are missing or too many");
        std::int64_t const fills = count("SELECT count(*) FROM execution WHERE account_id = $1");
        expect(count("SELECT count(*) FROM position_event WHERE event_id >= $1 * 4294967296 AND event_id < ($1 + 1) * 4294967296") == fills,
               "events are missing or too many");
        expect(count("SELECT count(*) FROM position_event e WHERE e.event_id >= $1 * 4294967296 AND e.event_id < ($1 + 1) * 4294967296 AND NOT "
                     "EXISTS (SELECT 1 FROM sync_run r WHERE r.sync_run_id = e.sync_run_id)") == 0,
               "an event names a sync that is not there");
        expect(count("SELECT count(*) FROM sync_run WHERE account_id = $1") == book.revision, "syncs are missing or too many");
    }

    std::string schema_;
    store::postgres::Address direct_;
    store::postgres::Address through_;
    std::unique_ptr<pgproxy::Proxy> proxy_;
    std::unique_ptr<store::Store> direct_store_;
    std::unique_ptr<store::postgres::Connection> connection_;
    Cut pending_;
    bool armed_ = false;
    int run_ = 0;
    int violations_ = 0;
    int total_ = 0;
    bool all_three_ = false;
    std::map<std::string, int> outcomes_;

public:
    void do_all_three() { all_three_ = true; }
    /// The migration opens its own connections.
    void arm_now() {
        proxy_->arm(pending_);
        armed_ = true;
    }
};

}  // namespace

int main(int count, char** words) {
    if (count < 2) {
        std::fprintf(stderr, "usage: cut_test URL [--long] [--only WORKLOAD] [--how reset|stall|late]\n");
        return 2;
    }
    std::string url = words[1];
    if (url.front() == '@') {  // a file that holds it
        std::FILE* const file = std::fopen(url.c_str() + 1, "r");
        char line[500] = "";
        if (file == nullptr || std::fgets(line, sizeof line, file) == nullptr) {
            std::fprintf(stderr, "cut_test: no server: %s\n", url.c_str() + 1);
            return 1;
        }
        std::fclose(file);
        url = line;
        while (!url.empty() && url.back() == '\n') url.pop_back();
    }
    bool longer = false;
    std::string only;
    std::string how;
    for (int i = 2; i < count; ++i) {
        if (std::string(words[i]) == "--long") longer = true;
        if (std::string(words[i]) == "--only" && i + 1 < count) only = words[++i];
        if (std::string(words[i]) == "--how" && i + 1 < count) how = words[++i];
    }
    Cutter cutter(url);
    if (longer) cutter.do_all_three();
    struct Sweep {
        std::string name;
        std::function<void()> workload;
        How how;
        int step;       ///< of the short form; 0: not in it
        int long_step;
    };
    std::vector<Sweep> const sweeps{
        {"one_row", [&] { cutter.one_row(); }, How::reset, 1, 1},
        {"first_sync", [&] { cutter.first_sync(); }, How::reset, 3, 1},
        {"one_row", [&] { cutter.one_row(); }, How::late, 0, 1},
        {"one_row", [&] { cutter.one_row(); }, How::stall, 0, 2},
        {"takeover", [&] { cutter.takeover(); }, How::reset, 17, 1},
        {"two_commits", [&] { cutter.two_commits(); }, How::reset, 0, 1},
        {"two_commits", [&] { cutter.two_commits(); }, How::late, 0, 1},
        {"rows_500", [&] { cutter.rows_500(); }, How::reset, 0, 1},
        {"rows_500", [&] { cutter.rows_500(); }, How::late, 0, 1},
        {"takeover", [&] { cutter.takeover(); }, How::late, 0, 1},
        {"request", [&] { cutter.request(); }, How::reset, 9, 1},
        {"migration", [&] { cutter.arm_now(); cutter.migration(); }, How::reset, 90, 1},
        {"migration", [&] { cutter.arm_now(); cutter.migration(); }, How::late, 0, 1},
    };
    for (auto const& sweep : sweeps) {
        int const step = longer ? sweep.long_step : sweep.step;
        if (step == 0 || (!only.empty() && only != sweep.name) || (!how.empty() && how != Cutter::word(sweep.how))) continue;
        cutter.sweep(sweep.name, sweep.workload, sweep.how, step);
    }
    std::printf("%d cuts, %d violations;", cutter.total(), cutter.violations());
    for (auto const& [outcome, times] : cutter.outcomes()) std::printf(" %s %d,", outcome.c_str(), times);
    std::printf("\n");
    if (cutter.total() == 0) std::printf("nothing was cut\n");
    return cutter.violations() == 0 && cutter.total() > 0 ? 0 : 1;
}

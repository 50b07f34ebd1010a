#include "cutter.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>

#include "store/postgres/migrations.hpp"
#include "store/postgres/postgres_outbox.hpp"
#include "store/postgres/postgres_reader.hpp"

namespace possync::pgproxy {

using namespace possync::model;  // NOLINT(google-build-using-namespace): a test speaks of little else
using base::Duration;
using base::Timestamp;

namespace {

constexpr Timestamp noon{1'795'435'200'000'000};
constexpr std::int64_t second = 1'000'000;
constexpr Duration everything{1000 * 3600 * second};
/// How long something is tried again before it counts as never coming back.
constexpr std::chrono::seconds patience{15};

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
    return error.code == base::ErrorCode::unavailable || error.code == base::ErrorCode::timeout ||
           error.code == base::ErrorCode::conflict;
}

/// The same call until it is answered; errors that a broken connection may give are passed over.
template <typename Call>
auto insist(char const* what, Call call) {
    for (auto const end = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < end;) {
        auto done = call();
        if (done) {
            if constexpr (std::is_void_v<typename decltype(done)::value_type>)
                return;
            else
                return std::move(*done);
        }
        expect(may_pass(done.error()), fmt::format("{}: {}", what, done.error().message));
    }
    throw Problem{fmt::format("{} did not work again within {} s", what, patience.count())};
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
        if (!fresh)
            position = known->second.positions.front();
        else
            position.position_id = row_id(book.account_id, out.next_id++);
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

AccountBook book_of(store::GatewayLease const& lease) {
    AccountBook book;
    book.account_id = lease.accounts.at(0).account_id;
    book.account = lease.accounts.at(0).account;
    return book;
}

store::CommitRequest request_of(store::GatewayLease const& lease, ChangeSet change, Timestamp now) {
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

StatementRecords statement_of(AccountId account) {
    StatementRecords records;
    records.account_id = account;
    records.imported_at = noon;
    StatementRecord statement;
    statement.from = statement.to = {2026, 11, 20};
    statement.query_name = "q";
    records.statements = {statement};
    CashTransaction interest;
    interest.transaction_id = "77";
    interest.type = "Broker Interest Received";
    interest.currency = "USD";
    interest.amount = base::Decimal::parse("12.5").value();
    interest.report_date = statement.to;
    records.cash = {interest};
    records.rates = {{statement.to, "EUR", base::Decimal::parse("1.1").value()}};
    return records;
}

}  // namespace

std::string_view to_string(How how) {
    switch (how) {
    case How::reset: return "reset";
    case How::stall: return "stall";
    case How::late: return "late";
    case How::late_end: return "late_end";
    case How::late_part: return "late_part";
    }
    return {};
}
std::string_view to_string(Where where) {
    return where == Where::before ? "before" : (where == Where::inside ? "inside" : "behind");
}
std::string_view to_string(Direction direction) { return direction == Direction::to_server ? "to_server" : "to_client"; }

std::vector<Cutter::Workload> const& Cutter::workloads() {
    static std::vector<Workload> const all{
        {"one_row", &Cutter::one_row},   {"first_sync", &Cutter::first_sync}, {"two_commits", &Cutter::two_commits},
        {"rows_500", &Cutter::rows_500}, {"statement", &Cutter::statement},   {"takeover", &Cutter::takeover},
        {"release", &Cutter::release},   {"heartbeat", &Cutter::heartbeat},   {"request", &Cutter::request},
        {"outbox", &Cutter::outbox},     {"reader", &Cutter::reader},         {"migration", &Cutter::migration},
    };
    return all;
}

Cutter::Cutter(std::string const& server, int number) {
    schema_ = fmt::format("cut_{}_{}", ::getpid(), number);
    direct_ = or_die(store::postgres::parse_address(server + "?schema=" + schema_), "URL");
    auto const at = server.rfind('@');
    auto const colon = server.find(':', at);
    auto const slash = server.find('/', at);
    proxy_ = std::make_unique<Proxy>(server.substr(at + 1, colon - at - 1), std::atoi(server.substr(colon + 1).c_str()));
    through_ = or_die(
        store::postgres::parse_address(fmt::format("{}127.0.0.1:{}{}?sslmode=disable&gssencmode=disable&schema={}",
                                                   server.substr(0, at + 1), proxy_->port(), server.substr(slash), schema_)),
        "URL");
    store::PostgresOptions options;
    options.server_time = false;
    direct_store_ = or_die(store::open_postgres_store(direct_, options), "open");
    connection_ = or_die(store::postgres::Connection::open(direct_, {}), "connect");
}

Cutter::~Cutter() { (void)connection_->execute(fmt::format("DROP SCHEMA {} CASCADE", schema_)); }

std::pair<int, int> Cutter::count(Workload const& workload) {
    pending_.reset();
    ++run_;
    try {
        (this->*workload.run)();
    } catch (Problem const& problem) {
        std::fprintf(stderr, "cut_test: %s, without a cut: %s\n", std::string(workload.name).c_str(), problem.text.c_str());
        std::exit(1);
    }
    return {proxy_->messages(Direction::to_server), proxy_->messages(Direction::to_client)};
}

Cutter::Outcome Cutter::run(Workload const& workload, Cut const& cut) {
    pending_ = cut;
    ++run_;
    Outcome outcome;
    try {
        (this->*workload.run)();
    } catch (Problem const& problem) {
        outcome.violation = problem.text;
    }
    outcome.fired = proxy_->fired();
    proxy_->arm(std::nullopt);
    return outcome;
}

// --- the work: a gateway and an account of its own for every run, so that what is left of one does not disturb the next

void Cutter::first_sync() {
    auto store = fresh_store();
    auto const lease = claim(*store, "first", noon);
    AccountBook book = book_of(lease);
    apply_once(*store, lease, book, 3, noon);
    check(book);
}

void Cutter::one_row() {
    auto [lease, book] = prepared(1);
    auto store = fresh_store();
    apply_once(*store, lease, book, 1, noon);
    check(book);
}

void Cutter::rows_500() {
    auto [lease, book] = prepared(1);
    auto store = fresh_store();
    apply_once(*store, lease, book, 500, noon);
    check(book);
}

void Cutter::two_commits() {
    auto [lease, book] = prepared(1);
    auto store = fresh_store();
    apply_once(*store, lease, book, 2, noon);
    apply_once(*store, lease, book, 1, noon);
    check(book);
}

void Cutter::statement() {
    auto [lease, book] = prepared(1);
    auto store = fresh_store();
    with_statement_ = true;
    try {
        apply_once(*store, lease, book, 1, noon);
    } catch (...) {
        with_statement_ = false;
        throw;
    }
    with_statement_ = false;
    check(book);
    for (auto const* const table : {"statement", "cash_transaction", "currency_rate"}) {
        expect(number(fmt::format("SELECT count(*) FROM {} WHERE account_id = $1", table), book.account_id) == 1,
               fmt::format("{} is missing or there twice", table));
    }
}

void Cutter::takeover() {
    auto [old, book] = prepared(1);
    auto store = fresh_store();
    Timestamp const later{noon.microseconds + 3600 * second};
    auto const lease = claim(*store, "second", later);
    expect(lease.epoch == old.epoch + 1, fmt::format("the epoch went from {} to {}", old.epoch, lease.epoch));
    AccountBook mine = book;
    apply_once(*store, lease, mine, 1, later);
    // The one that was paused wakes up.
    auto const late = direct_store_->commit(request_of(old, change_of(book, 1), noon));
    expect(!late && late.error().code == base::ErrorCode::conflict, "the old owner could write");
    check(mine);
}

/// Given back, and taken by another in the same moment.
void Cutter::release() {
    auto [lease, book] = prepared(1);
    auto store = fresh_store();
    insist("release", [&] { return store->release(lease.gateway_id, lease.epoch, noon); });
    let_the_late_arrive();
    auto const next = or_die(direct_store_->claim(claim_of("second", noon)), "claim what was given back");
    expect(next.epoch == lease.epoch + 1, fmt::format("the epoch went from {} to {}", lease.epoch, next.epoch));
    commit_directly(next, book, 1);
    let_the_late_arrive();
    check(book);
    expect(number("SELECT count(*) FROM gateway WHERE gateway_id = $1 AND owner = 'second'", lease.gateway_id) == 1,
           "what came late took the gateway from its new owner");
}

void Cutter::heartbeat() {
    auto store = fresh_store();
    store::Heartbeat beat;
    beat.owner = fmt::format("service{}", run_);
    beat.gateways = {fmt::format("g{}", run_), fmt::format("h{}", run_)};
    beat.now = noon;
    insist("beat", [&] { return store->beat(beat); });
    auto const fleet = insist("fleet", [&] { return store->fleet(noon); });
    bool found = false;
    for (auto const& service : fleet.services)
        found = found || (service.owner == beat.owner && service.gateways == beat.gateways);
    expect(found, "the service that beat is not in the fleet");
    beat.gateways.pop_back();
    insist("beat", [&] { return store->beat(beat); });
    let_the_late_arrive();
    // Heartbeats are not fenced: where the server cannot be told to end what was lost, an old one may arrive late, and the next one
    // puts that right.
    if (pending_ && pending_->how == How::late_end) insist("beat", [&] { return store->beat(beat); });
    expect(number_of("SELECT count(*) FROM service_gateway WHERE owner = $1", beat.owner) == 1,
           "the second beat was not the last");
    insist("leave", [&] { return store->leave(beat.owner); });
    let_the_late_arrive();
    if (pending_ && pending_->how == How::late_end) insist("leave", [&] { return store->leave(beat.owner); });
    expect(number_of("SELECT count(*) FROM service WHERE owner = $1", beat.owner) == 0, "the service that left is there");
    expect(number_of("SELECT count(*) FROM gateway WHERE name = $1", fmt::format("g{}", run_)) == 1,
           "a gateway is there twice or never");
}

void Cutter::request() {
    store::OperatorRequest asked;
    asked.verb = "sync";
    asked.arguments = fmt::format("{{\"run\":{}}}", run_);
    asked.author = "test";
    store::postgres::Session direct(direct_, {});
    auto const id = or_die(store::postgres::submit_operator_request(direct, asked), "submit");
    auto store = fresh_store();
    std::string const owner = "nobody";
    auto const pending = insist("pending", [&] { return store->pending_requests(owner); });
    expect(!pending.empty() && pending.back().request_id == id, "the request is not seen");
    insist("finish", [&]() -> base::Result<void> {
        auto const done = store->finish_request(id, true, "answered", noon);
        bool const by_an_attempt_before = !done && done.error().code == base::ErrorCode::not_found;
        return by_an_attempt_before ? base::Result<void>{} : done;
    });
    auto const answer = or_die(store::postgres::operator_answer(direct, id), "answer");
    expect(answer == store::OperatorAnswer{true, true, "answered"}, "the request was not answered");
}

/// A sink hears of three revisions, and acknowledges each.
void Cutter::outbox() {
    auto [lease, book] = prepared(1);
    arm();
    auto outbox = insist("open", [&] { return store::open_postgres_outbox(through_, through_options().connection); });
    std::string const sink = fmt::format("sink{}", run_);
    insist("add", [&] { return outbox->add_sink(sink, noon); });
    for (int i = 0; i < 3; ++i)
        commit_directly(lease, book, 1);
    std::vector<Revision> heard;
    for (int i = 0;; ++i) {
        expect(i < 10, "the sink never heard of all");
        auto const all_behind = insist("behind", [&] { return outbox->behind(sink, "first"); });
        auto const behind = std::find_if(all_behind.begin(), all_behind.end(),
                                         [&](auto const& each) { return each.account_id == book.account_id; });
        if (behind == all_behind.end()) break;
        expect(behind->revision == book.revision, "the account's revision is another");
        for (auto const& notification : insist("next", [&] { return outbox->next(*behind, 2); })) {
            expect(!notification.gap_from, "a notification is missing");
            auto const rows = insist("rows", [&] { return outbox->changed_rows(notification); });
            expect(rows.events.size() == 1 && rows.positions.size() == 1, "rows of a revision are missing");
            heard.push_back(notification.revision);
            insist("acknowledge", [&] { return outbox->acknowledge(sink, book.account_id, notification.revision, noon); });
            let_the_late_arrive();
            expect(number("SELECT max(revision) FROM sink_cursor WHERE account_id = $1", book.account_id) ==
                       notification.revision,
                   "acknowledged, and not remembered");
        }
    }
    expect(heard == std::vector<Revision>{2, 3, 4}, fmt::format("{} revisions were heard, or in another order", heard.size()));
    insist("prune", [&] { return outbox->prune(Timestamp{0}, Timestamp{0}); });
    check(book);
}

/// An answer is whole, or an error.
void Cutter::reader() {
    auto [lease, book] = prepared(3);
    arm();
    auto const reader = insist("open", [&] { return store::open_postgres_reader(through_, through_options().connection); });
    query::Filter filter;
    filter.account = book.account;
    (void)insist("state", [&] { return reader->committed_state(); });
    expect(insist("positions", [&] { return reader->positions(filter); }).size() == 3, "positions are missing");
    insist("snapshot", [&]() -> base::Result<void> {
        POSSYNC_TRY(auto const snapshot, query::ReadSnapshot::begin(*reader));
        POSSYNC_TRY(auto const executions, reader->executions(filter));
        POSSYNC_TRY(auto const events, reader->events(filter));
        expect(executions.size() == 3 && events.size() == 3, "rows of a snapshot are missing");
        return {};
    });
    bool known = false;
    for (auto const& gateway : insist("gateways", [&] { return reader->gateways(); }))
        known = known || gateway.gateway == fmt::format("g{}", run_);
    expect(known, "the gateway is missing");
}

/// Opens its own connections.
void Cutter::migration() {
    auto address = through_;
    address.schema = fmt::format("{}_m{}", schema_, run_);
    arm();
    auto options = through_options().connection;
    options.deadline = std::max(options.deadline, Duration(2 * second));
    store::postgres::Session session(address, options);
    insist("migrate", [&] { return store::postgres::migrate(session, store::postgres::embedded_migrations()); });
    let_the_late_arrive();
    auto own = direct_;
    own.schema = address.schema;
    auto const connection = or_die(store::postgres::Connection::open(own, {}), "connect");
    auto const views = connection->integer("SELECT count(*) FROM pg_catalog.pg_views WHERE schemaname = $1", address.schema);
    auto const expected = connection_->integer("SELECT count(*) FROM pg_catalog.pg_views WHERE schemaname = $1", schema_);
    auto const version = connection->integer("SELECT value FROM database_info WHERE key = 'possync_schema'");
    (void)connection->execute(fmt::format("DROP SCHEMA {} CASCADE", address.schema));
    expect(views == expected && version.has_value() && version->has_value(), "the schema is not whole");
}

// --- what they have in common

store::PostgresOptions Cutter::through_options() const {
    store::PostgresOptions options;
    options.create = options.migrate = false;
    options.server_time = false;
    // Only what stalls is waited for; a busy machine is no reason to break a connection.
    bool const stall = pending_ && pending_->how == How::stall;
    options.connection.connect_deadline = stall ? Duration(500'000) : Duration(10 * second);
    options.connection.deadline = stall ? Duration(400'000) : Duration(10 * second);
    // Where the server sees the end by itself, only the fence keeps out what comes late.
    options.connection.end_lost_processes = !pending_ || pending_->how != How::late_end;
    options.doubt_patience = Duration(5 * second);
    return options;
}

/// From here on what goes through the proxy is counted, and cut where it shall be.
void Cutter::arm() { proxy_->arm(pending_); }

std::unique_ptr<store::Store> Cutter::fresh_store() {
    arm();
    return insist("open", [&] { return store::open_postgres_store(through_, through_options()); });
}

store::GatewayClaim Cutter::claim_of(std::string const& owner, Timestamp now) const {
    store::GatewayClaim claim;
    claim.gateway = fmt::format("g{}", run_);
    claim.owner = owner;
    claim.accounts = {fmt::format("A{}", run_)};
    claim.paper = true;
    claim.now = now;
    return claim;
}

store::GatewayLease Cutter::claim(store::Store& store, std::string const& owner, Timestamp now) {
    return insist("claim", [&] { return store.claim(claim_of(owner, now)); });
}

void Cutter::commit_directly(store::GatewayLease const& lease, AccountBook& book, int positions) {
    ChangeSet const change = change_of(book, positions);
    auto const done = direct_store_->commit(request_of(lease, change, noon));
    if (!done) throw Problem{"a commit beside: " + done.error().message};
    apply(book, change);
}

std::pair<store::GatewayLease, AccountBook> Cutter::prepared(int positions) {
    auto lease = or_die(direct_store_->claim(claim_of("first", noon)), "claim");
    AccountBook book = book_of(lease);
    commit_directly(lease, book, positions);
    return {lease, book};
}

std::int64_t Cutter::number(std::string_view sql, std::int64_t parameter) {
    return connection_->integer(sql, parameter).value().value_or(-1);
}
std::int64_t Cutter::number_of(std::string_view sql, std::string const& parameter) {
    return connection_->integer(sql, parameter).value().value_or(-1);
}

void Cutter::let_the_late_arrive() const {
    bool const late = pending_ && pending_->how != How::reset && pending_->how != How::stall;
    if (late) std::this_thread::sleep_for(late_by + std::chrono::milliseconds(20));
}

/// As the engine does: commit; after an error load, and plan again on what is there.
void Cutter::apply_once(store::Store& store, store::GatewayLease const& lease, AccountBook& book, int positions, Timestamp now) {
    ChangeSet const change = change_of(book, positions);
    auto const revision = [&] { return number("SELECT revision FROM account WHERE account_id = $1", book.account_id); };
    for (auto const end = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < end;) {
        auto request = request_of(lease, change, now);
        if (with_statement_) request.statements = {statement_of(book.account_id)};
        auto const done = store.commit(request);
        if (done) {
            ++answers_["committed"];
            expect(revision() == change.base_revision + 1, "acknowledged, and not there");
            apply(book, change);
            return;
        }
        expect(may_pass(done.error()), "commit: " + done.error().message);
        bool const denied = done.error().message.find("did not happen") != std::string::npos;
        ++answers_[denied ? "told that it did not happen" : std::string(base::to_string(done.error().code))];
        if (denied) {
            let_the_late_arrive();
            expect(revision() == change.base_revision, "said not to have happened, and it did: " + done.error().message);
        }
        auto const loaded = insist("load", [&] { return store.load(book.account_id, noon, everything); });
        if (loaded.revision == change.base_revision + 1) {
            apply(book, change);
            return;
        }
        expect(loaded.revision == change.base_revision, "a revision that nobody made");
    }
    throw Problem{fmt::format("not committed within {} s", patience.count())};
}

void Cutter::check(AccountBook const& book) {
    let_the_late_arrive();
    auto const loaded = direct_store_->load(book.account_id, noon, everything);
    expect(loaded.has_value(), "load at the end");
    expect(*loaded == book, "the book is not the one that was committed");
    auto const count_of = [&](std::string_view sql) { return number(sql, book.account_id); };
    expect(count_of("SELECT count(*) FROM outbox WHERE account_id = $1") == book.revision,
           "notifications are missing or too many");
    std::int64_t const fills = count_of("SELECT count(*) FROM execution WHERE account_id = $1");
    expect(
        count_of("SELECT count(*) FROM position_event WHERE event_id >= $1 * 4294967296 AND event_id < ($1 + 1) * 4294967296") ==
            fills,
        "events are missing or too many");
    expect(count_of("SELECT count(*) FROM position_event e WHERE e.event_id >= $1 * 4294967296 AND e.event_id < ($1 + 1) * "
                    "4294967296 AND NOT "
                    "EXISTS (SELECT 1 FROM sync_run r WHERE r.sync_run_id = e.sync_run_id)") == 0,
           "an event names a sync that is not there");
    expect(count_of("SELECT count(*) FROM sync_run WHERE account_id = $1") == book.revision, "syncs are missing or too many");
}

}  // namespace possync::pgproxy

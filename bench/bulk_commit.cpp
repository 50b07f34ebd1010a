// What committing years of statements costs the database alone: change sets of 20,000 executions each, with the positions,
// closes, events and history of round trips, one transaction each. `raw_insert` on the file that it leaves gives the floor.
// The processor's time stands beside the wall clock, because it can be compared on a busy machine too.
// usage: bulk_commit TARGET.db [CHANGE_SETS]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include <sys/resource.h>

#include <fmt/format.h>

#include "store/sqlite/sqlite_store.hpp"

namespace {

using namespace possync;
using namespace possync::model;

constexpr int instruments = 500;
constexpr int round_trips = 10'000;
constexpr std::int64_t minute = 60'000'000;
constexpr base::Timestamp start{1'600'000'000'000'000};

template <typename Value>
Value or_die(base::Result<Value> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "bulk_commit: %s\n", result.error().message.c_str());
    std::exit(1);
}

/// Buys 100 and sells them a minute later, `round_trips` times over the instruments.
class History {
public:
    explicit History(AccountId account) : account_(account) {}

    ChangeSet next() {
        ChangeSet change_set;
        change_set.account_id = account_;
        change_set.base_revision = revision_++;
        change_set.recorded_at = {start.microseconds + 2'000'000 * minute};
        for (int i = 0; change_set.base_revision == 0 && i < instruments; ++i) {
            Instrument instrument;
            instrument.con_id = 265598 + i;
            instrument.symbol = fmt::format("SYM{}", i);
            instrument.sec_type = "STK";
            instrument.currency = "USD";
            change_set.instruments.push_back(instrument);
        }
        for (int i = 0; i < round_trips; ++i) add_round_trip(change_set);
        change_set.next_id = next_id_;
        return change_set;
    }

private:
    Execution fill(Side side, base::Decimal price) {
        Execution e;
        ++fills_;
        // The part before the first dot follows no order that anybody knows of.
        e.exec_id = fmt::format("{:08x}.{:08x}.{:02}.01", static_cast<std::uint64_t>(fills_) * 0x9e3779b97f4a7c15U >> 44U, 0x5f000000 + fills_ * 7, fills_ % 3 + 1);
        e.con_id = 265598 + trips_ % instruments;
        e.time = {start.microseconds + fills_ * minute};
        e.side = side;
        e.shares = 100;
        e.price = price;
        e.exchange = "NASDAQ";
        e.perm_id = 1'000'000 + fills_;
        e.cum_qty = 100;
        e.commission = base::Decimal::parse("1.0035").value();
        e.commission_currency = "USD";
        e.broker_realized_pnl = base::Decimal::parse("12.345678").value();
        e.booking = Booking::booked;
        e.trade_date = base::date_of_days(18'500 + fills_ / 1000);
        e.recorded_at = {start.microseconds + 2'000'000 * minute};
        return e;
    }

    void add_round_trip(ChangeSet& out) {
        Execution const buy = fill(Side::bought, base::Decimal::parse("150.25").value());
        Execution const sell = fill(Side::sold, base::Decimal::parse("151.5").value());
        out.executions.push_back(buy);
        out.executions.push_back(sell);
        Position p;
        p.position_id = row_id(account_, next_id_++);
        p.con_id = buy.con_id;
        p.average_price = buy.price;
        p.cost = 0;
        p.realized_pnl = 125;
        p.commissions = base::Decimal::parse("2.007").value();
        p.net_realized_pnl = base::Decimal::parse("122.993").value();
        p.opened_at = buy.time;
        p.closed_at = sell.time;
        p.opening_fact = std::string(execution_root(buy.exec_id));
        p.chain_fact = p.opening_fact;
        p.revision = out.base_revision + 1;
        out.positions.push_back(p);
        Close c;
        c.close_id = row_id(account_, next_id_++);
        c.position_id = p.position_id;
        c.con_id = p.con_id;
        c.quantity_closed = 100;
        c.entry_price = buy.price;
        c.exit_price = sell.price;
        c.realized_pnl = p.realized_pnl;
        c.realized_pnl_pct = base::Decimal::parse("0.8319").value();
        c.commissions = p.commissions;
        c.net_realized_pnl = p.net_realized_pnl;
        c.broker_realized_pnl = sell.broker_realized_pnl;
        c.closed_at = sell.time;
        c.trade_date = sell.trade_date;
        c.is_full_close = true;
        c.exec_id = sell.exec_id;
        c.closing_fact = std::string(execution_root(sell.exec_id));
        out.closes.push_back(c);
        for (auto const* fact : {&buy, &sell}) {
            bool const opens = fact == &buy;
            PositionEvent e;
            e.event_id = row_id(account_, next_id_++);
            e.position_id = p.position_id;
            e.con_id = p.con_id;
            e.kind = opens ? EventKind::opened : EventKind::closed;
            e.cause = Cause::execution;
            e.quantity_before = opens ? 0 : 100;
            e.quantity_after = opens ? 100 : 0;
            e.average_price_after = buy.price;
            e.occurred_at = fact->time;
            e.exec_id = fact->exec_id;
            out.events.push_back(e);
            HistoryRow h;
            h.position_id = p.position_id;
            h.valid_from = fact->time;
            if (opens) h.valid_to = sell.time;
            h.quantity = e.quantity_after;
            h.average_price = buy.price;
            h.realized_pnl = opens ? 0 : 125;
            h.commissions = p.commissions;
            out.history.push_back(h);
        }
        ++trips_;
    }

    AccountId account_;
    Revision revision_ = 0;
    std::int64_t next_id_ = 1;
    std::int64_t fills_ = 0;
    std::int64_t trips_ = 0;
};

}  // namespace

int main(int count, char** words) {
    if (count < 2) return 2;
    int const change_sets = count > 2 ? std::atoi(words[2]) : 1;
    auto const store = or_die(store::open_sqlite_store(words[1]));
    store::GatewayClaim claim;
    claim.gateway = "bench";
    claim.owner = "bench";
    claim.accounts = {"DU1"};
    claim.now = start;
    claim.lease = base::Duration(24 * 60 * minute);
    auto const lease = or_die(store->claim(claim));
    History history(lease.accounts[0].account_id);
    double seconds = 0;
    std::clock_t processor = 0;
    std::size_t rows = 0;
    for (int i = 0; i < change_sets; ++i) {
        ChangeSet change_set = history.next();
        rows += change_set.instruments.size() + change_set.executions.size() + change_set.positions.size() +
                change_set.closes.size() + change_set.events.size() + change_set.history.size();
        store::CommitRequest request;
        request.gateway_id = lease.gateway_id;
        request.epoch = lease.epoch;
        request.now = start;
        request.change_sets = {share(std::move(change_set))};
        auto const begun = std::chrono::steady_clock::now();
        std::clock_t const processor_begun = std::clock();
        auto const committed = store->commit(request);
        processor += std::clock() - processor_begun;
        seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        if (!committed) {
            std::fprintf(stderr, "bulk_commit: %s\n", committed.error().message.c_str());
            return 1;
        }
    }
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    double const processor_seconds = static_cast<double>(processor) / CLOCKS_PER_SEC;
    std::printf("%d executions, %zu rows, %.3f s, of the processor %.3f s (%.0f rows/s), %ld MiB\n", change_sets * 2 * round_trips,
                rows, seconds, processor_seconds, static_cast<double>(rows) / processor_seconds, usage.ru_maxrss / 1024);
    return 0;
}

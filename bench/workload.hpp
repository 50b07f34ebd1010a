// An invented account for benchmarks: what the broker lists, and fills that change it, as the values that the engine hands to
// the ledger. Of ten instruments seven are stocks, two options, one a future. Deterministic; the list goes through the engine's
// own assembler, because nothing else can make one.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ledger/plan.hpp"
#include "sync/assembler.hpp"

namespace possync::bench {

class UtcOnly final : public base::ZoneRules {
public:
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override { return base::from_utc_local(local); }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override { return base::utc_local(time); }
};
inline UtcOnly const utc_only;

template <typename Value>
Value or_die(base::Result<Value> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "benchmark: %s\n", result.error().message.c_str());
    std::exit(1);
}
inline void or_die(base::Result<void> const& result) {
    if (result) return;
    std::fprintf(stderr, "benchmark: %s\n", result.error().message.c_str());
    std::exit(1);
}
inline void must(bool holds, char const* what) {
    if (holds) return;
    std::fprintf(stderr, "benchmark: wrong answer: %s\n", what);
    std::exit(1);
}

inline ledger::Policy policy() {
    ledger::Policy policy;
    policy.fold.zones = &utc_only;
    return policy;
}

class Workload {
public:
    Workload(std::string account, int positions, model::ConId first_con_id = 265598) : account_(std::move(account)) {
        for (int i = 0; i < positions; ++i) {
            auto row = std::make_shared<model::BrokerPosition>();
            row->instrument = instrument(i, first_con_id + i);
            row->quantity = base::Decimal((i % 37 + 1) * 100 * (i % 11 == 0 ? -1 : 1));
            row->average_cost = base::Decimal::from_parts((1000 + i % 5000) * 1003, 4) * row->instrument->multiplier;
            rows_[row->instrument.con_id()] = std::move(row);
        }
    }

    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    [[nodiscard]] base::Timestamp now() const { return now_; }
    void pass(base::Duration duration) { now_ = now_ + duration; }

    /// What the broker shows, as one list.
    [[nodiscard]] model::Observation look() {
        sync::SnapshotAssembler assembler;
        assembler.begin(1, ++looks_);
        for (auto const& [unused, row] : rows_) assembler.add(account_, row);
        auto snapshots = assembler.complete(1, {account_});
        model::Observation observation;
        observation.observed_at = now_;
        observation.snapshot = std::move(snapshots->at(account_));
        observation.executions_complete = true;
        return observation;
    }

    /// So many fills, each in another instrument: of ten, one closes and one opens what was closed before, the others reduce, or
    /// increase where little is left.
    /// `pushed`: as single positions, else to be seen in the next look().
    [[nodiscard]] model::Observation trade(std::size_t fills, bool pushed) {
        pass(std::chrono::seconds(1));
        model::Observation observation;
        std::vector<model::BrokerRow> changed;
        for (std::size_t i = 0; i < fills; ++i) {
            std::shared_ptr<model::BrokerPosition> row;
            base::Decimal moved(500);
            if (i % 10 == 8 && !closed_.empty()) {
                row = std::make_shared<model::BrokerPosition>(*closed_.front());
                closed_.erase(closed_.begin());
            } else {
                auto at = rows_.lower_bound(next_);
                if (at == rows_.end()) at = rows_.begin();
                next_ = at->first + stride(fills);
                row = std::make_shared<model::BrokerPosition>(*at->second);
                base::Decimal const unit(row->quantity.is_negative() ? 100 : -100);
                bool const closes = i % 10 == 9 && rows_.size() > 1;
                moved = closes ? -row->quantity : row->quantity.abs() == base::Decimal(100) ? -unit : unit;
            }
            observation.executions.push_back(fill(*row, moved));
            observation.commissions.push_back(commission_of(observation.executions.back().execution));
            row->quantity = row->quantity + moved;
            changed.push_back(row);
            if (row->quantity.is_zero()) {
                rows_.erase(row->instrument.con_id());
                closed_.push_back(row);
            } else {
                rows_[row->instrument.con_id()] = row;
            }
        }
        if (pushed) {
            for (auto const& row : changed) observation.position_pushes.push_back(*row);
            observation.observed_at = now_;
            return observation;
        }
        auto seen = look();
        seen.executions = std::move(observation.executions);
        seen.commissions = std::move(observation.commissions);
        return seen;
    }

private:
    static model::Instrument instrument(int i, model::ConId con_id) {
        model::Instrument instrument;
        instrument.con_id = con_id;
        instrument.symbol = fmt::format("SYM{}", i);
        instrument.local_symbol = instrument.symbol;
        instrument.sec_type = "STK";
        instrument.currency = "USD";
        instrument.exchange = "NASDAQ";
        instrument.trading_class = "NMS";
        if (i % 10 == 7 || i % 10 == 8) {
            instrument.sec_type = "OPT";
            instrument.local_symbol = fmt::format("SYM{:<6}281215C{:08}", i, 100'000 + i);
            instrument.expiry = "20281215";
            instrument.strike = base::Decimal(100 + i % 200);
            instrument.right = i % 10 == 7 ? "C" : "P";
            instrument.multiplier = base::Decimal(100);
        } else if (i % 10 == 9) {
            instrument.sec_type = "FUT";
            instrument.expiry = "20281215";
            instrument.multiplier = base::Decimal(50);
        }
        return instrument;
    }

    model::ObservedExecution fill(model::BrokerPosition const& row, base::Decimal const& moved) {
        model::ObservedExecution observed;
        observed.instrument = row.instrument;
        model::Execution& e = observed.execution;
        ++fills_;
        e.exec_id = fmt::format("{:08x}.{:08x}.01.01", static_cast<std::uint64_t>(fills_) * 0x9e3779b97f4a7c15U >> 44U, 0x5f000000 + fills_);
        e.con_id = row.instrument.con_id();
        e.time = now_;
        e.time_text = "20261125 15:00:00 UTC";
        e.side = moved.is_positive() ? model::Side::bought : model::Side::sold;
        e.shares = moved.abs();
        e.price = base::Decimal::from_parts(10'000 + fills_ % 5000, 2);
        e.exchange = "ISLAND";
        e.perm_id = 900'000'000 + fills_;
        e.cum_qty = e.shares;
        e.last_liquidity = 1;
        return observed;
    }
    static model::CommissionReport commission_of(model::Execution const& e) {
        return {e.exec_id, e.con_id, base::Decimal::from_parts(10'035, 4), "USD", std::nullopt};
    }
    [[nodiscard]] model::ConId stride(std::size_t fills) const {
        return static_cast<model::ConId>(std::max<std::size_t>(1, rows_.size() / std::max<std::size_t>(1, fills)));
    }

    std::string account_;
    std::map<model::ConId, model::BrokerRow> rows_;
    base::Timestamp now_ = {1'795'618'800'000'000};  // 2026-11-25T15:00:00Z
    std::int64_t looks_ = 0;
    std::int64_t fills_ = 0;
    model::ConId next_ = 0;
    std::vector<model::BrokerRow> closed_;
};

}  // namespace possync::bench

// Shorthand for tests of the ledger: instruments, fills and observations in one line each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "ledger/plan.hpp"

namespace possync::model {

/// Tests of the pure ledger state what a complete snapshot holds; everywhere else only the assembler can.
struct SnapshotForTests {
    static CompleteSnapshot make(std::vector<BrokerPosition> const& rows, std::int64_t request, std::int64_t connection) {
        CompleteSnapshot snapshot;
        std::map<ConId, BrokerRow> sorted;
        for (auto const& row : rows) sorted[row.instrument.con_id()] = std::make_shared<BrokerPosition>(row);
        for (auto& [unused, row] : sorted) {
            snapshot.held_ += !row->quantity.is_zero();
            snapshot.rows_.push_back(std::move(row));
        }
        snapshot.request_number_ = request;
        snapshot.connection_number_ = connection;
        return snapshot;
    }
};

}  // namespace possync::model

namespace possync::ledger::testing {

/// Every zone is so many hours behind UTC, always; only "nowhere" is unknown.
class FixedZones final : public base::ZoneRules {
public:
    explicit FixedZones(int hours_behind) : behind_(hours_behind) {}
    base::Result<base::Timestamp> to_utc(std::string_view zone, base::LocalTime const& local) const override {
        if (zone == "nowhere") return base::fail(base::ErrorCode::not_found, "no such zone");
        return base::from_utc_local(local) + behind_;
    }
    base::Result<base::LocalTime> to_local(std::string_view zone, base::Timestamp time) const override {
        if (zone == "nowhere") return base::fail(base::ErrorCode::not_found, "no such zone");
        return base::utc_local(time - behind_);
    }

private:
    std::chrono::hours behind_;
};
inline FixedZones const utc_zones{0};
inline FixedZones const eastern_winter{5};

inline base::Decimal dec(std::string_view text) {
    auto value = base::Decimal::parse(text);
    CHECK(value.has_value());
    return *value;
}

inline base::Timestamp at(std::int64_t seconds) { return {1'795'000'000'000'000 + seconds * 1'000'000}; }

inline model::Instrument stock(model::ConId con_id = 265598, std::string symbol = "AAPL") {
    model::Instrument instrument;
    instrument.con_id = con_id;
    instrument.symbol = std::move(symbol);
    instrument.sec_type = "STK";
    instrument.currency = "USD";
    return instrument;
}

inline model::Execution fill(std::string exec_id, std::int64_t seconds, std::string_view quantity, std::string_view price,
                             std::string_view commission = "") {
    model::Execution execution;
    execution.exec_id = std::move(exec_id);
    execution.con_id = 265598;
    execution.time = at(seconds);
    auto const signed_quantity = dec(quantity);
    execution.side = signed_quantity.is_negative() ? model::Side::sold : model::Side::bought;
    execution.shares = signed_quantity.abs();
    execution.price = dec(price);
    if (!commission.empty()) {
        execution.commission = dec(commission);
        execution.commission_currency = "USD";
    }
    execution.booking = model::Booking::booked;
    return execution;
}

/// Fills "100@150", "-60@160 1.50" (with commission), one second apart, named f1.01, f2.01, ...
inline std::vector<model::Execution> fills(std::vector<std::string> const& texts) {
    std::vector<model::Execution> result;
    for (auto const& text : texts) {
        auto const sign = text.find('@');
        auto const blank = text.find(' ');
        auto const number = static_cast<std::int64_t>(result.size() + 1);
        result.push_back(fill("f" + std::to_string(number) + ".01", number, text.substr(0, sign),
                              text.substr(sign + 1, blank == std::string::npos ? blank : blank - sign - 1),
                              blank == std::string::npos ? "" : text.substr(blank + 1)));
    }
    return result;
}

inline model::BrokerPosition holding(model::Instrument const& instrument, std::string_view quantity,
                                     std::string_view average_cost = "") {
    model::BrokerPosition row;
    row.instrument = instrument;
    row.quantity = dec(quantity);
    if (!average_cost.empty()) row.average_cost = dec(average_cost);
    return row;
}

/// A book that lives through observations, one after the other, as the engine would drive it.
class Account {
public:
    Account() {
        book.account_id = 1;
        book.account = "DU1";
    }

    model::Observation look(std::int64_t seconds, std::vector<model::BrokerPosition> const& rows,
                            std::vector<model::Execution> const& executions = {}, std::int64_t connection = 1) {
        model::Observation observation = events(seconds, executions);
        observation.snapshot = model::SnapshotForTests::make(rows, ++requests_, connection);
        observation.executions_complete = true;
        return observation;
    }

    static model::Observation events(std::int64_t seconds, std::vector<model::Execution> const& executions,
                                     std::vector<model::BrokerPosition> const& pushes = {}) {
        model::Observation observation;
        observation.observed_at = at(seconds);
        observation.position_pushes = pushes;
        for (auto execution : executions) {
            execution.booking = model::Booking::pending;
            auto instrument = stock();
            instrument.con_id = execution.con_id;
            observation.executions.push_back({execution, instrument});
        }
        return observation;
    }

    /// Plans and commits; the plan is kept in `last`.
    Plan const& take(model::Observation const& observation) {
        auto planned = plan(book, observation, policy);
        CHECK(planned.has_value());
        last = std::move(*planned);
        if (last.commits()) model::apply(book, last.change_set);
        return last;
    }

    [[nodiscard]] model::InstrumentBook const& instrument(model::ConId con_id = 265598) const {
        auto const found = book.instruments.find(con_id);
        CHECK(found != book.instruments.end());
        return found->second;
    }
    [[nodiscard]] model::Position const& position(model::ConId con_id = 265598) const {
        CHECK(!instrument(con_id).positions.empty());
        return instrument(con_id).positions.back();
    }

    model::AccountBook book;
    Policy policy;
    Plan last;

private:
    std::int64_t requests_ = 0;
};

}  // namespace possync::ledger::testing

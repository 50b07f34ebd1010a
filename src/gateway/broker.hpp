// Broker: the truth that the simulated gateway serves: accounts, instruments, what is held at what cost, every fill.
// Costs are kept as the real broker states them: average cost per unit contains multiplier and commissions.
// Pure; numbers are exact.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/decimal.hpp"
#include "base/time.hpp"

namespace possync::gateway {

using ConId = std::int64_t;

struct SimulatedInstrument {
    ConId con_id = 0;
    std::string symbol;
    std::string sec_type = "STK";
    std::string currency = "USD";
    std::string exchange = "SMART";
    std::string primary_exchange = "NASDAQ";
    std::string local_symbol;
    std::string trading_class;
    std::string expiry;
    std::optional<base::Decimal> strike;
    std::string right;
    base::Decimal multiplier = 1;
    std::int64_t price_magnifier = 1;  ///< 100: quoted in hundredths of the currency
    ConId under_con_id = 0;
    std::string under_sec_type;
    base::Decimal price;                          ///< last, in the quoted unit
    std::optional<base::Decimal> previous_close;  ///< what the day's P&L counts from; unset: the first price known
    std::string time_zone = "US/Eastern";         ///< of its exchange

    /// What one unit of quantity is worth per quoted unit of price.
    [[nodiscard]] base::Decimal factor() const {
        return base::multiply_divide_rounded(multiplier, 1, base::Decimal(price_magnifier), 10);
    }
};

/// What is left of an opening fill; positive.
struct HeldLot {
    std::string exec_id;  ///< empty: held before the day, or adjusted
    base::Decimal quantity;
    base::Decimal cost;
    bool operator==(HeldLot const&) const = default;
};

struct Holding {
    base::Decimal quantity;              ///< signed
    base::Decimal cost;                  ///< of what is held, commissions contained; positive
    std::vector<HeldLot> lots = {};      ///< oldest first: the broker realizes first in, first out
    base::Decimal last_commission = {};  ///< part of `cost` that the last fill's commission is
    std::optional<base::Timestamp> closed_at = {};
    bool operator==(Holding const&) const = default;
    [[nodiscard]] base::Decimal average_cost() const {
        if (quantity.is_zero()) return {};
        return base::divide_rounded(cost, quantity.abs(), 8);
    }
    /// As it is told before the last fill's commission is known.
    [[nodiscard]] base::Decimal average_cost_before_commission() const {
        if (quantity.is_zero()) return {};
        return base::divide_rounded(cost - last_commission, quantity.abs(), 8);
    }
};

struct Fill {
    std::string exec_id;
    std::string account;
    ConId con_id = 0;
    base::Timestamp time;
    base::Decimal quantity;  ///< signed
    base::Decimal price;
    std::optional<base::Decimal> commission;    ///< unset: not reported yet
    std::optional<base::Decimal> realized_pnl;  ///< of closing fills
    std::int64_t perm_id = 0;
    std::int64_t client_id = 0;
    std::int64_t order_id = 0;
    std::string order_ref;
    std::string model_code;
    std::optional<std::int64_t> exercise_type;  ///< 1 exercise, 2 lapse, 100 assigned, 101 exercised by clearing, 102 expired
    bool moves_position = true;                 ///< false: a combination's own row, an adviser's master order
    bool superseded = false;                    ///< by a correction
};

/// What few fills have.
struct FillDetails {
    std::string model_code;
    std::optional<std::int64_t> exercise_type;
    bool leg = false;  ///< of a combination: its execution id has five parts
};

class Broker {
public:
    void add_account(std::string account) {
        holdings_[std::move(account)];
        ++changes_;
    }
    /// The login sees it no longer: neither listed nor served.
    void remove_account(std::string const& account) {
        holdings_.erase(account);
        ++changes_;
    }
    void add_instrument(SimulatedInstrument instrument);
    /// Held before the day begins; average_cost as the broker states it.
    void hold(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal average_cost);

    /// Books a fill; returns it with its execution id. Precondition: account and instrument exist.
    Fill const& fill(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal price,
                     std::optional<base::Decimal> commission, base::Timestamp time, std::int64_t client_id, std::string order_ref,
                     FillDetails const& details = {});
    /// A row among the executions that moves no position; an execution id is given to it.
    Fill const& row(Fill row);
    /// What a model of an account holds; part of what the account holds.
    void hold_in_model(std::string const& account, std::string const& model_code, ConId con_id, base::Decimal quantity,
                       base::Decimal average_cost);
    /// A correction of an earlier fill: the same root, the next number. The holding follows.
    Fill const* correct(std::string const& exec_id, base::Decimal price);
    /// The commission of a fill that was made without one. Null: no such fill.
    /// `realized`: what the broker claims instead of what it should.
    Fill const* report_commission(std::string const& exec_id, base::Decimal commission,
                                  std::optional<base::Decimal> realized = {});
    /// The broker no longer shows the holding at all, not even with quantity 0.
    void forget(std::string const& account, ConId con_id) {
        holdings_[account].erase(con_id);
        ++changes_;
    }
    /// A change of quantity without a fill (transfer, assignment, somebody's mistake).
    void adjust(std::string const& account, ConId con_id, base::Decimal quantity, base::Decimal average_cost);
    void set_price(ConId con_id, base::Decimal price);

    [[nodiscard]] std::map<std::string, std::map<ConId, Holding>> const& holdings() const { return holdings_; }
    [[nodiscard]] std::map<ConId, SimulatedInstrument> const& instruments() const { return instruments_; }
    [[nodiscard]] std::vector<Fill> const& fills() const { return fills_; }
    /// By (account, model code).
    [[nodiscard]] std::map<std::pair<std::string, std::string>, std::map<ConId, Holding>> const& models() const {
        return models_;
    }
    [[nodiscard]] SimulatedInstrument const* find(std::string_view local_symbol) const;
    [[nodiscard]] std::string account_list() const;
    /// Counts changes of instruments and holdings: equal numbers, equal lists.
    [[nodiscard]] std::int64_t changes() const { return changes_; }

private:
    std::map<std::string, std::map<ConId, Holding>> holdings_;  ///< closed ones stay, with quantity 0
    std::map<ConId, SimulatedInstrument> instruments_;
    std::map<std::pair<std::string, std::string>, std::map<ConId, Holding>> models_;
    std::vector<Fill> fills_;
    std::int64_t next_fill_ = 1;
    std::int64_t changes_ = 0;
};

}  // namespace possync::gateway
